//! Frame rate from what the file says and what its packets do.

use crate::timeline::{FrameRate, NANOS_PER_SECOND, Nanos, nanos_from_ticks, ticks_from_nanos};

/// Container clocks round to milliseconds; a frame this far off its place is still in its place.
const ROUNDING_NS: Nanos = 1_600_000;
/// Share of frames (per cent) that have to be in their place for a rate to be called constant.
const IN_PLACE_PER_CENT: usize = 95;
const FALLBACK: FrameRate = FrameRate { num: 25, den: 1 };

/// The rate of a track, and whether it is constant, from `declared` (the container's or the stream's own word)
/// and the presentation times of its first frames in any order.
pub fn observe(declared: Option<FrameRate>, times_ns: &[Nanos]) -> (FrameRate, bool) {
    let mut times = times_ns.to_vec();
    times.sort_unstable();
    times.dedup();
    if times.len() < 3 {
        return (declared.unwrap_or(FALLBACK), true);
    }
    let mut gaps: Vec<Nanos> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_unstable();
    let median = gaps[gaps.len() / 2].max(1);
    let standard = FrameRate::STANDARD.iter().copied();
    let best = declared
        .into_iter()
        .chain(standard)
        .chain(integer_rate(median))
        .filter(|rate| near(*rate, median))
        .filter_map(|rate| Some((misplacement(rate, &times)?, rate)))
        // The first of equals wins: the declared rate, then the standard ones.
        .min_by_key(|(misplaced_ns, _)| *misplaced_ns / 50_000);
    match best {
        Some((_, rate)) => (rate, true),
        None => {
            let nominal =
                FrameRate::STANDARD.into_iter().min_by_key(|rate| (rate.nanos_of(1) - median).abs());
            let believable = declared.filter(|rate| (median / 4..=median * 4).contains(&rate.nanos_of(1)));
            (believable.or(nominal).unwrap_or(FALLBACK), false)
        }
    }
}

fn integer_rate(gap_ns: Nanos) -> Option<FrameRate> {
    FrameRate::new(u32::try_from((NANOS_PER_SECOND + gap_ns / 2) / gap_ns).ok()?, 1)
}

fn near(rate: FrameRate, gap_ns: Nanos) -> bool {
    (rate.nanos_of(1) - gap_ns).abs() <= gap_ns / 20 + ROUNDING_NS
}

/// Mean distance of the frames from their places, when enough of them are in place and no two share one.
fn misplacement(rate: FrameRate, times: &[Nanos]) -> Option<Nanos> {
    let tolerance = ROUNDING_NS.min(rate.nanos_of(1) / 4);
    let mut sum = 0;
    let mut out_of_place = 0;
    let mut previous = -1;
    for &time in times {
        let offset = time - times[0];
        let n = rate.frame_at(offset);
        let distance = (offset - rate.nanos_of(n)).abs();
        sum += distance;
        if distance > tolerance || n == previous {
            out_of_place += 1;
        }
        previous = n;
    }
    let in_place = (times.len() - out_of_place) * 100 >= times.len() * IN_PLACE_PER_CENT;
    in_place.then(|| sum / times.len() as Nanos)
}

/// Frames by which decoding has to run ahead, from presentation times in decode order: the smallest delay with
/// which every picture has been decoded when its turn comes.
pub fn reorder_frames(times_ns: &[Nanos]) -> u8 {
    let mut sorted = times_ns.to_vec();
    sorted.sort_unstable();
    let late =
        times_ns.iter().enumerate().map(|(n, time)| n.saturating_sub(sorted.partition_point(|t| t < time)));
    // H.264 and HEVC reorder 16 pictures at most.
    late.max().unwrap_or(0).min(16) as u8
}

/// Lengths of codec frames in samples that codecs use.
const FRAME_SAMPLES: [u32; 12] = [120, 240, 480, 512, 576, 960, 1024, 1152, 1536, 1920, 2048, 2880];

/// The lattice of a sound track's codec frames, from the presentation times of its first packets: samples of one
/// frame, and the exact start of some frame on the packets' clock. `None` where frames have no fixed length.
///
/// The first packet alone proves nothing: containers clip what a codec's delay puts before zero.
pub fn frame_lattice(times_ns: &[Nanos], sample_rate: u32) -> Option<(u32, Nanos)> {
    let mut gaps: Vec<Nanos> = times_ns.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_unstable();
    let median = ticks_from_nanos(*gaps.get(gaps.len() / 2)?, sample_rate);
    let samples = FRAME_SAMPLES.into_iter().min_by_key(|samples| (i64::from(*samples) - median).abs())?;
    frame_phase(times_ns, sample_rate, samples).map(|phase_ns| (samples, phase_ns))
}

