//! All encoders of the box: one per file, made at first need, ended when idle.

use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use super::actor::{self, Command, Handle};
use super::choice::{Choices, Decision, HardwareStatus, Tried};
use super::error::StreamError;
use super::images::Images;
use super::room::Room;
use super::state::{RenditionIndex, Ticket};
use super::telemetry::Telemetry;
use super::text::Texts;
use super::types::{
    HeadStatus, LiveEdgeState, LiveStatus, SegmentReader, StartOptions, Started, StopReport, TextSpan, Whole,
};
use crate::base::ids::FileId;
use crate::catalogue::{Catalogue, ContentVersion, FileRecord};
use crate::library::{Libraries, LibraryError};
use crate::media::{KeyframeIndex, TextFile};
use crate::pipeline::Resolved;
use crate::rendition::{self, Ladder, PlanSettings, Presentation, Rendition, RenditionId, RenditionMedia};
use crate::store::{Counters, SegmentStore, StoreKey};
use crate::text::webvtt;
use crate::timeline::{CutTargets, Nanos, SegmentIndex};
use crate::worker::WorkerPool;

/// Held while a request waits or reads; dropping it lets heads go.
#[derive(Debug)]
pub struct Lease {
    pub(super) releases: mpsc::UnboundedSender<Release>,
    pub(super) release: Release,
}

/// What a lease gives back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Release {
    pub rendition: RenditionIndex,
    pub segment: u32,
    pub ticket: Ticket,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let _actor_gone = self.releases.send(self.release);
    }
}

/// The owner's settings, in the encoder's terms.
#[derive(Clone, Debug)]
pub struct EncodeSettings {
    pub targets: CutTargets,
    pub ladder: Ladder,
    pub audio_bps: u32,
    /// All heads of the box together.
    pub max_heads: usize,
    pub look_ahead_ns: Nanos,
    pub idle: Duration,
}

/// How things are with all encoders together.
#[derive(Clone, Copy, Debug, Default)]
pub struct EncoderStatus {
    /// Heads that may run at once.
    pub max_heads: usize,
    pub store: Counters,
    /// Bytes that may be stored.
    pub store_limit: u64,
}

#[derive(Clone)]
pub struct Encoders {
    shared: Arc<Shared>,
}

pub struct Shared {
    pub(super) libraries: Libraries,
    pub(super) pool: WorkerPool,
    pub(super) store: Arc<SegmentStore>,
    pub(super) settings: EncodeSettings,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) room: Room,
    texts: Texts,
    images: Images,
    catalogue: Catalogue,
    pub(super) choices: Choices,
    /// Files being opened.
    opening: Arc<Semaphore>,
    files: Mutex<HashMap<FileId, Arc<FileEncoder>>>,
}

struct FileEncoder {
    version: ContentVersion,
    /// With the files of subtitles that were beside the film when somebody last looked.
    presentation: RwLock<Arc<Presentation>>,
    commands: mpsc::Sender<Command>,
    heads: watch::Receiver<Vec<HeadStatus>>,
    live: watch::Receiver<LiveEdgeState>,
    /// When the catalogue was last asked whether the file is still the same.
    checked: Mutex<Instant>,
    /// When its folder was last looked into for subtitles.
    looked: Mutex<Option<Instant>>,
}

