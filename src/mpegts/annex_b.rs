//! H.264 as a byte stream (ITU-T H.264 annex B), as transport streams carry it: a delimiter in front of every access
//! unit (ISO/IEC 13818-1 section 2.14.1), parameter sets in front of every random access point.

use crate::media::nal;

const START_CODE: [u8; 4] = [0, 0, 0, 1];
/// access_unit_delimiter_rbsp of a primary coded picture of any slice type.
const DELIMITER: [u8; 2] = [0x09, 0xf0];
const DELIMITER_TYPE: u8 = 9;

/// By default without parameter sets of its own: samples bring theirs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnnexB {
    /// With start codes.
    sets: Vec<u8>,
}

impl AnnexB {
    /// With the parameter sets of a configuration record (body of `avcC`); `None` for a damaged one.
    pub fn new(record: &[u8]) -> Option<Self> {
        let mut sets = Vec::new();
        append(&mut sets, &nal::parameter_sets("h264", record)?);
        Some(Self { sets })
    }

    /// Appends a sample, whose units have lengths in front.
    pub fn append(&self, out: &mut Vec<u8>, sample: &[u8], random_access: bool) {
        out.extend(START_CODE);
        out.extend(DELIMITER);
        if random_access && !nal::starts_with_parameter_set("h264", sample) {
            out.extend_from_slice(&self.sets);
        }
        append(out, sample);
    }
}

fn append(out: &mut Vec<u8>, sample: &[u8]) {
    for unit in nal::units(sample) {
        if unit.first().is_some_and(|header| header & 0x1f != DELIMITER_TYPE) {
            out.extend(START_CODE);
            out.extend_from_slice(unit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: [u8; 17] =
        [1, 0x4d, 0x40, 0x28, 0xff, 0xe1, 0, 4, 0x67, 0x4d, 0x40, 0x28, 1, 0, 2, 0x68, 0xee];

    fn made(sample: &[u8], random_access: bool) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        AnnexB::new(&RECORD).expect("a record").append(&mut out, sample, random_access);
        let text: Vec<u8> = out;
        let starts: Vec<usize> = (0..text.len()).filter(|&at| text[at..].starts_with(&START_CODE)).collect();
        let ends = starts.iter().skip(1).copied().chain([text.len()]);
        starts.iter().zip(ends).map(|(&start, end)| text[start + 4..end].to_vec()).collect()
    }

    #[test]
    fn one_delimiter_and_the_sets_where_they_are_missing() {
        let idr = [0, 0, 0, 2, 0x09, 0x10, 0, 0, 0, 3, 0x65, 0x88, 0x80];
        let (delimiter, sps, pps) = (vec![9, 0xf0], vec![0x67, 0x4d, 0x40, 0x28], vec![0x68, 0xee]);
        let slice = vec![0x65, 0x88, 0x80];
        assert_eq!(made(&idr, true), [delimiter.clone(), sps.clone(), pps.clone(), slice.clone()]);
        assert_eq!(made(&idr, false), [delimiter.clone(), slice.clone()]);
        let own = [[0, 0, 0, 2, 0x67, 1].as_slice(), &[0, 0, 0, 3, 0x65, 0x88, 0x80]].concat();
        assert_eq!(made(&own, true), [delimiter, vec![0x67, 1], slice]);
    }
}
