//! Which container a file is, by its first bytes. Names lie: a text file may be called `.mkv`.

use super::Container;

/// Bytes that [`container`] wants to see: enough for four packets of a transport stream behind junk.
pub const SNIFF_BYTES: usize = 4096;

/// `None` for anything that is no container we know.
pub fn container(head: &[u8]) -> Option<Container> {
    let at = |offset: usize, magic: &[u8]| head.get(offset..offset + magic.len()) == Some(magic);
    let mp4_boxes: [&[u8]; 8] = [b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp"];
    if mp4_boxes.iter().any(|kind| at(4, kind)) {
        Some(Container::Mp4)
    } else if at(0, &[0x1a, 0x45, 0xdf, 0xa3]) {
        Some(Container::Matroska)
    } else if at(0, b"RIFF") && (at(8, b"AVI ") || at(8, b"AVIX")) {
        Some(Container::Avi)
    } else if at(0, b"FLV\x01") {
        Some(Container::Flv)
    } else if at(0, &[0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11]) {
        Some(Container::Asf)
    } else if at(0, b"OggS") {
        Some(Container::Ogg)
    } else if at(0, &[0, 0, 1, 0xba]) {
        Some(Container::MpegPs)
    } else if is_transport_stream(head) {
        Some(Container::MpegTs)
    } else {
        None
    }
}

/// Sync bytes at the distance of packets: plain (188), with a timestamp in front (192, M2TS) or with parity
/// (204). ISO/IEC 13818-1 section 2.4.3.3.
fn is_transport_stream(head: &[u8]) -> bool {
    const SYNC: u8 = 0x47;
    const PACKETS: usize = 5;
    [188, 192, 204].iter().any(|&length| {
        (0..length).any(|first| (0..PACKETS).all(|n| head.get(first + n * length) == Some(&SYNC)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_told_by_their_first_bytes() {
        let mut ts = vec![0; 4 + 188 * 6];
        (0..6).for_each(|n| ts[4 + n * 188] = 0x47);
        let cases: [(&[u8], Option<Container>); 9] = [
            (b"\0\0\0\x20ftypisom", Some(Container::Mp4)),
            (b"\x1a\x45\xdf\xa3\x01", Some(Container::Matroska)),
            (b"RIFF\0\0\0\0AVI LIST", Some(Container::Avi)),
            (b"RIFF\0\0\0\0WAVEfmt ", None),
            (b"OggS\0", Some(Container::Ogg)),
            (b"\0\0\x01\xba\x44", Some(Container::MpegPs)),
            (&ts, Some(Container::MpegTs)),
            (b"Dear diary, GGGG", None),
            (b"", None),
        ];
        for (head, expected) in cases {
            assert_eq!(container(head), expected, "{head:?}");
        }
    }
}
