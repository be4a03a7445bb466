//! Where the live edge of a file is, as playlists and MPD see it: what exists for everybody, and at which time of day.

use std::ops::Range;

use crate::timeline::{CutList, FragmentRule, Nanos, SegmentIndex, nanos_from_ticks};

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
    /// When the edge was where it began.
    pub began: ClockPoint,
    /// When it was where it went on from, after it last had to wait.
    pub clock: ClockPoint,
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
    pub fn listed(&self, cuts: &CutList, rule: FragmentRule) -> Listed {
        let segments = self.segments(cuts);
        let parts = cuts.range(SegmentIndex(segments.end)).map_or(0, |segment| {
            let ends = (0..rule.part_count(&segment)).map(|part| rule.part_end(&segment, part));
            ends.take_while(|&end| self.has_passed(end, cuts)).count() as u32
        });
        Listed { segments, parts }
    }

    /// Whole segments that are listed.
    pub fn segments(&self, cuts: &CutList) -> Range<u32> {
        let whole = cuts.boundaries[1..].partition_point(|&end| self.has_passed(end, cuts)) as u32;
        let first_ns = self.begun_ns.max(self.position_ns.saturating_sub(self.window_ns));
        cuts.segment_at(first_ns).0.min(whole)..whole
    }

    fn has_passed(&self, tick: i64, cuts: &CutList) -> bool {
        self.ended || nanos_from_ticks(tick, cuts.timescale) <= self.position_ns
    }
}

impl ClockPoint {
    /// When the edge was, or will be, at `position_ns`, had it gone on without a wait: nanoseconds since 1970.
    pub fn unix_ns_at(self, position_ns: Nanos) -> i64 {
        self.unix_ns.saturating_add(position_ns).saturating_sub(self.position_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::examples;
    use proptest::prelude::*;

    const SECOND: Nanos = 1_000_000_000;

    fn edge(begun_ns: Nanos, position_ns: Nanos) -> LiveEdge {
        LiveEdge { begun_ns, ..examples::live_edge(position_ns) }
    }

    fn listed(edge: &LiveEdge) -> Listed {
        let cuts = CutList { timescale: 10, boundaries: vec![0, 10, 20, 40, 60, 75], independent: true };
        edge.listed(&cuts, FragmentRule::fixed(2, 4))
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
            let listed = listed(&edge(first, position));
            assert_eq!(listed, Listed { segments, parts }, "{first} {position}");
        }
        let ended = LiveEdge { ended: true, ..edge(0, 7 * SECOND) };
        assert_eq!(listed(&ended), Listed { segments: 0..5, parts: 0 });
    }

    #[test]
    fn what_is_older_than_the_window_is_no_longer_listed() {
        let old = LiveEdge { window_ns: 2 * SECOND, ..edge(0, 6 * SECOND) };
        assert_eq!(listed(&old).segments, 3..4);
    }

    proptest! {
        #[test]
        fn what_is_listed_grows_with_the_edge(cuts in examples::cut_lists(), steps in prop::collection::vec(0i64..3, 1..20)) {
            let part = (cuts.longest_ticks() / 5).max(1);
            let rule = FragmentRule::fixed(part, part);
            let (mut position, mut before) = (0, (0, 0));
            for step in steps {
                position += step * SECOND / 2;
                let listed = edge(0, position).listed(&cuts, rule);
                prop_assert!((listed.segments.end, listed.parts) >= before);
                before = (listed.segments.end, listed.parts);
            }
        }
    }
}
