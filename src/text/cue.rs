//! One piece of text and when it is shown.

use serde::{Deserialize, Serialize};

use super::markup::Markup;
use super::placement;
use crate::timeline::Nanos;

/// As WebVTT has it (W3C WebVTT: The Web Video Text Tracks Format).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cue {
    /// From the file's origin.
    pub start_ns: Nanos,
    /// Later than the start.
    pub end_ns: Nanos,
    /// Section 4.2.2, cue text: escaped, with tags, no empty line.
    pub text: String,
    /// Section 3.5, cue settings, as `line:0 align:left`; empty for the usual place.
    pub settings: String,
}

/// Cues of one file that are kept; a film has two thousand.
pub const MAX_CUES: usize = 100_000;

impl Cue {
    /// `None` where nothing is said, or for no time.
    pub fn said(start_ns: Nanos, end_ns: Nanos, markup: Markup, place: Option<u8>) -> Option<Self> {
        let text = markup.finish().filter(|_| end_ns > start_ns)?;
        Some(Self { start_ns, end_ns, text, settings: placement::settings(place) })
    }
}

/// Seconds of a clock with hours, minutes and seconds, of which the first may be missing.
pub fn clock_seconds(clock: &str) -> Option<i64> {
    clock.split(':').try_fold(0_i64, |seconds, part| {
        seconds.checked_mul(60)?.checked_add(part.trim().parse::<u32>().ok()?.into())
    })
}

/// What a container holds of one cue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// From the file's origin.
    pub start_ns: Nanos,
    pub end_ns: Nanos,
    pub data: Vec<u8>,
}