impl FileEncoder {
    fn presentation(&self) -> Arc<Presentation> {
        self.presentation.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A file is looked at again in the catalogue after so long; within it, segments are served without.
const RECHECK: Duration = Duration::from_secs(2);
/// Something is looked for in the store and with its encoder so many times, in case it moves from one to the other.
const LOOKS: usize = 3;

/// Files of subtitles that come or go are noticed after so long.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// A playlist waits so long for a folder that is listed, and then goes without.
const LOOK_PATIENCE: Duration = Duration::from_secs(2);

/// What was started and is not asked for is made for so long.
const WARM: Duration = Duration::from_secs(10);

/// Disks that slept need some seconds; players do not wait longer.
const OPEN_DEADLINE: Duration = Duration::from_secs(15);
/// Threads that wait for disks, of the 512 that the runtime has for everything.
const MAX_OPENING: usize = 32;

impl Shared {
    /// Opens the file for a head; the error is for the log and the client.
    pub(super) async fn open(&self, record: FileRecord) -> Result<File, String> {
        let (libraries, asked) = (self.libraries.clone(), record.clone());
        self.on_disk(&record, move || libraries.open(&asked)).await
    }

    /// Opens a file of subtitles beside the film of `record`, likewise.
    pub(super) async fn open_text(&self, record: FileRecord, text: Arc<TextFile>) -> Result<File, String> {
        let (libraries, asked) = (self.libraries.clone(), record.clone());
        self.on_disk(&record, move || libraries.open_text(&asked, &text)).await
    }

    /// A disk that does not answer keeps threads: they are limited, so that what is stored can still be read.
    async fn on_disk<T: Send + 'static>(
        &self,
        record: &FileRecord,
        work: impl FnOnce() -> Result<T, LibraryError> + Send + 'static,
    ) -> Result<T, String> {
        let stuck = || format!("{}: the disk of the library does not answer", record.name);
        let opening = tokio::time::timeout(OPEN_DEADLINE, self.opening.clone().acquire_owned());
        let permit = opening.await.map_err(|_| stuck())?;
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work().map_err(|error| error.to_string())
        });
        let done = tokio::time::timeout(OPEN_DEADLINE, done).await.map_err(|_| stuck())?;
        done.unwrap_or_else(|error| Err(error.to_string()))
    }
}

impl Encoders {
    pub fn new(
        libraries: Libraries,
        catalogue: Catalogue,
        pool: WorkerPool,
        store: SegmentStore,
        settings: EncodeSettings,
    ) -> Self {
        let room = Room::new(settings.max_heads);
        let opening = Arc::new(Semaphore::new(MAX_OPENING));
        let telemetry = Arc::<Telemetry>::default();
        let (choices, files, texts) = (Choices::default(), Mutex::default(), Texts::default());
        let store = Arc::new(store);
        let cooling = store.clone();
        tokio::spawn(async move { cooling.keep_cool().await });
        let shared = Shared {
            libraries,
            pool,
            store,
            settings,
            telemetry,
            room,
            texts,
            images: Images::default(),
            catalogue,
            choices,
            opening,
            files,
        };
        Self { shared: Arc::new(shared) }
    }

    /// What of the profiles works on this machine, in order of preference.
    pub fn set_profiles(&self, profiles: Vec<Resolved>) {
        self.shared.choices.set_profiles(profiles);
    }

    /// Of each rendition that is listed the profile that would make it now, and why that one.
    pub fn decisions(&self, presentation: &Presentation) -> Vec<Decision> {
        let (choices, info) = (&self.shared.choices, &presentation.info);
        let decision = |rendition: &Arc<Rendition>| {
            let next = choices.next(info, rendition, &Tried::default());
            next.map_or_else(Decision::none, |(way, reason)| Decision::new(&way, reason))
        };
        presentation.listed().map(decision).collect()
    }

    /// How things are with hardware.
    pub fn hardware(&self) -> HardwareStatus {
        let choices = &self.shared.choices;
        HardwareStatus { resting: choices.resting(), sessions: choices.sessions() }
    }

    /// The renditions of a file, probing it first if nobody has.
    pub async fn presentation(&self, file: FileId) -> Result<Arc<Presentation>, StreamError> {
        let encoder = self.encoder(file).await?;
        {
            let mut looked = encoder.looked.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(before) = &mut *looked {
                if before.elapsed() < LOOK_AGAIN {
                    return Ok(encoder.presentation());
                }
                // One looks again; the first time all do.
                *before = Instant::now();
            }
        }
        self.look_beside(file, encoder).await
    }

