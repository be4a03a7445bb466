//! Reads from files on disks that may hang, a bounded number at once.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;

/// Reads that may be under way at once: each holds a thread, and a disk or a NAS that hangs takes that many and no more.
#[derive(Debug)]
pub struct Reads(Semaphore);

impl Reads {
    pub const fn new(at_once: usize) -> Self {
        Self(Semaphore::const_new(at_once))
    }

    /// `length` bytes of `file` from `at`. A caller who no longer waits leaves the read, and its place, to itself.
    pub async fn exact(&'static self, file: Arc<File>, at: u64, length: usize) -> io::Result<Bytes> {
        self.run(move || {
            let mut bytes = vec![0; length];
            file.read_exact_at(&mut bytes, at)?;
            Ok(bytes.into())
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &'static self,
        read: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let place = self.0.acquire().await.map_err(io::Error::other)?;
        let read = tokio::task::spawn_blocking(move || {
            let _until_read = place;
            read()
        });
        read.await.map_err(io::Error::other)?
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn reads_what_is_asked_for() {
        static READS: Reads = Reads::new(1);
        let mut file = tempfile::tempfile().expect("file");
        file.write_all(b"0123456789").expect("written");
        let file = Arc::new(file);
        assert_eq!(READS.exact(file.clone(), 3, 4).await.expect("read"), &b"3456"[..]);
        let beyond = READS.exact(file, 8, 4).await.expect_err("too short");
        assert_eq!(beyond.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn a_read_that_hangs_keeps_its_place_when_nobody_waits_for_it() {
        static READS: Reads = Reads::new(1);
        let (end, hung) = mpsc::channel::<()>();
        let first = READS.run(move || hung.recv().map_err(io::Error::other));
        tokio::time::timeout(Duration::from_millis(20), first).await.expect_err("hangs");
        let second = tokio::time::timeout(Duration::from_millis(20), READS.run(|| Ok(()))).await;
        second.expect_err("no place yet");
        end.send(()).expect("somebody still reads");
        READS.run(|| Ok(())).await.expect("read");
    }
}
