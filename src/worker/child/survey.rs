//! One pass over the beginning and the end of a source: every track's caps, tags and packet times, without
//! decoding anything.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;

use super::source::SourceBytes;
use super::streams::{self, Kind};
use super::{demux, failure, sink};
use crate::media::language::language_tag;
use crate::media::{Container, TrackNumber};
use crate::timeline::{NANOS_PER_SECOND, Nanos};
use crate::worker::protocol::{Failure, FailureKind};

/// What one track showed. Times are buffer PTS.
#[derive(Clone, Debug)]
pub struct Track {
    pub number: TrackNumber,
    pub kind: Kind,
    pub codec: String,
    /// As the demuxer gives them, and behind the parser once it has seen enough.
    pub container_caps: gst::Caps,
    pub caps: Option<gst::Caps>,
    pub language: Option<String>,
    pub title: Option<String>,
    /// The demuxer calls it a default track.
    pub selected: bool,
    /// The first packets, in decode order: as many as are enough, however far the demuxer ran ahead, so that the same
    /// file has the same facts whenever and wherever it is probed.
    pub packets: Vec<PacketTimes>,
    pub first_pts: Option<Nanos>,
    pub last_end: Option<Nanos>,
    /// Where the last packet of the demuxer ends, whatever the parser made of it; `None` where none came.
    pub demuxed_end: Option<Nanos>,
    pub bytes: u64,
    /// The first packet itself, of sound whose frames alone say what a decoder has to know.
    pub first_packet: Vec<u8>,
    /// Its packets are enough, or the beginning has been read: packets only move the end now.
    enough: bool,
}

impl Track {
    fn new(number: TrackNumber, kind: Kind, codec: String, caps: gst::Caps, selected: bool) -> Self {
        Self {
            number,
            kind,
            codec,
            container_caps: caps,
            caps: None,
            language: None,
            title: None,
            selected,
            packets: Vec::new(),
            first_pts: None,
            last_end: None,
            demuxed_end: None,
            bytes: 0,
            first_packet: Vec::new(),
            enough: false,
        }
    }

    /// Text that the demuxer has no name for, and our own reader of the container has.
    pub fn unnamed(number: TrackNumber, codec: &str) -> Self {
        Self::new(number, Kind::Text, codec.to_owned(), gst::Caps::new_empty(), false)
    }
}

#[derive(Clone, Copy, Debug)]
pub struct PacketTimes {
    pub pts: Nanos,
    pub duration: Option<Nanos>,
    pub sync: bool,
}

#[derive(Clone, Debug)]
pub struct Survey {
    pub tracks: Vec<Track>,
    pub duration: Option<Nanos>,
    /// All of it was read, or as much as is ever read: a track of which nothing came has nothing.
    pub thorough: bool,
}

/// Enough of a video track: this much time, in which a second keyframe and its leading pictures have come.
const ENOUGH_VIDEO_NS: Nanos = 5 * NANOS_PER_SECOND;
/// Or, with one keyframe: open GOPs of ten seconds have shown what they are by then.
const MAX_VIDEO_NS: Nanos = 12 * NANOS_PER_SECOND;
/// Codecs reorder 16 pictures at most.
const LEADING_PICTURES: usize = 16;
/// Enough of a sound track: the median of its packets' times is then good to a few samples.
const ENOUGH_AUDIO_NS: Nanos = 2 * NANOS_PER_SECOND;
/// Enough of any track: twelve seconds at 100 Hz.
const MAX_PACKETS: usize = 1200;
/// A survey reads no more than this from the beginning.
const MAX_BYTES: u64 = 48 << 20;
/// An access unit of E-AC-3 has eight substreams of 4 kB at the most.
const MAX_FIRST_PACKET: usize = 32 << 10;
const DEADLINE: Duration = Duration::from_secs(15);
/// The end of a track is looked for in the last seconds of the source.
const TAIL_NS: Nanos = 8 * NANOS_PER_SECOND;
const POLL: gst::ClockTime = gst::ClockTime::from_mseconds(4);

type Tracks = Arc<Mutex<Vec<Track>>>;

/// Reads the beginning of `file`, and with `tail` its last seconds too.
pub fn run(container: Container, file: Arc<SourceBytes>, tail: bool) -> Result<Survey, Failure> {
    let (pipeline, demuxer) = demux::open(container, file)?;
    let tracks: Tracks = Arc::default();
    let no_more_pads = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (seen, weak) = (tracks.clone(), pipeline.downgrade());
    demuxer.connect_pad_added(move |_, pad| {
        if let Some(pipeline) = weak.upgrade() {
            watch(&pipeline, container, pad, &seen);
        }
    });
    let flag = no_more_pads.clone();
    demuxer.connect_no_more_pads(move |_| flag.store(true, std::sync::atomic::Ordering::Relaxed));
    let surveyed = survey(&pipeline, &demuxer, &tracks, &no_more_pads, tail);
    let (duration, thorough) = surveyed?;
    demux::stop(&pipeline);
    let tracks = tracks.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if tracks.is_empty() {
        let name = demux::demuxer_name(container);
        return Err(Failure::new(FailureKind::Undecodable, name, "no playable track was found"));
    }
    Ok(Survey { tracks, duration, thorough })
}

