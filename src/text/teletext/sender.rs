//! Sends pages as a broadcaster does, for tests.

use super::hamming::tests::{of_character, of_nibble, of_triplet};

/// The head's flags that are sent beside the page's number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Head {
    pub erase: bool,
    pub inhibited: bool,
    /// C12 lowest.
    pub option: u8,
}

fn unit(magazine: u8, packet: u8, body: &[u8]) -> Vec<u8> {
    let address = [of_nibble(magazine & 7 | (packet & 1) << 3), of_nibble(packet >> 1)];
    let bytes = address.iter().chain(body).map(|byte| byte.reverse_bits());
    [0x03, 0x2c, 0xe8, 0xe4].into_iter().chain(bytes).collect()
}

pub fn head(page: u16, flags: Head) -> Vec<u8> {
    let nibbles = [
        page as u8 & 15,
        (page >> 4) as u8 & 15,
        0,
        u8::from(flags.erase) << 3,
        0,
        // C6: a subtitle.
        8,
        u8::from(flags.inhibited) << 3,
        flags.option << 1,
    ];
    let body: Vec<u8> = nibbles.map(of_nibble).into_iter().chain([of_character(0x20); 32]).collect();
    unit((page >> 8) as u8, 0, &body)
}

/// A row with its codes from the first column on.
pub fn row(page: u16, number: u8, codes: &[u8]) -> Vec<u8> {
    let mut body = [0x20; 40];
    body[..codes.len()].copy_from_slice(codes);
    unit((page >> 8) as u8, number, &body.map(of_character))
}

/// A row with a box around its text, as subtitles have it.
pub fn boxed(page: u16, number: u8, text: &str) -> Vec<u8> {
    row(page, number, &[&[0x0d, 0x0b, 0x0b], text.as_bytes(), &[0x0a, 0x0a]].concat())
}

pub fn triplets(page: u16, packet: u8, designation: u8, triplets: &[u32]) -> Vec<u8> {
    let mut body = vec![of_nibble(designation)];
    triplets.iter().for_each(|triplet| body.extend(of_triplet(*triplet)));
    // Ends what is enhanced.
    let end = of_triplet(0x3f | 0x1f << 6 | 0x7f << 11);
    while body.len() < 40 {
        body.extend(end);
    }
    unit((page >> 8) as u8, packet, &body)
}

/// The data of a PES packet.
pub fn data(units: &[Vec<u8>]) -> Vec<u8> {
    [&[0x10][..], &units.concat()].concat()
}
