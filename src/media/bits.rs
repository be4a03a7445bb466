//! Bits of a raw byte sequence payload (ITU-T H.264 sections 7.2 and 9.1), and the bytes that keep start codes out
//! of it (section 7.4.1.1).

/// Reads from the front; `None` behind the end.
pub struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub fn bit(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// `u(count)`, up to 32 bits.
    pub fn bits(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |value, _| Some(value << 1 | u32::from(self.bit()?)))
    }

    /// `ue(v)`.
    pub fn exp_golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some(((1_u64 << zeros) - 1) as u32 + self.bits(zeros)?)
    }
}

#[derive(Default)]
pub struct BitWriter {
    bytes: Vec<u8>,
    used: usize,
}

impl BitWriter {
    pub fn bit(&mut self, bit: bool) {
        if self.used.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit) << (7 - self.used % 8);
        }
        self.used += 1;
    }

    pub fn bits(&mut self, count: u32, value: u32) {
        (0..count).rev().for_each(|place| self.bit(value >> place & 1 == 1));
    }

    pub fn exp_golomb(&mut self, value: u32) {
        let code = u64::from(value) + 1;
        let length = code.ilog2();
        (0..length).for_each(|_| self.bit(false));
        (0..=length).rev().for_each(|place| self.bit(code >> place & 1 == 1));
    }

    /// The last byte filled up with zeros.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The bytes with `rbsp_trailing_bits`.
    pub fn finish(mut self) -> Vec<u8> {
        self.bit(true);
        self.bytes
    }
}

/// The payload of a NAL unit without its emulation prevention bytes.
pub fn unescaped(payload: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(payload.len());
    let mut zeros = 0;
    for &byte in payload {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        plain.push(byte);
    }
    plain
}

pub fn escaped(plain: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(plain.len() + 4);
    let mut zeros = 0;
    for &byte in plain {
        if zeros >= 2 && byte <= 3 {
            payload.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        payload.push(byte);
    }
    payload
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(values in prop::collection::vec((1_u32..=32, 0..u32::MAX), 0..40)) {
            let mut writer = BitWriter::default();
            for &(count, value) in &values {
                writer.bits(count, value);
                writer.exp_golomb(value);
            }
            let bytes = writer.finish();
            let mut reader = BitReader::new(&bytes);
            for &(count, value) in &values {
                let kept = if count == 32 { value } else { value & ((1 << count) - 1) };
                prop_assert_eq!(reader.bits(count), Some(kept));
                prop_assert_eq!(reader.exp_golomb(), Some(value));
            }
        }

        #[test]
        fn escaping_hides_start_codes_and_can_be_undone(plain in prop::collection::vec(0_u8..5, 0..200)) {
            let hidden = escaped(&plain);
            prop_assert!(!hidden.windows(3).any(|three| three[0] == 0 && three[1] == 0 && three[2] < 3));
            prop_assert_eq!(unescaped(&hidden), plain);
        }
    }
}
