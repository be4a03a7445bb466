//! The text tracks of files, and files of subtitles beside them, read by workers from where a viewer is, once for all viewers and all tracks.

mod known;

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, watch};

use super::error::StreamError;
use super::service::Shared;
use crate::base::ids::FileId;
use crate::catalogue::{ContentVersion, FileRecord};
use crate::media::{TextFile, TextFileName};
use crate::rendition::{Presentation, TextRendition, TextSource};
use crate::text::Cue;
use crate::timeline::{NANOS_PER_SECOND, Nanos};
use crate::worker::protocol::{Failure, FailureKind, Report, Request, TextFileSpec, TextInput, TextSpec};
use crate::worker::{Source, WorkerError};
use known::Known;

/// Files whose lines are kept; one has some hundred kilobytes.
const MAX_BOOKS: usize = 32;
/// Workers that read one file at once: a viewer's place, and where another one seeks.
const MAX_READINGS: usize = 2;
/// Workers that read text at once, of all files.
const MAX_WORKERS: usize = 4;
/// A reading that is so near will be there soon.
const NEAR_NS: Nanos = 60 * NANOS_PER_SECOND;
/// A worker that tells nothing for so long hangs.
const SILENCE: Duration = Duration::from_secs(30);
/// What failed is tried again after so long.
const AGAIN: Duration = Duration::from_secs(10);

/// The text of all files that somebody reads.
pub struct Texts {
    books: Mutex<HashMap<BookKey, Arc<Book>>>,
    /// Workers that may read text, on the whole box.
    turns: Arc<Semaphore>,
}

impl Default for Texts {
    fn default() -> Self {
        Self { books: Mutex::default(), turns: Arc::new(Semaphore::new(MAX_WORKERS)) }
    }
}

/// The tracks in a film, or a file beside it, by its path.
type BookKey = (FileId, Option<PathBuf>);

/// What is read at once.
struct Book {
    version: ContentVersion,
    content: Content,
    state: Mutex<State>,
    /// Moves with everything that becomes known.
    news: watch::Sender<()>,
    used: Mutex<Instant>,
}

enum Content {
    /// All tracks of a film, with their indices in its facts in the order of the spec.
    Tracks(TextSpec, Vec<usize>),
    File(Arc<TextFile>),
}

#[derive(Default)]
struct State {
    known: Known,
    readings: Vec<Arc<Reading>>,
    failed: Option<(Instant, StreamError)>,
}

/// One worker at work.
struct Reading {
    /// Up to where it has come.
    at_ns: AtomicI64,
}

impl Texts {
    /// The lines of `rendition` of `record`, of which none that is shown in `time` is missing.
    pub async fn cues(
        &self,
        shared: &Arc<Shared>,
        record: &FileRecord,
        presentation: &Presentation,
        rendition: &TextRendition,
        time: Range<Nanos>,
    ) -> Result<Vec<Cue>, StreamError> {
        let book = self.book(record, presentation, rendition);
        let mut news = book.news.subscribe();
        loop {
            {
                let mut state = book.state();
                if state.known.covers(&time) {
                    let place = book.place(&rendition.source);
                    return Ok(place.map(|place| state.known.cues(place)).unwrap_or_default());
                }
                if let Some((when, error)) = &state.failed
                    && when.elapsed() < AGAIN
                {
                    return Err(error.clone());
                }
                if let Some(reading) = state.reading_for(time.start) {
                    let read = read(shared.clone(), record.clone(), book.clone(), reading, time.start);
                    let turns = self.turns.clone();
                    tokio::spawn(async move {
                        let _turn = turns.acquire_owned().await;
                        read.await;
                    });
                }
            }
            news.changed().await.map_err(|_| StreamError::ShuttingDown)?;
        }
    }

    fn book(&self, record: &FileRecord, presentation: &Presentation, rendition: &TextRendition) -> Arc<Book> {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let (key, version) = match &rendition.source {
            TextSource::Track(_) => ((record.id, None), record.content_version),
            TextSource::File(file) => {
                let version = ContentVersion::of(file.size, file.modified_ns);
                ((record.id, Some(file.path.clone())), version)
            }
        };
        if let Some(book) = books.get(&key).filter(|book| book.version == version) {
            *book.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            return book.clone();
        }
        let used = |book: &Arc<Book>| *book.used.lock().unwrap_or_else(PoisonError::into_inner);
        while books.len() >= MAX_BOOKS {
            let Some(oldest) = books.iter().min_by_key(|(_, book)| used(book)).map(|(key, _)| key.clone())
            else {
                break;
            };
            books.remove(&oldest);
        }
        let content = match &rendition.source {
            TextSource::Track(_) => Content::tracks(presentation),
            TextSource::File(file) => Content::File(file.clone()),
        };
        let book = Arc::new(Book::new(version, content));
        books.insert(key, book.clone());
        book
    }
}

