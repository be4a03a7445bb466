//! Floor 5. The shared encoder: one per file, the single owner of all its heads. A request names a segment and
//! waits for it; nobody's request cancels another's.

mod actor;
mod error;
mod head;
mod service;
pub mod spec;
mod state;
mod types;

pub use error::StreamError;
pub use service::{EncodeSettings, Encoders};
pub use types::{HeadState, HeadStatus, SegmentReader, StartOptions, StopReport, Whole};
