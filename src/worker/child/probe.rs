//! What is in a source: the container's own headers, then a survey of its packets, put together as facts.

use std::sync::Arc;

use gstreamer as gst;

use super::source::{SourceBytes, SourceReader};
use super::streams::{self, Kind};
use super::survey::{self, Survey, Track};
use super::{scan, sink};
use crate::media::codec_string::{codec_string, vp9_config, vp9_level};
use crate::media::container::{ContainerError, ContainerFacts, ContainerTrack, TrackKind};
use crate::media::{
    AudioTrack, Colour, Container, Disposition, IndexSource, KeyframeIndex, MediaInfo, ReadAt, TextTrack,
    TrackFacts, VideoTrack, ac3, flac, matroska, mp4, mpegts, rate, sniff,
};
use crate::timeline::{FrameRate, NANOS_PER_SECOND, Nanos};
use crate::worker::protocol::{Failure, FailureKind, Input, Report};

/// Less between the last frame that was read and the end is the end of a film.
const SHORTEST_JUMP_NS: Nanos = 5 * NANOS_PER_SECOND;
/// What parsers make of the last packets may end so much before them.
const PARSER_LAG_NS: Nanos = NANOS_PER_SECOND;
/// A source without an index is scanned for keyframes at once when it is no larger than this; a larger one is
/// played encoded until somebody has time to read it all.
const SCAN_AT_ONCE_BYTES: u64 = 192 << 20;

pub fn run(file: Arc<SourceBytes>) -> Result<Report, Failure> {
    let source_error = |error: std::io::Error| Failure::new(FailureKind::Source, "file", error.to_string());
    let mut bytes = SourceReader::new(&file).map_err(source_error)?;
    if bytes.is_empty() {
        return Err(Failure::new(FailureKind::Undecodable, "file", "the file is empty (0 bytes)"));
    }
    let mut head = vec![0; sniff::SNIFF_BYTES];
    let filled = bytes.read_at(0, &mut head).map_err(source_error)?;
    let container = sniff::container(&head[..filled]).ok_or_else(|| {
        Failure::new(
            FailureKind::Undecodable,
            "file",
            "its first bytes are of no video container Millrace knows",
        )
    })?;
    let headers = match container {
        Container::Mp4 => mp4::read(&mut bytes).map_err(|error| container_failure("MP4", &error))?,
        // A damaged index is no reason not to play: the demuxer may do better.
        Container::Matroska => matroska::read(&mut bytes).unwrap_or_default(),
        // It tells of text alone.
        Container::MpegTs => mpegts::read(&mut bytes).unwrap_or_default(),
        _ => ContainerFacts::default(),
    };
    let tail = container != Container::Mp4 || headers.fragmented;
    let survey = survey::run(container, file.clone(), tail)?;
    let (mut info, mut index) = assemble(container, &headers, &survey);
    if info.video.is_empty() && info.audio.is_empty() {
        return Err(Failure::new(FailureKind::Undecodable, "file", "it has neither picture nor sound"));
    }
    if index.source == IndexSource::None
        && bytes.len() <= SCAN_AT_ONCE_BYTES
        && let Some(track) = info.video.first()
        && track.codec_string.is_some()
    {
        let input = Input {
            container,
            video: true,
            track: track.facts.number,
            edit_offset_ns: track.facts.edit_offset_ns,
            origin_ns: info.origin_ns,
        };
        match scan::run(file, &input, &track.codec) {
            Ok(scanned) => {
                settle_end(&mut info, scanned.last_ns);
                index = scanned.index;
            }
            Err(failure) => info.damage.push(format!("no keyframe index: {}", failure.message)),
        }
    }
    Ok(Report::Probed { info: Box::new(info), index: Box::new(index) })
}

