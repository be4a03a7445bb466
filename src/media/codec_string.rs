//! RFC 6381 codecs parameters, made from the configuration record that a decoder is given.

/// For a track of `codec` with this configuration record; `None` where no string is defined or the record is
/// damaged.
pub fn codec_string(codec: &str, config: &[u8]) -> Option<String> {
    match codec {
        "h264" => avc(config),
        "h265" => hevc(config),
        "av1" => av1(config),
        "vp9" => vp9(config),
        "aac" => aac(config),
        "opus" => Some("opus".into()),
        "ac3" => Some("ac-3".into()),
        "eac3" => Some("ec-3".into()),
        "flac" => Some("fLaC".into()),
        "mp3" => Some("mp4a.6B".into()),
        _ => None,
    }
}

/// RFC 6381 section 3.3: profile, constraint flags and level in hexadecimal.
fn avc(config: &[u8]) -> Option<String> {
    let [_, profile, constraints, level, ..] = config else {
        return None;
    };
    Some(format!("avc1.{profile:02X}{constraints:02X}{level:02X}"))
}

/// ISO/IEC 14496-15 annex E.3: profile space and profile, compatibility flags (bits reversed), tier and level,
/// constraint bytes without trailing zeros.
fn hevc(config: &[u8]) -> Option<String> {
    let head: &[u8; 13] = config.first_chunk()?;
    let space = ["", "A", "B", "C"][usize::from(head[1] >> 6)];
    let profile = head[1] & 0x1f;
    let compatibility = u32::from_be_bytes([head[2], head[3], head[4], head[5]]).reverse_bits();
    let tier = if head[1] & 0x20 == 0 { 'L' } else { 'H' };
    let level = head[12];
    let mut text = format!("hvc1.{space}{profile}.{compatibility:X}.{tier}{level}");
    let constraints = &head[6..12];
    let used = constraints.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    constraints[..used].iter().for_each(|byte| text.push_str(&format!(".{byte:X}")));
    Some(text)
}

/// "AV1 Codec ISO Media File Format Binding" section 5: profile, level and tier, bit depth.
fn av1(config: &[u8]) -> Option<String> {
    let [_, profile_level, flags, ..] = config else {
        return None;
    };
    let tier = if flags & 0x80 == 0 { 'M' } else { 'H' };
    let depth = match (flags & 0x40 != 0, flags & 0x20 != 0) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    Some(format!("av01.{}.{:02}{tier}.{depth:02}", profile_level >> 5, profile_level & 0x1f))
}

/// "VP Codec ISO Media File Format Binding": profile, level, bit depth, from a `vpcC` FullBox body.
fn vp9(config: &[u8]) -> Option<String> {
    let [_, _, _, _, profile, level, depth, ..] = config else {
        return None;
    };
    Some(format!("vp09.{profile:02}.{level:02}.{:02}", depth >> 4))
}

/// ISO/IEC 14496-3 section 1.6.2.1: the audio object type, with SBR and PS where signalled in front.
fn aac(config: &[u8]) -> Option<String> {
    let [first, second, ..] = config else {
        return None;
    };
    let object_type = match first >> 3 {
        31 => 32 + ((first & 7) << 3 | second >> 5),
        other => other,
    };
    Some(format!("mp4a.40.{object_type}"))
}

/// A `vpcC` body (version 1, flags 0) for VP9 with 4:2:0 samples.
pub fn vp9_config(
    profile: u8,
    level: u8,
    bit_depth: u8,
    chroma: u8,
    full_range: bool,
    colour: [u8; 3],
) -> Vec<u8> {
    let [primaries, transfer, matrix] = colour;
    let packed = bit_depth << 4 | (chroma & 7) << 1 | u8::from(full_range);
    vec![1, 0, 0, 0, profile, level, packed, primaries, transfer, matrix, 0, 0]
}

/// The VP9 level (times ten) that a picture size and rate need: "VP9 Levels", by luma sample rate and size.
pub fn vp9_level(width: u32, height: u32, frames_per_second: f64) -> u8 {
    const LEVELS: [(u8, f64, u64); 12] = [
        (10, 829_440.0, 36_864),
        (11, 2_764_800.0, 73_728),
        (20, 4_608_000.0, 122_880),
        (21, 9_216_000.0, 245_760),
        (30, 20_736_000.0, 552_960),
        (31, 36_864_000.0, 983_040),
        (40, 83_558_400.0, 2_228_224),
        (41, 160_432_128.0, 2_228_224),
        (50, 311_951_360.0, 8_912_896),
        (51, 588_251_136.0, 8_912_896),
        (52, 1_176_502_272.0, 8_912_896),
        (60, 1_176_502_272.0, 35_651_584),
    ];
    let picture = u64::from(width) * u64::from(height);
    let rate = picture as f64 * frames_per_second;
    LEVELS
        .iter()
        .find(|(_, max_rate, max_size)| rate <= *max_rate && picture <= *max_size)
        .map_or(62, |l| l.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_come_from_the_configuration_record() {
        let hevc_main10 = [1, 2, 0x20, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93];
        let cases: [(&str, &[u8], Option<&str>); 10] = [
            ("h264", &[1, 0x64, 0, 0x28], Some("avc1.640028")),
            ("h264", &[1, 0x42, 0xc0, 0x1e], Some("avc1.42C01E")),
            ("h264", &[1], None),
            ("h265", &hevc_main10, Some("hvc1.2.4.L93.90")),
            ("av1", &[0x81, 0x08, 0x0c, 0], Some("av01.0.08M.08")),
            ("av1", &[0x81, 0x08, 0x4c, 0], Some("av01.0.08M.10")),
            ("vp9", &vp9_config(0, 30, 8, 1, false, [1, 1, 1]), Some("vp09.00.30.08")),
            ("aac", &[0x11, 0x90], Some("mp4a.40.2")),
            ("aac", &[0x2b, 0x92], Some("mp4a.40.5")),
            ("theora", &[1, 2, 3], None),
        ];
        for (codec, config, expected) in cases {
            assert_eq!(codec_string(codec, config).as_deref(), expected, "{codec}");
        }
    }

    #[test]
    fn vp9_levels_grow_with_the_picture() {
        for (width, height, rate, level) in
            [(320, 240, 30.0, 20), (1920, 1080, 30.0, 40), (3840, 2160, 60.0, 51)]
        {
            assert_eq!(vp9_level(width, height, rate), level, "{width}x{height}@{rate}");
        }
    }
}
