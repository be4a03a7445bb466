//! Heads that copy: packets as the demuxer gives them, cut at the source's keyframes or codec frames.

use std::sync::Arc;

use gstreamer as gst;
use gstreamer_app as gst_app;

use super::chains::{QUEUE, beyond, bin, named, parser};
use super::output::HeadOutput;
use super::parameter_sets::codec_data;
use super::source::SourceBytes;
use super::{demux, sink};
use crate::isobmff::{CopySegmenter, Packet, Sample, Segmenter};
use crate::media::{Container, aac};
use crate::timeline::{NANOS_PER_SECOND, Nanos, SegmentIndex, nanos_from_ticks, ticks_from_nanos};
use crate::worker::protocol::{CopyAudio, CopyVideo, Failure, FailureKind, HeadSpec};

/// Where positioning starts, before the wanted keyframe, attempt by attempt; the last one is the start.
const BACK_OFF_NS: [Option<Nanos>; 3] = [Some(0), Some(10 * NANOS_PER_SECOND), None];
/// Sound is positioned this long before its cut.
const AUDIO_BACK_OFF_NS: Nanos = NANOS_PER_SECOND / 4;

/// True when the source ended before its cut list.
pub fn video(
    file: &Arc<SourceBytes>,
    spec: &HeadSpec,
    work: &CopyVideo,
    out: &HeadOutput<'_>,
) -> Result<bool, Failure> {
    let keyframe = *work.keyframes.get(spec.start.0 as usize).ok_or_else(|| beyond(spec))?;
    let scale = spec.cuts.timescale;
    let half_frame_ns = nanos_from_ticks(work.frame_ticks, scale) / 2;
    let parser = parser(&work.codec)?;
    let mut text = if is_packetised(spec, &work.codec) { "identity" } else { parser };
    let mut attempts = BACK_OFF_NS.into_iter().peekable();
    while let Some(back_off) = attempts.peek().copied() {
        let from_ns = back_off.filter(|_| spec.start != SegmentIndex(0));
        let from_ns = from_ns.map(|back| (nanos_from_ticks(keyframe, scale) + half_frame_ns - back).max(0));
        let (pipeline, sink) = start(file, spec, text, from_ns)?;
        let mut segmenter = CopySegmenter::new(
            spec.cuts.clone(),
            spec.fragments,
            work.keyframes.clone(),
            work.frame_ticks,
            work.delay,
            spec.start,
        )
        .ok_or_else(|| beyond(spec))?;
        let mut first_tick = None;
        let mut late = false;
        let mut unpacked = false;
        while let Some(sample) = sink::pull(&pipeline, &sink)? {
            unpacked = text != parser && codec_data(&sample).is_err();
            if unpacked {
                break;
            }
            let Some(packet) = packet(spec, work, &sample)? else {
                continue;
            };
            late = *first_tick.get_or_insert(packet.tick) > keyframe + work.frame_ticks && from_ns.is_some();
            if late {
                break;
            }
            segmenter.push(packet).iter().for_each(|fragment| out.fragment(fragment));
            if segmenter.complete() {
                break;
            }
        }
        demux::stop(&pipeline);
        if unpacked {
            text = parser;
            continue;
        }
        attempts.next();
        if late {
            continue;
        }
        segmenter.finish().iter().for_each(|fragment| out.fragment(fragment));
        return Ok(!segmenter.complete());
    }
    let element = demux::demuxer_name(spec.input.container);
    Err(Failure::new(FailureKind::Source, element, "the keyframe cannot be reached"))
}

/// Containers that hold H.264 and H.265 as MP4 does, one access unit to a packet. Their packets go on as they
/// are: a parser puts parameter sets in front of its first picture, so that a head's first segment would differ
/// from what a head that started earlier makes of it.
fn is_packetised(spec: &HeadSpec, codec: &str) -> bool {
    matches!(codec, "h264" | "h265")
        && matches!(spec.input.container, Container::Mp4 | Container::Matroska | Container::Flv)
}

