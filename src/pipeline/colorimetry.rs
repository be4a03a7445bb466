//! Colours as caps of GStreamer spell them.

use crate::media::Colour;

/// Those that have a name; caps that say the same in numbers are others.
const NAMES: [(&str, &str); 8] = [
    ("1:1:7:1", "sRGB"),
    ("2:3:5:1", "bt709"),
    ("2:4:16:4", "bt601"),
    ("2:5:6:5", "smpte240m"),
    ("2:6:11:7", "bt2020"),
    ("2:6:13:7", "bt2020-10"),
    ("2:6:14:7", "bt2100-pq"),
    ("2:6:15:7", "bt2100-hlg"),
];

/// Range, matrix, transfer function and primaries by GStreamer's numbers; zero where they are not known.
pub fn colorimetry(colour: &Colour) -> String {
    let range = if colour.full_range { 1 } else { 2 };
    let matrix = match colour.matrix {
        0 => 1,
        1 => 3,
        4 => 2,
        5 | 6 => 4,
        7 => 5,
        9 | 10 => 6,
        _ => 0,
    };
    let transfer = match colour.transfer {
        1 => 5,
        4 => 4,
        5 => 8,
        6 => 16,
        7 => 6,
        8 => 1,
        9 => 9,
        10 => 10,
        13 => 7,
        14 => 13,
        15 => 11,
        16 => 14,
        18 => 15,
        _ => 0,
    };
    let primaries = match colour.primaries {
        1 => 1,
        4 => 2,
        5 => 3,
        6 => 4,
        7 => 5,
        8 => 6,
        9 => 7,
        _ => 0,
    };
    let text = format!("{range}:{matrix}:{transfer}:{primaries}");
    NAMES.iter().find(|(numbers, _)| *numbers == text).map_or(text, |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use gstreamer_video::{
        VideoColorMatrix, VideoColorPrimaries, VideoColorRange, VideoColorimetry, VideoTransferFunction,
    };

    use super::*;

    #[test]
    fn it_is_what_gstreamer_spells() {
        gstreamer::init().expect("GStreamer is installed");
        for primaries in [1, 2, 4, 5, 6, 7, 8, 9] {
            for transfer in [1, 2, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16, 18] {
                for matrix in [0, 1, 2, 4, 5, 6, 7, 9] {
                    for full_range in [false, true] {
                        let range = if full_range {
                            VideoColorRange::Range0_255
                        } else {
                            VideoColorRange::Range16_235
                        };
                        let known = VideoColorimetry::new(
                            range,
                            VideoColorMatrix::from_iso(matrix.into()),
                            VideoTransferFunction::from_iso(transfer.into()),
                            VideoColorPrimaries::from_iso(primaries.into()),
                        );
                        let colour = Colour { primaries, transfer, matrix, full_range, ..Colour::default() };
                        assert_eq!(colorimetry(&colour), known.to_string(), "{colour:?}");
                    }
                }
            }
        }
    }
}
