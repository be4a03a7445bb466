//! What a stored piece is called, in memory and on the disk: `<file id>/<rendition id>/<n>.m4s` and `init.mp4`.
//! Sheets of images are pieces like segments. A rendition's id carries its version, so nothing stored is ever stale: what
//! is superseded is simply no longer asked for, and ages out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::ids::FileId;

/// One stored piece: a segment, or the init (`None`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreKey {
    pub file: FileId,
    pub rendition: Arc<str>,
    pub segment: Option<u32>,
}

impl StoreKey {
    /// The init segment of the same rendition.
    pub fn init(&self) -> Self {
        Self { segment: None, ..self.clone() }
    }

    pub(super) fn folder(&self, root: &Path) -> PathBuf {
        root.join(self.file.to_string()).join(&*self.rendition)
    }

    pub(super) fn path(&self, root: &Path) -> PathBuf {
        let name = self.segment.map_or_else(|| INIT.to_owned(), |segment| format!("{segment}.m4s"));
        self.folder(root).join(name)
    }
}

const INIT: &str = "init.mp4";

/// The segment that a file of this name holds; the outer `None` for a name of another kind.
#[expect(clippy::option_option, reason = "the inner None is the init segment, as in `StoreKey`")]
pub(super) fn segment_of(name: &str) -> Option<Option<u32>> {
    if name == INIT {
        return Some(None);
    }
    let number: u32 = name.strip_suffix(".m4s")?.parse().ok()?;
    Some(Some(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_as_it_was_written() {
        let init = StoreKey { file: FileId::random(), rendition: "v720-0123456789ab".into(), segment: None };
        for segment in [None, Some(0), Some(7), Some(u32::MAX)] {
            let path = StoreKey { segment, ..init.clone() }.path(Path::new("/store"));
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
            assert_eq!(segment_of(name), Some(segment));
        }
        for name in ["", "7", "init.m4s", "7.m4s.new", "7.0.new", "-1.m4s", "7.mp4"] {
            assert_eq!(segment_of(name), None, "{name}");
        }
    }
}
