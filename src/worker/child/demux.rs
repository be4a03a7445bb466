//! From the descriptor to the coded packets of one track, starting near a given time.

use std::ops::Deref;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;

use super::failure;
use super::source::{PositionedSource, SourceBytes, SourceReader};
use crate::media::mpegts::ClockRebase;
use crate::media::{Container, TrackNumber, mp4};
use crate::timeline::Nanos;
use crate::worker::protocol::{Failure, FailureKind, Input};

/// A container whose tracks have not appeared by then is not readable at a speed anyone would watch.
const TRACK_DEADLINE: Duration = Duration::from_secs(20);

pub fn demuxer_name(container: Container) -> &'static str {
    match container {
        Container::Mp4 => "qtdemux",
        Container::Matroska => "matroskademux",
        Container::MpegTs => "tsdemux",
        Container::MpegPs => "mpegpsdemux",
        Container::Avi => "avidemux",
        Container::Flv => "flvdemux",
        Container::Asf => "asfdemux",
        Container::Ogg => "oggdemux",
    }
}

/// A pipeline that is never freed. One that still plays, since its job failed, would go from under its threads and crash
/// them; stopping it first waits for ever where its source hangs. The process, and with it the pipeline, ends with its
/// job.
pub struct Pipeline(gst::Pipeline);

impl Pipeline {
    pub fn new() -> Self {
        Self(gst::Pipeline::new())
    }
}

impl Deref for Pipeline {
    type Target = gst::Pipeline;

    fn deref(&self) -> &gst::Pipeline {
        &self.0
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        std::mem::forget(self.0.clone());
    }
}

/// Where an edit list leaves out the beginning of the track.
fn is_edited(input: &Input) -> bool {
    input.container == Container::Mp4 && input.edit_offset_ns > 0
}

/// What is read of a file in the place of `file`: what readers would not understand is put right. `edit_offset_ns` is how
/// much of the track an edit list leaves out, where it is for one that has such a list; else 0.
pub fn bytes_for(container: Container, edit_offset_ns: Nanos, file: Arc<SourceBytes>) -> Arc<SourceBytes> {
    let Ok(mut reader) = SourceReader::new(&file) else { return file };
    match (container, edit_offset_ns) {
        // tsdemux guesses, differently each time, where it seeks across a place where the clock jumps back.
        (Container::MpegTs, _) => match ClockRebase::of(&mut reader) {
            Ok(Some(clock)) => Arc::new(SourceBytes::Rebased { below: file, clock }),
            Ok(None) | Err(_) => file,
        },
        // qtdemux ends when the media's time is that of the movie's end, which is too early by what an edit list leaves
        // out at the beginning: the movie is said to be longer.
        (Container::Mp4, 1..) => match mp4::longer_movie(&mut reader, edit_offset_ns) {
            Ok(Some((at, bytes))) => Arc::new(SourceBytes::Overlaid { below: file, at, bytes }),
            Ok(None) | Err(_) => file,
        },
        _ => file,
    }
}

/// A pipeline with source and demuxer for a track, not yet running.
pub fn open_track(input: &Input, file: Arc<SourceBytes>) -> Result<(Pipeline, gst::Element), Failure> {
    open_bytes(
        input.container,
        bytes_for(input.container, if is_edited(input) { input.edit_offset_ns } else { 0 }, file),
    )
}

/// The same for whatever is in the file.
pub fn open(container: Container, file: Arc<SourceBytes>) -> Result<(Pipeline, gst::Element), Failure> {
    open_bytes(container, bytes_for(container, 0, file))
}

fn open_bytes(container: Container, bytes: Arc<SourceBytes>) -> Result<(Pipeline, gst::Element), Failure> {
    let pipeline = Pipeline::new();
    let source = PositionedSource::new(bytes);
    let name = demuxer_name(container);
    let demuxer =
        gst::ElementFactory::make(name).name("demux").build().map_err(|e| failure::setup(name, e))?;
    pipeline.add(&source).and_then(|()| pipeline.add(&demuxer)).map_err(|e| failure::setup(name, e))?;
    source.link(&demuxer).map_err(|e| failure::setup(name, e))?;
    Ok((pipeline, demuxer))
}

