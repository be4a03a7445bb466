//! What the encoder's users see of it.

use std::ops::Range;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;

use super::error::StreamError;
use super::telemetry::{Source, Waiting};
use crate::base::ids::FileId;
use crate::isobmff::fragment_ranges;
use crate::store::{self, Held, Read, StoredFile};
use crate::timeline::{Nanos, SegmentIndex};

/// A segment as it is, whole or growing: fragments in order, then the end or a failure.
#[derive(Clone, Debug, Default)]
pub struct Filling {
    pub fragments: Vec<Bytes>,
    pub end: Option<Result<(), StreamError>>,
}

/// Reads one segment while it may still be growing. Cheap to make and to drop; a slow reader holds nobody back.
#[derive(Debug)]
pub struct SegmentReader {
    content: Content,
    next: usize,
    source: Source,
    /// Until the first fragment is there, for a request that is measured.
    waiting: Option<Waiting>,
    /// Keeps the heads that make it interested.
    _lease: Option<super::service::Lease>,
}

#[derive(Debug)]
enum Content {
    Stored(Held),
    Growing(watch::Receiver<Filling>),
}

/// A whole segment.
#[derive(Clone, Debug)]
pub enum Whole {
    /// Its bytes in order, and their checksum.
    Memory {
        pieces: Vec<Bytes>,
        checksum: u32,
    },
    File(StoredFile),
}

impl Whole {
    pub fn new(pieces: Vec<Bytes>) -> Self {
        let checksum = store::checksum(&pieces);
        Self::Memory { pieces, checksum }
    }

    /// In bytes.
    pub fn length(&self) -> u64 {
        match self {
            Self::Memory { pieces, .. } => pieces.iter().map(|piece| piece.len() as u64).sum(),
            Self::File(file) => file.length(),
        }
    }

    pub fn checksum(&self) -> u32 {
        match self {
            Self::Memory { checksum, .. } => *checksum,
            Self::File(file) => file.checksum(),
        }
    }
}

impl From<&Held> for Whole {
    fn from(held: &Held) -> Self {
        match held {
            Held::Memory(piece) => {
                Self::Memory { pieces: vec![piece.bytes.clone()], checksum: piece.checksum }
            }
            Held::File(file) => Self::File(file.clone()),
        }
    }
}

/// The bytes of a stored segment.
async fn bytes(held: &Held) -> Result<Bytes, StreamError> {
    held.bytes()
        .await
        .map_err(|error| StreamError::Internal(format!("a stored segment cannot be read: {error}")))
}

impl SegmentReader {
    pub(super) fn new(filling: watch::Receiver<Filling>, lease: Option<super::service::Lease>) -> Self {
        let whole = matches!(filling.borrow().end, Some(Ok(())));
        let source = if whole { Source::Memory } else { Source::Growing };
        Self { content: Content::Growing(filling), next: 0, source, waiting: None, _lease: lease }
    }

    /// A segment that the store has.
    pub fn stored(read: Read) -> Self {
        let source = if read.in_memory { Source::Memory } else { Source::Store };
        Self { content: Content::Stored(read.piece), next: 0, source, waiting: None, _lease: None }
    }

    pub(super) fn source(&self) -> Source {
        self.source
    }

    pub(super) fn measured(self, waiting: Option<Waiting>) -> Self {
        Self { waiting, ..self }
    }

    /// Returns once there is a fragment to send (or the failure that kept it from coming).
    pub async fn ready(&mut self) -> Result<(), StreamError> {
        let Content::Growing(filling) = &mut self.content else { return Ok(()) };
        let filling = filling
            .wait_for(|filling| !filling.fragments.is_empty() || filling.end.is_some())
            .await
            .map_err(|_| StreamError::ShuttingDown)?;
        match (&filling.end, filling.fragments.is_empty()) {
            (Some(Err(error)), true) => Err(error.clone()),
            _ => {
                arrived(&mut self.waiting);
                Ok(())
            }
        }
    }

    /// The whole segment, when it is complete already.
    pub fn whole(&self) -> Option<Whole> {
        match &self.content {
            Content::Stored(held) => Some(held.into()),
            Content::Growing(filling) => {
                let filling = filling.borrow();
                matches!(filling.end, Some(Ok(()))).then(|| Whole::new(filling.fragments.clone()))
            }
        }
    }

    /// The segment has been made, or cannot be.
    pub fn ended(&self) -> bool {
        match &self.content {
            Content::Stored(_) => true,
            Content::Growing(filling) => filling.borrow().end.is_some(),
        }
    }

    /// The fragments `wanted`, as soon as they exist; of those, the ones that the segment has.
    pub async fn fragments(&mut self, wanted: Range<u32>) -> Result<Vec<Bytes>, StreamError> {
        let wanted = wanted.start as usize..wanted.end as usize;
        let filling = match &mut self.content {
            Content::Stored(held) => {
                let bytes = bytes(held).await?;
                let ranges = fragment_ranges(&bytes).into_iter().skip(wanted.start).take(wanted.len());
                return Ok(ranges.map(|range| bytes.slice(range)).collect());
            }
            Content::Growing(filling) => filling,
        };
        let filling = filling
            .wait_for(|filling| filling.end.is_some() || filling.fragments.len() >= wanted.end)
            .await
            .map_err(|_| StreamError::ShuttingDown)?;
        arrived(&mut self.waiting);
        let have = filling.fragments.len();
        match &filling.end {
            Some(Err(error)) if have < wanted.end => Err(error.clone()),
            _ => Ok(filling.fragments[wanted.start.min(have)..wanted.end.min(have)].to_vec()),
        }
    }

