//! The goal of a head: segments before it may be made, the rest waits. A waiting head keeps its place and costs
//! nothing, since its full queues stop the elements before them.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::timeline::SegmentIndex;

#[derive(Default)]
pub struct Gate {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Default)]
struct State {
    until: u32,
    left: bool,
}

impl Gate {
    /// Segments before `until` may be made; where that takes a permission back, what is being made waits.
    pub fn set(&self, until: SegmentIndex) {
        self.lock().until = until.0;
        self.moved.notify_all();
    }

    /// Nobody wants any more of it: whoever waits goes on, and finds out.
    pub fn leave(&self) {
        self.lock().left = true;
        self.moved.notify_all();
    }

    pub fn left(&self) -> bool {
        self.lock().left
    }

    /// Returns when `segment` may be made. The process ends with its last socket, so this cannot wait for ever.
    pub fn pass(&self, segment: SegmentIndex) {
        let mut state = self.lock();
        while state.until <= segment.0 && !state.left {
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
