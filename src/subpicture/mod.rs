//! Floor 1. Subtitles that are pictures: PGS and VobSub, decoded and blended into frames. Pure, and a function of the
//! track's packets and the frame's time alone: which packet was read first makes no difference.

mod colour;
mod overlay;
mod pgs;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
mod track;
mod vobsub;

pub use colour::{Colours, Matrix};
pub use overlay::{Film, Overlay, Samples};
pub use track::{Format, Key, MEMORY_NS, Packet, Track};

/// The largest canvas that is drawn, in pixels: 4K and a little more.
const MAX_CANVAS: u64 = 4096 * 2304;

/// What is on the screen at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The size that places refer to.
    pub canvas: (u32, u32),
    pub palette: Palette,
    pub bitmaps: Vec<Bitmap>,
}

/// Red, green, blue and opacity of each index.
pub type Palette = Box<[[u8; 4]; 256]>;

/// A rectangle of indices. Invariant: `indices` has `width` × `height` of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bitmap {
    pub x: u32,
    pub y: u32,
    pub width: usize,
    pub height: usize,
    pub indices: Vec<u8>,
}

/// Whether a canvas is one that is drawn.
fn is_drawn((width, height): (u32, u32)) -> bool {
    width > 0 && height > 0 && u64::from(width) * u64::from(height) <= MAX_CANVAS
}

/// The first two bytes as a number, and what follows.
fn u16_of(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<2>()?;
    Some((u16::from_be_bytes(*head), rest))
}
