//! The store on a local disk.
//!
//! Layout: `<root>/<file id>/<rendition id>/<n>.m4s` and `init.mp4`. A rendition's id carries its version, so
//! nothing here is ever stale: what is superseded is simply no longer asked for, and ages out.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::boxes;
use crate::base::ids::FileId;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the segment store {path} cannot be used: {source}")]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("writing {path}: {source}")]
    Write { path: PathBuf, source: std::io::Error },
    /// Less than `min_free` would be left: the segment is served, but not kept.
    #[error("the disk below {path} is full")]
    Full { path: PathBuf },
}

/// One stored piece: a segment, or the init (`None`).
/// In this order, what belongs together is a range.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoreKey {
    pub file: FileId,
    pub rendition: Arc<str>,
    pub segment: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// All stored bytes together.
    pub size: u64,
    /// What has to stay free on the disk.
    pub min_free: u64,
}

/// What is stored, and how much may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStatus {
    pub bytes: u64,
    /// Bytes that may be stored.
    pub limit: u64,
    /// Segments and init segments.
    pub pieces: usize,
}

#[derive(Debug)]
pub struct SegmentStore {
    root: PathBuf,
    limits: Limits,
    index: Mutex<Index>,
    writes: AtomicU64,
}

#[derive(Debug, Default)]
struct Index {
    entries: BTreeMap<StoreKey, Entry>,
    /// Least recently used first: use counter → key.
    order: BTreeMap<u64, StoreKey>,
    uses: u64,
    bytes: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    bytes: u64,
    used: u64,
}

impl Index {
    fn touch(&mut self, key: &StoreKey) -> bool {
        self.uses += 1;
        let uses = self.uses;
        let Some(entry) = self.entries.get_mut(key) else {
            return false;
        };
        self.order.remove(&entry.used);
        entry.used = uses;
        self.order.insert(uses, key.clone());
        true
    }

    fn insert(&mut self, key: StoreKey, bytes: u64) {
        self.remove(&key);
        self.uses += 1;
        self.order.insert(self.uses, key.clone());
        self.entries.insert(key, Entry { bytes, used: self.uses });
        self.bytes += bytes;
    }

    fn remove(&mut self, key: &StoreKey) -> Option<u64> {
        let entry = self.entries.remove(key)?;
        self.order.remove(&entry.used);
        self.bytes -= entry.bytes;
        Some(entry.bytes)
    }
}

impl SegmentStore {
    /// Opens the store below `root`, indexing what is there by a walk over the folders. Blocks.
    pub fn open(root: &Path, limits: Limits) -> Result<Self, StoreError> {
        let folder = |source| StoreError::Folder { path: root.into(), source };
        std::fs::create_dir_all(root).map_err(folder)?;
        let mut found = Vec::new();
        for entry in walkdir::WalkDir::new(root).min_depth(3).max_depth(3).into_iter().flatten() {
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            match key_of(root, entry.path()) {
                Some(key) => found.push((metadata.modified().ok(), key, metadata.len())),
                // A file whose writing was cut off.
                None if metadata.is_file() => {
                    let _removed = std::fs::remove_file(entry.path());
                }
                None => {}
            }
        }
        found.sort_by_key(|(modified, _, _)| *modified);
        let mut index = Index::default();
        for (_, key, bytes) in found {
            index.insert(key, bytes);
        }
        Ok(Self { root: root.into(), limits, index: Mutex::new(index), writes: AtomicU64::new(0) })
    }

    /// Segments of a rendition that are stored.
    pub fn segments(&self, file: FileId, rendition: &str) -> Vec<u32> {
        let first = StoreKey { file, rendition: rendition.into(), segment: Some(0) };
        let last = StoreKey { segment: Some(u32::MAX), ..first.clone() };
        self.lock().entries.range(first..=last).filter_map(|(key, _)| key.segment).collect()
    }

    /// Whether a piece is there, as far as the index knows.
    pub fn contains(&self, key: &StoreKey) -> bool {
        self.lock().entries.contains_key(key)
    }

