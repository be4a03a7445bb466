//! NAL units as MP4 stores them (ISO/IEC 14496-15): four bytes of length, then the unit.

/// Parameter sets of an `avcC` (`h264`) or `hvcC` (`h265`) body, length-prefixed, in the record's order. `None`
/// for other codecs and damaged records.
pub fn parameter_sets(codec: &str, config: &[u8]) -> Option<Vec<u8>> {
    match codec {
        "h264" => avc_sets(config),
        "h265" => hevc_sets(config),
        _ => None,
    }
}

/// The units of a sample, without their lengths; ends where a length is wrong.
pub fn units(sample: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = sample;
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (unit, next) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        rest = next;
        Some(unit)
    })
}

/// Appends a unit behind its length.
pub fn append(sample: &mut Vec<u8>, unit: &[u8]) {
    sample.extend(u32::try_from(unit.len()).unwrap_or(u32::MAX).to_be_bytes());
    sample.extend_from_slice(unit);
}

/// Whether a sample brings a sequence parameter set of its own, before its first slice.
pub fn starts_with_parameter_set(codec: &str, sample: &[u8]) -> bool {
    for unit in units(sample) {
        let Some(&header) = unit.first() else {
            return false;
        };
        match (codec, header & 0x1f, header >> 1 & 0x3f) {
            // Section 7.4.1: H.264 type 7 is an SPS, 1 to 5 are slices; H.265 type 33 is an SPS, below 32 slices.
            ("h264", 7, _) | ("h265", _, 33) => return true,
            ("h264", 1..=5, _) | ("h265", _, 0..=31) => return false,
            _ => {}
        }
    }
    false
}

/// AVCDecoderConfigurationRecord (section 5.3.3.1).
fn avc_sets(config: &[u8]) -> Option<Vec<u8>> {
    let mut sets = Vec::new();
    let at = append_units(config, 6, usize::from(config.get(5)? & 0x1f), &mut sets)?;
    let count = usize::from(*config.get(at)?);
    append_units(config, at + 1, count, &mut sets)?;
    Some(sets)
}

/// HEVCDecoderConfigurationRecord (section 8.3.3.1).
fn hevc_sets(config: &[u8]) -> Option<Vec<u8>> {
    let mut sets = Vec::new();
    let arrays = usize::from(*config.get(22)?);
    let mut at = 23;
    for _ in 0..arrays {
        let count = usize::from(u16::from_be_bytes([*config.get(at + 1)?, *config.get(at + 2)?]));
        at = append_units(config, at + 3, count, &mut sets)?;
    }
    Some(sets)
}

/// Appends `count` units with two-byte lengths that start at `at`; where the next field is.
fn append_units(config: &[u8], mut at: usize, count: usize, sets: &mut Vec<u8>) -> Option<usize> {
    for _ in 0..count {
        let length = u16::from_be_bytes([*config.get(at)?, *config.get(at + 1)?]);
        let unit = config.get(at + 2..at + 2 + usize::from(length))?;
        append(sets, unit);
        at += 2 + usize::from(length);
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AVCC: [u8; 17] =
        [1, 0x4d, 0x40, 0x28, 0xff, 0xe1, 0, 4, 0x67, 0x4d, 0x40, 0x28, 1, 0, 2, 0x68, 0xee];

    #[test]
    fn sets_of_a_configuration_record_get_four_byte_lengths() {
        let sets = parameter_sets("h264", &AVCC).expect("sets");
        assert_eq!(sets, [0, 0, 0, 4, 0x67, 0x4d, 0x40, 0x28, 0, 0, 0, 2, 0x68, 0xee]);
        assert!(starts_with_parameter_set("h264", &sets));
    }

    #[test]
    fn a_slice_without_sets_is_told_from_one_with() {
        assert!(!starts_with_parameter_set("h264", &[0, 0, 0, 2, 0x65, 0x88]));
        let delimiter_then_slice = [0, 0, 0, 2, 0x09, 0xf0, 0, 0, 0, 1, 0x65];
        assert!(!starts_with_parameter_set("h264", &delimiter_then_slice));
        assert!(starts_with_parameter_set("h265", &[0, 0, 0, 2, 33 << 1, 1]));
    }

    #[test]
    fn damaged_records_are_no_records() {
        for length in 0..AVCC.len() {
            assert_eq!(parameter_sets("h264", &AVCC[..length]), None, "{length}");
        }
        assert_eq!(parameter_sets("vp9", &AVCC), None);
    }
}