    /// The presentation with the files of subtitles that lie beside the film now. Where its folder cannot be seen, or
    /// not soon, with those it had.
    async fn look_beside(
        &self,
        file: FileId,
        encoder: Arc<FileEncoder>,
    ) -> Result<Arc<Presentation>, StreamError> {
        let record =
            self.shared.libraries.ensure_probed(file).await.map_err(|error| stream_error(file, error))?;
        let (libraries, asked) = (self.shared.libraries.clone(), record.clone());
        let look = self.shared.on_disk(&record, move || libraries.texts_beside(&asked));
        let found = tokio::time::timeout(LOOK_PATIENCE, look).await;
        *encoder.looked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        let Ok(Ok(found)) = found else {
            return Ok(encoder.presentation());
        };
        let (found, known): (Vec<Arc<TextFile>>, _) =
            (found.into_iter().map(Arc::new).collect(), encoder.presentation());
        if known.text_files().eq(&found) || record.content_version != encoder.version {
            return Ok(known);
        }
        // Heads do not know of text: they work on.
        let renewed = Arc::new(known.with_text_files(&found, &record.content_version.to_string()));
        *encoder.presentation.write().unwrap_or_else(PoisonError::into_inner) = renewed.clone();
        Ok(renewed)
    }

    /// The init segment of a rendition, by its id in URLs.
    pub async fn init(&self, file: FileId, rendition: &str) -> Result<Bytes, StreamError> {
        look_again(|| async move {
            let encoder = self.encoder(file).await?;
            let (rendition, _) = rendition_of(file, &encoder.presentation(), rendition)?;
            asked(&encoder, |reply| Command::Init { rendition, reply }).await?
        })
        .await
    }

    /// A segment, whole or growing. Starts what has to be started; does not wait for the first fragment.
    pub async fn segment(
        &self,
        file: FileId,
        rendition: &str,
        segment: SegmentIndex,
    ) -> Result<SegmentReader, StreamError> {
        let asked = Instant::now();
        let reader = self.find(file, rendition, segment).await?;
        let waiting = self.shared.telemetry.serve(reader.source(), asked);
        Ok(reader.measured(waiting))
    }

    /// A text rendition as WebVTT. Waits until none of the lines that are wanted is missing.
    pub async fn text(&self, file: FileId, rendition: &str, span: TextSpan) -> Result<String, StreamError> {
        let presentation = &self.presentation(file).await?;
        let found = presentation.text(rendition).ok_or_else(|| {
            let known = presentation.text.iter().map(|known| &known.id);
            StreamError::no_rendition(file, rendition, known)
        })?;
        let time = match span {
            TextSpan::All => 0..Nanos::MAX,
            TextSpan::Segment { index, part, .. } => {
                let time = match part {
                    Some(part) => found.time_of_part(index, part),
                    None => found.time(index),
                };
                time.ok_or_else(|| StreamError::BeyondEnd {
                    rendition: rendition.to_owned(),
                    segment: index.0,
                    count: found.cuts.segment_count(),
                })?
            }
        };
        let record =
            self.shared.libraries.ensure_probed(file).await.map_err(|error| stream_error(file, error))?;
        let cues = self.shared.texts.cues(&self.shared, &record, presentation, found, time.clone()).await?;
        Ok(match span {
            TextSpan::All => webvtt::whole(&cues),
            TextSpan::Segment { origin, .. } => webvtt::segment(&cues, time, origin),
        })
    }

    /// A sheet of small pictures. Waits until it is made.
    pub async fn sheet(&self, file: FileId, rendition: &str, sheet: u32) -> Result<Whole, StreamError> {
        let presentation = self.encoder(file).await?.presentation();
        let images = presentation.images.as_ref().filter(|known| *known.id.0 == *rendition);
        let images = images.ok_or_else(|| StreamError::no_rendition(file, rendition, presentation.ids()))?;
        if sheet >= images.sheet_count() {
            let (rendition, count) = (rendition.to_owned(), images.sheet_count());
            return Err(StreamError::BeyondEnd { rendition, segment: sheet, count });
        }
        let key = StoreKey { file, rendition: images.id.0.clone(), segment: Some(sheet) };
        if let Some(read) = self.shared.store.read(&key).await {
            return Ok(Whole::from(&read.piece));
        }
        let record =
            self.shared.libraries.ensure_probed(file).await.map_err(|error| stream_error(file, error))?;
        let shared = &self.shared;
        let made = shared.images.make(shared, key, &record, &presentation.info, images, sheet).await?;
        Ok(Whole::new(vec![made]))
    }

