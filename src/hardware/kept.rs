//! What was found, remembered over restarts: trials take some seconds, and a viewer may be there at once.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::examination::Examined;
use super::report::Report;
use crate::pipeline::Resolved;

/// To be raised when what is tried changes, or what is told of it.
const FORMAT: u32 = 1;
const FILE: &str = "hardware.json";

#[derive(Serialize, Deserialize)]
struct Kept {
    key: String,
    report: Report,
    working: Vec<Resolved>,
}

/// What the answer depends on: this program, the machine, the profiles.
pub fn key(surroundings: &str, profiles: &str) -> String {
    format!("{FORMAT} {} {surroundings} {profiles}", env!("CARGO_PKG_VERSION"))
}

fn path(cache: &Path) -> PathBuf {
    cache.join(FILE)
}

/// What was found under the same circumstances, if it was. What cannot be read was never found.
pub fn load(cache: &Path, key: &str) -> Option<Examined> {
    let kept: Kept = serde_json::from_slice(&std::fs::read(path(cache)).ok()?).ok()?;
    let Kept { report, working, .. } = Some(kept).filter(|kept| kept.key == key)?;
    Some(Examined { report, working, sure: true })
}

pub fn store(cache: &Path, key: &str, examined: &Examined) -> std::io::Result<()> {
    let Examined { report, working, .. } = examined.clone();
    let text = serde_json::to_vec(&Kept { key: key.to_owned(), report, working })?;
    let beside = path(cache).with_extension("new");
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, path(cache))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_known_again_as_long_as_nothing_changes() {
        let folder = tempfile::tempdir().expect("a folder");
        let found = Examined { sure: true, ..Examined::default() };
        let known = |key: &str| load(folder.path(), key).is_some();
        assert!(!known("a"));
        store(folder.path(), "a", &found).expect("stored");
        assert!(known("a") && !known("b"));
        std::fs::write(path(folder.path()), "{").expect("written");
        assert!(!known("a"));
    }
}
