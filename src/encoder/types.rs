//! What the encoder's users see of it.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::watch;

use super::error::StreamError;
use crate::base::ids::FileId;
use crate::store::{self, Piece};
use crate::timeline::Nanos;

/// A segment as it is, whole or growing: fragments in order, then the end or a failure.
#[derive(Clone, Debug, Default)]
pub struct Filling {
    pub fragments: Vec<Bytes>,
    pub end: Option<Result<(), StreamError>>,
}

/// Reads one segment while it may still be growing. Cheap to make and to drop; a slow reader holds nobody back.
#[derive(Debug)]
pub struct SegmentReader {
    source: Source,
    next: usize,
    /// Keeps the heads that make it interested.
    _lease: Option<super::service::Lease>,
}

#[derive(Debug)]
enum Source {
    Stored(Piece),
    Growing(watch::Receiver<Filling>),
}

/// A whole segment: its bytes in order, and their checksum.
#[derive(Clone, Debug)]
pub struct Whole {
    pub pieces: Vec<Bytes>,
    pub checksum: u32,
}

impl Whole {
    pub fn new(pieces: Vec<Bytes>) -> Self {
        let checksum = store::checksum(&pieces);
        Self { pieces, checksum }
    }
}

impl From<&Piece> for Whole {
    fn from(piece: &Piece) -> Self {
        Self { pieces: vec![piece.bytes.clone()], checksum: piece.checksum }
    }
}

impl SegmentReader {
    pub(super) fn new(filling: watch::Receiver<Filling>, lease: Option<super::service::Lease>) -> Self {
        Self { source: Source::Growing(filling), next: 0, _lease: lease }
    }

    pub(super) fn stored(piece: Piece) -> Self {
        Self { source: Source::Stored(piece), next: 0, _lease: None }
    }

    /// Returns once there is a fragment to send (or the failure that kept it from coming).
    pub async fn ready(&mut self) -> Result<(), StreamError> {
        let Source::Growing(filling) = &mut self.source else { return Ok(()) };
        let filling = filling
            .wait_for(|filling| !filling.fragments.is_empty() || filling.end.is_some())
            .await
            .map_err(|_| StreamError::ShuttingDown)?;
        match (&filling.end, filling.fragments.is_empty()) {
            (Some(Err(error)), true) => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// The whole segment, when it is complete already.
    pub fn whole(&self) -> Option<Whole> {
        match &self.source {
            Source::Stored(piece) => Some(piece.into()),
            Source::Growing(filling) => {
                let filling = filling.borrow();
                matches!(filling.end, Some(Ok(()))).then(|| Whole::new(filling.fragments.clone()))
            }
        }
    }

    /// Waits until the segment is whole.
    pub async fn wait_whole(&mut self) -> Result<Whole, StreamError> {
        let filling = match &mut self.source {
            Source::Stored(piece) => return Ok((&*piece).into()),
            Source::Growing(filling) => filling,
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
        let filling = match &mut self.source {
            Source::Stored(piece) => {
                self.next += 1;
                return (at == 0).then(|| Ok(piece.bytes.clone()));
            }
            Source::Growing(filling) => filling,
        };
        let waited = filling.wait_for(|filling| filling.fragments.len() > at || filling.end.is_some()).await;
        let Ok(filling) = waited else {
            return Some(Err(StreamError::ShuttingDown));
        };
        if let Some(bytes) = filling.fragments.get(at) {
            let bytes = bytes.clone();
            drop(filling);
            self.next += 1;
            return Some(Ok(bytes));
        }
        match &filling.end {
            Some(Err(error)) => Some(Err(error.clone())),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct StartOptions {
    /// Where playback will begin, from the origin.
    pub at_ns: Nanos,
    /// Answer when the first fragment of video (of sound, where there is no video) exists.
    pub wait: bool,
    /// Which video renditions to warm: the copy, or the encoded rung at the source's size.
    pub copy: bool,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct StopReport {
    pub stopped_heads: usize,
    pub freed_bytes: u64,
}

/// One head, as `GET /api/streams` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct HeadStatus {
    pub file: FileId,
    pub rendition: String,
    /// Profile that encodes it, `copy` for none.
    pub profile: String,
    /// Segment being made.
    pub segment: u32,
    /// Seconds of media made per second of time spent making it.
    pub speed: f64,
    pub waiters: usize,
    pub state: HeadState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HeadState {
    Starting,
    Running,
    /// At its goal: nobody is near enough to want more.
    Paused,
}

impl StartOptions {
    /// Time from asking to the first fragment, as `start` answers it.
    pub fn first_fragment(elapsed: Duration) -> u64 {
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    }
}
