//! A length of time, in whole milliseconds: `333ms`, `2s`, `10m`, `1h`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::refusal::Refusal;
use super::scale::Scale;
use crate::timeline::Nanos;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    millis: u64,
}

const SCALE: Scale = Scale {
    quantity: "a time",
    units: &[("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)],
    space: "",
    examples: "\"333ms\", \"2s\", \"10m\" or \"1h\"",
};

/// A hundred years: every span fits [`Nanos`] with room to add a few.
const LONGEST_MILLIS: u64 = 100 * 366 * 24 * 3_600_000;

impl Span {
    pub const fn from_millis(millis: u64) -> Self {
        Self { millis }
    }

    pub const fn from_secs(secs: u64) -> Self {
        Self { millis: 1000 * secs }
    }

    pub const fn millis(self) -> u64 {
        self.millis
    }

    pub const fn nanos(self) -> Nanos {
        self.millis as Nanos * 1_000_000
    }

    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.millis)
    }
}

impl FromStr for Span {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match SCALE.read(text)? {
            millis if millis <= LONGEST_MILLIS => Ok(Self { millis }),
            _ => Err(Refusal::new(format!("`{text}` is longer than a hundred years"))),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&SCALE.print(self.millis))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_time_is_read_with_its_unit() {
        for (text, millis) in [
            ("0ms", 0),
            ("333ms", 333),
            ("2s", 2000),
            ("2 s", 2000),
            ("1.5s", 1500),
            ("10m", 600_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(text.parse(), Ok(Span { millis }), "{text:?}");
        }
    }

    #[test]
    fn a_time_that_cannot_be_meant_is_refused_with_a_reason() {
        for (text, message) in [
            ("2", "`2` has no unit"),
            ("s", "`s` is not a time"),
            ("-2s", "`-2s` is not a time"),
            ("2S", "`S` is not a unit of a time"),
            ("2 sec", "`sec` is not a unit of a time"),
            ("0.3ms", "`0.3ms` is finer than the smallest unit of a time"),
            ("9000000h", "`9000000h` is longer than a hundred years"),
        ] {
            assert_eq!(text.parse::<Span>().unwrap_err().message, message);
        }
    }

    #[test]
    fn a_time_prints_in_the_unit_that_fits() {
        for (span, text) in [
            (Span::from_millis(333), "333ms"),
            (Span::from_secs(2), "2s"),
            (Span::from_secs(600), "10m"),
            (Span::from_secs(90), "90s"),
            (Span::from_millis(0), "0ms"),
        ] {
            assert_eq!(span.to_string(), text);
        }
        assert_eq!(Span::from_millis(333).nanos(), 333_000_000);
        assert_eq!(Span::from_millis(333).duration(), Duration::from_millis(333));
    }

    proptest! {
        #[test]
        fn a_time_reads_back_as_it_was_printed(millis in 0..=LONGEST_MILLIS, minutes in 0u64..100_000) {
            for span in [Span { millis }, Span::from_secs(60 * minutes)] {
                prop_assert_eq!(span.to_string().parse(), Ok(span));
            }
        }
    }
}
