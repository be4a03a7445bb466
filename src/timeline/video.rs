//! Puts decoded frames onto the exact grid of an encoded rendition.
//!
//! Every segment and every fragment starts with a frame of its own, whatever the source's timestamps do: where
//! the source has none, the frame before is shown again. What a head emits therefore depends on the file and
//! the cut list alone, never on where the head started.

use super::cut_list::{CutList, SegmentIndex};
use super::fragment_rule::FragmentRule;
use super::ticks::{FrameRate, Nanos, nanos_from_ticks, ticks_from_nanos};

/// How frames of the source are placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FrameGrid {
    /// Frame n at `cuts.start() + n × frame ticks`; a missing one is filled, a surplus one dropped.
    Constant(FrameRate),
    /// Frames keep their time; only fragment starts are filled. The rate is the nominal one.
    Variable(FrameRate),
}

impl FrameGrid {
    /// Frames per second; nominal for variable rate.
    pub fn rate(self) -> FrameRate {
        match self {
            Self::Constant(rate) | Self::Variable(rate) => rate,
        }
    }

    /// Ticks of one frame: exact for constant rate (whose timescale is the rate's own), nominal for variable.
    pub fn frame_ticks(self, timescale: u32) -> i64 {
        match self {
            Self::Constant(rate) => rate.frame_ticks(),
            Self::Variable(rate) => ticks_from_nanos(rate.nanos_of(1), timescale).max(1),
        }
    }
}

/// One frame to encode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameSlot {
    /// Presentation time in ticks of the cut list.
    pub tick: i64,
    /// The first frame of a segment: has to be an IDR picture.
    pub key: bool,
    /// Show the previous decoded frame instead of the one at hand.
    pub repeat: bool,
}

#[derive(Debug)]
pub struct VideoConformer {
    grid: FrameGrid,
    cuts: CutList,
    rule: FragmentRule,
    /// Ticks: where the segment being filled ends, where its next fragment starts, first tick not yet filled.
    segment: std::ops::Range<i64>,
    segment_index: SegmentIndex,
    next_boundary: i64,
    next: i64,
    /// A frame has been seen; it can be repeated.
    have_previous: bool,
}

impl VideoConformer {
    /// For a head that starts at segment `start`; `None` beyond the end of the list.
    pub fn new(grid: FrameGrid, cuts: CutList, rule: FragmentRule, start: SegmentIndex) -> Option<Self> {
        let segment = cuts.range(start)?;
        Some(Self {
            grid,
            cuts,
            rule,
            next_boundary: segment.start,
            next: segment.start,
            segment,
            segment_index: start,
            have_previous: false,
        })
    }

    /// Begins with fragment `part` of its first segment instead of the first; `None` where that has no such one.
    pub fn resume(self, part: u32) -> Option<Self> {
        let start = self.rule.fragment_start(&self.segment, part)?;
        Some(Self { next_boundary: start, next: start, ..self })
    }

    /// Slots to encode now that the frame presented at `pts_ns` from the origin was decoded, in order. The last
    /// one that is no repeat shows this frame; repeats before it show the frame before (or this one when it is
    /// the first). Empty for a frame before the start, a duplicate, and everything past the end.
    pub fn place(&mut self, pts_ns: Nanos) -> Vec<FrameSlot> {
        let at = self.snap(pts_ns);
        let mut slots = Vec::new();
        if at >= self.next {
            self.fill_until(at.min(self.cuts.end()), &mut slots);
            if at < self.cuts.end() {
                let slot = self.put(at, false);
                slots.push(slot);
            }
        }
        self.have_previous = true;
        slots
    }

    /// The source ended: fills what is missing of the segment being made, so that a track whose last frames are
    /// lost still ends on its cut. Returns nothing when no frame was ever seen.
    pub fn finish(&mut self) -> Vec<FrameSlot> {
        let mut slots = Vec::new();
        if self.have_previous && self.next > self.segment.start {
            self.fill_until(self.segment.end, &mut slots);
        }
        slots
    }

    /// Everything up to the end of the list has been placed.
    pub fn complete(&self) -> bool {
        self.next >= self.cuts.end()
    }

    /// First frame time (from the origin) that this head can use; earlier ones only serve to be repeated.
    pub fn start_ns(&self) -> Nanos {
        nanos_from_ticks(self.next, self.cuts.timescale)
    }

