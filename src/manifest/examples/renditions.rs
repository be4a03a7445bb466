//! Renditions for tests: one rung, one copy, one track of sound.

use proptest::prelude::*;

use crate::media::{Colour, Disposition, Keyframe};
use crate::rendition::{AudioForm, Bandwidth, Rendition, RenditionId, RenditionMedia, VideoForm};
use crate::timeline::cut_list::CutTargets;
use crate::timeline::{CutList, FragmentRule, FrameRate, Nanos, ticks_from_nanos};

pub const TARGETS: CutTargets = CutTargets { segment_ns: 2 * SECOND, part_ns: 333_000_000 };
const SECOND: Nanos = 1_000_000_000;
const FILM: FrameRate = FrameRate { num: 24_000, den: 1001 };
const VERSION: &str = "3f9a5c0b7e21";

pub fn picture() -> VideoForm {
    VideoForm {
        codec: "h264".into(),
        width: 1920,
        height: 1080,
        sample_aspect: (1, 1),
        frame_rate: FILM,
        constant_rate: true,
        colour: Colour { primaries: 1, transfer: 1, matrix: 1, full_range: false, hdr: None, peak: None },
        kbps: 0,
    }
}

/// An encoded video of 1080p film with these cuts.
pub fn video(kind: &str, cuts: CutList) -> Rendition {
    Rendition {
        id: id(kind),
        track: 0,
        copied: false,
        burnt: None,
        cuts: cuts.into(),
        keyframes: Vec::new(),
        fragments: FragmentRule::constant_rate(FILM, TARGETS),
        bandwidth: Bandwidth { peak: 6_600_000, average: 6_050_000 },
        codec_string: "avc1.640028".into(),
        media: RenditionMedia::Video(picture()),
    }
}

/// Any valid cut list of up to a few hundred segments.
pub fn cut_lists() -> impl Strategy<Value = CutList> {
    let lengths = prop::collection::vec(prop_oneof![Just(48_048i64), 1_000i64..2_000_000], 1..300);
    let scale = prop_oneof![Just(24_000u32), Just(44_100), Just(48_000), Just(90_000), 1_000u32..200_000];
    (scale, 0i64..10_000_000_000, lengths, any::<bool>()).prop_map(
        |(timescale, first, lengths, independent)| {
            let mut boundaries = vec![first];
            boundaries.extend(lengths.iter().scan(first, |at, length| {
                *at += length;
                Some(*at)
            }));
            CutList { timescale, boundaries, independent }
        },
    )
}

fn id(kind: &str) -> RenditionId {
    RenditionId(format!("{kind}-{VERSION}").into())
}

pub fn ladder() -> Vec<Rendition> {
    let rung = |height: u32, width: u32, kbps: u32, codec_string: &str| {
        let form = VideoForm { width, height, kbps, ..picture() };
        let cuts = CutList::constant_rate(FILM, 0, 336, TARGETS);
        Rendition {
            media: RenditionMedia::Video(form),
            bandwidth: Bandwidth { peak: kbps * 1100, average: kbps * 1010 },
            codec_string: codec_string.into(),
            ..video(&format!("v{height}"), cuts)
        }
    };
    vec![
        rung(1080, 1920, 6000, "avc1.640028"),
        rung(720, 1280, 3000, "avc1.64001f"),
        rung(360, 640, 800, "avc1.64001e"),
    ]
}

pub fn copy(codec_string: &str, keyframes_ms: &[i64], end_ms: i64, form: VideoForm) -> Rendition {
    let keyframe = |ms: i64| Keyframe { pts_ns: ms * 1_000_000, earliest_ns: ms * 1_000_000, bytes: 0 };
    let keyframes: Vec<Keyframe> = keyframes_ms.iter().map(|&ms| keyframe(ms)).collect();
    let scale = form.frame_rate.timescale();
    let cuts =
        CutList::copied(&keyframes, end_ms * 1_000_000, scale, |ns| ticks_from_nanos(ns, scale), TARGETS);
    copy_with(cuts.expect("a list"), codec_string, form)
}

pub fn copy_with(cuts: CutList, codec_string: &str, form: VideoForm) -> Rendition {
    Rendition {
        copied: true,
        fragments: FragmentRule::by_time(form.frame_rate, cuts.timescale, TARGETS),
        bandwidth: Bandwidth { peak: 14_250_000, average: 9_800_000 },
        codec_string: codec_string.into(),
        media: RenditionMedia::Video(form),
        ..video("vcopy", cuts)
    }
}

pub fn copied_audio(
    track: usize,
    codec: &str,
    channels: u8,
    label: &str,
    language: Option<&str>,
) -> Rendition {
    let encoded = encoded_audio(track, label, language, false);
    let samples_per_frame = if codec == "opus" { 960 } else { 1024 };
    let form = AudioForm {
        codec: codec.into(),
        channels,
        objects: false,
        samples_per_frame,
        language: language.map(str::to_owned),
        label: label.into(),
        sample_rate: 48_000,
        disposition: Disposition::default(),
        kbps: 0,
    };
    Rendition {
        id: id(&format!("a{track}-copy")),
        copied: true,
        cuts: sound_cuts(samples_per_frame).into(),
        keyframes: Vec::new(),
        bandwidth: if channels > 2 {
            Bandwidth { peak: 400_000, average: 384_000 }
        } else {
            encoded.bandwidth
        },
        codec_string: if codec == "opus" { "opus".into() } else { "mp4a.40.2".into() },
        media: RenditionMedia::Audio(form),
        ..encoded
    }
}

pub fn encoded_audio(track: usize, label: &str, language: Option<&str>, default: bool) -> Rendition {
    Rendition {
        id: id(&format!("a{track}-aac")),
        track,
        copied: false,
        burnt: None,
        cuts: sound_cuts(1024).into(),
        keyframes: Vec::new(),
        fragments: FragmentRule::constant_rate(FILM, TARGETS).sound(FILM.timescale(), 48_000, 1024),
        bandwidth: Bandwidth { peak: 170_000, average: 162_000 },
        codec_string: "mp4a.40.2".into(),
        media: RenditionMedia::Audio(AudioForm {
            codec: "aac".into(),
            channels: 2,
            objects: false,
            sample_rate: 48_000,
            samples_per_frame: 1024,
            language: language.map(str::to_owned),
            label: label.into(),
            disposition: Disposition { default, ..Disposition::default() },
            kbps: 160,
        }),
    }
}

fn sound_cuts(samples: u32) -> CutList {
    let grid = CutList::constant_rate(FILM, 0, 336, TARGETS);
    CutList::audio(&grid, 48_000, samples, 0, grid.end_ns())
}
