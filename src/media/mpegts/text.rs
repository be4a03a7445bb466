//! Teletext subtitles of a transport stream, read from where a viewer is: its clock tells the place. There is no index,
//! so what lies on the way is read, piece by piece, and forgotten.

use std::ops::{ControlFlow, Range};

use super::number;
use super::packets::{self, Packet, Packets};
use super::rebase::ROUND_TICKS;
use super::tables::{self, Page};
use crate::media::{ContainerError, ReadAt, TextBlock, TextStep, TrackNumber};
use crate::text::teletext::{Decoder, Said};
use crate::timeline::{NANOS_PER_SECOND, Nanos};

/// Longest PES packet whose length is told (2.4.3.7).
const MAX_PES: usize = 6 + 0xffff;
/// How much earlier than it is presented a packet may lie in the stream.
const AHEAD_NS: Nanos = 5 * NANOS_PER_SECOND;
/// A place found by the clock is as good as this.
const NEAR: u64 = 1 << 20;
/// What lies so little before the first clock is before it; what lies farther has gone round (2^33 ticks of 90 kHz).
const BEFORE_TICKS: u64 = 600 * 90_000;

/// The Teletext of one file.
pub struct TextReader<'s> {
    packets: Packets<'s>,
    clock_pid: u16,
    /// The first clock, in units of 27 MHz.
    first_clock: u64,
    pages: Vec<Page>,
    wanted: Vec<TrackNumber>,
}

impl<'s> TextReader<'s> {
    /// For `wanted` pages of `source`; pages that are not there say nothing.
    pub fn open(source: &'s mut dyn ReadAt, wanted: &[TrackNumber]) -> Result<Self, ContainerError> {
        let mut packets = Packets::open(source)?;
        let programs = tables::programs(&mut packets)?;
        let has = |page: &Page| wanted.contains(&number(page.pid, page.number));
        let program = programs.into_iter().find(|program| program.pages.iter().any(has));
        let missing = |what| ContainerError::Missing { what, at: packets.first };
        let program = program.ok_or_else(|| missing("Teletext"))?;
        let pages = program.pages.into_iter().filter(has).collect();
        let first = packets.first;
        let clock_pid = program.clock_pid;
        let clock = packets.clock_from(first, clock_pid)?;
        let first_clock = clock.ok_or(ContainerError::Missing { what: "program clock", at: first })?;
        Ok(Self { packets, clock_pid, first_clock, pages, wanted: wanted.to_vec() })
    }

    /// Gives every line that begins in `time`, and says how far that is done. What cannot be read is left out.
    ///
    /// # Errors
    /// When the source cannot be read at all.
    pub fn read(
        &mut self,
        time: Range<Nanos>,
        sink: &mut dyn FnMut(TextStep) -> ControlFlow<()>,
    ) -> Result<(), ContainerError> {
        let mut at = self.place_of(time.start.saturating_sub(AHEAD_NS))?;
        let mut streams = self.streams();
        let (mut now, mut said) = (Nanos::MIN, Vec::new());
        let mut reached = time.start;
        while let Some(packet) = self.packets.next(&mut at)? {
            let own = packet.pid();
            if let Some(stream) = streams.iter_mut().find(|stream| stream.pid == own) {
                stream.take(&packet, now, self.first_clock, &mut said);
            }
            let clock = if own == self.clock_pid { packet.clock() } else { None };
            if let Some(clock) = clock {
                now = nanos(clock / 300, self.first_clock);
                streams.iter_mut().for_each(|stream| stream.pass(now, &mut said));
            }
            if self.give(&mut said, &time, sink).is_break() {
                return Ok(());
            }
            if clock.is_some() {
                let open = streams.iter().filter_map(|stream| stream.decoder.open_since()).min();
                let known = open.unwrap_or(now).min(now);
                if known >= time.end {
                    break;
                }
                if known > reached {
                    reached = known;
                    if sink(TextStep::Reached(reached)).is_break() {
                        return Ok(());
                    }
                }
            }
        }
        for stream in &mut streams {
            stream.end(now, &mut said);
        }
        if self.give(&mut said, &time, sink).is_continue() {
            let _: ControlFlow<()> = sink(TextStep::Reached(time.end));
        }
        Ok(())
    }

    fn streams(&self) -> Vec<Stream> {
        let mut pids: Vec<u16> = self.pages.iter().map(|page| page.pid).collect();
        pids.sort_unstable();
        pids.dedup();
        let stream = |pid| {
            let own = self.pages.iter().filter(|page| page.pid == pid);
            let decoder = Decoder::new(own.map(|page| (page.number, page.language.clone())));
            Stream { pid, decoder, pes: Vec::new(), counter: None }
        };
        pids.into_iter().map(stream).collect()
    }