    fn snap(&self, pts_ns: Nanos) -> i64 {
        match self.grid {
            FrameGrid::Constant(rate) => {
                let first = self.cuts.start();
                let phase_ns = nanos_from_ticks(first, self.cuts.timescale);
                first + rate.frame_at(pts_ns - phase_ns) * rate.frame_ticks()
            }
            FrameGrid::Variable(_) => {
                let tick = ticks_from_nanos(pts_ns, self.cuts.timescale);
                let near = self.grid.frame_ticks(self.cuts.timescale) / 4;
                let fragment = self.rule.fragment_at(&self.cuts, tick);
                // The end of the list begins nothing: the last frame may be as short as it likes.
                [fragment.start, fragment.end]
                    .into_iter()
                    .find(|at| (tick - at).abs() <= near && *at < self.cuts.end())
                    .unwrap_or(tick)
            }
        }
    }

    fn fill_until(&mut self, at: i64, slots: &mut Vec<FrameSlot>) {
        loop {
            let missing = match self.grid {
                FrameGrid::Constant(_) => self.next,
                FrameGrid::Variable(_) => self.next_boundary,
            };
            if missing >= at {
                return;
            }
            let slot = self.put(missing, true);
            slots.push(slot);
        }
    }

    /// A frame now stands at `tick`, which is before the end of the list.
    fn put(&mut self, tick: i64, repeat: bool) -> FrameSlot {
        while tick >= self.segment.end
            && let Some(range) = self.cuts.range(self.segment_index.next())
        {
            self.segment_index = self.segment_index.next();
            self.segment = range;
        }
        self.next = tick
            + match self.grid {
                FrameGrid::Constant(_) => self.grid.frame_ticks(self.cuts.timescale),
                FrameGrid::Variable(_) => 1,
            };
        while self.next_boundary <= tick && self.next_boundary < self.segment.end {
            self.next_boundary = self.rule.fragment_end(&self.segment, self.next_boundary);
        }
        FrameSlot { tick, key: tick == self.segment.start, repeat: repeat && self.have_previous }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::{CutTargets, NANOS_PER_SECOND};
    use proptest::prelude::*;

    const TARGETS: CutTargets = CutTargets { segment_ns: 2 * NANOS_PER_SECOND, part_ns: 333_000_000 };

    fn run(conformer: &mut VideoConformer, times: impl IntoIterator<Item = Nanos>) -> Vec<FrameSlot> {
        let mut slots: Vec<FrameSlot> = times.into_iter().flat_map(|time| conformer.place(time)).collect();
        slots.extend(conformer.finish());
        slots
    }

    fn constant(rate: FrameRate, frames: u64, start: u32) -> VideoConformer {
        let cuts = CutList::constant_rate(rate, 0, frames, TARGETS);
        let rule = FragmentRule::constant_rate(rate, TARGETS);
        VideoConformer::new(FrameGrid::Constant(rate), cuts, rule, SegmentIndex(start)).expect("a segment")
    }

    fn variable(end_ns: Nanos, start: u32) -> VideoConformer {
        let nominal = FrameRate { num: 30, den: 1 };
        let cuts = CutList::by_time(0, end_ns, TARGETS);
        let rule = FragmentRule::by_time(nominal, cuts.timescale, TARGETS);
        VideoConformer::new(FrameGrid::Variable(nominal), cuts, rule, SegmentIndex(start)).expect("a segment")
    }

    #[test]
    fn who_goes_on_with_a_begun_segment_places_the_frames_that_are_missing() {
        let rate = FrameRate { num: 24_000, den: 1001 };
        let times: Vec<Nanos> = (0..240).map(|n| rate.nanos_of(n)).collect();
        let whole = run(&mut constant(rate, 240, 2), times.iter().copied());
        let mut rest = constant(rate, 240, 2).resume(1).expect("it has a second fragment");
        assert_eq!(run(&mut rest, times.iter().copied()), whole[4..]);
        let gaps = |n: i64| n * 33_333_333 + (n / 40) * 500_000_000;
        let times: Vec<Nanos> = (0..300).map(gaps).collect();
        let whole = run(&mut variable(10 * NANOS_PER_SECOND, 2), times.iter().copied());
        for part in 1..4 {
            let mut rest = variable(10 * NANOS_PER_SECOND, 2).resume(part).expect("it has that fragment");
            let rest = run(&mut rest, times.iter().copied());
            let same = whole.iter().position(|slot| slot.tick == rest[0].tick).expect("the same grid");
            assert_eq!(rest, whole[same..]);
        }
    }

    #[test]
    fn a_lost_frame_is_filled_and_a_surplus_one_dropped() {
        let rate = FrameRate { num: 25, den: 1 };
        let mut conformer = constant(rate, 250, 0);
        let ms = |n: i64| n * 1_000_000;
        let slots = run(&mut conformer, [ms(0), ms(40), ms(45), ms(160)]);
        let placed: Vec<(i64, bool)> =
            slots.iter().take(5).map(|slot| (slot.tick / rate.frame_ticks(), slot.repeat)).collect();
        assert_eq!(placed, [(0, false), (1, false), (2, true), (3, true), (4, false)]);
        assert_eq!(slots.len(), 32, "the end of the source fills its segment");
    }

    #[test]
    fn a_head_in_the_middle_repeats_the_frame_before_its_cut_when_the_cut_has_none() {
        let mut conformer = constant(FrameRate { num: 25, den: 1 }, 250, 2);
        let slots = run(&mut conformer, [2_520_000_000, 2_600_000_000]);
        assert_eq!((slots[0].repeat, slots[0].key), (true, true));
        assert_eq!((slots[1].repeat, slots[1].key), (false, false));
    }

    #[test]
    fn a_last_frame_of_a_millisecond_is_shown() {
        let ms = |n: i64| n * 1_000_000;
        let mut conformer = variable(ms(1001), 0);
        let slots = run(&mut conformer, (0..25).map(|n| ms(40 * n)).chain([ms(1000)]));
        let last = slots.last().map(|slot| (slot.tick, slot.repeat));
        assert_eq!(last, Some((90_000, false)));
    }

    #[test]
    fn a_source_that_starts_late_shows_its_first_frame_from_the_start() {
        let mut conformer = constant(FrameRate { num: 25, den: 1 }, 250, 0);
        let slots = conformer.place(120_000_000);
        assert_eq!(slots.iter().map(|slot| slot.repeat).collect::<Vec<_>>(), [false; 4]);
    }

    proptest! {
        #[test]
        fn millisecond_times_of_a_constant_source_fill_the_grid_exactly(
            which in 2usize..14, frames in 1u64..400, start in 0u32..6,
        ) {
            let rate = FrameRate::STANDARD[which];
            let cuts = CutList::constant_rate(rate, 0, frames, TARGETS);
            prop_assume!(start < cuts.segment_count());
            let mut conformer = constant(rate, frames, start);
            let times = (0..frames as i64).map(|n| (rate.nanos_of(n) + 500_000) / 1_000_000 * 1_000_000);
            let slots = run(&mut conformer, times);
            let first = cuts.range(SegmentIndex(start)).expect("in range").start;
            prop_assert!(conformer.complete());
            prop_assert!(slots.iter().all(|slot| !slot.repeat));
            for (n, slot) in slots.iter().enumerate() {
                prop_assert_eq!(slot.tick, first + n as i64 * rate.frame_ticks());
                prop_assert_eq!(slot.key, cuts.boundaries.contains(&slot.tick));
            }
            prop_assert_eq!(slots[slots.len() - 1].tick + rate.frame_ticks(), cuts.end());
        }

        #[test]
        fn heads_from_anywhere_agree_whatever_the_timestamps(
            gaps in prop::collection::vec(1_000_000i64..700_000_000, 20..120), start in 1u32..5, vary in any::<bool>(),
        ) {
            let mut times = vec![0];
            for gap in gaps { times.push(times[times.len() - 1] + gap); }
            let end_ns = times[times.len() - 1] + 40_000_000;
            let rate = FrameRate { num: 25, den: 1 };
            let make = |start| if vary { variable(end_ns, start) } else {
                constant(rate, rate.frame_at(end_ns).max(1) as u64, start)
            };
            let mut whole = make(0);
            prop_assume!(start < whole.cuts.segment_count());
            let all = run(&mut whole, times.iter().copied());
            let mut part = make(start);
            let from = part.next;
            let some = run(&mut part, times.iter().copied());
            let tail: Vec<FrameSlot> = all.into_iter().filter(|slot| slot.tick >= from).collect();
            prop_assert_eq!(tail, some);
        }

        #[test]
        fn every_fragment_of_a_variable_source_starts_with_a_frame(
            gaps in prop::collection::vec(1_000_000i64..3_000_000_000, 1..60),
        ) {
            let mut times = vec![0];
            for gap in gaps { times.push(times[times.len() - 1] + gap); }
            let mut conformer = variable(times[times.len() - 1] + 40_000_000, 0);
            let cuts = conformer.cuts.clone();
            let rule = conformer.rule;
            let slots = run(&mut conformer, times);
            prop_assert!(slots.windows(2).all(|pair| pair[0].tick < pair[1].tick));
            for range in cuts.ranges() {
                let mut at = range.start;
                while at < range.end {
                    prop_assert!(slots.iter().any(|slot| slot.tick == at), "nothing at {}", at);
                    at = rule.fragment_end(&range, at);
                }
            }
        }
    }
}
