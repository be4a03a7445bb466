//! `EXT-X-STREAM-INF` and its URI line, RFC 8216 section 4.3.4.2: one video with one audio group, or an audio
//! group alone.

use super::attribute_list::AttributeList;
use super::audio_group::AudioGroup;
use super::ext_x_media::SUBTITLES;
use crate::media::Hdr;
use crate::rendition::{Bandwidth, Rendition, VideoForm};
use crate::timeline::{FrameRate, Rounding, rescale};

/// At least one of the two is there.
#[derive(Clone, Copy)]
pub struct Variant<'a> {
    pub video: Option<&'a Rendition>,
    pub audio: Option<&'a AudioGroup<'a>>,
    /// There is a group of texts.
    pub text: bool,
    /// Both are in the segments of one transport stream.
    pub transport: bool,
}

/// Per thousand that packets' headers add.
const PACKET_HEADERS: u64 = 22;
/// Bytes that filling the last packet of a picture or of some frames of sound takes, with its header: at most and on
/// average.
const FILLING: (u64, u64) = (220, 120);
/// Headers of sound in a second, at most: some frames share each.
const SOUND_HEADERS: u64 = 20;
/// Bits per second of tables, and of what segments are filled up with.
const TABLES_BPS: u64 = 60_000;

impl Variant<'_> {
    pub fn write(self, out: &mut String, uri: &str) {
        let bandwidth = self.bandwidth();
        let mut list = AttributeList::default()
            .plain("BANDWIDTH", bandwidth.peak)
            .plain("AVERAGE-BANDWIDTH", bandwidth.average)
            // "Every EXT-X-STREAM-INF tag SHOULD include a CODECS attribute."
            .quoted("CODECS", &self.codecs());
        if let Some(form) = self.video.and_then(Rendition::video) {
            list = with_picture(list, form);
        }
        if let Some(group) = self.audio {
            list = list.quoted("AUDIO", &group.id);
        }
        if self.text {
            list = list.quoted("SUBTITLES", SUBTITLES);
        }
        // "If the value is the enumerated-string value NONE, all EXT-X-STREAM-INF tags MUST have this
        // attribute with a value of NONE". Without it Shaka reads three segments in search of captions.
        let list = list.plain("CLOSED-CAPTIONS", "NONE");
        out.push_str(&format!("#EXT-X-STREAM-INF:{list}\n{uri}\n"));
    }

    /// "the BANDWIDTH value MUST be the largest sum of peak segment bit rates that is produced by any
    /// playable combination of Renditions", and so for AVERAGE-BANDWIDTH.
    fn bandwidth(self) -> Bandwidth {
        let video = self.video.map(|video| video.bandwidth).unwrap_or_default();
        let audio = self.audio.map(AudioGroup::bandwidth).unwrap_or_default();
        let packed = |bps: u32, filling| if self.transport { self.packed(bps, filling) } else { bps };
        Bandwidth {
            peak: packed(video.peak.saturating_add(audio.peak), FILLING.0),
            average: packed(video.average.saturating_add(audio.average), FILLING.1),
        }
    }

    /// What `bps` come to in a transport stream.
    fn packed(self, bps: u32, filling: u64) -> u32 {
        let pictures =
            self.video.and_then(Rendition::video).map_or(0, |form| form.frame_rate.as_f64().ceil() as u64);
        let units = pictures + self.audio.map_or(0, |_| SOUND_HEADERS);
        let bps = u64::from(bps);
        let packed = bps + bps * PACKET_HEADERS / 1000 + units * filling * 8 + TABLES_BPS;
        u32::try_from(packed).unwrap_or(u32::MAX)
    }

    /// "each format specifies a media sample type that is present in one or more Renditions specified by the
    /// Variant Stream": each once.
    fn codecs(self) -> String {
        let video = self.video.map(|video| video.codec_string.as_str());
        let audio = self.audio.into_iter().flat_map(AudioGroup::codecs);
        let mut codecs: Vec<&str> = Vec::new();
        for codec in video.into_iter().chain(audio) {
            if !codecs.contains(&codec) {
                codecs.push(codec);
            }
        }
        codecs.join(",")
    }
}

fn with_picture(list: AttributeList, form: &VideoForm) -> AttributeList {
    let (width, height) = display_size(form);
    list.plain("RESOLUTION", format_args!("{width}x{height}"))
        .plain("FRAME-RATE", three_decimals(form.frame_rate))
        // draft-pantos-hls-rfc8216bis: "Its absence implies a value of SDR." Said always, so that nobody
        // wonders.
        .plain("VIDEO-RANGE", video_range(form.colour.hdr))
}

/// "the optimal pixel resolution at which to display all the video in the Variant Stream": the width counts
/// sample aspect.
fn display_size(form: &VideoForm) -> (i64, u32) {
    let (num, den) = form.sample_aspect;
    if num == 0 || den == 0 {
        return (i64::from(form.width), form.height);
    }
    (rescale(i64::from(form.width), den, num, Rounding::Nearest), form.height)
}

/// "a decimal-floating-point describing the maximum frame rate for all the video in the Variant Stream,
/// rounded to three decimal places."
fn three_decimals(rate: FrameRate) -> String {
    let thousandths = 1000 * i64::from(rate.num);
    let rounded = rescale(thousandths, rate.den.max(1), 1, Rounding::Nearest);
    format!("{}.{:03}", rounded / 1000, rounded % 1000)
}

fn video_range(hdr: Option<Hdr>) -> &'static str {
    match hdr {
        None => "SDR",
        Some(Hdr::Pq) => "PQ",
        Some(Hdr::Hlg) => "HLG",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::examples;

    #[test]
    fn the_frame_rate_has_three_decimals() {
        for (num, den, expected) in
            [(24_000, 1001, "23.976"), (25, 1, "25.000"), (60_000, 1001, "59.940"), (2_997, 1000, "2.997")]
        {
            assert_eq!(three_decimals(FrameRate { num, den }), expected);
        }
    }

    #[test]
    fn wide_samples_widen_the_picture() {
        let form =
            |sample_aspect| VideoForm { width: 720, height: 576, sample_aspect, ..examples::picture() };
        assert_eq!(display_size(&form((64, 45))), (1024, 576));
        assert_eq!(display_size(&form((1, 1))), (720, 576));
        assert_eq!(display_size(&form((0, 1))), (720, 576));
    }
}
