//! The live edge: a playhead that moves with the clock, for which the file's heads work as for any viewer.

use std::time::{Instant, SystemTime};

use super::Actor;
use crate::encoder::error::StreamError;
use crate::encoder::playhead::Playhead;
use crate::encoder::state::{Event, RenditionIndex};
use crate::encoder::types::{LiveStatus, SegmentReader};
use crate::timeline::{Nanos, nanos_from_ticks};

pub(super) struct Live {
    playhead: Playhead,
    /// What its viewers start with; the first of them sets the pace.
    renditions: Vec<usize>,
    /// Segments it waits for, as a viewer does.
    readers: Vec<(usize, u32, SegmentReader)>,
    /// Clock time of the encoder's beginning. Taken once: a clock that is set must not move the edge.
    wall: SystemTime,
}

/// Segments that the playhead waits for, the one it is in included.
const WAITS_FOR: u32 = 2;

impl Actor {
    /// Starts the playhead at `at_ns`, or joins the one that runs.
    pub(super) fn go_live(&mut self, at_ns: Nanos, renditions: Vec<usize>) -> Option<LiveStatus> {
        let now = self.began.elapsed();
        let runs = self.live.as_ref().is_some_and(|live| !live.playhead.ended(now));
        if !runs {
            let end_ns = renditions.iter().map(|index| self.end_ns(*index)).max().unwrap_or(0);
            let playhead = Playhead::new(now, at_ns, end_ns);
            let wall = SystemTime::now() - now;
            tracing::info!(file = %self.record.id, at_s = at_ns as f64 / 1e9, "the live edge starts");
            self.live = Some(Live { playhead, renditions, readers: Vec::new(), wall });
        }
        self.move_live();
        self.live_status()
    }

    /// Moves on with the clock: waits for what comes next, holds where nothing is made, ends when nobody watches.
    pub(super) fn move_live(&mut self) {
        let Some(mut live) = self.live.take() else { return };
        let now = self.began.elapsed();
        if self.has_readers(&live) {
            self.last_used = Instant::now();
        }
        if self.last_used.elapsed() >= self.shared.settings.idle {
            tracing::info!(file = %self.record.id, "the live edge ends: nobody watches");
            self.publish_live();
            return;
        }
        if let Some(first) = live.renditions.first() {
            live.playhead.hold(now, self.made_until_ns(*first, live.playhead.position(now)));
        }
        let position = live.playhead.position(now);
        live.readers.retain(|(rendition, segment, reader)| {
            *segment >= self.renditions[*rendition].cuts.segment_at(position).0 && !reader.ended()
        });
        let mut refused = None;
        if !live.playhead.ended(now) {
            for rendition in live.renditions.clone() {
                let at = self.renditions[rendition].cuts.segment_at(position).0;
                let last = self.renditions[rendition].cuts.segment_count() - 1;
                for segment in at..=last.min(at + WAITS_FOR - 1) {
                    refused = refused.or(self.live_segment(&mut live, rendition, segment).err());
                }
            }
        }
        match refused {
            Some(error) => tracing::warn!(file = %self.record.id, %error, "the live edge ends"),
            None => self.live = Some(live),
        }
        self.publish_live();
    }

    fn live_segment(&mut self, live: &mut Live, rendition: usize, segment: u32) -> Result<(), StreamError> {
        if live.readers.iter().any(|(of, at, _)| (*of, *at) == (rendition, segment)) {
            return Ok(());
        }
        match self.segment(rendition, segment)? {
            Some(reader) => live.readers.push((rendition, segment, reader)),
            None => self.step(Event::Near { rendition: RenditionIndex(rendition), segment }),
        }
        Ok(())
    }

    /// Whether anybody but the playhead waits for a segment, or reads one that is not stored yet. A viewer who waits
    /// longer than the idle time watches all the same.
    fn has_readers(&self, live: &Live) -> bool {
        let own = |key: &(usize, u32)| live.readers.iter().filter(|(of, at, _)| (*of, *at) == *key).count();
        self.growing.iter().any(|(key, filling)| filling.receiver_count() > own(key))
    }

    pub(super) fn end_live(&mut self) {
        self.live = None;
        self.publish_live();
    }

    fn publish_live(&self) {
        self.live_edge.send_replace(self.live_status());
    }

    fn live_status(&self) -> Option<LiveStatus> {
        let live = self.live.as_ref()?;
        let now = self.began.elapsed();
        let position_ns = live.playhead.position(now);
        let (end_ns, ended) = (live.playhead.end(), live.playhead.ended(now));
        Some(LiveStatus { position_ns, end_ns, at: Instant::now(), wall: live.wall + now, ended })
    }

    fn end_ns(&self, rendition: usize) -> Nanos {
        let cuts = &self.renditions[rendition].cuts;
        nanos_from_ticks(cuts.end(), cuts.timescale)
    }

    /// How far the segment at `position` exists; somewhere behind it when it is whole.
    fn made_until_ns(&self, rendition: usize, position: Nanos) -> Nanos {
        if position >= self.end_ns(rendition) {
            // The others go on for longer.
            return position;
        }
        let known = &self.renditions[rendition];
        let segment = known.cuts.segment_at(position);
        let Some(range) = known.cuts.range(segment) else { return position };
        let growing = self.growing.get(&(rendition, segment.0)).map(|filling| {
            let filling = filling.borrow();
            (filling.fragments.len(), filling.end.is_some())
        });
        let ticks = match growing {
            Some((_, true)) => range.end,
            Some((fragments, false)) => match fragments.checked_sub(1) {
                Some(last) => known.fragments.ends(&range).get(last).copied().unwrap_or(range.end),
                None => range.start,
            },
            None if self.shared.store.contains(&self.key(rendition, Some(segment.0))) => range.end,
            None => range.start,
        };
        nanos_from_ticks(ticks, known.cuts.timescale)
    }

    /// Nobody can watch what is over: the encoder may retire.
    pub(super) fn is_live(&self) -> bool {
        let now = self.began.elapsed();
        self.live.as_ref().is_some_and(|live| !live.playhead.ended(now))
    }
}
