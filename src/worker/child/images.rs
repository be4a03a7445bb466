//! Sheets of small pictures: one frame from each of some places in the film, painted side by side, as JPEG.
//!
//! Nothing queues between demuxer and scaler, and the decoder is given nothing before the keyframe that is wanted: of
//! each place no more is read and decoded than one picture takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video::prelude::*;
use gstreamer_video::{VideoFormat, VideoFrameRef, VideoInfo};

use super::chains::{bin, named};
use super::source::SourceBytes;
use super::{demux, failure, sink};
use crate::timeline::{NANOS_PER_SECOND, Nanos};
use crate::worker::protocol::{Failure, FailureKind, ImagesSpec, Report};

/// What JPEG decoders take for granted: BT.601, full range (ITU-T T.871 section 7).
const COLOURS: &str = "videoconvertscale ! video/x-raw,format=I420,colorimetry=(string)1:4:0:0";
/// The best that fits is taken, and the last one if none does.
const QUALITIES: [i32; 5] = [80, 65, 50, 30, 10];
/// Pictures that a keyframe's successors show before it are passed over: so many.
const MAX_LEADING: usize = 16;
/// Containers round the times of their keyframes: by a millisecond, or the tick of a slow clock.
const ROUNDING_NS: Nanos = 12_000_000;
/// How far before the place the source is positioned, attempt by attempt: containers without an index may land behind it.
const BACK_OFF_NS: [Nanos; 3] = [0, 3 * NANOS_PER_SECOND, 15 * NANOS_PER_SECOND];
/// What is so far behind the place is from somewhere else.
const LATE_NS: Nanos = 2 * NANOS_PER_SECOND;
/// Whoever watches comes first.
const NICENESS: i32 = 10;

pub fn run(file: Arc<SourceBytes>, spec: &ImagesSpec) -> Result<Report, Failure> {
    // The threads of the pipeline inherit it.
    let _refused = rustix::process::nice(NICENESS);
    let (pipeline, demuxer) = demux::open_track(&spec.input, file)?;
    let text = format!("{} ! {COLOURS} ! {}", spec.decode, sink::text("pictures", 1));
    let branch = bin(&pipeline, &text, true)?;
    decode_in_one_thread(&branch);
    let wanted = Arc::new(Wanted::default());
    wanted.hold_back(&branch);
    let pictures: gst_app::AppSink = named(&pipeline, "pictures")?;
    let mut sheet = Sheet::new(spec)?;
    let mut clock = None;
    for (place, &time) in spec.times.iter().enumerate() {
        let mut found = Ok(None);
        for back_off in BACK_OFF_NS {
            wanted.from(spec, time);
            // Where times are rounded down, the keyframe before would be found otherwise.
            let from = (time + ROUNDING_NS - back_off).max(0);
            match &clock {
                None => clock = Some(demux::start(&pipeline, &demuxer, &spec.input, &branch, Some(from))?),
                Some(clock) => demux::seek(&demuxer, &spec.input, clock.as_ref(), from),
            }
            found = picture_at(&pipeline, &pictures, spec, time);
            let late = |picture: &Picture| picture.at_ns > time + LATE_NS;
            if from == 0 || !matches!(&found, Ok(picture) if picture.as_ref().is_none_or(late)) {
                break;
            }
        }
        match found {
            Ok(Some(picture)) => sheet.paint(place, &picture.sample)?,
            // Behind the last picture the last one stands.
            Ok(None) => sheet.repeat(place),
            Err(error) if error.kind == FailureKind::Source || sheet.painted == 0 => return Err(error),
            // Damaged here: the pipeline is of no use any more.
            Err(_) => {
                (place..spec.times.len()).for_each(|place| sheet.repeat(place));
                break;
            }
        }
    }
    demux::stop(&pipeline);
    if sheet.painted == 0 {
        return Err(Failure::new(FailureKind::Undecodable, "decoder", "no frame came out"));
    }
    sheet.jpeg(spec.max_bytes as usize).map(|bytes| Report::Image(bytes.into()))
}

