//! DASH (ISO/IEC 23009-1): the static MPD of a file, and the dynamic one of its live edge (with DASH-IF's low-latency
//! modes). One file per element.
//!
//! Absent on purpose: `UTCTiming` in the static one. It has no clock to agree on, and players ask for one only when a
//! presentation is dynamic.

mod adaptation_set;
mod audio_adaptation_set;
mod descriptor;
mod image_adaptation_set;
mod live;
mod mpd;
mod period;
mod representation;
mod segment_template;
mod segment_timeline;
#[cfg(test)]
mod tests;
mod text_adaptation_set;
mod video_adaptation_set;
mod xs_duration;

use std::io;

use quick_xml::Writer;

use crate::manifest::LiveEdge;
use crate::manifest::audio_track::AudioTrack;
use crate::manifest::text_track::TextTrack;
use crate::rendition::{ImageRendition, Rendition};
pub use mpd::{live_mpd, mpd};

/// What every element is printed for.
#[derive(Clone, Copy)]
struct Scope<'a> {
    /// The file, as it stands in addresses.
    file: &'a str,
    /// `None` for the whole file.
    edge: Option<&'a LiveEdge>,
}

/// What there is to describe.
#[derive(Clone, Copy)]
struct Content<'a> {
    videos: &'a [&'a Rendition],
    tracks: &'a [AudioTrack<'a>],
    texts: &'a [TextTrack<'a>],
    images: Option<&'a ImageRendition>,
}

/// The document as it grows. Writing to memory does not fail; the `Result` is the writer's signature.
type Document = Writer<Vec<u8>>;
type Written = io::Result<()>;
