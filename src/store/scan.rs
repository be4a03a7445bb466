//! What an earlier service left on the disk, found by a walk over the folders when the store opens. Sizes and times
//! only: whether a file is whole is seen when it is read, for reading all of them would take minutes.

use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::key::{StoreKey, segment_of};
use super::seal::SEAL_BYTES;
use crate::base::ids::FileId;

/// The end of a name that a file has while it is written.
pub const UNFINISHED: &str = ".new";
/// The end of a name that a folder has while it is removed.
pub const GONE: &str = ".gone";

pub struct Found {
    pub key: StoreKey,
    pub bytes: u64,
    modified: Option<SystemTime>,
}

/// Everything stored below `root`, the oldest first. What was cut off while being written or removed is swept up,
/// and so are empty files and folders. Blocks.
pub fn scan(root: &Path) -> Vec<Found> {
    let mut found = Vec::new();
    for folder in entries(root) {
        let name = folder.file_name();
        let Some(name) = name.to_str() else { continue };
        if name.ends_with(GONE) {
            let _removed = fs::remove_dir_all(folder.path());
        } else if name.ends_with(UNFINISHED) {
            let _removed = fs::remove_file(folder.path());
        } else if let Ok(file) = name.parse() {
            for rendition in entries(&folder.path()) {
                scan_rendition(file, &rendition, &mut found);
            }
            let _removed_if_empty = fs::remove_dir(folder.path());
        }
    }
    found.sort_by_key(|found| found.modified);
    found
}

fn scan_rendition(file: FileId, folder: &DirEntry, found: &mut Vec<Found>) {
    let Some(rendition) = folder.file_name().to_str().map(Arc::<str>::from) else { return };
    let before = found.len();
    for entry in entries(&folder.path()) {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let Some(segment) = segment_of(name) else { continue };
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.len() <= SEAL_BYTES {
            // A power cut came before its data.
            let _removed = fs::remove_file(entry.path());
            continue;
        }
        let key = StoreKey { file, rendition: rendition.clone(), segment };
        found.push(Found { key, bytes: metadata.len(), modified: metadata.modified().ok() });
    }
    if found.len() == before {
        let _removed_if_empty = fs::remove_dir(folder.path());
    }
}

/// What is in a folder; nothing where there is none.
fn entries(folder: &Path) -> impl Iterator<Item = DirEntry> {
    let listed = fs::read_dir(folder).inspect_err(|error| {
        if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) {
            tracing::warn!(folder = %folder.display(), %error, "stored segments cannot be listed");
        }
    });
    listed.into_iter().flatten().flatten()
}
