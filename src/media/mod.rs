//! Floor 1. What is in a file: the facts, and the readers of container indexes. Pure: bytes come through
//! [`ReadAt`], nothing is decoded.

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
pub mod nal;
pub mod rate;
pub mod sniff;
mod window;

pub use container::{ContainerError, ContainerFacts, ContainerTrack, TrackKind};
pub use disposition::Disposition;
pub use info::*;

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
