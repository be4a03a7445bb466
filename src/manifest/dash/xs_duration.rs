//! `xs:duration`, XML Schema part 2 section 3.2.6: seconds only, to the microsecond.

use std::fmt::{self, Display};

use crate::timeline::{Rounding, rescale};

const MICROS_PER_SECOND: u32 = 1_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct XsDuration {
    micros: i64,
}

impl XsDuration {
    /// For ends: a presentation said to be longer than its media keeps players waiting for the rest.
    pub fn floor(ticks: i64, timescale: u32) -> Self {
        Self { micros: rescale(ticks, timescale, MICROS_PER_SECOND, Rounding::Floor).max(0) }
    }

    /// For upper bounds.
    pub fn ceil(ticks: i64, timescale: u32) -> Self {
        Self { micros: rescale(ticks, timescale, MICROS_PER_SECOND, Rounding::Ceil).max(0) }
    }
}

impl Display for XsDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second = i64::from(MICROS_PER_SECOND);
        let text = format!("{}.{:06}", self.micros / second, self.micros % second);
        write!(f, "PT{}S", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_at_the_end_are_dropped() {
        for (ticks, timescale, down, up) in [
            (0, 1, "PT0S", "PT0S"),
            (10, 1, "PT10S", "PT10S"),
            (3, 2, "PT1.5S", "PT1.5S"),
            (1, 3, "PT0.333333S", "PT0.333334S"),
            (336_336, 24_000, "PT14.014S", "PT14.014S"),
            (7_200_123_456_789, 1_000_000_000, "PT7200.123456S", "PT7200.123457S"),
            (-1, 1, "PT0S", "PT0S"),
        ] {
            let printed = [XsDuration::floor(ticks, timescale), XsDuration::ceil(ticks, timescale)];
            assert_eq!(printed.map(|d| d.to_string()), [down, up], "{ticks}/{timescale}");
        }
    }
}
