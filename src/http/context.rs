//! What requests are answered from.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::watch;

use super::feed::Feed;
use super::problem::Problem;
use crate::base::ids::FileId;
use crate::catalogue::Catalogue;
use crate::config::Config;
use crate::encoder::telemetry::Telemetry;
use crate::encoder::{
    Decision, EncoderStatus, Encoders, HardwareStatus, HeadStatus, LiveEdgeState, LiveStatus, SegmentReader,
    StartOptions, Started, StopReport, StreamError, TextSpan, Whole,
};
use crate::hardware::State;
use crate::library::{BoxFuture, Libraries};
use crate::rendition::Presentation;
use crate::timeline::SegmentIndex;
use crate::worker::PoolStatus;

pub struct Context {
    pub catalogue: Catalogue,
    pub libraries: Libraries,
    pub encoders: Arc<dyn Streams>,
    /// The configuration in force; reload sends another.
    pub config: watch::Receiver<Arc<Config>>,
    /// What `doctor` found, as JSON.
    pub hardware: Box<dyn Fn() -> Hardware + Send + Sync>,
    /// Worker processes, living and dead.
    pub workers: Box<dyn Fn() -> PoolStatus + Send + Sync>,
    /// What happens, for those who listen.
    pub feed: Arc<Feed>,
    pub started: Instant,
}

/// What this machine can do, as far as it is known.
#[derive(Clone, Debug, Default)]
pub struct Hardware {
    pub found: State,
    /// What keeps workers inside.
    pub sandbox: serde_json::Value,
}

/// Where the live edge of a file is, as it moves.
pub type LiveWatch = watch::Receiver<LiveEdgeState>;

/// The encoders as this room uses them; tests have streams of their own.
pub trait Streams: Send + Sync + 'static {
    fn presentation(&self, file: FileId) -> BoxFuture<'_, Result<Arc<Presentation>, StreamError>>;
    fn init<'a>(&'a self, file: FileId, rendition: &'a str) -> BoxFuture<'a, Result<Bytes, StreamError>>;
    fn segment<'a>(
        &'a self,
        file: FileId,
        rendition: &'a str,
        segment: SegmentIndex,
    ) -> BoxFuture<'a, Result<Box<dyn FragmentedSegment>, StreamError>>;
    fn text<'a>(
        &'a self,
        file: FileId,
        rendition: &'a str,
        span: TextSpan,
    ) -> BoxFuture<'a, Result<String, StreamError>>;
    fn sheet<'a>(
        &'a self,
        file: FileId,
        rendition: &'a str,
        sheet: u32,
    ) -> BoxFuture<'a, Result<Whole, StreamError>>;
    fn start(&self, file: FileId, options: StartOptions) -> BoxFuture<'_, Result<Started, StreamError>>;
    fn stop(&self, file: FileId, purge: bool) -> BoxFuture<'_, Result<StopReport, StreamError>>;
    fn heads(&self) -> Vec<HeadStatus>;
    fn live(&self) -> Vec<(FileId, LiveStatus)>;
    fn live_edge(&self, file: FileId) -> BoxFuture<'_, Result<LiveWatch, StreamError>>;
    fn watch_live<'a>(&'a self, file: FileId, rendition: &'a str) -> BoxFuture<'a, Result<(), StreamError>>;
    /// Of each rendition that is listed, who would make it now.
    fn decisions(&self, presentation: &Presentation) -> Vec<Decision>;
    fn hardware(&self) -> HardwareStatus;
    fn status(&self) -> EncoderStatus;
    fn telemetry(&self) -> &Telemetry;
}

/// One segment, whole or growing, as [`SegmentReader`] says. What waits can be given up and begun again.
pub trait Segment: Send {
    fn ready(&mut self) -> BoxFuture<'_, Result<(), StreamError>>;
    fn whole(&self) -> Option<Whole>;
    fn wait_whole(&mut self) -> BoxFuture<'_, Result<Whole, StreamError>>;
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, StreamError>>>;
}

