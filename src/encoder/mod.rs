//! Floor 5. The shared encoder: one per file, the single owner of all its heads. A request names a segment and
//! waits for it; nobody's request cancels another's.

mod actor;
mod bench;
mod choice;
mod error;
pub mod head;
mod images;
mod playhead;
pub mod room;
mod service;
pub mod spec;
mod state;
pub mod telemetry;
mod text;
mod types;

pub use bench::Resting;
pub use choice::{Choices, Decision, HardwareStatus, SessionStatus, Tried};
pub use error::StreamError;
pub use service::{EncodeSettings, EncoderStatus, Encoders};
pub use types::{
    HeadState, HeadStatus, LiveEdgeState, LiveStatus, SegmentReader, StartOptions, Started, StopReport,
    TextSpan, Whole,
};
