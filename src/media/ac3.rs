//! AC-3 and E-AC-3 sync frames (ETSI TS 102 366), read for what a decoder is told in front: the `dac3` and `dec3` boxes
//! (annex F).

use super::bits::{BitReader, BitWriter};

/// A frame as far as it tells of the whole stream.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Frame {
    bytes: usize,
    fscod: u8,
    bsid: u8,
    bsmod: u8,
    acmod: u8,
    lfeon: bool,
    /// AC-3: half of frmsizecod.
    bit_rate_code: u8,
    /// E-AC-3: a dependent substream, and where its channels are (`chan_loc`).
    dependent: bool,
    locations: u16,
    /// E-AC-3: number of six-block units of samples, for the rate.
    blocks: u32,
    /// Complexity index of joint object coding (annex H): Dolby Atmos.
    objects: Option<u8>,
}

/// What a track's first packet says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DolbyConfig {
    /// Body of the `dac3` or `dec3` box.
    pub config: Vec<u8>,
    /// Full-range and low-frequency channels, those of dependent substreams included.
    pub channels: u8,
    /// Joint object coding: Dolby Atmos.
    pub objects: bool,
}

const SYNC_WORD: u32 = 0x0b77;
/// acmod → full-range channels (table 4.3).
const CHANNELS: [u8; 8] = [2, 1, 2, 3, 3, 4, 4, 5];
/// Channels of each bit of `chan_loc`, from the lowest (annex F, table F.6.3).
const LOCATED_CHANNELS: [u8; 9] = [2, 2, 1, 1, 2, 2, 2, 1, 1];
/// Substreams that are looked at; a stream has one, or one and its dependent one.
const MAX_SUBSTREAMS: usize = 8;
const SAMPLES_PER_BLOCK: u32 = 256;

/// From a packet of AC-3: one sync frame.
pub fn ac3(packet: &[u8]) -> Option<DolbyConfig> {
    let frame = ac3_frame(packet)?;
    let mut b = BitWriter::default();
    b.bits(2, frame.fscod.into());
    b.bits(5, frame.bsid.into());
    b.bits(3, frame.bsmod.into());
    b.bits(3, frame.acmod.into());
    b.bit(frame.lfeon);
    b.bits(5, frame.bit_rate_code.into());
    b.bits(5, 0);
    Some(DolbyConfig { config: b.into_bytes(), channels: own_channels(&frame), objects: false })
}

/// From a packet of E-AC-3: an access unit, which is an independent substream with those that depend on it.
pub fn eac3(packet: &[u8]) -> Option<DolbyConfig> {
    let first = eac3_frame(packet).filter(|frame| !frame.dependent)?;
    let (mut dependent, mut locations, mut bytes) = (0, 0, first.bytes);
    let mut rest = packet.get(first.bytes..).unwrap_or_default();
    for _ in 1..MAX_SUBSTREAMS {
        let Some(frame) = eac3_frame(rest).filter(|frame| frame.dependent) else { break };
        dependent += 1;
        locations |= frame.locations;
        bytes += frame.bytes;
        rest = rest.get(frame.bytes..).unwrap_or_default();
    }
    let mut b = BitWriter::default();
    let kbps =
        bytes as u64 * 8 * u64::from(rate(first.fscod)) / u64::from(first.blocks * SAMPLES_PER_BLOCK) / 1000;
    b.bits(13, u32::try_from(kbps).unwrap_or(0).min(0x1fff));
    // One independent substream.
    b.bits(3, 0);
    b.bits(2, first.fscod.into());
    b.bits(5, first.bsid.into());
    b.bits(2, 0);
    b.bits(3, first.bsmod.into());
    b.bits(3, first.acmod.into());
    b.bit(first.lfeon);
    b.bits(3, 0);
    b.bits(4, dependent);
    match dependent {
        0 => b.bits(1, 0),
        _ => b.bits(9, locations.into()),
    }
    if let Some(complexity) = first.objects {
        b.bits(7, 0);
        b.bit(true);
        b.bits(8, complexity.into());
    }
    let located = LOCATED_CHANNELS.iter().enumerate().filter(|(at, _)| locations >> at & 1 == 1);
    let channels = own_channels(&first) + located.map(|(_, channels)| channels).sum::<u8>();
    Some(DolbyConfig { config: b.into_bytes(), channels, objects: first.objects.is_some() })
}

fn own_channels(frame: &Frame) -> u8 {
    CHANNELS[usize::from(frame.acmod & 7)] + u8::from(frame.lfeon)
}

fn rate(fscod: u8) -> u32 {
    [48_000, 44_100, 32_000, 24_000][usize::from(fscod & 3)]
}

