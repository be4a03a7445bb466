//! Sizes of the samples (ISO/IEC 14496-12, 8.7.3): `stsz` and the compact `stz2`.

use std::ops::Range;

use super::boxes::{Mp4Box, word};
use crate::media::ContainerError;

pub struct SampleSizes<'a> {
    /// Samples of the track.
    pub count: u64,
    sizes: Sizes<'a>,
}

enum Sizes<'a> {
    Same(u32),
    Listed(&'a [[u8; 4]]),
    /// `stz2`: fields of 4, 8 or 16 bits.
    Compact {
        bits: u8,
        bytes: &'a [u8],
    },
}

impl<'a> SampleSizes<'a> {
    pub fn parse(stbl: Mp4Box<'a>) -> Result<Self, ContainerError> {
        if let Some(stsz) = stbl.child(b"stsz")? {
            let mut fields = stsz.fields("stsz");
            fields.skip(4)?;
            return match fields.u32()? {
                0 => {
                    let listed = fields.table()?;
                    Ok(Self { count: listed.len() as u64, sizes: Sizes::Listed(listed) })
                }
                same => Ok(Self { count: u64::from(fields.u32()?), sizes: Sizes::Same(same) }),
            };
        }
        let stz2 = stbl.require(b"stz2", "stsz or stz2 box")?;
        let mut fields = stz2.fields("stz2");
        fields.skip(7)?;
        let bits = fields.u8()?;
        let count = u64::from(fields.u32()?);
        if !matches!(bits, 4 | 8 | 16) {
            return Err(ContainerError::Malformed { what: "stz2 field size", at: stz2.at });
        }
        if (count * u64::from(bits)).div_ceil(8) > fields.rest().len() as u64 {
            return Err(ContainerError::Truncated { what: "stz2", at: stz2.at });
        }
        Ok(Self { count, sizes: Sizes::Compact { bits, bytes: fields.rest() } })
    }

    /// Bytes of one sample; zero beyond the last.
    pub fn of(&self, sample: u64) -> u64 {
        if sample >= self.count {
            return 0;
        }
        let byte = |bytes: &[u8], n| u64::from(bytes.get(n).copied().unwrap_or(0));
        let n = sample as usize;
        match self.sizes {
            Sizes::Same(size) => u64::from(size),
            Sizes::Listed(list) => list.get(n).map_or(0, |entry| u64::from(word(entry, 0))),
            Sizes::Compact { bits: 4, bytes } => byte(bytes, n / 2) >> (4 * (1 - n % 2)) & 0xf,
            Sizes::Compact { bits: 8, bytes } => byte(bytes, n),
            Sizes::Compact { bytes, .. } => byte(bytes, 2 * n) << 8 | byte(bytes, 2 * n + 1),
        }
    }

    /// Bytes of some samples.
    pub fn sum(&self, samples: Range<u64>) -> u64 {
        let samples = samples.start.min(self.count)..samples.end.min(self.count);
        match self.sizes {
            Sizes::Same(size) => u64::from(size) * samples.end.saturating_sub(samples.start),
            _ => samples.map(|sample| self.of(sample)).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::boxes::tests::full;
    use super::*;

    fn sizes(table: &[u8]) -> Result<Vec<u64>, ContainerError> {
        let sizes = SampleSizes::parse(Mp4Box { kind: *b"stbl", body: table, at: 0 })?;
        let all: Vec<u64> = (0..sizes.count).map(|n| sizes.of(n)).collect();
        assert_eq!(sizes.sum(0..u64::MAX), all.iter().sum::<u64>());
        assert_eq!(sizes.of(sizes.count), 0);
        Ok(all)
    }

    #[test]
    fn every_form_of_sample_sizes_is_read() {
        for (table, expected) in [
            (full(b"stsz", 0, 0, &[0, 3, 10, 20, 30]), &[10, 20, 30][..]),
            (full(b"stsz", 0, 0, &[7, 2]), &[7, 7]),
            (full(b"stsz", 0, 0, &[0, 0]), &[]),
            (full(b"stz2", 0, 0, &[4, 3, 0x1230_0000]), &[1, 2, 3]),
            (full(b"stz2", 0, 0, &[8, 3, 0x0a0b_0c00]), &[10, 11, 12]),
            (full(b"stz2", 0, 0, &[16, 2, 0x0102_0304]), &[0x102, 0x304]),
        ] {
            assert_eq!(sizes(&table).expect("sizes"), expected);
        }
    }

    #[test]
    fn a_size_table_that_is_cut_short_is_an_error() {
        for table in [
            full(b"stsz", 0, 0, &[0, 3, 10, 20]),
            full(b"stsz", 0, 0, &[0, u32::MAX]),
            full(b"stz2", 0, 0, &[16, 3, 0x0102_0304]),
            full(b"stz2", 0, 0, &[5, 1, 0]),
            full(b"free", 0, 0, &[]),
        ] {
            assert!(sizes(&table).is_err(), "{table:?}");
        }
    }
}
