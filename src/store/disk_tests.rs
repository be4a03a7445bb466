//! The store against a real folder: torn files, purges and evictions under writers and readers.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::disk::{Limits, SegmentStore, StoreError};
use super::held::{Held, StoredFile};
use super::index::Interest;
use super::key::StoreKey;
use super::piece::Piece;
use super::seal::SEAL_BYTES;
use crate::base::ids::FileId;

const RENDITION: &str = "v720-0123456789ab";

fn piece(length: usize) -> Bytes {
    (0..length).map(|n| (n * 7 + length) as u8).collect()
}

fn key(file: FileId, segment: u32) -> StoreKey {
    StoreKey { file, rendition: RENDITION.into(), segment: Some(segment) }
}

fn open(root: &Path, size: u64) -> Arc<SegmentStore> {
    Arc::new(SegmentStore::open(root, Limits { size, min_free: 0 }))
}

fn keep(store: &SegmentStore, key: &StoreKey, pieces: &[Bytes]) -> Vec<StoreKey> {
    let written = store.write(key, pieces, Interest::Watched);
    written.kept.expect("kept");
    written.evicted
}

async fn read(store: &Arc<SegmentStore>, key: &StoreKey) -> Option<Bytes> {
    Some(store.read(key).await?.piece.bytes().await.expect("read"))
}

async fn in_memory(store: &Arc<SegmentStore>, key: &StoreKey) -> Piece {
    match store.read(key).await.expect("stored").piece {
        Held::Memory(piece) => piece,
        Held::File(file) => panic!("not read into memory: {file:?}"),
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(folder).into_iter().flatten();
    entries.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}

/// What the files hold together is what the books say.
fn assert_books_are_right(store: &SegmentStore, root: &Path) {
    let on_disk: u64 = files(root).iter().map(|path| fs::metadata(path).expect("a file").len()).sum();
    assert_eq!(store.counters().bytes, on_disk);
    assert_eq!(store.counters().pieces, files(root).len() as u64);
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = FileId::random();
    let store = open(folder.path(), 1000);
    let whole = [piece(20), piece(30)].concat();
    keep(&store, &key(file, 3), &[piece(20), piece(30)]);
    keep(&store, &key(file, 3).init(), &[piece(9)]);
    let before = in_memory(&store, &key(file, 3)).await;
    assert_eq!(before.bytes, whole);
    drop(store);
    let store = open(folder.path(), 1000);
    assert_eq!(store.segments(file, RENDITION), [3]);
    assert_eq!(in_memory(&store, &key(file, 3)).await, before, "checksum and all");
    assert_eq!(store.counters().bytes, 59 + 2 * SEAL_BYTES);
    assert_eq!(store.purge(file), 59 + 2 * SEAL_BYTES);
    assert_eq!(read(&store, &key(file, 3)).await, None);
    assert_eq!(store.counters().memory_bytes, 0);
    assert!(files(folder.path()).is_empty());
}

#[tokio::test]
async fn a_segment_just_made_is_read_from_memory_and_later_from_the_disk_once_for_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, store) = (FileId::random(), open(folder.path(), 1000));
    keep(&store, &key(file, 0), &[piece(40)]);
    assert!(read(&store, &key(file, 0)).await.is_some());
    let counters = store.counters();
    assert_eq!((counters.memory_hits, counters.disk_hits, counters.files_read), (1, 0, 0));
    let store = open(folder.path(), 1000);
    let readers: Vec<_> = (0..100)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { read(&store, &key(file, 0)).await })
        })
        .collect();
    for reader in readers {
        assert_eq!(reader.await.expect("it ran"), Some(piece(40)));
    }
    let counters = store.counters();
    assert_eq!((counters.files_read, counters.memory_hits + counters.disk_hits), (1, 100));
    assert_eq!(read(&store, &key(file, 1)).await, None);
    assert_eq!((store.counters().misses, store.counters().memory_bytes), (1, 40));
}

#[tokio::test]
async fn a_reader_who_is_given_up_does_not_keep_the_others_waiting() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = FileId::random();
    keep(&open(folder.path(), 1000), &key(file, 0), &[piece(40)]);
    let store = open(folder.path(), 1000);
    let wanted = key(file, 0);
    {
        let given_up = std::pin::pin!(store.read(&wanted));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        // It may already be there: then nothing is given up, and the others read it all the same.
        let _begun = given_up.poll(&mut context);
    }
    assert_eq!(read(&store, &wanted).await, Some(piece(40)));
}

