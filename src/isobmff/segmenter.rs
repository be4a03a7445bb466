//! Encoded samples in, fragments on the cut list out. For streams whose decode order is their presentation
//! order: encoders run without B-frames, sound has none.

use super::fragment::{Fragment, FragmentSample, fragment_bytes};
use crate::timeline::{CutList, FragmentRule, SegmentIndex};

/// One encoded frame of video or sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Presentation and decode time in ticks of the cut list.
    pub tick: i64,
    pub sync: bool,
    pub data: Vec<u8>,
}

/// The encoder left out, or did not make an IDR of, the frame that has to start a segment (or what is made of it).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("segment {segment} does not go on with a random access point at tick {expected}: got tick {got}", segment = .segment.0)]
pub struct LostBoundary {
    pub segment: SegmentIndex,
    pub expected: i64,
    pub got: i64,
}

#[derive(Debug)]
pub struct Segmenter {
    cuts: CutList,
    rule: FragmentRule,
    /// Length of every sample where it is known beforehand: a fragment then leaves with its last sample, not
    /// with the one after it.
    sample_ticks: Option<i64>,
    /// A segment may begin later than its cut: copied sound with holes.
    lenient: bool,
    segment: SegmentIndex,
    range: std::ops::Range<i64>,
    part: u32,
    /// The next sample begins a segment, or is the first of all.
    opening: bool,
    fragment_start: i64,
    fragment_end: i64,
    pending: Vec<Sample>,
    complete: bool,
}

impl Segmenter {
    /// For a head that starts at segment `start`; `None` beyond the end of the list.
    pub fn new(
        cuts: CutList,
        rule: FragmentRule,
        sample_ticks: Option<i64>,
        start: SegmentIndex,
    ) -> Option<Self> {
        let range = cuts.range(start)?;
        Some(Self {
            fragment_start: range.start,
            fragment_end: rule.fragment_end(&range, range.start),
            cuts,
            rule,
            sample_ticks,
            lenient: false,
            segment: start,
            range,
            part: 0,
            opening: true,
            pending: Vec::new(),
            complete: false,
        })
    }

    /// Begins with fragment `part` of the first segment, which starts with a random access point then; `None` where
    /// the segment has no such fragment.
    pub fn resume(self, part: u32) -> Option<Self> {
        let fragment_start = self.rule.fragment_start(&self.range, part)?;
        let fragment_end = self.rule.fragment_end(&self.range, fragment_start);
        Some(Self { part, fragment_start, fragment_end, ..self })
    }

    /// Accepts segments that begin after their cut, or have nothing in them, for sources with holes.
    pub fn lenient(self) -> Self {
        Self { lenient: true, ..self }
    }

    /// Takes the next sample in order; the fragments that are complete with it, usually none or one. A sample
    /// before the start or past the end of the list is left out.
    pub fn push(&mut self, sample: Sample) -> Result<Vec<Fragment>, LostBoundary> {
        let mut done = Vec::new();
        if self.complete || sample.tick < self.fragment_start {
            return Ok(done);
        }
        if sample.tick >= self.fragment_end && !self.pending.is_empty() {
            done.extend(self.close_at_or_after(sample.tick));
            if self.complete {
                return Ok(done);
            }
        }
        let opens = std::mem::take(&mut self.opening);
        if opens && self.lenient {
            self.bridge(&sample, &mut done);
            if self.complete {
                return Ok(done);
            }
        } else if opens && (sample.tick != self.fragment_start || !sample.sync) {
            return Err(LostBoundary {
                segment: self.segment,
                expected: self.fragment_start,
                got: sample.tick,
            });
        }
        let ends_at = self.sample_ticks.map(|ticks| sample.tick + ticks);
        self.pending.push(sample);
        if ends_at.is_some_and(|end| end >= self.fragment_end) {
            done.extend(self.close());
        }
        Ok(done)
    }

    /// The source ended: the samples at hand are stretched to their segment's end.
    pub fn finish(&mut self) -> Option<Fragment> {
        if self.pending.is_empty() {
            return None;
        }
        self.fragment_end = self.range.end;
        self.close()
    }

    pub fn complete(&self) -> bool {
        self.complete
    }

    /// The segment that the next sample belongs to.
    pub fn segment(&self) -> SegmentIndex {
        self.segment
    }

