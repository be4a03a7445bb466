//! The pieces heads are put together from, and the two chains of a head that encodes sound:
//! `source ! demuxer ! decode ! raw` and `grid ! encode ! parser ! coded`, in one pipeline, joined by the program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::source::SourceBytes;
use super::{demux, failure, sink};
use crate::timeline::Nanos;
use crate::worker::protocol::{Failure, FailureKind, HeadSpec, Input};

/// Between demuxer and decoder: a second of packets, so that reading goes on while the decoder works.
pub const QUEUE: &str = "queue max-size-buffers=0 max-size-bytes=67108864 max-size-time=1000000000";
/// From the program into the encoder's chain.
pub const APPSRC: &str =
    "appsrc name=grid format=time max-buffers=4 max-bytes=0 max-time=0 block=true emit-signals=false";

/// The chains of one attempt.
pub struct Chains {
    pub pipeline: demux::Pipeline,
    demuxer: gst::Element,
    /// From the demuxer to raw sound.
    pub branch: gst::Element,
    pub raw: gst_app::AppSink,
    pub grid: gst_app::AppSrc,
    pub coded: gst_app::AppSink,
}

/// What the two chains are made of.
pub struct Texts<'a> {
    pub decode: &'a str,
    pub encode: &'a str,
    /// What comes out of the encoder.
    pub codec: &'a str,
    /// Buffers that wait at the end of each chain.
    pub raw_buffers: u32,
    pub coded_buffers: u32,
}

impl Chains {
    pub fn new(input: &Input, file: Arc<SourceBytes>, texts: &Texts<'_>) -> Result<Self, Failure> {
        let (pipeline, demuxer) = demux::open_track(input, file)?;
        let decode = format!("{QUEUE} ! {} ! {}", texts.decode, sink::text("raw", texts.raw_buffers));
        let branch = bin(&pipeline, &decode, true)?;
        let coded = sink::text("coded", texts.coded_buffers);
        bin(&pipeline, &format!("{APPSRC} ! {} ! {} ! {coded}", texts.encode, parser(texts.codec)?), false)?;
        let (raw, grid, coded) =
            (named(&pipeline, "raw")?, named(&pipeline, "grid")?, named(&pipeline, "coded")?);
        Ok(Self { pipeline, demuxer, branch, raw, grid, coded })
    }

    pub fn start(&self, input: &Input, from_ns: Option<Nanos>) -> Result<(), Failure> {
        demux::start(&self.pipeline, &self.demuxer, input, &self.branch, from_ns).map(|_| ())
    }

    /// Feeds the second chain from the first in a thread of its own, while `make` takes what comes out; stops the
    /// pipeline when `make` is done. `feed` looks at its flag to see that.
    pub fn run<E: From<Failure> + Send, M>(
        &self,
        feed: impl FnOnce(&AtomicBool) -> Result<(), E> + Send,
        make: impl FnOnce() -> Result<M, Failure>,
    ) -> (Result<(), E>, Result<M, Failure>) {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let feeder = scope.spawn(|| {
                let fed = feed(&done);
                let _flushing = self.grid.end_of_stream();
                fed
            });
            let made = make();
            done.store(true, Ordering::Relaxed);
            demux::stop(&self.pipeline);
            let panicked = || Failure::new(FailureKind::Setup, "grid", "the feeding thread panicked");
            (feeder.join().unwrap_or_else(|_| Err(panicked().into())), made)
        })
    }
}

/// Adds a launch text to the pipeline as a bin, with its open pad as `sink` when `ghost`.
pub fn bin(pipeline: &gst::Pipeline, text: &str, ghost: bool) -> Result<gst::Element, Failure> {
    let bin = gst::parse::bin_from_description(text, ghost).map_err(|e| failure::setup(text, e))?;
    add(pipeline, text, bin.upcast())
}

/// The same under a name of its own: what has a parent keeps the name it has.
pub fn named_bin(
    pipeline: &gst::Pipeline,
    name: &str,
    text: &str,
    ghost: bool,
) -> Result<gst::Element, Failure> {
    let bin = gst::parse::bin_from_description(text, ghost).map_err(|e| failure::setup(text, e))?;
    bin.set_property("name", name);
    add(pipeline, text, bin.upcast())
}

fn add(pipeline: &gst::Pipeline, text: &str, element: gst::Element) -> Result<gst::Element, Failure> {
    pipeline.add(&element).map_err(|e| failure::setup(text, e))?;
    Ok(element)
}

pub fn named<T: IsA<gst::Element>>(pipeline: &gst::Pipeline, name: &str) -> Result<T, Failure> {
    pipeline
        .by_name(name)
        .and_then(|element| element.downcast().ok())
        .ok_or_else(|| failure::setup(name, "is not there"))
}

/// The parser behind an encoder (or a demuxer, for copies) and the stream format that goes into MP4.
pub fn parser(codec: &str) -> Result<&'static str, Failure> {
    Ok(match codec {
        "h264" => "h264parse ! video/x-h264,stream-format=avc,alignment=au",
        "h265" => "h265parse ! video/x-h265,stream-format=hvc1,alignment=au",
        "av1" => "av1parse ! video/x-av1,stream-format=obu-stream,alignment=tu",
        "vp9" => "vp9parse ! video/x-vp9,alignment=super-frame",
        "aac" => "aacparse ! audio/mpeg,mpegversion=4,stream-format=raw",
        "opus" => "opusparse",
        "ac3" => "ac3parse",
        // Six blocks to a sample, dependent substreams among them (ETSI TS 102 366 annex F.1).
        "eac3" => "ac3parse ! audio/x-eac3,alignment=iec61937",
        "flac" => "flacparse",
        other => return Err(failure::setup(other, "cannot be carried in CMAF")),
    })
}

pub fn beyond(spec: &HeadSpec) -> Failure {
    let message = format!("segment {} of {}", spec.start.0, spec.cuts.segment_count());
    Failure::new(FailureKind::Setup, "cut list", message)
}
