//! A few connections that only read. Under write-ahead logging they wait for nobody and nobody for them.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OpenFlags};

/// Queries take well under a millisecond each: more would only hold memory for page caches.
const MAX_READERS: usize = 4;

pub(super) struct Readers {
    path: PathBuf,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    open: usize,
}

impl Readers {
    pub fn new(path: PathBuf) -> Self {
        Self { path, pool: Mutex::default(), returned: Condvar::new() }
    }

    /// Runs `query` on a connection of the pool, waiting for one when all are in use.
    pub fn with<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let mut borrowed = Borrowed { readers: self, connection: self.take() };
        if borrowed.connection.is_none() {
            borrowed.connection = Some(open(&self.path)?);
        }
        match &borrowed.connection {
            Some(connection) => query(connection),
            None => unreachable!("a connection was just put there"),
        }
    }

    /// An idle connection, or None with the right to open one more.
    fn take(&self) -> Option<Connection> {
        let mut pool = self
            .returned
            .wait_while(self.lock(), |pool| pool.idle.is_empty() && pool.open >= MAX_READERS)
            .unwrap_or_else(PoisonError::into_inner);
        let idle = pool.idle.pop();
        if idle.is_none() {
            pool.open += 1;
        }
        idle
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives the connection back, or the right to one if opening it failed.
struct Borrowed<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        let mut pool = self.readers.lock();
        match self.connection.take() {
            Some(connection) => pool.idle.push(connection),
            None => pool.open -= 1,
        }
        drop(pool);
        self.readers.returned.notify_one();
    }
}

fn open(path: &PathBuf) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags)
}