    /// Enters the segment and fragment that hold `next`. A segment that a hole covers whole has to exist all the
    /// same: it becomes one long sample, made of the next one, which every head knows.
    fn bridge(&mut self, next: &Sample, done: &mut Vec<Fragment>) {
        while next.tick >= self.range.end && !self.complete {
            self.pending.push(Sample { tick: self.range.start, sync: true, data: next.data.clone() });
            self.fragment_end = self.range.end;
            done.extend(self.close());
        }
        self.opening = false;
        while self.fragment_end <= next.tick && self.fragment_end < self.range.end {
            self.fragment_end = self.rule.fragment_end(&self.range, self.fragment_end);
        }
    }

    /// Closes the fragment at hand. A fragment boundary inside a segment without a sample of its own is passed
    /// over: the fragment runs on to the next boundary at or before `tick`.
    fn close_at_or_after(&mut self, tick: i64) -> Option<Fragment> {
        while self.fragment_end < self.range.end && self.fragment_end < tick {
            let next = self.rule.fragment_end(&self.range, self.fragment_end);
            if next > tick {
                self.fragment_end = tick;
                break;
            }
            self.fragment_end = next;
        }
        self.close()
    }

    fn close(&mut self) -> Option<Fragment> {
        let samples = std::mem::take(&mut self.pending);
        let start = samples.first()?.tick;
        let independent = samples[0].sync;
        let end = self.fragment_end;
        let ends: Vec<i64> = samples.iter().skip(1).map(|sample| sample.tick).chain([end]).collect();
        let samples: Vec<FragmentSample> = samples
            .into_iter()
            .zip(ends)
            .map(|(sample, end)| FragmentSample {
                duration: u32::try_from(end - sample.tick).unwrap_or(u32::MAX),
                composition_offset: 0,
                sync: sample.sync,
                data: sample.data,
            })
            .collect();
        let fragment = Fragment {
            segment: self.segment,
            part: self.part,
            start,
            duration: end - start,
            independent,
            last: end == self.range.end,
            bytes: fragment_bytes(self.segment, self.part, start, &samples),
        };
        self.part += 1;
        self.fragment_start = end;
        if fragment.last {
            match self.cuts.range(self.segment.next()) {
                Some(range) => {
                    self.segment = self.segment.next();
                    self.range = range;
                    self.part = 0;
                    self.opening = true;
                }
                None => self.complete = true,
            }
        }
        if !self.complete {
            self.fragment_end = self.rule.fragment_end(&self.range, self.fragment_start);
        }
        Some(fragment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::{CutTargets, FrameRate, NANOS_PER_SECOND};
    use proptest::prelude::*;

    const TARGETS: CutTargets = CutTargets { segment_ns: 2 * NANOS_PER_SECOND, part_ns: 333_000_000 };

    fn run(segmenter: &mut Segmenter, samples: impl IntoIterator<Item = (i64, bool)>) -> Vec<Fragment> {
        let mut fragments = Vec::new();
        for (tick, sync) in samples {
            fragments.extend(segmenter.push(Sample { tick, sync, data: vec![1] }).expect("a boundary"));
        }
        fragments.extend(segmenter.finish());
        fragments
    }

    proptest! {
        #[test]
        fn fragments_follow_the_rule_and_meet_without_gap(
            which in 0usize..14, frames in 1i64..600, start in 0u32..4, known in any::<bool>(),
        ) {
            let rate = FrameRate::STANDARD[which];
            let cuts = CutList::constant_rate(rate, 0, frames as u64, TARGETS);
            prop_assume!(start < cuts.segment_count());
            let rule = FragmentRule::constant_rate(rate, TARGETS);
            let ticks = rate.frame_ticks();
            let first = cuts.range(SegmentIndex(start)).expect("in range").start;
            let mut segmenter =
                Segmenter::new(cuts.clone(), rule, known.then_some(ticks), SegmentIndex(start)).expect("a segment");
            let samples = (0..frames).map(|n| (n * ticks, cuts.boundaries.contains(&(n * ticks))));
            let fragments = run(&mut segmenter, samples);
            let mut at = first;
            for fragment in &fragments {
                prop_assert_eq!(fragment.start, at);
                let range = cuts.range(fragment.segment).expect("in range");
                prop_assert_eq!(fragment.start + fragment.duration, rule.fragment_end(&range, at));
                prop_assert_eq!(fragment.independent, at == range.start);
                prop_assert_eq!(fragment.part == 0, at == range.start);
                at += fragment.duration;
                prop_assert_eq!(fragment.last, at == range.end);
            }
            prop_assert_eq!(at, cuts.end());
            prop_assert!(segmenter.complete());
        }
    }

    #[test]
    fn a_fragment_leaves_with_its_last_sample_when_lengths_are_known() {
        let rate = FrameRate { num: 25, den: 1 };
        let cuts = CutList::constant_rate(rate, 0, 100, TARGETS);
        let rule = FragmentRule::constant_rate(rate, TARGETS);
        let ticks = rate.frame_ticks();
        let mut segmenter = Segmenter::new(cuts, rule, Some(ticks), SegmentIndex(0)).expect("a segment");
        let counts: Vec<usize> = (0..5)
            .map(|n| {
                segmenter.push(Sample { tick: n * ticks, sync: n == 0, data: vec![] }).expect("fine").len()
            })
            .collect();
        assert_eq!(counts, [0, 0, 0, 1, 0]);
    }

    #[test]
    fn a_segment_that_does_not_start_with_an_idr_is_an_error() {
        let cuts = CutList { timescale: 10, boundaries: vec![0, 20, 40], independent: true };
        let rule = FragmentRule::fixed(4, 8);
        let mut segmenter = Segmenter::new(cuts, rule, Some(1), SegmentIndex(0)).expect("a segment");
        for tick in 0..20 {
            segmenter.push(Sample { tick, sync: tick == 0, data: vec![] }).expect("inside the segment");
        }
        let lost = LostBoundary { segment: SegmentIndex(1), expected: 20, got: 20 };
        assert_eq!(segmenter.push(Sample { tick: 20, sync: false, data: vec![] }), Err(lost));
    }

    fn boundaries(fragments: &[Fragment]) -> Vec<(u32, u32, i64, i64, bool)> {
        let row = |f: &Fragment| (f.segment.0, f.part, f.start, f.start + f.duration, f.last);
        fragments.iter().map(row).collect()
    }

    #[test]
    fn who_goes_on_with_a_begun_segment_makes_the_fragments_that_are_missing() {
        let cuts = CutList { timescale: 10, boundaries: vec![0, 20, 40], independent: true };
        let rule = FragmentRule::fixed(4, 8);
        let segmenter = || Segmenter::new(cuts.clone(), rule, Some(1), SegmentIndex(0)).expect("a segment");
        let whole = run(&mut segmenter(), (0..40).map(|tick| (tick, tick % 20 == 0)));
        for part in 0..4 {
            let first = rule.fragment_start(&(0..20), part).expect("a fragment");
            let mut rest = segmenter().resume(part).expect("it has that fragment");
            let made = run(&mut rest, (first..40).map(|tick| (tick, tick == first || tick == 20)));
            assert_eq!(boundaries(&made), boundaries(&whole)[part as usize..]);
            assert!(made[0].independent);
            let lost = segmenter().resume(part).expect("it has").push(Sample {
                tick: first,
                sync: false,
                data: vec![],
            });
            assert!(lost.is_err(), "what follows must not refer to what another encoder made");
        }
        assert!(segmenter().resume(4).is_none());
    }

    #[test]
    fn a_hole_over_a_whole_segment_is_one_long_sample_for_every_head() {
        let cuts = CutList { timescale: 10, boundaries: vec![0, 20, 40, 60], independent: true };
        let rule = FragmentRule::fixed(8, 8);
        let from = |start| {
            let segmenter = Segmenter::new(cuts.clone(), rule, Some(2), SegmentIndex(start));
            let mut segmenter = segmenter.expect("a segment").lenient();
            let mut fragments =
                run(&mut segmenter, (0..10).step_by(2).chain((44..60).step_by(2)).map(|t| (t, true)));
            fragments.extend(segmenter.finish());
            fragments
        };
        let whole = from(0);
        let segments: Vec<u32> = whole.iter().filter(|f| f.last).map(|f| f.segment.0).collect();
        assert_eq!(segments, [0, 1, 2]);
        for start in 1..3 {
            let first = whole.iter().position(|f| f.segment.0 == start).expect("it is there");
            assert_eq!(from(start), whole[first..], "from {start}");
        }
    }
}
