//! The cut list: where the segments of one rendition begin and end, as data. Playlist, MPD, muxer and store
//! read this list and nothing recomputes it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::fragment_rule::FragmentRule;
use super::ticks::{
    FrameRate, NANOS_PER_SECOND, Nanos, Rounding, nanos_from_ticks, rescale, ticks_from_nanos,
};
use crate::media::Keyframe;

/// Position of a segment in its cut list, counted from zero. Also its number in URLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SegmentIndex(pub u32);

impl SegmentIndex {
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Segment `n` covers the ticks `boundaries[n] .. boundaries[n + 1]`, counted from the file's origin.
///
/// Invariants: at least two boundaries, strictly increasing, the first not negative.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutList {
    pub timescale: u32,
    pub boundaries: Vec<i64>,
    /// Every segment starts with a closed random access point (`EXT-X-INDEPENDENT-SEGMENTS`, SAP type 1).
    pub independent: bool,
}

/// What the owner asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutTargets {
    /// Length of a segment once playback runs.
    pub segment_ns: Nanos,
    /// Longest fragment.
    pub part_ns: Nanos,
}

/// The first segments of an encoded rendition are this long at least, for players that need a whole one to start. No
/// shorter: where a picture's buffer begins less than 1 s into a film, Chromium takes that for the film's beginning, and
/// shows the picture there after a seek to 0 before what comes ahead of it has arrived (`kSeekToStartFudgeRoom`).
const RAMP_NS: [Nanos; 2] = [NANOS_PER_SECOND, NANOS_PER_SECOND];
/// Timescale of variable-rate video: the MPEG system clock.
pub const VARIABLE_RATE_TIMESCALE: u32 = 90_000;
/// Where a track runs on behind the grid by less than this, its last segment is longer instead of one more.
const TAIL_NS: Nanos = NANOS_PER_SECOND / 2;

impl CutList {
    /// Encoded video of constant rate: whole parts: twice 1 s or a little more, then about `targets.segment_ns`;
    /// the last two segments share what is left, so that none is a stump. `first` is the tick of frame 0, `frames` the track's length.
    pub fn constant_rate(rate: FrameRate, first: i64, frames: u64, targets: CutTargets) -> Self {
        let frame = rate.frame_ticks();
        let part = FragmentRule::constant_rate(rate, targets).longest_part() / frame;
        let start = RAMP_NS.map(|nanos| {
            let nearest = rate.frames_in(nanos);
            nearest + i64::from(rate.nanos_of(nearest) < nanos)
        });
        let lengths = segment_lengths(frames.max(1) as i64, start, rate.frames_in(targets.segment_ns), part);
        Self::from_lengths(rate.timescale(), first, lengths.into_iter().map(|length| length * frame), true)
    }

    /// Encoded video of variable rate, and the grid of files without video: cuts by time, 90 kHz.
    pub fn by_time(start_ns: Nanos, end_ns: Nanos, targets: CutTargets) -> Self {
        let scale = VARIABLE_RATE_TIMESCALE;
        let first = ticks_from_nanos(start_ns.max(0), scale);
        let length = (ticks_from_nanos(end_ns, scale) - first).max(1);
        let part = FragmentRule::without_picture(scale, targets).longest_part();
        let ticks = |nanos| ticks_from_nanos(nanos, scale).max(1);
        let lengths = segment_lengths(length, RAMP_NS.map(ticks), ticks(targets.segment_ns), part);
        Self::from_lengths(scale, first, lengths.into_iter(), true)
    }