/// The number a container gives the track behind a demuxer's pad: the last part of the stream id, spelt as each
/// demuxer spells it.
pub fn track_number(container: Container, pad: &gst::Pad) -> Option<TrackNumber> {
    let id = pad.stream_id()?;
    let last = id.rsplit_once('/').map_or(id.as_str(), |(_, last)| last);
    let digits = last.split(':').next().unwrap_or(last);
    match container {
        Container::Mp4 | Container::Matroska | Container::Avi | Container::Asf => digits.parse().ok(),
        Container::MpegTs | Container::MpegPs | Container::Ogg => {
            TrackNumber::from_str_radix(digits, 16).ok()
        }
        Container::Flv => Some(if digits == "video" { 2 } else { 1 }),
    }
}

/// Everything downstream of a demuxer sees one clock: buffer PTS. The demuxer's own segments (edit lists,
/// restarts after a seek, Matroska's two initial ones) are replaced.
pub fn flatten_segments(pad: &gst::Pad) {
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, |_, info| {
        if let Some(gst::PadProbeData::Event(event)) = &info.data
            && event.type_() == gst::EventType::Segment
        {
            let segment = gst::FormattedSegment::<gst::ClockTime>::new();
            let flat = gst::event::Segment::builder(&segment).seqnum(event.seqnum()).build();
            info.data = Some(gst::PadProbeData::Event(flat));
        }
        gst::PadProbeReturn::Ok
    });
}

#[derive(Default)]
struct Arrival {
    state: Mutex<ArrivalState>,
    changed: Condvar,
}

#[derive(Default)]
struct ArrivalState {
    /// The wanted pad with its blocking probe, once linked; then whether a packet waits on it.
    pad: Option<(gst::Pad, gst::PadProbeId)>,
    packet: bool,
    /// The track has ended.
    ended: bool,
    no_more_pads: bool,
    link_error: Option<String>,
    segment: SeekClock,
}

/// What turns a PTS into the time that the demuxer's seeks understand.
pub type SeekClock = Option<gst::FormattedSegment<gst::ClockTime>>;

/// Links the wanted track to `branch`, starts the pipeline and, when `from_ns` is given, positions it at the
/// last keyframe at or before that time from the origin. Packets flow when this returns, or the end does, of a track
/// without any.
pub fn start(
    pipeline: &gst::Pipeline,
    demuxer: &gst::Element,
    input: &Input,
    branch: &gst::Element,
    from_ns: Option<Nanos>,
) -> Result<SeekClock, Failure> {
    let arrival = Arc::new(Arrival::default());
    watch_pads(demuxer, input, branch, &arrival);
    pipeline.set_state(gst::State::Playing).map_err(|e| start_failure(pipeline, &e))?;
    let (pad, probe, segment) = await_packet(pipeline, input, &arrival)?;
    // Where an edit list leaves out the beginning, qtdemux begins there, in the middle of a group of pictures, unless it
    // is told to seek.
    if let Some(from_ns) = from_ns.or(is_edited(input).then_some(0)) {
        seek(demuxer, input, segment.as_ref(), from_ns);
    }
    pad.remove_probe(probe);
    Ok(segment)
}

fn start_failure(pipeline: &gst::Pipeline, error: &gst::StateChangeError) -> Failure {
    failure::from_bus(pipeline).unwrap_or_else(|| failure::setup("pipeline", error))
}