/// One of which any fragments can be had.
pub trait FragmentedSegment: Segment {
    fn fragments(&mut self, wanted: Range<u32>) -> BoxFuture<'_, Result<Vec<Bytes>, StreamError>>;
}

impl Streams for Encoders {
    fn presentation(&self, file: FileId) -> BoxFuture<'_, Result<Arc<Presentation>, StreamError>> {
        Box::pin(self.presentation(file))
    }

    fn init<'a>(&'a self, file: FileId, rendition: &'a str) -> BoxFuture<'a, Result<Bytes, StreamError>> {
        Box::pin(self.init(file, rendition))
    }

    fn segment<'a>(
        &'a self,
        file: FileId,
        rendition: &'a str,
        segment: SegmentIndex,
    ) -> BoxFuture<'a, Result<Box<dyn FragmentedSegment>, StreamError>> {
        Box::pin(async move {
            let reader = self.segment(file, rendition, segment).await?;
            Ok(Box::new(reader) as Box<dyn FragmentedSegment>)
        })
    }

    fn text<'a>(
        &'a self,
        file: FileId,
        rendition: &'a str,
        span: TextSpan,
    ) -> BoxFuture<'a, Result<String, StreamError>> {
        Box::pin(self.text(file, rendition, span))
    }

    fn sheet<'a>(
        &'a self,
        file: FileId,
        rendition: &'a str,
        sheet: u32,
    ) -> BoxFuture<'a, Result<Whole, StreamError>> {
        Box::pin(self.sheet(file, rendition, sheet))
    }

    fn start(&self, file: FileId, options: StartOptions) -> BoxFuture<'_, Result<Started, StreamError>> {
        Box::pin(self.start(file, options))
    }

    fn stop(&self, file: FileId, purge: bool) -> BoxFuture<'_, Result<StopReport, StreamError>> {
        Box::pin(self.stop(file, purge))
    }

    fn heads(&self) -> Vec<HeadStatus> {
        self.heads()
    }

    fn live(&self) -> Vec<(FileId, LiveStatus)> {
        self.live()
    }

    fn live_edge(&self, file: FileId) -> BoxFuture<'_, Result<LiveWatch, StreamError>> {
        Box::pin(self.live_edge(file))
    }

    fn watch_live<'a>(&'a self, file: FileId, rendition: &'a str) -> BoxFuture<'a, Result<(), StreamError>> {
        Box::pin(self.watch_live(file, rendition))
    }

    fn decisions(&self, presentation: &Presentation) -> Vec<Decision> {
        self.decisions(presentation)
    }

    fn hardware(&self) -> HardwareStatus {
        self.hardware()
    }

    fn status(&self) -> EncoderStatus {
        self.status()
    }

    fn telemetry(&self) -> &Telemetry {
        self.telemetry()
    }
}

impl Segment for SegmentReader {
    fn ready(&mut self) -> BoxFuture<'_, Result<(), StreamError>> {
        Box::pin(self.ready())
    }

    fn whole(&self) -> Option<Whole> {
        self.whole()
    }

    fn wait_whole(&mut self) -> BoxFuture<'_, Result<Whole, StreamError>> {
        Box::pin(self.wait_whole())
    }

    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, StreamError>>> {
        Box::pin(self.next())
    }
}

impl FragmentedSegment for SegmentReader {
    fn fragments(&mut self, wanted: Range<u32>) -> BoxFuture<'_, Result<Vec<Bytes>, StreamError>> {
        Box::pin(self.fragments(wanted))
    }
}

impl Context {
    /// Runs `work`, which waits for a disk, where that holds nobody else up.
    pub(super) async fn blocking<T, E>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        E: Into<Problem>,
    {
        let context = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || work(&context).map_err(Into::into)).await;
        done.map_err(Problem::internal)?
    }
}