    /// Copied video: source keyframes, greedily at least `targets.segment_ns` apart. `end_ns` is the track's
    /// end; `tick` gives the tick of a time of the track, on its frame grid where it has one. `None` when the
    /// first keyframe lies before the origin.
    ///
    /// Where every keyframe is closed the cuts lie on the keyframes; where enough are not, each cut is the
    /// earliest frame presented after the keyframe and independence is not claimed.
    pub fn copied(
        keyframes: &[Keyframe],
        end_ns: Nanos,
        timescale: u32,
        tick: impl Fn(Nanos) -> i64,
        targets: CutTargets,
    ) -> Option<Self> {
        let closed: Vec<Nanos> = keyframes.iter().filter(|k| k.closed()).map(|k| k.pts_ns).collect();
        let independent = keyframes.first().is_some_and(Keyframe::closed)
            && longest_gap(&closed, end_ns) <= 2 * longest_gap_of(keyframes, end_ns).max(targets.segment_ns);
        // Where the segment starts, and the keyframe's own time, which tells how far apart two of them are.
        let candidates: Vec<(Nanos, Nanos)> = keyframes
            .iter()
            .filter(|keyframe| keyframe.closed() || !independent)
            .map(|keyframe| (keyframe.earliest_ns.min(keyframe.pts_ns), keyframe.pts_ns))
            .collect();
        let (first, mut last_pts) = *candidates.first()?;
        if first < 0 {
            return None;
        }
        let mut boundaries = vec![tick(first)];
        let mut last_ns = first;
        for &(at, pts) in &candidates[1..] {
            if pts - last_pts >= targets.segment_ns
                && at < end_ns
                && tick(at) > boundaries[boundaries.len() - 1]
            {
                boundaries.push(tick(at));
                (last_ns, last_pts) = (at, pts);
            }
        }
        if boundaries.len() > 1 && end_ns - last_ns < TAIL_NS {
            boundaries.pop();
        }
        let end = tick(end_ns).max(boundaries[boundaries.len() - 1] + 1);
        boundaries.push(end);
        Some(Self { timescale, boundaries, independent })
    }

    /// Audio that goes with `grid`: each cut is the first codec frame at or after the grid's, on a lattice of
    /// `samples`-sample frames anchored at `first` (ticks of the sample rate); `end_ns` is the track's end.
    pub fn audio(grid: &Self, sample_rate: u32, samples: u32, first: i64, end_ns: Nanos) -> Self {
        let frame = i64::from(samples.max(1));
        let on_lattice = |tick: i64| first + (tick - first + frame - 1).div_euclid(frame) * frame;
        let end = on_lattice(ticks_from_nanos(end_ns, sample_rate)).max(first + frame);
        let tail = ticks_from_nanos(TAIL_NS, sample_rate);
        let mut boundaries = vec![first];
        let step = grid.longest_ticks();
        let beyond = (1..).map(|n| grid.end() + n * step);
        for cut in grid.boundaries[1..].iter().copied().chain(beyond) {
            let cut = on_lattice(rescale(cut, grid.timescale, sample_rate, Rounding::Ceil));
            if cut + tail >= end {
                break;
            }
            if cut > boundaries[boundaries.len() - 1] {
                boundaries.push(cut);
            }
        }
        boundaries.push(end);
        Self { timescale: sample_rate, boundaries, independent: true }
    }

    fn from_lengths(
        timescale: u32,
        first: i64,
        lengths: impl Iterator<Item = i64>,
        independent: bool,
    ) -> Self {
        let mut boundaries = vec![first];
        let mut at = first;
        for length in lengths {
            at += length;
            boundaries.push(at);
        }
        Self { timescale, boundaries, independent }
    }

    pub fn segment_count(&self) -> u32 {
        (self.boundaries.len() - 1) as u32
    }

    /// Ticks that segment `index` covers; `None` beyond the end.
    pub fn range(&self, index: SegmentIndex) -> Option<Range<i64>> {
        let after = self.boundaries.get(index.0 as usize..)?;
        Some(*after.first()?..*after.get(1)?)
    }

    pub fn ranges(&self) -> impl Iterator<Item = Range<i64>> + '_ {
        self.boundaries.windows(2).map(|pair| pair[0]..pair[1])
    }

    /// The segment that holds `nanos` from the origin; the first or last one for times outside.
    pub fn segment_at(&self, nanos: Nanos) -> SegmentIndex {
        let ticks = rescale(nanos, NANOS_PER_SECOND as u32, self.timescale, Rounding::Floor);
        let after = self.boundaries.partition_point(|&boundary| boundary <= ticks);
        SegmentIndex((after.saturating_sub(1) as u32).min(self.segment_count() - 1))
    }

    pub fn start(&self) -> i64 {
        self.boundaries[0]
    }

    pub fn end(&self) -> i64 {
        self.boundaries[self.boundaries.len() - 1]
    }

    pub fn start_ns(&self) -> Nanos {
        nanos_from_ticks(self.start(), self.timescale)
    }

    pub fn end_ns(&self) -> Nanos {
        nanos_from_ticks(self.end(), self.timescale)
    }

    /// Length of the longest segment.
    pub fn longest_ticks(&self) -> i64 {
        self.ranges().map(|range| range.end - range.start).max().unwrap_or(1)
    }
}

