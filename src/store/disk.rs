//! The store on a local disk, with the pieces in demand in memory.
//!
//! Three locks, taken in this order and never across a wait: `changes` while files appear and disappear, so that the
//! index never names a file that a concurrent purge or eviction took; `books` for moments, so that a slow disk holds
//! nobody up who reads from memory; `condition` for the log.
//!
//! A reader holds the bytes themselves. Evicting, purging and replacing take a file's name, never bytes in use.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Notify, OnceCell};

use super::condition::{Condition, Say, Trouble};
use super::counters::{Counters, Tally};
use super::held::{Held, StoredFile};
use super::hot::{Dropped, HotSet, Use};
use super::index::{Index, Interest, Vouched};
use super::key::StoreKey;
use super::piece::{Piece, checksum};
use super::scan::{self, GONE, UNFINISHED};
use super::seal::{self, SEAL_BYTES};
use crate::base::heap;
use crate::base::ids::FileId;

/// Why a piece is not kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("writing {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    /// The piece is larger than the cap, or the disk has no room for it but what is worth more.
    #[error("the disk below {path} is full")]
    Full { path: PathBuf },
}

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// All stored bytes together.
    pub size: u64,
    /// What has to stay free on the disk.
    pub min_free: u64,
}

/// What became of a piece that was to be stored.
#[derive(Debug)]
pub struct Written {
    pub kept: Result<(), StoreError>,
    /// What had to go for it, kept or not.
    pub evicted: Vec<StoreKey>,
}

/// A piece that was read.
#[derive(Debug)]
pub struct Read {
    pub piece: Held,
    /// Nobody had read it for a moment: others may want to hear that a viewer is here.
    pub news: bool,
    /// No file had to be read for it.
    pub in_memory: bool,
}

#[derive(Debug)]
pub struct SegmentStore {
    root: PathBuf,
    limits: Limits,
    changes: Mutex<()>,
    books: Mutex<Books>,
    condition: Mutex<Condition>,
    tally: Tally,
    /// Names for files and folders in passing.
    passing: AtomicU64,
    /// Something came into memory where nothing was.
    warmed: Notify,
}

#[derive(Debug, Default)]
struct Books {
    index: Index,
    hot: HotSet,
    /// Files being read; whoever wants one of them waits for that.
    loading: HashMap<StoreKey, Loading>,
}

/// What came of reading a file: `None` where it was torn or gone.
type Loading = Arc<OnceCell<Option<Piece>>>;

enum Found {
    InMemory(Read),
    /// To be read into memory.
    OnDisk(Loading),
    /// Whole for certain: may be sent as it is read.
    Whole(Vouched),
    Nowhere,
}

/// Larger pieces whose files are known to be whole are sent as they are read: the system keeps them in memory as well
/// as we would, and gives that memory to others when they need it more.
const SMALL_BYTES: u64 = 256 << 10;

/// Between two looks at what in memory has grown cold.
const COOLING: Duration = Duration::from_secs(2);

impl SegmentStore {
    /// Opens the store below `root`, indexing what is there by a walk over the folders. A folder that cannot be made
    /// or written keeps nothing, and says so; everything plays. Blocks.
    pub fn open(root: &Path, limits: Limits) -> Self {
        if let Err(error) = fs::create_dir_all(root) {
            tracing::warn!(path = %root.display(), %error, "segments cannot be kept");
        }
        let (mut index, now) = (Index::default(), Instant::now());
        for found in scan::scan(root) {
            // Who read them is not written down: they are taken for watched.
            index.insert(&found.key, found.bytes, Interest::Watched, now);
        }
        Self {
            root: root.into(),
            limits,
            changes: Mutex::default(),
            books: Mutex::new(Books { index, ..Books::default() }),
            condition: Mutex::default(),
            tally: Tally::default(),
            passing: AtomicU64::new(0),
            warmed: Notify::new(),
        }
    }

    /// Segments of a rendition that are stored.
    pub fn segments(&self, file: FileId, rendition: &str) -> Vec<u32> {
        self.books().index.segments(file, rendition)
    }

    /// Whether a piece is there, as far as the index knows.
    pub fn contains(&self, key: &StoreKey) -> bool {
        self.books().index.made(key).is_some()
    }

