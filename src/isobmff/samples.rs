//! Reads what [`super::fragment`] writes: the samples of fragments, with their times.

use bytes::Bytes;

/// One sample as its fragment has it; times in ticks of the rendition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FragmentedSample {
    pub decoded: i64,
    /// Until the next sample is decoded.
    pub duration: i64,
    pub presented: i64,
    pub sync: bool,
    pub data: Bytes,
}

/// A fragment that is not one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fragment cannot be read")]
pub struct Damaged;

/// sample_is_non_sync_sample (ISO/IEC 14496-12 section 8.8.3.1).
const NON_SYNC: u32 = 0x1_0000;

/// The samples of whole fragments, one behind the other.
pub fn samples(fragments: &Bytes) -> Result<Vec<FragmentedSample>, Damaged> {
    let mut all = Vec::new();
    let mut moof_at = 0;
    let mut at = 0;
    while at < fragments.len() {
        let (kind, body) = box_at(fragments, at)?;
        match &kind {
            b"moof" => moof_at = at,
            b"mdat" => {
                let (_, moof) = box_at(fragments, moof_at)?;
                read(fragments, moof_at, &fragments[moof], &mut all)?;
            }
            _ => {}
        }
        at = body.end;
    }
    Ok(all)
}

/// Type and body of the box at `at`.
fn box_at(bytes: &[u8], at: usize) -> Result<([u8; 4], std::ops::Range<usize>), Damaged> {
    let mut header = Reader(bytes.get(at..).ok_or(Damaged)?);
    let size = header.u32()? as usize;
    let kind = header.u32()?.to_be_bytes();
    let end = at.checked_add(size).filter(|&end| size >= 8 && end <= bytes.len()).ok_or(Damaged)?;
    Ok((kind, at + 8..end))
}

/// The body of the first box of `kind` among `bytes`.
fn child<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Result<&'a [u8], Damaged> {
    let mut at = 0;
    loop {
        let (found, body) = box_at(bytes, at)?;
        if found == *kind {
            return Ok(&bytes[body]);
        }
        at = body.end;
    }
}

fn read(whole: &Bytes, moof_at: usize, moof: &[u8], all: &mut Vec<FragmentedSample>) -> Result<(), Damaged> {
    let traf = child(moof, b"traf")?;
    let mut tfhd = Reader(child(traf, b"tfhd")?);
    let (tfhd_flags, _track) = (tfhd.u32()? & 0xff_ffff, tfhd.u32()?);
    // Sections 8.8.7 and 8.8.8: fields are there as flags say, in this order.
    let (_base, _description) = (tfhd.when(tfhd_flags & 1)?, tfhd.when(tfhd_flags & 2)?);
    let duration = tfhd.when(tfhd_flags & 8)?;
    let _size = tfhd.when(tfhd_flags & 0x10)?;
    let flags = tfhd.when(tfhd_flags & 0x20)?;
    let mut tfdt = Reader(child(traf, b"tfdt")?);
    let mut decoded = match tfdt.u32()? >> 24 {
        0 => i64::from(tfdt.u32()?),
        _ => i64::try_from(u64::from(tfdt.u32()?) << 32 | u64::from(tfdt.u32()?)).map_err(|_| Damaged)?,
    };
    let mut trun = Reader(child(traf, b"trun")?);
    let trun_flags = trun.u32()? & 0xff_ffff;
    let count = trun.u32()?;
    let offset = trun.when(trun_flags & 1)?.ok_or(Damaged)?;
    let first_flags = trun.when(trun_flags & 4)?;
    let mut at = moof_at + offset as usize;
    for number in 0..count {
        let duration = i64::from(trun.when(trun_flags & 0x100)?.or(duration).ok_or(Damaged)?);
        let size = trun.when(trun_flags & 0x200)?.ok_or(Damaged)? as usize;
        let own_flags = trun.when(trun_flags & 0x400)?;
        let flags = first_flags.filter(|_| number == 0).or(own_flags).or(flags).unwrap_or(0);
        let composition = trun.when(trun_flags & 0x800)?.unwrap_or(0) as i32;
        let end = at.checked_add(size).filter(|&end| end <= whole.len()).ok_or(Damaged)?;
        all.push(FragmentedSample {
            decoded,
            duration,
            presented: decoded + i64::from(composition),
            sync: flags & NON_SYNC == 0,
            data: whole.slice(at..end),
        });
        decoded += duration;
        at = end;
    }
    Ok(())
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn u32(&mut self) -> Result<u32, Damaged> {
        let (field, rest) = self.0.split_first_chunk::<4>().ok_or(Damaged)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*field))
    }

    /// A field that is there when its flag is set.
    fn when(&mut self, flag: u32) -> Result<Option<u32>, Damaged> {
        (flag != 0).then(|| self.u32()).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isobmff::{FragmentSample, fragment_bytes};
    use crate::timeline::SegmentIndex;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(
            start in 0_i64..1 << 40,
            written in prop::collection::vec(
                prop::collection::vec(
                    (1_u32..5000, -5000_i32..5000, any::<bool>(), prop::collection::vec(any::<u8>(), 0..50)),
                    1..10
                ),
                0..5
            ),
        ) {
            let (mut bytes, mut expected, mut at) = (Vec::new(), Vec::new(), start);
            for (part, samples) in (0..).zip(written) {
                let samples: Vec<FragmentSample> = samples
                    .into_iter()
                    .map(|(duration, composition_offset, sync, data)| {
                        FragmentSample { duration, composition_offset, sync, data }
                    })
                    .collect();
                bytes.extend(fragment_bytes(SegmentIndex(7), part, at, &samples));
                for sample in samples {
                    expected.push(FragmentedSample {
                        decoded: at,
                        duration: i64::from(sample.duration),
                        presented: at + i64::from(sample.composition_offset),
                        sync: sample.sync,
                        data: sample.data.into(),
                    });
                    at += i64::from(sample.duration);
                }
            }
            prop_assert_eq!(samples(&bytes.into()), Ok(expected));
        }

        #[test]
        fn damage_is_no_panic(cut in 0_usize..300, at in 0_usize..300, byte: u8) {
            let sample = FragmentSample { duration: 5, composition_offset: 3, sync: true, data: vec![1; 40] };
            let mut bytes = fragment_bytes(SegmentIndex(0), 0, 0, &[sample.clone(), sample]);
            let length = bytes.len();
            bytes[at % length] = byte;
            bytes.truncate(length - cut % length);
            let _read = samples(&bytes.into());
        }
    }
}