    fn give(
        &self,
        said: &mut Vec<(u16, Said)>,
        time: &Range<Nanos>,
        sink: &mut dyn FnMut(TextStep) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for (pid, (page, cue)) in said.drain(..) {
            let track = number(pid, page);
            if !time.contains(&cue.start_ns) || !self.wanted.contains(&track) {
                continue;
            }
            let (start_ns, end_ns) = (cue.start_ns, cue.end_ns);
            let (data, addition) = (cue.text.into_bytes(), cue.settings.into_bytes());
            sink(TextStep::Block(TextBlock { track, start_ns, end_ns, data, addition }))?;
        }
        ControlFlow::Continue(())
    }

    /// A place in the stream whose clock has not come to `time` yet, and not far from where it has.
    fn place_of(&mut self, time: Nanos) -> Result<u64, ContainerError> {
        if time <= 0 {
            return Ok(self.packets.first);
        }
        let first_clock = self.first_clock;
        self.packets.last_early(self.clock_pid, NEAR, |clock| nanos(clock / 300, first_clock) < time)
    }
}

/// Ticks of 90 kHz as time from the first clock, which is where the demuxer counts from.
fn nanos(ticks: u64, first_clock: u64) -> Nanos {
    let since = ticks.wrapping_sub(first_clock / 300) % ROUND_TICKS;
    let ticks =
        if since >= ROUND_TICKS - BEFORE_TICKS { since as i64 - ROUND_TICKS as i64 } else { since as i64 };
    ticks * 100_000 / 9
}

/// One stream of Teletext: its packets put together, and what they show.
struct Stream {
    pid: u16,
    decoder: Decoder,
    /// The PES packet so far.
    pes: Vec<u8>,
    counter: Option<u8>,
}

impl Stream {
    /// At the time `now` of the stream.
    fn take(&mut self, packet: &Packet, now: Nanos, first_clock: u64, out: &mut Vec<(u16, Said)>) {
        let payload = packet.payload();
        if payload.is_empty() {
            return;
        }
        let counter = packet.counter();
        let before = self.counter.replace(counter);
        if packet.starts_unit() {
            self.pes.clear();
        } else if before.is_none_or(|before| (before + 1) & 0xf != counter) {
            // Sent twice, or something is missing.
            if before != Some(counter) {
                self.pes.clear();
            }
            return;
        } else if self.pes.is_empty() {
            return;
        }
        self.pes.extend_from_slice(payload);
        let Some(&[0, 0, 1, 0xbd, high, low]) = self.pes.first_chunk::<6>() else {
            self.pes.clear();
            return;
        };
        let length = 6 + usize::from(u16::from_be_bytes([high, low]));
        if self.pes.len() < length.min(MAX_PES) {
            return;
        }
        let whole = std::mem::take(&mut self.pes);
        if let Some((data, ticks)) = unwrap(&whole[..length]) {
            // Senders that say when it is shown are not always right; it cannot be before it comes.
            let possible = now..=now.saturating_add(AHEAD_NS);
            let told = ticks.map(|ticks| nanos(ticks, first_clock)).filter(|told| possible.contains(told));
            let shown = told.unwrap_or(now);
            let mut said = Vec::new();
            self.decoder.feed(data, shown, &mut said);
            self.told(said, out);
        }
    }

    fn pass(&mut self, now: Nanos, out: &mut Vec<(u16, Said)>) {
        let mut said = Vec::new();
        self.decoder.pass(now, &mut said);
        self.told(said, out);
    }

    fn end(&mut self, now: Nanos, out: &mut Vec<(u16, Said)>) {
        let mut said = Vec::new();
        self.decoder.end(now, &mut said);
        self.told(said, out);
    }

    fn told(&self, said: Vec<Said>, out: &mut Vec<(u16, Said)>) {
        out.extend(said.into_iter().map(|said| (self.pid, said)));
    }
}

/// What a PES packet carries, and when it is presented (2.4.3.6).
fn unwrap(pes: &[u8]) -> Option<(&[u8], Option<u64>)> {
    const PTS: u8 = 0x80;
    let [flags, length, rest @ ..] = pes.get(7..)? else { return None };
    let data = rest.get(usize::from(*length)..)?;
    let told = rest.first_chunk().filter(|_| flags & PTS != 0 && *length >= 5);
    Some((data, told.map(|bytes| packets::stamp(*bytes))))
}
