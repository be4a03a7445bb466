//! `EXTINF` and the segment's URI, RFC 8216 section 4.3.2.1.

use std::fmt::{self, Display};

use crate::timeline::{CutList, Rounding, rescale};

const MICROS_PER_SECOND: u32 = 1_000_000;

/// A segment's length as the playlist says it: whole microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentMicros(pub i64);

impl SegmentMicros {
    /// One per segment. Each is the difference of two floored distances from the list's start, so that errors
    /// do not add up and no sum ever ends beyond the media: a playlist that ends a fraction of a microsecond
    /// behind what a player has buffered makes it ask for the last segment again and again.
    pub fn of(cuts: &CutList) -> impl Iterator<Item = Self> + '_ {
        let at = |boundary: i64| {
            rescale(boundary - cuts.start(), cuts.timescale, MICROS_PER_SECOND, Rounding::Floor)
        };
        let mut start = 0;
        cuts.ranges().map(move |range| {
            let end = at(range.end);
            Self(end - std::mem::replace(&mut start, end))
        })
    }

    /// Without a formatter, which takes a millisecond for the thousands of a film.
    fn write(self, out: &mut impl fmt::Write) -> fmt::Result {
        let second = i64::from(MICROS_PER_SECOND);
        out.write_str(itoa::Buffer::new().format(self.0 / second))?;
        out.write_char('.')?;
        // A one before it keeps its zeros.
        out.write_str(&itoa::Buffer::new().format(second + self.0 % second)[1..])
    }

    pub fn rounded_seconds(self) -> i64 {
        rescale(self.0, MICROS_PER_SECOND, 1, Rounding::Nearest)
    }
}

/// Seconds to the millisecond, for what is a promise and no measure.
#[derive(Clone, Copy, Debug)]
pub struct Seconds {
    millis: i64,
}

impl Seconds {
    pub fn from_millis(millis: i64) -> Self {
        Self { millis }
    }
}

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.millis / 1000, self.millis % 1000)
    }
}

impl Display for SegmentMicros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

/// "#EXTINF:<duration>,[<title>]": the comma belongs to it without a title too. "Durations SHOULD be
/// floating-point, with enough accuracy to avoid perceptible error when segment durations are accumulated."
pub fn write_numbered(out: &mut String, duration: SegmentMicros, segment: u32, extension: &str) {
    write_duration(out, duration);
    out.push_str(itoa::Buffer::new().format(segment));
    out.push('.');
    out.push_str(extension);
    out.push('\n');
}

pub fn write_at(out: &mut String, duration: SegmentMicros, address: &str) {
    write_duration(out, duration);
    out.push_str(address);
    out.push('\n');
}

/// Its line alone: more tags of the segment follow.
pub fn write_duration(out: &mut String, duration: SegmentMicros) {
    out.push_str("#EXTINF:");
    let _infallible = duration.write(out);
    out.push_str(",\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::examples;
    use proptest::prelude::*;

    #[test]
    fn thirds_of_a_second_add_up() {
        let cuts = CutList { timescale: 3, boundaries: vec![0, 1, 2, 3], independent: true };
        let printed: Vec<String> = SegmentMicros::of(&cuts).map(|d| d.to_string()).collect();
        assert_eq!(printed, ["0.333333", "0.333333", "0.333334"]);
    }

    #[test]
    fn a_line_says_what_the_length_is() {
        let lengths = [
            (1, "0.000001"),
            (999_999, "0.999999"),
            (1_000_000, "1.000000"),
            (2_002_000, "2.002000"),
            (61_000_001, "61.000001"),
        ];
        for (micros, seconds) in lengths {
            let mut line = String::new();
            write_numbered(&mut line, SegmentMicros(micros), 7, "m4s");
            assert_eq!(line, format!("#EXTINF:{seconds},\n7.m4s\n"));
            assert_eq!(SegmentMicros(micros).to_string(), seconds);
        }
    }

    #[test]
    fn halves_round_up() {
        for (micros, seconds) in [(1_499_999, 1), (1_500_000, 2), (2_002_000, 2), (499_999, 0)] {
            assert_eq!(SegmentMicros(micros).rounded_seconds(), seconds, "{micros}");
        }
    }

    proptest! {
        #[test]
        fn the_sum_is_the_length_floored_and_never_beyond(cuts in examples::cut_lists()) {
            let sum: i64 = SegmentMicros::of(&cuts).map(|duration| duration.0).sum();
            let exact = i128::from(cuts.end() - cuts.start()) * 1_000_000;
            let scale = i128::from(cuts.timescale);
            prop_assert_eq!(i128::from(sum), exact / scale);
            prop_assert!(SegmentMicros::of(&cuts).all(|duration| duration.0 > 0));
        }
    }
}