    /// Waits until the segment is whole.
    pub async fn wait_whole(&mut self) -> Result<Whole, StreamError> {
        self.ready().await?;
        let filling = match &mut self.content {
            Content::Stored(held) => return Ok((&*held).into()),
            Content::Growing(filling) => filling,
        };
        let filling =
            filling.wait_for(|filling| filling.end.is_some()).await.map_err(|_| StreamError::ShuttingDown)?;
        match &filling.end {
            Some(Err(error)) => Err(error.clone()),
            _ => Ok(Whole::new(filling.fragments.clone())),
        }
    }

    /// The next fragment, as soon as it exists; `None` at the end of the segment.
    pub async fn next(&mut self) -> Option<Result<Bytes, StreamError>> {
        let at = self.next;
        let filling = match &mut self.content {
            Content::Stored(held) => {
                self.next += 1;
                return if at == 0 { Some(bytes(held).await) } else { None };
            }
            Content::Growing(filling) => filling,
        };
        let waited = filling.wait_for(|filling| filling.fragments.len() > at || filling.end.is_some()).await;
        let Ok(filling) = waited else {
            return Some(Err(StreamError::ShuttingDown));
        };
        if let Some(bytes) = filling.fragments.get(at) {
            let bytes = bytes.clone();
            drop(filling);
            arrived(&mut self.waiting);
            self.next += 1;
            return Some(Ok(bytes));
        }
        match &filling.end {
            Some(Err(error)) => Some(Err(error.clone())),
            _ => None,
        }
    }
}

fn arrived(waiting: &mut Option<Waiting>) {
    if let Some(waiting) = waiting.take() {
        waiting.over();
    }
}

/// What of a text is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextSpan {
    All,
    /// A segment or a part of one, for media in which the file's origin has the time stamp `origin` (90 kHz).
    Segment {
        index: SegmentIndex,
        part: Option<u32>,
        origin: i64,
    },
}

#[derive(Clone, Copy, Debug)]
pub struct StartOptions {
    /// Where playback will begin, from the origin.
    pub at_ns: Nanos,
    /// Answer when the first fragment of video (of sound, where there is no video) exists.
    pub wait: bool,
    /// Which video renditions to warm: the copy, or the encoded rung at the source's size.
    pub copy: bool,
    /// Start the shared playhead there, or join it where it is.
    pub live: bool,
}

/// What came of a start.
#[derive(Clone, Debug, Default)]
pub struct Started {
    /// From asking to the first fragment, where that was waited for.
    pub first_fragment: Option<Duration>,
    pub live: Option<LiveStatus>,
}

/// What is known of a file's live edge: `None` where nobody watches one, and for a while what it failed of.
pub type LiveEdgeState = Option<Result<LiveStatus, StreamError>>;

/// The live edge's playhead, when its encoder last looked. Positions are from the origin.
#[derive(Clone, Debug)]
pub struct LiveStatus {
    /// Where the first segment begins that was made for it.
    pub begun_ns: Nanos,
    pub position_ns: Nanos,
    /// How far what it goes by is made without a gap.
    pub made_ns: Nanos,
    /// Where the file ends.
    pub end_ns: Nanos,
    pub at: Instant,
    /// Where it began to move and when, by a clock that is never set.
    pub began: (Nanos, SystemTime),
    /// The same of when it last had waited for what was not made.
    pub clock: (Nanos, SystemTime),
    /// It has reached the end of the file.
    pub ended: bool,
}

impl LiveStatus {
    /// Where the playhead is now, from the origin: it moves on between two looks of its encoder, as far as what it goes
    /// by is made. At its start that is before where it will stand.
    pub fn position_now_ns(&self) -> Nanos {
        let passed = if self.ended { Duration::ZERO } else { self.at.elapsed() };
        let passed_ns = Nanos::try_from(passed.as_nanos()).unwrap_or(Nanos::MAX);
        self.position_ns.saturating_add(passed_ns).min(self.made_ns).min(self.end_ns)
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct StopReport {
    pub stopped_heads: usize,
    pub freed_bytes: u64,
}

/// One head, as `GET /api/streams` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct HeadStatus {
    /// A number that no other head of this run of the service has.
    pub head: u64,
    pub file: FileId,
    /// Of the film.
    pub name: String,
    pub rendition: String,
    /// Profile that encodes it, `copy` for none.
    pub profile: String,
    /// Segment being made.
    pub segment: u32,
    /// Seconds of media made per second of time spent making it.
    pub speed: f64,
    pub waiters: usize,
    pub state: HeadState,
    /// When it was started.
    #[serde(serialize_with = "rfc3339")]
    pub since: SystemTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HeadState {
    Starting,
    Running,
    /// At its goal: nobody is near enough to want more.
    Paused,
    /// Only in events: it is no more.
    Ended,
    Failed,
}

fn rfc3339<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let time = OffsetDateTime::from(*time);
    let to_the_millisecond = time.replace_millisecond(time.millisecond()).unwrap_or(time);
    // Only years beyond 9999 cannot be written.
    serializer.serialize_str(&to_the_millisecond.format(&Rfc3339).unwrap_or_default())
}

impl StartOptions {
    /// Time from asking to the first fragment, as `start` answers it.
    pub fn first_fragment(elapsed: Duration) -> u64 {
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    }
}