    async fn find(
        &self,
        file: FileId,
        rendition: &str,
        segment: SegmentIndex,
    ) -> Result<SegmentReader, StreamError> {
        look_again(|| async move {
            let encoder = self.encoder(file).await?;
            let (index, id) = rendition_of(file, &encoder.presentation(), rendition)?;
            let key = StoreKey { file, rendition: id.0.clone(), segment: Some(segment.0) };
            if let Some(read) = self.shared.store.read(&key).await {
                if read.news {
                    // A full queue means that the actor has plenty of signs of life.
                    let near = Command::Near { rendition: index, segment: segment.0 };
                    let _full = encoder.commands.try_send(near);
                }
                return Ok(SegmentReader::stored(read));
            }
            let command = |reply| Command::Segment { rendition: index, segment: segment.0, reply };
            // None where it has come into the store between the two questions.
            asked(&encoder, command).await??.ok_or(StreamError::ShuttingDown)
        })
        .await
    }

    /// Warms the heads that playback at a position will need; with `wait`, until the first fragment exists.
    pub async fn start(&self, file: FileId, options: StartOptions) -> Result<Started, StreamError> {
        look_again(|| self.try_to_start(file, options)).await
    }

    async fn try_to_start(&self, file: FileId, options: StartOptions) -> Result<Started, StreamError> {
        let begin = Instant::now();
        let encoder = self.encoder(file).await?;
        let presentation = &encoder.presentation();
        let video = presentation
            .video
            .iter()
            // The source's own cuts and times are too coarse for the edge.
            .find(|rendition| rendition.copied == (options.copy && !options.live))
            .or(presentation.video.first());
        let chosen: Vec<Arc<Rendition>> =
            video.into_iter().chain(default_audio(presentation)).cloned().collect();
        let mut at_ns = options.at_ns;
        let mut live = None;
        if options.live {
            let index =
                |wanted: &Arc<Rendition>| presentation.renditions().position(|known| known.id == wanted.id);
            let renditions = chosen.iter().filter_map(index).collect();
            let command = |reply| Command::Live { at_ns, renditions, reply };
            live = asked(&encoder, command).await?;
            at_ns = live.as_ref().map_or(at_ns, |live: &LiveStatus| live.position_ns.saturating_sub(1));
        }
        ask(&encoder, Command::Expect { at_ns }).await?;
        let mut readers = Vec::new();
        for rendition in &chosen {
            let segment = rendition.cuts.segment_at(at_ns);
            readers.push(self.find(file, &rendition.id.0, segment).await?);
        }
        let mut first_fragment = None;
        if options.wait
            && let Some(first) = readers.first_mut()
        {
            first.ready().await?;
            first_fragment = Some(begin.elapsed());
        }
        // Whoever asked for this will come for it: until then the heads work for these readers.
        tokio::spawn(tokio::time::timeout(WARM, async move {
            for mut reader in readers {
                let _made = reader.wait_whole().await;
            }
        }));
        Ok(Started { first_fragment, live })
    }

    /// Ends this file's heads that nobody waits on; with `purge` also drops its segments.
    pub async fn stop(&self, file: FileId, purge: bool) -> Result<StopReport, StreamError> {
        let known = self.lock_files().get(&file).cloned();
        let mut report = StopReport::default();
        // One that has retired has nothing left to stop.
        if let Some(encoder) = known
            && let Ok(stopped) = asked(&encoder, |reply| Command::Stop { purge, reply }).await
        {
            report = stopped;
        }
        if purge {
            let shared = self.shared.clone();
            let freed = tokio::task::spawn_blocking(move || shared.store.purge(file)).await;
            report.freed_bytes += freed.unwrap_or(0);
        }
        Ok(report)
    }

