//! Watches the heads of one file for its encoder, and tells of each turn in their lives once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::{Change, EndCause, StreamEvent, Telemetry, Work};
use crate::base::ids::FileId;
use crate::encoder::error::StreamError;
use crate::encoder::state::HeadId;
use crate::encoder::types::{HeadState, HeadStatus};
use crate::isobmff::Fragment;
use crate::rendition::Rendition;
use crate::timeline::nanos_from_ticks;

/// Between two events that only tell how fast a head is.
const PROGRESS_PACE: Duration = Duration::from_secs(1);

pub struct Observer {
    telemetry: Arc<Telemetry>,
    file: FileId,
    name: String,
    heads: HashMap<HeadId, Observed>,
    /// By rendition, the segment that failed last and the profile it failed on.
    failed: HashMap<String, (u32, String)>,
}

struct Observed {
    work: Work,
    timescale: u32,
    began: Instant,
    /// What its segment had cost when the fragment before was there.
    worked: Duration,
    first_fragment: bool,
    /// Not told yet, in this order.
    news: Vec<Change>,
    told: Instant,
    status: HeadStatus,
}

impl Observer {
    pub fn new(telemetry: Arc<Telemetry>, file: FileId, name: String) -> Self {
        Self { telemetry, file, name, heads: HashMap::new(), failed: HashMap::new() }
    }

    /// A head was started at `segment`.
    pub fn started(&mut self, head: HeadId, rendition: &Rendition, profile: &str, segment: u32) {
        let work = Work::of(rendition);
        self.telemetry.work(work).started.add(1);
        let status = HeadStatus {
            head: self.telemetry.number(),
            file: self.file,
            name: self.name.clone(),
            rendition: rendition.id.to_string(),
            profile: profile.to_owned(),
            segment,
            speed: 0.0,
            waiters: 0,
            state: HeadState::Starting,
            since: SystemTime::now(),
        };
        let mut news = vec![Change::Started];
        if let Some((failed, from_profile)) = self.failed.remove(&status.rendition)
            && failed == segment
            && from_profile != profile
        {
            news.push(Change::Moved { from_profile });
        }
        let (began, timescale) = (Instant::now(), rendition.cuts.timescale);
        let observed = Observed {
            work,
            timescale,
            began,
            worked: Duration::ZERO,
            first_fragment: false,
            news,
            told: began,
            status,
        };
        self.heads.insert(head, observed);
    }

    /// The number under which the service knows a head, and when it began.
    pub fn identity(&self, head: HeadId) -> (u64, SystemTime) {
        let known = self.heads.get(&head).map(|observed| (observed.status.head, observed.status.since));
        known.unwrap_or((0, SystemTime::UNIX_EPOCH))
    }

    /// A head has made a fragment; its segment has cost `worked` so far.
    pub fn fragment(&mut self, head: HeadId, fragment: &Fragment, worked: Duration) {
        let Some(observed) = self.heads.get_mut(&head) else { return };
        let (now, done) = (Instant::now(), self.telemetry.work(observed.work));
        if !observed.first_fragment {
            observed.first_fragment = true;
            let after = now - observed.began;
            done.first_fragment.observe(after);
            observed.news.push(Change::FirstFragment { after });
        }
        done.bytes.add(fragment.bytes.len() as u64);
        done.segments.add(u64::from(fragment.last));
        done.media_us.add(nanos_from_ticks(fragment.duration, observed.timescale).unsigned_abs() / 1000);
        done.busy_us.add(worked.saturating_sub(observed.worked).as_micros() as u64);
        observed.worked = if fragment.last { Duration::ZERO } else { worked };
    }

    /// A head is no more. Nothing to be done for one that has failed.
    pub fn ended(&mut self, head: HeadId, cause: EndCause) {
        self.gone(head, cause, HeadState::Ended, Change::Ended(cause));
    }

    pub fn failed(&mut self, head: HeadId, error: &StreamError) {
        if let Some(observed) = self.heads.get(&head) {
            let HeadStatus { rendition, segment, profile, .. } = &observed.status;
            self.failed.insert(rendition.clone(), (*segment, profile.clone()));
        }
        self.gone(head, EndCause::Failed, HeadState::Failed, Change::Failed(error.clone()));
    }

    /// How the heads are now. Tells what is new.
    pub fn observe(&mut self, heads: &[(HeadId, HeadStatus)]) {
        let now = Instant::now();
        for (head, status) in heads {
            let Some(observed) = self.heads.get_mut(head) else { continue };
            observed.see(status, now);
            for change in std::mem::take(&mut observed.news) {
                observed.told = now;
                self.telemetry.tell(StreamEvent { change, head: observed.status.clone() });
            }
        }
    }

    fn gone(&mut self, head: HeadId, cause: EndCause, state: HeadState, last: Change) {
        let Some(mut observed) = self.heads.remove(&head) else { return };
        self.telemetry.ended(cause).add(1);
        for change in std::mem::take(&mut observed.news) {
            self.telemetry.tell(StreamEvent { change, head: observed.status.clone() });
        }
        observed.status.state = state;
        observed.status.waiters = 0;
        self.telemetry.tell(StreamEvent { change: last, head: observed.status });
    }
}

impl Observed {
    fn see(&mut self, status: &HeadStatus, now: Instant) {
        let before = self.status.state;
        // What else it has stays as it is for all its life.
        self.status.segment = status.segment;
        self.status.speed = status.speed;
        self.status.waiters = status.waiters;
        self.status.state = status.state;
        match (before == HeadState::Paused, status.state == HeadState::Paused) {
            (false, true) => self.news.push(Change::Paused),
            (true, false) => self.news.push(Change::Resumed),
            _ => {}
        }
        let runs = status.state == HeadState::Running;
        if runs && self.news.is_empty() && now - self.told >= PROGRESS_PACE {
            self.news.push(Change::Progress);
        }
    }
}

/// Heads die with their encoder.
impl Drop for Observer {
    fn drop(&mut self) {
        let left: Vec<HeadId> = self.heads.keys().copied().collect();
        left.into_iter().for_each(|head| self.ended(head, EndCause::Closed));
    }
}

#[cfg(test)]
mod tests;
