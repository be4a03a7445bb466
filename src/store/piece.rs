//! The bytes of a stored piece and the checksum that goes with them everywhere: on the disk it tells a torn file,
//! in HTTP it is the validator. It is computed when the piece is made or read, not when it is sent.

use bytes::Bytes;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub bytes: Bytes,
    pub checksum: u32,
}

impl Piece {
    pub fn new(bytes: Bytes) -> Self {
        let checksum = checksum(std::slice::from_ref(&bytes));
        Self { bytes, checksum }
    }

    /// One after the other, in one piece of memory.
    pub(super) fn joined(pieces: &[Bytes], checksum: u32) -> Self {
        let bytes = match pieces {
            [one] => one.clone(),
            several => several.concat().into(),
        };
        Self { bytes, checksum }
    }

    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// CRC-32 of `pieces`, one after the other.
pub fn checksum(pieces: &[Bytes]) -> u32 {
    let mut checksum = flate2::Crc::new();
    pieces.iter().for_each(|piece| checksum.update(piece));
    checksum.sum()
}