    /// What the segment store has done and holds.
    pub fn store_counters(&self) -> Counters {
        self.shared.store.counters()
    }

    pub fn heads(&self) -> Vec<HeadStatus> {
        let files: Vec<Arc<FileEncoder>> = self.lock_files().values().cloned().collect();
        files.iter().flat_map(|encoder| encoder.heads.borrow().clone()).collect()
    }

    /// Files with a live edge, and where that is.
    pub fn live(&self) -> Vec<(FileId, LiveStatus)> {
        let files = self.lock_files();
        let edge = |(file, encoder): (&FileId, &Arc<FileEncoder>)| {
            Some((*file, encoder.live.borrow().clone()?.ok()?))
        };
        files.iter().filter_map(edge).collect()
    }

    /// Where the live edge of a file is, as it moves.
    pub async fn live_edge(&self, file: FileId) -> Result<watch::Receiver<LiveEdgeState>, StreamError> {
        Ok(self.encoder(file).await?.live.clone())
    }

    /// Somebody watches this rendition at the live edge: it is made in step with it.
    pub async fn watch_live(&self, file: FileId, rendition: &str) -> Result<(), StreamError> {
        look_again(|| async move {
            let encoder = self.encoder(file).await?;
            let (rendition, _) = rendition_of(file, &encoder.presentation(), rendition)?;
            ask(&encoder, Command::Watch { rendition }).await
        })
        .await
    }

    pub fn telemetry(&self) -> &Telemetry {
        &self.shared.telemetry
    }

    pub fn status(&self) -> EncoderStatus {
        let Shared { settings, store, .. } = &*self.shared;
        let (max_heads, store_limit) = (settings.max_heads, store.limit_bytes());
        EncoderStatus { max_heads, store: store.counters(), store_limit }
    }

    /// Ends every encoder and its heads.
    pub fn close(&self) {
        self.lock_files().clear();
        self.shared.room.close();
    }

    fn lock_files(&self) -> std::sync::MutexGuard<'_, HashMap<FileId, Arc<FileEncoder>>> {
        self.shared.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The living encoder of the file as it is now.
    async fn encoder(&self, file: FileId) -> Result<Arc<FileEncoder>, StreamError> {
        let known = self.lock_files().get(&file).filter(|encoder| !encoder.commands.is_closed()).cloned();
        if let Some(known) = &known {
            let mut checked = known.checked.lock().unwrap_or_else(PoisonError::into_inner);
            if checked.elapsed() < RECHECK {
                return Ok(known.clone());
            }
            *checked = Instant::now();
        }
        let record = match self.shared.libraries.ensure_probed(file).await {
            Ok(record) => record,
            Err(error) => {
                let error = stream_error(file, error);
                // What is stored plays on while the library is away; heads hear of it themselves.
                return known.filter(|_| matches!(error, StreamError::Offline(_))).ok_or(error);
            }
        };
        if let Some(known) = known
            && known.version == record.content_version
        {
            return Ok(known);
        }
        self.make(record).await
    }

    async fn make(&self, record: FileRecord) -> Result<Arc<FileEncoder>, StreamError> {
        let (catalogue, id, version) = (self.shared.catalogue.clone(), record.id, record.content_version);
        let index = tokio::task::spawn_blocking(move || catalogue.keyframes(id, version))
            .await
            .map_err(|error| StreamError::Internal(error.to_string()))?
            .map_err(|error| StreamError::Internal(error.to_string()))?
            .unwrap_or_default();
        let presentation = Arc::new(self.plan(&record, &index)?);
        let mut files = self.lock_files();
        // Somebody may have been quicker.
        if let Some(known) = files.get(&id)
            && known.version == version
            && !known.commands.is_closed()
        {
            return Ok(known.clone());
        }
        let Handle { commands, heads, live } =
            actor::spawn(self.shared.clone(), record, presentation.clone());
        let checked = Mutex::new(Instant::now());
        let looked = Mutex::default();
        let presentation = RwLock::new(presentation);
        let encoder = Arc::new(FileEncoder { version, presentation, commands, heads, live, checked, looked });
        files.retain(|_, encoder| !encoder.commands.is_closed());
        files.insert(id, encoder.clone());
        Ok(encoder)
    }

