//! The two tables that say what a stream carries (ISO/IEC 13818-1 section 2.4.4), one packet each.

use super::muxer::Stream;
use super::packets::{Adaptation, Pid};

pub const ASSOCIATION_PID: u16 = 0;
pub const MAP_PID: u16 = 0x1000;
const PROGRAM: u16 = 1;
const ASSOCIATION_TABLE: u8 = 0;
const MAP_TABLE: u8 = 2;
/// registration_descriptor (section 2.6.8).
const REGISTRATION: u8 = 5;

pub struct Tables {
    association: Pid,
    map: Pid,
    association_section: Vec<u8>,
    map_section: Vec<u8>,
}

impl Tables {
    /// The streams with their PIDs; `clock` has the clock references.
    pub fn new(streams: &[(Pid, &Stream)], clock: Pid) -> Self {
        let mut programs = PROGRAM.to_be_bytes().to_vec();
        programs.extend((0xe000 | MAP_PID).to_be_bytes());
        let mut map = (0xe000 | clock.id()).to_be_bytes().to_vec();
        // No descriptors of the whole program.
        map.extend([0xf0, 0]);
        for (pid, stream) in streams {
            let descriptors = descriptors(stream);
            map.push(stream_type(stream));
            map.extend((0xe000 | pid.id()).to_be_bytes());
            map.extend((0xf000 | descriptors.len() as u16).to_be_bytes());
            map.extend(descriptors);
        }
        Self {
            association: Pid::new(ASSOCIATION_PID),
            map: Pid::new(MAP_PID),
            association_section: section(ASSOCIATION_TABLE, &programs),
            map_section: section(MAP_TABLE, &map),
        }
    }

    pub fn write(&mut self, out: &mut Vec<u8>) {
        self.association.write(out, Adaptation::default(), &self.association_section, false);
        self.map.write(out, Adaptation::default(), &self.map_section, false);
    }

    /// So often they have to be written yet for the counters to be at their beginning.
    pub fn until_cycle(&self) -> usize {
        self.association.until_cycle()
    }
}

/// Tables 2-34 and, for AC-3, ATSC A/52 annex A and G.
fn stream_type(stream: &Stream) -> u8 {
    match stream {
        Stream::H264(_) => 0x1b,
        Stream::Aac(_) => 0x0f,
        Stream::Ac3 => 0x81,
        Stream::Eac3 => 0x87,
    }
}

fn descriptors(stream: &Stream) -> Vec<u8> {
    let format = match stream {
        Stream::H264(_) | Stream::Aac(_) => return Vec::new(),
        Stream::Ac3 => b"AC-3",
        Stream::Eac3 => b"EAC3",
    };
    [&[REGISTRATION, format.len() as u8], format.as_slice()].concat()
}

/// A table in one section, behind its pointer_field: program or transport stream 1, version 0, in force.
fn section(table: u8, body: &[u8]) -> Vec<u8> {
    const ID: [u8; 2] = [0, 1];
    const CHECK_BYTES: usize = 4;
    let mut bytes = vec![table];
    let length = 5 + body.len() + CHECK_BYTES;
    bytes.extend((0xb000 | length as u16).to_be_bytes());
    bytes.extend(ID);
    bytes.extend([0xc1, 0, 0]);
    bytes.extend(body);
    let check = crc_32(&bytes);
    bytes.extend(check.to_be_bytes());
    bytes.insert(0, 0);
    bytes
}

/// Annex A: the remainder is zero over section and check.
fn crc_32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x04c1_1db7;
    bytes.iter().fold(u32::MAX, |register, &byte| {
        (0..8).fold(register ^ u32::from(byte) << 24, |register, _| {
            let carry = register >> 31 == 1;
            register << 1 ^ if carry { POLYNOMIAL } else { 0 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_is_the_one_of_annex_a() {
        // CRC-32/MPEG-2 of the catalogue of parametrised algorithms.
        assert_eq!(crc_32(b"123456789"), 0x0376_e6e7);
        let whole = section(MAP_TABLE, &[1, 2, 3]);
        assert_eq!(crc_32(&whole[1..]), 0);
    }
}
