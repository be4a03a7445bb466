//! A service with a library in a temporary folder, and streams that do as they are told.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::IpAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::super::context::LiveWatch;
use super::super::{Context, Feed, FragmentedSegment, Hardware, Segment, Streams, respond};
use super::film::film;
pub use super::film::{AUDIO, BURNT, VIDEO};
use crate::base::ids::FileId;
use crate::catalogue::{Catalogue, FileRecord, ListQuery, testing};
use crate::config::Config;
use crate::encoder::telemetry::Telemetry;
use crate::encoder::{
    Decision, EncoderStatus, HardwareStatus, HeadState, HeadStatus, LiveEdgeState, LiveStatus, Resting,
    SessionStatus, StartOptions, Started, StopReport, StreamError, TextSpan, Whole,
};
use crate::hardware::{Examined, ProfileReport, Report, State};
use crate::library::{BoxFuture, Libraries, LibraryRoot, ProbeFailure, Prober, ScanState};
use crate::media::{Chapter, KeyframeIndex, MediaInfo};
use crate::pipeline::ProfileKind;
use crate::rendition::{Presentation, Rendition};
use crate::store::Counters;
use crate::timeline::SegmentIndex;
use crate::worker::{Death, PoolStatus};

pub const PEER: &str = "192.168.1.7";

/// Finds two seconds of nothing, but in files with a telling name.
struct FakeProber;

impl Prober for FakeProber {
    fn probe<'a>(
        &'a self,
        _: File,
        path_hint: &'a Path,
    ) -> BoxFuture<'a, Result<(MediaInfo, KeyframeIndex), ProbeFailure>> {
        Box::pin(async move {
            if path_hint.to_string_lossy().contains("broken") {
                return Err(ProbeFailure::Undecodable("nothing here decodes its codec `x`".to_owned()));
            }
            let chapters = vec![Chapter { start_ns: 500_000_000, title: Some("One".to_owned()) }];
            Ok((MediaInfo { chapters, ..testing::media(2_000_000_000) }, testing::keyframes()))
        })
    }
}

#[derive(Clone, Default)]
pub struct Growth {
    pub fragments: Vec<Bytes>,
    pub end: Option<Result<(), StreamError>>,
}

/// A segment that grows as the test says.
pub struct FakeSegment {
    growth: watch::Receiver<Growth>,
    next: usize,
}

impl FakeSegment {
    pub fn reading(growth: watch::Receiver<Growth>) -> Box<dyn FragmentedSegment> {
        Box::new(Self { growth, next: 0 })
    }
}

impl Segment for FakeSegment {
    fn ready(&mut self) -> BoxFuture<'_, Result<(), StreamError>> {
        Box::pin(async {
            let ready = |growth: &Growth| !growth.fragments.is_empty() || growth.end.is_some();
            let growth = self.growth.wait_for(ready).await.expect("the test keeps the sender");
            match (&growth.end, growth.fragments.is_empty()) {
                (Some(Err(error)), true) => Err(error.clone()),
                _ => Ok(()),
            }
        })
    }

    fn whole(&self) -> Option<Whole> {
        let growth = self.growth.borrow();
        matches!(growth.end, Some(Ok(()))).then(|| Whole::new(growth.fragments.clone()))
    }

    fn wait_whole(&mut self) -> BoxFuture<'_, Result<Whole, StreamError>> {
        Box::pin(async {
            let growth = self.growth.wait_for(|growth| growth.end.is_some()).await;
            let growth = growth.expect("the test keeps the sender").clone();
            growth.end.expect("it has ended").map(|()| Whole::new(growth.fragments))
        })
    }

    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, StreamError>>> {
        Box::pin(async {
            let at = self.next;
            let more = |growth: &Growth| growth.fragments.len() > at || growth.end.is_some();
            let growth = self.growth.wait_for(more).await.expect("the test keeps the sender").clone();
            self.next += 1;
            match (growth.fragments.get(at), growth.end) {
                (Some(bytes), _) => Some(Ok(bytes.clone())),
                (None, Some(Err(error))) => Some(Err(error)),
                (None, _) => None,
            }
        })
    }
}

impl FragmentedSegment for FakeSegment {
    fn fragments(&mut self, wanted: Range<u32>) -> BoxFuture<'_, Result<Vec<Bytes>, StreamError>> {
        Box::pin(async move {
            let wanted = wanted.start as usize..wanted.end as usize;
            let more = |growth: &Growth| growth.fragments.len() >= wanted.end || growth.end.is_some();
            let growth = self.growth.wait_for(more).await.expect("the test keeps the sender").clone();
            match growth.end {
                Some(Err(error)) if growth.fragments.len() < wanted.end => Err(error),
                _ => Ok(growth.fragments.into_iter().take(wanted.end).skip(wanted.start).collect()),
            }
        })
    }
}

