//! Device nodes, and whether this process may open them.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use super::report::DeviceNode;

/// What hardware of all families is reached by.
pub const PATTERNS: [&str; 4] = ["/dev/dri/renderD*", "/dev/nvidia*", "/dev/video*", "/dev/media*"];

/// The nodes that a pattern of the shell's names.
pub fn matching(pattern: &str) -> Vec<PathBuf> {
    // `/dev/nvidia-caps` is a folder.
    let is_node = |path: &PathBuf| path.metadata().is_ok_and(|node| !node.is_dir());
    glob::glob(pattern).map(|paths| paths.flatten().filter(is_node).collect()).unwrap_or_default()
}

pub fn all() -> Vec<DeviceNode> {
    PATTERNS.iter().flat_map(|pattern| matching(pattern)).map(|path| node(&path)).collect()
}

pub fn node(path: &Path) -> DeviceNode {
    let shown = path.display().to_string();
    let Err(error) = rustix::fs::access(path, Access::READ_OK | Access::WRITE_OK) else {
        return DeviceNode { path: shown, usable: true, reason: None, remedy: None };
    };
    let group = path.metadata().ok().and_then(|node| name_of("/etc/group", node.gid()));
    let user = name_of("/etc/passwd", rustix::process::geteuid().as_raw());
    let remedy = match (error, group, user) {
        (rustix::io::Errno::ACCESS, Some(group), Some(user)) => {
            format!("as root: `usermod -aG {group} {user}`; then start Millrace again")
        }
        (rustix::io::Errno::ACCESS, ..) => "let the user that runs Millrace read and write it".to_owned(),
        _ => "the driver does not answer: load it again, or start the machine again".to_owned(),
    };
    let error = std::io::Error::from(error);
    DeviceNode { path: shown, usable: false, reason: Some(error.to_string()), remedy: Some(remedy) }
}

/// What keeps a profile from its devices, and what to do about it; `None` where one of them can be used, or none is needed.
pub fn missing(patterns: &[String]) -> Option<(String, Option<String>)> {
    let nodes: Vec<DeviceNode> =
        patterns.iter().flat_map(|pattern| matching(pattern)).map(|path| node(&path)).collect();
    if patterns.is_empty() || nodes.iter().any(|node| node.usable) {
        return None;
    }
    Some(match nodes.into_iter().next() {
        Some(node) => {
            (format!("{} may not be used: {}", node.path, node.reason.unwrap_or_default()), node.remedy)
        }
        None => (format!("this machine has no {}", patterns.join(" or ")), None),
    })
}

/// The name with this number in a file of `name:x:number:…` lines.
fn name_of(file: &str, number: u32) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.split(':').nth(2) == Some(&number.to_string()))?;
    Some(line.split(':').next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_found_by_the_patterns_of_a_shell() {
        assert_eq!(matching("/dev/nul[k-m]"), [PathBuf::from("/dev/null")]);
        assert!(matching("/dev/null/*").is_empty() && matching("/dev/[").is_empty());
        assert!(matching("/dev").is_empty());
    }

    #[test]
    fn a_profile_needs_one_of_its_devices() {
        let told = |patterns: &[&str]| {
            missing(&patterns.iter().map(|&pattern| pattern.to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(told(&[]), None);
        assert_eq!(told(&["/dev/no-such-card*", "/dev/null"]), None);
        let (reason, _) = told(&["/dev/no-such-card*"]).expect("a reason");
        assert_eq!(reason, "this machine has no /dev/no-such-card*");
    }

    #[test]
    fn a_node_that_may_not_be_used_is_told_with_its_group() {
        let folder = tempfile::tempdir().expect("a folder");
        let gone = node(&folder.path().join("gone"));
        assert!(!gone.usable && gone.remedy.is_some(), "{gone:?}");
        assert_eq!(name_of("/etc/group", 0).as_deref(), Some("root"));
    }
}
