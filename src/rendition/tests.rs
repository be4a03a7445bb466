//! Plans of made-up files: what is copied, what is encoded, at which sizes and rates, under which ids.

use std::sync::Arc;

use super::*;
use crate::media::{
    AudioTrack, Colour, Container, Disposition, Hdr, IndexSource, Keyframe, KeyframeIndex, MediaInfo,
    TextTrack, TrackFacts, VideoTrack,
};
use crate::timeline::{CutList, CutTargets, FragmentRule, FrameRate, NANOS_PER_SECOND, SegmentIndex};

const SECONDS: i64 = 20;

fn facts(number: u64) -> TrackFacts {
    TrackFacts {
        number,
        language: None,
        title: None,
        disposition: Disposition { default: number == 1, ..Disposition::default() },
        edit_offset_ns: 0,
        start_ns: 0,
        end_ns: SECONDS * NANOS_PER_SECOND,
    }
}

fn picture(codec: &str, width: u32, height: u32) -> VideoTrack {
    VideoTrack {
        facts: facts(1),
        codec: codec.into(),
        profile: None,
        level: None,
        pixel_format: Some("yuv420p".into()),
        bit_depth: 8,
        width,
        height,
        sample_aspect: (1, 1),
        rotation: 0,
        frame_rate: FrameRate { num: 25, den: 1 },
        constant_rate: true,
        reorder_frames: 0,
        interlaced: false,
        colour: Colour::default(),
        codec_string: Some("avc1.640028".into()),
        codec_config: vec![1, 0x64, 0, 0x28],
        caps: String::new(),
    }
}

fn sound(number: u64, codec: &str, channels: u8) -> AudioTrack {
    AudioTrack {
        facts: facts(number),
        codec: codec.into(),
        profile: None,
        channels,
        layout: String::new(),
        sample_rate: 48_000,
        samples_per_frame: 1024,
        frame_phase_ns: 0,
        objects: false,
        codec_string: Some("mp4a.40.2".into()),
        codec_config: vec![0x11, 0x90],
        bitrate: 128_000,
        caps: String::new(),
    }
}

fn file(video: Vec<VideoTrack>, audio: Vec<AudioTrack>) -> MediaInfo {
    MediaInfo {
        container: Container::Mp4,
        origin_ns: 0,
        duration_ns: SECONDS * NANOS_PER_SECOND,
        video,
        audio,
        text: Vec::new(),
        chapters: Vec::new(),
        has_cover: false,
        title: None,
        damage: Vec::new(),
    }
}

/// A keyframe every two seconds, 8 Mbit/s.
fn index() -> KeyframeIndex {
    let keyframe = |n| {
        let pts_ns = n * 2 * NANOS_PER_SECOND;
        Keyframe { pts_ns, earliest_ns: pts_ns, bytes: 2_000_000 }
    };
    KeyframeIndex {
        source: IndexSource::SampleTable,
        keyframes: (0..SECONDS / 2).map(keyframe).collect(),
        frame_count: None,
    }
}

fn planned(info: MediaInfo, index: &KeyframeIndex, version: &str) -> Result<Presentation, Unplayable> {
    let rung = |height, bps| LadderRung { height, bps };
    let ladder = Ladder(vec![rung(1080, 6_000_000), rung(720, 3_000_000), rung(360, 800_000)]);
    let settings = PlanSettings {
        targets: CutTargets { segment_ns: 2 * NANOS_PER_SECOND, part_ns: 333_000_000 },
        ladder: &ladder,
        audio_bps: 160_000,
        decodes: &|codec| codec != "h266" && codec != "secret",
        content_version: version,
        file_bytes: 20_000_000,
    };
    plan(&Arc::new(info), index, &settings)
}

fn kinds(plan: &Presentation) -> Vec<String> {
    plan.renditions().map(|rendition| rendition.id.kind().to_owned()).collect()
}