fn survey(
    pipeline: &gst::Pipeline,
    demuxer: &gst::Element,
    tracks: &Tracks,
    no_more_pads: &std::sync::atomic::AtomicBool,
    tail: bool,
) -> Result<(Option<Nanos>, bool), Failure> {
    pipeline.set_state(gst::State::Playing).map_err(|e| failure::setup("pipeline", e))?;
    let deadline = Instant::now() + DEADLINE;
    let mut ended = wait(pipeline, deadline, || {
        no_more_pads.load(std::sync::atomic::Ordering::Relaxed) && have_enough(tracks)
            || read_bytes(tracks) > MAX_BYTES
    })?;
    if ended && read_bytes(tracks) == 0 {
        let demuxer = demuxer.factory().map_or("demuxer".into(), |factory| factory.name().to_string());
        let message = "it ends before the first packet of any track";
        return Err(Failure::new(FailureKind::Undecodable, demuxer, message));
    }
    let thorough = ended || read_bytes(tracks) > MAX_BYTES;
    let duration = demuxer
        .query_duration::<gst::ClockTime>()
        .or_else(|| pads_duration(demuxer))
        .map(|duration| duration.nseconds() as Nanos);
    if tail && !ended {
        if let Some(duration) = duration.filter(|duration| *duration > 2 * TAIL_NS) {
            let mut known = tracks.lock().unwrap_or_else(PoisonError::into_inner);
            known.iter_mut().for_each(|track| track.enough = true);
            drop(known);
            let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::KEY_UNIT | gst::SeekFlags::SNAP_BEFORE;
            let target = gst::ClockTime::from_nseconds((duration - TAIL_NS) as u64);
            ended = demuxer.seek_simple(flags, target).is_err();
        }
        if !ended {
            wait(pipeline, Instant::now() + DEADLINE, || false)?;
        }
    }
    Ok((duration, thorough))
}

fn pads_duration(demuxer: &gst::Element) -> Option<gst::ClockTime> {
    demuxer.src_pads().iter().filter_map(|pad| pad.query_duration::<gst::ClockTime>()).max()
}

/// Waits for `enough`, the end of the source (true) or the deadline. An error before any track is known fails;
/// later it is damage that ends the survey.
fn wait(pipeline: &gst::Pipeline, deadline: Instant, enough: impl Fn() -> bool) -> Result<bool, Failure> {
    let bus = pipeline.bus().ok_or_else(|| failure::setup("pipeline", "has no bus"))?;
    loop {
        let message = bus.timed_pop_filtered(POLL, &[gst::MessageType::Eos, gst::MessageType::Error]);
        match message.as_ref().map(|message| message.view()) {
            Some(gst::MessageView::Eos(_)) => return Ok(true),
            Some(gst::MessageView::Error(error)) => {
                let source = error.src().and_then(|s| s.downcast_ref::<gst::Element>().cloned());
                let element =
                    source.and_then(|s| s.factory()).map_or("pipeline".into(), |f| f.name().to_string());
                let cause = error.error();
                let kind = if cause.is::<gst::ResourceError>() {
                    FailureKind::Source
                } else {
                    FailureKind::Undecodable
                };
                return Err(Failure::new(kind, element, cause.message()));
            }
            _ => {}
        }
        if enough() || Instant::now() > deadline {
            return Ok(false);
        }
    }
}

fn have_enough(tracks: &Tracks) -> bool {
    let tracks = tracks.lock().unwrap_or_else(PoisonError::into_inner);
    let played: Vec<&Track> = tracks.iter().filter(|track| track.kind != Kind::Text).collect();
    !played.is_empty() && played.iter().all(|track| track.caps.is_some() && track.enough)
}

fn read_bytes(tracks: &Tracks) -> u64 {
    tracks.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|track| track.bytes).sum()
}