fn start(
    file: &Arc<SourceBytes>,
    spec: &HeadSpec,
    parser: &str,
    from_ns: Option<Nanos>,
) -> Result<(demux::Pipeline, gst_app::AppSink), Failure> {
    let (pipeline, demuxer) = demux::open_track(&spec.input, file.clone())?;
    let text = format!("{QUEUE} ! {parser} ! {}", sink::text("coded", 64));
    let branch = bin(&pipeline, &text, true)?;
    let sink = named(&pipeline, "coded")?;
    demux::start(&pipeline, &demuxer, &spec.input, &branch, from_ns)?;
    Ok((pipeline, sink))
}

/// The coded frame in a sample; `None` when it has no time to show it at.
fn packet(spec: &HeadSpec, work: &CopyVideo, sample: &gst::Sample) -> Result<Option<Packet>, Failure> {
    let Some(buffer) = sample.buffer() else {
        return Ok(None);
    };
    let Some(pts) = buffer.pts() else {
        return Ok(None);
    };
    let offset = spec.input.edit_offset_ns + spec.input.origin_ns;
    let scale = spec.cuts.timescale;
    let at_ns = pts.nseconds() as i64 - offset;
    let tick = match work.grid {
        Some(rate) => {
            let first = spec.cuts.start();
            first + rate.frame_at(at_ns - nanos_from_ticks(first, scale)) * rate.frame_ticks()
        }
        None => ticks_from_nanos(at_ns, scale),
    };
    // Half a frame less: a decode time rounded up must not promise too much.
    let floor = buffer
        .dts()
        .map(|dts| ticks_from_nanos(dts.nseconds() as i64 - offset, scale) - work.frame_ticks / 2);
    let sync = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
    Ok(Some(Packet { tick, floor, sync, data: sink::bytes_of(buffer)? }))
}

/// True when the source ended before its cut list.
pub fn audio(
    file: &Arc<SourceBytes>,
    spec: &HeadSpec,
    work: &CopyAudio,
    out: &HeadOutput<'_>,
) -> Result<bool, Failure> {
    let cut = spec.cuts.range(spec.start).ok_or_else(|| beyond(spec))?.start;
    let cut_ns = nanos_from_ticks(cut, work.sample_rate);
    let from_ns = (spec.start != SegmentIndex(0)).then(|| (cut_ns - AUDIO_BACK_OFF_NS).max(0));
    // Packets go on as they are where the container has them whole: opusparse changes the first and the last one.
    let whole = work.codec == "opus" && spec.input.container != Container::MpegTs;
    let parser = if whole { "identity" } else { parser(&work.codec)? };
    let (pipeline, sink) = start(file, spec, parser, from_ns)?;
    let frame = work.lattice.samples;
    let silence = (work.codec == "aac").then(|| aac::silence(work.channels)).flatten();
    let mut segmenter = Segmenter::new(spec.cuts.clone(), spec.fragments, Some(frame), spec.start)
        .ok_or_else(|| beyond(spec))?
        .lenient();
    let offset = spec.input.edit_offset_ns + spec.input.origin_ns;
    let mut next = i64::MIN;
    while let Some(sample) = sink::pull(&pipeline, &sink)? {
        let Some((buffer, pts)) = sample.buffer().and_then(|buffer| Some((buffer, buffer.pts()?))) else {
            continue;
        };
        let at = ticks_from_nanos(pts.nseconds() as i64 - offset, work.sample_rate);
        let tick = work.lattice.snap(at);
        if tick < next || tick < spec.cuts.start() {
            continue;
        }
        next = tick + frame;
        let mut data = sink::bytes_of(buffer)?;
        if let Some(silence) = silence.filter(|_| aac::is_torn(&data)) {
            data = silence.to_vec();
        }
        let sample = Sample { tick, sync: true, data };
        let fragments = segmenter
            .push(sample)
            .map_err(|lost| Failure::new(FailureKind::Source, work.codec.clone(), lost.to_string()))?;
        fragments.iter().for_each(|fragment| out.fragment(fragment));
        if segmenter.complete() {
            break;
        }
    }
    demux::stop(&pipeline);
    if let Some(fragment) = segmenter.finish() {
        out.fragment(&fragment);
    }
    Ok(!segmenter.complete())
}
