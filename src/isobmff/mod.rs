//! Floor 1. ISO base media (ISO/IEC 14496-12) as CMAF (ISO/IEC 23000-19) wants it: init segments, fragments and
//! the two segmenters that turn samples into fragments on the cut list. Pure: bytes out, no I/O.
//!
//! Invariant: `baseMediaDecodeTime` of a fragment comes from the cut list, and the end of a fragment is the
//! start of the next one, in ticks. No edit lists, no `sidx`, no clock time in any box.

mod boxes;
mod copy_segmenter;
mod fragment;
mod init;
mod samples;
mod segmenter;

pub use copy_segmenter::{CopySegmenter, Packet};
pub use fragment::{Fragment, FragmentSample, fragment_bytes, fragment_ranges, set_track};
pub use init::{AudioCodec, AudioEntry, SampleEntry, VideoEntry, init_segment, movie_header};
pub use samples::{Damaged, FragmentedSample, samples};
pub use segmenter::{LostBoundary, Sample, Segmenter};
