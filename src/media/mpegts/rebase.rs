//! Clocks that jump back. The clock of a transport stream begins again every 26.5 hours (2^33 ticks of 90 kHz), so every
//! thirteenth recording of two hours has that within it; and a recording that was interrupted may go on with an earlier
//! clock. A demuxer that seeks across such a place can but guess at what lies between; here all time stamps of the stream
//! are moved, as it is read, so that the clock goes on there.
//!
//! Which side of the place a time stamp belongs to is told by itself: those behind it are all less than those before it.

use super::packets::{self, PACKET, Packets, SYNC};
use crate::media::{ContainerError, ReadAt};

/// Of the program clock (2.4.3.5), in units of 27 MHz.
const ROUND: u64 = ROUND_TICKS * 300;
pub const ROUND_TICKS: u64 = 1 << 33;
/// Where a clock is that has just gone round, or is just about to: less than this apart.
const NEAR_ROUND: u64 = 10 * 27_000_000;
/// The first clock of what was moved: what is presented earlier than that is still not negative.
const FIRST_TICKS: u64 = 10 * 90_000;
/// So much later than the clock a picture may be presented.
const LEAD: u64 = 5 * 27_000_000;
/// From the last clock before an interruption to the first one behind it: what is presented behind it does not overlap
/// what was presented before.
const PAUSE: u64 = 27_000_000 / 10;
/// The last clock is looked for in so much of the end, then in four times that and so on.
const TAIL: u64 = 256 << 10;
const LONGEST_TAIL: u64 = 8 << 20;
/// Two clocks are that close to each other where the place between them is read through.
const NEAR: u64 = 256 << 10;
/// Packets that have to agree where the step was lost.
const AGREED: usize = 3;

/// Moves the time stamps of a stream whose clock jumps back once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockRebase {
    /// Where the first packet is, and how far apart packets are.
    first: u64,
    stride: usize,
    /// What is subtracted from time stamps before the jump and behind it, in ticks of 90 kHz; less than 2^33.
    before: u64,
    behind: u64,
    /// Time stamps behind the jump are less than this, the others are not.
    split: u64,
}

impl ClockRebase {
    /// What `source` needs; `None` where its clock does not jump back, or not below where it began. The first program
    /// clock in the stream decides.
    ///
    /// # Errors
    /// When `source` is no transport stream, or cannot be read.
    pub fn of(source: &mut dyn ReadAt) -> Result<Option<Self>, ContainerError> {
        let mut packets = Packets::open(source)?;
        packets.read_little(true);
        let (first, stride) = (packets.first, packets.stride());
        let Some((pid, begin)) = packets.any_clock(first)? else { return Ok(None) };
        let last = last_clock(&mut packets, pid)?;
        let Some(last) = last.filter(|last| last.saturating_add(2 * LEAD) < begin) else { return Ok(None) };
        let Some([end, again]) = jump(&mut packets, pid, begin)? else { return Ok(None) };
        let before = (begin / 300 + ROUND_TICKS - FIRST_TICKS) % ROUND_TICKS;
        let goes_round = again < NEAR_ROUND && end > ROUND - NEAR_ROUND;
        let goes_on = (end + PAUSE) / 300 + ROUND_TICKS - before;
        let behind =
            if goes_round { before } else { (again / 300 + 2 * ROUND_TICKS - goes_on) % ROUND_TICKS };
        Ok(Some(Self { first, stride, before, behind, split: (last + begin) / 600 }))
    }

