//! Blocks (RFC 9559, 5.1.3.5 and 10.1 to 10.3): which track they are of, when, and what is in them. None is laced
//! that is read here.

use super::ebml::{Element, Header, Id, LONGEST_HEADER, elements};
use crate::media::TrackNumber;

pub const SIMPLE_BLOCK: Id = 0xa3;
pub const BLOCK_GROUP: Id = 0xa0;
const BLOCK: Id = 0xa1;
const BLOCK_DURATION: Id = 0x9b;
const BLOCK_ADDITIONS: Id = 0x75a1;
const BLOCK_MORE: Id = 0xa6;
const BLOCK_ADDITIONAL: Id = 0xa5;

/// Bytes of a block or a group in which its track is told, if it is.
pub const HEAD: usize = LONGEST_HEADER + 8;
/// Bits of a block's flags that say how it is laced.
const LACING: u8 = 0x06;

/// One block with what its group says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Timestamps behind the cluster's.
    pub offset: i16,
    /// In timestamps.
    pub duration: Option<i64>,
    pub data: Vec<u8>,
    /// What WebVTT's settings and identifiers come in.
    pub addition: Vec<u8>,
}

pub fn is_block(id: Id) -> bool {
    matches!(id, SIMPLE_BLOCK | BLOCK_GROUP)
}

/// The track of the element `id` whose body begins with `head`; `None` where a group begins with something else than
/// its block.
pub fn track(id: Id, head: &[u8]) -> Option<TrackNumber> {
    let block = match id {
        SIMPLE_BLOCK => head,
        _ => {
            let header = Header::parse(head, 0).ok().filter(|header| header.id == BLOCK)?;
            head.get(header.length as usize..)?
        }
    };
    number(block).map(|(number, _)| number)
}

impl Block {
    /// Of the element `id` with `body`.
    pub fn parse(id: Id, body: &[u8]) -> Option<Self> {
        if id == SIMPLE_BLOCK {
            return Self::of_bytes(body);
        }
        let group = Element { id, body };
        let mut block = Self::of_bytes(group.child(BLOCK)?.body)?;
        block.duration = group.child_unsigned(BLOCK_DURATION).and_then(|value| i64::try_from(value).ok());
        let addition = elements(body)
            .filter(|child| child.id == BLOCK_ADDITIONS)
            .flat_map(|additions| elements(additions.body))
            .filter(|more| more.id == BLOCK_MORE)
            .find_map(|more| more.child(BLOCK_ADDITIONAL));
        block.addition = addition.map(|addition| addition.body.to_vec()).unwrap_or_default();
        Some(block)
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let (_, rest) = number(bytes)?;
        let [high, low, flags, data @ ..] = rest else { return None };
        (flags & LACING == 0).then(|| Self {
            offset: i16::from_be_bytes([*high, *low]),
            duration: None,
            data: data.to_vec(),
            addition: Vec::new(),
        })
    }
}

/// A number of EBML's variable length, and what follows it.
fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let length = bytes.first()?.leading_zeros() as usize + 1;
    let (number, rest) = bytes.split_at_checked(length).filter(|_| length <= 8)?;
    let value = number.iter().fold(0u64, |value, &byte| value << 8 | u64::from(byte));
    Some((value & ((1 << (7 * length)) - 1), rest))
}