    /// A stored piece, which then counts as used: from memory at once; from its file, which is read once however many
    /// ask; or as its file, where that is large and known to be whole. A torn file is removed: `None`.
    pub async fn read(self: &Arc<Self>, key: &StoreKey) -> Option<Read> {
        let loading = match self.find(key) {
            Found::InMemory(read) => {
                self.tally.memory_hits.add(1);
                return Some(read);
            }
            Found::OnDisk(loading) => loading,
            Found::Whole(vouched) => {
                let (store, key) = (self.clone(), key.clone());
                let opened = tokio::task::spawn_blocking(move || store.open_file(&key, vouched));
                let piece = opened.await.ok().flatten().map(Held::File);
                let hits_or_misses = if piece.is_some() { &self.tally.disk_hits } else { &self.tally.misses };
                hits_or_misses.add(1);
                return Some(Read { piece: piece?, news: true, in_memory: false });
            }
            Found::Nowhere => {
                self.tally.misses.add(1);
                return None;
            }
        };
        let load = || {
            let (store, key) = (self.clone(), key.clone());
            let loaded = tokio::task::spawn_blocking(move || store.load(&key));
            async move { loaded.await.ok().flatten() }
        };
        let piece = loading.get_or_init(load).await.clone();
        let hits_or_misses = if piece.is_some() { &self.tally.disk_hits } else { &self.tally.misses };
        hits_or_misses.add(1);
        Some(Read { piece: Held::Memory(piece?), news: true, in_memory: false })
    }

    /// Keeps `pieces`, one after the other, as one file, making room for it as `index.rs` says. Blocks.
    pub fn write(&self, key: &StoreKey, pieces: &[Bytes], interest: Interest) -> Written {
        let mut evicted = Vec::new();
        let kept = self.keep(key, pieces, interest, &mut evicted);
        self.tally.evicted.add(evicted.len() as u64);
        let counted = if kept.is_ok() { &self.tally.files_written } else { &self.tally.not_kept };
        counted.add(1);
        self.say(&kept);
        Written { kept, evicted }
    }

    /// Drops everything of a file; the bytes it freed. Blocks.
    pub fn purge(&self, file: FileId) -> u64 {
        let gone = self.root.join(format!("{}{GONE}", self.name_in_passing()));
        let (freed, dropped) = {
            let _changes = self.changes();
            let _taken = fs::rename(self.root.join(file.to_string()), &gone);
            let mut books = self.books();
            (books.index.remove_file(file), books.hot.remove_file(file))
        };
        drop(dropped);
        let _removed = fs::remove_dir_all(gone);
        freed
    }

    /// Drops from memory what nobody uses any more, for as long as it is polled. Sleeps while nothing is in memory.
    pub async fn keep_cool(&self) {
        loop {
            self.warmed.notified().await;
            while self.counters().memory_bytes > 0 {
                tokio::time::sleep(COOLING).await;
                self.cool(Instant::now());
            }
            // Nobody has read anything for a while: what the audience needed is free, but scattered.
            let _trimmed = tokio::task::spawn_blocking(heap::trim).await;
        }
    }

    /// Bytes that may be stored.
    pub fn limit_bytes(&self) -> u64 {
        self.limits.size
    }

    pub fn counters(&self) -> Counters {
        let books = self.books();
        Counters {
            bytes: books.index.bytes(),
            pieces: books.index.pieces(),
            memory_bytes: books.hot.bytes(),
            ..self.tally.counters()
        }
    }

    /// Drops from memory what has not been used for a while at the time `now`.
    pub(super) fn cool(&self, now: Instant) {
        let dropped = self.books().hot.cool(now);
        drop(dropped);
    }

    /// The same store once the disk has filled up.
    #[cfg(test)]
    pub(super) fn with_min_free(self: Arc<Self>, min_free: u64) -> Arc<Self> {
        let mut store = Arc::into_inner(self).expect("nobody else has it");
        store.limits.min_free = min_free;
        Arc::new(store)
    }

    fn find(&self, key: &StoreKey) -> Found {
        let (mut books, now) = (self.books(), Instant::now());
        if let Some((piece, news)) = books.hot.read(key, now) {
            if news {
                books.index.read(key, now);
            }
            return Found::InMemory(Read { piece: Held::Memory(piece), news, in_memory: true });
        }
        if books.index.made(key).is_none() {
            return Found::Nowhere;
        }
        books.index.read(key, now);
        if let Some(vouched) = books.index.vouched(key).filter(|vouched| vouched.bytes > SMALL_BYTES) {
            return Found::Whole(vouched);
        }
        Found::OnDisk(books.loading.entry(key.clone()).or_default().clone())
    }

