//! `Representation`, ISO/IEC 23009-1 section 5.3.5: one rendition.

use super::{Document, Scope, Written, live, segment_template};
use crate::rendition::{Rendition, RenditionMedia};
use crate::timeline::FrameRate;

/// The id is the rendition's, so that `$RepresentationID$` is the folder that HLS names too.
pub fn write(document: &mut Document, rendition: &Rendition, scope: Scope<'_>) -> Written {
    let mut element = document
        .create_element("Representation")
        .with_attribute(("id", &*rendition.id.0))
        // Section 5.3.5.2: at this rate "a client can be assured of having enough data for continuous playout
        // providing playout begins after @minBufferTime": the peak's, not the average.
        .with_attribute(("bandwidth", rendition.bandwidth.peak.to_string().as_str()))
        .with_attribute(("codecs", rendition.codec_string.as_str()));
    element = match &rendition.media {
        RenditionMedia::Video(form) => element
            .with_attribute(("width", form.width.to_string().as_str()))
            .with_attribute(("height", form.height.to_string().as_str()))
            .with_attribute(("frameRate", frame_rate(form.frame_rate).as_str()))
            .with_attribute(("sar", sample_aspect(form.sample_aspect).as_str())),
        RenditionMedia::Audio(form) => {
            element.with_attribute(("audioSamplingRate", form.sample_rate.to_string().as_str()))
        }
    };
    element.write_inner_content(|document| {
        live::resync(document, rendition, scope)?;
        segment_template::write(document, rendition, scope)
    })?;
    Ok(())
}

/// FrameRateType, section 5.3.7.2: a number or a fraction.
pub fn frame_rate(rate: FrameRate) -> String {
    match rate.den {
        1 => rate.num.to_string(),
        den => format!("{}/{den}", rate.num),
    }
}

/// RatioType of two positive numbers; samples of unknown shape are square.
fn sample_aspect((num, den): (u32, u32)) -> String {
    if num == 0 || den == 0 { "1:1".to_owned() } else { format!("{num}:{den}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_frame_rate_has_no_denominator() {
        assert_eq!(frame_rate(FrameRate { num: 24_000, den: 1001 }), "24000/1001");
        assert_eq!(frame_rate(FrameRate { num: 25, den: 1 }), "25");
    }

    #[test]
    fn an_unknown_sample_aspect_is_square() {
        assert_eq!((sample_aspect((0, 0)), sample_aspect((64, 45))), ("1:1".into(), "64:45".into()));
    }
}
