//! Caps as our own names: codec, parser, colour, pixel format.

use gstreamer as gst;
use gstreamer_video as gst_video;

use crate::media::{Colour, Hdr};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Video,
    Audio,
    Text,
}

/// What kind of track caps belong to and the short name of its codec; `None` for data nobody plays.
pub fn identify(caps: &gst::CapsRef) -> Option<(Kind, String)> {
    let structure = caps.structure(0)?;
    let name = structure.name().as_str();
    let int = |field: &str| structure.get::<i32>(field).unwrap_or(0);
    let text = |field: &str| structure.get::<String>(field).unwrap_or_default();
    let video = |codec: &str| Some((Kind::Video, codec.to_owned()));
    let audio = |codec: &str| Some((Kind::Audio, codec.to_owned()));
    let subtitle = |codec: &str| Some((Kind::Text, codec.to_owned()));
    match name {
        "video/x-h264" => video("h264"),
        "video/x-h265" => video("h265"),
        "video/x-h266" => video("h266"),
        "video/x-av1" => video("av1"),
        "video/x-vp8" => video("vp8"),
        "video/x-vp9" => video("vp9"),
        "video/x-vp6" | "video/x-vp6-flash" => video("vp6"),
        "video/mpeg" => match int("mpegversion") {
            1 => video("mpeg1"),
            4 => video("mpeg4"),
            _ => video("mpeg2"),
        },
        "video/x-xvid" => video("mpeg4"),
        "video/x-divx" => video(if int("divxversion") >= 4 { "mpeg4" } else { "msmpeg4v3" }),
        "video/x-msmpeg" => video(if int("msmpegversion") == 42 { "msmpeg4v2" } else { "msmpeg4v3" }),
        "video/x-wmv" => match (int("wmvversion"), text("format").as_str()) {
            (_, "WVC1") => video("vc1"),
            (1, _) => video("wmv1"),
            (2, _) => video("wmv2"),
            _ => video("wmv3"),
        },
        "video/x-theora" => video("theora"),
        "video/x-prores" => video("prores"),
        "video/x-dnxhd" => video("dnxhd"),
        "video/x-dv" => video("dv"),
        "video/x-h263" => video("h263"),
        "video/x-flash-video" => video("flv1"),
        "video/x-raw" => video("raw"),
        "image/jpeg" => video("mjpeg"),
        "audio/mpeg" => match (int("mpegversion"), int("layer"), text("stream-format").as_str()) {
            (1, 1, _) => audio("mp1"),
            (1, 2, _) => audio("mp2"),
            (1, _, _) => audio("mp3"),
            (_, _, "loas") => audio("aac_latm"),
            _ => audio("aac"),
        },
        "audio/x-ac3" | "audio/ac3" => audio("ac3"),
        "audio/x-eac3" => audio("eac3"),
        "audio/x-dts" => audio("dts"),
        "audio/x-true-hd" => audio("truehd"),
        "audio/x-opus" => audio("opus"),
        "audio/x-vorbis" => audio("vorbis"),
        "audio/x-flac" => audio("flac"),
        "audio/x-alac" => audio("alac"),
        "audio/x-wma" => match int("wmaversion") {
            1 => audio("wma1"),
            2 => audio("wma2"),
            _ => audio("wmapro"),
        },
        "audio/x-speex" => audio("speex"),
        "audio/AMR" => audio("amrnb"),
        "audio/AMR-WB" => audio("amrwb"),
        "audio/x-alaw" => audio("alaw"),
        "audio/x-mulaw" => audio("mulaw"),
        "audio/x-adpcm" => audio("adpcm"),
        "audio/x-raw" => audio("pcm"),
        "text/x-raw" => subtitle("subrip"),
        "application/x-subtitle-vtt" => subtitle("webvtt"),
        "application/x-ass" | "application/x-ssa" => subtitle("ass"),
        "subpicture/x-pgs" => subtitle("pgs"),
        "subpicture/x-dvd" => subtitle("vobsub"),
        "subpicture/x-dvb" => subtitle("dvb"),
        "application/x-teletext" => subtitle("teletext"),
        _ if name.starts_with("video/") => video(name.trim_start_matches("video/x-")),
        _ if name.starts_with("audio/") => audio(name.trim_start_matches("audio/x-")),
        _ => None,
    }
}