/// The exact start of some codec frame of `samples` samples on the packets' clock; `None` where the packets lie
/// otherwise.
pub fn frame_phase(times_ns: &[Nanos], sample_rate: u32, samples: u32) -> Option<Nanos> {
    let frame = i64::from(samples);
    let reference = *times_ns.get(times_ns.len() / 2)?;
    let off = |time: &Nanos| {
        let at = ticks_from_nanos(*time - reference, sample_rate).rem_euclid(frame);
        if at > frame / 2 { at - frame } else { at }
    };
    let tolerance = ticks_from_nanos(ROUNDING_NS, sample_rate);
    let mut offsets: Vec<i64> = times_ns.iter().map(off).filter(|off| off.abs() <= tolerance).collect();
    offsets.sort_unstable();
    let phase_ns = reference + nanos_from_ticks(*offsets.get(offsets.len() / 2)?, sample_rate);
    (offsets.len() * 100 >= times_ns.len() * IN_PLACE_PER_CENT).then_some(phase_ns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(declared: Option<(u32, u32)>, times_ms: &[i64], expected: ((u32, u32), bool)) {
        let declared = declared.and_then(|(num, den)| FrameRate::new(num, den));
        let times: Vec<Nanos> = times_ms.iter().map(|ms| ms * 1_000_000).collect();
        let (rate, constant) = observe(declared, &times);
        assert_eq!(((rate.num, rate.den), constant), expected);
    }

    #[test]
    fn the_packets_have_the_last_word() {
        check(None, &[0, 40, 80, 120, 160, 200], ((25, 1), true));
        check(Some((25, 1)), &[0, 100, 200, 300, 400], ((10, 1), true));
        check(None, &[0, 143, 286, 429, 571, 714], ((7, 1), true));
        check(Some((30, 1)), &[0, 33, 90, 120, 200, 205, 290, 333], ((30, 1), false));
        check(None, &[0], ((25, 1), true));
    }

    #[test]
    fn frames_of_sound_are_measured_through_millisecond_rounding() {
        for (samples, rate) in [(1024, 44_100), (1024, 48_000), (960, 48_000), (1152, 44_100), (2048, 48_000)]
        {
            let times: Vec<Nanos> =
                (0..40).map(|n| (n * samples * 1000 + rate / 2) / rate * 1_000_000).collect();
            let (found, phase_ns) = frame_lattice(&times, rate as u32).expect("a lattice");
            assert_eq!(found, samples as u32, "{samples} at {rate}");
            let off = ticks_from_nanos(phase_ns, rate as u32).rem_euclid(samples);
            assert!(off.min(samples - off) <= rate / 1000, "{off}");
        }
        let uneven: Vec<Nanos> = (0..40).map(|n| n * n * 3_700_000).collect();
        assert_eq!(frame_lattice(&uneven, 48_000), None);
        let clipped: Vec<Nanos> = (0..40).map(|n| (n * 20_000_000 - 6_500_000).max(0)).collect();
        assert_eq!(frame_lattice(&clipped, 48_000), Some((960, 393_500_000)));
    }

    #[test]
    fn reordering_is_the_most_a_picture_comes_late() {
        for (order, delay) in
            [(vec![0, 1, 2, 3], 0), (vec![0, 3, 1, 2, 6, 4, 5], 1), (vec![0, 4, 2, 1, 3], 2)]
        {
            assert_eq!(reorder_frames(&order), delay, "{order:?}");
        }
    }

    proptest! {
        #[test]
        fn a_standard_rate_is_recognised_through_millisecond_rounding(which in 0usize..14, frames in 60i64..250) {
            let rate = FrameRate::STANDARD[which];
            let times: Vec<Nanos> =
                (0..frames).map(|n| (rate.nanos_of(n) + 500_000) / 1_000_000 * 1_000_000).collect();
            prop_assert_eq!(observe(Some(rate), &times), (rate, true));
            let (found, constant) = observe(None, &times);
            prop_assert!(constant);
            // Within 250 frames, 30 and 29.97 differ by 8 ms: rounding hides that only in short clips.
            prop_assert!((found.as_f64() / rate.as_f64() - 1.0).abs() < 0.0015);
        }
    }
}