/// Where time stamps jump in a transport stream, as where a recording was interrupted, the demuxer goes on without a hole
/// when it reads through, and heads do; but for the end it takes the last time stamp, or guesses, differently each time.
fn settle_end(info: &mut MediaInfo, last_ns: Nanos) {
    let Some(video) = info.video.first() else { return };
    let frame_ns = video.frame_rate.nanos_of(1);
    let beyond_ns = video.facts.end_ns - (last_ns + frame_ns);
    if !matches!(info.container, Container::MpegTs | Container::MpegPs)
        || (-frame_ns..SHORTEST_JUMP_NS).contains(&beyond_ns)
    {
        return;
    }
    let of_audio = info.audio.iter_mut().map(|track| &mut track.facts);
    for facts in info.video.iter_mut().map(|track| &mut track.facts).chain(of_audio) {
        facts.end_ns = (facts.end_ns - beyond_ns).max(facts.start_ns);
    }
    info.duration_ns -= beyond_ns;
    if beyond_ns > 0 {
        let seconds = beyond_ns / NANOS_PER_SECOND;
        info.damage.push(format!(
            "its time stamps jump by {seconds} s in all; the pieces follow each other without that"
        ));
    }
}

fn container_failure(name: &str, error: &ContainerError) -> Failure {
    let kind = match error {
        ContainerError::Io { .. } => FailureKind::Source,
        _ => FailureKind::Undecodable,
    };
    Failure::new(kind, name, error.to_string())
}

fn assemble(container: Container, headers: &ContainerFacts, survey: &Survey) -> (MediaInfo, KeyframeIndex) {
    let mut spans = Spans::default();
    let tracks = main_tracks_first(headers, survey);
    let mut video: Vec<(VideoTrack, Option<KeyframeIndex>)> = Vec::new();
    let mut audio = Vec::new();
    let mut text = Vec::new();
    let mut damage = Vec::new();
    for track in &tracks {
        let header = headers.tracks.iter().find(|header| {
            header.number == track.number
                && matches!(
                    (header.kind, track.kind),
                    (TrackKind::Video, Kind::Video)
                        | (TrackKind::Audio, Kind::Audio)
                        | (TrackKind::Text, Kind::Text)
                )
        });
        let facts = track_facts(container, header, track, survey.duration);
        match track.kind {
            Kind::Video if is_cover(header, track) => {}
            // Players would wait for it, and not play the others.
            Kind::Video if survey.thorough && track.demuxed_end.is_none() => {
                damage.push(format!("its track {} is to be a picture and is empty", track.number));
            }
            Kind::Video => {
                spans.add(&facts);
                let keyframes = header.and_then(|header| header.keyframes.clone());
                video.push((video_track(facts, header, track), keyframes));
            }
            Kind::Audio => {
                spans.add(&facts);
                audio.push(audio_track(facts, track));
            }
            Kind::Text => text.push(text_track(facts, track)),
        }
    }
    // In the order of the file, also those that the demuxer did not name.
    text.sort_by_key(|track: &TextTrack| {
        headers.tracks.iter().position(|header| header.number == track.facts.number)
    });
    let origin_ns = spans.start.unwrap_or(0);
    let duration_ns = (spans.end.unwrap_or(0) - origin_ns).max(0);
    let shift = |facts: &mut TrackFacts| {
        facts.start_ns -= origin_ns;
        facts.end_ns -= origin_ns;
    };
    video.iter_mut().for_each(|(track, _)| shift(&mut track.facts));
    audio.iter_mut().for_each(|track: &mut AudioTrack| {
        shift(&mut track.facts);
        track.frame_phase_ns -= origin_ns;
    });
    text.iter_mut().for_each(|track: &mut TextTrack| {
        shift(&mut track.facts);
        track.facts.start_ns = track.facts.start_ns.max(0);
    });
    let mut index = video.first().and_then(|(_, index)| index.clone()).unwrap_or_default();
    for keyframe in &mut index.keyframes {
        keyframe.pts_ns -= origin_ns;
        keyframe.earliest_ns -= origin_ns;
    }
    if index.source == IndexSource::Cues && has_leading_pictures(survey) {
        // Cues do not say how far back the leading pictures reach: a scan has to.
        index = KeyframeIndex::default();
    }
    let mut chapters = headers.chapters.clone();
    chapters.iter_mut().for_each(|chapter| chapter.start_ns = (chapter.start_ns - origin_ns).max(0));
    let info = MediaInfo {
        container,
        origin_ns,
        duration_ns,
        video: video.into_iter().map(|(track, _)| track).collect(),
        audio,
        text,
        chapters,
        has_cover: headers.has_cover,
        title: headers.title.clone(),
        damage,
    };
    (info, index)
}