#[track_caller]
fn check(video: VideoTrack, audio: Vec<AudioTrack>, expected: &[&str]) {
    let plan = planned(file(vec![video], audio), &index(), "1").expect("a plan");
    assert_eq!(kinds(&plan), expected);
}

#[test]
fn the_copy_comes_first_then_the_source_s_size_then_the_ladder_below_it() {
    check(picture("h264", 1920, 1080), vec![], &["vcopy", "v1080", "v720", "v360"]);
    check(picture("h264", 1280, 544), vec![], &["vcopy", "v544", "v360"]);
    check(picture("h264", 640, 360), vec![], &["vcopy", "v360"]);
    check(picture("mpeg2", 720, 576), vec![], &["v576", "v360"]);
}

#[test]
fn stereo_aac_is_copied_alone_and_everything_else_gets_stereo_aac_beside_it() {
    let aac = || sound(2, "aac", 2);
    check(picture("h264", 320, 180), vec![aac()], &["vcopy", "v180", "a0copy"]);
    check(picture("h264", 320, 180), vec![sound(2, "aac", 6)], &["vcopy", "v180", "a0copy", "a0aac"]);
    check(picture("h264", 320, 180), vec![sound(2, "dts", 6), aac()], &["vcopy", "v180", "a0aac", "a1copy"]);
    for codec in ["ac3", "eac3", "opus", "flac"] {
        let carried = &["vcopy", "v180", "a0copy", "a0aac"];
        check(picture("h264", 320, 180), vec![sound(2, codec, 6)], carried);
    }
    check(picture("h264", 320, 180), vec![sound(2, "secret", 2)], &["vcopy", "v180"]);
}

#[test]
fn what_cannot_be_copied_says_why() {
    let turned = VideoTrack { rotation: 90, ..picture("h264", 640, 360) };
    let woven = VideoTrack { interlaced: true, ..picture("h264", 640, 360) };
    for (track, word) in [(turned, "turned"), (woven, "deinterlaced"), (picture("vc1", 640, 360), "vc1")] {
        let plan = planned(file(vec![track], vec![]), &index(), "1").expect("a plan");
        assert!(!plan.video[0].copied);
        assert!(plan.reasons["vcopy"].contains(word), "{:?}", plan.reasons);
    }
    let plan = planned(file(vec![picture("h264", 640, 360)], vec![]), &KeyframeIndex::default(), "1");
    assert!(plan.expect("a plan").reasons["vcopy"].contains("keyframes"));
}

#[test]
fn sizes_are_even_upright_and_in_square_pixels() {
    let size = |track: VideoTrack| {
        let plan = planned(file(vec![track], vec![]), &index(), "1").expect("a plan");
        let form =
            plan.video.iter().find(|rendition| !rendition.copied).and_then(|r| r.video()).expect("a rung");
        (form.width, form.height)
    };
    assert_eq!(size(VideoTrack { sample_aspect: (16, 11), ..picture("mpeg2", 720, 576) }), (1046, 576));
    assert_eq!(size(VideoTrack { rotation: 90, ..picture("h264", 568, 320) }), (320, 568));
    assert_eq!(size(picture("h264", 321, 181)), (320, 180));
}

#[test]
fn rungs_of_hdr_pictures_are_bt709_whatever_else_the_file_says() {
    let of = |primaries, transfer, hdr| {
        let colour = Colour { primaries, transfer, matrix: primaries, hdr, ..Colour::default() };
        let plan =
            planned(file(vec![VideoTrack { colour, ..picture("h265", 640, 360) }], vec![]), &index(), "");
        let plan = plan.expect("playable");
        let rung = plan.renditions().find(|rendition| !rendition.copied).expect("a rung");
        let colour = &rung.video().expect("a picture").colour;
        assert_eq!((colour.hdr, colour.peak, colour.full_range), (None, None, false));
        (colour.primaries, colour.transfer, colour.matrix)
    };
    assert_eq!(of(9, 16, Some(Hdr::Pq)), (1, 1, 1));
    assert_eq!(of(6, 18, Some(Hdr::Hlg)), (1, 1, 1));
    assert_eq!(of(6, 6, None), (6, 6, 6));
}

