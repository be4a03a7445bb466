//! A head that encodes sound: PCM on the sample lattice, a lead of codec frames that is thrown away, cuts at
//! whole codec frames.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::chains::{Chains, Texts, beyond};
use super::output::HeadOutput;
use super::source::SourceBytes;
use super::{failure, sink};
use crate::isobmff::{Sample, Segmenter};
use crate::rendition::stereo_mix;
use crate::timeline::audio::{LEAD_FRAMES, PcmConformer};
use crate::timeline::{NANOS_PER_SECOND, Nanos, SegmentIndex, nanos_from_ticks};
use crate::worker::protocol::{EncodeAudio, Failure, FailureKind, HeadSpec};

/// Decoding starts this long before the lead: decoders with overlap or a bit reservoir need packets to settle.
const WARM_UP_NS: Nanos = NANOS_PER_SECOND / 2;
/// Silence behind the end, in codec frames, that pushes the last real frame out of the encoder.
const TAIL_FRAMES: i64 = 4;
/// Silence is pushed in pieces of this many samples.
const SILENCE_SAMPLES: i64 = 48_000;

/// True when the source ended before its cut list; never for sound, whose end is filled with silence.
pub fn run(
    file: &Arc<SourceBytes>,
    spec: &HeadSpec,
    work: &EncodeAudio,
    out: &HeadOutput<'_>,
) -> Result<bool, Failure> {
    let texts = Texts {
        decode: &work.decode,
        encode: &work.encode,
        codec: "aac",
        raw_buffers: 16,
        coded_buffers: 64,
    };
    let chains = Chains::new(&spec.input, file.clone(), &texts)?;
    mix_to_stereo(&chains.branch);
    let frame = i64::from(work.samples_per_frame);
    let cut = spec.cuts.range(spec.start).ok_or_else(|| beyond(spec))?.start;
    // Whole frames of the encoder's delay count in the frames' numbers; what is left over is fed earlier.
    let lag_frames = (i64::from(work.delay) + frame - 1) / frame;
    let first = cut - LEAD_FRAMES * frame + i64::from(work.delay) - lag_frames * frame;
    let from_ns = (spec.start != SegmentIndex(0))
        .then(|| (nanos_from_ticks(first, work.sample_rate) - WARM_UP_NS).max(0));
    chains.start(&spec.input, from_ns)?;
    let first_frame = cut / frame - LEAD_FRAMES - lag_frames;
    let (fed, made) = chains
        .run(|done| feed(&chains, spec, work, first, done), || make(&chains, spec, work, first_frame, out));
    match (fed, made) {
        (_, Ok(true)) => Ok(false),
        (Err(failure), _) | (Ok(()), Err(failure)) => Err(failure),
        (Ok(()), Ok(false)) => Err(Failure::new(FailureKind::Encoder, "aac", "the encoder ended too soon")),
    }
}

/// Tells the converter how to mix what comes, as often as a decoder says what that is: broadcasts change between stereo
/// and surround.
fn mix_to_stereo(branch: &gst::Element) {
    let Some(bin) = branch.downcast_ref::<gst::Bin>() else { return };
    let mut elements = bin.iterate_recurse().into_iter().flatten();
    let Some(converter) = elements.find(|element| element.find_property(MIX).is_some()) else { return };
    let Some(pad) = converter.static_pad("sink") else { return };
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |pad, info| {
        if let Some(gst::PadProbeData::Event(event)) = &info.data
            && let gst::EventView::Caps(caps) = event.view()
            && let Some(mix) = mix_of(caps.caps())
            && let Some(converter) = pad.parent_element()
        {
            converter.set_property(MIX, mix);
        }
        gst::PadProbeReturn::Ok
    });
}

/// The property of GStreamer's converter: a row for each channel that goes out.
const MIX: &str = "mix-matrix";

fn mix_of(caps: &gst::CapsRef) -> Option<gst::Array> {
    let structure = caps.structure(0)?;
    let channels = u32::try_from(structure.get::<i32>("channels").ok()?).ok()?;
    let places = structure.get::<gst::Bitmask>("channel-mask").map_or(0, |mask| *mask);
    let mix = stereo_mix(channels, places);
    Some(gst::Array::new([0, 1].map(|side| gst::Array::new(mix.iter().map(|shares| shares[side])))))
}

