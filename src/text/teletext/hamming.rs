//! How Teletext protects its bytes (EN 300 706, section 8): odd parity, Hamming 8/4 and Hamming 24/18.

/// Section 8.2: the byte that carries each of the sixteen values.
const CODES: [u8; 16] =
    [0x15, 0x02, 0x49, 0x5e, 0x64, 0x73, 0x38, 0x2f, 0xd0, 0xc7, 0x8c, 0x9b, 0xa1, 0xb6, 0xfd, 0xea];

/// The four bits in a byte; one wrong bit is corrected, of two `None` is known.
pub fn nibble(byte: u8) -> Option<u8> {
    (0..16).find(|&value| (CODES[usize::from(value)] ^ byte).count_ones() <= 1)
}

/// The eighteen bits in three bytes (section 8.3), the first one lowest; one wrong bit is corrected.
pub fn triplet(bytes: [u8; 3]) -> Option<u32> {
    let [low, middle, high] = bytes.map(u32::from);
    let word = low | middle << 8 | high << 16;
    // Each test is odd over the places in whose number its bit is set, places counted from one.
    let tests = (1..24).filter(|place| word >> (place - 1) & 1 == 1).fold(0u32, |tests, place| tests ^ place);
    let wrong = tests ^ 0x1f;
    let word = match (wrong, word.count_ones() % 2 == 1) {
        (0, _) => word,
        (place @ 1..24, false) => word ^ 1 << (place - 1),
        _ => return None,
    };
    Some(word >> 2 & 1 | (word >> 4 & 7) << 1 | (word >> 8 & 0x7f) << 4 | (word >> 16 & 0x7f) << 11)
}

/// The seven bits of a byte of odd parity; `None` where a bit is wrong.
pub fn character(byte: u8) -> Option<u8> {
    (byte.count_ones() % 2 == 1).then_some(byte & 0x7f)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub fn of_nibble(value: u8) -> u8 {
        CODES[usize::from(value)]
    }

    pub fn of_character(value: u8) -> u8 {
        if value.count_ones() % 2 == 1 { value } else { value | 0x80 }
    }

    pub fn of_triplet(value: u32) -> [u8; 3] {
        let bit = |n: u32| value >> n & 1;
        let mut word =
            bit(0) << 2 | (value >> 1 & 7) << 4 | (value >> 4 & 0x7f) << 8 | (value >> 11 & 0x7f) << 16;
        for test in 0..5 {
            let places = (1..24u32).filter(|place| place >> test & 1 == 1);
            let ones = places.filter(|place| word >> (place - 1) & 1 == 1).count();
            if ones.is_multiple_of(2) {
                word |= 1 << ((1 << test) - 1);
            }
        }
        if word.count_ones().is_multiple_of(2) {
            word |= 1 << 23;
        }
        [word as u8, (word >> 8) as u8, (word >> 16) as u8]
    }

    proptest! {
        #[test]
        fn one_wrong_bit_is_corrected_and_two_are_noticed(
            value in 0u32..1 << 18, first in 0u32..24, second in 0u32..24,
        ) {
            let flip = |bytes: [u8; 3], bit: u32| {
                let mut bytes = bytes;
                bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
                bytes
            };
            let sent = of_triplet(value);
            prop_assert_eq!(triplet(sent), Some(value));
            prop_assert_eq!(triplet(flip(sent, first)), Some(value));
            if first != second {
                prop_assert_eq!(triplet(flip(flip(sent, first), second)), None);
            }
            let value = value as u8 & 15;
            prop_assert_eq!(nibble(of_nibble(value)), Some(value));
            prop_assert_eq!(nibble(of_nibble(value) ^ 1 << (first % 8)), Some(value));
            if first % 8 != second % 8 {
                prop_assert_eq!(nibble(of_nibble(value) ^ 1 << (first % 8) ^ 1 << (second % 8)), None);
            }
        }
    }
}
