//! The folder of a library: is it there, and is it still the same one?

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Changes when something else is mounted there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RootIdentity {
    device: u64,
    inode: u64,
}

/// The folder at `root`, or why the library is offline, in words for the one who has to mend it.
pub(super) fn identify(root: &Path) -> Result<RootIdentity, String> {
    let metadata = fs::metadata(root).map_err(|error| reason(root, &error))?;
    if !metadata.is_dir() {
        return Err(format!("{} is not a folder", root.display()));
    }
    Ok(RootIdentity { device: metadata.dev(), inode: metadata.ino() })
}

/// A mount point without its mount is an empty folder.
pub(super) fn is_empty(root: &Path) -> io::Result<bool> {
    Ok(fs::read_dir(root)?.next().transpose()?.is_none())
}

pub(super) fn reason(root: &Path, error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound {
        format!("the folder {} is not there", root.display())
    } else {
        format!("the folder {} cannot be read: {error}", root.display())
    }
}

pub(super) fn emptied(root: &Path) -> String {
    format!("the folder {} held films and shows none; is it mounted?", root.display())
}