impl Content {
    fn tracks(presentation: &Presentation) -> Self {
        let info = &presentation.info;
        let tracks: Vec<usize> = presentation
            .text
            .iter()
            .filter_map(|rendition| match rendition.source {
                TextSource::Track(track) => Some(track),
                TextSource::File(_) => None,
            })
            .collect();
        let inputs = tracks.iter().filter_map(|&track| info.text.get(track));
        let inputs = inputs.map(|track| TextInput { number: track.facts.number, codec: track.codec.clone() });
        let spec = TextSpec {
            container: info.container,
            origin_ns: info.origin_ns,
            tracks: inputs.collect(),
            from_ns: 0,
        };
        Self::Tracks(spec, tracks)
    }
}

impl Book {
    fn new(version: ContentVersion, content: Content) -> Self {
        let (state, news, used) = (Mutex::default(), watch::Sender::default(), Mutex::new(Instant::now()));
        Self { version, content, state, news, used }
    }

    /// Where its lines are among what is known.
    fn place(&self, source: &TextSource) -> Option<usize> {
        match (&self.content, source) {
            (Content::Tracks(_, tracks), TextSource::Track(track)) => {
                tracks.iter().position(|known| known == track)
            }
            (Content::File(_), TextSource::File(_)) => Some(0),
            _ => None,
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A reading that is to be begun for `at_ns`; `None` where one comes there soon, or enough are at work.
    fn reading_for(&mut self, at_ns: Nanos) -> Option<Arc<Reading>> {
        let near = |reading: &Arc<Reading>| {
            let now = reading.at_ns.load(Ordering::Relaxed);
            now <= at_ns && at_ns - now <= NEAR_NS
        };
        if self.readings.len() >= MAX_READINGS || self.readings.iter().any(near) {
            return None;
        }
        let reading = Arc::new(Reading { at_ns: AtomicI64::new(at_ns) });
        self.readings.push(reading.clone());
        Some(reading)
    }
}

async fn read(
    shared: Arc<Shared>,
    record: FileRecord,
    book: Arc<Book>,
    reading: Arc<Reading>,
    from_ns: Nanos,
) {
    let name = record.name.clone();
    let failed = read_all(&shared, record, &book, &reading, from_ns).await.err();
    if let Some(error) = &failed {
        tracing::warn!(file = name, %error, "text cannot be read");
    }
    let mut state = book.state();
    state.readings.retain(|other| !Arc::ptr_eq(other, &reading));
    state.failed = failed.map(|error| (Instant::now(), error));
    drop(state);
    book.news.send_replace(());
}

async fn read_all(
    shared: &Arc<Shared>,
    record: FileRecord,
    book: &Book,
    reading: &Reading,
    from_ns: Nanos,
) -> Result<(), StreamError> {
    let (name, opened, request) = match &book.content {
        Content::Tracks(spec, _) => {
            let request = Request::Text(TextSpec { from_ns, ..spec.clone() });
            (record.name.clone(), shared.open(record).await, request)
        }
        Content::File(file) => {
            let TextFileName { format, language, .. } = file.name.clone();
            let name = file.path.display().to_string();
            let request = Request::TextFile(TextFileSpec { format, language });
            (name, shared.open_text(record, file.clone()).await, request)
        }
    };
    let source = Source::from(opened.map_err(StreamError::Offline)?);
    let of_worker = |error: WorkerError| match error {
        WorkerError::Failed(Failure { kind: FailureKind::Source, message, .. }) => {
            StreamError::Damaged(format!("{name}: {message}"))
        }
        other => StreamError::Undecodable(format!("{name}: its text cannot be read: {other}")),
    };
    let mut worker = shared.pool.take().await.map_err(of_worker)?;
    worker.send(&request, Some(&source)).await.map_err(of_worker)?;
    loop {
        let next = tokio::time::timeout(SILENCE, worker.next()).await;
        match next.unwrap_or_else(|_| Err(shared.pool.hung(SILENCE))).map_err(of_worker)? {
            Report::Cues { cues, covered } => {
                reading.at_ns.store(covered.end, Ordering::Relaxed);
                book.state().known.add(cues, covered);
                book.news.send_replace(());
            }
            Report::TextEnd => {
                book.state().known.add(Vec::new(), 0..Nanos::MAX);
                return Ok(());
            }
            Report::Failed(failure) => return Err(of_worker(failure.into())),
            _ => {}
        }
    }
}