/// `total` units cut into lengths of `ramp` or a little more, then of about `target`, each a whole number of `part`s; the last
/// segment and a remainder shorter than half of it are shared, or one where it is the first. Players take the last part of a
/// segment for another's where it is short.
fn segment_lengths(total: i64, ramp: [i64; RAMP_NS.len()], target: i64, part: i64) -> Vec<i64> {
    let part = part.max(1);
    let whole_parts = |units: i64| ((2 * units + part) / (2 * part)).max(1) * part;
    let target = whole_parts(target);
    let mut lengths = Vec::new();
    let mut left = total;
    let mut ramp = ramp.into_iter().map(|units| (units + part - 1) / part * part);
    loop {
        let length = ramp.next().unwrap_or(target);
        let rest = left - length;
        let stump = rest < (length + 1) / 2;
        if rest <= 0 || stump && lengths.is_empty() {
            lengths.push(left);
            return lengths;
        }
        if stump {
            let half = whole_parts(left / 2).min(left - 1);
            lengths.push(half);
            lengths.push(left - half);
            return lengths;
        }
        lengths.push(length);
        left = rest;
    }
}

fn longest_gap(times: &[Nanos], end_ns: Nanos) -> Nanos {
    let ends = times.iter().skip(1).copied().chain([end_ns]);
    times.iter().zip(ends).map(|(from, to)| to - from).max().unwrap_or(Nanos::MAX)
}