/// Section 4.4.1 and 4.4.2, up to lfeon.
fn ac3_frame(packet: &[u8]) -> Option<Frame> {
    let mut b = BitReader::new(packet);
    if b.bits(16)? != SYNC_WORD {
        return None;
    }
    b.bits(16)?;
    let (fscod, frmsizecod) = (byte(&mut b, 2)?, byte(&mut b, 6)?);
    let (bsid, bsmod, acmod) = (byte(&mut b, 5)?, byte(&mut b, 3)?, byte(&mut b, 3)?);
    if bsid > 10 || fscod == 3 || frmsizecod >= 38 {
        return None;
    }
    if acmod & 1 == 1 && acmod != 1 {
        b.bits(2)?;
    }
    if acmod & 4 == 4 {
        b.bits(2)?;
    }
    if acmod == 2 {
        b.bits(2)?;
    }
    Some(Frame {
        bytes: packet.len(),
        fscod,
        bsid,
        bsmod,
        acmod,
        lfeon: b.bit()?,
        bit_rate_code: frmsizecod >> 1,
        dependent: false,
        locations: 0,
        blocks: 6,
        objects: None,
    })
}

/// Annex E, section E.1.2.2: the bit stream information of a frame.
fn eac3_frame(packet: &[u8]) -> Option<Frame> {
    let mut b = BitReader::new(packet);
    if b.bits(16)? != SYNC_WORD {
        return None;
    }
    let stream_type = byte(&mut b, 2)?;
    b.bits(3)?;
    let bytes = (b.bits(11)? as usize + 1) * 2;
    let fscod = byte(&mut b, 2)?;
    // Half rates use the second code and always have six blocks.
    let numblkscod = if fscod == 3 { b.bits(2).map(|_| 3)? } else { byte(&mut b, 2)? };
    let blocks = [1, 2, 3, 6][usize::from(numblkscod)];
    let (acmod, lfeon, bsid) = (byte(&mut b, 3)?, b.bit()?, byte(&mut b, 5)?);
    if !(11..=16).contains(&bsid) {
        return None;
    }
    for _ in 0..if acmod == 0 { 2 } else { 1 } {
        b.bits(5)?;
        optional(&mut b, 8)?;
    }
    let dependent = stream_type == 1;
    let mut locations = 0;
    if dependent && b.bit()? {
        locations = chan_loc(b.bits(16)?);
    }
    let mut frame = Frame {
        bytes,
        fscod,
        bsid,
        bsmod: 0,
        acmod,
        lfeon,
        bit_rate_code: 0,
        dependent,
        locations,
        blocks,
        objects: None,
    };
    // What follows only refines; a stream that ends early has said enough.
    let _refined = refine(&mut b, &mut frame, stream_type, numblkscod);
    Some(frame)
}

fn refine(b: &mut BitReader<'_>, frame: &mut Frame, stream_type: u8, numblkscod: u8) -> Option<()> {
    if b.bit()? {
        mixing(b, frame, stream_type, numblkscod)?;
    }
    if b.bit()? {
        frame.bsmod = byte(b, 3)?;
        b.bits(2)?;
        if frame.acmod == 2 {
            b.bits(4)?;
        }
        if frame.acmod >= 6 {
            b.bits(2)?;
        }
        optional(b, 8)?;
        if frame.acmod == 0 {
            optional(b, 8)?;
        }
        if frame.fscod < 3 {
            b.bit()?;
        }
    }
    if stream_type == 0 && numblkscod != 3 {
        b.bit()?;
    }
    if stream_type == 2 && (numblkscod == 3 || b.bit()?) {
        b.bits(6)?;
    }
    if b.bit()? {
        let length = b.bits(6)? + 1;
        // Annex H.3.1.3: seven bits, the flag of extension type A, and its complexity.
        if length >= 2 && b.bits(8)? & 1 == 1 {
            frame.objects = Some(byte(b, 8)?);
        }
    }
    Some(())
}

/// Mixing metadata, skipped.
fn mixing(b: &mut BitReader<'_>, frame: &Frame, stream_type: u8, numblkscod: u8) -> Option<()> {
    let acmod = frame.acmod;
    if acmod > 2 {
        b.bits(2)?;
        if acmod & 1 == 1 {
            b.bits(6)?;
        }
    }
    if acmod & 4 == 4 {
        b.bits(6)?;
    }
    if frame.lfeon {
        optional(b, 5)?;
    }
    if stream_type != 0 {
        return Some(());
    }
    optional(b, 6)?;
    if acmod == 0 {
        optional(b, 6)?;
    }
    optional(b, 6)?;
    let skipped = match b.bits(2)? {
        0 => 0,
        1 => 5,
        2 => 12,
        _ => (b.bits(5)? + 2) * 8,
    };
    (0..skipped).try_for_each(|_| b.bit().map(drop))?;
    if acmod < 2 {
        optional(b, 14)?;
        if acmod == 0 {
            optional(b, 14)?;
        }
    }
    if b.bit()? {
        match numblkscod {
            0 => b.bits(5).map(drop)?,
            _ => (0..frame.blocks).try_for_each(|_| optional(b, 5))?,
        }
    }
    Some(())
}

