//! Headers of packetized elementary streams (ISO/IEC 13818-1 section 2.4.3.6).

/// stream_id of table 2-22.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamId {
    Video = 0xe0,
    Audio = 0xc0,
    /// private_stream_1: AC-3 and E-AC-3 (ATSC A/52 annex A section 4).
    Private = 0xbd,
}

/// The header in front of `length` bytes; times in units of 90 kHz.
pub fn header(stream: StreamId, presented: i64, decoded: i64, length: usize) -> Vec<u8> {
    let stamps: u8 = if presented == decoded { 5 } else { 10 };
    // "A value of 0 [...] is allowed only in PES packets whose payload consists of bytes from a video elementary
    // stream": those may be longer than the field can say.
    let behind = u16::try_from(3 + usize::from(stamps) + length)
        .ok()
        .filter(|_| stream != StreamId::Video)
        .unwrap_or(0);
    let mut header = vec![0, 0, 1, stream as u8];
    header.extend(behind.to_be_bytes());
    // Marker bits and data_alignment_indicator: an access unit begins right behind.
    header.extend([0x84, if stamps == 5 { 0x80 } else { 0xc0 }, stamps]);
    if stamps == 5 {
        header.extend(stamp(0b0010, presented));
    } else {
        header.extend(stamp(0b0011, presented));
        header.extend(stamp(0b0001, decoded));
    }
    header
}

/// 33 bits in three groups, each behind it a marker bit.
fn stamp(prefix: u8, at: i64) -> [u8; 5] {
    let byte = |shift: u32| (at >> shift) as u8;
    [prefix << 4 | (byte(29) & 0x0e) | 1, byte(22), byte(14) | 1, byte(7), byte(0) << 1 | 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(stamp: &[u8]) -> i64 {
        let bits = stamp.iter().map(|&byte| i64::from(byte)).collect::<Vec<_>>();
        assert!(stamp[0] & 1 == 1 && stamp[2] & 1 == 1 && stamp[4] & 1 == 1, "marker bits");
        (bits[0] >> 1 & 7) << 30 | bits[1] << 22 | (bits[2] >> 1) << 15 | bits[3] << 7 | bits[4] >> 1
    }

    #[test]
    fn stamps_come_back_and_wrap_after_33_bits() {
        for at in [0, 1, 90_000, 1 << 15, 0x1_2345_6789, (1 << 33) - 1, (1 << 33) + 5] {
            let header = header(StreamId::Audio, at, at, 10);
            assert_eq!(read(&header[9..14]), at & ((1 << 33) - 1));
            assert_eq!(header.len(), 14);
        }
        let both = header(StreamId::Video, 180_000, 90_000, 100_000);
        assert_eq!((read(&both[9..14]), read(&both[14..19])), (180_000, 90_000));
        assert_eq!(both[4..6], [0, 0]);
    }

    #[test]
    fn the_length_counts_from_behind_itself() {
        let header = header(StreamId::Private, 0, 0, 100);
        assert_eq!(usize::from(u16::from_be_bytes([header[4], header[5]])), header.len() - 6 + 100);
    }
}
