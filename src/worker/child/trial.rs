//! Does a launch text parse, and does an encoder encode? Found by doing.

use std::time::Instant;

use gstreamer as gst;
use gstreamer::prelude::*;

use super::failure;
use crate::worker::protocol::{Failure, FailureKind, Report, Trial};

/// Frames of a trial encode.
const TRIAL_FRAMES: u32 = 30;

/// For each text, why it does not parse: a missing element or property, or a syntax error.
pub fn parse(texts: &[String]) -> Vec<Option<String>> {
    // Between two others, as it will stand: a text may end in caps, which need something to follow.
    let stands =
        |text: &String| gst::parse::bin_from_description(&format!("identity ! {text} ! identity"), true);
    texts.iter().map(|text| stands(text).err().map(|error| error.message().to_owned())).collect()
}

/// Encodes a test picture and measures the speed.
pub fn run(trial: &Trial) -> Result<Report, Failure> {
    let text = format!(
        "videotestsrc num-buffers={TRIAL_FRAMES} ! video/x-raw,width={},height={},framerate=30/1 ! videoconvert ! {} \
         ! fakesink sync=false async=false",
        trial.width, trial.height, trial.encode
    );
    let pipeline = gst::parse::launch(&text)
        .map_err(|error| failure::setup(&trial.encode, error.message()))?
        .downcast::<gst::Pipeline>()
        .map_err(|_| failure::setup(&trial.encode, "is no pipeline"))?;
    let begin = Instant::now();
    let started = pipeline.set_state(gst::State::Playing);
    let wait = gst::ClockTime::from_seconds(20);
    let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
    let message = pipeline.bus().and_then(|bus| bus.timed_pop_filtered(wait, &kinds));
    let seconds = begin.elapsed().as_secs_f64();
    super::demux::stop(&pipeline);
    let failed = |message: String| Err(Failure::new(FailureKind::Encoder, trial.encode.clone(), message));
    match message.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Eos(_)) if started.is_ok() => {
            Ok(Report::Tried { frames_per_second: f64::from(TRIAL_FRAMES) / seconds })
        }
        Some(gst::MessageView::Error(error)) => failed(error.error().message().to_owned()),
        _ => failed("did not finish within 20 s".into()),
    }
}
