//! What opening a listed file tells, and what the catalogue learns from it.

use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;

use super::testing::fixture;
use super::*;
use crate::catalogue::{FileState, LibraryState};

#[tokio::test]
async fn a_listed_file_opens() {
    let f = fixture();
    f.add("sub/a.mkv", "content");
    f.scan().await;
    let mut content = String::new();
    f.libraries.open(&f.file("sub/a.mkv")).unwrap().read_to_string(&mut content).unwrap();
    assert_eq!(content, "content");
}

#[tokio::test]
async fn replaced_content_is_told_and_recorded() {
    let f = fixture();
    f.add("a.mkv", "a");
    f.scan().await;
    let before = f.file("a.mkv");
    f.add("a.mkv", "longer");
    assert!(matches!(f.libraries.open(&before), Err(LibraryError::Changed { .. })));
    let after = f.record(before.id);
    assert_eq!((after.state.clone(), after.size), (FileState::Unprobed, 6));
    assert!(f.libraries.open(&after).is_ok());
}

#[tokio::test]
async fn a_missing_file_is_told_from_a_missing_library() {
    let f = fixture();
    f.add("a.mkv", "a");
    f.add("b.mkv", "bb");
    f.scan().await;
    let (a, b) = (f.file("a.mkv"), f.file("b.mkv"));
    fs::remove_file(f.root.join("a.mkv")).unwrap();
    assert!(matches!(f.libraries.open(&a), Err(LibraryError::Missing { .. })));
    assert_eq!(f.record(a.id).state.name(), "offline");
    assert_eq!(f.record(b.id).state, FileState::Ready);

    let away = f.folder.path().join("away");
    fs::rename(&f.root, &away).unwrap();
    assert!(matches!(f.libraries.open(&b), Err(LibraryError::Offline { library, .. }) if library == "Films"));
    fs::create_dir(&f.root).unwrap();
    assert!(matches!(f.libraries.open(&b), Err(LibraryError::Offline { .. })), "an empty mount point");
    let gone = f.record(b.id);
    assert_eq!((gone.state.name(), gone.missing_since_ns), ("offline", None));

    fs::remove_dir(&f.root).unwrap();
    fs::rename(&away, &f.root).unwrap();
    assert!(f.libraries.open(&gone).is_ok());
    assert_eq!(f.record(b.id).state, FileState::Ready);
    assert_eq!(f.catalogue.libraries().unwrap()[0].state, LibraryState::Online);
}

#[tokio::test]
async fn a_listed_file_that_became_a_link_out_of_the_library_is_refused() {
    let f = fixture();
    f.add("a.mkv", "a");
    f.add("sub/b.mkv", "bb");
    f.scan().await;
    let (a, b) = (f.file("a.mkv"), f.file("sub/b.mkv"));
    let outside = f.folder.path().join("outside");
    fs::rename(f.root.join("sub"), &outside).unwrap();
    fs::rename(f.root.join("a.mkv"), outside.join("a.mkv")).unwrap();
    symlink("../outside/a.mkv", f.root.join("a.mkv")).unwrap();
    symlink(&outside, f.root.join("sub")).unwrap();
    for record in [a, b] {
        assert!(matches!(f.libraries.open(&record), Err(LibraryError::Refused { .. })), "{}", record.name);
    }
}
