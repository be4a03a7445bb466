//! One rescale function, and the frame rate as the rational number it is.

use serde::{Deserialize, Serialize};

/// Nanoseconds. In a file's own clock (buffer PTS) or from the file's origin, as the name of the field says.
pub type Nanos = i64;

pub const NANOS_PER_SECOND: i64 = 1_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    Floor,
    Ceil,
    Nearest,
}

/// `value` units of `1/from` s expressed in units of `1/to` s. The product is taken in 128 bits, so no clock
/// that fits 64 bits overflows; the result saturates at the limits of `i64`.
pub fn rescale(value: i64, from: u32, to: u32, rounding: Rounding) -> i64 {
    assert!(from > 0 && to > 0, "timescales are positive: {from}, {to}");
    if let (Rounding::Floor, Some(product)) = (rounding, value.checked_mul(i64::from(to))) {
        // Lists of thousands of segments are made of these, and 128 bits are slow to divide.
        return product.div_euclid(i64::from(from));
    }
    let product = i128::from(value) * i128::from(to);
    let from = i128::from(from);
    let result = match rounding {
        Rounding::Floor => product.div_euclid(from),
        Rounding::Ceil => -((-product).div_euclid(from)),
        Rounding::Nearest => (2 * product + from).div_euclid(2 * from),
    };
    result.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

/// Nanoseconds as ticks of `timescale`, to the nearest tick.
pub fn ticks_from_nanos(nanos: Nanos, timescale: u32) -> i64 {
    rescale(nanos, NANOS_PER_SECOND as u32, timescale, Rounding::Nearest)
}

/// Ticks as nanoseconds, rounded up: a muxer or encoder that floors back lands on the same tick.
pub fn nanos_from_ticks(ticks: i64, timescale: u32) -> Nanos {
    rescale(ticks, timescale, NANOS_PER_SECOND as u32, Rounding::Ceil)
}

/// Frames per second, `num / den`, both positive, in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FrameRate {
    pub num: u32,
    pub den: u32,
}

/// A video timescale is at least this fine, so that a part's duration in ticks is exact to 0.1 ms.
const MIN_VIDEO_TIMESCALE: u32 = 10_000;

impl FrameRate {
    pub fn new(num: u32, den: u32) -> Option<Self> {
        if num == 0 || den == 0 {
            return None;
        }
        let divisor = gcd(num, den);
        Some(Self { num: num / divisor, den: den / divisor })
    }

    pub fn as_f64(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }

    /// The smallest timescale of at least 10 kHz in which one frame is a whole number of ticks.
    pub fn timescale(self) -> u32 {
        self.num.saturating_mul(MIN_VIDEO_TIMESCALE.div_ceil(self.num))
    }

    /// Ticks of [`Self::timescale`] in one frame.
    pub fn frame_ticks(self) -> i64 {
        i64::from(self.den) * i64::from(self.timescale() / self.num)
    }

    /// Index of the frame that is presented nearest to `nanos` after frame 0.
    pub fn frame_at(self, nanos: Nanos) -> i64 {
        let numerator = i128::from(nanos) * i128::from(self.num);
        let denominator = i128::from(self.den) * i128::from(NANOS_PER_SECOND);
        (2 * numerator + denominator).div_euclid(2 * denominator) as i64
    }

    /// Presentation time of frame `n` after frame 0, rounded up to a whole nanosecond.
    pub fn nanos_of(self, n: i64) -> Nanos {
        let numerator = i128::from(n) * i128::from(self.den) * i128::from(NANOS_PER_SECOND);
        (-((-numerator).div_euclid(i128::from(self.num)))) as i64
    }

    /// Whole frames nearest to `nanos`, at least one.
    pub fn frames_in(self, nanos: Nanos) -> i64 {
        self.frame_at(nanos).max(1)
    }

    /// The broadcast and film rates, highest first.
    pub const STANDARD: [Self; 14] = [
        Self { num: 120, den: 1 },
        Self { num: 120_000, den: 1001 },
        Self { num: 100, den: 1 },
        Self { num: 60, den: 1 },
        Self { num: 60_000, den: 1001 },
        Self { num: 50, den: 1 },
        Self { num: 48, den: 1 },
        Self { num: 30, den: 1 },
        Self { num: 30_000, den: 1001 },
        Self { num: 25, den: 1 },
        Self { num: 24, den: 1 },
        Self { num: 24_000, den: 1001 },
        Self { num: 15, den: 1 },
        Self { num: 10, den: 1 },
    ];
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_frame_of_every_standard_rate_is_a_whole_number_of_ticks() {
        for rate in FrameRate::STANDARD {
            let second_of_frames = i128::from(rate.frame_ticks()) * i128::from(rate.num);
            assert_eq!(second_of_frames, i128::from(rate.timescale()) * i128::from(rate.den), "{rate:?}");
            assert!(rate.timescale() >= MIN_VIDEO_TIMESCALE);
        }
    }

    #[test]
    fn ntsc_film_has_the_timescale_every_player_knows() {
        let rate = FrameRate::new(24_000, 1001).expect("a rate");
        assert_eq!((rate.timescale(), rate.frame_ticks()), (24_000, 1001));
    }

    #[test]
    fn rounding_is_right_on_both_sides_of_zero() {
        for (value, rounding, expected) in [
            (1, Rounding::Floor, 0),
            (1, Rounding::Ceil, 1),
            (-1, Rounding::Floor, -1),
            (-1, Rounding::Ceil, 0),
            (1, Rounding::Nearest, 0),
            (2, Rounding::Nearest, 1),
        ] {
            assert_eq!(rescale(value, 3, 1, rounding), expected, "{value} {rounding:?}");
        }
    }

    proptest! {
        #[test]
        fn a_frame_is_found_again_at_its_own_time(n in 0i64..10_000_000, which in 0usize..14) {
            let rate = FrameRate::STANDARD[which];
            prop_assert_eq!(rate.frame_at(rate.nanos_of(n)), n);
        }

        #[test]
        fn a_millisecond_timestamp_finds_its_frame_up_to_240_hertz(n in 0i64..10_000_000, which in 0usize..14) {
            let rate = FrameRate::STANDARD[which];
            let rounded = (rate.nanos_of(n) + 500_000) / 1_000_000 * 1_000_000;
            prop_assert_eq!(rate.frame_at(rounded), n);
        }

        #[test]
        fn floors_are_exact_however_large(value: i64, from in 1u32.., to in 1u32.., shift in 0u32..63) {
            let value = value >> shift;
            let exact = (i128::from(value) * i128::from(to)).div_euclid(i128::from(from));
            let expected = exact.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
            prop_assert_eq!(i128::from(rescale(value, from, to, Rounding::Floor)), expected);
        }

        #[test]
        fn ticks_survive_the_way_through_nanoseconds(ticks in 0i64..10_000_000_000, scale in 1_000u32..200_000) {
            prop_assert_eq!(ticks_from_nanos(nanos_from_ticks(ticks, scale), scale), ticks);
        }
    }
}
