//! Tells a whole file from a torn one. Behind the bytes of a piece stands a `free` box (ISO/IEC 14496-12, 8.1.2)
//! with their length and checksum; it is cut off again when they are read.
//!
//! Files are not synced to the disk one by one, which would cost more than making them. So a power cut may leave a
//! file short, empty, with zeros where its data never arrived, or with other data; all of it fails here, as does a
//! flipped bit. Box sizes would notice only the first two.

use bytes::Bytes;

use super::piece::{Piece, checksum};

pub const SEAL_BYTES: u64 = 24;
const SIZE: usize = SEAL_BYTES as usize;
/// Names the layout of the rest.
const MAGIC: &[u8; 4] = b"mrs1";

/// The box behind `length` bytes of that checksum.
pub fn seal(length: u64, checksum: u32) -> [u8; SIZE] {
    let mut seal = [0; SIZE];
    seal[..4].copy_from_slice(&(SIZE as u32).to_be_bytes());
    seal[4..8].copy_from_slice(b"free");
    seal[8..12].copy_from_slice(MAGIC);
    seal[12..16].copy_from_slice(&checksum.to_be_bytes());
    seal[16..].copy_from_slice(&length.to_be_bytes());
    seal
}

/// The piece in a sealed file; `None` when it is torn.
pub fn open(mut file: Bytes) -> Option<Piece> {
    let end = file.len().checked_sub(SIZE).filter(|length| *length > 0)?;
    let found = file.split_off(end);
    let checksum = checksum(std::slice::from_ref(&file));
    (found[..] == seal(end as u64, checksum)).then_some(Piece { bytes: file, checksum })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment() -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, 8, b'm', b'o', b'o', b'f', 0, 0, 0, 200, b'm', b'd', b'a', b't'];
        bytes.extend((0..192_u32).map(|n| (n * 7) as u8));
        bytes
    }

    fn sealed() -> Vec<u8> {
        let piece = Piece::new(segment().into());
        [segment(), seal(piece.len(), piece.checksum).to_vec()].concat()
    }

    fn is_whole(file: Vec<u8>) -> bool {
        open(file.into()).is_some()
    }

    #[test]
    fn a_whole_file_opens_to_what_was_sealed() {
        let piece = open(sealed().into()).expect("whole");
        assert_eq!(piece, Piece::new(segment().into()));
        assert!(!is_whole(seal(0, 0).to_vec()), "nothing is no segment");
        assert!(!is_whole(segment()), "without a seal");
    }

    #[test]
    fn a_file_cut_off_anywhere_is_torn() {
        let sealed = sealed();
        (0..sealed.len()).for_each(|end| assert!(!is_whole(sealed[..end].to_vec()), "{end}"));
        assert!(!is_whole([&sealed[..], &[0]].concat()), "and one with something behind it");
    }

    #[test]
    fn a_file_with_zeros_anywhere_is_torn() {
        let sealed = sealed();
        for from in 0..sealed.len() {
            for to in [from + 1, from + 16, sealed.len()] {
                let mut file = sealed.clone();
                let hole = &mut file[from..to.min(sealed.len())];
                if hole.iter().any(|byte| *byte != 0) {
                    hole.fill(0);
                    assert!(!is_whole(file), "{from}..{to}");
                }
            }
        }
    }

    #[test]
    fn a_file_with_one_flipped_bit_is_torn() {
        let sealed = sealed();
        for bit in 0..sealed.len() * 8 {
            let mut file = sealed.clone();
            file[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_whole(file), "{bit}");
        }
    }
}