fn feed(
    chains: &Chains,
    spec: &HeadSpec,
    work: &EncodeAudio,
    first: i64,
    done: &AtomicBool,
) -> Result<(), Failure> {
    let mut conformer = PcmConformer::new(work.sample_rate, work.lattice, first, spec.cuts.end());
    let mut pcm = Pcm { grid: &chains.grid, rate: work.sample_rate, frame_bytes: 0, pushed: 0 };
    while !conformer.complete() {
        let Some(sample) = sink::pull(&chains.pipeline, &chains.raw)? else {
            break;
        };
        if done.load(Ordering::Relaxed) {
            return Ok(());
        }
        let (Some(buffer), Some(caps)) = (sample.buffer_owned(), sample.caps()) else {
            continue;
        };
        if pcm.frame_bytes == 0 {
            pcm.frame_bytes = frame_bytes(caps)?;
            chains.grid.set_caps(Some(&caps.to_owned()));
        }
        let Some(pts) = buffer.pts() else {
            continue;
        };
        let samples = (buffer.size() / pcm.frame_bytes) as i64;
        let at_ns = pts.nseconds() as i64 - spec.input.edit_offset_ns - spec.input.origin_ns;
        let placed = conformer.place(at_ns, samples);
        if !(pcm.silence(placed.silence) && pcm.part(&buffer, placed.skip, placed.take)) {
            return Ok(());
        }
    }
    if pcm.frame_bytes == 0 {
        // A track without a packet, or without one from here on: the picture plays on in silence.
        let caps = raw_caps(&work.decode)
            .ok_or_else(|| Failure::new(FailureKind::Undecodable, "decoder", "no sound came out"))?;
        pcm.frame_bytes = frame_bytes(&caps)?;
        chains.grid.set_caps(Some(&caps));
    }
    let missing = conformer.finish() + TAIL_FRAMES * i64::from(work.samples_per_frame);
    pcm.silence(missing);
    Ok(())
}

/// What a launch text ends in, where it says all of it.
fn raw_caps(decode: &str) -> Option<gst::Caps> {
    let last = decode.rsplit('!').next()?.trim();
    gst::Caps::from_str(last).ok().filter(|caps| caps.is_fixed())
}

/// Bytes of one sample of all channels.
fn frame_bytes(caps: &gst::CapsRef) -> Result<usize, Failure> {
    let unusable = || failure::setup("audio/x-raw", format!("unusable caps {caps}"));
    let structure = caps.structure(0).ok_or_else(unusable)?;
    let channels: i32 = structure.get("channels").map_err(|_| unusable())?;
    let width = match structure.get::<&str>("format") {
        Ok("S16LE") => 2,
        Ok("S32LE" | "F32LE") => 4,
        _ => return Err(unusable()),
    };
    Ok(width * usize::try_from(channels).map_err(|_| unusable())?)
}

/// PCM on its way into the encoder, stamped from the sample counter.
struct Pcm<'a> {
    grid: &'a gst_app::AppSrc,
    rate: u32,
    frame_bytes: usize,
    pushed: i64,
}

impl Pcm<'_> {
    fn silence(&mut self, mut samples: i64) -> bool {
        while samples > 0 {
            let piece = samples.min(SILENCE_SAMPLES);
            let zeros = vec![0_u8; piece as usize * self.frame_bytes];
            if !self.push(gst::Buffer::from_mut_slice(zeros), piece) {
                return false;
            }
            samples -= piece;
        }
        true
    }

    fn part(&mut self, buffer: &gst::Buffer, skip: i64, take: i64) -> bool {
        if take == 0 {
            return true;
        }
        let from = skip as usize * self.frame_bytes;
        let part =
            buffer.copy_region(gst::BufferCopyFlags::MEMORY, from..from + take as usize * self.frame_bytes);
        part.is_ok_and(|part| self.push(part, take))
    }

    fn push(&mut self, mut buffer: gst::Buffer, samples: i64) -> bool {
        let time = |sample| gst::ClockTime::from_nseconds(nanos_from_ticks(sample, self.rate) as u64);
        {
            let buffer = buffer.make_mut();
            buffer.set_pts(time(self.pushed));
            buffer.set_duration(time(self.pushed + samples) - time(self.pushed));
        }
        self.pushed += samples;
        self.grid.push_buffer(buffer).is_ok()
    }
}

/// Coded frames into fragments; frame numbers come from counting. True when the cut list is done.
fn make(
    chains: &Chains,
    spec: &HeadSpec,
    work: &EncodeAudio,
    first_frame: i64,
    out: &HeadOutput<'_>,
) -> Result<bool, Failure> {
    let frame_ticks = i64::from(work.samples_per_frame);
    let mut segmenter = Segmenter::new(spec.cuts.clone(), spec.fragments, Some(frame_ticks), spec.start)
        .ok_or_else(|| beyond(spec))?;
    let mut frame = first_frame;
    while let Some(sample) = sink::pull(&chains.pipeline, &chains.coded)? {
        let Some(buffer) = sample.buffer() else {
            continue;
        };
        let data = sink::bytes_of(buffer)?;
        let fragments = segmenter
            .push(Sample { tick: frame * frame_ticks, sync: true, data })
            .map_err(|lost| Failure::new(FailureKind::Encoder, "aac", lost.to_string()))?;
        frame += 1;
        fragments.iter().for_each(|fragment| out.fragment(fragment));
        if segmenter.complete() {
            return Ok(true);
        }
    }
    Ok(false)
}
