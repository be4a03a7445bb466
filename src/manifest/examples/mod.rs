//! Presentations for tests, each a kind of file that people have.

mod renditions;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::manifest::{ClockPoint, LiveEdge};
use crate::media::{Colour, Container, Disposition, Hdr, Keyframe, MediaInfo};
use crate::rendition::{
    Bandwidth, Grid, ImageRendition, Presentation, Rendition, RenditionId, RenditionMedia, TextForm,
    TextRendition, TextSource, VideoForm,
};
use crate::timeline::{CutList, FragmentRule, FrameRate, NANOS_PER_SECOND, Nanos, ticks_from_nanos};

pub use renditions::{TARGETS, cut_lists, picture, video};
use renditions::{copied_audio, copy, copy_with, encoded_audio, ladder};

/// English, encoded.
pub fn sound() -> Rendition {
    encoded_audio(0, "English", Some("en"), true)
}

/// A live edge that began with the film, at 2026-01-02T03:04:05Z, and never waited.
pub fn live_edge(position_ns: Nanos) -> LiveEdge {
    let began = ClockPoint { position_ns: 0, unix_ns: 1_767_323_045_000_000_000 };
    LiveEdge {
        begun_ns: 0,
        window_ns: 600 * NANOS_PER_SECOND,
        position_ns,
        ended: false,
        began,
        clock: began,
    }
}

pub fn all() -> Vec<(&'static str, Presentation)> {
    vec![
        ("two_languages", two_languages()),
        ("hdr_copy", hdr_copy()),
        ("open_copy", open_copy()),
        ("variable_rate", variable_rate()),
        ("surround", surround()),
        ("silent", silent()),
        ("audio_only", audio_only()),
        ("nasty_titles", nasty_titles()),
        ("subtitles", subtitles()),
    ]
}

/// H.264 in SDR with its ladder, anamorphic nowhere, German and (default) English.
pub fn two_languages() -> Presentation {
    let mut video = vec![copy("avc1.640028", &[0, 5_000, 7_500, 11_250], 14_014, picture())];
    video.extend(ladder());
    let audio =
        vec![encoded_audio(0, "Deutsch", Some("de"), false), encoded_audio(1, "English", Some("en"), true)];
    let mut film = presentation(video, audio);
    film.images = Some(Arc::new(images(film.duration_ns)));
    film
}

/// A sheet of a minute and what is left, in 16:9.
pub fn images(duration_ns: Nanos) -> ImageRendition {
    let tile_ns = 4 * NANOS_PER_SECOND;
    let times = (0..duration_ns).step_by(tile_ns as usize).collect();
    let id = RenditionId("i134-0123456789ab".into());
    ImageRendition { id, tile: (240, 134), columns: 3, rows: 5, tile_ns, duration_ns, times, keyframes: true }
}

/// HEVC with HDR10, nothing but the copy, Opus sound with an AAC form beside it.
pub fn hdr_copy() -> Presentation {
    let colour =
        Colour { primaries: 9, transfer: 16, matrix: 9, full_range: false, hdr: Some(Hdr::Pq), peak: None };
    let form = VideoForm { codec: "h265".into(), width: 3840, height: 2160, colour, ..picture() };
    let video = vec![copy("hvc1.2.4.L153.B0", &[0, 4_004, 8_008], 14_014, form)];
    let audio = vec![copied_audio(0, "opus", 2, "Original", None), encoded_audio(0, "Original", None, false)];
    presentation(video, audio)
}

/// HEVC whose groups are open, with a ladder: the copy claims no independence.
pub fn open_copy() -> Presentation {
    let keyframes: Vec<Keyframe> = (0..5)
        .map(|n| Keyframe {
            pts_ns: n * 2_500_000_000,
            earliest_ns: n * 2_500_000_000 - if n == 0 { 0 } else { 125_000_000 },
            bytes: 0,
        })
        .collect();
    let cuts =
        CutList::copied(&keyframes, 14_014_000_000, 24_000, |ns| ticks_from_nanos(ns, 24_000), TARGETS)
            .expect("a list");
    let form = VideoForm { codec: "h265".into(), ..picture() };
    let mut video = vec![copy_with(cuts, "hvc1.1.6.L120.B0", form)];
    video.extend(ladder());
    presentation(video, vec![encoded_audio(0, "English", Some("en"), true)])
}

