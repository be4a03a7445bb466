//! The one film of all streams: a copied picture and a track of sound.

use std::sync::Arc;

use crate::catalogue::testing;
use crate::manifest::examples;
use crate::media::{Disposition, TextTrack, TrackFacts};
use crate::rendition::{
    AudioForm, Bandwidth, Burnt, Grid, Presentation, Rendition, RenditionId, RenditionMedia, VideoForm,
};
use crate::timeline::{CutList, FragmentRule, FrameRate};

pub const VIDEO: &str = "vcopy-3f9a5c0b7e21";
/// The picture with text track 1 in it.
pub const BURNT: &str = "v1080t1-3f9a5c0b7e21";
pub const AUDIO: &str = "a0-aac-3f9a5c0b7e21";

fn subtitles(codec: &str, bitmap: bool) -> TextTrack {
    let facts = TrackFacts {
        number: 3,
        language: Some("de".into()),
        title: None,
        disposition: Disposition::default(),
        edit_offset_ns: 0,
        start_ns: 0,
        end_ns: 400_400_000_000,
    };
    TextTrack { facts, codec: codec.into(), bitmap, caps: String::new() }
}

pub fn film() -> Presentation {
    let rate = FrameRate { num: 24_000, den: 1001 };
    // Long enough for a playlist worth compressing.
    let video_cuts =
        CutList { timescale: 24_000, boundaries: (0..=200).map(|n| n * 48_048).collect(), independent: true };
    let audio_cuts =
        CutList { timescale: 48_000, boundaries: (0..=200).map(|n| n * 96_256).collect(), independent: true };
    let picture = VideoForm {
        codec: "h264".into(),
        width: 1920,
        height: 1080,
        sample_aspect: (1, 1),
        frame_rate: rate,
        constant_rate: true,
        colour: crate::media::Colour::default(),
        kbps: 0,
    };
    let sound = AudioForm {
        codec: "aac".into(),
        channels: 2,
        objects: false,
        sample_rate: 48_000,
        samples_per_frame: 1024,
        language: Some("en".into()),
        label: "English".into(),
        disposition: Disposition { default: true, ..Disposition::default() },
        kbps: 160,
    };
    let rendition = |name: &str, cuts: CutList, media: RenditionMedia| {
        Arc::new(Rendition {
            id: RenditionId(name.into()),
            track: 0,
            copied: name == VIDEO,
            burnt: None,
            cuts: cuts.into(),
            keyframes: Vec::new(),
            fragments: FragmentRule::fixed(4004, 8008),
            bandwidth: Bandwidth { peak: 170_000, average: 162_000 },
            codec_string: if name == AUDIO { "mp4a.40.2".into() } else { "avc1.640028".into() },
            media,
        })
    };
    let mut info = testing::media(2_000_000_000);
    info.text = vec![subtitles("subrip", false), subtitles("pgs", true)];
    let (burnt_cuts, drawn) = (video_cuts.clone(), RenditionMedia::Video(picture.clone()));
    Presentation {
        info: Arc::new(info),
        duration_ns: 400_400_000_000,
        video: vec![rendition(VIDEO, video_cuts, RenditionMedia::Video(picture))],
        audio: vec![rendition(AUDIO, audio_cuts, RenditionMedia::Audio(sound))],
        text: Vec::new(),
        burnt: vec![Burnt { track: 1, rungs: vec![rendition(BURNT, burnt_cuts, drawn)] }],
        images: Some(Arc::new(examples::images(400_400_000_000))),
        grid: Grid {
            cuts: CutList { timescale: 1, boundaries: vec![0, 400], independent: true },
            fragments: FragmentRule::fixed(1, 1),
        },
        reasons: [("vcopy".to_owned(), "browsers decode it".to_owned())].into(),
    }
}