/// Hangs a parser and a sink behind a new pad and notes what passes.
fn watch(pipeline: &gst::Pipeline, container: Container, pad: &gst::Pad, tracks: &Tracks) {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let identified = streams::identify(&caps);
    let parser = identified.as_ref().and_then(|(_, codec)| streams::revealing_parser(codec));
    let text = format!("{} ! fakesink name=end sync=false async=false", parser.unwrap_or("identity"));
    let Ok(bin) = gst::parse::bin_from_description(&text, true)
        .or_else(|_| gst::parse::bin_from_description("fakesink name=end sync=false async=false", true))
    else {
        return;
    };
    let (Some(sink), Some(end)) = (bin.static_pad("sink"), bin.by_name("end")) else {
        return;
    };
    if let Some((kind, codec)) = identified {
        let selected = pad
            .sticky_event::<gst::event::StreamStart>(0)
            .is_some_and(|event| event.stream_flags().contains(gst::StreamFlags::SELECT));
        let mut known = tracks.lock().unwrap_or_else(PoisonError::into_inner);
        let number = demux::track_number(container, pad).unwrap_or(known.len() as TrackNumber);
        let index = known.len();
        known.push(Track::new(number, kind, codec, caps, selected));
        drop(known);
        note_arrivals(pad, tracks.clone(), index);
        if let Some(end) = end.static_pad("sink") {
            note(&end, tracks.clone(), index);
        }
    }
    demux::flatten_segments(pad);
    if pipeline.add(&bin).is_ok() && bin.sync_state_with_parent().is_ok() {
        // A pad that does not link stays silent: the track is then known by its caps only.
        let _linked = pad.link(&sink);
    }
}

/// Of a track that is damaged the parser may understand nothing; it is there all the same.
fn note_arrivals(pad: &gst::Pad, tracks: Tracks, index: usize) {
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(gst::PadProbeData::Buffer(buffer)) = &info.data
            && let Some(track) = tracks.lock().unwrap_or_else(PoisonError::into_inner).get_mut(index)
        {
            let from = buffer.pts().or(buffer.dts()).unwrap_or(gst::ClockTime::ZERO);
            let end = (from + buffer.duration().unwrap_or(gst::ClockTime::ZERO)).nseconds() as Nanos;
            track.demuxed_end = track.demuxed_end.max(Some(end));
        }
        gst::PadProbeReturn::Ok
    });
}

fn note(end: &gst::Pad, tracks: Tracks, index: usize) {
    let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
    end.add_probe(kinds, move |_, info| {
        let mut tracks = tracks.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(track) = tracks.get_mut(index) else {
            return gst::PadProbeReturn::Ok;
        };
        match &info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => note_packet(track, buffer),
            Some(gst::PadProbeData::Event(event)) => match event.view() {
                gst::EventView::Caps(caps) => track.caps = Some(caps.caps_owned()),
                gst::EventView::Tag(tag) => note_tags(track, tag.tag()),
                _ => {}
            },
            _ => {}
        }
        gst::PadProbeReturn::Ok
    });
}

fn note_packet(track: &mut Track, buffer: &gst::Buffer) {
    track.bytes += buffer.size() as u64;
    if track.first_packet.is_empty() && track.kind == Kind::Audio && buffer.size() <= MAX_FIRST_PACKET {
        track.first_packet = sink::bytes_of(buffer).unwrap_or_default();
    }
    // AVI knows decode times only; they will do to tell a rate and an end by.
    let Some(pts) = buffer.pts().or(buffer.dts()).map(|time| time.nseconds() as Nanos) else {
        return;
    };
    let duration = buffer.duration().map(|duration| duration.nseconds() as Nanos);
    track.first_pts = Some(track.first_pts.map_or(pts, |first| first.min(pts)));
    let end = pts + duration.unwrap_or(0);
    track.last_end = Some(track.last_end.map_or(end, |last| last.max(end)));
    if !track.enough {
        let sync = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
        track.packets.push(PacketTimes { pts, duration, sync });
        track.enough = enough(track.kind, &track.packets);
    }
}

/// Whether these first packets say all that a survey wants to know of a track.
fn enough(kind: Kind, packets: &[PacketTimes]) -> bool {
    let times = || packets.iter().map(|packet| packet.pts);
    let span = times().max().unwrap_or(0) - times().min().unwrap_or(0);
    packets.len() >= MAX_PACKETS
        || match kind {
            Kind::Video => {
                let second = packets.iter().enumerate().filter(|(_, packet)| packet.sync).nth(1);
                let shown = second.is_some_and(|(at, _)| at + LEADING_PICTURES < packets.len());
                span >= MAX_VIDEO_NS || shown && span >= ENOUGH_VIDEO_NS
            }
            Kind::Audio | Kind::Text => span >= ENOUGH_AUDIO_NS,
        }
}

fn note_tags(track: &mut Track, tags: &gst::TagListRef) {
    if let Some(language) = tags.get::<gst::tags::LanguageCode>() {
        track.language = language_tag(language.get());
    }
    if let Some(title) = tags.get::<gst::tags::Title>() {
        track.title = Some(title.get().to_owned());
    }
}
