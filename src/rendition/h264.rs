//! Levels of H.264 (ITU-T H.264 table A-1): the lowest that holds a picture of this size, rate and bitrate.

use crate::media::avc::record_head;
use crate::media::codec_string::codec_string;

/// (level × 10, macroblocks per second, macroblocks per frame, kbit/s of the main profile)
const LEVELS: [(u8, u32, u32, u32); 16] = [
    (10, 1_485, 99, 64),
    (11, 3_000, 396, 192),
    (12, 6_000, 396, 384),
    (13, 11_880, 396, 768),
    (20, 11_880, 396, 2_000),
    (21, 19_800, 792, 4_000),
    (22, 20_250, 1_620, 4_000),
    (30, 40_500, 1_620, 10_000),
    (31, 108_000, 3_600, 14_000),
    (32, 216_000, 5_120, 20_000),
    (40, 245_760, 8_192, 20_000),
    (41, 245_760, 8_192, 50_000),
    (42, 522_240, 8_704, 50_000),
    (50, 589_824, 22_080, 135_000),
    (51, 983_040, 36_864, 240_000),
    (52, 2_073_600, 36_864, 240_000),
];

/// Level × 10.
pub fn level(width: u32, height: u32, frames_per_second: f64, kbps: u32) -> u8 {
    let frame = width.div_ceil(16) * height.div_ceil(16);
    let rate = (f64::from(frame) * frames_per_second).ceil() as u32;
    let fits = |row: &&(u8, u32, u32, u32)| rate <= row.1 && frame <= row.2 && kbps <= row.3;
    LEVELS.iter().find(fits).map_or(62, |row| row.0)
}

/// The codecs parameter of the main profile at this level, as the init segment's record has it.
pub fn main_profile(level: u8) -> String {
    codec_string("h264", &record_head(level)).unwrap_or_default()
}

/// As caps spell it: `4`, `4.1`.
pub fn level_text(level: u8) -> String {
    match level % 10 {
        0 => format!("{}", level / 10),
        minor => format!("{}.{minor}", level / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_pictures_have_the_usual_levels() {
        for (width, height, rate, kbps, expected) in [
            (640, 360, 25.0, 1_000, "3"),
            (1280, 720, 30.0, 3_000, "3.1"),
            (1920, 1080, 24.0, 6_000, "4"),
            (1920, 1080, 60.0, 6_000, "4.2"),
            (3840, 2160, 24.0, 20_000, "5.1"),
        ] {
            assert_eq!(level_text(level(width, height, rate, kbps)), expected, "{width}x{height}@{rate}");
        }
        assert_eq!(main_profile(40), "avc1.4D4028");
    }
}