    /// Reads a file into memory. Blocks.
    fn load(&self, key: &StoreKey) -> Option<Piece> {
        let (made, dropped);
        let piece = {
            made = self.books().index.made(key);
            made.and_then(|made| self.read_file(key, made))
        };
        {
            let mut books = self.books();
            books.loading.remove(key);
            // Unless it was removed or made again meanwhile.
            let current = made.is_some() && books.index.made(key) == made;
            dropped = match &piece {
                Some(piece) if current => {
                    books.index.vouch(key, piece.checksum);
                    self.heat(&mut books, key, piece.clone(), Use::Read)
                }
                _ => Dropped::new(),
            };
        }
        drop(dropped);
        piece
    }

    fn read_file(&self, key: &StoreKey, made: u64) -> Option<Piece> {
        let path = key.path(&self.root);
        self.tally.files_read.add(1);
        match fs::read(&path) {
            Ok(bytes) => {
                let piece = seal::open(bytes.into());
                if piece.is_none() {
                    self.tally.torn.add(1);
                    tracing::warn!(path = %path.display(), "a stored segment is torn and will be made again");
                    self.forget(key, made);
                }
                piece
            }
            Err(error) => {
                if error.kind() != ErrorKind::NotFound {
                    tracing::warn!(path = %path.display(), %error, "a stored segment cannot be read");
                }
                // What is no longer in the books must not stay on the disk.
                self.forget(key, made);
                None
            }
        }
    }

    /// Opens a file that is known to be whole. Blocks.
    fn open_file(self: &Arc<Self>, key: &StoreKey, vouched: Vouched) -> Option<StoredFile> {
        let path = key.path(&self.root);
        let length = vouched.bytes - SEAL_BYTES;
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
        match opened {
            Ok((bytes, file)) if bytes == vouched.bytes => {
                let (store, key) = (Arc::downgrade(self), key.clone());
                let broken = move || {
                    if let Some(store) = store.upgrade() {
                        store.doubt(&key, vouched.made);
                    }
                };
                Some(StoredFile::new(file, length, vouched.checksum, broken))
            }
            _ => {
                tracing::warn!(path = %path.display(), "a stored segment is gone or torn and will be made again");
                self.forget(key, vouched.made);
                None
            }
        }
    }

    /// A file could not be read to its end: whoever asks next looks at all of it first.
    fn doubt(&self, key: &StoreKey, made: u64) {
        let mut books = self.books();
        if books.index.made(key) == Some(made) {
            books.index.doubt(key);
        }
    }

    /// Removes a piece, unless it was made again since.
    fn forget(&self, key: &StoreKey, made: u64) {
        let _changes = self.changes();
        if self.books().index.made(key) == Some(made) {
            let _may_be_gone = self.unlink(key);
            self.books().index.remove(key);
        }
    }

