//! Floor 1. Time as exact integers: ticks, cut lists, fragment boundaries and the two conformers that put
//! decoded frames and samples onto them. Pure: no I/O, no clock, no GStreamer.
//!
//! Invariant: a boundary is an integer number of ticks from the file's origin. Nothing here is a float.

pub mod audio;
pub mod cut_list;
pub mod fragment_rule;
pub mod ticks;
pub mod video;

pub use cut_list::{CutList, CutTargets, SegmentIndex};
pub use fragment_rule::FragmentRule;
pub use ticks::{FrameRate, NANOS_PER_SECOND, Nanos, Rounding, nanos_from_ticks, rescale, ticks_from_nanos};
