//! Where the fragments of a segment end, and its parts: data like the cut list, the same for every head.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::cut_list::{CutList, CutTargets};
use super::ticks::{FrameRate, NANOS_PER_SECOND, Nanos, Rounding, rescale, ticks_from_nanos};

/// The fragments of every segment of a rendition, in its ticks.
///
/// A part (LL-HLS, RFC 8216bis section 4.4.4.9) is what lies between two boundaries. The first fragment of a segment may
/// be shorter than a part, so that the picture starts at once; the next one then fills up the part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FragmentRule {
    /// Length of a segment's first fragment, no more than a part.
    first: i64,
    /// Boundary n is `part`·n / `per` ticks behind the segment's start, rounded up to a multiple of `unit`.
    part: i64,
    per: i64,
    /// Samples of a codec frame, for sound; 1 for pictures.
    unit: i64,
}

/// Frames in the first fragment of a segment of pictures.
const FIRST_FRAGMENT_FRAMES: i64 = 4;
/// A part may be longer than the owner's target by less than this: 8 frames of a film have 333.67 ms.
const SLACK_NS: Nanos = 1_000_000;

impl FragmentRule {
    /// Parts of `part` ticks, of which the first begins with a fragment of `first`.
    pub fn fixed(first: i64, part: i64) -> Self {
        let part = part.max(1);
        Self { first: first.clamp(1, part), part, per: 1, unit: 1 }
    }

    /// For video of constant rate: `rate.timescale()` ticks.
    pub fn constant_rate(rate: FrameRate, targets: CutTargets) -> Self {
        let frame = rate.frame_ticks();
        let longest_ns = targets.part_ns + SLACK_NS - 1;
        let ticks = rescale(longest_ns, NANOS_PER_SECOND as u32, rate.timescale(), Rounding::Floor);
        let part_frames = (ticks / frame).max(1);
        Self::fixed(FIRST_FRAGMENT_FRAMES.min(part_frames) * frame, part_frames * frame)
    }

    /// For video of variable rate and for copies, in `timescale` ticks.
    pub fn by_time(nominal: FrameRate, timescale: u32, targets: CutTargets) -> Self {
        let first = ticks_from_nanos(nominal.nanos_of(FIRST_FRAGMENT_FRAMES), timescale);
        Self::fixed(first, part_by_time(timescale, targets))
    }

    /// Where there is no picture, as if there were one.
    pub fn without_picture(timescale: u32, targets: CutTargets) -> Self {
        let part = part_by_time(timescale, targets);
        Self::fixed(part, part)
    }

    /// For sound with codec frames of `samples` samples that goes with pictures of this rule and `timescale`: as many
    /// parts of whole frames, each nearly as long. Ticks are samples.
    #[must_use]
    pub fn sound(self, timescale: u32, sample_rate: u32, samples: u32) -> Self {
        let (part, per) = (self.part * i64::from(sample_rate), self.per * i64::from(timescale));
        let unit = i64::from(samples.max(1));
        let rule = Self { first: 0, part: part.max(per * unit), per, unit };
        Self { first: rule.boundary(1), ..rule }
    }

    /// Ticks of a segment's first fragment.
    pub fn first_fragment(self) -> i64 {
        self.first
    }

    /// Ticks of the longest part.
    pub fn longest_part(self) -> i64 {
        self.boundary(1)
    }

    /// End of the fragment that starts at `start` in a segment that covers `segment`.
    pub fn fragment_end(self, segment: &Range<i64>, start: i64) -> i64 {
        let offset = start - segment.start;
        let end = if offset < self.first { self.first } else { self.boundary(self.part_at(offset) + 1) };
        (segment.start + end).min(segment.end)
    }

    /// Start of fragment `number` in a segment that covers `segment`; `None` where it has fewer.
    pub fn fragment_start(self, segment: &Range<i64>, number: u32) -> Option<i64> {
        let start = match number {
            0 => 0,
            1 => self.first,
            _ => self.boundary(i64::from(number - self.extra())),
        };
        Some(segment.start + start).filter(|start| *start < segment.end)
    }

    /// The fragments that part `number` of a segment is made of.
    pub fn fragments_of_part(self, number: u32) -> Range<u32> {
        let first = if number == 0 { 0 } else { number.saturating_add(self.extra()) };
        first..number.saturating_add(self.extra()).saturating_add(1)
    }

    /// Parts of a segment that covers `segment`.
    pub fn part_count(self, segment: &Range<i64>) -> u32 {
        let last = self.part_at(segment.end - segment.start - 1);
        u32::try_from(last + 1).unwrap_or(u32::MAX)
    }

    /// End of part `number` of a segment that covers `segment`.
    pub fn part_end(self, segment: &Range<i64>, number: u32) -> i64 {
        (segment.start + self.boundary(i64::from(number) + 1)).min(segment.end)
    }

    /// The fragment of `cuts` that holds `tick`; for ticks outside the list, of its first or last segment.
    pub fn fragment_at(self, cuts: &CutList, tick: i64) -> Range<i64> {
        let after = cuts.boundaries.partition_point(|&boundary| boundary <= tick);
        let n = after.saturating_sub(1).min(cuts.boundaries.len() - 2);
        let segment = cuts.boundaries[n]..cuts.boundaries[n + 1];
        let offset = tick.clamp(segment.start, segment.end - 1) - segment.start;
        let start = match offset {
            offset if offset < self.first => segment.start,
            offset => segment.start + self.first.max(self.boundary(self.part_at(offset))),
        };
        start..self.fragment_end(&segment, start)
    }