/// Frame threads would each take a packet more before the first picture comes out.
fn decode_in_one_thread(branch: &gst::Element) {
    let Some(bin) = branch.downcast_ref::<gst::Bin>() else { return };
    for element in bin.iterate_recurse().into_iter().flatten() {
        if element.find_property("max-threads").is_some() {
            element.set_property_from_str("max-threads", "1");
        }
    }
}

/// Which packets the decoder is given.
#[derive(Default)]
struct Wanted {
    /// PTS of the first keyframe that is wanted.
    from: AtomicI64,
    /// It has come.
    begun: AtomicBool,
}

impl Wanted {
    fn from(&self, spec: &ImagesSpec, time: Nanos) {
        // Where keyframes are not known, the one that is found first is as good as any.
        let from = if spec.keyframes { time - ROUNDING_NS } else { Nanos::MIN / 2 };
        self.from.store(from + spec.input.edit_offset_ns + spec.input.origin_ns, Ordering::Relaxed);
    }

    /// Drops what comes before, ahead of every decoder. A decoder that begins in the middle of a group of pictures makes
    /// grey ones.
    fn hold_back(self: &Arc<Self>, branch: &gst::Element) {
        let Some(bin) = branch.downcast_ref::<gst::Bin>() else { return };
        for element in bin.iterate_recurse().into_iter().flatten() {
            let decodes = element.metadata("klass").is_some_and(|class| class.contains("Decoder"));
            let Some(pad) = element.static_pad("sink").filter(|_| decodes) else { continue };
            let wanted = self.clone();
            pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_FLUSH, move |_, info| {
                match &info.data {
                    Some(gst::PadProbeData::Buffer(packet)) if !wanted.passes(packet) => {
                        return gst::PadProbeReturn::Drop;
                    }
                    Some(gst::PadProbeData::Event(event)) if event.type_() == gst::EventType::FlushStop => {
                        wanted.begun.store(false, Ordering::Relaxed);
                    }
                    _ => {}
                }
                gst::PadProbeReturn::Ok
            });
        }
    }

    fn passes(&self, packet: &gst::Buffer) -> bool {
        if self.begun.load(Ordering::Relaxed) {
            return true;
        }
        let from = self.from.load(Ordering::Relaxed);
        let reached = packet.pts().is_none_or(|pts| pts.nseconds() as Nanos >= from);
        let begins = reached && !packet.flags().contains(gst::BufferFlags::DELTA_UNIT);
        self.begun.store(begins, Ordering::Relaxed);
        begins
    }
}

struct Picture {
    sample: gst::Sample,
    /// From the origin.
    at_ns: Nanos,
}

/// The first picture at `time` or behind it; `None` at the end.
fn picture_at(
    pipeline: &gst::Pipeline,
    pictures: &gst_app::AppSink,
    spec: &ImagesSpec,
    time: Nanos,
) -> Result<Option<Picture>, Failure> {
    let mut found = None;
    for _ in 0..MAX_LEADING {
        let Some(sample) = sink::pull(pipeline, pictures)? else {
            break;
        };
        let pts = sample.buffer().and_then(gst::BufferRef::pts);
        let at_ns = pts
            .map_or(time, |pts| pts.nseconds() as Nanos - spec.input.edit_offset_ns - spec.input.origin_ns);
        found = Some(Picture { sample, at_ns });
        if !spec.keyframes || at_ns + ROUNDING_NS >= time {
            break;
        }
    }
    Ok(found)
}

/// Planes of I420.
struct Sheet {
    info: VideoInfo,
    bytes: Vec<u8>,
    tile: (usize, usize),
    columns: usize,
    painted: usize,
}

impl Sheet {
    fn new(spec: &ImagesSpec) -> Result<Self, Failure> {
        let (width, height) = (spec.tile.0 * spec.columns, spec.tile.1 * spec.rows);
        let info = VideoInfo::builder(VideoFormat::I420, width, height)
            .fps(gst::Fraction::new(1, 1))
            .build()
            .map_err(|error| failure::setup("sheet", error))?;
        let mut bytes = vec![0; info.size()];
        // Black is zero in the first plane.
        bytes[info.offset()[1]..].fill(128);
        let tile = (spec.tile.0 as usize, spec.tile.1 as usize);
        Ok(Self { info, bytes, tile, columns: spec.columns as usize, painted: 0 })
    }