    fn keep(
        &self,
        key: &StoreKey,
        pieces: &[Bytes],
        interest: Interest,
        evicted: &mut Vec<StoreKey>,
    ) -> Result<(), StoreError> {
        let length = pieces.iter().map(|piece| piece.len() as u64).sum();
        let bytes = length + SEAL_BYTES;
        let mut room = self.make_room(key, bytes, interest, evicted)?;
        let checksum = checksum(pieces);
        let seal = seal::seal(length, checksum);
        let mut write = || self.write_file(key, pieces, checksum, &seal, interest, &mut room);
        let written = match write() {
            // No guard saw it coming: a quota, or somebody who writes at the same time.
            Err(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
                self.guard(bytes, key, interest, evicted)?;
                write()
            }
            written => written,
        };
        written.map_err(|source| match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => self.full(),
            _ => StoreError::Write { path: key.path(&self.root), source },
        })
    }

    fn write_file(
        &self,
        key: &StoreKey,
        pieces: &[Bytes],
        checksum: u32,
        seal: &[u8],
        interest: Interest,
        room: &mut Room<'_>,
    ) -> io::Result<()> {
        // Outside the folders that a purge takes away.
        let beside = self.root.join(format!("{}{UNFINISHED}", self.name_in_passing()));
        let written = (|| {
            fs::create_dir_all(&self.root)?;
            let mut file = File::create(&beside)?;
            pieces.iter().try_for_each(|piece| file.write_all(piece))?;
            file.write_all(seal)?;
            self.publish(key, &beside, Piece::joined(pieces, checksum), interest, room)
        })();
        if written.is_err() {
            let _removed = fs::remove_file(&beside);
        }
        written
    }

    /// Gives a written file its name, and puts it into the books.
    fn publish(
        &self,
        key: &StoreKey,
        beside: &Path,
        piece: Piece,
        interest: Interest,
        room: &mut Room<'_>,
    ) -> io::Result<()> {
        let dropped = {
            let _changes = self.changes();
            fs::create_dir_all(key.folder(&self.root))?;
            fs::rename(beside, key.path(&self.root))?;
            let (mut books, now) = (self.books(), Instant::now());
            books.index.unreserve(std::mem::take(&mut room.bytes));
            books.index.insert(key, piece.len() + SEAL_BYTES, interest, now);
            books.index.vouch(key, piece.checksum);
            self.heat(&mut books, key, piece, Use::Made)
        };
        drop(dropped);
        Ok(())
    }

    fn heat(&self, books: &mut Books, key: &StoreKey, piece: Piece, last: Use) -> Dropped {
        let cold = books.hot.bytes() == 0;
        let dropped = books.hot.put(key.clone(), piece, last, Instant::now());
        if cold {
            self.warmed.notify_one();
        }
        dropped
    }

    /// Makes room for `bytes` both below the cap and beside what others keep on the disk.
    fn make_room(
        &self,
        key: &StoreKey,
        bytes: u64,
        interest: Interest,
        evicted: &mut Vec<StoreKey>,
    ) -> Result<Room<'_>, StoreError> {
        let (over, room, reserved) = {
            let mut books = self.books();
            let over = books.index.over_cap(bytes, self.limits.size).ok_or_else(|| self.full())?;
            books.index.reserve(bytes);
            (over, Room { store: self, bytes }, books.index.reserved())
        };
        self.evict(over, evicted)?;
        let wanted = self.limits.min_free.saturating_add(reserved);
        let short = self.free_bytes().map_or(0, |free| wanted.saturating_sub(free));
        if short > 0 {
            self.guard(short, key, interest, evicted)?;
        }
        Ok(room)
    }

    /// Frees `bytes` of the disk for a new piece, from what is worth less.
    fn guard(
        &self,
        bytes: u64,
        key: &StoreKey,
        interest: Interest,
        evicted: &mut Vec<StoreKey>,
    ) -> Result<(), StoreError> {
        let going = self.books().index.for_guard(bytes, key, interest, Instant::now());
        match going {
            Ok(enough) => self.evict(enough, evicted),
            Err(all_there_is) => {
                self.evict(all_there_is, evicted)?;
                Err(self.full())
            }
        }
    }

    fn evict(&self, keys: Vec<StoreKey>, evicted: &mut Vec<StoreKey>) -> Result<(), StoreError> {
        if keys.is_empty() {
            return Ok(());
        }
        let _changes = self.changes();
        for key in keys {
            // What cannot be removed is still there to be read.
            self.unlink(&key).map_err(|source| StoreError::Write { path: key.path(&self.root), source })?;
            let mut books = self.books();
            books.index.remove(&key);
            let dropped = books.hot.remove(&key);
            drop(books);
            drop(dropped);
            evicted.push(key);
        }
        Ok(())
    }

    /// Removes a file, and its folders when they are empty then.
    fn unlink(&self, key: &StoreKey) -> io::Result<()> {
        match fs::remove_file(key.path(&self.root)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let folder = key.folder(&self.root);
        if fs::remove_dir(&folder).is_ok() {
            let _removed_if_empty = folder.parent().map(fs::remove_dir);
        }
        Ok(())
    }

    fn free_bytes(&self) -> Option<u64> {
        let status = rustix::fs::statvfs(&self.root).ok()?;
        Some(status.f_bavail * status.f_frsize)
    }

    fn full(&self) -> StoreError {
        StoreError::Full { path: self.root.clone() }
    }

    fn say(&self, kept: &Result<(), StoreError>) {
        let outcome = match kept {
            Ok(()) => Ok(()),
            Err(StoreError::Full { .. }) => Err(Trouble::Full),
            Err(StoreError::Write { .. }) => Err(Trouble::Disk),
        };
        let say =
            self.condition.lock().unwrap_or_else(PoisonError::into_inner).after(outcome, Instant::now());
        match (say, kept) {
            (Some(Say::NotKept { pieces }), Err(error)) => {
                tracing::warn!(%error, pieces, "segments are not kept");
            }
            (Some(Say::Kept), _) => tracing::info!("segments are kept again"),
            _ => {}
        }
    }

    fn name_in_passing(&self) -> u64 {
        self.passing.fetch_add(1, Ordering::Relaxed)
    }

    fn changes(&self) -> MutexGuard<'_, ()> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room for a piece on its way to the disk, given back unless the piece has taken it.
struct Room<'a> {
    store: &'a SegmentStore,
    bytes: u64,
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.store.books().index.unreserve(self.bytes);
    }
}
