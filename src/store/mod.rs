//! Floor 3. Where finished segments live: files in the cache folder, written beside and renamed, capped by size,
//! the least recently used ones evicted, and the ones in demand in memory. Survives restarts and power cuts: a torn
//! file is noticed and made again. What goes first when room is needed: `index.rs`.

mod condition;
mod counters;
mod disk;
#[cfg(test)]
mod disk_tests;
mod held;
mod hot;
mod index;
mod key;
mod piece;
mod reads;
mod scan;
mod seal;

pub use counters::Counters;
pub use disk::{Limits, Read, SegmentStore, StoreError, Written};
pub use held::{Held, PartReader, StoredFile};
pub use index::Interest;
pub use key::StoreKey;
pub use piece::{Piece, checksum};
pub use reads::Reads;
