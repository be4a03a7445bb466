//! What the encoders tell of themselves: counters for `/metrics`, and an event for each turn in a head's life.
//! Shared by all encoders of the box. Nothing is decided here, and nothing here waits.

mod counters;
mod observer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::broadcast;

pub use counters::{BOUNDS_S, Counter, Distribution, Gauge, Histogram};
pub(super) use observer::Observer;

use super::error::StreamError;
use super::state::KillCause;
use super::types::HeadStatus;
use crate::rendition::{Rendition, RenditionMedia};

/// Events on their way to the one who passes them on. A head makes a handful per second; who falls behind so far
/// is told how many it missed.
const EVENTS: usize = 1024;

/// What a head does: bounded, so that it can be a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    CopyVideo,
    CopyAudio,
    EncodeVideo,
    EncodeAudio,
}

impl Work {
    pub const ALL: [Self; 4] = [Self::CopyVideo, Self::CopyAudio, Self::EncodeVideo, Self::EncodeAudio];

    pub(super) fn of(rendition: &Rendition) -> Self {
        match (rendition.copied, &rendition.media) {
            (true, RenditionMedia::Video(_)) => Self::CopyVideo,
            (true, RenditionMedia::Audio(_)) => Self::CopyAudio,
            (false, RenditionMedia::Video(_)) => Self::EncodeVideo,
            (false, RenditionMedia::Audio(_)) => Self::EncodeAudio,
        }
    }

    /// Copy or encode, and of what.
    pub fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::CopyVideo => ("copy", "video"),
            Self::CopyAudio => ("copy", "audio"),
            Self::EncodeVideo => ("encode", "video"),
            Self::EncodeAudio => ("encode", "audio"),
        }
    }
}

/// Why a head is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndCause {
    /// It made everything up to the end.
    Finished,
    /// What follows exists, or another head makes it.
    MetStored,
    /// Nobody asked for it any more.
    Idle,
    /// Somebody else needed its room.
    Room,
    /// The owner stopped the stream.
    Stop,
    Failed,
    /// Its encoder ended: the service does, or the file has changed.
    Closed,
}

impl EndCause {
    pub const ALL: [Self; 7] =
        [Self::Finished, Self::MetStored, Self::Idle, Self::Room, Self::Stop, Self::Failed, Self::Closed];

    pub(super) fn of(cause: KillCause) -> Self {
        match cause {
            KillCause::Met => Self::MetStored,
            KillCause::Idle => Self::Idle,
            KillCause::Room => Self::Room,
            KillCause::Stopped => Self::Stop,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::MetStored => "met-stored",
            Self::Idle => "idle",
            Self::Room => "room",
            Self::Stop => "stop",
            Self::Failed => "failed",
            Self::Closed => "closed",
        }
    }
}

/// Where a requested segment was when it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Memory,
    Store,
    /// It was still to be made, or being made.
    Growing,
}

impl Source {
    pub const ALL: [Self; 3] = [Self::Memory, Self::Store, Self::Growing];

    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Store => "store",
            Self::Growing => "growing",
        }
    }
}

/// What a kind of head has done since the service started.
#[derive(Debug, Default)]
pub struct WorkDone {
    pub started: Counter,
    /// From the start of a head to its first fragment.
    pub first_fragment: Histogram,
    pub segments: Counter,
    pub bytes: Counter,
    /// Length of what was made.
    pub media_us: Counter,
    /// Time it was worked at: between fragments, without pauses.
    pub busy_us: Counter,
}

/// A turn in a head's life.
#[derive(Clone, Debug)]
pub struct StreamEvent {
    pub change: Change,
    pub head: HeadStatus,
}

#[derive(Clone, Debug)]
pub enum Change {
    Started,
    /// A segment that failed on one profile is tried on another.
    Moved {
        from_profile: String,
    },
    FirstFragment {
        after: Duration,
    },
    Paused,
    Resumed,
    /// It runs: how fast, and how far it is.
    Progress,
    Ended(EndCause),
    Failed(StreamError),
}

