//! The live edge: a playhead that moves with the clock, for which the file's heads work as for any viewer.

use std::ops::Range;
use std::time::{Duration, Instant, SystemTime};

use super::Actor;
use crate::encoder::error::StreamError;
use crate::encoder::playhead::Playhead;
use crate::encoder::state::{Event, Now, RenditionIndex};
use crate::encoder::types::{LiveStatus, SegmentReader};
use crate::timeline::{Nanos, SegmentIndex, nanos_from_ticks};

pub(super) struct Live {
    playhead: Playhead,
    /// Where the first segment begins that was made for it.
    begun_ns: Nanos,
    /// What its viewers watch, and when they last asked for it. The first picture sets the pace.
    watched: Vec<(usize, Instant)>,
    /// Segments it waits for, as a viewer does.
    readers: Vec<(usize, u32, SegmentReader)>,
    /// Clock time of the encoder's beginning. Taken once: a clock that is set must not move the edge.
    wall: SystemTime,
    /// Where it began to move, and when.
    began: (Nanos, Now),
    /// Where it last began to move after it had waited, and when.
    clock: (Nanos, Now),
    /// How far what sets the pace is made.
    made_ns: Nanos,
    /// It waited when it was last looked at.
    waits: bool,
}

/// Segments that the playhead waits for, the one it is in included.
const WAITS_FOR: u32 = 2;
/// A rendition that nobody asked for in this time is no longer made for the edge. Players ask for something every
/// segment.
const WATCHED: Duration = Duration::from_secs(20);
/// For so long everybody is told what the edge failed of. Players ask again every segment, and those that come later start
/// it anew.
const TELLS_FAILURE: Duration = Duration::from_secs(10);
/// Segments ahead that are looked at.
const LOOKS_AHEAD: u32 = 4;

impl Actor {
    /// Starts the playhead at `at_ns`, or joins the one that runs. It starts at the end of the segment there, since
    /// lists begin with a whole segment: viewers, who stay behind the edge, see that segment first.
    pub(super) fn go_live(&mut self, at_ns: Nanos, renditions: Vec<usize>) -> Option<LiveStatus> {
        let now = self.began.elapsed();
        let runs = self.live.as_ref().is_some_and(|live| !live.playhead.ended(now));
        if !runs {
            let cuts = &self.renditions[*renditions.first()?].cuts;
            let first = cuts.range(cuts.segment_at(at_ns))?;
            let end_ns = renditions.iter().map(|index| self.end_ns(*index)).max().unwrap_or(0);
            let begun_ns = nanos_from_ticks(first.start, cuts.timescale);
            let playhead = Playhead::new(now, nanos_from_ticks(first.end, cuts.timescale), end_ns);
            let wall = SystemTime::now() - now;
            tracing::info!(file = %self.record.id, at_s = begun_ns as f64 / 1e9, "the live edge starts");
            let watched = renditions.into_iter().map(|rendition| (rendition, Instant::now())).collect();
            let began = (playhead.position(now), now);
            self.live_failure = None;
            self.live = Some(Live {
                playhead,
                begun_ns,
                watched,
                readers: Vec::new(),
                wall,
                began,
                clock: began,
                made_ns: 0,
                waits: true,
            });
        }
        self.move_live();
        self.live_status()
    }

    /// Somebody watches this rendition at the edge.
    pub(super) fn watch_live(&mut self, rendition: usize) {
        let Some(live) = &mut self.live else { return };
        match live.watched.iter_mut().find(|(watched, _)| *watched == rendition) {
            Some((_, asked)) => *asked = Instant::now(),
            None => {
                live.watched.push((rendition, Instant::now()));
                self.move_live();
            }
        }
    }

    /// A segment was asked for: at the edge that is watching it.
    pub(super) fn asked_at_the_edge(&mut self, rendition: usize, segment: u32) {
        let Some(live) = &self.live else { return };
        let position = live.playhead.position(self.began.elapsed());
        let at = self.renditions[rendition].cuts.segment_at(position).0;
        if (at.saturating_sub(WAITS_FOR)..=at + WAITS_FOR).contains(&segment) {
            self.watch_live(rendition);
        }
    }

