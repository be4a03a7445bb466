//! The goal of a head: segments up to it may be made, the rest waits. A waiting head keeps its place and costs
//! nothing, since its full queues stop the elements before them.

use std::sync::{Condvar, Mutex, PoisonError};

use crate::timeline::SegmentIndex;

#[derive(Default)]
pub struct Gate {
    goal: Mutex<u32>,
    moved: Condvar,
}

impl Gate {
    pub fn open_to(&self, segment: SegmentIndex) {
        let mut goal = self.goal.lock().unwrap_or_else(PoisonError::into_inner);
        *goal = (*goal).max(segment.0);
        self.moved.notify_all();
    }

    /// Returns when `segment` may be made. The process ends with its socket, so this cannot wait for ever.
    pub fn pass(&self, segment: SegmentIndex) {
        let mut goal = self.goal.lock().unwrap_or_else(PoisonError::into_inner);
        while *goal < segment.0 {
            goal = self.moved.wait(goal).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
