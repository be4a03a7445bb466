//! Is a stored segment whole? Its boxes have to tile it.

/// True when `bytes` are one or more whole boxes, the last of them an `mdat` (segment) or `moov` (init).
pub fn whole(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let mut last = [0; 4];
    while let Some((header, _)) = rest.split_first_chunk::<8>() {
        let size = u32::from_be_bytes([header[0], header[1], header[2], header[3]]) as usize;
        last = [header[4], header[5], header[6], header[7]];
        match rest.get(size..) {
            Some(next) if size >= 8 => rest = next,
            _ => return false,
        }
    }
    rest.is_empty() && matches!(&last, b"mdat" | b"moov")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_boxes_are_whole() {
        let segment = [0, 0, 0, 8, b'm', b'o', b'o', b'f', 0, 0, 0, 9, b'm', b'd', b'a', b't', 1];
        assert!(whole(&segment));
        for length in 0..segment.len() {
            assert!(!whole(&segment[..length]), "{length}");
        }
        let mut zeros = segment;
        zeros[8..].fill(0);
        assert!(!whole(&zeros));
    }
}
