//! Who waits for a probe, and what its outcomes do to the file.

use super::testing::{Answer, Fixture, fixture, gated};
use super::*;
use crate::base::ids::FileId;
use crate::catalogue::{FileState, ListQuery};

/// One unprobed file, listed without a scan: a scan would probe it too.
fn listed(f: &Fixture) -> FileId {
    f.add("a.mkv", "a");
    f.touch("a.mkv", 1000);
    let stamp = crate::catalogue::Stamp { size: 1, modified_ns: 1_000_000_000_000 };
    let library = f.catalogue.libraries().unwrap()[0].id;
    let new = crate::catalogue::Sighting::New { path: "a.mkv".into(), stamp };
    f.catalogue.record_sightings(library, &[new], 1).unwrap();
    f.catalogue.list(&ListQuery::default()).unwrap().files[0].id
}

fn answers(f: &Fixture, failures: impl IntoIterator<Item = ProbeFailure>) {
    f.prober.answers.lock().unwrap().extend(failures.into_iter().map(Answer::Fails));
}

fn died() -> ProbeFailure {
    ProbeFailure::WorkerDied("signal 11".to_owned())
}

#[tokio::test]
async fn two_who_ask_at_once_wait_for_one_probe() {
    let mut f = gated(0);
    let id = listed(&f);
    let (one, two) = (f.libraries.clone(), f.libraries.clone());
    let both = tokio::spawn(async move { tokio::join!(one.ensure_probed(id), two.ensure_probed(id)) });
    assert_eq!(f.begun.recv().await.unwrap(), f.root.join("a.mkv"));
    f.prober.gate.add_permits(2);
    let (one, two) = both.await.unwrap();
    assert_eq!((one.unwrap().state, two.unwrap().state), (FileState::Ready, FileState::Ready));
    assert_eq!(f.prober.gate.available_permits(), 1);
    assert!(f.libraries.ensure_probed(id).await.unwrap().media.is_some());
    assert!(f.begun.try_recv().is_err());
}

#[tokio::test]
async fn a_probe_goes_on_when_the_one_who_asked_leaves() {
    let mut f = gated(0);
    let id = listed(&f);
    let libraries = f.libraries.clone();
    let asks = tokio::spawn(async move { libraries.ensure_probed(id).await });
    f.begun.recv().await.unwrap();
    asks.abort();
    assert!(asks.await.unwrap_err().is_cancelled());
    f.prober.gate.add_permits(1);
    assert_eq!(f.libraries.ensure_probed(id).await.unwrap().state, FileState::Ready);
    assert!(f.begun.try_recv().is_err());
}

#[tokio::test]
async fn a_prober_that_dies_once_is_tried_again() {
    let f = fixture();
    let id = listed(&f);
    answers(&f, [died()]);
    assert_eq!(f.libraries.ensure_probed(id).await.unwrap().state, FileState::Ready);
}

#[tokio::test]
async fn a_file_that_kills_its_prober_twice_is_broken_until_the_next_scan() {
    let f = fixture();
    let id = listed(&f);
    answers(&f, [died(), died()]);
    let error = f.libraries.ensure_probed(id).await.unwrap_err();
    assert!(error.to_string().contains("signal 11"), "{error}");
    assert_eq!(f.record(id).state.name(), "broken");
    assert_eq!(f.scan().await.probed, 1);
    assert_eq!(f.record(id).state, FileState::Ready);
}

#[tokio::test]
async fn undecodable_content_is_broken_with_its_reason_and_not_probed_again() {
    let mut f = fixture();
    let id = listed(&f);
    answers(&f, [ProbeFailure::Undecodable("no moov box".to_owned())]);
    let status = f.scan().await;
    assert_eq!((status.probed, status.failed), (0, 1));
    assert!(status.last_error.unwrap().contains("no moov box"));
    f.begun.recv().await.unwrap();
    f.scan().await;
    let error = f.libraries.ensure_probed(id).await.unwrap_err();
    assert!(matches!(&error, LibraryError::Broken { reason, .. } if reason == "no moov box"), "{error}");
    assert!(f.begun.try_recv().is_err());
    f.add("a.mkv", "other content");
    f.scan().await;
    assert_eq!(f.record(id).state, FileState::Ready);
}

#[tokio::test]
async fn a_probe_that_panics_is_an_error_and_the_next_one_begins_anew() {
    let f = fixture();
    let id = listed(&f);
    f.prober.answers.lock().unwrap().push_back(Answer::Panics);
    assert!(matches!(f.libraries.ensure_probed(id).await, Err(LibraryError::ProbeLost(lost)) if lost == id));
    assert_eq!(f.libraries.ensure_probed(id).await.unwrap().state, FileState::Ready);
}

#[tokio::test]
async fn a_file_written_to_during_its_probe_is_probed_again() {
    let mut f = gated(0);
    let id = listed(&f);
    let libraries = f.libraries.clone();
    let asks = tokio::spawn(async move { libraries.ensure_probed(id).await });
    f.begun.recv().await.unwrap();
    f.touch("a.mkv", 2000);
    f.prober.gate.add_permits(2);
    let record = asks.await.unwrap().unwrap();
    assert_eq!((record.state, record.modified_ns), (FileState::Ready, 2_000_000_000_000));
    assert!(f.begun.try_recv().is_ok());
}

#[tokio::test]
async fn a_file_nobody_knows_is_named() {
    let f = fixture();
    let id = FileId::random();
    assert!(
        matches!(f.libraries.ensure_probed(id).await, Err(LibraryError::Unknown(unknown)) if unknown == id)
    );
}

#[tokio::test]
async fn a_file_that_is_back_before_the_next_scan_is_probed_when_asked_for() {
    let f = fixture();
    let id = listed(&f);
    let away = f.folder.path().join("away");
    std::fs::rename(&f.root, &away).unwrap();
    assert!(matches!(f.libraries.ensure_probed(id).await, Err(LibraryError::Offline { .. })));
    assert!(matches!(f.libraries.ensure_probed(id).await, Err(LibraryError::Offline { .. })));
    std::fs::rename(&away, &f.root).unwrap();
    f.touch("a.mkv", 3000);
    assert_eq!(f.libraries.ensure_probed(id).await.unwrap().state, FileState::Ready);
}
