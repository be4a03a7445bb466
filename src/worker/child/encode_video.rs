//! A head that encodes video: decode from the keyframe before the cut, put frames on the grid, encode, cut.
//!
//! A decoder and a rung in one pipeline, joined by this program. The first runs in its own thread; a full queue anywhere
//! holds everything before it, so a head that waits at its goal costs nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::burn::{self, Burner};
use super::chains::beyond;
use super::decoder::Decoder;
use super::output::HeadOutput;
use super::parameter_sets::ParameterSets;
use super::rung::Rung;
use super::source::SourceBytes;
use super::{demux, sink};
use crate::isobmff::{Sample, Segmenter};
use crate::timeline::video::{FrameGrid, FrameSlot, VideoConformer};
use crate::timeline::{NANOS_PER_SECOND, Nanos, SegmentIndex, nanos_from_ticks, ticks_from_nanos};
use crate::worker::protocol::{EncodeVideo, Failure, FailureKind, HeadSpec};

/// How far before the cut the source is positioned, attempt by attempt: containers without an index may land
/// behind the target. The last attempt reads from the start.
const BACK_OFF_NS: [Option<Nanos>; 4] =
    [Some(0), Some(3 * NANOS_PER_SECOND), Some(15 * NANOS_PER_SECOND), None];

enum Stop {
    /// The first decoded frame is behind the cut.
    LandedLate,
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// True when the source ended before its cut list.
pub fn run(
    file: &Arc<SourceBytes>,
    spec: &HeadSpec,
    work: &EncodeVideo,
    out: &HeadOutput<'_>,
) -> Result<bool, Failure> {
    for back_off in BACK_OFF_NS {
        match attempt(file, spec, work, out, back_off) {
            Ok(early) => return Ok(early),
            Err(Stop::Failed(failure)) => return Err(failure),
            Err(Stop::LandedLate) => {}
        }
    }
    Err(Failure::new(
        FailureKind::Source,
        demux::demuxer_name(spec.input.container),
        "the cut cannot be reached",
    ))
}

/// The same with the frames of the decoder at work. `None` where those are others, or begin behind the cut.
pub fn join(spec: &HeadSpec, work: &EncodeVideo, out: &HeadOutput<'_>) -> Result<Option<bool>, Failure> {
    let Some(decoder) = Decoder::at_work(&spec.input, &work.decode) else {
        return Ok(None);
    };
    let Some(rung) = Rung::join(&decoder, work)? else {
        return Ok(None);
    };
    match encode(rung, spec, work, out, true, || {}) {
        Ok(early) => Ok(Some(early)),
        // The decoder may have come to its end meanwhile.
        Err(Stop::Failed(failure)) if failure == Decoder::nothing() => Ok(None),
        Err(Stop::Failed(failure)) => Err(failure),
        Err(Stop::LandedLate) => Ok(None),
    }
}

fn attempt(
    file: &Arc<SourceBytes>,
    spec: &HeadSpec,
    work: &EncodeVideo,
    out: &HeadOutput<'_>,
    back_off: Option<Nanos>,
) -> Result<bool, Stop> {
    let decoder = Arc::new(Decoder::new(&spec.input, file.clone(), &work.decode)?);
    let rung = Rung::first(&decoder, work)?;
    let from_ns = match back_off {
        Some(back_off) if spec.start != SegmentIndex(0) => {
            let cut = spec.cuts.range(spec.start).ok_or_else(|| beyond(spec))?.start;
            let half_frame = work.grid.rate().nanos_of(1) / 2;
            Some((nanos_from_ticks(cut, spec.cuts.timescale) + half_frame - back_off).max(0))
        }
        _ => None,
    };
    let may_be_late = from_ns.is_some_and(|from_ns| from_ns > 0);
    decoder.start(from_ns)?;
    encode(rung, spec, work, out, may_be_late, || decoder.offer())
}

/// Encodes a rung to its end; tells when its first frame has turned out to be early enough.
fn encode(
    rung: Rung<'_>,
    spec: &HeadSpec,
    work: &EncodeVideo,
    out: &HeadOutput<'_>,
    may_be_late: bool,
    under_way: impl Fn() + Send + Sync,
) -> Result<bool, Stop> {
    let (fed, made) = rung.run(
        |rung, done| feed(rung, spec, work, may_be_late, done, &under_way),
        |rung| make(rung, spec, work, out),
    );
    match (fed, made) {
        (_, Ok(Made::Whole)) => Ok(false),
        (Err(stop), _) => Err(stop),
        (Ok(()), Ok(Made::Partly)) => Ok(true),
        (Ok(()), Err(failure)) => Err(failure.into()),
    }
}

/// Decoded frames onto the grid, into the encoder.
fn feed(
    rung: &Rung<'_>,
    spec: &HeadSpec,
    work: &EncodeVideo,
    may_be_late: bool,
    done: &AtomicBool,
    under_way: &impl Fn(),
) -> Result<(), Stop> {
    let mut conformer = VideoConformer::new(work.grid, spec.cuts.clone(), spec.fragments, spec.start)
        .and_then(|conformer| conformer.resume(spec.first_part))
        .ok_or_else(|| beyond(spec))?;
    let frame_ns = work.grid.rate().nanos_of(1);
    let mut beside = burn::source(&rung.decoder.file)?;
    let burner = work.burn.as_ref().map(|burn| Burner::new(&mut beside, spec, work, burn)).transpose()?;
    let timescale = spec.cuts.timescale;
    let mut into = Grid { source: &rung.grid, grid: work.grid, timescale, frame_ns, caps: None, burner };
    let mut previous: Option<Frame> = None;
    let mut last_ns = None;
    while let Some(sample) = rung.frame(done)? {
        if done.load(Ordering::Relaxed) {
            return Ok(());
        }
        let (Some(buffer), Some(caps)) = (sample.buffer_owned(), sample.caps_owned()) else {
            continue;
        };
        let at_ns = match buffer.pts() {
            Some(pts) => pts.nseconds() as i64 - spec.input.edit_offset_ns - spec.input.origin_ns,
            // A decoder that lost its time: the frame follows the one before.
            None => last_ns.map_or(0, |last: i64| last + frame_ns),
        };
        if last_ns.is_none() {
            if may_be_late && at_ns > conformer.start_ns() + frame_ns + frame_ns / 2 {
                return Err(Stop::LandedLate);
            }
            under_way();
        }
        last_ns = Some(at_ns);
        if let Some(burner) = &mut into.burner {
            burner.expect(&caps)?;
        }
        let frame = Frame { buffer, caps };
        for slot in conformer.place(at_ns) {
            let shown = if slot.repeat { previous.as_ref().unwrap_or(&frame) } else { &frame };
            if !into.push(shown, slot)? {
                return Ok(());
            }
        }
        previous = Some(frame);
        if conformer.complete() {
            return Ok(());
        }
    }
    if let Some(previous) = previous {
        for slot in conformer.finish() {
            if !into.push(&previous, slot)? {
                break;
            }
        }
        return Ok(());
    }
    Err(Stop::Failed(Decoder::nothing()))
}

struct Frame {
    buffer: gst::Buffer,
    caps: gst::Caps,
}

fn with_frame_rate(caps: &gst::Caps, grid: FrameGrid) -> gst::Caps {
    let mut caps = caps.clone();
    let rate = grid.rate();
    caps.make_mut().set("framerate", gst::Fraction::new(rate.num as i32, rate.den as i32));
    caps
}

/// The way into the encoder.
struct Grid<'a> {
    source: &'a gst_app::AppSrc,
    grid: FrameGrid,
    timescale: u32,
    frame_ns: Nanos,
    /// Of the last frame; none before the first one.
    caps: Option<gst::Caps>,
    burner: Option<Burner<'a>>,
}