#[test]
fn rates_follow_the_ladder_and_the_source() {
    let rate = |codec: &str, width, height| {
        let plan = planned(file(vec![picture(codec, width, height)], vec![]), &index(), "1").expect("a plan");
        plan.video.iter().find(|rendition| !rendition.copied).and_then(|r| r.video()).expect("a rung").kbps
    };
    assert_eq!(rate("h264", 1920, 1080), 6_000);
    assert!(rate("h264", 3840, 2160) <= 8_000, "no more than the source has");
    assert!((8_001..=16_000).contains(&rate("h265", 3840, 2160)), "HEVC bits are worth two");
    assert!((800..=3_000).contains(&rate("h264", 960, 540)));
}

#[test]
fn an_id_names_the_content_and_nothing_else() {
    let ids = |version| {
        let plan = planned(file(vec![picture("h264", 640, 360)], vec![]), &index(), version).expect("a plan");
        plan.renditions().map(|rendition| rendition.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(ids("1"), ids("1"));
    assert!(ids("1").iter().zip(ids("2")).all(|(a, b)| *a != b));
}

fn subtitles(number: u64, codec: &str) -> TextTrack {
    let bitmap = matches!(codec, "pgs" | "vobsub" | "dvb");
    TextTrack { facts: facts(number), codec: codec.into(), bitmap, caps: String::new() }
}

#[test]
fn every_rung_is_offered_once_more_for_each_track_whose_pictures_can_be_drawn() {
    let codecs = ["subrip", "pgs", "dvb", "vobsub"];
    let film = |container| {
        let text = codecs.iter().zip(3..).map(|(codec, number)| subtitles(number, codec)).collect();
        let tracks = file(vec![picture("h264", 1280, 720)], vec![sound(2, "aac", 2)]);
        planned(MediaInfo { container, text, ..tracks }, &index(), "1").expect("a plan")
    };
    let film = film(Container::Matroska);
    let all = ["vcopy", "v720", "v360", "a0copy", "v720t1", "v360t1", "v720t3", "v360t3"];
    assert_eq!(kinds(&film), all);
    assert_eq!(film.listed().count(), 4, "what is listed does not change");
    assert_eq!(film.burnt_tracks().collect::<Vec<_>>(), [1, 3]);
    let drawn = film.with_burnt(3).expect("it can be drawn");
    assert_eq!(kinds(&drawn), ["v720t3", "v360t3", "a0copy"]);
    for (plain, drawn) in film.video[1..].iter().zip(&drawn.video) {
        assert!(Arc::ptr_eq(&plain.cuts, &drawn.cuts), "thirty tracks share one list");
        assert_eq!((plain.video(), drawn.burnt), (drawn.video(), Some(3)));
    }
    assert!([0, 2, 4].iter().all(|track| film.with_burnt(*track).is_none()));
}

#[test]
fn what_is_drawn_into_a_picture_is_in_its_name() {
    let film = |version| {
        let text = vec![subtitles(2, "pgs"), subtitles(3, "pgs")];
        let tracks = file(vec![picture("h264", 640, 360)], vec![]);
        planned(MediaInfo { container: Container::Matroska, text, ..tracks }, &index(), version)
            .expect("a plan")
    };
    let ids = |version| film(version).renditions().map(|known| known.id.clone()).collect::<Vec<_>>();
    let versions = |ids: &[RenditionId]| -> std::collections::BTreeSet<String> {
        ids.iter().filter_map(|id| id.0.rsplit_once('-').map(|(_, version)| version.to_owned())).collect()
    };
    assert_eq!(ids("1"), ids("1"));
    assert_eq!(versions(&[ids("1"), ids("2")].concat()).len(), 2 * ids("1").len());
}

#[test]
fn subtitles_in_other_containers_are_not_offered_yet() {
    let tracks = file(vec![picture("h264", 640, 360)], vec![]);
    let film = MediaInfo { text: vec![subtitles(2, "vobsub")], ..tracks };
    assert_eq!(planned(film, &index(), "1").expect("a plan").burnt_tracks().count(), 0);
}

#[test]
fn text_that_is_not_read_is_not_announced() {
    let page = 0x888 << 16 | 0x101;
    for (container, number, codec, expected) in [
        (Container::Matroska, 2, "webvtt", 1),
        (Container::Mp4, 2, "subrip", 1),
        (Container::Mp4, 2, "webvtt", 0),
        (Container::MpegTs, page, "teletext", 1),
        (Container::MpegTs, 0x101, "teletext", 0),
        (Container::MpegTs, 0x102, "dvb", 0),
    ] {
        let tracks = file(vec![picture("h264", 640, 360)], vec![]);
        let film = MediaInfo { container, text: vec![subtitles(number, codec)], ..tracks };
        let film = planned(film, &index(), "1").expect("a plan");
        assert_eq!(film.text.len(), expected, "{container:?} {codec}");
    }
}

#[test]
fn what_nothing_decodes_is_refused_with_its_codec_s_name() {
    let refused = planned(file(vec![picture("h266", 640, 360)], vec![sound(2, "aac", 2)]), &index(), "1");
    let expected = Unplayable::NoDecoder { kind: "video", codec: "h266".into() };
    assert_eq!(refused.map(|plan| kinds(&plan)), Err(expected));
    assert!(matches!(planned(file(vec![], vec![]), &index(), "1"), Err(Unplayable::Nothing)));
}

#[test]
fn copied_cuts_name_the_keyframe_that_opens_each_segment() {
    let plan = planned(file(vec![picture("h264", 640, 360)], vec![]), &index(), "1").expect("a plan");
    let copy = &plan.video[0];
    assert_eq!(copy.keyframes, copy.cuts.boundaries[..copy.cuts.boundaries.len() - 1]);
    assert_eq!(copy.bandwidth, Bandwidth { peak: 8_000_000, average: 8_000_000 });
}

#[test]
fn a_copied_sound_has_the_frames_that_are_there_however_the_clock_rounds() {
    for (rate, samples) in [(44_100, 1536), (48_000, 1024), (48_000, 120)] {
        let frames = 20 * i64::from(rate) / i64::from(samples);
        let end_ns = frames * i64::from(samples) * NANOS_PER_SECOND / i64::from(rate);
        for rounded_ns in [-500_000, 0, 500_000, 1_000_000] {
            let mut track = sound(2, "ac3", 2);
            (track.sample_rate, track.samples_per_frame) = (rate, samples);
            track.facts.end_ns = end_ns + rounded_ns;
            let info = file(vec![picture("h264", 320, 180)], vec![track]);
            let film = planned(info, &index(), "1").expect("a plan");
            let copy = film.audio.iter().find(|rendition| rendition.copied).expect("a copy");
            assert_eq!(copy.cuts.end(), frames * i64::from(samples), "{rate} {samples} {rounded_ns}");
        }
    }
}

#[test]
fn the_parts_of_a_text_are_its_segments_in_pieces() {
    let form = TextForm {
        codec: "subrip".into(),
        language: None,
        label: "Track 1".into(),
        disposition: Disposition::default(),
    };
    let text = TextRendition {
        id: RenditionId("t0-0".into()),
        source: TextSource::Track(0),
        cuts: CutList { timescale: 1000, boundaries: vec![40, 1040, 3040], independent: true },
        fragments: FragmentRule::fixed(300, 300),
        form,
    };
    for segment in [0, 1].map(SegmentIndex) {
        let whole = text.time(segment).expect("a segment");
        let parts: Vec<_> = (0..).map_while(|part| text.time_of_part(segment, part)).collect();
        assert!(parts.len() > 2, "{parts:?}");
        assert_eq!((parts[0].start, parts[parts.len() - 1].end), (whole.start, whole.end));
        assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start), "{parts:?}");
    }
    assert_eq!(text.time_of_part(SegmentIndex(2), 0), None);
}
