//! A part of a file as a body: read in pieces, one ahead of what the client takes.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::body::{self, Body};
use crate::store::Reads;

/// Large enough for a disk or a NAS to run at full speed, small enough to hold two per client.
const PIECE_BYTES: u64 = 256 << 10;

static READS: Reads = Reads::new(64);

pub fn part(file: File, part: Range<u64>) -> Body {
    let length = part.end - part.start;
    body::growing(Some(length), Reading { file: Arc::new(file), left: part, ahead: None }, Reading::step)
}

struct Reading {
    file: Arc<File>,
    left: Range<u64>,
    ahead: Option<JoinHandle<io::Result<Bytes>>>,
}

impl Reading {
    async fn step(mut self) -> Option<(Self, io::Result<Bytes>)> {
        if self.left.is_empty() {
            return None;
        }
        let piece = match self.ahead.take() {
            Some(ahead) => ahead,
            None => self.begin(),
        };
        let piece = piece.await.unwrap_or_else(|lost| Err(io::Error::other(lost)));
        match &piece {
            Ok(bytes) => {
                self.left.start += bytes.len() as u64;
                self.ahead = (!self.left.is_empty()).then(|| self.begin());
            }
            Err(error) => tracing::warn!(%error, "file broke off"),
        }
        Some((self, piece))
    }

    fn begin(&self) -> JoinHandle<io::Result<Bytes>> {
        let (file, at) = (Arc::clone(&self.file), self.left.start);
        let length = (self.left.end - at).min(PIECE_BYTES) as usize;
        tokio::spawn(READS.exact(file, at, length))
    }
}