pub fn is_bitmap(codec: &str) -> bool {
    matches!(codec, "pgs" | "vobsub" | "dvb")
}

/// The parser that reveals a coded stream's facts; nothing for streams whose container tells them.
pub fn revealing_parser(codec: &str) -> Option<&'static str> {
    Some(match codec {
        "h264" | "h265" | "aac" | "ac3" | "eac3" => return super::chains::parser(codec).ok(),
        "av1" => "av1parse",
        "vp9" => "vp9parse",
        "mpeg1" | "mpeg2" => "mpegvideoparse",
        "mpeg4" => "mpeg4videoparse",
        "mjpeg" => "jpegparse",
        "aac_latm" => "aacparse",
        "mp1" | "mp2" | "mp3" => "mpegaudioparse",
        "dts" => "dcaparse",
        "opus" => "opusparse",
        "flac" => "flacparse",
        _ => return None,
    })
}

/// ITU-T H.273 code points of a `colorimetry` field.
pub fn colour(structure: &gst::StructureRef) -> Colour {
    let Some(colorimetry) = structure
        .get::<String>("colorimetry")
        .ok()
        .and_then(|text| text.parse::<gst_video::VideoColorimetry>().ok())
    else {
        return Colour::default();
    };
    let transfer = colorimetry.transfer().to_iso() as u8;
    Colour {
        primaries: colorimetry.primaries().to_iso() as u8,
        transfer,
        matrix: colorimetry.matrix().to_iso() as u8,
        full_range: colorimetry.range() == gst_video::VideoColorRange::Range0_255,
        hdr: hdr(transfer),
        peak: peak(structure),
    }
}

/// From `content-light-level` (maximum and average) or `mastering-display-info` (three primaries, white point, brightest
/// and darkest light in 0.0001 cd/m²), as GStreamer spells them.
fn peak(structure: &gst::StructureRef) -> Option<u32> {
    let numbers = |field: &str| {
        let text = structure.get::<String>(field).ok()?;
        text.split(':').map(|number| number.parse::<u64>().ok()).collect::<Option<Vec<u64>>>()
    };
    let content = numbers("content-light-level").and_then(|light| light.first().copied());
    let mastered = || numbers("mastering-display-info").and_then(|info| Some(info.get(8)? / 10_000));
    let known = |peak: &u64| (1..=10_000).contains(peak);
    content.filter(known).or_else(|| mastered().filter(known)).and_then(|peak| u32::try_from(peak).ok())
}

pub fn hdr(transfer: u8) -> Option<Hdr> {
    match transfer {
        16 => Some(Hdr::Pq),
        18 => Some(Hdr::Hlg),
        _ => None,
    }
}

/// FFmpeg's name for planar YUV of this chroma format and depth.
pub fn pixel_format(structure: &gst::StructureRef) -> (Option<String>, u8) {
    let depth = structure.get::<u32>("bit-depth-luma").unwrap_or(8) as u8;
    let layout = match structure.get::<String>("chroma-format").as_deref() {
        Ok("4:2:2") => "yuv422p",
        Ok("4:4:4") => "yuv444p",
        Ok("4:0:0") => "gray",
        _ => "yuv420p",
    };
    let suffix = if depth > 8 { format!("{depth}le") } else { String::new() };
    (Some(format!("{layout}{suffix}")), depth)
}

pub fn layout_name(channels: u8) -> String {
    match channels {
        1 => "mono".into(),
        2 => "stereo".into(),
        3 => "2.1".into(),
        4 => "4.0".into(),
        5 => "5.0".into(),
        6 => "5.1".into(),
        7 => "6.1".into(),
        8 => "7.1".into(),
        other => format!("{other} channels"),
    }
}
