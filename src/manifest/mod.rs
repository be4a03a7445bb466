//! Floor 2. A presentation printed for players: HLS playlists (RFC 8216) and the DASH MPD (ISO/IEC 23009-1)
//! of a whole file, and of its live edge (RFC 8216bis). Pure text: a function of the presentation, the file's id, which
//! videos to list, and where the edge is.
//!
//! Not here: which segments exist (a whole file is listed from the first moment), how the edge moves, HTTP.
//!
//! Invariant: every duration and address comes from a rendition's cut list and id; nothing recomputes them,
//! so HLS and DASH name the same URLs for the same ticks. Addresses are relative: a proxy may serve below a
//! path.

mod audio_track;
mod copy_selection;
mod date_time;
#[cfg(test)]
pub mod examples;
#[cfg(test)]
mod golden;
mod live_edge;
mod printable;
mod text_track;

pub mod dash;
pub mod hls;

pub use copy_selection::CopySelection;
pub use date_time::utc;
pub use live_edge::{ClockPoint, LiveEdge};
