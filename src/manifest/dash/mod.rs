//! DASH (ISO/IEC 23009-1): the static MPD of a file. One file per element.
//!
//! Absent on purpose: `UTCTiming`. A static presentation has no clock to agree on, and players ask for one
//! only when it is dynamic.

mod adaptation_set;
mod audio_adaptation_set;
mod descriptor;
mod mpd;
mod period;
mod representation;
mod segment_template;
mod segment_timeline;
#[cfg(test)]
mod tests;
mod video_adaptation_set;
mod xs_duration;

use std::io;

use quick_xml::Writer;

pub use mpd::mpd;

/// The document as it grows. Writing to memory does not fail; the `Result` is the writer's signature.
type Document = Writer<Vec<u8>>;
type Written = io::Result<()>;