#[tokio::test]
async fn what_nobody_reads_any_more_is_on_the_disk_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, store) = (FileId::random(), open(folder.path(), 1000));
    keep(&store, &key(file, 0), &[piece(40)]);
    store.cool(Instant::now());
    assert_eq!(store.counters().memory_bytes, 40);
    store.cool(Instant::now() + Duration::from_secs(10));
    assert_eq!(store.counters().memory_bytes, 0);
    assert_eq!(read(&store, &key(file, 0)).await, Some(piece(40)));
    assert_eq!((store.counters().files_read, store.counters().memory_bytes), (1, 40));
}

#[tokio::test]
async fn the_least_recently_used_makes_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, store) = (FileId::random(), open(folder.path(), 3 * (30 + SEAL_BYTES)));
    (0..3).for_each(|n| assert_eq!(keep(&store, &key(file, n), &[piece(30)]), []));
    assert!(read(&store, &key(file, 0)).await.is_some());
    assert_eq!(keep(&store, &key(file, 3), &[piece(30)]), [key(file, 1)]);
    assert!(read(&store, &key(file, 1)).await.is_none());
    assert!(read(&store, &key(file, 0)).await.is_some());
    assert_books_are_right(&store, folder.path());
}

#[tokio::test]
async fn an_init_stays_as_long_as_its_segments_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, store) = (FileId::random(), open(folder.path(), 4 * (30 + SEAL_BYTES)));
    let init = key(file, 0).init();
    keep(&store, &init, &[piece(9)]);
    for n in 0..20 {
        keep(&store, &key(file, n), &[piece(30)]);
        // From the disk in turn, where no reading is too soon after another to count.
        assert!(read(&store, &key(file, n)).await.is_some());
    }
    assert!(store.contains(&init));
}

/// Each way in which a power cut or a bad disk leaves a file, and what is then read.
#[tokio::test]
async fn a_torn_file_is_no_segment_is_removed_and_can_be_made_again() {
    type Tear = fn(&mut Vec<u8>);
    let tears: [(&str, Tear); 8] = [
        ("cut off", |file| file.truncate(25)),
        ("cut off before the seal", |file| file.truncate(file.len() - SEAL_BYTES as usize)),
        ("cut off in the seal", |file| file.truncate(file.len() - 1)),
        ("zeros at the end", |file| file[20..].fill(0)),
        ("zeros before the seal", |file| file[20..40].fill(0)),
        ("all zeros", |file| file.fill(0)),
        ("a flipped bit", |file| file[11] ^= 4),
        ("of another length", |file| file.push(0)),
    ];
    for (what, tear) in tears {
        let folder = tempfile::tempdir().expect("a folder");
        let file = FileId::random();
        keep(&open(folder.path(), 1000), &key(file, 0), &[piece(40)]);
        let path = key(file, 0).path(folder.path());
        let mut bytes = fs::read(&path).expect("there");
        tear(&mut bytes);
        fs::write(&path, bytes).expect("torn");
        let store = open(folder.path(), 1000);
        assert_eq!(read(&store, &key(file, 0)).await, None, "{what}");
        assert!(!path.exists() && !store.contains(&key(file, 0)), "{what}");
        assert_eq!((store.counters().torn, store.counters().bytes), (1, 0), "{what}");
        keep(&store, &key(file, 0), &[piece(40)]);
        assert_eq!(read(&store, &key(file, 0)).await, Some(piece(40)), "{what}");
    }
}

#[tokio::test]
async fn what_was_cut_off_is_swept_up_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = FileId::random();
    keep(&open(folder.path(), 1000), &key(file, 0), &[piece(40)]);
    let path = key(file, 0).path(folder.path());
    let at = |name: &str| path.with_file_name(name);
    let half = folder.path().join("7.new");
    fs::write(&half, b"half").expect("half written");
    fs::write(at("2.m4s"), b"").expect("without its data");
    fs::write(at("notes.txt"), b"somebody's").expect("written");
    fs::create_dir_all(folder.path().join("3.gone/x")).expect("half removed");
    let superseded = folder.path().join(FileId::random().to_string());
    fs::create_dir_all(superseded.join("v720-ffffffffffff")).expect("an empty folder");
    let store = open(folder.path(), 1000);
    assert_eq!(store.segments(file, RENDITION), [0]);
    assert_eq!(["2.m4s", "notes.txt", "0.m4s"].map(|name| at(name).exists()), [false, true, true]);
    assert!(!half.exists());
    assert!(!folder.path().join("3.gone").exists() && !superseded.exists());
}

