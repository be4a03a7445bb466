//! Floor 3. Pipelines as data: the profiles of `pipelines/*.toml`, and the launch texts made from them. What is
//! sent to a worker is text; nothing here runs GStreamer.

mod colorimetry;
pub mod graph;
pub mod profile;
pub mod set;

pub use graph::{AudioGraph, Places, VideoGraph, pictures, video_graphs};
pub use profile::{Profile, ProfileKind, Sessions};
pub use set::{Encoding, OnDevice, ProfileSet, Resolved, Verdicts};