/// Earliest start and latest end of all tracks that are seen or heard.
#[derive(Default)]
struct Spans {
    start: Option<Nanos>,
    end: Option<Nanos>,
}

impl Spans {
    fn add(&mut self, facts: &TrackFacts) {
        self.start = Some(self.start.map_or(facts.start_ns, |start| start.min(facts.start_ns)));
        self.end = Some(self.end.map_or(facts.end_ns, |end| end.max(facts.end_ns)));
    }
}

/// The tracks as players should see them: of several pictures, a default one before the others, then the larger
/// one first. Codecs that the container leaves open are named by the parser.
fn main_tracks_first(headers: &ContainerFacts, survey: &Survey) -> Vec<Track> {
    let mut tracks = survey.tracks.clone();
    let unnamed = headers.tracks.iter().filter(|header| header.kind == TrackKind::Text);
    let unnamed = unnamed.filter(|header| survey.tracks.iter().all(|track| track.number != header.number));
    for header in unnamed {
        let Some(codec) = text_codec(header) else { continue };
        if codec == mpegts::TELETEXT {
            // The demuxer knows a stream with all of its pages, in the program that it has chosen.
            let stream = mpegts::pid(header.number);
            if survey.tracks.iter().all(|track| track.number != stream || track.codec != codec) {
                continue;
            }
            tracks.retain(|track| track.number != stream);
        }
        tracks.push(Track::unnamed(header.number, codec));
    }
    for track in &mut tracks {
        if let Some((_, codec)) = track.caps.as_ref().and_then(|caps| streams::identify(caps)) {
            track.codec = codec;
        }
    }
    let rank = |track: &Track| {
        let header = headers.tracks.iter().find(|header| header.number == track.number);
        let default = header.map_or(track.selected, |header| header.disposition.default);
        let caps = track.caps.as_ref().unwrap_or(&track.container_caps);
        let int = |field| caps.structure(0).and_then(|s| s.get::<i32>(field).ok()).unwrap_or(0);
        let pixels = i64::from(int("width")) * i64::from(int("height"));
        (track.kind == Kind::Video).then_some((!default, -pixels))
    };
    tracks.sort_by_key(rank);
    tracks
}

/// Our name of a codec of text that demuxers leave without one: GStreamer 1.22 knows no WebVTT in Matroska, and no
/// pages of Teletext.
fn text_codec(header: &ContainerTrack) -> Option<&'static str> {
    match &header.codec_id[..] {
        mpegts::TELETEXT => Some(mpegts::TELETEXT),
        other => matroska::is_webvtt(other).then_some("webvtt"),
    }
}

/// A still picture that travels as a video track.
fn is_cover(header: Option<&ContainerTrack>, track: &Track) -> bool {
    let single = header.and_then(|header| header.frame_count).map_or(track.packets.len() <= 1, |n| n <= 1);
    track.codec == "mjpeg" && single
}

