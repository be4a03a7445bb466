//! Floor 2. What a file can be turned into: its renditions, copied or encoded, with their cut lists, codec
//! strings and honest bandwidths. Pure: a function of the media facts, the keyframe index and the owner's
//! settings.

mod audio;
mod h264;
mod plan;
pub mod presentation;
mod version;
mod video;

pub use plan::{Ladder, LadderRung, PlanSettings, plan};
pub use presentation::*;
pub use video::init_entry;
