//! A number of bytes: `20 GiB`, `500 MB`, or a bare number.

use std::fmt;
use std::str::FromStr;

use super::refusal::Refusal;
use super::scale::Scale;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

const SCALE: Scale = Scale {
    quantity: "a size",
    units: &[
        ("", 1),
        ("B", 1),
        ("kB", 1000),
        ("KiB", 1 << 10),
        ("MB", 1_000_000),
        ("MiB", 1 << 20),
        ("GB", 1_000_000_000),
        ("GiB", 1 << 30),
        ("TB", 1_000_000_000_000),
        ("TiB", 1 << 40),
    ],
    space: " ",
    examples: "\"20 GiB\", \"500 MB\" or a whole number of bytes",
};

impl ByteSize {
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    pub const fn from_mib(mib: u64) -> Self {
        Self(mib << 20)
    }

    pub const fn from_gib(gib: u64) -> Self {
        Self(gib << 30)
    }

    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        SCALE.read(text).map(Self)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&SCALE.print(self.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_size_is_read_with_decimal_and_binary_units() {
        for (text, bytes) in [
            ("0", 0),
            ("1234", 1234),
            ("7 B", 7),
            ("20 GiB", 20 << 30),
            ("20GiB", 20 << 30),
            ("500 MB", 500_000_000),
            ("1.5 kB", 1500),
            ("0.5 KiB", 512),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text:?}");
        }
    }

    #[test]
    fn a_size_that_cannot_be_meant_is_refused_with_a_reason() {
        for (text, message, hint) in [
            ("", "`` is not a size", "20 GiB"),
            ("much", "`much` is not a size", "20 GiB"),
            ("-1", "`-1` is not a size", "20 GiB"),
            ("1.", "`1.` is not a size", "20 GiB"),
            ("1.2.3 MB", "`1.2.3 MB` is not a size", "20 GiB"),
            ("20 GIB", "`GIB` is not a unit of a size", "did you mean `GiB`?"),
            ("20 parsecs", "`parsecs` is not a unit of a size", "`TiB`"),
            ("0.5 B", "`0.5 B` is finer than the smallest unit of a size", "20 GiB"),
            ("17 000 TiB", "`000 TiB` is not a unit of a size", "`TiB`"),
            ("99999999 TiB", "`99999999 TiB` is too large to be a size", "20 GiB"),
        ] {
            let refusal = text.parse::<ByteSize>().unwrap_err();
            assert_eq!(refusal.message, message);
            let given = refusal.hint.unwrap_or_default();
            assert!(given.contains(hint), "{text:?}: {given}");
        }
    }

    #[test]
    fn a_size_prints_in_the_unit_that_fits() {
        for (size, text) in [
            (ByteSize::from_gib(20), "20 GiB"),
            (ByteSize::from_mib(1536), "1536 MiB"),
            (ByteSize::from_bytes(500_000_000), "500 MB"),
            (ByteSize::from_bytes(1001), "1001 B"),
            (ByteSize::from_bytes(0), "0"),
        ] {
            assert_eq!(size.to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn a_size_reads_back_as_it_was_printed(bytes: u64, shift in 0u32..40) {
            for size in [ByteSize(bytes), ByteSize(bytes >> 41 << shift)] {
                prop_assert_eq!(size.to_string().parse(), Ok(size));
            }
        }

        #[test]
        fn no_text_upsets_the_reader(text in ".{0,24}") {
            let _ = text.parse::<ByteSize>();
        }
    }
}
