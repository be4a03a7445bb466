//! NVIDIA's elements, as `nvcodec` has them on a card without B-frames.

use gstreamer::glib;

use crate::element::{Element, Refusal, Work, raw, raw_in_both};
use crate::orders::Api;
use crate::properties::{OldPreset, Preset, RcMode, Tune, boolean, number, signed, word};
use crate::software;

plugin!(nvcodec, "Stand-ins for NVIDIA's elements");

const CUDA: &str = "memory:CUDAMemory";
const FORMATS: &str = "I420, YV12, NV12, NV21, P010_10LE, P016_LE, I420_10LE, Y444, Y444_16LE, BGRA, RGBA, RGBx, BGRx, \
                       ARGB, ABGR, RGB, BGR";

pub fn elements(api: Api) -> Vec<Element> {
    let on_card = || raw(Some(CUDA), FORMATS);
    let anywhere = || raw_in_both(CUDA, FORMATS);
    let old = api == Api::V1_22;
    let stream_formats = if old { "byte-stream" } else { "{ avc, avc3, byte-stream }" };
    let h265_formats = if old { "byte-stream" } else { "{ hvc1, hev1, byte-stream }" };
    let mut elements = vec![
        converter("cudaupload", anywhere(), on_card(), ""),
        converter("cudadownload", anywhere(), anywhere(), ""),
        converter("cudaconvertscale", on_card(), on_card(), "videoconvertscale"),
        decoder(
            "nvh264dec",
            format!(
                "video/x-h264, stream-format=(string){stream_formats}, alignment=(string)au, profile=(string)\
                 {{ constrained-baseline, baseline, main, high, constrained-high, progressive-high }}"
            ),
            software::H264_DECODER,
        ),
        decoder(
            "nvh265dec",
            format!(
                "video/x-h265, stream-format=(string){h265_formats}, alignment=(string)au, \
                 profile=(string){{ main, main-10 }}"
            ),
            software::H265_DECODER,
        ),
        decoder("nvav1dec", "video/x-av1, alignment=(string)frame".into(), software::AV1_DECODER),
        // The stateless one of 1.22 has another name.
        decoder(if old { "nvvp8sldec" } else { "nvvp8dec" }, "video/x-vp8".into(), software::VP8_DECODER),
        decoder(
            "nvvp9dec",
            "video/x-vp9, profile=(string){ 0, 2 }, alignment=(string)frame".into(),
            software::VP9_DECODER,
        ),
        decoder(
            "nvmpeg2videodec",
            "video/mpeg, mpegversion=(int)2, systemstream=(boolean)false".into(),
            software::MPEG2_DECODER,
        ),
        encoder(
            api,
            "nvh264enc",
            "video/x-h264, stream-format=(string)byte-stream, alignment=(string)au, \
             profile=(string){ main, high, constrained-baseline, baseline }",
            software::H264_ENCODER,
            vec![boolean("aud", true)],
        ),
        encoder(
            api,
            "nvh265enc",
            "video/x-h265, stream-format=(string)byte-stream, alignment=(string)au, profile=(string){ main, main-10 }",
            software::H265_ENCODER,
            vec![boolean("aud", true)],
        ),
    ];
    if !old {
        elements.push(encoder(
            api,
            "nvav1enc",
            "video/x-av1, stream-format=(string)obu-stream, alignment=(string)tu, profile=(string)main",
            software::AV1_ENCODER,
            Vec::new(),
        ));
    }
    elements
}

fn converter(name: &'static str, sink: String, src: String, inside: &'static str) -> Element {
    Element {
        name,
        work: Work::Converts,
        sink,
        src,
        memory: Some(CUDA),
        inside,
        properties: Vec::new(),
        refusal: Refusal::Caps,
        hears_requests: true,
    }
}

fn decoder(name: &'static str, sink: String, inside: &'static str) -> Element {
    Element {
        name,
        work: Work::Decodes,
        sink,
        src: raw_in_both(CUDA, "NV12, P010_10LE"),
        memory: Some(CUDA),
        inside,
        properties: vec![signed("max-display-delay", -1)],
        refusal: Refusal::Caps,
        hears_requests: true,
    }
}

fn encoder(
    api: Api,
    name: &'static str,
    src: &str,
    inside: &'static str,
    mut properties: Vec<glib::ParamSpec>,
) -> Element {
    // The smallest pictures that the hardware takes; the new ones round up.
    let (width, height) = if api == Api::V1_22 { (145, 49) } else { (160, 64) };
    let sizes = format!("width=(int)[{width}, 4096], height=(int)[{height}, 4096]");
    let sink = [Some(CUDA), None].map(|memory| format!("{}, {sizes}", raw(memory, "NV12"))).join("; ");
    properties.extend([
        word("rc-mode", RcMode::default()),
        number("bitrate", 2_048_000, 0),
        number("max-bitrate", 2_048_000, 0),
        signed("gop-size", 75),
        boolean("strict-gop", false),
        boolean("zerolatency", false),
    ]);
    if api == Api::V1_22 {
        properties.push(word("preset", OldPreset::default()));
    } else {
        properties.extend([word("preset", Preset::default()), word("tune", Tune::default())]);
        properties.push(boolean("repeat-sequence-header", false));
    }
    Element {
        name,
        work: Work::Encodes,
        sink,
        src: src.into(),
        memory: Some(CUDA),
        inside,
        properties,
        refusal: if api == Api::V1_22 { Refusal::Library } else { Refusal::Caps },
        hears_requests: true,
    }
}