#[tokio::test]
async fn what_cannot_be_read_is_neither_in_the_books_nor_on_the_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = FileId::random();
    keep(&open(folder.path(), 1000), &key(file, 0), &[piece(30)]);
    let store = open(folder.path(), 1000);
    fs::remove_dir_all(folder.path().join(file.to_string())).expect("removed");
    assert!(store.contains(&key(file, 0)));
    assert_eq!(read(&store, &key(file, 0)).await, None);
    assert_eq!((store.counters().bytes, store.counters().torn), (0, 0));
}

#[test]
fn what_is_larger_than_the_store_evicts_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, store) = (FileId::random(), open(folder.path(), 100));
    keep(&store, &key(file, 0), &[piece(30)]);
    let written = store.write(&key(file, 1), &[piece(77)], Interest::Watched);
    assert!(matches!(written.kept, Err(StoreError::Full { .. })) && written.evicted.is_empty());
    assert!(store.contains(&key(file, 0)));
}

/// The disk keeps as much free as the guard asks for: a piece that somebody reads takes what was made ahead, and a piece
/// that is itself made ahead stays out.
#[tokio::test]
async fn on_a_full_disk_look_ahead_goes_first_and_new_look_ahead_is_not_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = FileId::random();
    let store = open(folder.path(), 10_000);
    keep(&store, &key(file, 0), &[piece(50)]);
    (1..4).for_each(|n| store.write(&key(file, n), &[piece(50)], Interest::Ahead).kept.expect("kept"));
    let full = store.with_min_free(u64::MAX / 2);
    let ahead = full.write(&key(file, 4), &[piece(50)], Interest::Ahead);
    assert!(matches!(ahead.kept, Err(StoreError::Full { .. })), "{ahead:?}");
    assert_eq!(ahead.evicted, []);
    let watched = full.write(&key(file, 5), &[piece(50)], Interest::Watched);
    assert!(matches!(watched.kept, Err(StoreError::Full { .. })), "others have filled it");
    assert_eq!(watched.evicted, [3, 2, 1, 0].map(|n| key(file, n)));
    assert_eq!(full.counters().not_kept, 2);
    assert!(files(folder.path()).is_empty());
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_keeps_nothing_until_it_can() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("segments");
    // A file in the way of the folder keeps even root from writing.
    fs::write(&root, b"").expect("in the way");
    let (file, store) = (FileId::random(), open(&root, 1000));
    let written = store.write(&key(file, 0), &[piece(30)], Interest::Watched);
    assert!(matches!(written.kept, Err(StoreError::Write { .. })));
    assert_eq!(read(&store, &key(file, 0)).await, None);
    fs::remove_file(&root).expect("out of the way");
    keep(&store, &key(file, 0), &[piece(30)]);
    assert_eq!(read(&store, &key(file, 0)).await, Some(piece(30)));
    assert_books_are_right(&store, &root);
}

#[tokio::test]
async fn bytes_in_use_outlive_eviction_purge_and_a_segment_made_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = FileId::random();
    keep(&open(folder.path(), 1000), &key(file, 0), &[piece(40)]);
    let store = open(folder.path(), 40 + SEAL_BYTES);
    let from_disk = read(&store, &key(file, 0)).await.expect("there");
    let from_memory = read(&store, &key(file, 0)).await.expect("there");
    keep(&store, &key(file, 0), &[piece(39)]);
    assert_eq!(read(&store, &key(file, 0)).await, Some(piece(39)), "the one made again");
    assert_eq!(keep(&store, &key(file, 1), &[piece(40)]), [key(file, 0)]);
    store.purge(file);
    assert_eq!((from_disk, from_memory), (piece(40), piece(40)));
}

/// Writers, readers, purges and a cap all at once: the books are right at the end, what is read is never wrong, and no
/// write fails because of a purge.
#[test]
fn a_purge_under_writers_and_readers_leaves_the_books_right() {
    const SEGMENTS: u32 = 8;
    let folder = tempfile::tempdir().expect("a folder");
    let cap = 12 * (100 + SEAL_BYTES);
    let store = open(folder.path(), cap);
    let all = [FileId::random(), FileId::random()];
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers = all.map(|file| {
            let store = &store;
            scope.spawn(move || {
                let each = (0..SEGMENTS).cycle().take(400);
                let write = |n: u32| store.write(&key(file, n), &[piece(90 + n as usize)], Interest::Ahead);
                each.filter_map(|n| write(n).kept.err()).collect::<Vec<_>>()
            })
        });
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let _freed = all.map(|file| store.purge(file));
            }
        });
        let reader = scope.spawn(|| {
            let mut wrong = 0;
            while !done.load(Ordering::Relaxed) {
                for n in 0..SEGMENTS {
                    let bytes = runtime.block_on(read(&store, &key(all[(n % 2) as usize], n)));
                    wrong += u32::from(bytes.is_some_and(|bytes| bytes != piece(90 + n as usize)));
                }
            }
            wrong
        });
        let failed = writers.map(|writer| writer.join());
        done.store(true, Ordering::Relaxed);
        for failed in failed {
            assert!(failed.as_ref().is_ok_and(Vec::is_empty), "{failed:?}");
        }
        assert_eq!(reader.join().expect("the reader is well"), 0);
    });
    assert!(store.counters().bytes <= cap);
    assert_books_are_right(&store, folder.path());
    assert_eq!(store.counters().torn, 0);
}

