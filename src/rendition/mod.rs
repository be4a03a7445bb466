//! Floor 2. What a file can be turned into: its renditions, copied or encoded, with their cut lists, codec
//! strings and honest bandwidths. Pure: a function of the media facts, the keyframe index and the owner's
//! settings.

mod audio;
mod burnt;
mod h264;
mod images;
mod label;
mod mix;
mod plan;
pub mod presentation;
#[cfg(test)]
mod tests;
mod text;
mod transport;
mod version;
mod video;

pub use audio::{audio_entry, lattice};
pub use images::ImageRendition;
pub use mix::stereo_mix;
pub use plan::{Ladder, LadderRung, PlanSettings, Unplayable, plan};
pub use presentation::*;
pub use transport::{Transport, stream};
pub use video::{encoder_level, frame_grid, sdr_colour, source_colour, video_entry};
