//! A library in a temporary folder, and a prober that does as it is told.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::{BoxFuture, Libraries, LibraryRoot, ProbeFailure, Prober, ScanState, ScanStatus};
use crate::base::ids::FileId;
use crate::catalogue::testing::{keyframes, media};
use crate::catalogue::{Catalogue, FileRecord, ListQuery};
use crate::media::{KeyframeIndex, MediaInfo};

pub(super) enum Answer {
    Fails(ProbeFailure),
    Panics,
}

/// Answers with facts unless told otherwise; waits for a permit of `gate` before each answer.
pub(super) struct FakeProber {
    pub gate: Semaphore,
    pub answers: Mutex<VecDeque<Answer>>,
    begun: mpsc::UnboundedSender<PathBuf>,
}

impl Prober for FakeProber {
    fn probe<'a>(
        &'a self,
        _: File,
        path_hint: &'a Path,
    ) -> BoxFuture<'a, Result<(MediaInfo, KeyframeIndex), ProbeFailure>> {
        Box::pin(async move {
            self.begun.send(path_hint.to_owned()).unwrap();
            self.gate.acquire().await.unwrap().forget();
            let answer = self.answers.lock().unwrap().pop_front();
            match answer {
                None => Ok((media(9), keyframes())),
                Some(Answer::Fails(failure)) => Err(failure),
                Some(Answer::Panics) => panic!("as the test wants it"),
            }
        })
    }
}

pub(super) struct Fixture {
    pub folder: tempfile::TempDir,
    pub root: PathBuf,
    pub catalogue: Catalogue,
    pub libraries: Libraries,
    pub prober: Arc<FakeProber>,
    /// Paths of the probes, as they begin.
    pub begun: mpsc::UnboundedReceiver<PathBuf>,
    pub stop: CancellationToken,
}

const UNGATED: usize = 100_000;

/// A library `Films` in an empty folder, its prober answering at once.
pub(super) fn fixture() -> Fixture {
    gated(UNGATED)
}

/// The same with so many answers of the prober let through.
pub(super) fn gated(answers: usize) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("films");
    fs::create_dir(&root).unwrap();
    let catalogue = Catalogue::in_memory().unwrap();
    let (sender, begun) = mpsc::unbounded_channel();
    let prober =
        Arc::new(FakeProber { gate: Semaphore::new(answers), answers: Mutex::default(), begun: sender });
    let stop = CancellationToken::new();
    let roots = [LibraryRoot { name: "Films".to_owned(), path: root.clone() }];
    let libraries =
        Libraries::new(catalogue.clone(), &roots, Arc::clone(&prober) as _, stop.clone()).unwrap();
    Fixture { folder, root, catalogue, libraries, prober, begun, stop }
}

impl Fixture {
    pub fn add(&self, path: impl AsRef<Path>, content: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Sets the modification time, `seconds` after 1970.
    pub fn touch(&self, path: impl AsRef<Path>, seconds: u64) {
        let file = File::options().write(true).open(self.root.join(path)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    }

    /// Scans to the end.
    pub async fn scan(&self) -> ScanStatus {
        let mut updates = self.libraries.scan_updates();
        assert_eq!(self.libraries.start_scan().state, ScanState::Scanning);
        updates.wait_for(|status| status.state == ScanState::Done).await.unwrap().clone()
    }

    /// Walks the folders and leaves the probes to the gate.
    pub async fn walk(&self) -> ScanStatus {
        let mut updates = self.libraries.scan_updates();
        self.libraries.start_scan();
        updates.wait_for(|status| status.listed_at.is_some()).await.unwrap().clone()
    }

    pub fn files(&self) -> Vec<FileRecord> {
        self.catalogue.list(&ListQuery { limit: 1000, ..ListQuery::default() }).unwrap().files
    }

    pub fn file(&self, path: impl AsRef<Path>) -> FileRecord {
        let path = path.as_ref();
        self.files().into_iter().find(|file| file.relative_path == path).expect("the file is listed")
    }

    pub fn record(&self, id: FileId) -> FileRecord {
        self.catalogue.file(id).unwrap().unwrap()
    }
}