    /// The bytes of a stored piece, which then counts as used. A damaged file is removed: `None`. Blocks.
    pub fn read(&self, key: &StoreKey) -> Option<Bytes> {
        {
            let mut index = self.lock();
            if !index.touch(key) {
                return None;
            }
            // The init is read once per viewer, its segments all the time: it must not age before them.
            index.touch(&StoreKey { segment: None, ..key.clone() });
        }
        let path = self.path(key);
        match std::fs::read(&path) {
            Ok(bytes) if boxes::whole(&bytes) => Some(bytes.into()),
            Ok(_) => {
                tracing::warn!(path = %path.display(), "a stored segment is torn and will be made again");
                self.remove(key);
                None
            }
            Err(error) => {
                if error.kind() != std::io::ErrorKind::NotFound {
                    tracing::warn!(path = %path.display(), %error, "a stored segment cannot be read");
                }
                // What is no longer in the books must not stay on the disk.
                self.remove(key);
                None
            }
        }
    }

    /// Keeps `pieces`, one after the other, as one file. What has to go for it is returned. Blocks.
    pub fn write(&self, key: &StoreKey, pieces: &[Bytes]) -> Result<Vec<StoreKey>, StoreError> {
        let bytes: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
        let evicted = self.make_room(bytes)?;
        let path = self.path(key);
        let failed = |source| StoreError::Write { path: path.clone(), source };
        let folder = path.parent().unwrap_or(&self.root);
        std::fs::create_dir_all(folder).map_err(failed)?;
        // Of its own, should the same segment be written twice at once.
        let number = self.writes.fetch_add(1, Ordering::Relaxed);
        let beside = path.with_extension(format!("{number}.new"));
        let written = std::fs::File::create(&beside).and_then(|mut file| {
            pieces.iter().try_for_each(|piece| file.write_all(piece))?;
            std::fs::rename(&beside, &path)
        });
        if let Err(source) = written {
            let _removed = std::fs::remove_file(&beside);
            return Err(failed(source));
        }
        self.lock().insert(key.clone(), bytes);
        Ok(evicted)
    }

    /// Drops everything of a file; the bytes it freed. Blocks.
    pub fn purge(&self, file: FileId) -> u64 {
        let first = StoreKey { file, rendition: "".into(), segment: None };
        let keys: Vec<StoreKey> = self
            .lock()
            .entries
            .range(first..)
            .map(|(key, _)| key.clone())
            .take_while(|key| key.file == file)
            .collect();
        let freed = keys.iter().filter_map(|key| self.remove(key)).sum();
        let _removed = std::fs::remove_dir_all(self.root.join(file.to_string()));
        freed
    }

    pub fn status(&self) -> StoreStatus {
        let index = self.lock();
        StoreStatus { bytes: index.bytes, limit: self.limits.size, pieces: index.entries.len() }
    }

    /// Stored bytes.
    pub fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// Evicts until `bytes` more fit both below the cap and beside what others keep on the disk.
    fn make_room(&self, bytes: u64) -> Result<Vec<StoreKey>, StoreError> {
        let full = || StoreError::Full { path: self.root.clone() };
        if bytes > self.limits.size {
            return Err(full());
        }
        let mut evicted = Vec::new();
        loop {
            let tight =
                self.free_bytes().is_some_and(|free| free < self.limits.min_free.saturating_add(bytes));
            let oldest = {
                let index = self.lock();
                if index.bytes + bytes <= self.limits.size && !tight {
                    return Ok(evicted);
                }
                index.order.values().next().cloned()
            };
            let oldest = oldest.ok_or_else(full)?;
            self.remove(&oldest);
            evicted.push(oldest);
        }
    }

    fn remove(&self, key: &StoreKey) -> Option<u64> {
        let bytes = self.lock().remove(key);
        let _removed = std::fs::remove_file(self.path(key));
        bytes
    }

    fn free_bytes(&self) -> Option<u64> {
        let status = rustix::fs::statvfs(&self.root).ok()?;
        Some(status.f_bavail * status.f_frsize)
    }