    fn plan(&self, record: &FileRecord, index: &KeyframeIndex) -> Result<Presentation, StreamError> {
        let info =
            record.media.clone().ok_or_else(|| StreamError::Internal("a ready file has no facts".into()))?;
        let profiles = self.shared.choices.profiles();
        let decodes = |codec: &str| profiles.iter().any(|profile| profile.decodes(codec));
        let settings = PlanSettings {
            targets: self.shared.settings.targets,
            ladder: &self.shared.settings.ladder,
            audio_bps: self.shared.settings.audio_bps,
            decodes: &decodes,
            content_version: &record.content_version.to_string(),
            file_bytes: record.size,
        };
        rendition::plan(&info, index, &settings)
            .map_err(|reason| StreamError::Undecodable(format!("{}: {reason}", record.name)))
    }
}

async fn ask(encoder: &FileEncoder, command: Command) -> Result<(), StreamError> {
    encoder.commands.send(command).await.map_err(|_| StreamError::ShuttingDown)
}

/// The answer to a command; an encoder that has ended is shutting down.
async fn asked<T>(
    encoder: &FileEncoder,
    command: impl FnOnce(oneshot::Sender<T>) -> Command,
) -> Result<T, StreamError> {
    let (reply, answer) = oneshot::channel();
    ask(encoder, command(reply)).await?;
    answer.await.map_err(|_| StreamError::ShuttingDown)
}

/// What `look` finds, a few times over where an encoder ends between being found and being asked: the next one is another.
async fn look_again<T, F: Future<Output = Result<T, StreamError>>>(
    look: impl Fn() -> F,
) -> Result<T, StreamError> {
    for _ in 1..LOOKS {
        match look().await {
            Err(StreamError::ShuttingDown) => {}
            done => return done,
        }
    }
    look().await
}

/// The place and the id of a rendition.
fn rendition_of(
    file: FileId,
    presentation: &Presentation,
    rendition: &str,
) -> Result<(usize, RenditionId), StreamError> {
    let known = || presentation.renditions().map(|known| &known.id);
    let found = known().enumerate().find(|(_, id)| *id.0 == *rendition);
    found
        .map(|(place, id)| (place, id.clone()))
        .ok_or_else(|| StreamError::no_rendition(file, rendition, known()))
}

/// What a player starts with: stereo AAC of the default track.
fn default_audio(presentation: &Presentation) -> Option<&Arc<Rendition>> {
    let plays_everywhere = |rendition: &&Arc<Rendition>| match &rendition.media {
        RenditionMedia::Audio(form) => form.codec == "aac" && form.channels <= 2,
        RenditionMedia::Video(_) => false,
    };
    let default =
        |rendition: &&Arc<Rendition>| rendition.audio().is_some_and(|form| form.disposition.default);
    let candidates = || presentation.audio.iter().filter(plays_everywhere);
    candidates().find(default).or_else(|| candidates().next()).or(presentation.audio.first())
}

fn stream_error(file: FileId, error: LibraryError) -> StreamError {
    match error {
        LibraryError::Unknown(_) => StreamError::UnknownFile(file),
        LibraryError::Broken { .. } => StreamError::Undecodable(error.to_string()),
        LibraryError::Offline { .. } | LibraryError::Missing { .. } | LibraryError::Unreadable { .. } => {
            StreamError::Offline(error.to_string())
        }
        LibraryError::ShuttingDown => StreamError::ShuttingDown,
        other => StreamError::Internal(other.to_string()),
    }
}