/// The custom channel map (table E.1.4, highest bit first) as the box lists it (table F.6.3, lowest bit first): pairs
/// and single channels beyond 5.1, from Lc/Rc to Cvh, and the second LFE.
fn chan_loc(channel_map: u32) -> u16 {
    let mapped = |at: u32| channel_map >> (15 - at) & 1;
    let beyond = (0..8).fold(0, |locations, at| locations | mapped(5 + at) << at);
    (beyond | mapped(14) << 8) as u16
}

/// A flag, and when it is set `count` bits.
fn optional(b: &mut BitReader<'_>, count: u32) -> Option<()> {
    if b.bit()? {
        b.bits(count)?;
    }
    Some(())
}

fn byte(b: &mut BitReader<'_>, count: u32) -> Option<u8> {
    b.bits(count).map(|bits| bits as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Fields as (bits, value).
    fn written(fields: &[(u32, u32)]) -> Vec<u8> {
        let mut b = BitWriter::default();
        fields.iter().for_each(|(bits, value)| b.bits(*bits, *value));
        b.into_bytes()
    }

    #[test]
    fn five_point_one_in_ac3() {
        // 48 kHz, 448 kbit/s (code 15), bsid 8, complete main, 3/2 with LFE.
        let packet = written(&[
            (16, SYNC_WORD),
            (16, 0xabcd),
            (2, 0),
            (6, 30),
            (5, 8),
            (3, 0),
            (3, 7),
            (2, 1),
            (2, 1),
            (1, 1),
            (32, 0),
        ]);
        let found = ac3(&packet).expect("a frame");
        assert_eq!((found.config, found.channels), (vec![0x10, 0x3d, 0xe0], 6));
    }

    fn eac3_packet(kind: u32, bytes: u32, acmod: u32, map: Option<u32>, tail: &[(u32, u32)]) -> Vec<u8> {
        let mut fields = vec![
            (16, SYNC_WORD),
            (2, kind),
            (3, 0),
            (11, bytes / 2 - 1),
            (2, 0),
            (2, 3),
            (3, acmod),
            (1, u32::from(kind == 0)),
            (5, 16),
            (5, 27),
            (1, 0),
        ];
        if kind == 1 {
            fields.push((1, u32::from(map.is_some())));
            fields.extend(map.map(|map| (16, map)));
        }
        fields.extend(tail);
        let mut packet = written(&fields);
        packet.resize(bytes as usize, 0);
        packet
    }

    #[test]
    fn five_point_one_in_eac3_with_objects() {
        // No mixing, no information, an addition of two bytes: the flag and the complexity.
        let packet = eac3_packet(0, 768, 7, None, &[(1, 0), (1, 0), (1, 1), (6, 1), (8, 1), (8, 16)]);
        let found = eac3(&packet).expect("a frame");
        assert_eq!((found.channels, found.objects), (6, true));
        // 768 bytes in 32 ms: 192 kbit/s.
        let expected = written(&[
            (13, 192),
            (3, 0),
            (2, 0),
            (5, 16),
            (1, 0),
            (1, 0),
            (3, 0),
            (3, 7),
            (1, 1),
            (3, 0),
            (4, 0),
            (1, 0),
            (7, 0),
            (1, 1),
            (8, 16),
        ]);
        assert_eq!(found.config, expected);
    }

    #[test]
    fn a_dependent_substream_adds_its_channels() {
        let plain = &[(1, 0), (1, 0), (1, 0)];
        let packet =
            [eac3_packet(0, 768, 7, None, plain), eac3_packet(1, 256, 2, Some(1 << (15 - 6)), plain)]
                .concat();
        let found = eac3(&packet).expect("frames");
        assert_eq!((found.channels, found.objects), (8, false));
        let mut fields = BitReader::new(&found.config);
        assert_eq!(fields.bits(13), Some(256));
        fields.bits(22);
        assert_eq!((fields.bits(4), fields.bits(9)), (Some(1), Some(2)));
    }

    #[test]
    fn other_bytes_are_no_frame() {
        assert_eq!((ac3(&[]), eac3(&[0x0b, 0x77])), (None, None));
        assert_eq!(ac3(&[0xff; 32]), None);
        // E-AC-3 is no AC-3, and a dependent substream is no beginning.
        assert_eq!(ac3(&eac3_packet(0, 768, 7, None, &[])), None);
        assert_eq!(eac3(&eac3_packet(1, 256, 2, None, &[])), None);
    }

    proptest! {
        #[test]
        fn anything_may_follow_the_sync_word(mut packet in prop::collection::vec(any::<u8>(), 0..64)) {
            packet.splice(0..0, [0x0b, 0x77]);
            let _some = (ac3(&packet), eac3(&packet));
        }
    }
}
