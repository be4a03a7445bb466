//! A head that encodes video: decode from the keyframe before the cut, put frames on the grid, encode, cut.
//!
//! Two chains in one pipeline, joined by this program: `source ! demuxer ! decode ! raw` and
//! `grid ! encode ! parser ! coded`. The first runs in its own thread; a full queue anywhere holds everything
//! before it, so a head that waits at its goal costs nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::burn::{self, Burner};
use super::chains::{Chains, Texts, beyond};
use super::output::HeadOutput;
use super::parameter_sets::ParameterSets;
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

fn attempt(
    file: &Arc<SourceBytes>,
    spec: &HeadSpec,
    work: &EncodeVideo,
    out: &HeadOutput<'_>,
    back_off: Option<Nanos>,
) -> Result<bool, Stop> {
    let texts = Texts {
        decode: &work.decode,
        encode: &work.encode,
        codec: &work.codec,
        raw_buffers: RAW_FRAMES,
        coded_buffers: 8,
    };
    let chains = Chains::new(&spec.input, file.clone(), &texts)?;
    let from_ns = match back_off {
        Some(back_off) if spec.start != SegmentIndex(0) => {
            let cut = spec.cuts.range(spec.start).ok_or_else(|| beyond(spec))?.start;
            let half_frame = work.grid.rate().nanos_of(1) / 2;
            Some((nanos_from_ticks(cut, spec.cuts.timescale) + half_frame - back_off).max(0))
        }
        _ => None,
    };
    let may_be_late = from_ns.is_some_and(|from_ns| from_ns > 0);
    chains.start(&spec.input, from_ns)?;
    let (fed, made) = chains
        .run(|done| feed(&chains, file, spec, work, may_be_late, done), || make(&chains, spec, work, out));
    match (fed, made) {
        (_, Ok(Made::Whole)) => Ok(false),
        (Err(stop), _) => Err(stop),
        (Ok(()), Ok(Made::Partly)) => Ok(true),
        (Ok(()), Err(failure)) => Err(failure.into()),
    }
}

/// Decoded frames waiting for the grid: a 4K frame is 12 MB.
const RAW_FRAMES: u32 = 3;

/// Decoded frames onto the grid, into the encoder.
fn feed(
    chains: &Chains,
    file: &SourceBytes,
    spec: &HeadSpec,
    work: &EncodeVideo,
    may_be_late: bool,
    done: &AtomicBool,
) -> Result<(), Stop> {
    let mut conformer = VideoConformer::new(work.grid, spec.cuts.clone(), spec.fragments, spec.start)
        .and_then(|conformer| conformer.resume(spec.first_part))
        .ok_or_else(|| beyond(spec))?;
    let frame_ns = work.grid.rate().nanos_of(1);
    let mut beside = burn::source(file)?;
    let burner = work.burn.as_ref().map(|burn| Burner::new(&mut beside, spec, work, burn)).transpose()?;
    let timescale = spec.cuts.timescale;
    let mut into = Grid { source: &chains.grid, timescale, frame_ns, started: false, burner };
    let mut previous: Option<gst::Buffer> = None;
    let mut last_ns = None;
    while let Some(sample) = sink::pull(&chains.pipeline, &chains.raw)? {
        if done.load(Ordering::Relaxed) {
            return Ok(());
        }
        let (Some(buffer), Some(caps)) = (sample.buffer_owned(), sample.caps()) else {
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
            chains.grid.set_caps(Some(&with_frame_rate(caps, work.grid)));
        }
        last_ns = Some(at_ns);
        if let Some(burner) = &mut into.burner {
            burner.expect(caps)?;
        }
        for slot in conformer.place(at_ns) {
            let shown = if slot.repeat { previous.as_ref().unwrap_or(&buffer) } else { &buffer };
            if !into.push(shown, slot)? {
                return Ok(());
            }
        }
        previous = Some(buffer);
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
    Err(Stop::Failed(Failure::new(FailureKind::Undecodable, "decoder", "no frame came out")))
}

fn with_frame_rate(caps: &gst::CapsRef, grid: FrameGrid) -> gst::Caps {
    let mut caps = caps.to_owned();
    let rate = grid.rate();
    caps.make_mut().set("framerate", gst::Fraction::new(rate.num as i32, rate.den as i32));
    caps
}

/// The way into the encoder.
struct Grid<'a> {
    source: &'a gst_app::AppSrc,
    timescale: u32,
    frame_ns: Nanos,
    started: bool,
    burner: Option<Burner<'a>>,
}

impl Grid<'_> {
    /// False when the encoder takes no more. The first frame of a stream is an IDR picture without being asked,
    /// and must not be asked for: GStreamer 1.22 takes its time for 1000 h and refuses every later request.
    fn push(&mut self, shown: &gst::Buffer, slot: FrameSlot) -> Result<bool, Failure> {
        let time = |nanos: Nanos| gst::ClockTime::from_nseconds(nanos.max(0) as u64);
        let at_ns = nanos_from_ticks(slot.tick, self.timescale);
        let at = time(at_ns);
        // A subtitle begins with the frame that is nearest to its time.
        let drawn = match &mut self.burner {
            Some(burner) => burner.draw(shown, at_ns + self.frame_ns / 2)?,
            None => None,
        };
        let mut frame = drawn.unwrap_or_else(|| shown.copy());
        {
            let frame = frame.make_mut();
            frame.set_pts(at);
            frame.set_dts(gst::ClockTime::NONE);
            frame.set_duration(time(self.frame_ns));
        }
        if slot.key && self.started {
            let force = gstreamer_video::DownstreamForceKeyUnitEvent::builder();
            self.source.send_event(force.running_time(at).all_headers(true).build());
        }
        self.started = true;
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
fn make(chains: &Chains, spec: &HeadSpec, work: &EncodeVideo, out: &HeadOutput<'_>) -> Result<Made, Failure> {
    let exact = match work.grid {
        FrameGrid::Constant(rate) => Some(rate.frame_ticks()),
        FrameGrid::Variable(_) => None,
    };
    let mut segmenter = Segmenter::new(spec.cuts.clone(), spec.fragments, exact, spec.start)
        .and_then(|segmenter| segmenter.resume(spec.first_part))
        .ok_or_else(|| beyond(spec))?;
    let mut parameter_sets = None;
    while let Some(sample) = sink::pull(&chains.pipeline, &chains.coded)? {
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
    }
    if let Some(fragment) = segmenter.finish() {
        out.fragment(&fragment);
    }
    Ok(if segmenter.complete() { Made::Whole } else { Made::Partly })
}
