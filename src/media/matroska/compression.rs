//! What a track's blocks went through before they were stored (RFC 9559, 5.1.4.1.31): mkvmerge stores text deflated.

use std::io::Read;

use super::ebml::{Element, Id};

const CONTENT_ENCODINGS: Id = 0x6d80;
const CONTENT_ENCODING: Id = 0x6240;
const SCOPE: Id = 0x5032;
const TYPE: Id = 0x5033;
const COMPRESSION: Id = 0x5034;
const ALGORITHM: Id = 0x4254;
const SETTINGS: Id = 0x4255;
/// Bit of the scope: the contents of all blocks.
const BLOCKS: u64 = 1;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compression {
    None,
    Zlib,
    /// These bytes begin every block and are not stored.
    Stripped(Vec<u8>),
    /// Encrypted, or by an algorithm that nobody uses.
    Unknown,
}

impl Compression {
    /// Of a `TrackEntry`. Of several encodings none is undone: writers make one.
    pub fn of(entry: Element<'_>) -> Self {
        let Some(encodings) = entry.child(CONTENT_ENCODINGS) else { return Self::None };
        let in_blocks =
            |encoding: &Element<'_>| encoding.child_unsigned(SCOPE).unwrap_or(BLOCKS) & BLOCKS != 0;
        let encodings = encodings.children().filter(|child| child.id == CONTENT_ENCODING);
        let mut encodings = encodings.filter(in_blocks);
        let (encoding, more) = (encodings.next(), encodings.next());
        match (encoding, more) {
            (None, _) => Self::None,
            (Some(encoding), None) if encoding.child_unsigned(TYPE).unwrap_or(0) == 0 => {
                let compression = encoding.child(COMPRESSION);
                let settings = || compression.and_then(|found| found.child(SETTINGS));
                match compression.and_then(|found| found.child_unsigned(ALGORITHM)).unwrap_or(0) {
                    0 => Self::Zlib,
                    3 => Self::Stripped(settings().map(|bytes| bytes.body.to_vec()).unwrap_or_default()),
                    _ => Self::Unknown,
                }
            }
            _ => Self::Unknown,
        }
    }

    /// The block as it was before, of at most `limit` bytes; `None` where it cannot be told.
    pub fn undo(&self, stored: &[u8], limit: u64) -> Option<Vec<u8>> {
        match self {
            Self::None => Some(stored.to_vec()),
            Self::Stripped(head) => Some([head, stored].concat()),
            Self::Zlib => {
                let mut plain = Vec::new();
                let mut decoder = flate2::read::ZlibDecoder::new(stored).take(limit + 1);
                decoder.read_to_end(&mut plain).ok()?;
                (plain.len() as u64 <= limit).then_some(plain)
            }
            Self::Unknown => None,
        }
    }
}
