//! The service of this room: scans on request, probes what is new behind everybody's back, and at once what
//! somebody waits for.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::beneath::stamp_of;
use super::beside;
use super::error::LibraryError;
use super::flight::Flights;
use super::open;
use super::probe::{ProbeFailure, Prober};
use super::scan::Scan;
use super::status::{Board, ScanNumber, ScanState, ScanStatus, now_ns, now_rfc3339};
use crate::base::ids::FileId;
use crate::catalogue::{Breakage, Catalogue, CatalogueError, FileRecord, FileState};
use crate::media::TextFile;

/// One for the background, the rest for viewers who wait: a probe is a process that reads a disk.
const MAX_PROBES: usize = 3;
/// A prober that died with a file may have died of something else; one that dies twice did not.
const PROBE_ATTEMPTS: usize = 2;
/// A file that is still being written changes under every probe; the next scan sees to it.
const MAX_CHANGES_FOLLOWED: usize = 3;

/// A library as the configuration names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryRoot {
    pub name: String,
    pub path: PathBuf,
}

/// Handle to the service; clones share it.
#[derive(Clone)]
pub struct Libraries {
    shared: Arc<Shared>,
}

struct Shared {
    catalogue: Catalogue,
    prober: Arc<dyn Prober>,
    stop: CancellationToken,
    board: Board,
    flights: Flights,
    probes: Semaphore,
    tasks: TaskTracker,
}

impl Libraries {
    /// Writes the configured libraries down; scans nothing yet. Blocks on the catalogue. Cancelling `stop` ends
    /// scans and probes.
    pub fn new(
        catalogue: Catalogue,
        roots: &[LibraryRoot],
        prober: Arc<dyn Prober>,
        stop: CancellationToken,
    ) -> Result<Self, LibraryError> {
        let board = Board::new(catalogue.codec_counts()?);
        let (flights, probes, tasks) = (Flights::default(), Semaphore::new(MAX_PROBES), TaskTracker::new());
        let shared = Shared { catalogue, prober, stop, board, flights, probes, tasks };
        let libraries = Self { shared: Arc::new(shared) };
        libraries.configure(roots)?;
        Ok(libraries)
    }

    /// Takes over other libraries, on reload; the next scan looks into them. Blocks on the catalogue.
    pub fn configure(&self, roots: &[LibraryRoot]) -> Result<(), LibraryError> {
        let named: Vec<(&str, &Path)> =
            roots.iter().map(|root| (root.name.as_str(), root.path.as_path())).collect();
        Ok(self.shared.catalogue.configure_libraries(&named)?)
    }

    /// Starts a scan, or joins the one that is walking the folders. The status says `scanning` when this
    /// returns. To be called within the runtime.
    pub fn start_scan(&self) -> ScanStatus {
        if !self.shared.stop.is_cancelled()
            && let Some(number) = self.shared.board.begin()
        {
            self.shared.tasks.spawn(self.clone().scan(number));
        }
        self.scan_status()
    }

    pub fn scan_status(&self) -> ScanStatus {
        self.shared.board.snapshot()
    }

    /// Changes with every path that is looked at and every probe.
    pub fn scan_updates(&self) -> watch::Receiver<ScanStatus> {
        self.shared.board.updates()
    }

