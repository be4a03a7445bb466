//! Floor 2. What a file can be turned into: its renditions, copied or encoded, with their cut lists, codec
//! strings and honest bandwidths. Pure: a function of the media facts, the keyframe index and the owner's
//! settings.

pub mod presentation;

pub use presentation::*;
