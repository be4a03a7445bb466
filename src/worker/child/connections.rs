//! How many the worker talks to: the head it was started for, and those that joined it. It ends with the last one.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

static OPEN: Mutex<usize> = Mutex::new(0);
static CLOSED: Condvar = Condvar::new();

/// Open as long as this is kept.
pub struct Connection(());

impl Connection {
    pub fn open() -> Self {
        *lock() += 1;
        Self(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        *lock() -= 1;
        CLOSED.notify_all();
    }
}

/// Returns when none is open.
pub fn wait_for_the_last() {
    let mut open = lock();
    while *open > 0 {
        open = CLOSED.wait(open).unwrap_or_else(PoisonError::into_inner);
    }
}

fn lock() -> MutexGuard<'static, usize> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}
