//! A window on a source: the last piece read is kept, so that headers that lie side by side cost one read.
//!
//! Invariant: nothing is allocated beyond what the source has at the place that is asked for.

use super::{ContainerError, ReadAt};

pub struct Window<'s> {
    source: &'s mut dyn ReadAt,
    len: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl<'s> Window<'s> {
    pub fn new(source: &'s mut dyn ReadAt) -> Self {
        let len = source.len();
        Self { source, len, start: 0, bytes: Vec::new() }
    }

    /// Length of the source in bytes.
    pub fn source_len(&self) -> u64 {
        self.len
    }

    /// Whether the `count` bytes at `at` are here already.
    pub fn holds(&self, at: u64, count: usize) -> bool {
        at >= self.start && at.saturating_add(count as u64) <= self.start + self.bytes.len() as u64
    }

    /// The `count` bytes at `at`, fewer only at the end of the source. A read takes `ahead` bytes, if that is
    /// more, for the next call to find.
    pub fn peek(&mut self, at: u64, count: usize, ahead: usize) -> Result<&[u8], ContainerError> {
        let wanted = (count as u64).min(self.len.saturating_sub(at)) as usize;
        if !self.holds(at, wanted) {
            self.start = at;
            self.bytes.clear();
            let size = (count.max(ahead) as u64).min(self.len.saturating_sub(at)) as usize;
            let mut bytes = std::mem::take(&mut self.bytes);
            bytes.resize(size, 0);
            let read = self.read(at, &mut bytes)?;
            bytes.truncate(read);
            self.bytes = bytes;
        }
        let from = ((at.saturating_sub(self.start)) as usize).min(self.bytes.len());
        let to = (from + wanted).min(self.bytes.len());
        Ok(&self.bytes[from..to])
    }

    /// All `count` bytes at `at`, read in pieces of `piece` bytes. The caller has compared `count` with its
    /// own limit; here it is compared with the source.
    pub fn read_all(
        &mut self,
        what: &'static str,
        at: u64,
        count: u64,
        piece: usize,
    ) -> Result<Vec<u8>, ContainerError> {
        if count > self.len.saturating_sub(at) {
            return Err(ContainerError::Truncated { what, at });
        }
        if self.holds(at, count as usize) {
            let from = (at - self.start) as usize;
            return Ok(self.bytes[from..from + count as usize].to_vec());
        }
        let mut all = vec![0; count as usize];
        let mut done = 0;
        for part in all.chunks_mut(piece.max(1)) {
            if self.read(at + done, part)? < part.len() {
                return Err(ContainerError::Truncated { what, at });
            }
            done += part.len() as u64;
        }
        Ok(all)
    }

    fn read(&mut self, at: u64, buffer: &mut [u8]) -> Result<usize, ContainerError> {
        let read = self.source.read_at(at, buffer).map_err(|source| ContainerError::Io { at, source })?;
        Ok(read.min(buffer.len()))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Bytes in memory that count how often and how much is read of them.
    pub struct CountingSource {
        pub bytes: Vec<u8>,
        pub reads: usize,
        pub bytes_read: u64,
    }

    impl CountingSource {
        pub fn new(bytes: Vec<u8>) -> Self {
            Self { bytes, reads: 0, bytes_read: 0 }
        }
    }

    impl ReadAt for CountingSource {
        fn len(&self) -> u64 {
            self.bytes.len() as u64
        }

        fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
            let from = (offset as usize).min(self.bytes.len());
            let count = buffer.len().min(self.bytes.len() - from);
            buffer[..count].copy_from_slice(&self.bytes[from..from + count]);
            self.reads += 1;
            self.bytes_read += count as u64;
            Ok(count)
        }
    }

    fn counted() -> CountingSource {
        CountingSource::new((0..=255).collect())
    }

    #[test]
    fn neighbouring_headers_cost_one_read() {
        let mut source = counted();
        let mut window = Window::new(&mut source);
        for at in (0..64).step_by(8) {
            assert_eq!(window.peek(at, 8, 64).expect("bytes")[0], at as u8);
        }
        assert_eq!(source.reads, 1);
    }

    #[test]
    fn a_peek_is_short_only_at_the_end() {
        let mut source = counted();
        let mut window = Window::new(&mut source);
        for (at, count, expected) in
            [(0, 16, 16), (250, 16, 6), (256, 16, 0), (1_000, 16, 0), (u64::MAX, 16, 0)]
        {
            assert_eq!(window.peek(at, count, 0).expect("bytes").len(), expected, "{at}");
        }
    }

    #[test]
    fn a_whole_read_comes_in_pieces_or_not_at_all() {
        let mut source = counted();
        let mut window = Window::new(&mut source);
        assert_eq!(window.read_all("x", 10, 200, 64).expect("bytes").len(), 200);
        assert!(matches!(
            window.read_all("x", 100, 157, 64),
            Err(ContainerError::Truncated { what: "x", at: 100 })
        ));
        assert!(window.read_all("x", u64::MAX, u64::MAX, 64).is_err());
        assert_eq!(source.reads, 4);
    }
}