fn track_facts(
    container: Container,
    header: Option<&ContainerTrack>,
    track: &Track,
    duration: Option<Nanos>,
) -> TrackFacts {
    let edit_offset_ns = header.map_or(0, |header| header.edit_offset_ns);
    let surveyed = |pts: Option<Nanos>| pts.map(|pts| pts - edit_offset_ns);
    let start = header.and_then(|header| header.start_ns).or(surveyed(track.first_pts)).unwrap_or(0);
    // What an MP4 edit list puts before zero is not presented.
    let start_ns = if container == Container::Mp4 { start.max(0) } else { start };
    let last_gap = track.packets.last().and_then(|packet| packet.duration).unwrap_or(0);
    // Where the parser understands nothing any more, the track goes on: in silence, or with what decoders make of it.
    let unread =
        track.demuxed_end.filter(|end| track.last_end.is_none_or(|last| *end > last + PARSER_LAG_NS));
    let measured = surveyed(unread.or(track.last_end))
        .map(|end| if last_gap == 0 { end + mean_gap(track) } else { end });
    let end = header
        .filter(|_| container == Container::Mp4)
        .and_then(|header| header.end_ns)
        .or(measured)
        .or(duration)
        .unwrap_or(start_ns);
    let title = header.and_then(|header| header.name.clone()).or_else(|| track.title.clone());
    let undescribed = Disposition { default: track.selected, ..Disposition::default() };
    let disposition = header.map_or(undescribed, |header| header.disposition);
    TrackFacts {
        number: track.number,
        language: header.and_then(|header| header.language.clone()).or_else(|| track.language.clone()),
        disposition: match track.kind {
            Kind::Video => disposition,
            Kind::Audio => disposition.of_audio(title.as_deref()),
            Kind::Text => disposition.of_text(title.as_deref()),
        },
        title,
        edit_offset_ns,
        start_ns,
        end_ns: end.max(start_ns),
    }
}

/// Mean time between packets, for containers that give no durations.
fn mean_gap(track: &Track) -> Nanos {
    let times = track.packets.iter().map(|packet| packet.pts);
    match (times.clone().min(), times.max(), track.packets.len()) {
        (Some(first), Some(last), count @ 2..) => (last - first) / (count as Nanos - 1),
        _ => 0,
    }
}

fn video_track(facts: TrackFacts, header: Option<&ContainerTrack>, track: &Track) -> VideoTrack {
    let caps = track.caps.as_ref().unwrap_or(&track.container_caps);
    let structure = caps.structure(0);
    let of_container = track.container_caps.structure(0);
    let text = |field: &str| structure.and_then(|s| s.get::<String>(field).ok());
    let int = |field: &str| {
        let value = structure.and_then(|s| s.get::<i32>(field).ok());
        value.or_else(|| of_container.and_then(|s| s.get::<i32>(field).ok()))
    };
    let (width, height) = (int("width").unwrap_or(0).max(0) as u32, int("height").unwrap_or(0).max(0) as u32);
    let fraction = |field: &str| {
        let value = structure.and_then(|s| s.get::<gst::Fraction>(field).ok());
        value.or_else(|| of_container.and_then(|s| s.get::<gst::Fraction>(field).ok()))
    };
    let positive = |value: gst::Fraction| {
        Some((u32::try_from(value.numer()).ok()?, u32::try_from(value.denom()).ok()?))
            .filter(|(n, d)| *n > 0 && *d > 0)
    };
    let aspect =
        fraction("pixel-aspect-ratio").and_then(positive).filter(|(num, _)| *num > 0).unwrap_or((1, 1));
    let declared = fraction("framerate").and_then(positive).and_then(|(num, den)| FrameRate::new(num, den));
    let (frame_rate, constant_rate) = frame_rate(header, declared, track);
    let (pixel_format, bit_depth) = structure.map_or((None, 8), streams::pixel_format);
    let mut colour = structure.map(streams::colour).unwrap_or_default();
    if let Some(header) = header.and_then(|header| header.colour.clone())
        && (colour.primaries, colour.transfer, colour.matrix) == (2, 2, 2)
    {
        colour = header;
    }
    if track.codec == "mjpeg" {
        // ITU-T T.871 section 7, whatever the container says.
        colour = Colour { matrix: 5, full_range: true, ..Colour::default() };
    }
    let codec_config = configuration(track, (width, height), frame_rate, bit_depth);
    VideoTrack {
        profile: text("profile"),
        level: text("level"),
        pixel_format,
        bit_depth,
        width,
        height,
        sample_aspect: aspect,
        rotation: header.map_or(0, |header| header.rotation),
        frame_rate,
        constant_rate,
        reorder_frames: rate::reorder_frames(
            &track.packets.iter().map(|packet| packet.pts).collect::<Vec<_>>(),
        ),
        interlaced: text("interlace-mode").is_some_and(|mode| mode != "progressive"),
        colour,
        codec_string: codec_string(&track.codec, &codec_config),
        codec_config,
        caps: caps.structure(0).map_or_else(String::new, |s| s.name().to_string()),
        codec: track.codec.clone(),
        facts,
    }
}

