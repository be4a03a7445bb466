//! A stored piece as its reader gets it: bytes in memory, or an open file that is read while it is sent.

use std::fmt;
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use rustix::io::{Errno, ReadWriteFlags, preadv2};

use super::piece::Piece;
use super::reads::Reads;

/// Small enough to be still in the processor's cache when it is sent.
const READ_BYTES: u64 = 128 << 10;

static READS: Reads = Reads::new(64);

#[derive(Clone, Debug)]
pub enum Held {
    Memory(Piece),
    File(StoredFile),
}

impl Held {
    /// All of it, read into memory where it is not there.
    pub async fn bytes(&self) -> io::Result<Bytes> {
        match self {
            Self::Memory(piece) => Ok(piece.bytes.clone()),
            Self::File(file) => file.all().await,
        }
    }
}

/// The file of a piece that is known to be whole. It stays readable when the piece is evicted.
#[derive(Clone)]
pub struct StoredFile {
    file: Arc<File>,
    length: u64,
    checksum: u32,
    /// Told when it cannot be read after all.
    broken: Arc<dyn Fn() + Send + Sync>,
}

impl StoredFile {
    /// A file that begins with a piece of that length and checksum.
    pub(super) fn new(
        file: File,
        length: u64,
        checksum: u32,
        broken: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self { file: Arc::new(file), length, checksum, broken: Arc::new(broken) }
    }

    /// Bytes of the piece.
    pub fn length(&self) -> u64 {
        self.length
    }

    pub fn checksum(&self) -> u32 {
        self.checksum
    }

    /// The bytes `part` of the piece, from first to last.
    pub fn part(&self, part: Range<u64>) -> PartReader {
        PartReader { file: self.clone(), left: part.start..part.end.min(self.length) }
    }

    async fn all(&self) -> io::Result<Bytes> {
        let mut all = Vec::with_capacity(self.length as usize);
        let mut part = self.part(0..self.length);
        while let Some(bytes) = part.next().await {
            all.extend_from_slice(&bytes?);
        }
        Ok(all.into())
    }

    async fn read(&self, at: u64, length: usize) -> io::Result<Bytes> {
        // What the system has in memory is copied at once; only a disk is waited for elsewhere.
        let read = match self.read_at_hand(at, length) {
            Some(bytes) => Ok(bytes),
            None => READS.exact(self.file.clone(), at, length).await,
        };
        if let Err(error) = &read {
            tracing::warn!(%error, "a stored segment cannot be read");
            (self.broken)();
        }
        read
    }

    /// What of it is in memory, as far as that can be told.
    fn read_at_hand(&self, at: u64, length: usize) -> Option<Bytes> {
        let mut bytes = vec![0; length];
        let read = loop {
            let into = &mut [IoSliceMut::new(&mut bytes)];
            match preadv2(&self.file, into, at, ReadWriteFlags::NOWAIT) {
                Err(Errno::INTR) => {}
                read => break read.ok()?,
            }
        };
        bytes.truncate(read);
        (read > 0).then(|| bytes.into())
    }
}

impl fmt::Debug for StoredFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { length, checksum, .. } = self;
        write!(formatter, "StoredFile {{ {length} bytes, {checksum:08x} }}")
    }
}

/// Reads a part of a stored file, piece by piece.
#[derive(Debug)]
pub struct PartReader {
    file: StoredFile,
    left: Range<u64>,
}

impl PartReader {
    pub async fn next(&mut self) -> Option<io::Result<Bytes>> {
        if self.left.is_empty() {
            return None;
        }
        let length = (self.left.end - self.left.start).min(READ_BYTES);
        let read = self.file.read(self.left.start, length as usize).await;
        match &read {
            Ok(bytes) => self.left.start += bytes.len() as u64,
            Err(_) => self.left.start = self.left.end,
        }
        Some(read)
    }
}
