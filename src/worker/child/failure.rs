//! GStreamer's errors as ours. They are operating errors: a message on the bus, or an element that would not
//! link or start.

use gstreamer as gst;
use gstreamer::prelude::*;

use crate::worker::protocol::{Failure, FailureKind};

pub fn setup(element: &str, error: impl std::fmt::Display) -> Failure {
    Failure::new(FailureKind::Setup, element, error.to_string())
}

/// The first error on the pipeline's bus, if there is one.
pub fn from_bus(pipeline: &gst::Pipeline) -> Option<Failure> {
    from_bus_with_source(pipeline).map(|(failure, _)| failure)
}

/// The same, and whose it is.
pub fn from_bus_with_source(pipeline: &gst::Pipeline) -> Option<(Failure, Option<gst::Object>)> {
    let bus = pipeline.bus()?;
    let message = bus.pop_filtered(&[gst::MessageType::Error])?;
    let gst::MessageView::Error(error) = message.view() else {
        return None;
    };
    let source = error.src();
    let element = source.map_or_else(|| "pipeline".into(), |source| source.name().to_string());
    let factory = source
        .and_then(|source| source.downcast_ref::<gst::Element>())
        .and_then(|element| element.factory())
        .map_or(element, |factory| factory.name().to_string());
    let cause = error.error();
    let klass = source
        .and_then(|source| source.downcast_ref::<gst::Element>())
        .and_then(|element| element.metadata("klass"))
        .unwrap_or_default();
    let kind = if klass.contains("Encoder") {
        FailureKind::Encoder
    } else if klass.contains("Decoder") {
        // The resource that it misses is a device.
        FailureKind::Undecodable
    } else if cause.is::<gst::ResourceError>() {
        FailureKind::Source
    } else if cause.is::<gst::StreamError>() {
        FailureKind::Undecodable
    } else {
        FailureKind::Setup
    };
    Some((Failure::new(kind, factory, cause.message()), source.cloned()))
}