    fn path(&self, key: &StoreKey) -> PathBuf {
        let name = key.segment.map_or_else(|| "init.mp4".to_owned(), |segment| format!("{segment}.m4s"));
        self.root.join(key.file.to_string()).join(&*key.rendition).join(name)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key_of(root: &Path, path: &Path) -> Option<StoreKey> {
    let mut parts = path.strip_prefix(root).ok()?.iter().map(|part| part.to_str());
    let (file, rendition, name) = (parts.next()??, parts.next()??, parts.next()??);
    let segment = match name {
        "init.mp4" => None,
        _ => Some(name.strip_suffix(".m4s")?.parse().ok()?),
    };
    Some(StoreKey { file: file.parse().ok()?, rendition: rendition.into(), segment })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(length: u8) -> Bytes {
        let mut bytes = vec![0, 0, 0, length, b'm', b'd', b'a', b't'];
        bytes.resize(length.into(), 7);
        bytes.into()
    }

    fn key(file: FileId, segment: u32) -> StoreKey {
        StoreKey { file, rendition: "v720-0123456789ab".into(), segment: Some(segment) }
    }

    fn open(root: &Path, size: u64) -> SegmentStore {
        SegmentStore::open(root, Limits { size, min_free: 0 }).expect("a store")
    }

    #[test]
    fn what_was_written_is_there_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = FileId::random();
        let store = open(folder.path(), 1000);
        store.write(&key(file, 3), &[piece(20), piece(30)]).expect("written");
        store.write(&StoreKey { segment: None, ..key(file, 0) }, &[piece(9)]).expect("written");
        drop(store);
        let store = open(folder.path(), 1000);
        assert_eq!(store.segments(file, "v720-0123456789ab"), [3]);
        assert_eq!(store.read(&key(file, 3)).map(|bytes| bytes.len()), Some(50));
        assert_eq!(store.bytes(), 59);
        assert_eq!(store.purge(file), 59);
        assert_eq!(store.read(&key(file, 3)), None);
    }

    #[test]
    fn the_least_recently_used_makes_room() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = FileId::random();
        let store = open(folder.path(), 100);
        (0..3).for_each(|n| assert_eq!(store.write(&key(file, n), &[piece(30)]).expect("written"), []));
        assert!(store.read(&key(file, 0)).is_some());
        assert_eq!(store.write(&key(file, 3), &[piece(30)]).expect("written"), [key(file, 1)]);
        assert!(store.read(&key(file, 1)).is_none());
        assert!(store.read(&key(file, 0)).is_some());
    }

    #[test]
    fn a_torn_file_is_no_segment_and_a_half_written_one_is_swept_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = FileId::random();
        let store = open(folder.path(), 1000);
        store.write(&key(file, 0), &[piece(40)]).expect("written");
        let path = store.path(&key(file, 0));
        std::fs::write(&path, &piece(40)[..25]).expect("torn");
        std::fs::write(path.with_file_name("1.new"), b"half").expect("half written");
        drop(store);
        let store = open(folder.path(), 1000);
        assert_eq!(store.read(&key(file, 0)), None);
        assert_eq!(store.segments(file, "v720-0123456789ab"), [] as [u32; 0]);
        assert!(!path.with_file_name("1.new").exists());
    }

    #[test]
    fn an_init_stays_as_long_as_its_segments_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = FileId::random();
        let store = open(folder.path(), 100);
        let init = StoreKey { segment: None, ..key(file, 0) };
        store.write(&init, &[piece(9)]).expect("written");
        (0..20).for_each(|n| {
            store.write(&key(file, n), &[piece(30)]).expect("written");
            assert!(store.read(&key(file, n)).is_some());
        });
        assert!(store.contains(&init));
    }

    #[test]
    fn what_is_larger_than_the_store_evicts_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = FileId::random();
        let store = open(folder.path(), 100);
        store.write(&key(file, 0), &[piece(30)]).expect("written");
        assert!(matches!(store.write(&key(file, 1), &[piece(101)]), Err(StoreError::Full { .. })));
        assert!(store.contains(&key(file, 0)));
    }

    #[test]
    fn what_cannot_be_read_is_neither_in_the_books_nor_on_the_disk() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = FileId::random();
        let store = open(folder.path(), 100);
        store.write(&key(file, 0), &[piece(30)]).expect("written");
        std::fs::remove_file(store.path(&key(file, 0))).expect("removed");
        assert_eq!(store.read(&key(file, 0)), None);
        assert_eq!(store.bytes(), 0);
    }

    #[test]
    fn a_full_disk_keeps_nothing_and_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SegmentStore::open(folder.path(), Limits { size: 1000, min_free: u64::MAX / 2 })
            .expect("a store");
        assert!(matches!(store.write(&key(FileId::random(), 0), &[piece(10)]), Err(StoreError::Full { .. })));
    }
}
