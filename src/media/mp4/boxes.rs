//! Boxes and their fields (ISO/IEC 14496-12, 4.2). What a box means belongs to the files beside this one.
//!
//! Invariants: no box reaches beyond its parent, and every step through a list of boxes moves on by at least
//! the eight bytes of a header.

use crate::media::ContainerError;

/// Bytes of the longest box header: size, type and a 64-bit size.
pub const LONGEST_HEADER: usize = 16;

/// A box in memory.
#[derive(Clone, Copy, Debug)]
pub struct Mp4Box<'a> {
    pub kind: [u8; 4],
    /// What follows the header.
    pub body: &'a [u8],
    /// Where the body begins in the file.
    pub at: u64,
}

/// A box header at the head of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub kind: [u8; 4],
    pub length: u64,
    /// Size of the whole box, header included.
    pub size: u64,
}

impl Header {
    /// The header that begins at byte `at` of the file, with `left` bytes from there to the end of the parent.
    /// A box may claim more than is left: the caller judges that.
    pub fn parse(bytes: &[u8], at: u64, left: u64) -> Result<Self, ContainerError> {
        let mut fields = Fields::new("box header", bytes, at);
        let size = u64::from(fields.u32()?);
        let kind = fields.four()?;
        let (length, size) = match size {
            0 => (8, left),
            1 => (16, fields.u64()?),
            size => (8, size),
        };
        if size < length {
            return Err(ContainerError::Malformed { what: "box size", at });
        }
        Ok(Self { kind, length, size })
    }
}

impl<'a> Mp4Box<'a> {
    pub fn children(&self) -> Boxes<'a> {
        Boxes { bytes: self.body, at: self.at }
    }

    /// Children after the first `skip` bytes of the body (version and flags, fields of a sample entry).
    pub fn children_after(&self, skip: usize) -> Boxes<'a> {
        let skip = skip.min(self.body.len());
        Boxes { bytes: &self.body[skip..], at: self.at + skip as u64 }
    }

    pub fn child(&self, kind: &[u8; 4]) -> Result<Option<Mp4Box<'a>>, ContainerError> {
        self.children().find_kind(kind)
    }

    pub fn require(&self, kind: &[u8; 4], what: &'static str) -> Result<Mp4Box<'a>, ContainerError> {
        self.child(kind)?.ok_or(ContainerError::Missing { what, at: self.at })
    }

    /// A child of a box that playback does not hang on: damage before it means there is none.
    pub fn optional(&self, kind: &[u8; 4]) -> Option<Mp4Box<'a>> {
        self.children().intact().find(|child| child.kind == *kind)
    }

    pub fn fields(&self, what: &'static str) -> Fields<'a> {
        Fields::new(what, self.body, self.at)
    }
}

/// The boxes that lie one after the other in some bytes; ends after the first error.
#[derive(Clone, Debug)]
pub struct Boxes<'a> {
    bytes: &'a [u8],
    at: u64,
}

impl<'a> Boxes<'a> {
    pub fn intact(self) -> impl Iterator<Item = Mp4Box<'a>> {
        self.map_while(Result::ok)
    }

    fn find_kind(self, kind: &[u8; 4]) -> Result<Option<Mp4Box<'a>>, ContainerError> {
        for child in self {
            let child = child?;
            if child.kind == *kind {
                return Ok(Some(child));
            }
        }
        Ok(None)
    }
}

impl<'a> Iterator for Boxes<'a> {
    type Item = Result<Mp4Box<'a>, ContainerError>;

    fn next(&mut self) -> Option<Self::Item> {
        // QuickTime ends some lists with four zero bytes: fewer than a header are no box.
        if self.bytes.len() < 8 {
            return None;
        }
        let (bytes, at) = (std::mem::take(&mut self.bytes), self.at);
        let header = match Header::parse(bytes, at, bytes.len() as u64) {
            Ok(header) => header,
            Err(error) => return Some(Err(error)),
        };
        if header.size > bytes.len() as u64 {
            return Some(Err(ContainerError::Truncated { what: "box", at }));
        }
        let (whole, rest) = bytes.split_at(header.size as usize);
        self.bytes = rest;
        self.at = at + header.size;
        Some(Ok(Mp4Box { kind: header.kind, body: &whole[header.length as usize..], at: at + header.length }))
    }
}

/// Big-endian fields, one after the other; every read is checked.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    what: &'static str,
    bytes: &'a [u8],
    at: u64,
}

impl<'a> Fields<'a> {
    pub fn new(what: &'static str, bytes: &'a [u8], at: u64) -> Self {
        Self { what, bytes, at }
    }

