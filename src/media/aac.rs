//! AAC (ISO/IEC 14496-3): packets that lie in a hole of the file, and the silence that goes out in their place. A decoder
//! that meets one gives up in most browsers, and the picture with it.

/// No packet begins with so many zeros: it would begin with the same element twice.
const HOLE_BEFORE: usize = 8;
/// A packet ends with the element "END", whose bits are ones (section 4.4.2.1). What fills it up belongs before that; some
/// encoders may put a few zeros behind it.
const HOLE_BEHIND: usize = 32;

/// Whether bytes of it are missing, as where a download was never finished: there the disk has zeros.
pub fn is_torn(packet: &[u8]) -> bool {
    let nothing = !packet.is_empty() && packet.iter().all(|byte| *byte == 0);
    nothing || packet.starts_with(&[0; HOLE_BEFORE]) || packet.ends_with(&[0; HOLE_BEHIND])
}

/// A packet of AAC-LC in which nothing is heard; `None` where we have none for so many channels.
pub fn silence(channels: u8) -> Option<&'static [u8]> {
    Some(match channels {
        1 => &[0x00, 0xc8, 0x00, 0x80, 0x23, 0x80],
        2 => &[0x21, 0x00, 0x49, 0x90, 0x02, 0x19, 0x00, 0x23, 0x80],
        6 => &[
            0x00, 0xc8, 0x00, 0x80, 0x20, 0x84, 0x01, 0x26, 0x40, 0x08, 0x64, 0x00, 0x82, 0x30, 0x04, 0x99,
            0x00, 0x21, 0x90, 0x02, 0x00, 0xb2, 0x00, 0x20, 0x08, 0xe0,
        ],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_whole_and_holes_are_not() {
        for channels in [1, 2, 6] {
            assert!(!is_torn(silence(channels).unwrap()), "{channels}");
        }
        assert_eq!(silence(3), None);
        for (packet, torn) in [
            (&[0; 6][..], true),
            (&[0; 300], true),
            (&[&[0x21, 0x10][..], &[0; 32]].concat(), true),
            (&[0x21, 0x10, 0, 0, 0, 0, 0, 0, 0, 0], false),
            (&[0, 0, 0, 0, 0, 0, 0, 0, 0x23, 0x80], true),
            (&[0x21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0e], false),
            (&[], false),
        ] {
            assert_eq!(is_torn(packet), torn, "{packet:x?}");
        }
    }
}