/// A telephone's recording: frames come when they come, and only the encoded form is offered.
pub fn variable_rate() -> Presentation {
    let rate = FrameRate { num: 30, den: 1 };
    let form = VideoForm {
        frame_rate: rate,
        constant_rate: false,
        width: 608,
        height: 1080,
        kbps: 6000,
        ..picture()
    };
    let cuts = CutList::by_time(33_000_000, 9_500_000_000, TARGETS);
    let fragments = FragmentRule::by_time(rate, cuts.timescale, TARGETS);
    let rung = Rendition {
        fragments,
        media: RenditionMedia::Video(form),
        bandwidth: Bandwidth { peak: 7_200_000, average: 6_100_000 },
        codec_string: "avc1.640028".into(),
        ..video("v1080", cuts)
    };
    presentation(vec![rung], vec![encoded_audio(0, "Track 1", None, false)])
}

/// 5.1 copied with a stereo form beside it, a stereo AAC commentary copied, and a dub in Opus.
pub fn surround() -> Presentation {
    let audio = vec![
        copied_audio(0, "aac", 6, "English", Some("en")),
        encoded_audio(0, "English", Some("en"), false),
        copied_audio(1, "aac", 2, "Commentary", Some("en")),
        copied_audio(2, "opus", 2, "Français", Some("fr-CA")),
        encoded_audio(2, "Français", Some("fr-CA"), false),
    ];
    let anamorphic =
        VideoForm { width: 720, height: 576, sample_aspect: (64, 45), frame_rate: PAL, ..picture() };
    presentation(vec![copy("avc1.4d401e", &[0, 3_000, 6_000], 9_000, anamorphic)], audio)
}

const PAL: FrameRate = FrameRate { num: 25, den: 1 };

pub fn silent() -> Presentation {
    presentation(ladder(), Vec::new())
}

/// Nothing that could be made playable.
pub fn empty() -> Presentation {
    presentation(Vec::new(), Vec::new())
}

/// An audio book in two languages.
pub fn audio_only() -> Presentation {
    let audio = vec![
        copied_audio(0, "aac", 2, "Deutsch", Some("de")),
        copied_audio(1, "opus", 1, "English", Some("en")),
        encoded_audio(1, "English", Some("en"), false),
    ];
    presentation(Vec::new(), audio)
}

/// Titles that would leave their quotes, their line or their element.
pub fn nasty_titles() -> Presentation {
    let audio = vec![
        encoded_audio(0, "Director's \"cut\"\r\n#EXT-X-ENDLIST", Some("e\"n"), false),
        encoded_audio(1, "<b>&amp;]]>\u{FFFF}\u{1b}[31m", Some("de_DE"), false),
        encoded_audio(2, "\0\t\u{2028}", Some("日本語"), false),
        encoded_audio(3, "Track 3", None, false),
    ];
    presentation(ladder(), audio)
}

/// Text of four kinds beside a film in English.
pub fn subtitles() -> Presentation {
    let mut film = presentation(ladder(), vec![encoded_audio(0, "English", Some("en"), true)]);
    let none = Disposition::default();
    let forms = [
        ("English", Some("en"), Disposition { default: true, ..none }),
        ("English", Some("en"), Disposition { hearing_impaired: true, ..none }),
        ("Forced", Some("en"), Disposition { forced: true, ..none }),
        ("Signs & \"songs\"", None, none),
    ];
    let text = |(track, (label, language, disposition)): (usize, (&str, Option<&str>, Disposition))| {
        let language = language.map(str::to_owned);
        let form = TextForm { codec: "subrip".into(), language, label: label.into(), disposition };
        let id = RenditionId(format!("t{track}-0123456789ab").into());
        Arc::new(TextRendition {
            id,
            source: TextSource::Track(track),
            cuts: (*film.video[0].cuts).clone(),
            fragments: film.video[0].fragments,
            form,
        })
    };
    film.text = forms.into_iter().enumerate().map(text).collect();
    film
}

fn grid(duration_ns: Nanos) -> Grid {
    let cuts = CutList::by_time(0, duration_ns.max(1), TARGETS);
    Grid { fragments: FragmentRule::without_picture(cuts.timescale, TARGETS), cuts }
}

fn presentation(video: Vec<Rendition>, audio: Vec<Rendition>) -> Presentation {
    let duration_ns = video.iter().chain(&audio).map(|rendition| rendition.cuts.end_ns()).max().unwrap_or(0);
    let info = MediaInfo {
        container: Container::Matroska,
        origin_ns: 0,
        duration_ns,
        video: Vec::new(),
        audio: Vec::new(),
        text: Vec::new(),
        chapters: Vec::new(),
        has_cover: false,
        title: None,
        damage: Vec::new(),
    };
    Presentation {
        info: Arc::new(info),
        duration_ns,
        video: video.into_iter().map(Arc::new).collect(),
        audio: audio.into_iter().map(Arc::new).collect(),
        text: Vec::new(),
        images: None,
        burnt: Vec::new(),
        grid: grid(duration_ns),
        reasons: BTreeMap::new(),
    }
}
