//! Pulls from an appsink until there is a sample, the end, or an error on the bus.

use gstreamer as gst;
use gstreamer_app as gst_app;

use super::failure;
use crate::worker::protocol::{Failure, FailureKind};

/// How often the bus is looked at while nothing comes.
const POLL: gst::ClockTime = gst::ClockTime::from_mseconds(100);

/// Every appsink: no clock, no preroll (it dead-locks with bounded queues), a short queue that holds the
/// elements before it back.
pub fn text(name: &str, buffers: u32) -> String {
    format!("appsink name={name} sync=false async=false max-buffers={buffers} enable-last-sample=false")
}

/// The next sample; `None` at the end of the stream.
pub fn pull(pipeline: &gst::Pipeline, sink: &gst_app::AppSink) -> Result<Option<gst::Sample>, Failure> {
    pull_unless(sink, || failure::from_bus(pipeline).map_or(Ok(false), Err))
}

/// The same; `None` also where it is over for another reason, which is looked for while nothing comes.
pub fn pull_unless(
    sink: &gst_app::AppSink,
    over: impl Fn() -> Result<bool, Failure>,
) -> Result<Option<gst::Sample>, Failure> {
    loop {
        if let Some(sample) = sink.try_pull_sample(POLL) {
            return Ok(Some(sample));
        }
        if over()? || sink.is_eos() {
            return Ok(None);
        }
    }
}

/// Presentation time of a sample after an encoder, which may move the clock and its segment together.
pub fn running_time(sample: &gst::Sample) -> Result<i64, Failure> {
    let buffer = sample.buffer().ok_or_else(|| lost("no buffer"))?;
    let pts = buffer.pts().ok_or_else(|| lost("no presentation time"))?;
    let segment = sample.segment().and_then(|segment| segment.downcast_ref::<gst::ClockTime>());
    let time = segment.and_then(|segment| segment.to_running_time(pts)).unwrap_or(pts);
    Ok(time.nseconds() as i64)
}

pub fn bytes_of(buffer: &gst::BufferRef) -> Result<Vec<u8>, Failure> {
    buffer.map_readable().map(|map| map.as_slice().to_vec()).map_err(|_| lost("an unreadable buffer"))
}

fn lost(what: &str) -> Failure {
    Failure::new(FailureKind::Setup, "appsink", what)
}
