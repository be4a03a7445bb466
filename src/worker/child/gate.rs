//! The goal of a head: segments before it may be made, the rest waits. A waiting head keeps its place and costs
//! nothing, since its full queues stop the elements before them.

use std::sync::{Condvar, Mutex, PoisonError};

use crate::timeline::SegmentIndex;

#[derive(Default)]
pub struct Gate {
    until: Mutex<u32>,
    moved: Condvar,
}

impl Gate {
    /// Segments before `until` may be made; where that takes a permission back, what is being made waits.
    pub fn set(&self, until: SegmentIndex) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until.0;
        self.moved.notify_all();
    }

    /// Returns when `segment` may be made. The process ends with its socket, so this cannot wait for ever.
    pub fn pass(&self, segment: SegmentIndex) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        while *until <= segment.0 {
            until = self.moved.wait(until).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
