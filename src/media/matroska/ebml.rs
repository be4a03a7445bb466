//! EBML elements (RFC 8794): identifiers, sizes and values. What an element means belongs to the files beside
//! this one.
//!
//! Invariants: no element reaches beyond its parent, and every step through a list of elements moves on by at
//! least the two bytes of the shortest header.

use crate::media::ContainerError;

/// Bytes of the longest element header: an identifier of four and a size of eight.
pub const LONGEST_HEADER: usize = 12;

/// An element's identifier, its marker bit included, as RFC 9559 writes it.
pub type Id = u32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub id: Id,
    /// Bytes of the header itself.
    pub length: u64,
    /// Bytes of the body; `None` where the writer did not know (a live recording).
    pub size: Option<u64>,
}

impl Header {
    pub fn parse(bytes: &[u8], at: u64) -> Result<Self, ContainerError> {
        let truncated = ContainerError::Truncated { what: "element header", at };
        let malformed = |what| ContainerError::Malformed { what, at };
        let Some(&first) = bytes.first() else { return Err(truncated) };
        let id_length = first.leading_zeros() as usize + 1;
        if id_length > 4 {
            return Err(malformed("element identifier"));
        }
        let Some(&second) = bytes.get(id_length) else { return Err(truncated) };
        let size_length = second.leading_zeros() as usize + 1;
        if size_length > 8 {
            return Err(malformed("element size"));
        }
        let length = id_length + size_length;
        if bytes.len() < length {
            return Err(truncated);
        }
        let size = big_endian(&bytes[id_length..length]) & ((1 << (7 * size_length)) - 1);
        let unknown = (1 << (7 * size_length)) - 1;
        Ok(Self {
            id: big_endian(&bytes[..id_length]) as Id,
            length: length as u64,
            size: (size != unknown).then_some(size),
        })
    }
}

/// An element in memory.
#[derive(Clone, Copy, Debug)]
pub struct Element<'a> {
    pub id: Id,
    pub body: &'a [u8],
}

impl<'a> Element<'a> {
    /// Unsigned integer of up to eight bytes; none at all is zero.
    pub fn unsigned(&self) -> Option<u64> {
        (self.body.len() <= 8).then(|| big_endian(self.body))
    }

    pub fn flag(&self) -> Option<bool> {
        self.unsigned().map(|value| value != 0)
    }

    /// A float of no, four or eight bytes; a number, not an infinity.
    pub fn float(&self) -> Option<f64> {
        let value = match *self.body {
            [] => 0.0,
            [a, b, c, d] => f64::from(f32::from_be_bytes([a, b, c, d])),
            [a, b, c, d, e, f, g, h] => f64::from_be_bytes([a, b, c, d, e, f, g, h]),
            _ => return None,
        };
        value.is_finite().then_some(value)
    }

    /// Text, which may be padded with zeros; `None` where nothing is left. Cut at `limit` bytes.
    pub fn text(&self, limit: usize) -> Option<String> {
        let end = self.body.iter().position(|&byte| byte == 0).unwrap_or(self.body.len());
        let text = String::from_utf8_lossy(&self.body[..end.min(limit)]);
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    pub fn children(&self) -> Elements<'a> {
        elements(self.body)
    }

    /// The first child with this identifier.
    pub fn child(&self, id: Id) -> Option<Element<'a>> {
        self.children().find(|child| child.id == id)
    }

    pub fn child_unsigned(&self, id: Id) -> Option<u64> {
        self.child(id)?.unsigned()
    }
}

/// The elements that lie one after the other in some bytes, as far as they are intact: EBML is made to be read up
/// to the damage.
pub fn elements(bytes: &[u8]) -> Elements<'_> {
    Elements { bytes }
}

#[derive(Clone, Debug)]
pub struct Elements<'a> {
    bytes: &'a [u8],
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        let bytes = std::mem::take(&mut self.bytes);
        let header = Header::parse(bytes, 0).ok()?;
        let rest = &bytes[header.length as usize..];
        let size = header.size.unwrap_or(rest.len() as u64);
        if size > rest.len() as u64 {
            return None;
        }
        let (body, rest) = rest.split_at(size as usize);
        self.bytes = rest;
        Some(Element { id: header.id, body })
    }
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, &byte| value << 8 | u64::from(byte))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An element around the parts of its body, its size in eight bytes.
    pub fn element(id: Id, parts: &[&[u8]]) -> Vec<u8> {
        let body = parts.concat();
        let size = (1 << 56 | body.len() as u64).to_be_bytes();
        [id_bytes(id), size.to_vec(), body].concat()
    }

    pub fn unsigned(id: Id, value: u64) -> Vec<u8> {
        let bytes = value.to_be_bytes();
        element(id, &[&bytes[(value.leading_zeros() as usize / 8).min(7)..]])
    }

    pub fn id_bytes(id: Id) -> Vec<u8> {
        id.to_be_bytes()[id.leading_zeros() as usize / 8..].to_vec()
    }

    #[test]
    fn headers_of_every_length_are_read() {
        for (bytes, id, length, size) in [
            (&[0xec, 0x85][..], 0xec, 2, Some(5)),
            (&[0x42, 0x86, 0x40, 0x05], 0x4286, 4, Some(5)),
            (&[0x2a, 0xd7, 0xb1, 0x20, 1, 0], 0x2a_d7b1, 6, Some(256)),
            (&[0x1a, 0x45, 0xdf, 0xa3, 0x01, 0, 0, 0, 0, 0, 0, 9], 0x1a45_dfa3, 12, Some(9)),
            (&[0xec, 0xff], 0xec, 2, None),
            (&[0xec, 0x01, 255, 255, 255, 255, 255, 255, 255], 0xec, 9, None),
        ] {
            assert_eq!(Header::parse(bytes, 0).expect("a header"), Header { id, length, size });
        }
    }

    #[test]
    fn broken_headers_are_errors() {
        for bytes in
            [&[][..], &[0xec], &[0x42, 0x86], &[0x00, 0x81], &[0x08, 0x81], &[0xec, 0x00], &[0xec, 0x40]]
        {
            assert!(Header::parse(bytes, 0).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn values_are_read_by_their_length() {
        fn value(body: &[u8]) -> Element<'_> {
            Element { id: 0, body }
        }
        assert_eq!(value(&[]).unsigned(), Some(0));
        assert_eq!(value(&[1, 0]).unsigned(), Some(256));
        assert_eq!(value(&[0; 9]).unsigned(), None);
        assert_eq!(value(&1.5f32.to_be_bytes()).float(), Some(1.5));
        assert_eq!(value(&2.5f64.to_be_bytes()).float(), Some(2.5));
        assert_eq!(value(&f64::NAN.to_be_bytes()).float(), None);
        assert_eq!(value(&[1, 2, 3]).float(), None);
        assert_eq!(value(b"abc\0\0").text(9).as_deref(), Some("abc"));
        assert_eq!(value(b"abc").text(2).as_deref(), Some("ab"));
        assert_eq!(value(b"\0abc").text(9), None);
    }

    #[test]
    fn a_list_ends_where_an_element_reaches_beyond_it() {
        let good = unsigned(0xd7, 300);
        let all = [&good[..], &[0xec, 0x85, 0, 0]].concat();
        let ids: Vec<Id> = elements(&all).map(|element| element.id).collect();
        assert_eq!(ids, [0xd7]);
    }
}
