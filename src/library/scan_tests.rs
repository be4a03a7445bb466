//! Scans of real folders, with every kind of trouble a folder can make.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, mkdirat, mknodat, openat};

use super::testing::{fixture, gated};
use super::*;
use crate::catalogue::testing::rows_written;
use crate::catalogue::{FileState, LibraryState};

#[tokio::test]
async fn an_empty_library_is_scanned_and_online() {
    let f = fixture();
    let status = f.scan().await;
    assert_eq!((status.scanned_paths, status.candidates, status.last_error), (0, 0, None));
    assert!(status.started_at.is_some() && status.listed_at.is_some() && status.finished_at.is_some());
    assert_eq!(f.catalogue.libraries().unwrap()[0].state, LibraryState::Online);
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named_and_the_other_libraries_are_scanned() {
    let f = fixture();
    f.add("a.mkv", "a");
    let gone = f.folder.path().join("gone");
    let roots = [("Films", &f.root), ("Absent", &gone)];
    let roots = roots.map(|(name, path)| LibraryRoot { name: name.to_owned(), path: path.clone() });
    f.libraries.configure(&roots).unwrap();
    let status = f.scan().await;
    assert_eq!(status.indexed, 1);
    let error = status.last_error.unwrap();
    assert!(error.contains("Absent is offline") && error.contains(&gone.display().to_string()), "{error}");
    let states: Vec<bool> = f
        .catalogue
        .libraries()
        .unwrap()
        .iter()
        .map(|library| library.state == LibraryState::Online)
        .collect();
    assert_eq!(states, [false, true]);
}

#[tokio::test]
async fn films_are_listed_under_any_name_and_nothing_else_is() {
    let f = fixture();
    let odd = OsStr::from_bytes(b"caf\xe9 \xff.avi");
    let names =
        [Path::new("a b.mkv"), Path::new("Ame\u{301}lie.MP4"), Path::new("line\nbreak.ts"), Path::new(odd)];
    for name in names {
        f.add(Path::new("deep/er").join(name), "film");
    }
    for name in ["a.srt", "mkv", ".hidden.mkv", ".Trash-0/a.mkv", "@eaDir/a.mkv", "lost+found/a.mkv"] {
        f.add(name, "no film");
    }
    fs::create_dir(f.root.join("folder.mkv")).unwrap();
    let status = f.scan().await;
    assert_eq!((status.candidates, status.indexed, status.probed, status.failed), (4, 4, 4, 0));
    for name in names {
        let file = f.file(Path::new("deep/er").join(name));
        assert_eq!(file.state, FileState::Ready);
        assert!(f.libraries.open(&file).is_ok());
    }
    assert_eq!(status.codec_counts["none"], 4);
}

#[tokio::test]
async fn an_unchanged_library_costs_no_write() {
    let f = fixture();
    f.add("a.mkv", "a");
    f.add("b.mkv", "b");
    f.scan().await;
    let written = rows_written(&f.catalogue);
    let status = f.scan().await;
    assert_eq!((status.unchanged, status.indexed, status.probed), (2, 0, 0));
    assert_eq!(rows_written(&f.catalogue), written);
}

#[tokio::test]
async fn a_library_that_vanishes_is_offline_and_comes_back_with_the_same_files() {
    let f = fixture();
    f.add("a.mkv", "a");
    f.add("sub/b.mkv", "b");
    f.scan().await;
    let before = f.files();
    let away = f.folder.path().join("away");
    fs::rename(&f.root, &away).unwrap();
    // First without the folder, then with an empty one, as a mount point is without its mount.
    for _ in 0..2 {
        let status = f.scan().await;
        assert_eq!(status.offline, 2);
        assert!(status.last_error.unwrap().contains("Films is offline"));
        for file in f.files() {
            assert_eq!((file.state.name(), file.missing_since_ns), ("offline", None));
        }
        fs::create_dir_all(&f.root).unwrap();
    }
    fs::remove_dir(&f.root).unwrap();
    fs::rename(&away, &f.root).unwrap();
    let status = f.scan().await;
    assert_eq!((status.offline, status.unchanged, status.probed), (0, 2, 0));
    assert_eq!(f.files(), before);
}

#[tokio::test]
async fn a_file_that_goes_is_offline_and_returns_with_its_id_and_facts() {
    let f = fixture();
    f.add("a.mkv", "a");
    f.add("b.mkv", "bb");
    f.scan().await;
    let before = f.file("a.mkv");
    let away = f.folder.path().join("a.mkv");
    fs::rename(f.root.join("a.mkv"), &away).unwrap();
    assert_eq!(f.scan().await.offline, 1);
    let missing = f.record(before.id);
    assert_eq!((missing.state.name(), missing.missing_since_ns.is_some()), ("offline", true));
    assert_eq!(f.file("b.mkv").state, FileState::Ready);
    fs::rename(&away, f.root.join("a.mkv")).unwrap();
    let status = f.scan().await;
    assert_eq!((status.indexed, status.probed, status.offline), (1, 0, 0));
    assert_eq!(f.file("a.mkv"), before);
}

#[tokio::test]
async fn a_replaced_file_keeps_its_id_and_is_probed_again() {
    let f = fixture();
    f.add("a.mkv", "a");
    f.touch("a.mkv", 1000);
    f.scan().await;
    let before = f.file("a.mkv");
    f.touch("a.mkv", 1001);
    let status = f.scan().await;
    let after = f.file("a.mkv");
    assert_eq!((status.indexed, status.probed), (1, 1));
    assert_eq!((after.id, after.state), (before.id, FileState::Ready));
    assert_ne!(after.content_version, before.content_version);
    assert_eq!(after.modified_ns, 1_001_000_000_000);
}

#[tokio::test]
async fn a_renamed_file_keeps_its_id_and_its_facts() {
    let f = fixture();
    f.add("old name.mkv", "a");
    f.scan().await;
    let before = f.file("old name.mkv");
    fs::create_dir(f.root.join("sub")).unwrap();
    fs::rename(f.root.join("old name.mkv"), f.root.join("sub/new name.mkv")).unwrap();
    let status = f.scan().await;
    assert_eq!((status.indexed, status.probed, status.offline), (1, 0, 0));
    let after = f.file("sub/new name.mkv");
    assert_eq!((after.id, after.state, f.files().len()), (before.id, FileState::Ready, 1));
}

#[tokio::test]
async fn a_link_is_a_film_only_inside_its_library_and_linked_folders_are_not_walked() {
    let f = fixture();
    f.add("real/a.mkv", "a");
    fs::write(f.folder.path().join("secret.mkv"), "secret").unwrap();
    symlink("real/a.mkv", f.root.join("inside.mkv")).unwrap();
    symlink(f.root.join("real/a.mkv"), f.root.join("absolute.mkv")).unwrap();
    symlink("../secret.mkv", f.root.join("outside.mkv")).unwrap();
    symlink("nowhere.mkv", f.root.join("dangling.mkv")).unwrap();
    symlink("loop.mkv", f.root.join("loop.mkv")).unwrap();
    symlink("..", f.root.join("real/up")).unwrap();
    let status = f.scan().await;
    assert_eq!((status.candidates, status.failed), (3, 0));
    let mut names: Vec<String> = f.files().into_iter().map(|file| file.name).collect();
    names.sort();
    assert_eq!(names, ["a.mkv", "absolute.mkv", "inside.mkv"]);
    assert!(f.files().iter().all(|file| file.state == FileState::Ready));
}

#[tokio::test]
async fn a_fifo_or_socket_with_the_name_of_a_film_is_ignored() {
    let f = fixture();
    mknodat(CWD, f.root.join("x.mkv"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(f.root.join("y.mkv")).unwrap();
    symlink("x.mkv", f.root.join("z.mkv")).unwrap();
    let status = f.scan().await;
    assert_eq!((status.scanned_paths, status.candidates), (3, 0));
    assert!(f.files().is_empty());
}

#[tokio::test]
async fn a_folder_that_cannot_be_read_is_counted_and_the_rest_is_scanned() {
    let f = fixture();
    f.add("a.mkv", "a");
    // Deeper than a path can say: reading it fails for root too.
    let mut folder = openat(CWD, &f.root, OFlags::PATH, Mode::empty()).unwrap();
    for _ in 0..20 {
        let name = "d".repeat(250);
        mkdirat(&folder, &name, Mode::RWXU).unwrap();
        folder = openat(&folder, &name, OFlags::PATH, Mode::empty()).unwrap();
    }
    let status = f.scan().await;
    assert_eq!((status.state, status.failed, status.indexed, status.probed), (ScanState::Done, 1, 1, 1));
    assert!(status.last_error.unwrap().contains("too long"));
}

#[tokio::test]
async fn five_thousand_files_are_listed_in_batches_and_found_unchanged_after() {
    let f = gated(0);
    for i in 0..5000 {
        f.add(format!("{}/film {i}.mkv", i % 50), "same content");
    }
    let status = f.walk().await;
    assert_eq!((status.candidates, status.indexed, status.scanned_paths), (5000, 5000, 5050));
    assert_eq!(f.catalogue.unprobed(usize::MAX).unwrap().len(), 5000);
    let written = rows_written(&f.catalogue);
    let status = f.walk().await;
    assert_eq!((status.unchanged, status.indexed), (5000, 0));
    assert_eq!(rows_written(&f.catalogue), written);
}

#[tokio::test]
async fn a_scan_asked_for_while_another_probes_finds_what_came_since() {
    let mut f = gated(0);
    f.add("a.mkv", "a");
    f.walk().await;
    f.begun.recv().await.unwrap();
    f.add("b.mkv", "bb");
    let status = f.walk().await;
    assert_eq!((status.state, status.indexed, status.unchanged), (ScanState::Scanning, 1, 1));
    f.prober.gate.add_permits(2);
    let done = |status: &ScanStatus| status.state == ScanState::Done;
    let status = f.libraries.scan_updates().wait_for(done).await.unwrap().clone();
    assert_eq!((status.probed, status.failed), (2, 0));
    assert_eq!(status.codec_counts["none"], 2);
}

#[tokio::test]
async fn shutting_down_ends_the_scan_between_two_files_and_loses_nothing() {
    let mut f = gated(1);
    for name in ["a.mkv", "b.mkv", "c.mkv"] {
        f.add(name, name);
    }
    f.libraries.start_scan();
    f.begun.recv().await.unwrap();
    f.begun.recv().await.unwrap();
    f.stop.cancel();
    f.libraries.finished().await;
    let status = f.libraries.scan_status();
    assert_eq!((status.state, status.probed, status.failed), (ScanState::Done, 1, 0));
    assert_eq!(f.catalogue.unprobed(10).unwrap().len(), 2);
    assert_eq!(f.libraries.start_scan(), status);
}