fn longest_gap_of(keyframes: &[Keyframe], end_ns: Nanos) -> Nanos {
    let times: Vec<Nanos> = keyframes.iter().map(|k| k.pts_ns).collect();
    longest_gap(&times, end_ns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TARGETS: CutTargets = CutTargets { segment_ns: 2 * NANOS_PER_SECOND, part_ns: 333_000_000 };

    fn rates() -> impl Strategy<Value = FrameRate> {
        prop::sample::select(FrameRate::STANDARD.to_vec())
    }

    fn check_cover(list: &CutList, first: i64, end: i64) {
        assert_eq!(list.start(), first);
        assert_eq!(list.end(), end);
        assert!(list.boundaries.windows(2).all(|pair| pair[0] < pair[1]), "{list:?}");
    }

    proptest! {
        #[test]
        fn constant_rate_covers_every_frame_and_keeps_its_lengths(
            rate in rates(), frames in 1u64..500_000, phase in 0i64..1_000, target_ms in 500i64..6_000,
        ) {
            let targets = CutTargets { segment_ns: target_ms * 1_000_000, part_ns: 333_000_000 };
            let list = CutList::constant_rate(rate, phase, frames, targets);
            check_cover(&list, phase, phase + frames as i64 * rate.frame_ticks());
            let part = FragmentRule::constant_rate(rate, targets).longest_part();
            let target = rate.frames_in(targets.segment_ns) * rate.frame_ticks();
            let lengths: Vec<i64> = list.ranges().map(|range| range.end - range.start).collect();
            for (n, length) in lengths.iter().enumerate() {
                prop_assert_eq!(length % rate.frame_ticks(), 0);
                prop_assert!(*length <= (target + part).max(rate.frames_in(NANOS_PER_SECOND) * rate.frame_ticks() + part) * 3 / 2);
                prop_assert!(*length % part == 0 || n + 1 == lengths.len(), "only the last has a short part");
            }
            prop_assert!(lengths.len() == 1 || lengths[0] >= i64::from(rate.timescale()), "no buffer begins before 1 s");
            if let [.., before, last] = &lengths[..] {
                prop_assert!(last + part > before / 2, "no stump: {} after {}", last, before);
            }
        }

        #[test]
        fn variable_rate_covers_the_whole_track(start in 0i64..5_000_000_000, length in 1_000_000i64..20_000_000_000_000) {
            let list = CutList::by_time(start, start + length, TARGETS);
            let ticks = |ns| ticks_from_nanos(ns, VARIABLE_RATE_TIMESCALE);
            check_cover(&list, ticks(start), ticks(start + length).max(ticks(start) + 1));
            prop_assert!(list.longest_ticks() <= 2 * 90_000 + 30_000);
        }

        #[test]
        fn copied_cuts_lie_on_keyframes_and_cover_the_track(
            gaps in prop::collection::vec(40_000_000i64..12_000_000_000, 1..200), tail in 40_000_000i64..10_000_000_000,
        ) {
            let mut at = 0;
            let mut keyframes = Vec::new();
            for gap in gaps {
                keyframes.push(Keyframe { pts_ns: at, earliest_ns: at, bytes: 0 });
                at += gap;
            }
            let end = keyframes[keyframes.len() - 1].pts_ns + tail;
            let list = CutList::copied(&keyframes, end, 90_000, |ns| ticks_from_nanos(ns, 90_000), TARGETS).expect("a list");
            check_cover(&list, 0, ticks_from_nanos(end, 90_000));
            prop_assert!(list.independent);
            for boundary in &list.boundaries[..list.boundaries.len() - 1] {
                prop_assert!(keyframes.iter().any(|k| ticks_from_nanos(k.pts_ns, 90_000) == *boundary));
            }
            for range in list.ranges().take(list.boundaries.len().saturating_sub(2)) {
                prop_assert!(range.end - range.start >= 2 * 90_000 - 1);
            }
        }

        #[test]
        fn audio_cuts_are_whole_frames_at_or_just_after_the_video_cuts(
            rate in rates(), frames in 1u64..100_000, excess in -3_000_000_000i64..9_000_000_000,
        ) {
            let grid = CutList::constant_rate(rate, 0, frames, TARGETS);
            let end_ns = (grid.end_ns() + excess).max(10_000_000);
            let list = CutList::audio(&grid, 48_000, 1024, 0, end_ns);
            prop_assert!(list.boundaries.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(list.boundaries.iter().all(|b| b % 1024 == 0));
            let end = ticks_from_nanos(end_ns, 48_000);
            prop_assert!(list.end() >= end && list.end() - end < 1024.max(1025 - end));
            for (n, &cut) in list.boundaries.iter().enumerate().skip(1).take(list.boundaries.len().saturating_sub(2)) {
                if let Some(&video) = grid.boundaries.get(n) {
                    let exact = rescale(video, grid.timescale, 48_000, Rounding::Ceil);
                    prop_assert!(cut >= exact && cut - exact < 1024, "{} {} {}", n, cut, exact);
                }
            }
        }
    }

    fn frames(num: u32, den: u32, total: u64) -> Vec<i64> {
        let rate = FrameRate::new(num, den).expect("a rate");
        let list = CutList::constant_rate(rate, 0, total, TARGETS);
        list.ranges().map(|range| (range.end - range.start) / rate.frame_ticks()).collect()
    }

    #[test]
    fn the_first_segments_are_short_and_all_have_whole_parts() {
        assert_eq!(frames(24_000, 1001, 240), [24, 24, 48, 48, 48, 48]);
        assert_eq!(frames(25, 1, 240), [32, 32, 48, 48, 48, 32]);
        assert_eq!(frames(30, 1, 300), [30, 30, 60, 60, 60, 60]);
        assert_eq!(frames(60_000, 1001, 600), [60, 60, 120, 120, 120, 120]);
    }

    #[test]
    fn a_stump_at_the_end_is_shared_with_its_neighbour() {
        assert_eq!(frames(25, 1, 32 + 32 + 48 + 1), [32, 32, 24, 25]);
        assert_eq!(frames(25, 1, 32 + 32 + 48 + 23), [32, 32, 32, 39]);
        assert_eq!(frames(25, 1, 32 + 15), [47], "no buffer begins before 1 s");
    }

    #[test]
    fn an_open_gop_is_cut_at_its_earliest_frame_and_claims_no_independence() {
        let keyframes: Vec<Keyframe> = (0..10)
            .map(|n| Keyframe {
                pts_ns: n * 2_500_000_000,
                earliest_ns: n * 2_500_000_000 - if n == 0 { 0 } else { 125_000_000 },
                bytes: 0,
            })
            .collect();
        let list =
            CutList::copied(&keyframes, 25_000_000_000, 24_000, |ns| ticks_from_nanos(ns, 24_000), TARGETS)
                .expect("a list");
        assert!(!list.independent);
        assert_eq!(list.boundaries[1], 24_000 * 2_375 / 1000);
    }

    #[test]
    fn there_is_nothing_beyond_the_last_segment() {
        let list = CutList { timescale: 1, boundaries: vec![5, 6, 8], independent: true };
        let ranges = [0, 1, 2, 3, u32::MAX].map(|n| list.range(SegmentIndex(n)));
        assert_eq!(ranges, [Some(5..6), Some(6..8), None, None, None]);
    }

    #[test]
    fn a_segment_is_found_by_time() {
        let rate = FrameRate::new(25, 1).expect("a rate");
        let list = CutList::constant_rate(rate, 0, 250, TARGETS);
        for (seconds, segment) in [(-1, 0), (0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (99, 5)] {
            assert_eq!(list.segment_at(seconds * NANOS_PER_SECOND), SegmentIndex(segment), "{seconds}");
        }
    }
}
