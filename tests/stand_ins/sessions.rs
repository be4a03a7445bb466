//! Sessions of encoders, of which hardware has only so many for all processes: each holds a lock on a file, which the
//! kernel takes back from a process that dies. A lock needs no right to write the file.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::orders::SESSIONS;

#[derive(Debug, Default)]
pub struct Session {
    /// None where nobody counts them.
    _locked: Option<File>,
}

impl Session {
    /// `None` where all are taken.
    pub fn open(folder: &Path) -> Option<Self> {
        let Ok(files) = std::fs::read_dir(folder.join(SESSIONS)) else {
            return Some(Self::default());
        };
        let mut files = files.flatten().filter_map(|file| File::open(file.path()).ok());
        let free = |file: &File| flock(file, FlockOperation::NonBlockingLockExclusive).is_ok();
        files.find(free).map(|file| Self { _locked: Some(file) })
    }
}