    fn paint(&mut self, place: usize, sample: &gst::Sample) -> Result<(), Failure> {
        let unreadable = || failure::setup("sheet", "an unreadable picture");
        let (buffer, caps) = sample.buffer().zip(sample.caps()).ok_or_else(unreadable)?;
        let shape = VideoInfo::from_caps(caps).map_err(|error| failure::setup("sheet", error))?;
        let frame = VideoFrameRef::from_buffer_ref_readable(buffer, &shape).map_err(|_| unreadable())?;
        let (width, height) = self.tile;
        if (frame.width() as usize, frame.height() as usize) != self.tile {
            return Err(unreadable());
        }
        for plane in 0..3 {
            let (width, height) = if plane == 0 { (width, height) } else { (width / 2, height / 2) };
            let stride = frame.plane_stride()[plane as usize] as usize;
            let data = frame.plane_data(plane).map_err(|_| unreadable())?;
            for row in 0..height {
                let at = self.at(place, plane as usize, row);
                self.bytes[at..at + width].copy_from_slice(&data[row * stride..row * stride + width]);
            }
        }
        self.painted += 1;
        Ok(())
    }

    /// The picture of the place before, where there is one.
    fn repeat(&mut self, place: usize) {
        let Some(before) = place.checked_sub(1) else { return };
        for plane in 0..3 {
            let (width, height) = if plane == 0 { self.tile } else { (self.tile.0 / 2, self.tile.1 / 2) };
            for row in 0..height {
                let (from, to) = (self.at(before, plane, row), self.at(place, plane, row));
                self.bytes.copy_within(from..from + width, to);
            }
        }
    }

    /// Where a row of a tile begins.
    fn at(&self, place: usize, plane: usize, row: usize) -> usize {
        let (width, height) = if plane == 0 { self.tile } else { (self.tile.0 / 2, self.tile.1 / 2) };
        let (column, line) = (place % self.columns, place / self.columns);
        let stride = self.info.stride()[plane] as usize;
        self.info.offset()[plane] + (line * height + row) * stride + column * width
    }

    /// At the best quality of no more than `max_bytes`.
    fn jpeg(self, max_bytes: usize) -> Result<Vec<u8>, Failure> {
        let buffer = gst::Buffer::from_slice(self.bytes);
        let caps = self.info.to_caps().map_err(|error| failure::setup("sheet", error))?;
        let mut made = Vec::new();
        for quality in QUALITIES {
            made = jpeg(&buffer, &caps, quality)?;
            if made.len() <= max_bytes {
                break;
            }
        }
        Ok(made)
    }
}

fn jpeg(picture: &gst::Buffer, caps: &gst::Caps, quality: i32) -> Result<Vec<u8>, Failure> {
    let pipeline = demux::Pipeline::new();
    let text = format!(
        "appsrc name=sheet format=time emit-signals=false ! jpegenc quality={quality} ! {}",
        sink::text("jpeg", 1)
    );
    bin(&pipeline, &text, false)?;
    let (source, out): (gst_app::AppSrc, gst_app::AppSink) =
        (named(&pipeline, "sheet")?, named(&pipeline, "jpeg")?);
    source.set_caps(Some(caps));
    let mut picture = picture.clone();
    picture.make_mut().set_pts(gst::ClockTime::ZERO);
    pipeline.set_state(gst::State::Playing).map_err(|error| failure::setup("jpegenc", error))?;
    let _flushing = source.push_buffer(picture);
    let _flushing = source.end_of_stream();
    let sample = sink::pull(&pipeline, &out)?;
    demux::stop(&pipeline);
    let buffer = sample.as_ref().and_then(|sample| sample.buffer());
    sink::bytes_of(buffer.ok_or_else(|| failure::setup("jpegenc", "nothing came out"))?)
}
