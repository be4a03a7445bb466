//! The elements of VA-API, as Intel's driver has them. A chip that encodes at low power only lacks those without `lp` in
//! their names.

use gstreamer::glib;
use gstreamer_video::VideoOrientationMethod;

use crate::element::{Element, Refusal, Work, raw_in_both};
use crate::orders::Api;
use crate::properties::{DeinterlaceMethod, VaRateControl, boolean, number, word};
use crate::software;

plugin!(va, "Stand-ins for the elements of VA-API");

const VA: &str = "memory:VAMemory";
const FORMATS: &str = "NV12, I420, YV12, YUY2, RGBA, BGRA, P010_10LE, ARGB, ABGR";

pub fn elements(api: Api) -> Vec<Element> {
    let mut elements = vec![
        decoder(
            "vah264dec",
            "video/x-h264, stream-format=(string){ avc, avc3, byte-stream }, alignment=(string)au, profile=(string)\
             { constrained-baseline, main, high, progressive-high, constrained-high }",
            software::H264_DECODER,
        ),
        decoder(
            "vah265dec",
            "video/x-h265, stream-format=(string){ hvc1, hev1, byte-stream }, alignment=(string)au, \
             profile=(string){ main, main-10 }",
            software::H265_DECODER,
        ),
        decoder("vaav1dec", "video/x-av1, alignment=(string)frame", software::AV1_DECODER),
        decoder("vavp8dec", "video/x-vp8", software::VP8_DECODER),
        decoder(
            "vavp9dec",
            "video/x-vp9, profile=(string){ 0, 2 }, alignment=(string)frame",
            software::VP9_DECODER,
        ),
        decoder(
            "vampeg2dec",
            "video/mpeg, mpegversion=(int)2, systemstream=(boolean)false, profile=(string){ simple, main }",
            software::MPEG2_DECODER,
        ),
        converter(
            "vapostproc",
            "videoconvert ! videoflip name=flip ! videoconvertscale",
            vec![
                word("video-direction", VideoOrientationMethod::Identity),
                boolean("add-borders", false),
                // Conditional: chips that map tones have it.
                boolean("hdr-tone-mapping", false),
            ],
        ),
        converter(
            "vadeinterlace",
            "deinterlace fields=all method=linear",
            vec![word("method", DeinterlaceMethod::default())],
        ),
        h264("vah264enc"),
        h264("vah264lpenc"),
        h265("vah265enc"),
        h265("vah265lpenc"),
    ];
    if api == Api::V1_26 {
        let src = "video/x-av1, stream-format=(string)obu-stream, alignment=(string)tu";
        let own = vec![number("ref-frames", 7, 7), number("hierarchical-level", 6, 6)];
        elements.push(encoder("vaav1enc", src, software::AV1_ENCODER, own));
    }
    elements
}

fn decoder(name: &'static str, sink: &str, inside: &'static str) -> Element {
    Element {
        name,
        work: Work::Decodes,
        sink: sink.into(),
        src: raw_in_both(VA, "NV12, P010_10LE"),
        memory: Some(VA),
        inside,
        properties: Vec::new(),
        refusal: Refusal::SilentCaps,
        hears_requests: true,
    }
}

fn converter(name: &'static str, inside: &'static str, properties: Vec<glib::ParamSpec>) -> Element {
    Element {
        name,
        work: Work::Converts,
        sink: raw_in_both(VA, FORMATS),
        src: raw_in_both(VA, FORMATS),
        memory: Some(VA),
        inside,
        properties,
        refusal: Refusal::SilentCaps,
        hears_requests: true,
    }
}

fn h264(name: &'static str) -> Element {
    let src = "video/x-h264, stream-format=(string)byte-stream, alignment=(string)au, \
               profile=(string){ main, high, constrained-baseline }";
    let own = vec![
        number("b-frames", 31, 0),
        number("ref-frames", 16, 3),
        boolean("aud", false),
        boolean("cc-insert", true),
    ];
    encoder(name, src, software::H264_ENCODER, own)
}

fn h265(name: &'static str) -> Element {
    let src = "video/x-h265, stream-format=(string)byte-stream, alignment=(string)au, profile=(string){ main, main-10 }";
    encoder(
        name,
        src,
        software::H265_ENCODER,
        vec![number("b-frames", 31, 0), number("ref-frames", 15, 3), boolean("aud", false)],
    )
}

fn encoder(
    name: &'static str,
    src: &str,
    inside: &'static str,
    mut properties: Vec<glib::ParamSpec>,
) -> Element {
    properties.extend([
        word("rate-control", VaRateControl::default()),
        number("bitrate", 2_048_000, 0),
        number("cpb-size", 2_048_000, 0),
        number("key-int-max", 1024, 0),
        number("target-usage", 7, 4),
    ]);
    Element {
        name,
        work: Work::Encodes,
        sink: raw_in_both(VA, "NV12"),
        src: src.into(),
        memory: Some(VA),
        inside,
        properties,
        refusal: Refusal::SilentCaps,
        hears_requests: true,
    }
}
