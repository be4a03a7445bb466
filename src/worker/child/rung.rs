//! One rendition that is encoded from a decoder's frames: `tee ! scale ! frames` and `grid ! encode ! parser ! coded`,
//! joined by the program.
//!
//! Who joins later takes the frames as they are and scales them behind the grid: what goes wrong there is nobody else's
//! business.

use std::sync::atomic::{AtomicBool, Ordering};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::chains::{APPSRC, named_bin, parser};
use super::decoder::{self, Decoder};
use super::{failure, sink};
use crate::worker::protocol::{EncodeVideo, Failure};

/// Decoded frames waiting for the grid: a 4K frame is 12 MB.
const FRAMES: u32 = 3;
/// Coded frames waiting for the segmenter.
const CODED: u32 = 8;

pub struct Rung<'d> {
    pub decoder: &'d Decoder,
    number: u32,
    /// The decoder's pad.
    tap: gst::Pad,
    taking: gst::Element,
    encoding: gst::Element,
    frames: gst_app::AppSink,
    pub grid: gst_app::AppSrc,
    coded: gst_app::AppSink,
}

impl<'d> Rung<'d> {
    /// The first one of a decoder that has not been started yet.
    pub fn first(decoder: &'d Decoder, work: &EncodeVideo) -> Result<Self, Failure> {
        let scale = format!("{} ! ", work.scale);
        let rung = Self::new(decoder, work, &scale, "", true)?;
        rung.ok_or_else(|| failure::setup("tee", "gives no pad"))
    }

    /// One more, of a decoder at work. `None` where that has ended.
    pub fn join(decoder: &'d Decoder, work: &EncodeVideo) -> Result<Option<Self>, Failure> {
        let scale = format!("{} ! queue max-size-buffers=2 max-size-bytes=0 max-size-time=0 ! ", work.scale);
        Self::new(decoder, work, "", &scale, false)
    }

    fn new(
        decoder: &'d Decoder,
        work: &EncodeVideo,
        before: &str,
        behind: &str,
        first: bool,
    ) -> Result<Option<Self>, Failure> {
        let number = decoder.number();
        let part = |what: &str, text: &str, ghost: bool| {
            named_bin(&decoder.pipeline, &decoder::name(number, what), text, ghost)
        };
        let frames = sink::text("frames", FRAMES);
        let taking = part(decoder::FRAMES, &format!("{before}{frames}"), true)?;
        let (parser, coded) = (parser(&work.codec)?, sink::text("coded", CODED));
        let encode = format!("{APPSRC} ! {behind}{} ! {parser} ! {coded}", work.encode);
        let encoding = part(decoder::CODED, &encode, false)?;
        let (frames, grid, coded) =
            (named(&taking, "frames")?, named(&encoding, "grid")?, named(&encoding, "coded")?);
        if !first {
            for part in [&encoding, &taking] {
                part.sync_state_with_parent().map_err(|error| failure::setup(&part.name(), error))?;
            }
        }
        let Some(tap) = decoder.link(&taking, first)? else {
            return Ok(None);
        };
        Ok(Some(Self { decoder, number, tap, taking, encoding, frames, grid, coded }))
    }

    /// Feeds the encoder in a thread of its own, while `make` takes what comes out; leaves the decoder when `make` is
    /// done. `feed` looks at its flag to see that.
    pub fn run<E: From<Failure> + Send, M>(
        self,
        feed: impl FnOnce(&Self, &AtomicBool) -> Result<(), E> + Send,
        make: impl FnOnce(&Self) -> Result<M, Failure>,
    ) -> (Result<(), E>, Result<M, Failure>) {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let feeder = scope.spawn(|| {
                let fed = feed(&self, &done);
                let _flushing = self.grid.end_of_stream();
                fed
            });
            let made = make(&self);
            done.store(true, Ordering::Relaxed);
            self.leave();
            let panicked = || {
                Failure::new(
                    crate::worker::protocol::FailureKind::Setup,
                    "grid",
                    "the feeding thread panicked",
                )
            };
            (feeder.join().unwrap_or_else(|_| Err(panicked().into())), made)
        })
    }

    /// The next decoded frame; `None` at the end.
    pub fn frame(&self, done: &AtomicBool) -> Result<Option<gst::Sample>, Failure> {
        sink::pull_unless(&self.frames, || self.over(done.load(Ordering::Relaxed)))
    }

    /// The next coded frame; `None` at the end, and when nobody wants any more.
    pub fn coded(&self, left: impl Fn() -> bool) -> Result<Option<gst::Sample>, Failure> {
        sink::pull_unless(&self.coded, || self.over(left()))
    }

    fn over(&self, over: bool) -> Result<bool, Failure> {
        self.decoder.failure(self.number).map_or(Ok(over), Err)
    }

    fn leave(&self) {
        // Whoever pushes into the encoder is let go.
        let _stopped = self.encoding.set_state(gst::State::Null);
        // Whoever pushes into the branch, too: a full sink looks again when something is taken.
        self.frames.set_drop(true);
        while self.frames.try_pull_sample(gst::ClockTime::ZERO).is_some() {}
        self.decoder.unlink(&self.tap);
        let _stopped = self.taking.set_state(gst::State::Null);
        for part in [&self.encoding, &self.taking] {
            let _was_there = self.decoder.pipeline.remove(part);
        }
    }
}

fn named<T: IsA<gst::Element>>(bin: &gst::Element, name: &str) -> Result<T, Failure> {
    bin.downcast_ref::<gst::Bin>()
        .and_then(|bin| bin.by_name(name))
        .and_then(|element| element.downcast().ok())
        .ok_or_else(|| failure::setup(name, "is not there"))
}
