//! FLAC's STREAMINFO (RFC 9639 section 8.2).

/// Bytes of the block's body.
const STREAM_INFO_BYTES: usize = 34;
const MAGIC: &[u8] = b"fLaC";
/// Bytes of a metadata block's header.
const BLOCK_HEADER: usize = 4;
/// STREAMINFO comes within the first bytes: behind the magic, and in Ogg behind nine bytes of its mapping.
const MAX_PREFIX: usize = 16;

/// The body of STREAMINFO in a stream header (native or Ogg's first packet), or when the bytes are nothing else.
pub fn stream_info(header: &[u8]) -> Option<&[u8]> {
    if header.len() == STREAM_INFO_BYTES {
        return Some(header);
    }
    let at = header.windows(MAGIC.len()).take(MAX_PREFIX).position(|bytes| bytes == MAGIC)?;
    let block = header.get(at + MAGIC.len()..)?;
    // Type 0 and its length; the highest bit says that no other block follows.
    let is_stream_info =
        block.first()? & 0x7f == 0 && block.get(1..BLOCK_HEADER)? == [0, 0, STREAM_INFO_BYTES as u8];
    block.get(BLOCK_HEADER..BLOCK_HEADER + STREAM_INFO_BYTES).filter(|_| is_stream_info)
}

/// Samples of every frame but the last, where all have the same number.
pub fn block_samples(stream_info: &[u8]) -> Option<u32> {
    let [a, b, c, d, ..] = *stream_info else { return None };
    let (least, most) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    (least == most && least >= 16).then(|| least.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_header_of_native_flac_and_of_ogg() {
        let mut info = [7; STREAM_INFO_BYTES];
        info[..4].copy_from_slice(&[0x10, 0, 0x10, 0]);
        let native = [MAGIC, &[0x80, 0, 0, 34], &info].concat();
        let ogg = [&[0x7f][..], b"FLAC", &[1, 0, 0, 1], &native].concat();
        for header in [&native[..], &ogg, &info] {
            assert_eq!(stream_info(header), Some(&info[..]));
        }
        assert_eq!(block_samples(&info), Some(4096));
    }

    #[test]
    fn other_blocks_and_short_headers_are_none() {
        let vorbis_comment = [MAGIC, &[0x84, 0, 0, 34], &[0; 34]].concat();
        for header in [&vorbis_comment[..], MAGIC, &[], b"fLaC\0\0\0\x22123"] {
            assert_eq!(stream_info(header), None);
        }
    }

    #[test]
    fn blocks_of_several_sizes_have_none() {
        assert_eq!(block_samples(&[0x10, 0, 0x12, 0]), None);
        assert_eq!(block_samples(&[]), None);
    }
}
