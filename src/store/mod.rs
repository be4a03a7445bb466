//! Floor 3. Where finished segments live: files in the cache folder, written beside and renamed, capped by size,
//! the least recently used ones evicted. Survives restarts; a torn file is noticed and made again.

mod boxes;
mod disk;

pub use disk::{Limits, SegmentStore, StoreError, StoreKey, StoreStatus};