fn frame_rate(
    header: Option<&ContainerTrack>,
    declared: Option<FrameRate>,
    track: &Track,
) -> (FrameRate, bool) {
    if let Some((timescale, delta)) = header.and_then(|header| header.constant_rate)
        && let Some(rate) = FrameRate::new(timescale, delta)
        && rate.as_f64() <= 300.0
    {
        return (rate, true);
    }
    let times: Vec<Nanos> = track.packets.iter().map(|packet| packet.pts).collect();
    rate::observe(declared, &times)
}

/// The codec's configuration record: from the parser, else from the container, else made from the caps (VP9).
fn configuration(track: &Track, size: (u32, u32), rate: FrameRate, bit_depth: u8) -> Vec<u8> {
    let of = |caps: &gst::Caps| {
        let buffer = caps.structure(0)?.get::<gst::Buffer>("codec_data").ok()?;
        sink::bytes_of(&buffer).ok()
    };
    if track.codec == "vp9" {
        let structure = track.caps.as_ref().and_then(|caps| caps.structure(0));
        let profile =
            structure.and_then(|s| s.get::<String>("profile").ok()).and_then(|p| p.parse().ok()).unwrap_or(0);
        let level = vp9_level(size.0, size.1, rate.as_f64());
        let colour = structure.map(streams::colour).unwrap_or_default();
        let codes = [colour.primaries, colour.transfer, colour.matrix];
        return vp9_config(profile, level, bit_depth, 1, colour.full_range, codes);
    }
    track.caps.as_ref().and_then(of).or_else(|| of(&track.container_caps)).unwrap_or_default()
}

fn audio_track(facts: TrackFacts, track: &Track) -> AudioTrack {
    let caps = track.caps.as_ref().unwrap_or(&track.container_caps);
    let int = |field: &str| {
        let value = |caps: &gst::Caps| caps.structure(0).and_then(|s| s.get::<i32>(field).ok());
        value(caps).or_else(|| value(&track.container_caps)).unwrap_or(0)
    };
    let dolby = match track.codec.as_str() {
        "ac3" => ac3::ac3(&track.first_packet),
        "eac3" => ac3::eac3(&track.first_packet),
        _ => None,
    };
    let channels = u8::try_from(int("channels")).unwrap_or(2).max(1);
    let channels = dolby.as_ref().map_or(channels, |dolby| dolby.channels);
    let sample_rate = u32::try_from(int("rate")).ok().filter(|rate| *rate > 0).unwrap_or(48_000);
    let codec_config = match track.codec.as_str() {
        "opus" => opus_head(caps).or_else(|| opus_head(&track.container_caps)).unwrap_or_default(),
        "ac3" | "eac3" => dolby.as_ref().map_or_else(Vec::new, |dolby| dolby.config.clone()),
        "flac" => stream_info(caps).or_else(|| stream_info(&track.container_caps)).unwrap_or_default(),
        _ => configuration(track, (0, 0), FrameRate { num: 25, den: 1 }, 8),
    };
    let seconds = (track.last_end.unwrap_or(0) - track.first_pts.unwrap_or(0)) as f64 / 1e9;
    let known = track.packets.len() > 10 && seconds > 0.2 && facts.end_ns - facts.start_ns < 20_000_000_000;
    let lattice = frame_lattice(track, sample_rate, &codec_config);
    AudioTrack {
        profile: caps.structure(0).and_then(|s| s.get::<String>("profile").ok()),
        channels,
        layout: streams::layout_name(channels),
        sample_rate,
        samples_per_frame: lattice.map_or(0, |(samples, _)| samples),
        frame_phase_ns: lattice.map_or(facts.start_ns, |(_, phase_ns)| phase_ns - facts.edit_offset_ns),
        objects: dolby.is_some_and(|dolby| dolby.objects),
        codec_string: codec_string(&track.codec, &codec_config),
        codec_config,
        bitrate: if known { (track.bytes as f64 * 8.0 / seconds) as u32 } else { 0 },
        caps: caps.structure(0).map_or_else(String::new, |s| s.name().to_string()),
        codec: track.codec.clone(),
        facts,
    }
}