    /// Reads as `below` does, at an offset of the source, with its time stamps moved.
    ///
    /// # Errors
    /// Those of `below`.
    pub fn read_at(
        &self,
        offset: u64,
        buffer: &mut [u8],
        mut below: impl FnMut(u64, &mut [u8]) -> std::io::Result<usize>,
    ) -> std::io::Result<usize> {
        // One packet more in front, for the step to be found in it where packets are missing, and some behind.
        let stride = self.stride as u64;
        let packet = (offset.saturating_sub(self.first) / stride).saturating_sub(1);
        let from = if offset < self.first { offset } else { self.first + packet * stride };
        let before = (offset - from) as usize;
        let mut piece = vec![0; before + buffer.len() + AGREED * self.stride];
        let mut filled = 0;
        while filled < piece.len() {
            match below(from + filled as u64, &mut piece[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                // What there is already may be all that is wanted.
                Err(_) if filled >= before + buffer.len() => break,
                Err(error) => return Err(error),
            }
        }
        piece.truncate(filled);
        self.rebase(&mut piece[self.first.saturating_sub(from).min(filled as u64) as usize..]);
        let read = piece.get(before..).unwrap_or_default();
        let count = read.len().min(buffer.len());
        buffer[..count].copy_from_slice(&read[..count]);
        Ok(count)
    }

    /// In all packets of `piece`, which begins with one unless some are damaged.
    fn rebase(&self, piece: &mut [u8]) {
        let (mut at, mut in_step) = (0, true);
        while at + PACKET <= piece.len() {
            let synced = |n: usize| piece.get(at + n * self.stride).is_none_or(|byte| *byte == SYNC);
            in_step = synced(0) && (in_step || (1..AGREED).all(synced));
            if let Some(packet) = piece[at..].first_chunk_mut().filter(|_| in_step) {
                self.rebase_packet(packet);
                at += self.stride;
            } else {
                at += 1;
            }
        }
    }

    fn rebase_packet(&self, packet: &mut [u8; PACKET]) {
        if packets::has_clock(packet) {
            let [_, _, _, _, _, _, a, b, c, d, e, ..] = packet;
            let base = u64::from(u32::from_be_bytes([*a, *b, *c, *d])) << 1 | u64::from(*e >> 7);
            let base = self.moved(base);
            [*a, *b, *c, *d] = ((base >> 1) as u32).to_be_bytes();
            *e = *e & 0x7f | (base as u8 & 1) << 7;
        }
        let begins = packet[1] & 0x40 != 0;
        let Some(from) = packets::payload_from(packet).filter(|_| begins) else { return };
        // The head of a PES packet (2.4.3.7), where its kind has one with time stamps.
        let Some([0, 0, 1, id, _, _, marker, kinds, _, rest @ ..]) = packet.get_mut(from..) else { return };
        let has_stamps = !matches!(id, 0xbc | 0xbe | 0xbf | 0xf0 | 0xf1 | 0xf2 | 0xf8 | 0xff);
        let count = match *kinds >> 6 {
            2 => 1,
            3 => 2,
            _ => 0,
        };
        if has_stamps && *marker & 0xc0 == 0x80 {
            rest.as_chunks_mut().0.iter_mut().take(count).for_each(|stamp| self.rebase_stamp(stamp));
        }
    }

    fn rebase_stamp(&self, bytes: &mut [u8; 5]) {
        let ticks = self.moved(packets::stamp(*bytes));
        let [a, b, c, d, e] = bytes;
        *a = *a & 0xf1 | (ticks >> 29) as u8 & 0x0e;
        [*b, *c] = ((ticks >> 14) as u16 & 0xfffe | u16::from(*c & 1)).to_be_bytes();
        [*d, *e] = ((ticks << 1) as u16 & 0xfffe | u16::from(*e & 1)).to_be_bytes();
    }

    fn moved(&self, ticks: u64) -> u64 {
        let by = if ticks < self.split { self.behind } else { self.before };
        (ticks + ROUND_TICKS - by) % ROUND_TICKS
    }
}

fn last_clock(packets: &mut Packets<'_>, pid: u16) -> Result<Option<u64>, ContainerError> {
    let mut tail = TAIL;
    loop {
        let mut at = packets.len().saturating_sub(tail).max(packets.first);
        let mut last = None;
        while let Some(packet) = packets.next(&mut at)? {
            last = packet.clock().filter(|_| packet.pid() == pid).or(last);
        }
        if last.is_some() || tail >= LONGEST_TAIL {
            return Ok(last);
        }
        tail *= 4;
    }
}

/// The clocks on both sides of where it comes to be less than `begin`, the first one, as it is at the end.
fn jump(packets: &mut Packets<'_>, pid: u16, begin: u64) -> Result<Option<[u64; 2]>, ContainerError> {
    let mut from = packets.last_early(pid, NEAR, |clock| clock >= begin)?;
    let mut before = begin;
    while let Some(packet) = packets.next(&mut from)? {
        let Some(clock) = packet.clock().filter(|_| packet.pid() == pid) else { continue };
        if clock < begin {
            return Ok(Some([before, clock]));
        }
        before = clock;
    }
    Ok(None)
}
