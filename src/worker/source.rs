//! Where a job's bytes come from: a descriptor that is handed over, or something that only the server can read, which
//! it does piece by piece on the worker's request.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;

use super::process::WorkerError;
use super::wire::{self, ReadAnswer};
use crate::library::BoxFuture;

/// Bytes that are read at positions over some distance: an object store, a web server.
pub trait ReadRemote: Send + Sync {
    /// Length of the whole.
    fn length(&self) -> u64;

    /// The `length` bytes at `offset`, which lie inside. Fewer are an error of the source.
    fn read_at(&self, offset: u64, length: u32) -> BoxFuture<'_, std::io::Result<Bytes>>;
}

/// What a job reads.
#[derive(Clone)]
pub enum Source {
    File(Arc<File>),
    Remote(Arc<dyn ReadRemote>),
}

impl From<File> for Source {
    fn from(file: File) -> Self {
        Self::File(Arc::new(file))
    }
}

/// The longest piece a worker may ask for.
pub const MAX_READ_BYTES: u32 = 1 << 20;
/// Reads of one worker that are not answered yet: what a demuxer waits for, and reading ahead.
pub const MAX_READS: usize = 4;
/// A read that takes longer fails. Less than what a head may be silent for, so that its failure names the source.
pub const READ_DEADLINE: Duration = Duration::from_secs(8);

/// The reads of one worker, and their answers until they are sent.
pub(super) struct Reads {
    source: Option<Arc<dyn ReadRemote>>,
    deadline: Duration,
    running: JoinSet<ReadAnswer>,
    /// Frames on their way out; `sent` bytes of them are.
    outgoing: Vec<u8>,
    sent: usize,
    unsent_answers: usize,
}

impl Reads {
    pub(super) fn new(deadline: Duration) -> Self {
        let (running, outgoing) = (JoinSet::new(), Vec::new());
        Self { source: None, deadline, running, outgoing, sent: 0, unsent_answers: 0 }
    }

    pub(super) fn of(&mut self, source: &Arc<dyn ReadRemote>) {
        self.source = Some(source.clone());
    }

    /// Starts a read that a worker asks for. A worker that asks for nonsense has lost its way, or been led off it.
    pub(super) fn begin(&mut self, id: u64, offset: u64, length: u32) -> Result<(), WorkerError> {
        let refuse = |why: String| Err(WorkerError::Protocol(why));
        let Some(source) = self.source.clone() else {
            return refuse("it asks for bytes of a source that it was not given".into());
        };
        if length == 0 || length > MAX_READ_BYTES {
            return refuse(format!("it asks for {length} bytes at once"));
        }
        let whole = source.length();
        if offset.checked_add(u64::from(length)).is_none_or(|end| end > whole) {
            return refuse(format!("it asks for {length} bytes at {offset} of a source of {whole}"));
        }
        if self.running.len() + self.unsent_answers >= MAX_READS {
            return refuse(format!("it asks for more than {MAX_READS} pieces at once"));
        }
        let deadline = self.deadline;
        self.running.spawn(async move {
            let read = tokio::time::timeout(deadline, source.read_at(offset, length)).await;
            ReadAnswer { id, outcome: outcome(read, offset, length, deadline) }
        });
        Ok(())
    }

    /// The next read that came to its end has its answer put on its way; never, when none runs. Safe to cancel.
    pub(super) async fn answered(&mut self) {
        match self.running.join_next().await {
            Some(Ok(answer)) => {
                self.outgoing.extend(wire::answer_frame(&answer));
                self.unsent_answers += 1;
            }
            // A read that panicked is never answered: its head is taken for hanging.
            Some(Err(error)) => tracing::error!(%error, "a read failed in an unforeseen way"),
            None => std::future::pending().await,
        }
    }

    pub(super) fn unsent(&self) -> &[u8] {
        &self.outgoing[self.sent..]
    }

    pub(super) fn was_sent(&mut self, count: usize) {
        self.sent += count;
        if self.sent == self.outgoing.len() {
            self.outgoing.clear();
            (self.sent, self.unsent_answers) = (0, 0);
        }
    }
}

type Read = Result<std::io::Result<Bytes>, tokio::time::error::Elapsed>;

fn outcome(read: Read, offset: u64, length: u32, deadline: Duration) -> Result<Bytes, String> {
    match read {
        Ok(Ok(bytes)) if bytes.len() == length as usize => Ok(bytes),
        Ok(Ok(bytes)) => Err(format!("read at {offset}: {} bytes instead of {length}", bytes.len())),
        Ok(Err(error)) => Err(format!("read at {offset}: {error}")),
        Err(_) => Err(format!("read at {offset}: no answer within {deadline:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl ReadRemote for Nothing {
        fn length(&self) -> u64 {
            1 << 30
        }

        fn read_at(&self, _: u64, _: u32) -> BoxFuture<'_, std::io::Result<Bytes>> {
            Box::pin(std::future::pending())
        }
    }

    #[tokio::test]
    async fn what_lies_beyond_the_end_or_beyond_reason_is_refused() {
        let mut reads = Reads::new(READ_DEADLINE);
        assert!(reads.begin(0, 0, 1).is_err(), "no source");
        let source: Arc<dyn ReadRemote> = Arc::new(Nothing);
        reads.of(&source);
        let end = source.length();
        for (offset, length) in
            [(0, 0), (0, MAX_READ_BYTES + 1), (end, 1), (end - 1, 2), (u64::MAX, 1), (u64::MAX - 3, 4)]
        {
            assert!(reads.begin(0, offset, length).is_err(), "{length} at {offset}");
        }
        for id in 0..MAX_READS as u64 {
            assert!(reads.begin(id, end - 1, 1).is_ok(), "{id}");
        }
        assert!(reads.begin(9, 0, 1).is_err(), "too many");
    }
}