const LARGE: usize = 400 << 10;

/// A store that holds `piece` as segment 0 of `file`, and nothing in memory.
fn with_cold(root: &Path, file: FileId, piece: Bytes) -> Arc<SegmentStore> {
    let store = open(root, 100 << 20);
    keep(&store, &key(file, 0), &[piece]);
    store.cool(Instant::now() + Duration::from_secs(3600));
    assert_eq!(store.counters().memory_bytes, 0);
    store
}

async fn read_file(store: &Arc<SegmentStore>, key: &StoreKey) -> StoredFile {
    match store.read(key).await.expect("stored").piece {
        Held::File(file) => file,
        Held::Memory(_) => panic!("read into memory"),
    }
}

async fn part(file: &StoredFile, part: std::ops::Range<u64>) -> std::io::Result<Vec<u8>> {
    let (mut reading, mut all) = (file.part(part), Vec::new());
    while let Some(bytes) = reading.next().await {
        all.extend_from_slice(&bytes?);
    }
    Ok(all)
}

#[tokio::test]
async fn a_large_segment_is_sent_from_its_file_once_that_is_known_to_be_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, whole) = (FileId::random(), piece(LARGE));
    let store = with_cold(folder.path(), file, piece(LARGE));
    let stored = read_file(&store, &key(file, 0)).await;
    assert_eq!((stored.length(), stored.checksum()), (LARGE as u64, Piece::new(whole.clone()).checksum));
    for range in [0..LARGE, 0..1, LARGE - 1..LARGE, 100_000..300_000, 131_072..262_144] {
        let bytes = part(&stored, range.start as u64..range.end as u64).await.expect("read");
        assert!(bytes == whole[range.clone()], "{range:?}");
    }
    assert_eq!(store.counters().memory_bytes, 0);
    // After a restart it is looked at once.
    let store = open(folder.path(), 100 << 20);
    assert_eq!(read(&store, &key(file, 0)).await, Some(whole.clone()));
    assert_eq!(store.counters().files_read, 1);
    store.cool(Instant::now() + Duration::from_secs(3600));
    let stored = read_file(&store, &key(file, 0)).await;
    // Who reads it goes on when it is evicted.
    store.purge(file);
    assert!(part(&stored, 0..LARGE as u64).await.expect("read") == whole);
}

#[tokio::test]
async fn a_large_segment_that_was_whole_and_is_cut_off_since_is_made_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, whole) = (FileId::random(), piece(LARGE));
    let store = with_cold(folder.path(), file, whole);
    let stored = read_file(&store, &key(file, 0)).await;
    let path = files(folder.path()).remove(0);
    let cut = fs::OpenOptions::new().write(true).open(&path).expect("there");
    cut.set_len(LARGE as u64 / 2).expect("cut off");
    part(&stored, 0..LARGE as u64).await.expect_err("half of it is gone");
    // Of the right length again, but what was cut off is zeros: it is no longer believed unseen.
    cut.set_len(LARGE as u64 + SEAL_BYTES).expect("made longer");
    assert_eq!(read(&store, &key(file, 0)).await, None);
    assert!(files(folder.path()).is_empty());
    assert_eq!(store.counters().bytes, 0);
}

#[tokio::test]
async fn a_large_segment_that_is_too_short_is_not_begun() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = FileId::random();
    let store = with_cold(folder.path(), file, piece(LARGE));
    let path = files(folder.path()).remove(0);
    fs::OpenOptions::new().write(true).open(&path).expect("there").set_len(10).expect("cut off");
    assert_eq!(read(&store, &key(file, 0)).await, None);
    assert_eq!((store.counters().misses, store.counters().bytes), (1, 0));
}