pub struct FakeStreams {
    /// Sends what every segment is.
    pub growth: watch::Sender<Growth>,
    /// What everything fails with.
    pub failure: Mutex<Option<StreamError>>,
    pub started: Mutex<Vec<StartOptions>>,
    pub segments_asked: Mutex<Vec<u32>>,
    pub live_edge: watch::Sender<LiveEdgeState>,
    /// Renditions that somebody watches live.
    pub watched: Mutex<Vec<String>>,
    pub telemetry: Telemetry,
}

/// A head as the rooms below tell of it.
pub fn head(state: HeadState) -> HeadStatus {
    HeadStatus {
        head: 4,
        file: "0123456789abcdef0123".parse().unwrap(),
        name: "a.mkv".to_owned(),
        rendition: VIDEO.to_owned(),
        profile: "copy".to_owned(),
        segment: 3,
        speed: 7.5,
        waiters: 1,
        state,
        since: SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_500),
    }
}

impl FakeStreams {
    fn fail(&self) -> Result<(), StreamError> {
        self.failure.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

impl Streams for FakeStreams {
    fn presentation(&self, _: FileId) -> BoxFuture<'_, Result<Arc<Presentation>, StreamError>> {
        Box::pin(async { self.fail().map(|()| Arc::new(film())) })
    }

    fn init<'a>(&'a self, _: FileId, rendition: &'a str) -> BoxFuture<'a, Result<Bytes, StreamError>> {
        Box::pin(async move { self.fail().map(|()| format!("init of {rendition}").into()) })
    }

    fn segment<'a>(
        &'a self,
        _: FileId,
        _: &'a str,
        segment: SegmentIndex,
    ) -> BoxFuture<'a, Result<Box<dyn FragmentedSegment>, StreamError>> {
        self.segments_asked.lock().unwrap().push(segment.0);
        Box::pin(async { self.fail().map(|()| FakeSegment::reading(self.growth.subscribe())) })
    }

    fn text<'a>(
        &'a self,
        _: FileId,
        rendition: &'a str,
        span: TextSpan,
    ) -> BoxFuture<'a, Result<String, StreamError>> {
        Box::pin(async move { self.fail().map(|()| format!("{span:?} of {rendition}")) })
    }

    fn sheet<'a>(
        &'a self,
        _: FileId,
        rendition: &'a str,
        sheet: u32,
    ) -> BoxFuture<'a, Result<Whole, StreamError>> {
        Box::pin(async move {
            self.fail().map(|()| Whole::new(vec![format!("sheet {sheet} of {rendition}").into()]))
        })
    }

    fn start(&self, _: FileId, options: StartOptions) -> BoxFuture<'_, Result<Started, StreamError>> {
        self.started.lock().unwrap().push(options);
        let first_fragment = options.wait.then_some(Duration::from_millis(250));
        let live = options.live.then(|| edge(options.at_ns));
        Box::pin(async move { self.fail().map(|()| Started { first_fragment, live }) })
    }

    fn stop(&self, _: FileId, purge: bool) -> BoxFuture<'_, Result<StopReport, StreamError>> {
        let report = StopReport { stopped_heads: 2, freed_bytes: if purge { 7 } else { 0 } };
        Box::pin(async move { self.fail().map(|()| report) })
    }

    fn heads(&self) -> Vec<HeadStatus> {
        vec![head(HeadState::Running)]
    }

    fn decisions(&self, presentation: &Presentation) -> Vec<Decision> {
        let decision = |rendition: &Arc<Rendition>| {
            let profile = if rendition.copied { "copy" } else { "software" };
            Decision { profile: Some(profile.into()), reason: "nothing else is here".into() }
        };
        presentation.listed().map(decision).collect()
    }

    fn hardware(&self) -> HardwareStatus {
        let resting = Resting {
            profile: "card".into(),
            combination: None,
            why: "worker died".into(),
            left: Duration::from_millis(1500),
        };
        let sessions = SessionStatus { profile: "card".into(), at_work: 1, limit: Some(2) };
        HardwareStatus { resting: vec![resting], sessions: vec![sessions] }
    }

    fn status(&self) -> EncoderStatus {
        let store = Counters { bytes: 700, pieces: 7, memory_hits: 5, evicted: 6, ..Counters::default() };
        EncoderStatus { max_heads: 8, store, store_limit: 1000 }
    }

    fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    fn live(&self) -> Vec<(FileId, LiveStatus)> {
        vec![(FileId::random(), edge(90_500_000_000))]
    }

    fn live_edge(&self, _: FileId) -> BoxFuture<'_, Result<LiveWatch, StreamError>> {
        Box::pin(async { self.fail().map(|()| self.live_edge.subscribe()) })
    }

    fn watch_live<'a>(&'a self, _: FileId, rendition: &'a str) -> BoxFuture<'a, Result<(), StreamError>> {
        self.watched.lock().unwrap().push(rendition.to_owned());
        Box::pin(async { self.fail() })
    }
}

/// A playhead that has come to the end, so that it stands still.
fn edge(position_ns: i64) -> LiveStatus {
    LiveStatus {
        begun_ns: 0,
        position_ns,
        made_ns: position_ns,
        end_ns: position_ns,
        at: Instant::now(),
        began: (0, SystemTime::UNIX_EPOCH),
        clock: (0, SystemTime::UNIX_EPOCH),
        ended: true,
    }
}

