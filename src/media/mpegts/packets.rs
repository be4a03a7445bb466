//! Packets of a transport stream (ISO/IEC 13818-1, 2.4.3), wherever their sync bytes are: 188 bytes apart, 192 with a
//! time stamp in front, 204 with parity behind.
//!
//! Invariant: every step moves on by a packet, or by what is left out looking for the next one.

use crate::media::window::Window;
use crate::media::{ContainerError, ReadAt};

pub const SYNC: u8 = 0x47;
pub const PACKET: usize = 188;
const STRIDES: [usize; 3] = [188, 192, 204];
/// Packets that have to agree on a distance.
const AGREED: usize = 5;
/// One read: half a second of a recording.
const PIECE: usize = 512 << 10;
/// A read for one place alone.
const SMALL_PIECE: usize = 64 << 10;
const HEAD: usize = 4096;
/// A clock comes ten times a second (2.7.2): there is one in so many bytes, or it is none.
const CLOCK_WITHIN: u64 = 8 << 20;
/// Halving a file of any length.
const MAX_HALVES: usize = 64;

pub struct Packets<'s> {
    window: Window<'s>,
    stride: usize,
    /// Where the first packet begins.
    pub first: u64,
    piece: usize,
}

/// One packet; what it says of itself is read from its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Packet {
    bytes: [u8; PACKET],
}

impl<'s> Packets<'s> {
    pub fn open(source: &'s mut dyn ReadAt) -> Result<Self, ContainerError> {
        let mut window = Window::new(source);
        let head = window.peek(0, HEAD, PIECE)?;
        let found = STRIDES.iter().find_map(|&stride| {
            let agreed = |first: &usize| (0..AGREED).all(|n| head.get(first + n * stride) == Some(&SYNC));
            (0..stride).find(agreed).map(|first| (stride, first))
        });
        let (stride, first) = found.ok_or(ContainerError::Missing { what: "transport packets", at: 0 })?;
        Ok(Self { window, stride, first: first as u64, piece: PIECE })
    }

    pub fn len(&self) -> u64 {
        self.window.source_len()
    }

    /// From one packet to the next.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Reads less or more at once: where one packet is looked for, or all of them.
    pub fn read_little(&mut self, little: bool) {
        self.piece = if little { SMALL_PIECE } else { PIECE };
    }

    /// The packet at `at` or the next one behind it, which moves on behind it; `None` at the end.
    pub fn next(&mut self, at: &mut u64) -> Result<Option<Packet>, ContainerError> {
        loop {
            let bytes = self.window.peek(*at, PACKET, self.piece)?;
            let Some(bytes) = bytes.first_chunk::<PACKET>() else { return Ok(None) };
            if bytes[0] == SYNC {
                let packet = Packet { bytes: *bytes };
                *at = at.saturating_add(self.stride as u64);
                return Ok(Some(packet));
            }
            *at = self.in_step(at.saturating_add(1))?;
        }
    }

    /// The first program clock from `at` on, in units of 27 MHz, and the PID it comes with.
    pub fn any_clock(&mut self, at: u64) -> Result<Option<(u16, u64)>, ContainerError> {
        self.clock_where(at, |_| true)
    }

    /// The first clock from `at` on with this PID.
    pub fn clock_from(&mut self, at: u64, pid: u16) -> Result<Option<u64>, ContainerError> {
        Ok(self.clock_where(at, |of| of == pid)?.map(|(_, clock)| clock))
    }

    /// A place whose next clock with this PID is `early`, and no farther than `near` from where it is not any more, if the
    /// clock is early up to one place and not behind it.
    pub fn last_early(
        &mut self,
        pid: u16,
        near: u64,
        early: impl Fn(u64) -> bool,
    ) -> Result<u64, ContainerError> {
        let (mut from, mut to) = (self.first, self.len());
        let piece = std::mem::replace(&mut self.piece, SMALL_PIECE);
        for _ in 0..MAX_HALVES {
            if to.saturating_sub(from) <= near {
                break;
            }
            let middle = from + (to - from) / 2;
            if self.clock_from(middle, pid)?.is_some_and(&early) {
                from = middle;
            } else {
                to = middle;
            }
        }
        self.piece = piece;
        Ok(from)
    }

    fn clock_where(
        &mut self,
        at: u64,
        wanted: impl Fn(u16) -> bool,
    ) -> Result<Option<(u16, u64)>, ContainerError> {
        let mut place = at;
        while place < at.saturating_add(CLOCK_WITHIN) {
            let Some(packet) = self.next(&mut place)? else { break };
            if let Some(clock) = packet.clock().filter(|_| wanted(packet.pid())) {
                return Ok(Some((packet.pid(), clock)));
            }
        }
        Ok(None)
    }

    /// From `at` on, where two packets follow each other; behind what was looked at where there are none.
    fn in_step(&mut self, at: u64) -> Result<u64, ContainerError> {
        let bytes = self.window.peek(at, HEAD, self.piece)?;
        let last = bytes.len().saturating_sub(self.stride);
        let found = (0..last).find(|&n| bytes[n] == SYNC && bytes[n + self.stride] == SYNC);
        Ok(at.saturating_add(found.unwrap_or(last.max(1)) as u64))
    }
}

impl Packet {
    pub fn pid(&self) -> u16 {
        u16::from_be_bytes([self.bytes[1] & 0x1f, self.bytes[2]])
    }

    /// A section or a PES packet begins in it.
    pub fn starts_unit(&self) -> bool {
        self.bytes[1] & 0x40 != 0
    }

    pub fn counter(&self) -> u8 {
        self.bytes[3] & 0xf
    }

    /// What it carries; nothing where it is damaged or scrambled.
    pub fn payload(&self) -> &[u8] {
        payload_from(&self.bytes).and_then(|from| self.bytes.get(from..)).unwrap_or_default()
    }

    /// The program clock in units of 27 MHz (2.4.3.5).
    pub fn clock(&self) -> Option<u64> {
        let [_, _, _, _, _, _, a, b, c, d, e, f, ..] = self.bytes;
        let base = u64::from(u32::from_be_bytes([a, b, c, d])) << 1 | u64::from(e >> 7);
        has_clock(&self.bytes).then(|| base * 300 + u64::from(u16::from_be_bytes([e & 1, f])))
    }
}

/// A program clock is in its bytes from the sixth on.
pub fn has_clock(packet: &[u8; PACKET]) -> bool {
    const PCR: u8 = 0x10;
    let [_, _, _, control, length, flags, ..] = *packet;
    control & 0x20 != 0 && length >= 7 && flags & PCR != 0
}

/// Where what it carries begins; `None` where it carries nothing, or is damaged or scrambled.
pub fn payload_from(packet: &[u8; PACKET]) -> Option<usize> {
    let [_, second, _, control, length, ..] = *packet;
    let readable = second & 0x80 == 0 && control & 0xc0 == 0;
    match control >> 4 & 3 {
        1 if readable => Some(4),
        3 if readable => Some(5 + usize::from(length)),
        _ => None,
    }
}

/// A time stamp in ticks of 90 kHz: 33 bits with markers between them (2.4.3.7).
pub fn stamp([a, b, c, d, e]: [u8; 5]) -> u64 {
    let [a, b, c, d, e] = [a, b, c, d, e].map(u64::from);
    (a >> 1 & 7) << 30 | b << 22 | (c >> 1) << 15 | d << 7 | e >> 1
}
