//! Floor 5. The shared encoder: one per file, the single owner of all its heads. A request names a segment and
//! waits for it; nobody's request cancels another's.

mod error;
mod service;
pub mod state;
mod types;

pub use error::StreamError;
pub use service::Encoders;
pub use types::{HeadState, HeadStatus, SegmentReader, StartOptions, StopReport};
