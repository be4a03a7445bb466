//! One piece of text and when it is shown.

use crate::timeline::Nanos;

/// As WebVTT has it (W3C WebVTT: The Web Video Text Tracks Format).
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// What a container holds of one cue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// From the file's origin.
    pub start_ns: Nanos,
    pub end_ns: Nanos,
    pub data: Vec<u8>,
}
