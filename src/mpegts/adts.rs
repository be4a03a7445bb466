//! Audio data transport stream (ISO/IEC 14496-3 section 1.A.2.2): AAC with its configuration in front of every frame.

/// What is the same of every frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdtsHeader {
    profile: u8,
    rate_index: u8,
    channels: u8,
}

const BYTES: usize = 7;
/// frame_length has thirteen bits.
const MAX_FRAME: usize = (1 << 13) - 1 - BYTES;

impl AdtsHeader {
    /// From an AudioSpecificConfig (section 1.6.2.1). `None` for what the header cannot say: other object types than
    /// the four of MPEG-2, rates that are not in the table, channels in a program config element. Of spectral band
    /// replication it says nothing; decoders find it in the frames.
    pub fn new(config: &[u8]) -> Option<Self> {
        let bits = u16::from_be_bytes([*config.first()?, *config.get(1)?]);
        let object_type = (bits >> 11) as u8;
        let rate_index = (bits >> 7 & 0x0f) as u8;
        let channels = (bits >> 3 & 0x0f) as u8;
        let profile = match object_type {
            1..=4 => object_type - 1,
            // Explicit signalling of SBR, without and with parametric stereo, on AAC-LC.
            5 | 29 => 1,
            _ => return None,
        };
        (rate_index <= 12 && (1..=7).contains(&channels)).then_some(Self { profile, rate_index, channels })
    }

    /// Appends `frame` behind its header; `false`, and nothing appended, where it is longer than that can say.
    pub fn append(self, out: &mut Vec<u8>, frame: &[u8]) -> bool {
        if frame.len() > MAX_FRAME {
            return false;
        }
        let length = frame.len() + BYTES;
        out.extend([
            // Twelve ones, MPEG-4, no check.
            0xff,
            0xf1,
            self.profile << 6 | self.rate_index << 2 | self.channels >> 2,
            (self.channels & 3) << 6 | (length >> 11) as u8,
            (length >> 3) as u8,
            // Fullness of all ones: variable bit rate.
            (length << 5) as u8 | 0x1f,
            0xfc,
        ]);
        out.extend_from_slice(frame);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_says_profile_rate_channels_and_length() {
        let header = AdtsHeader::new(&[0x11, 0x90]).expect("AAC-LC, 48 kHz, stereo");
        let mut out = Vec::new();
        assert!(header.append(&mut out, &[0xaa; 300]));
        // As ffmpeg writes it, with the length 307.
        assert_eq!(out[..7], [0xff, 0xf1, 0x4c, 0x80, 0x26, 0x7f, 0xfc]);
        assert_eq!(out.len(), 307);
        assert!(!header.append(&mut out, &[0; 8185]));
        assert_eq!(out.len(), 307);
    }

    #[test]
    fn what_the_header_cannot_say_has_none() {
        // Explicit SBR on 24 kHz stereo; then object type 42 (xHE-AAC), a rate of its own, a program config element.
        assert_eq!(
            AdtsHeader::new(&[0x2b, 0x11, 0x88]),
            Some(AdtsHeader { profile: 1, rate_index: 6, channels: 2 })
        );
        for config in [[0xf9, 0x46].as_slice(), &[0x17, 0x90], &[0x11, 0x80], &[0x11], &[]] {
            assert_eq!(AdtsHeader::new(config), None, "{config:x?}");
        }
    }
}
