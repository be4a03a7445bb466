//! Bits per second: `6M`, `800k`, or a bare number. Decimal, as encoders and manifests count.

use std::fmt;
use std::str::FromStr;

use super::refusal::Refusal;
use super::scale::Scale;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BitRate(u32);

const SCALE: Scale = Scale {
    quantity: "a bit rate",
    units: &[("", 1), ("k", 1000), ("M", 1_000_000)],
    space: "",
    examples: "\"6M\" or \"800k\" (bits per second)",
};

impl BitRate {
    pub const fn from_bps(bits_per_second: u32) -> Self {
        Self(bits_per_second)
    }

    pub const fn from_kbps(kbps: u32) -> Self {
        Self(1000 * kbps)
    }

    pub const fn bps(self) -> u32 {
        self.0
    }

    /// In kbit/s, rounded down.
    pub const fn kbps(self) -> u32 {
        self.0 / 1000
    }
}

impl FromStr for BitRate {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let bits_per_second = SCALE.read(text)?;
        u32::try_from(bits_per_second)
            .map(Self)
            .map_err(|_| Refusal::new(format!("`{text}` is too large to be a bit rate")))
    }
}

impl fmt::Display for BitRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&SCALE.print(u64::from(self.0)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_rate_is_read_in_bits_per_second() {
        for (text, bits_per_second) in
            [("6M", 6_000_000), ("800k", 800_000), ("2.5M", 2_500_000), ("160000", 160_000)]
        {
            assert_eq!(text.parse(), Ok(BitRate(bits_per_second)), "{text:?}");
        }
        assert_eq!(BitRate::from_kbps(160).bps(), 160_000);
        assert_eq!(BitRate::from_bps(1999).kbps(), 1);
    }

    #[test]
    fn a_rate_that_cannot_be_meant_is_refused_with_a_reason() {
        for (text, message, hint) in [
            ("6m", "`m` is not a unit of a bit rate", "did you mean `M`?"),
            ("6Mbit", "`Mbit` is not a unit of a bit rate", "units are `k`, `M`"),
            ("fast", "`fast` is not a bit rate", "6M"),
            ("9000M", "`9000M` is too large to be a bit rate", ""),
        ] {
            let refusal = text.parse::<BitRate>().unwrap_err();
            assert_eq!(refusal.message, message);
            assert!(refusal.hint.unwrap_or_default().contains(hint), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_rate_reads_back_as_it_was_printed(bits_per_second: u32, thousands in 0u32..4_000_000) {
            for rate in [BitRate(bits_per_second), BitRate::from_kbps(thousands)] {
                prop_assert_eq!(rate.to_string().parse(), Ok(rate));
            }
        }
    }
}