    /// Ends of all fragments of a segment, the last one the segment's own end.
    #[cfg(test)]
    pub fn ends(self, segment: &Range<i64>) -> Vec<i64> {
        let mut ends = Vec::new();
        let mut at = segment.start;
        while at < segment.end {
            at = self.fragment_end(segment, at);
            ends.push(at);
        }
        ends
    }

    /// Ticks from a segment's start to the start of part `number`.
    fn boundary(self, number: i64) -> i64 {
        let step = self.per * self.unit;
        (number * self.part + step - 1) / step * self.unit
    }

    /// The part that holds the tick `offset` behind a segment's start.
    fn part_at(self, offset: i64) -> i64 {
        let mut part = (offset / self.unit * self.unit * self.per / self.part).max(0);
        while self.boundary(part + 1) <= offset {
            part += 1;
        }
        while part > 0 && self.boundary(part) > offset {
            part -= 1;
        }
        part
    }

    /// Fragments by which a segment has more than parts, when it is long enough.
    fn extra(self) -> u32 {
        u32::from(self.first < self.boundary(1))
    }
}

/// Several of the same length to a second, or else one of the target's.
fn part_by_time(timescale: u32, targets: CutTargets) -> i64 {
    let longest_ns = (targets.part_ns + SLACK_NS - 1).max(1);
    match (NANOS_PER_SECOND + longest_ns - 1) / longest_ns {
        1 => ticks_from_nanos(targets.part_ns, timescale),
        parts => i64::from(timescale) / parts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PAL: FrameRate = FrameRate { num: 25, den: 1 };

    fn targets(part_ms: i64) -> CutTargets {
        CutTargets { segment_ns: 2 * NANOS_PER_SECOND, part_ns: part_ms * 1_000_000 }
    }

    fn rules() -> impl Strategy<Value = FragmentRule> {
        let rates = prop::sample::select(FrameRate::STANDARD.to_vec());
        let sound =
            prop::sample::select(vec![(48_000, 1024), (44_100, 1024), (48_000, 1536), (44_100, 4096)]);
        (rates, 20i64..1_000, prop::option::of(sound)).prop_map(|(rate, part_ms, sound)| {
            let pictures = FragmentRule::constant_rate(rate, targets(part_ms));
            sound.map_or(pictures, |(hertz, samples)| pictures.sound(rate.timescale(), hertz, samples))
        })
    }

    #[test]
    fn parts_of_film_are_eight_frames() {
        for (num, den, frames) in
            [(24_000, 1001, 8), (24, 1, 8), (25, 1, 8), (30, 1, 10), (50, 1, 16), (60_000, 1001, 20)]
        {
            let rate = FrameRate { num, den };
            let rule = FragmentRule::constant_rate(rate, targets(333));
            assert_eq!(rule.longest_part() / rate.frame_ticks(), frames, "{num}/{den}");
        }
    }

    #[test]
    fn sound_has_as_many_parts_as_the_picture() {
        for (rate, sample_rate, samples) in
            [(PAL, 48_000, 1024), (FrameRate { num: 24_000, den: 1001 }, 44_100, 1024), (PAL, 48_000, 1536)]
        {
            let pictures = FragmentRule::constant_rate(rate, targets(333));
            let sound = pictures.sound(rate.timescale(), sample_rate, samples);
            let grid = CutList::constant_rate(rate, 0, 1_000, targets(333));
            let cuts = CutList::audio(&grid, sample_rate, samples, 0, grid.end_ns());
            for (seen, heard) in grid.ranges().zip(cuts.ranges()).take(cuts.segment_count() as usize - 2) {
                let parts = sound.part_count(&heard);
                assert_eq!(parts, pictures.part_count(&seen));
                let last = sound.part_end(&heard, parts - 1) - sound.part_end(&heard, parts - 2);
                assert!(last * 100 >= sound.longest_part() * 80, "{last} of {}", sound.longest_part());
            }
        }
    }

    proptest! {
        #[test]
        fn fragments_tile_their_segment(rule in rules(), length in 1i64..3_000_000) {
            let segment = 77..77 + length;
            let ends = rule.ends(&segment);
            let mut at = segment.start;
            for &end in &ends {
                prop_assert!(end > at && end - at <= rule.longest_part());
                prop_assert_eq!(rule.fragment_end(&segment, at), end);
                let cuts = CutList { timescale: 1, boundaries: vec![77, segment.end], independent: true };
                prop_assert_eq!(rule.fragment_at(&cuts, (at + end) / 2), at..end);
                at = end;
            }
            prop_assert_eq!(at, segment.end);
            let starts: Vec<i64> = (0..).map_while(|number| rule.fragment_start(&segment, number)).collect();
            prop_assert_eq!(&starts[1..], &ends[..ends.len() - 1]);
            prop_assert_eq!(starts[0], segment.start);
        }

        #[test]
        fn parts_have_nearly_one_length_and_are_made_of_whole_fragments(rule in rules(), length in 1i64..3_000_000) {
            let segment = 77..77 + length;
            let ends = rule.ends(&segment);
            let (mut at, mut fragment) = (segment.start, 0);
            for part in 0..rule.part_count(&segment) {
                let end = rule.part_end(&segment, part);
                let longest = rule.longest_part();
                prop_assert!((longest - rule.unit..=longest).contains(&(end - at)) || end == segment.end);
                let fragments = rule.fragments_of_part(part);
                prop_assert_eq!(fragments.start, fragment);
                // A segment that ends within its first part may have one fragment only.
                let last = (fragments.end as usize).min(ends.len()) - 1;
                prop_assert_eq!(ends[last], end);
                (at, fragment) = (end, fragments.end);
            }
            prop_assert_eq!(at, segment.end);
        }
    }
}
