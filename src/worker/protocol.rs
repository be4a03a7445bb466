//! What server and worker say to each other. One socket per worker; requests and reports are JSON, fragments
//! and bytes of remote sources are binary (`wire`). A request that needs a source carries its descriptor, or follows
//! [`Request::Remote`].

use std::ops::Range;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::sandbox::{Attempt, SandboxStatus};
use crate::isobmff::Fragment;
use crate::isobmff::SampleEntry;
use crate::media::{Container, KeyframeIndex, MediaInfo, TextFormat, TrackNumber};
use crate::text::Cue;
use crate::timeline::audio::Lattice;
use crate::timeline::video::FrameGrid;
use crate::timeline::{CutList, FragmentRule, FrameRate, Nanos, SegmentIndex};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Try to parse launch texts. Answered by [`Report::Parsed`].
    Parse { texts: Vec<String> },
    /// Encode a few frames of a test picture (or sound) through launch texts. Answered by [`Report::Tried`].
    Try { trial: Trial },
    /// What is in the source? Answered by [`Report::Probed`]. Carries a descriptor.
    Probe,
    /// Read every packet of a video track for its keyframes. Answered by [`Report::Scanned`]. Carries a
    /// descriptor.
    Scan { input: Input, codec: String },
    /// Read the text tracks. Answered by [`Report::Cues`] as they are found, and [`Report::TextEnd`]. Carries a
    /// descriptor.
    Text(TextSpec),
    /// Read a file of subtitles. Answered as [`Request::Text`] is, of one track. Carries a descriptor.
    TextFile(TextFileSpec),
    /// Make a sheet of small pictures. Answered by [`Report::Image`]. Carries a descriptor.
    Images(ImagesSpec),
    /// Make consecutive segments of a rendition. Carries a descriptor.
    Head(Box<HeadSpec>),
    /// Make segments of another rendition out of the frames that are decoded for the head at work. Carries one end of
    /// a pair of sockets, on which everything about it is said from then on; first [`Report::Unfit`], where the frames
    /// cannot be had.
    Join(Box<HeadSpec>),
    /// The head's goal: make segments before this one, then wait, in the middle of one if need be.
    Goal { until: SegmentIndex },
    /// The source of the next request is read by [`Report::Read`]; no descriptor comes with it.
    Remote { length: u64 },
    /// Try to get out of the sandbox. Answered by [`Report::Attempted`].
    Attempt,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trial {
    /// Launch text of the encoder.
    pub encode: String,
    pub width: u32,
    pub height: u32,
}

