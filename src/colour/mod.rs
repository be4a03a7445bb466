//! Floor 1. Pictures of high dynamic range as pictures that every screen shows: from BT.2100 (PQ or HLG) to BT.709.
//! Pure arithmetic; frames are slices of samples.

mod cube;
mod frame;
mod space;
#[cfg(test)]
mod tests;
mod tone;
mod transfer;

pub use cube::Cube;
pub use frame::{Frame, Planes, PlanesMut};
pub use space::{BT709, BT2020, Luma, Triple};
pub use tone::ToneMap;
