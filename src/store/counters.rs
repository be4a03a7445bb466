//! What the store has done since the service started, and what it holds.

use std::sync::atomic::{AtomicU64, Ordering};

/// All of it at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Reads answered from memory.
    pub memory_hits: u64,
    /// Reads answered from the disk, those included that waited for another's.
    pub disk_hits: u64,
    /// Reads of what is not stored.
    pub misses: u64,
    /// Files read; fewer than `disk_hits` where several readers shared one.
    pub files_read: u64,
    pub files_written: u64,
    /// Pieces that could not be kept.
    pub not_kept: u64,
    /// Pieces that made room for others.
    pub evicted: u64,
    /// Files found torn.
    pub torn: u64,
    /// Bytes of all files.
    pub bytes: u64,
    pub pieces: u64,
    /// Bytes held in memory.
    pub memory_bytes: u64,
}

#[derive(Debug, Default)]
pub(super) struct Tally {
    pub memory_hits: Count,
    pub disk_hits: Count,
    pub misses: Count,
    pub files_read: Count,
    pub files_written: Count,
    pub not_kept: Count,
    pub evicted: Count,
    pub torn: Count,
}

#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Tally {
    /// What was counted; what is held is for the caller to fill in.
    pub fn counters(&self) -> Counters {
        Counters {
            memory_hits: self.memory_hits.get(),
            disk_hits: self.disk_hits.get(),
            misses: self.misses.get(),
            files_read: self.files_read.get(),
            files_written: self.files_written.get(),
            not_kept: self.not_kept.get(),
            evicted: self.evicted.get(),
            torn: self.torn.get(),
            ..Counters::default()
        }
    }
}