    /// The file with its facts, probed now if that has not happened yet. All who ask meanwhile wait for one
    /// probe. Ends in an error for a file that is broken or cannot be seen.
    pub async fn ensure_probed(&self, id: FileId) -> Result<FileRecord, LibraryError> {
        let mut path = PathBuf::new();
        for _ in 0..MAX_CHANGES_FOLLOWED {
            let record = self.record(id).await?;
            path = record.path();
            match record.state {
                FileState::Ready => return Ok(record),
                FileState::Broken { reason } => return Err(LibraryError::Broken { path, reason }),
                // The catalogue's word may be old; opening the file puts it right.
                FileState::Offline { .. } => {
                    let shared = Arc::clone(&self.shared);
                    match blocking(move || open::open(&shared.catalogue, &record)).await {
                        Ok(_) | Err(LibraryError::Changed { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
                FileState::Unprobed => {
                    let libraries = self.clone();
                    let start = |flight: super::flight::Flight| {
                        let tasks = self.shared.tasks.clone();
                        tasks.spawn(async move { flight.land(libraries.probe(id).await) });
                    };
                    self.shared.flights.join(id, start).await?;
                }
            }
        }
        // Once more, for what the last turn did.
        match self.record(id).await? {
            record if record.state == FileState::Ready => Ok(record),
            FileRecord { state: FileState::Broken { reason }, .. } => {
                Err(LibraryError::Broken { path, reason })
            }
            _ => Err(LibraryError::Changed { path }),
        }
    }

    /// Opens the file of `record` for reading, beneath its library's root and nowhere else. What that shows
    /// (other content, a missing file, a library that is gone or back) is in the catalogue when this returns.
    /// Blocks on the disk of the library.
    pub fn open(&self, record: &FileRecord) -> Result<File, LibraryError> {
        open::open(&self.shared.catalogue, record)
    }

    /// Files of subtitles beside the film of `record`. Blocks on the disk of the library.
    pub fn texts_beside(&self, record: &FileRecord) -> Result<Vec<TextFile>, LibraryError> {
        beside::texts(record)
    }

    /// Opens one of them, beneath the library's root and nowhere else. Blocks on the disk of the library.
    pub fn open_text(&self, record: &FileRecord, text: &TextFile) -> Result<File, LibraryError> {
        beside::open(record, text)
    }

    /// Waits until nothing runs here any more, once the token given to [`Self::new`] is cancelled.
    pub async fn finished(&self) {
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    async fn record(&self, id: FileId) -> Result<FileRecord, LibraryError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.catalogue.file(id)?.ok_or(LibraryError::Unknown(id))).await
    }

    /// One probe of an unprobed file, its outcome in the catalogue. Ok also when the content changed meanwhile.
    async fn probe(&self, id: FileId) -> Result<(), LibraryError> {
        let shared = &self.shared;
        let permit = async { shared.probes.acquire().await.map_err(|_| LibraryError::ShuttingDown) };
        let _permit = shared.stop.run_until_cancelled(permit).await.ok_or(LibraryError::ShuttingDown)??;
        let mut attempt = 1;
        loop {
            let record = self.record(id).await?;
            if record.state != FileState::Unprobed {
                return Ok(());
            }
            let opener = Arc::clone(shared);
            let (record, file) = match blocking(move || {
                let file = open::open(&opener.catalogue, &record)?;
                Ok((record, file))
            })
            .await
            {
                Ok(opened) => opened,
                Err(LibraryError::Changed { .. }) => return Ok(()),
                Err(error) => return Err(error),
            };
            let path = record.path();
            let kept = file.try_clone();
            let kept = kept.map_err(|error| LibraryError::Unreadable {
                path: path.clone(),
                reason: error.to_string(),
            })?;
            let found = shared.stop.run_until_cancelled(shared.prober.probe(file, &path)).await;
            let found = match found.ok_or(LibraryError::ShuttingDown)? {
                Err(ProbeFailure::WorkerDied(_)) if attempt < PROBE_ATTEMPTS => {
                    attempt += 1;
                    continue;
                }
                found => found,
            };
            let keeper = Arc::clone(shared);
            return blocking(move || keep(&keeper.catalogue, &record, &kept, found)).await;
        }
    }

    async fn scan(self, number: ScanNumber) {
        let walker = Arc::clone(&self.shared);
        let walked = self.shared.tasks.spawn_blocking(move || walker.walk(number)).await;
        let waiting = match walked {
            Ok(Ok(waiting)) => waiting,
            Ok(Err(error)) => {
                tracing::error!(%error, "scan failed");
                self.shared.board.update(number, |status| status.failed(error));
                Vec::new()
            }
            Err(panicked) => {
                self.shared.board.update(number, |status| status.failed(panicked));
                Vec::new()
            }
        };
        self.shared.board.update(number, |status| status.listed_at = Some(now_rfc3339()));
        for id in waiting {
            if self.shared.stop.is_cancelled() || !self.shared.board.is_current(number) {
                break;
            }
            let outcome = self.ensure_probed(id).await;
            self.shared.board.update(number, |status| count(status, outcome));
        }
        let counter = Arc::clone(&self.shared);
        let counted = blocking(move || Ok(counter.show_counts(number)?)).await;
        self.shared.board.update(number, |status| {
            if let Err(error) = counted {
                status.failed(error);
            }
            status.state = ScanState::Done;
            status.finished_at = Some(now_rfc3339());
        });
    }
}

impl Shared {
    /// Walks all libraries; the files that wait for a probe, newest first.
    fn walk(&self, number: ScanNumber) -> Result<Vec<FileId>, CatalogueError> {
        self.catalogue.forgive_passing()?;
        let scan = Scan { catalogue: &self.catalogue, board: &self.board, number, stop: &self.stop };
        for library in self.catalogue.libraries()? {
            scan.walk(&library)?;
        }
        self.show_counts(number)?;
        self.catalogue.unprobed(usize::MAX)
    }

    /// Counts what the catalogue holds: probes on request and opened files changed it beside the scan.
    fn show_counts(&self, number: ScanNumber) -> Result<(), CatalogueError> {
        let (offline, codec_counts) = (self.catalogue.offline_count()?, self.catalogue.codec_counts()?);
        self.board.update(number, |status| {
            status.offline = offline;
            status.codec_counts = codec_counts;
        });
        Ok(())
    }
}

/// Stores what a probe of `record` found, unless `file` was written to while it looked.
fn keep(
    catalogue: &Catalogue,
    record: &FileRecord,
    file: &File,
    found: Result<(crate::media::MediaInfo, crate::media::KeyframeIndex), ProbeFailure>,
) -> Result<(), LibraryError> {
    if let Ok(stamp) = stamp_of(file)
        && stamp.content_version() != record.content_version
    {
        return match open::changed(catalogue, record, stamp) {
            LibraryError::Changed { .. } => Ok(()),
            error => Err(error),
        };
    }
    let (id, version) = (record.id, record.content_version);
    let breakage = match found {
        Ok((media, keyframes)) => {
            catalogue.set_facts(id, version, &media, &keyframes, now_ns())?;
            return Ok(());
        }
        Err(failure @ ProbeFailure::Undecodable(_)) => Breakage::Content(failure.to_string()),
        Err(failure) => Breakage::Passing(failure.to_string()),
    };
    tracing::warn!(file = %id, path = %record.path().display(), ?breakage, "file is broken");
    catalogue.set_broken(id, version, &breakage, now_ns())?;
    Ok(())
}

fn count(status: &mut ScanStatus, outcome: Result<FileRecord, LibraryError>) {
    match outcome {
        Ok(record) => {
            status.probed += 1;
            let codec =
                record.media.as_ref().and_then(|media| media.video.first()).map(|track| track.codec.clone());
            *status.codec_counts.entry(codec.unwrap_or_else(|| "none".to_owned())).or_default() += 1;
        }
        Err(LibraryError::ShuttingDown) => {}
        Err(LibraryError::Offline { .. } | LibraryError::Missing { .. }) => status.offline += 1,
        Err(error) => status.failed(error),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LibraryError> + Send + 'static,
) -> Result<T, LibraryError> {
    // It fails only by a panic of ours or when the runtime goes away.
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(LibraryError::ShuttingDown))
}
