//! The elements of V4L2, as on a Raspberry Pi 4. They have no memory of their own by name.

use gstreamer::glib;

use crate::element::{Element, Refusal, Work, raw};
use crate::orders::Api;
use crate::properties::{boolean, structure};
use crate::software;

plugin!(video4linux2, "Stand-ins for the elements of V4L2");

const FORMATS: &str = "NV12, I420, YV12, YUY2, RGB, BGRx";

pub fn elements(api: Api) -> Vec<Element> {
    let raw = || raw(None, FORMATS);
    let frames = || self::raw(None, "NV12, I420");
    let h264 = |profiles: &str| {
        format!(
            "video/x-h264, stream-format=(string)byte-stream, alignment=(string)au, \
             profile=(string){{ {profiles} }}"
        )
    };
    let everything = || vec![structure("extra-controls")];
    vec![
        element(
            "v4l2h264dec",
            Work::Decodes,
            (
                h264("constrained-baseline, baseline, main, high, constrained-high, progressive-high"),
                frames(),
            ),
            software::H264_DECODER,
            everything(),
        ),
        element(
            "v4l2mpeg2dec",
            Work::Decodes,
            ("video/mpeg, mpegversion=(int)2, systemstream=(boolean)false".into(), frames()),
            software::MPEG2_DECODER,
            everything(),
        ),
        element(
            "v4l2convert",
            Work::Converts,
            (raw(), raw()),
            "videoconvertscale",
            vec![structure("extra-controls"), boolean("disable-passthrough", false)],
        ),
        Element {
            // From GStreamer 1.24 on.
            hears_requests: api != Api::V1_22,
            ..element(
                "v4l2h264enc",
                Work::Encodes,
                (frames(), h264("constrained-baseline, baseline, main, high")),
                software::H264_ENCODER,
                everything(),
            )
        },
    ]
}

fn element(
    name: &'static str,
    work: Work,
    (sink, src): (String, String),
    inside: &'static str,
    properties: Vec<glib::ParamSpec>,
) -> Element {
    let refusal = Refusal::Device;
    Element { name, work, sink, src, memory: None, inside, properties, refusal, hears_requests: true }
}
