//! Floor 1. Subtitles: what their many formats say, as cues of WebVTT. Pure: bytes in, cues out.
//!
//! Not here: pictures of text (PGS, VobSub, DVB), which can only be shown by drawing them; which track is offered, and
//! where its packets come from.

pub mod ass;
mod charset;
mod cue;
mod markup;
mod placement;
pub mod subrip;
pub mod teletext;
pub mod timed_text;
pub mod webvtt;

pub use charset::decode;
pub use cue::{Cue, MAX_CUES, Packet};
