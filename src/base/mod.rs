//! Floor 0. What every room may use: ids, limits, the log.

pub mod descriptors;
pub mod heap;
pub mod ids;
