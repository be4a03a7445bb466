//! Floor 1. What is in a file: the facts, and the readers of container indexes. Pure: bytes come through
//! [`ReadAt`], nothing is decoded.

pub mod aac;
pub mod ac3;
pub mod avc;
pub mod bits;
pub mod codec_string;
pub mod container;
mod disposition;
pub mod flac;
pub mod info;
pub mod language;
pub mod matroska;
pub mod mp4;
pub mod mpegts;
pub mod nal;
pub mod rate;
pub mod sniff;
mod text_file;
mod window;

pub use container::{ContainerError, ContainerFacts, ContainerTrack, TrackKind};
pub use disposition::Disposition;
pub use info::*;
pub use text_file::{TextFile, TextFileName, TextFormat};

use crate::timeline::Nanos;

/// A line of a text track, as the container holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextBlock {
    pub track: TrackNumber,
    /// Presentation times of the container: the edit list is applied, the file's origin is not subtracted.
    pub start_ns: Nanos,
    pub end_ns: Nanos,
    pub data: Vec<u8>,
    /// What the container holds beside it: the settings of a cue of WebVTT.
    pub addition: Vec<u8>,
}

/// How the reading of text goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextStep {
    Block(TextBlock),
    /// Every line that begins before this time, and in what was asked for, has been given.
    Reached(Nanos),
}

/// Bytes of a source, by position. A reader here asks for what it needs and no more: a file may lie on a NAS.
pub trait ReadAt {
    /// Length of the source in bytes.
    fn len(&self) -> u64;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills as much of `buffer` as the source has at `offset`; the number of bytes read, short only at the end.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> std::io::Result<usize>;
}