fn watch_pads(demuxer: &gst::Element, input: &Input, branch: &gst::Element, arrival: &Arc<Arrival>) {
    let (wanted, branch, seen) = (input.clone(), branch.clone(), arrival.clone());
    demuxer.connect_pad_added(move |_, pad| {
        if pad.direction() != gst::PadDirection::Src || !is_wanted(&wanted, pad) {
            return;
        }
        let mut state = seen.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.pad.is_some() {
            return;
        }
        let segments = seen.clone();
        pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
            if let Some(gst::PadProbeData::Event(event)) = &info.data {
                let mut state = segments.state.lock().unwrap_or_else(PoisonError::into_inner);
                match event.view() {
                    gst::EventView::Segment(segment) => {
                        let segment = segment.segment().downcast_ref::<gst::ClockTime>().cloned();
                        state.segment = state.segment.take().or(segment);
                    }
                    gst::EventView::Eos(_) => {
                        state.ended = true;
                        segments.changed.notify_all();
                    }
                    _ => {}
                }
            }
            gst::PadProbeReturn::Ok
        });
        flatten_segments(pad);
        let packets = seen.clone();
        let kinds = gst::PadProbeType::BLOCK | gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
        let probe = pad.add_probe(kinds, move |_, _| {
            packets.state.lock().unwrap_or_else(PoisonError::into_inner).packet = true;
            packets.changed.notify_all();
            gst::PadProbeReturn::Ok
        });
        if let Some(sink) = branch.static_pad("sink")
            && let Err(error) = pad.link_full(&sink, LINK_CHECK)
        {
            state.link_error = Some(error.to_string());
        }
        state.pad = probe.map(|probe| (pad.clone(), probe));
        drop(state);
        seen.changed.notify_all();
    });
    let seen = arrival.clone();
    demuxer.connect_no_more_pads(move |_| {
        seen.state.lock().unwrap_or_else(PoisonError::into_inner).no_more_pads = true;
        seen.changed.notify_all();
    });
}

fn is_wanted(input: &Input, pad: &gst::Pad) -> bool {
    let kind = if input.video { "video" } else { "audio" };
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let of_kind = caps.structure(0).is_some_and(|structure| {
        let name = structure.name().as_str();
        name.starts_with(kind) || (input.video && name.starts_with("image"))
    });
    of_kind && track_number(input.container, pad) == Some(input.track)
}

type Arrived = (gst::Pad, gst::PadProbeId, SeekClock);

fn await_packet(pipeline: &gst::Pipeline, input: &Input, arrival: &Arrival) -> Result<Arrived, Failure> {
    let deadline = Instant::now() + TRACK_DEADLINE;
    let mut state = arrival.state.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if let Some(error) = state.link_error.take() {
            return Err(failure::setup(demuxer_name(input.container), error));
        }
        if (state.packet || state.ended)
            && let Some((pad, probe)) = state.pad.take()
        {
            return Ok((pad, probe, state.segment.clone()));
        }
        if state.no_more_pads && state.pad.is_none() {
            let message = format!("track {} is not in the source any more", input.track);
            return Err(Failure::new(FailureKind::Source, demuxer_name(input.container), message));
        }
        let (next, _) = arrival
            .changed
            .wait_timeout(state, Duration::from_millis(100))
            .unwrap_or_else(PoisonError::into_inner);
        state = next;
        if let Some(failure) = failure::from_bus(pipeline) {
            return Err(failure);
        }
        if Instant::now() > deadline {
            let message = format!("no packet of track {} within {TRACK_DEADLINE:?}", input.track);
            return Err(Failure::new(FailureKind::Source, demuxer_name(input.container), message));
        }
    }
}

/// Caps are not compared: an MP4 header may say two channels of what is 5.1, and the parser behind finds out.
const LINK_CHECK: gst::PadLinkCheck = gst::PadLinkCheck::HIERARCHY;

/// Sends the seek to the demuxer. One that is refused leaves the source at its start: the head then reads its
/// way to the cut.
pub fn seek(
    demuxer: &gst::Element,
    input: &Input,
    segment: Option<&gst::FormattedSegment<gst::ClockTime>>,
    from_ns: Nanos,
) {
    let presented = input.origin_ns + from_ns;
    let target = match input.container {
        // qtdemux seeks in presentation time; Matroska's first segment is unreliable and its times are PTS.
        Container::Mp4 | Container::Matroska => presented,
        _ => {
            let pts = gst::ClockTime::from_nseconds(presented.max(0) as u64);
            segment.and_then(|segment| segment.to_stream_time(pts)).map_or(presented, |t| t.nseconds() as i64)
        }
    };
    let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::KEY_UNIT | gst::SeekFlags::SNAP_BEFORE;
    let start = gst::ClockTime::from_nseconds(target.max(0) as u64);
    let no_end = gst::ClockTime::NONE;
    let event = gst::event::Seek::new(1.0, flags, gst::SeekType::Set, start, gst::SeekType::None, no_end);
    let _refused = !demuxer.send_event(event);
}

/// Ends a pipeline whose job is done.
pub fn stop(pipeline: &gst::Pipeline) {
    let _stopped = pipeline.set_state(gst::State::Null);
}
