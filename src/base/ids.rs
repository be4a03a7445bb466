//! Stable random ids.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A file of a library: 80 random bits as 20 hexadecimal digits. Random, so that it says nothing of the path
/// and survives a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId([u8; Self::BYTES]);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a file id is 20 hexadecimal digits")]
pub struct NotAFileId;

impl FileId {
    const BYTES: usize = 10;

    pub fn random() -> Self {
        let mut bytes = [0; Self::BYTES];
        fill_random(&mut bytes);
        Self(bytes)
    }
}

/// Fills `bytes` from the kernel's generator.
pub fn fill_random(bytes: &mut [u8]) {
    let mut filled = 0;
    while filled < bytes.len() {
        match rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => unreachable!("the kernel has a random generator: {error}"),
        }
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for FileId {
    type Err = NotAFileId;

    fn from_str(text: &str) -> Result<Self, NotAFileId> {
        if text.len() != 2 * Self::BYTES || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(NotAFileId);
        }
        let mut bytes = [0; Self::BYTES];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| NotAFileId)?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for FileId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FileId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back_as_it_was_printed() {
        let id = FileId::random();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_ne!(id, FileId::random());
    }

    #[test]
    fn anything_else_is_no_id() {
        for text in ["", "..", "0123456789abcdef0123 ", "0123456789ABCDEF0123", "é123456789abcdef012"] {
            assert_eq!(text.parse::<FileId>(), Err(NotAFileId), "{text:?}");
        }
    }
}