    pub fn take(&mut self, count: usize) -> Result<&'a [u8], ContainerError> {
        if count > self.bytes.len() {
            return Err(ContainerError::Truncated { what: self.what, at: self.at });
        }
        let (taken, rest) = self.bytes.split_at(count);
        self.bytes = rest;
        self.at += count as u64;
        Ok(taken)
    }

    pub fn skip(&mut self, count: usize) -> Result<(), ContainerError> {
        self.take(count).map(drop)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ContainerError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub fn u8(&mut self) -> Result<u8, ContainerError> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub fn u16(&mut self) -> Result<u16, ContainerError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub fn u32(&mut self) -> Result<u32, ContainerError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub fn i32(&mut self) -> Result<i32, ContainerError> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    pub fn u64(&mut self) -> Result<u64, ContainerError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// Four character code.
    pub fn four(&mut self) -> Result<[u8; 4], ContainerError> {
        self.array()
    }

    /// Version and flags of a full box.
    pub fn version_and_flags(&mut self) -> Result<(u8, u32), ContainerError> {
        let word = self.u32()?;
        Ok(((word >> 24) as u8, word & 0x00ff_ffff))
    }

    /// A 32-bit field that version 1 of its box widened to 64 bits.
    pub fn u32_or_u64(&mut self, version: u8) -> Result<u64, ContainerError> {
        if version == 0 { self.u32().map(u64::from) } else { self.u64() }
    }

    /// A table of `N`-byte entries behind its 32-bit count; the count is checked against the bytes.
    pub fn table<const N: usize>(&mut self) -> Result<&'a [[u8; N]], ContainerError> {
        let at = self.at;
        let count = self.u32()? as usize;
        let (entries, _) = self.bytes.as_chunks();
        entries.get(..count).ok_or(ContainerError::Truncated { what: self.what, at })
    }

    pub fn rest(&self) -> &'a [u8] {
        self.bytes
    }
}

/// The 32-bit word at byte `from` of a table entry.
pub fn word<const N: usize>(entry: &[u8; N], from: usize) -> u32 {
    entry[from..from + 4].iter().fold(0, |word, &byte| word << 8 | u32::from(byte))
}

/// UTF-8 text of at most `limit` bytes, without the zeros and spaces around it; `None` where nothing is left.
pub fn text(bytes: &[u8], limit: usize) -> Option<String> {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(limit)]);
    let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A box of `kind` around the parts of its body.
    pub fn boxed(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
        let body = parts.concat();
        [&(body.len() as u32 + 8).to_be_bytes()[..], kind, &body].concat()
    }

    /// A full box: `words` of 32 bits behind version and flags.
    pub fn full(kind: &[u8; 4], version: u8, flags: u32, words: &[u32]) -> Vec<u8> {
        let head = (u32::from(version) << 24 | flags).to_be_bytes();
        let words: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        boxed(kind, &[&head, &words])
    }

    fn kinds(bytes: &[u8]) -> Vec<Result<(String, usize), String>> {
        Boxes { bytes, at: 0 }
            .map(|item| match item {
                Ok(found) => Ok((String::from_utf8_lossy(&found.kind).into_owned(), found.body.len())),
                Err(error) => Err(error.to_string()),
            })
            .collect()
    }

    #[test]
    fn sizes_of_every_form_are_read() {
        let long = [&[0, 0, 0, 1], &b"long"[..], &18u64.to_be_bytes(), &[7, 7]].concat();
        let to_the_end = [&[0, 0, 0, 0], &b"last"[..], &[1, 2, 3]].concat();
        let all = [boxed(b"free", &[]), long, to_the_end].concat();
        assert_eq!(kinds(&all), [Ok(("free".into(), 0)), Ok(("long".into(), 2)), Ok(("last".into(), 3))]);
    }

    #[test]
    fn a_box_that_lies_about_its_size_ends_the_list() {
        for (bytes, error) in [
            (&[0, 0, 0, 7, b'f', b'r', b'e', b'e', 0, 0][..], "box size at byte 8 is malformed"),
            (&[0, 0, 0, 9, b'f', b'r', b'e', b'e'], "box at byte 8 is cut short"),
            (&[0, 0, 0, 1, b'f', b'r', b'e', b'e', 0, 0], "box header at byte 16 is cut short"),
            (
                &[0, 0, 0, 1, b'f', b'r', b'e', b'e', 255, 255, 255, 255, 255, 255, 255, 255],
                "box at byte 8 is cut short",
            ),
        ] {
            let all = [&boxed(b"good", &[])[..], bytes].concat();
            assert_eq!(kinds(&all), [Ok(("good".into(), 0)), Err(error.into())]);
        }
    }

    #[test]
    fn a_table_cannot_count_more_than_its_bytes() {
        let bytes = [&2u32.to_be_bytes()[..], &[1, 2, 3, 4, 5, 6, 7]].concat();
        assert!(Fields::new("stss", &bytes, 0).table::<4>().is_err());
        assert_eq!(Fields::new("stss", &bytes, 0).table::<3>().expect("two").len(), 2);
    }
}