    /// Moves on with the clock: waits for what comes next, holds where nothing is made, ends when nobody watches.
    pub(super) fn move_live(&mut self) {
        let Some(mut live) = self.live.take() else {
            if self.live_failure.take_if(|(_, since)| since.elapsed() >= TELLS_FAILURE).is_some() {
                self.publish_live();
            }
            return;
        };
        let now = self.began.elapsed();
        if self.has_readers(&live) {
            self.last_used = Instant::now();
        }
        if self.last_used.elapsed() >= self.shared.settings.idle {
            tracing::info!(file = %self.record.id, "the live edge ends: nobody watches");
            self.publish_live();
            return;
        }
        let lately = |(_, asked): &(usize, Instant)| asked.elapsed() < WATCHED;
        if live.watched.iter().any(lately) {
            live.watched.retain(lately);
        }
        if let Some(pace) = self.pace_of(&live) {
            live.made_ns = self.made_until_ns(pace, live.playhead.position(now));
            live.waits = live.playhead.hold(now, live.made_ns);
            let (since, at_ns) = live.playhead.anchor();
            live.clock = (at_ns, since);
            if live.began.0 == at_ns {
                live.began = live.clock;
            }
        }
        let position = live.playhead.position(now);
        let watched: Vec<usize> = live.watched.iter().map(|(rendition, _)| *rendition).collect();
        live.readers.retain(|(rendition, segment, reader)| {
            *segment >= self.renditions[*rendition].cuts.segment_at(position).0
                && !reader.ended()
                && watched.contains(rendition)
        });
        let pace = self.pace_of(&live);
        let mut refused = None;
        if !live.playhead.ended(now) {
            for rendition in watched {
                // At its start it stands at the end of the first segment, which is still to be made.
                let from = if live.waits { position.saturating_sub(1) } else { position };
                let at = self.renditions[rendition].cuts.segment_at(from).0;
                let last = self.renditions[rendition].cuts.segment_count() - 1;
                for segment in at..=last.min(at + WAITS_FOR - 1) {
                    let Err(error) = self.live_segment(&mut live, rendition, segment) else { continue };
                    match pace == Some(rendition) {
                        // It goes as far as there is anything.
                        true if segment == at || live.waits => refused = refused.or(Some(error)),
                        true => {}
                        // The others go on without it, and it is tried again when somebody asks for it.
                        false => live.watched.retain(|(watched, _)| *watched != rendition),
                    }
                }
            }
        }
        match refused {
            Some(error) => {
                tracing::warn!(file = %self.record.id, %error, "the live edge ends");
                self.live_failure = Some((error, Instant::now()));
            }
            None => self.live = Some(live),
        }
        self.publish_live();
    }

    /// A fragment is made: what the edge waits for, perhaps, or what it can soon move on to.
    pub(super) fn made_for_live(&mut self, rendition: usize, segment: u32) {
        let Some(live) = &self.live else { return };
        let at = self.renditions[rendition].cuts.segment_at(live.playhead.position(self.began.elapsed())).0;
        if self.pace_of(live) == Some(rendition) && segment < at + LOOKS_AHEAD {
            self.move_live();
        }
    }

    /// The rendition that the edge waits for: a picture, where one is watched.
    fn pace_of(&self, live: &Live) -> Option<usize> {
        let watched = || live.watched.iter().map(|(rendition, _)| *rendition);
        watched().find(|rendition| self.renditions[*rendition].video().is_some()).or_else(|| watched().next())
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
        self.live_failure = None;
        self.publish_live();
    }

    fn publish_live(&self) {
        let failed = || self.live_failure.clone().map(|(error, _)| Err(error));
        self.live_edge.send_replace(self.live_status().map(Ok).or_else(failed));
    }

    fn live_status(&self) -> Option<LiveStatus> {
        let live = self.live.as_ref()?;
        let now = self.began.elapsed();
        let position_ns = live.playhead.position(now);
        let (end_ns, ended) = (live.playhead.end(), live.playhead.ended(now));
        let [began, clock] = [live.began, live.clock].map(|(at_ns, when)| (at_ns, live.wall + when));
        let at = Instant::now();
        Some(LiveStatus {
            begun_ns: live.begun_ns,
            position_ns,
            made_ns: live.made_ns,
            end_ns,
            at,
            began,
            clock,
            ended,
        })
    }

    fn end_ns(&self, rendition: usize) -> Nanos {
        let cuts = &self.renditions[rendition].cuts;
        nanos_from_ticks(cuts.end(), cuts.timescale)
    }

    /// How far the rendition is made from `position` on without a gap, looking no further than players need to know.
    fn made_until_ns(&self, rendition: usize, position: Nanos) -> Nanos {
        if position >= self.end_ns(rendition) {
            // The others go on for longer.
            return Nanos::MAX;
        }
        let known = &self.renditions[rendition];
        // What ends where the playhead stands has to be made, not what begins there.
        let first = known.cuts.segment_at(position.saturating_sub(1)).0;
        let mut made = 0;
        for segment in first..first + LOOKS_AHEAD {
            let Some(range) = known.cuts.range(SegmentIndex(segment)) else { return Nanos::MAX };
            made = self.made_of(rendition, segment, &range);
            if made < range.end {
                break;
            }
        }
        nanos_from_ticks(made, known.cuts.timescale)
    }

    /// Where what exists of a segment ends, in ticks.
    fn made_of(&self, rendition: usize, segment: u32, range: &Range<i64>) -> i64 {
        let growing = self.growing.get(&(rendition, segment)).map(|filling| {
            let filling = filling.borrow();
            (filling.fragments.len(), matches!(filling.end, Some(Ok(()))))
        });
        match growing {
            Some((_, true)) => range.end,
            Some((0, false)) => range.start,
            Some((fragments, false)) => {
                let rule = self.renditions[rendition].fragments;
                rule.fragment_start(range, fragments as u32).unwrap_or(range.end)
            }
            None if self.shared.store.contains(&self.key(rendition, Some(segment))) => range.end,
            None => range.start,
        }
    }

    /// Nobody can watch what is over: the encoder may retire.
    pub(super) fn is_live(&self) -> bool {
        let now = self.began.elapsed();
        self.live.as_ref().is_some_and(|live| !live.playhead.ended(now))
    }
}