/// The first packet of the caps' stream header, or the container's codec data.
fn header(caps: &gst::Caps) -> Option<Vec<u8>> {
    let structure = caps.structure(0)?;
    let header = structure
        .get::<gst::Array>("streamheader")
        .ok()
        .and_then(|headers| headers.iter().next().and_then(|value| value.get::<gst::Buffer>().ok()));
    let buffer: gst::Buffer = header.or_else(|| structure.get::<gst::Buffer>("codec_data").ok())?;
    sink::bytes_of(&buffer).ok()
}

fn stream_info(caps: &gst::Caps) -> Option<Vec<u8>> {
    flac::stream_info(&header(caps)?).map(<[u8]>::to_vec)
}

/// OpusHead behind its magic.
fn opus_head(caps: &gst::Caps) -> Option<Vec<u8>> {
    let bytes = header(caps)?;
    Some(bytes.strip_prefix(b"OpusHead").map_or(bytes.clone(), <[u8]>::to_vec))
}

/// Samples of one codec frame where all have the same length, and where one of them starts (buffer PTS).
fn frame_lattice(track: &Track, sample_rate: u32, config: &[u8]) -> Option<(u32, Nanos)> {
    let times: Vec<Nanos> = track.packets.iter().map(|packet| packet.pts).collect();
    // Lossless and Vorbis frames vary in length even where the first ones do not; only FLAC says that it does not.
    if track.codec == "flac" {
        let samples = flac::block_samples(config)?;
        return rate::frame_phase(&times, sample_rate, samples).map(|phase_ns| (samples, phase_ns));
    }
    if matches!(track.codec.as_str(), "pcm" | "vorbis" | "alac" | "alaw" | "mulaw" | "adpcm") {
        return None;
    }
    rate::frame_lattice(&times, sample_rate)
}

fn text_track(facts: TrackFacts, track: &Track) -> TextTrack {
    let caps = track.caps.as_ref().unwrap_or(&track.container_caps);
    TextTrack {
        bitmap: streams::is_bitmap(&track.codec),
        codec: track.codec.clone(),
        caps: caps.structure(0).map_or_else(String::new, |s| s.name().to_string()),
        facts,
    }
}

/// Whether a packet that follows a keyframe in decode order is presented before it.
fn has_leading_pictures(survey: &Survey) -> bool {
    survey.tracks.iter().filter(|track| track.kind == Kind::Video).any(|track| {
        let mut keyframe = None;
        track.packets.iter().any(|packet| {
            if packet.sync {
                keyframe = Some(packet.pts);
            }
            keyframe.is_some_and(|at| packet.pts < at)
        })
    })
}
