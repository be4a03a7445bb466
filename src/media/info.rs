//! What is in a file: facts a probe found, with their units. Written once per content version of a file.
//!
//! These types are their own stored form (JSON in the catalogue and between server and worker): they hold
//! facts and nothing derived, so one form serves both.

use serde::{Deserialize, Serialize};

use super::Disposition;
use crate::timeline::{FrameRate, Nanos};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MediaInfo {
    pub container: Container,
    /// File time of the earliest presented audio or video sample; every other time here counts from it.
    pub origin_ns: Nanos,
    /// Latest end of a presented audio or video sample, from the origin.
    pub duration_ns: Nanos,
    pub video: Vec<VideoTrack>,
    pub audio: Vec<AudioTrack>,
    pub text: Vec<TextTrack>,
    pub chapters: Vec<Chapter>,
    /// A picture is embedded (front cover).
    pub has_cover: bool,
    /// The container's own title.
    pub title: Option<String>,
    /// What was wrong with the file and did not keep it from playing.
    pub damage: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Container {
    Mp4,
    Matroska,
    MpegTs,
    MpegPs,
    Avi,
    Flv,
    Asf,
    Ogg,
}

/// Which track of the demuxer this is: the number the container gives it (MP4 track_ID, Matroska TrackNumber,
/// TS PID; the pad's index for containers without one).
pub type TrackNumber = u64;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrackFacts {
    pub number: TrackNumber,
    /// BCP 47, absent when the file does not say (`und`).
    pub language: Option<String>,
    pub title: Option<String>,
    pub disposition: Disposition,
    /// Presentation time = buffer PTS − this (MP4 edit list; zero elsewhere). File clock, not from the origin.
    pub edit_offset_ns: Nanos,
    /// Start and end of the track's presentation, from the origin.
    pub start_ns: Nanos,
    pub end_ns: Nanos,
}

impl TrackFacts {
    /// Title and language, which menus are made of.
    pub fn names(&self) -> (Option<&str>, Option<&str>) {
        (self.title.as_deref(), self.language.as_deref())
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VideoTrack {
    pub facts: TrackFacts,
    /// Short lower-case name: `h264`, `h265`, `av1`, `vp8`, `vp9`, `mpeg2`, `mpeg4`, `mjpeg`, …
    pub codec: String,
    pub profile: Option<String>,
    pub level: Option<String>,
    /// FFmpeg's name of the layout, as `yuv420p10le`.
    pub pixel_format: Option<String>,
    pub bit_depth: u8,
    /// Coded size after cropping, in pixels, before sample aspect and rotation.
    pub width: u32,
    pub height: u32,
    /// Sample (pixel) aspect ratio, `(1, 1)` for square.
    pub sample_aspect: (u32, u32),
    /// Degrees clockwise to turn the decoded picture for display: 0, 90, 180 or 270.
    pub rotation: u16,
    /// Frames per second; for variable rate the nominal one.
    pub frame_rate: FrameRate,
    pub constant_rate: bool,
    /// Frames by which decoding runs ahead of presentation: B-frames.
    pub reorder_frames: u8,
    pub interlaced: bool,
    pub colour: Colour,
    /// RFC 6381 codecs parameter made from the real configuration record; absent where none is defined.
    pub codec_string: Option<String>,
    /// avcC, hvcC, av1C or vpcC body, for a pass-through init segment.
    #[serde(with = "hex_bytes")]
    pub codec_config: Vec<u8>,
    /// Caps name of the elementary stream, as GStreamer spells it, to choose a decoder by.
    pub caps: String,
}

/// ITU-T H.273 code points, 2 (unspecified) where the file does not say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Colour {
    pub primaries: u8,
    pub transfer: u8,
    pub matrix: u8,
    pub full_range: bool,
    pub hdr: Option<Hdr>,
    /// The brightest light in the picture in cd/m², where the stream tells (MaxCLL of CTA-861.3, else the brightest that
    /// the screen shows on which it was mastered, SMPTE ST 2086).
    #[serde(default)]
    pub peak: Option<u32>,
}

impl Default for Colour {
    fn default() -> Self {
        Self { primaries: 2, transfer: 2, matrix: 2, full_range: false, hdr: None, peak: None }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hdr {
    Pq,
    Hlg,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AudioTrack {
    pub facts: TrackFacts,
    /// `aac`, `opus`, `ac3`, `eac3`, `mp3`, `mp2`, `flac`, `vorbis`, `dts`, `truehd`, `pcm`, …
    pub codec: String,
    pub profile: Option<String>,
    pub channels: u8,
    /// Layout in words: `mono`, `stereo`, `5.1`, `7.1`, …
    pub layout: String,
    /// Samples per second and channel.
    pub sample_rate: u32,
    /// Samples of one codec frame at `sample_rate`; zero where frames vary (PCM, Vorbis).
    pub samples_per_frame: u32,
    /// Where some codec frame starts, from the origin: frames of one length lie on a lattice through here.
    pub frame_phase_ns: Nanos,
    /// Joint object coding (Dolby Atmos) rides on the channels.
    pub objects: bool,
    pub codec_string: Option<String>,
    /// AudioSpecificConfig for AAC, OpusHead body for Opus, `dac3` or `dec3` body for AC-3 and E-AC-3, STREAMINFO for
    /// FLAC.
    #[serde(with = "hex_bytes")]
    pub codec_config: Vec<u8>,
    /// Bits per second, measured or declared; zero when unknown.
    pub bitrate: u32,
    pub caps: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TextTrack {
    pub facts: TrackFacts,
    /// `subrip`, `ass`, `mov_text`, `webvtt`, `pgs`, `vobsub`, `dvb`, …
    pub codec: String,
    /// A picture, not text: can only be burnt in.
    pub bitmap: bool,
    pub caps: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chapter {
    /// From the origin.
    pub start_ns: Nanos,
    pub title: Option<String>,
}

/// Random access points of one video track, and how they were found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyframeIndex {
    pub source: IndexSource,
    /// Strictly increasing in `pts_ns`.
    pub keyframes: Vec<Keyframe>,
    /// Exact number of frames of the track, where the index tells.
    pub frame_count: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IndexSource {
    /// MP4 sample tables: every keyframe is listed, open and closed GOPs are told apart.
    SampleTable,
    /// Matroska Cues: allowed cut points, not every keyframe.
    Cues,
    /// Every packet was read.
    PacketScan,
    #[default]
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keyframe {
    /// Presentation time from the origin.
    pub pts_ns: Nanos,
    /// Earliest presentation time of any frame that follows in decode order, from the origin. Equal to `pts_ns`
    /// for a closed GOP; smaller where leading pictures follow (HEVC CRA).
    pub earliest_ns: Nanos,
    /// Bytes from this keyframe to the next one, for honest bandwidths; zero when unknown.
    pub bytes: u64,
}

impl Keyframe {
    pub fn closed(&self) -> bool {
        self.earliest_ns >= self.pts_ns
    }
}

mod hex_bytes {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if !text.is_ascii() || text.len() % 2 != 0 {
            return Err(D::Error::custom("an even number of hexadecimal digits is needed"));
        }
        (0..text.len() / 2)
            .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(D::Error::custom))
            .collect()
    }
}
