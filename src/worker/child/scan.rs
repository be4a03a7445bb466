//! Reads every packet of a video track for its keyframes: for containers without an index.

use std::sync::Arc;

use gstreamer as gst;
use gstreamer_app as gst_app;

use super::chains::{bin, named};
use super::source::SourceBytes;
use super::{demux, sink, streams};
use crate::media::{IndexSource, Keyframe, KeyframeIndex};
use crate::timeline::Nanos;
use crate::worker::protocol::{Failure, Input};

/// What reading all packets of a track shows, times from the origin.
pub struct Scanned {
    pub index: KeyframeIndex,
    /// When the last frame is presented.
    pub last_ns: Nanos,
}

/// Reads every packet of a track of `codec`.
pub fn run(file: Arc<SourceBytes>, input: &Input, codec: &str) -> Result<Scanned, Failure> {
    let (pipeline, demuxer) = demux::open_track(input, file)?;
    let parser = streams::revealing_parser(codec).unwrap_or("identity");
    let branch = bin(&pipeline, &format!("{parser} ! {}", sink::text("packets", 256)), true)?;
    let packets: gst_app::AppSink = named(&pipeline, "packets")?;
    demux::start(&pipeline, &demuxer, input, &branch, None)?;
    let mut index = KeyframeIndex { source: IndexSource::PacketScan, ..KeyframeIndex::default() };
    let (mut frames, mut last_ns) = (0, 0);
    while let Some(sample) = sink::pull(&pipeline, &packets)? {
        let Some(buffer) = sample.buffer() else {
            continue;
        };
        let Some(pts) = buffer.pts() else {
            continue;
        };
        let at_ns = pts.nseconds() as Nanos - input.edit_offset_ns - input.origin_ns;
        frames += 1;
        last_ns = last_ns.max(at_ns);
        if !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT) {
            index.keyframes.push(Keyframe { pts_ns: at_ns, earliest_ns: at_ns, bytes: 0 });
        }
        if let Some(keyframe) = index.keyframes.last_mut() {
            keyframe.earliest_ns = keyframe.earliest_ns.min(at_ns);
            keyframe.bytes += buffer.size() as u64;
        }
    }
    demux::stop(&pipeline);
    index.frame_count = Some(frames);
    index.keyframes.dedup_by_key(|keyframe| keyframe.pts_ns);
    index.keyframes.sort_by_key(|keyframe| keyframe.pts_ns);
    Ok(Scanned { index, last_ns })
}
