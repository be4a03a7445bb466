//! What the readers of container indexes give back, and how they fail.
//!
//! Facts of the headers only: what the caps and the packets tell belongs to the probe. Times are presentation
//! times of the container: the edit list is applied, the file's origin is not subtracted.

use super::{Chapter, Colour, Disposition, Hdr, KeyframeIndex, TrackNumber};
use crate::timeline::Nanos;

/// What a container's own headers say, beyond what the demuxer tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContainerFacts {
    /// Duration of the movie or segment as declared.
    pub duration_ns: Option<Nanos>,
    pub title: Option<String>,
    pub tracks: Vec<ContainerTrack>,
    /// In order of their starts, which are presentation times of the container, not from the origin.
    pub chapters: Vec<Chapter>,
    /// A front cover is embedded: MP4 `covr`, Matroska attachment `cover*` of an image type.
    pub has_cover: bool,
    /// MP4 with movie fragments: the samples are not listed in `moov`.
    pub fragmented: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ContainerTrack {
    /// MP4 track_ID, Matroska TrackNumber.
    pub number: TrackNumber,
    pub kind: TrackKind,
    /// Four characters of the first sample entry, or the Matroska CodecID.
    pub codec_id: String,
    /// BCP 47, absent when the file does not say (`und`).
    pub language: Option<String>,
    pub name: Option<String>,
    pub disposition: Disposition,
    /// Presentation time = buffer PTS − this. Zero in Matroska.
    pub edit_offset_ns: Nanos,
    /// Matroska DefaultDuration: nominal time between two frames.
    pub default_frame_ns: Option<Nanos>,
    /// Timescale and sample duration, where every sample but the last has the same one.
    pub constant_rate: Option<(u32, u32)>,
    /// From the MP4 sample table (exact) or the statistics tags of Matroska (as good as their writer).
    pub frame_count: Option<u64>,
    /// Bytes of all samples; same sources.
    pub sample_bytes: Option<u64>,
    /// Earliest presentation time of any sample; negative where the edit list skips it.
    pub start_ns: Option<Nanos>,
    /// Latest end of a sample.
    pub end_ns: Option<Nanos>,
    /// Of video tracks, where the container lists them. Times are presentation times of the container.
    pub keyframes: Option<KeyframeIndex>,
    /// Matroska DisplayWidth and DisplayHeight, where they are pixels.
    pub display: Option<(u32, u32)>,
    /// Degrees clockwise to turn the decoded picture for display: 0, 90, 180 or 270.
    pub rotation: u16,
    pub colour: Option<Colour>,
}

impl ContainerTrack {
    pub(super) fn new(number: TrackNumber, kind: TrackKind) -> Self {
        Self {
            number,
            kind,
            codec_id: String::new(),
            language: None,
            name: None,
            disposition: Disposition { default: true, ..Disposition::default() },
            edit_offset_ns: 0,
            default_frame_ns: None,
            constant_rate: None,
            frame_count: None,
            sample_bytes: None,
            start_ns: None,
            end_ns: None,
            keyframes: None,
            display: None,
            rotation: 0,
            colour: None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackKind {
    Video,
    Audio,
    Text,
    /// Timecodes, hints, menus, and the chapter tracks of QuickTime: nothing to play.
    Other,
}

/// Why a container's headers could not be read. `at` is always a byte position in the file.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    #[error("no moov box before byte {at}")]
    NoMoov { at: u64 },
    #[error("not a Matroska or WebM file")]
    NotMatroska,
    #[error("no {what} in what begins at byte {at}")]
    Missing { what: &'static str, at: u64 },
    #[error("{what} at byte {at} is cut short")]
    Truncated { what: &'static str, at: u64 },
    #[error("{what} at byte {at} is malformed")]
    Malformed { what: &'static str, at: u64 },
    #[error("{what} at byte {at} has {size} bytes, the limit is {limit}")]
    TooLarge { what: &'static str, at: u64, size: u64, limit: u64 },
    #[error("reading at byte {at}")]
    Io { at: u64, source: std::io::Error },
}

/// Colour from code points of ITU-T H.273; those beyond a byte are reserved there and become unspecified.
pub(super) fn colour(primaries: u64, transfer: u64, matrix: u64, full_range: bool) -> Colour {
    const UNSPECIFIED: u8 = 2;
    let code_point = |value| u8::try_from(value).unwrap_or(UNSPECIFIED);
    let transfer = code_point(transfer);
    let hdr = match transfer {
        16 => Some(Hdr::Pq),
        18 => Some(Hdr::Hlg),
        _ => None,
    };
    Colour {
        primaries: code_point(primaries),
        transfer,
        matrix: code_point(matrix),
        full_range,
        hdr,
        peak: None,
    }
}
