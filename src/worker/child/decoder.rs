//! One decoder for all renditions that are encoded from its frames: `source ! demuxer ! decode ! tee`.
//!
//! Each takes the frames at its own branch of the tee ([`super::rung`]). A branch that is full holds back all of them:
//! who shares a decoder has one goal.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gstreamer as gst;
use gstreamer::prelude::*;

use super::chains::{QUEUE, bin};
use super::source::SourceBytes;
use super::{demux, failure};
use crate::timeline::Nanos;
use crate::worker::protocol::{Failure, FailureKind, Input};

/// The decoder of the head that this process was started for, once that is under way.
static AT_WORK: Mutex<Option<Arc<Decoder>>> = Mutex::new(None);

pub struct Decoder {
    pub pipeline: demux::Pipeline,
    pub file: Arc<SourceBytes>,
    input: Input,
    /// Launch text.
    text: String,
    demuxer: gst::Element,
    decode: gst::Element,
    tee: gst::Element,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Branches that there have been, and those that there are.
    numbers: u32,
    branches: usize,
    /// What has gone wrong, and whose branch it concerns; all of them without a number.
    failures: Vec<(Option<u32>, Failure)>,
}

impl Decoder {
    pub fn new(input: &Input, file: Arc<SourceBytes>, text: &str) -> Result<Self, Failure> {
        let (pipeline, demuxer) = demux::open_track(input, file.clone())?;
        // A text may end in caps, which need something to follow.
        let decode = bin(&pipeline, &format!("{QUEUE} ! {text} ! identity silent=true"), true)?;
        let tee = gst::ElementFactory::make("tee")
            .property("allow-not-linked", true)
            .build()
            .map_err(|error| failure::setup("tee", error))?;
        pipeline.add(&tee).map_err(|error| failure::setup("tee", error))?;
        decode.link(&tee).map_err(|error| failure::setup(text, error))?;
        let (input, text) = (input.clone(), text.to_owned());
        Ok(Self { pipeline, file, input, text, demuxer, decode, tee, state: Mutex::default() })
    }

    /// Packets flow when this returns, from the last keyframe at or before this time.
    pub fn start(&self, from_ns: Option<Nanos>) -> Result<(), Failure> {
        demux::start(&self.pipeline, &self.demuxer, &self.input, &self.decode, from_ns).map(|_| ())
    }

    /// Others may join from now on. Where the bytes come from the server they come by the first head's socket, which
    /// may be closed before the others are done.
    pub fn offer(self: &Arc<Self>) {
        if matches!(*self.file, SourceBytes::File(_)) {
            *at_work() = Some(self.clone());
        }
    }

    /// The one at work, if it decodes this, this way.
    pub fn at_work(input: &Input, text: &str) -> Option<Arc<Self>> {
        at_work().clone().filter(|decoder| decoder.input == *input && decoder.text == text)
    }

    /// Links one more branch, which is in the pipeline already. `None` where the last one has left.
    pub fn link(&self, branch: &gst::Element, first: bool) -> Result<Option<gst::Pad>, Failure> {
        let mut state = self.lock();
        if state.branches == 0 && !first {
            return Ok(None);
        }
        let missing = || failure::setup("tee", "gives no pad");
        let pad = self.tee.request_pad_simple("src_%u").ok_or_else(missing)?;
        let sink = branch.static_pad("sink").ok_or_else(missing)?;
        pad.link(&sink).map_err(|error| failure::setup("tee", error))?;
        state.branches += 1;
        Ok(Some(pad))
    }

    /// Takes a branch away that lets everything pass by now. Without any the pipeline ends.
    pub fn unlink(&self, pad: &gst::Pad) {
        let last = {
            let mut state = self.lock();
            state.branches -= 1;
            state.branches == 0
        };
        if last {
            demux::stop(&self.pipeline);
            return;
        }
        let (idle, is_idle) = std::sync::mpsc::channel();
        pad.add_probe(gst::PadProbeType::IDLE, move |pad, _| {
            if let Some(sink) = pad.peer() {
                let _was_linked = pad.unlink(&sink);
            }
            let _waits = idle.send(());
            gst::PadProbeReturn::Remove
        });
        // An error only where the probe has gone with its pad.
        let _idle = is_idle.recv();
        self.tee.release_request_pad(pad);
    }

    /// A number for a branch and what belongs to it: see [`name`].
    pub fn number(&self) -> u32 {
        let mut state = self.lock();
        state.numbers += 1;
        state.numbers
    }

    /// What has gone wrong with everything, or with this branch.
    pub fn failure(&self, number: u32) -> Option<Failure> {
        let mut state = self.lock();
        while let Some((mut failure, source)) = failure::from_bus_with_source(&self.pipeline) {
            let owner = source.and_then(|source| owner(&source));
            // Frames that were fine until there: an encoder may fail without a word of its own.
            if owner.as_ref().is_some_and(|(_, part)| part == CODED) {
                failure.kind = FailureKind::Encoder;
            }
            state.failures.push((owner.map(|(number, _)| number), failure));
        }
        let concerns = |whose: &Option<u32>| whose.is_none_or(|whose| whose == number);
        state.failures.iter().find(|(whose, _)| concerns(whose)).map(|(_, failure)| failure.clone())
    }

    /// Whatever was to come out of this decoder did not.
    pub fn nothing() -> Failure {
        Failure::new(FailureKind::Undecodable, "decoder", "no frame came out")
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn at_work() -> MutexGuard<'static, Option<Arc<Decoder>>> {
    AT_WORK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How the parts of a branch are called.
pub fn name(number: u32, part: &str) -> String {
    format!("{BRANCH}{number}-{part}")
}

const BRANCH: &str = "branch-";

/// The part of a branch that takes frames, and the one that encodes them.
pub const FRAMES: &str = "frames";
pub const CODED: &str = "coded";

/// The branch that something in the pipeline belongs to, and which part of it.
fn owner(object: &gst::Object) -> Option<(u32, String)> {
    let mut at = Some(object.clone());
    while let Some(object) = at {
        if let Some(name) = object.name().strip_prefix(BRANCH) {
            let (number, part) = name.split_once('-')?;
            return Some((number.parse().ok()?, part.to_owned()));
        }
        at = object.parent();
    }
    None
}
