//! What is known of the text tracks of one file. Pure.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::text::{Cue, MAX_CUES};
use crate::timeline::Nanos;
use crate::worker::protocol::TrackCue;

/// The lines that have been read so far, and for which time none is missing.
#[derive(Debug, Default)]
pub struct Known {
    /// By track; within one in the order of their times, each once.
    tracks: Vec<BTreeMap<(Nanos, Nanos, String), String>>,
    /// In order, apart from each other.
    covered: Vec<Range<Nanos>>,
}

impl Known {
    /// `covered`: of the lines that are shown in it none is missing any more.
    pub fn add(&mut self, cues: Vec<TrackCue>, covered: Range<Nanos>) {
        for TrackCue { track, cue } in cues {
            let track = track as usize;
            if self.tracks.len() <= track {
                self.tracks.resize_with(track + 1, BTreeMap::new);
            }
            if self.tracks[track].len() < MAX_CUES {
                self.tracks[track].insert((cue.start_ns, cue.end_ns, cue.text), cue.settings);
            }
        }
        if covered.start < covered.end {
            self.cover(covered);
        }
    }

    fn cover(&mut self, new: Range<Nanos>) {
        let from = self.covered.partition_point(|range| range.end < new.start);
        let to = self.covered.partition_point(|range| range.start <= new.end);
        let joined = self.covered[from..to]
            .iter()
            .fold(new, |joined, range| joined.start.min(range.start)..joined.end.max(range.end));
        self.covered.splice(from..to, [joined]);
    }

    pub fn covers(&self, time: &Range<Nanos>) -> bool {
        self.covered.iter().any(|range| range.start <= time.start && time.end <= range.end)
    }

    pub fn cues(&self, track: usize) -> Vec<Cue> {
        let lines = self.tracks.get(track).into_iter().flatten();
        lines
            .map(|((start_ns, end_ns, text), settings)| Cue {
                start_ns: *start_ns,
                end_ns: *end_ns,
                text: text.clone(),
                settings: settings.clone(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cue(track: u32, start_ns: Nanos) -> TrackCue {
        let cue = Cue { start_ns, end_ns: start_ns + 2, text: "a".into(), settings: String::new() };
        TrackCue { track, cue }
    }

    #[test]
    fn a_line_that_is_read_twice_is_there_once_and_in_its_place() {
        let mut known = Known::default();
        known.add(vec![cue(1, 5), cue(1, 9)], 4..10);
        known.add(vec![cue(1, 1), cue(1, 5), cue(0, 3)], 0..6);
        let starts = |track| known.cues(track).iter().map(|cue| cue.start_ns).collect::<Vec<_>>();
        assert_eq!((starts(0), starts(1), starts(7)), (vec![3], vec![1, 5, 9], vec![]));
        assert!(known.covers(&(0..10)));
    }

    proptest! {
        #[test]
        fn a_time_is_covered_when_all_of_it_has_been_read(
            read in prop::collection::vec((0i64..60, 0i64..12), 0..20), from in 0i64..60, length in 1i64..20,
        ) {
            let mut known = Known::default();
            read.iter().for_each(|&(from, length)| known.add(Vec::new(), from..from + length));
            let every = |time: Range<i64>| {
                time.into_iter().all(|at| read.iter().any(|&(from, length)| (from..from + length).contains(&at)))
            };
            prop_assert_eq!(known.covers(&(from..from + length)), every(from..from + length));
            prop_assert!(known.covered.windows(2).all(|pair| pair[0].end < pair[1].start));
        }
    }
}