#[derive(Debug)]
pub struct Telemetry {
    work: [WorkDone; Work::ALL.len()],
    ended: [Counter; EndCause::ALL.len()],
    served: [Counter; Source::ALL.len()],
    /// Until the first fragment of a segment that was still to be made.
    pub waits: Histogram,
    /// Requests that wait for it now.
    pub waiting: Gauge,
    /// Heads that wait for room on the box.
    pub queued_heads: Gauge,
    /// Heads get numbers, from one.
    last_head: AtomicU64,
    events: broadcast::Sender<StreamEvent>,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            work: Default::default(),
            ended: Default::default(),
            served: Default::default(),
            waits: Histogram::default(),
            waiting: Gauge::default(),
            queued_heads: Gauge::default(),
            last_head: AtomicU64::default(),
            events: broadcast::Sender::new(EVENTS),
        }
    }
}

impl Telemetry {
    pub fn work(&self, work: Work) -> &WorkDone {
        &self.work[work as usize]
    }

    pub fn ended(&self, cause: EndCause) -> &Counter {
        &self.ended[cause as usize]
    }

    pub fn served(&self, source: Source) -> &Counter {
        &self.served[source as usize]
    }

    /// Every event from now on.
    pub fn events(&self) -> broadcast::Receiver<StreamEvent> {
        self.events.subscribe()
    }

    pub fn tell(&self, event: StreamEvent) {
        let _nobody_listens = self.events.send(event);
    }

    fn number(&self) -> u64 {
        self.last_head.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Books a request that came at `asked` and is answered from `source`; the wait, where there is one.
    pub(super) fn serve(self: &Arc<Self>, source: Source, asked: Instant) -> Option<Waiting> {
        self.served(source).add(1);
        (source == Source::Growing).then(|| {
            self.waiting.up();
            Waiting { telemetry: self.clone(), asked }
        })
    }
}

/// A request that waits for the first fragment of a segment; dropped when that has come or nobody waits any more.
#[derive(Debug)]
pub struct Waiting {
    telemetry: Arc<Telemetry>,
    asked: Instant,
}

impl Waiting {
    /// The first fragment is there.
    pub(super) fn over(self) {
        self.telemetry.waits.observe(self.asked.elapsed());
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.telemetry.waiting.down();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_has_a_counter_and_a_name_of_its_own() {
        let telemetry = Telemetry::default();
        Work::ALL.iter().for_each(|work| telemetry.work(*work).started.add(*work as u64));
        EndCause::ALL.iter().for_each(|cause| telemetry.ended(*cause).add(*cause as u64));
        Source::ALL.iter().for_each(|source| telemetry.served(*source).add(*source as u64));
        let names = |names: Vec<&str>| std::collections::BTreeSet::from_iter(names).len();
        assert!(
            Work::ALL.iter().enumerate().all(|(n, work)| telemetry.work(*work).started.get() == n as u64)
        );
        assert!(EndCause::ALL.iter().enumerate().all(|(n, cause)| telemetry.ended(*cause).get() == n as u64));
        assert!(
            Source::ALL.iter().enumerate().all(|(n, source)| telemetry.served(*source).get() == n as u64)
        );
        assert_eq!(names(EndCause::ALL.map(EndCause::name).to_vec()), EndCause::ALL.len());
        assert_eq!(names(Source::ALL.map(Source::name).to_vec()), Source::ALL.len());
    }

    #[test]
    fn only_a_wait_that_ended_with_a_fragment_is_measured() {
        let telemetry = Arc::new(Telemetry::default());
        assert!(telemetry.serve(Source::Store, Instant::now()).is_none());
        let (first, second) = (
            telemetry.serve(Source::Growing, Instant::now()).expect("it waits"),
            telemetry.serve(Source::Growing, Instant::now()).expect("it waits"),
        );
        assert_eq!((telemetry.waiting.get(), telemetry.served(Source::Growing).get()), (2, 2));
        first.over();
        drop(second);
        assert_eq!((telemetry.waiting.get(), telemetry.waits.distribution().count), (0, 1));
    }
}