/// Which track of the source, and how its clock relates to the presentation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    pub container: Container,
    pub video: bool,
    pub track: TrackNumber,
    /// Time from the origin = buffer PTS − `edit_offset_ns` − `origin_ns`.
    pub edit_offset_ns: Nanos,
    pub origin_ns: Nanos,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TextSpec {
    pub container: Container,
    /// Time from the origin = presentation time of the container − this.
    pub origin_ns: Nanos,
    pub tracks: Vec<TextInput>,
    /// Lines that are shown from here on come first.
    pub from_ns: Nanos,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextFileSpec {
    pub format: TextFormat,
    /// BCP 47: tells what the file may be written in.
    pub language: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextInput {
    pub number: TrackNumber,
    /// As in `TextTrack::codec`.
    pub codec: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImagesSpec {
    pub input: Input,
    /// Launch text from the coded stream to raw frames of the tile's size.
    pub decode: String,
    /// Width and height in pixels, both even.
    pub tile: (u32, u32),
    pub columns: u32,
    pub rows: u32,
    /// From the origin; one picture each, row by row.
    pub times: Vec<Nanos>,
    /// These are the times of keyframes.
    pub keyframes: bool,
    /// How long the sheet may be.
    pub max_bytes: u32,
}

/// A line of the track at this place in [`TextSpec::tracks`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackCue {
    pub track: u32,
    pub cue: Cue,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HeadSpec {
    pub input: Input,
    pub cuts: CutList,
    pub fragments: FragmentRule,
    pub start: SegmentIndex,
    /// Fragments of the first segment that exist already: another head began it. The first one that is made is a
    /// random access point like the first of a segment.
    pub first_part: u32,
    /// Segments before this one may be made.
    pub until: SegmentIndex,
    pub work: HeadWork,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeadWork {
    EncodeVideo(EncodeVideo),
    CopyVideo(CopyVideo),
    EncodeAudio(EncodeAudio),
    CopyAudio(CopyAudio),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EncodeVideo {
    /// Launch text from the coded stream to raw frames as they are in the source.
    pub decode: String,
    /// Launch text from those to frames of the rendition's shape.
    pub scale: String,
    /// Launch text from raw frames to the coded stream.
    pub encode: String,
    /// Short name of the codec that comes out: `h264`.
    pub codec: String,
    pub grid: FrameGrid,
    /// The sample entry; of its configuration record only what is fixed whoever encodes, the encoder supplies the
    /// rest.
    pub entry: SampleEntry,
    /// Subtitles that are drawn into the picture.
    pub burn: Option<Burn>,
}

/// A text track of the same file whose pictures are drawn into the frames.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Burn {
    pub track: TrackNumber,
    /// As in `TextTrack::codec`.
    pub codec: String,
    /// Of the source's frames: what its pixels are in, and what a track without a size of its own is made for.
    pub coded: (u32, u32),
    pub sample_aspect: (u32, u32),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CopyVideo {
    pub codec: String,
    /// Presentation ticks of the keyframe that opens each segment.
    pub keyframes: Vec<i64>,
    /// Snap presentation times to this rate's grid from the cut list's start; absent for variable rate.
    pub grid: Option<FrameRate>,
    /// Nominal length of a frame in ticks.
    pub frame_ticks: i64,
    /// Frames by which decoding runs ahead of presentation.
    pub delay: usize,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EncodeAudio {
    pub decode: String,
    pub encode: String,
    pub sample_rate: u32,
    /// Samples in a frame of the encoder.
    pub samples_per_frame: u32,
    /// Samples by which the encoder's output, decoded, lags its input.
    pub delay: u32,
    /// Frames of the source at the rendition's rate, where they have one length.
    pub lattice: Option<Lattice>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CopyAudio {
    pub codec: String,
    pub sample_rate: u32,
    pub channels: u8,
    pub lattice: Lattice,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Report {
    /// Initialised, waiting for work inside its sandbox.
    Ready {
        sandbox: SandboxStatus,
    },
    /// For each text of the request, why it does not parse.
    Parsed {
        problems: Vec<Option<String>>,
    },
    Tried {
        frames_per_second: f64,
    },
    Probed {
        info: Box<MediaInfo>,
        index: Box<KeyframeIndex>,
    },
    Scanned {
        index: Box<KeyframeIndex>,
    },
    /// Lines of text tracks; of all that are shown in `covered` none is missing.
    Cues {
        cues: Vec<TrackCue>,
        covered: Range<Nanos>,
    },
    /// All text has been read.
    TextEnd,
    /// The sample entry that decodes what this head makes, with its configuration record.
    Entry {
        entry: SampleEntry,
    },
    /// The head has made everything there is.
    End {
        /// The source ended before its cut list did: nothing follows the last fragment.
        early: bool,
    },
    /// What was asked for with [`Request::Join`] needs a worker of its own: this one decodes other frames, or is past
    /// the first cut.
    Unfit,
    /// What came of trying to get out.
    Attempted {
        attempts: Vec<Attempt>,
    },
    /// The bytes of a remote source that the worker needs. Answered by a frame of bytes (`wire`).
    Read {
        id: u64,
        offset: u64,
        length: u32,
    },
    /// At work, though nothing has been made for a while: frames before the cut are decoded in vain.
    Working,
    Failed(Failure),
    /// Never on the wire as JSON.
    #[serde(skip)]
    Fragment(Fragment),
    /// JPEG. Never on the wire as JSON.
    #[serde(skip)]
    Image(Bytes),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{kind:?} in {element}: {message}")]
pub struct Failure {
    pub kind: FailureKind,
    /// The element, container or stage that failed.
    pub element: String,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The source cannot be read, or ends where it must not.
    Source,
    /// The container or the coded stream makes no sense.
    Undecodable,
    /// An element is missing, or does not link or start.
    Setup,
    /// The encoder failed.
    Encoder,
}

impl Failure {
    pub fn new(kind: FailureKind, element: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, element: element.into(), message: message.into() }
    }
}