pub struct Service {
    _folder: tempfile::TempDir,
    pub root: PathBuf,
    pub context: Arc<Context>,
    pub streams: Arc<FakeStreams>,
}

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// The error of a body that broke off.
    pub body: Result<Bytes, String>,
}

pub fn service() -> Service {
    configured("")
}

/// Hardware that is there, and some that is not.
fn found() -> Hardware {
    let profile = |name: &str, works: bool, reason: &str| ProfileReport {
        name: name.into(),
        kind: ProfileKind::Video,
        works,
        reason: reason.into(),
        remedy: (!works).then(|| "plug one in".into()),
        encodes: BTreeMap::new(),
        decodes: vec!["h264".into()],
        decodes_on_device: Vec::new(),
        on_device: Vec::new(),
        fails: BTreeMap::new(),
    };
    let profiles = vec![profile("card", false, "no \"card\""), profile("software", true, "it does")];
    let examined = Examined { report: Report { profiles, devices: Vec::new() }, ..Examined::default() };
    let found = State { examined: examined.into(), ..State::default() };
    Hardware { found, sandbox: serde_json::json!({ "holds": true }) }
}

/// With these lines of configuration.
pub fn configured(text: &str) -> Service {
    with_feed(text, Feed::default())
}

/// With a feed of its own.
pub fn with_feed(text: &str, feed: Feed) -> Service {
    let feed = Arc::new(feed);
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("films");
    fs::create_dir(&root).unwrap();
    let catalogue = Catalogue::in_memory().unwrap();
    let roots = [LibraryRoot { name: "Films".to_owned(), path: root.clone() }];
    let libraries =
        Libraries::new(catalogue.clone(), &roots, Arc::new(FakeProber), CancellationToken::new()).unwrap();
    let streams = Arc::new(FakeStreams {
        growth: watch::Sender::default(),
        failure: Mutex::default(),
        started: Mutex::default(),
        segments_asked: Mutex::default(),
        live_edge: watch::Sender::new(None),
        watched: Mutex::default(),
        telemetry: Telemetry::default(),
    });
    let config: Config = crate::config::parse(text, "test").unwrap();
    let context = Context {
        catalogue,
        libraries,
        encoders: Arc::clone(&streams) as _,
        config: watch::Sender::new(Arc::new(config)).subscribe(),
        hardware: Box::new(found),
        workers: Box::new(|| PoolStatus { living: 3, spares: 2, deaths: vec![(Death::Killed, 1)] }),
        feed,
        started: Instant::now(),
    };
    Service { _folder: folder, root, context: Arc::new(context), streams }
}

impl Service {
    pub fn add(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        let path = self.root.join(path);
        fs::write(&path, content).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_500)).unwrap();
    }

    pub async fn scan(&self) {
        let mut updates = self.context.libraries.scan_updates();
        self.context.libraries.start_scan();
        updates.wait_for(|status| status.state == ScanState::Done).await.unwrap();
    }

    /// A library of one file.
    pub async fn with_file(self, name: &str, content: impl AsRef<[u8]>) -> (Self, FileId) {
        self.add(name, content);
        self.scan().await;
        let id = self.files()[0].id;
        (self, id)
    }

    pub fn files(&self) -> Vec<FileRecord> {
        self.context.catalogue.list(&ListQuery::default()).unwrap().files
    }

    pub fn fail(&self, failure: StreamError) {
        *self.streams.failure.lock().unwrap() = Some(failure);
    }

    pub fn segment(&self, fragments: &[&'static str], end: Option<Result<(), StreamError>>) {
        let fragments = fragments.iter().map(|text| Bytes::from_static(text.as_bytes())).collect();
        self.streams.growth.send_replace(Growth { fragments, end });
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[], "").await
    }

    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.ask("GET", path, headers, "").await
    }

    /// Answers of a neighbour who names the box by its address, unless `headers` say otherwise.
    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header(HOST, "192.168.1.2:8484");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        self.answer(request, PEER).await
    }

    pub async fn answer(&self, request: Request<Full<Bytes>>, peer: &str) -> Reply {
        let peer: IpAddr = peer.parse().unwrap();
        let (parts, body) = respond(&self.context, request, peer).await.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).map_err(|error| error.to_string());
        Reply { status: parts.status, headers: parts.headers, body }
    }
}

impl Reply {
    /// Empty for a header that is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn bytes(&self) -> &Bytes {
        self.body.as_ref().unwrap()
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(self.bytes()).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(self.bytes()).unwrap()
    }

    /// The last part of the problem's type, once it is seen to be one.
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{:?}", self.body);
        assert_eq!(self.header("cache-control"), "no-store");
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16());
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        for field in ["title", "detail"] {
            assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
        }
        assert_eq!(problem.as_object().unwrap().len(), 5);
        problem["type"].as_str().unwrap().strip_prefix("/problems/").unwrap().to_owned()
    }
}