impl Grid<'_> {
    /// False when the encoder takes no more. The first frame of a stream is an IDR picture without being asked,
    /// and must not be asked for: GStreamer 1.22 takes its time for 1000 h and refuses every later request.
    fn push(&mut self, shown: &Frame, slot: FrameSlot) -> Result<bool, Failure> {
        let time = |nanos: Nanos| gst::ClockTime::from_nseconds(nanos.max(0) as u64);
        let at_ns = nanos_from_ticks(slot.tick, self.timescale);
        let at = time(at_ns);
        // A subtitle begins with the frame that is nearest to its time.
        let drawn = match &mut self.burner {
            Some(burner) => burner.draw(&shown.buffer, at_ns + self.frame_ns / 2)?,
            None => None,
        };
        let mut frame = drawn.unwrap_or_else(|| shown.buffer.copy());
        {
            let frame = frame.make_mut();
            frame.set_pts(at);
            frame.set_dts(gst::ClockTime::NONE);
            frame.set_duration(time(self.frame_ns));
        }
        let started = self.caps.is_some();
        if self.caps.as_ref() != Some(&shown.caps) {
            // Frames that nobody has scaled yet may change their size.
            self.source.set_caps(Some(&with_frame_rate(&shown.caps, self.grid)));
            self.caps = Some(shown.caps.clone());
        }
        if slot.key && started {
            let force = gstreamer_video::DownstreamForceKeyUnitEvent::builder();
            self.source.send_event(force.running_time(at).all_headers(true).build());
        }
        Ok(self.source.push_buffer(frame).is_ok())
    }
}

enum Made {
    /// Up to the end of the cut list.
    Whole,
    /// Up to the end of the source.
    Partly,
}

/// Coded frames into fragments.
fn make(rung: &Rung<'_>, spec: &HeadSpec, work: &EncodeVideo, out: &HeadOutput<'_>) -> Result<Made, Failure> {
    let exact = match work.grid {
        FrameGrid::Constant(rate) => Some(rate.frame_ticks()),
        FrameGrid::Variable(_) => None,
    };
    let mut segmenter = Segmenter::new(spec.cuts.clone(), spec.fragments, exact, spec.start)
        .and_then(|segmenter| segmenter.resume(spec.first_part))
        .ok_or_else(|| beyond(spec))?;
    let mut parameter_sets = None;
    while let Some(sample) = rung.coded(|| out.left())? {
        let Some(buffer) = sample.buffer() else {
            continue;
        };
        let sets = match &parameter_sets {
            Some(sets) => sets,
            None => {
                let (sets, entry) = ParameterSets::read(work, &sample)?;
                out.entry(entry);
                parameter_sets.insert(sets)
            }
        };
        let sync = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
        let mut data = sink::bytes_of(buffer)?;
        if sync {
            data = sets.ahead_of(work, data)?;
        }
        let tick = ticks_from_nanos(sink::running_time(&sample)?, spec.cuts.timescale);
        let fragments = segmenter
            .push(Sample { tick, sync, data })
            .map_err(|lost| Failure::new(FailureKind::Encoder, work.codec.clone(), lost.to_string()))?;
        fragments.iter().for_each(|fragment| out.fragment(fragment));
        if segmenter.complete() {
            return Ok(Made::Whole);
        }
        if out.left() {
            return Ok(Made::Partly);
        }
    }
    if let Some(fragment) = segmenter.finish() {
        out.fragment(&fragment);
    }
    Ok(if segmenter.complete() { Made::Whole } else { Made::Partly })
}
