//! Where the live edge of a file is, as playlists and MPD see it: what exists for everybody, and at which time of day.

use std::ops::Range;

use crate::rendition::Rendition;
use crate::timeline::{Nanos, SegmentIndex, nanos_from_ticks};

/// Times are nanoseconds from the file's origin unless they say otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveEdge {
    /// Nothing before this was made for it.
    pub begun_ns: Nanos,
    /// How far back a viewer can go.
    pub window_ns: Nanos,
    /// What ends no later exists for everybody.
    pub position_ns: Nanos,
    /// The edge has come to the end of the file.
    pub ended: bool,
    /// When the edge was where, in that order: one more for each time it had to wait. Never empty.
    pub clock: Vec<ClockPoint>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockPoint {
    pub position_ns: Nanos,
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub unix_ns: i64,
}

/// What of a rendition is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Whole segments.
    pub segments: Range<u32>,
    /// Parts of the segment that follows them.
    pub parts: u32,
}

impl LiveEdge {
    pub fn listed(&self, rendition: &Rendition) -> Listed {
        let cuts = &rendition.cuts;
        let exists = |tick: i64| self.ended || nanos_from_ticks(tick, cuts.timescale) <= self.position_ns;
        let whole = cuts.boundaries[1..].partition_point(|&end| exists(end)) as u32;
        let first_ns = self.begun_ns.max(self.position_ns.saturating_sub(self.window_ns));
        let first = cuts.segment_at(first_ns).0.min(whole);
        let parts = cuts.range(SegmentIndex(whole)).map_or(0, |segment| {
            let rule = rendition.fragments;
            let ends = (0..rule.part_count(&segment)).map(|part| rule.part_end(&segment, part));
            ends.take_while(|&end| exists(end)).count() as u32
        });
        Listed { segments: first..whole, parts }
    }

    /// When the edge was, or will be, at `position_ns`: nanoseconds since 1970.
    pub fn unix_ns(&self, position_ns: Nanos) -> i64 {
        let after = self.clock.partition_point(|point| point.position_ns <= position_ns);
        let point = self.clock[after.saturating_sub(1)];
        point.unix_ns.saturating_add(position_ns - point.position_ns)
    }

    /// The edge waited between these positions: the time of day does not go on as the film does.
    pub fn waited_between(&self, positions: Range<Nanos>) -> bool {
        self.clock.iter().skip(1).any(|point| positions.contains(&point.position_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::examples;
    use crate::timeline::{CutList, FragmentRule};
    use proptest::prelude::*;

    const SECOND: Nanos = 1_000_000_000;

    fn edge(begun_ns: Nanos, position_ns: Nanos) -> LiveEdge {
        LiveEdge { begun_ns, ..examples::live_edge(position_ns) }
    }

    fn rendition() -> Rendition {
        let cuts = CutList { timescale: 10, boundaries: vec![0, 10, 20, 40, 60, 75], independent: true };
        Rendition { fragments: FragmentRule::fixed(2, 4), ..examples::video("v-1", cuts) }
    }

    #[test]
    fn what_has_ended_is_listed_and_parts_of_what_has_not() {
        for (first, position, segments, parts) in [
            (0, 0, 0..0, 0),
            (0, 4 * SECOND / 10, 0..0, 1),
            (0, SECOND - 1, 0..0, 2),
            (0, SECOND, 0..1, 0),
            (0, 33 * SECOND / 10, 0..2, 3),
            (15 * SECOND / 10, 4 * SECOND, 1..3, 0),
            (0, 7 * SECOND, 0..4, 2),
            (9 * SECOND, 2 * SECOND, 2..2, 0),
        ] {
            let listed = edge(first, position).listed(&rendition());
            assert_eq!(listed, Listed { segments, parts }, "{first} {position}");
        }
        let ended = LiveEdge { ended: true, ..edge(0, 7 * SECOND) };
        assert_eq!(ended.listed(&rendition()), Listed { segments: 0..5, parts: 0 });
    }

    #[test]
    fn what_is_older_than_the_window_is_no_longer_listed() {
        let old = LiveEdge { window_ns: 2 * SECOND, ..edge(0, 6 * SECOND) };
        assert_eq!(old.listed(&rendition()).segments, 3..4);
    }

    #[test]
    fn the_clock_goes_on_from_where_the_edge_last_waited() {
        let point = |position_ns, unix_ns| ClockPoint { position_ns, unix_ns };
        let edge = LiveEdge { clock: vec![point(10, 1000), point(20, 1500)], ..edge(0, 30) };
        let times = [0, 10, 19, 20, 25].map(|position| edge.unix_ns(position));
        assert_eq!(times, [990, 1000, 1009, 1500, 1505]);
        assert!(edge.waited_between(15..21) && !edge.waited_between(5..20) && !edge.waited_between(21..99));
    }

    proptest! {
        #[test]
        fn what_is_listed_grows_with_the_edge(cuts in examples::cut_lists(), steps in prop::collection::vec(0i64..3, 1..20)) {
            let part = (cuts.longest_ticks() / 5).max(1);
            let rendition = Rendition { fragments: FragmentRule::fixed(part, part), ..examples::video("v-1", cuts) };
            let (mut position, mut before) = (0, (0, 0));
            for step in steps {
                position += step * SECOND / 2;
                let listed = edge(0, position).listed(&rendition);
                prop_assert!((listed.segments.end, listed.parts) >= before);
                before = (listed.segments.end, listed.parts);
            }
        }
    }
}
