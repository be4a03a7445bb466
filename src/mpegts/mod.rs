//! MPEG transport streams (ISO/IEC 13818-1) out of the samples of our own segments, for players that refuse
//! fragmented MP4. Every segment stands for itself: tables first, and each PID's packets are a multiple of sixteen, so
//! that continuity counters run on into whatever segment follows.

mod adts;
mod annex_b;
mod muxer;
mod packets;
mod pes;
mod tables;

pub use adts::AdtsHeader;
pub use annex_b::AnnexB;
pub use muxer::{Muxer, Sample, Stream};

/// Of time stamps (section 2.4.3.7).
pub const CLOCK_HZ: u32 = 90_000;
/// What is presented at the origin has this time stamp: clock references run ahead and are not negative.
pub const ORIGIN: i64 = CLOCK_HZ as i64;
