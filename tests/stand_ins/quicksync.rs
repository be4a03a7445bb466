//! The encoders of Quick Sync, which take frames of VA-API.

use crate::element::{Element, Refusal, Work, raw_in_both};
use crate::orders::Api;
use crate::properties::{QsvRateControl, boolean, number, word};
use crate::software;

plugin!(qsv, "Stand-ins for the elements of Quick Sync");

const VA: &str = "memory:VAMemory";

pub fn elements(_api: Api) -> Vec<Element> {
    vec![
        encoder(
            "qsvh264enc",
            "video/x-h264, stream-format=(string)byte-stream, alignment=(string)au, \
             profile=(string){ main, high, baseline, constrained-baseline }",
            software::H264_ENCODER,
        ),
        encoder(
            "qsvh265enc",
            "video/x-h265, stream-format=(string)byte-stream, alignment=(string)au, profile=(string){ main, main-10 }",
            software::H265_ENCODER,
        ),
    ]
}

fn encoder(name: &'static str, src: &str, inside: &'static str) -> Element {
    const MOST: u32 = i32::MAX as u32;
    Element {
        name,
        work: Work::Encodes,
        sink: raw_in_both(VA, "NV12"),
        src: src.into(),
        memory: Some(VA),
        inside,
        properties: vec![
            word("rate-control", QsvRateControl::default()),
            number("bitrate", MOST, 2000),
            number("max-bitrate", MOST, 0),
            number("gop-size", MOST, 30),
            number("idr-interval", MOST, 0),
            number("b-frames", MOST, 0),
            number("ref-frames", 16, 1),
            number("target-usage", 7, 4),
            boolean("low-latency", false),
        ],
        refusal: Refusal::Caps,
        hears_requests: true,
    }
}
