//! A source that the server reads for this worker: pieces by request over the socket, kept for a while, and the next
//! one asked for ahead of its time where reading goes forward.

use std::io::{Error, Result};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::output::Output;
use crate::worker::protocol::Report;
use crate::worker::source::{MAX_READ_BYTES, MAX_READS};
use crate::worker::wire::ReadAnswer;

/// A read somewhere else asks for this much; one that goes on where another ended, for twice as much as that, up to
/// the longest piece.
const FIRST_PIECE: u32 = 256 << 10;
/// Pieces kept: a demuxer reads picture, sound and index by turns.
const PIECES: usize = 8;

pub struct RemoteSource {
    length: u64,
    output: Output,
    state: Mutex<State>,
    answered: Condvar,
}

#[derive(Default)]
struct State {
    /// Longest unused first.
    pieces: Vec<Piece>,
    next_id: u64,
}

struct Piece {
    id: u64,
    start: u64,
    length: u32,
    /// `None` until the server answers.
    bytes: Option<std::result::Result<Bytes, String>>,
}

impl Piece {
    fn end(&self) -> u64 {
        self.start + u64::from(self.length)
    }

    fn holds(&self, offset: u64) -> bool {
        (self.start..self.end()).contains(&offset)
    }
}

impl State {
    /// Room for a piece to ask for at `offset`: its length, `None` when too many are asked for already.
    fn plan(&mut self, offset: u64, whole: u64) -> Option<u32> {
        if self.pieces.iter().filter(|piece| piece.bytes.is_none()).count() >= MAX_READS {
            return None;
        }
        let before = self.pieces.iter().find(|piece| piece.end() == offset);
        let length = before.map_or(FIRST_PIECE, |piece| piece.length.saturating_mul(2));
        // Not what another piece has.
        let next = self.pieces.iter().map(|piece| piece.start).filter(|start| *start > offset).min();
        let room = next.unwrap_or(whole).min(whole) - offset;
        Some(length.clamp(FIRST_PIECE, MAX_READ_BYTES).min(u32::try_from(room).unwrap_or(u32::MAX)))
    }

    fn add(&mut self, start: u64, length: u32) -> Report {
        if self.pieces.len() >= PIECES
            && let Some(oldest) = self.pieces.iter().position(|piece| piece.bytes.is_some())
        {
            self.pieces.remove(oldest);
        }
        let id = self.next_id;
        self.next_id += 1;
        self.pieces.push(Piece { id, start, length, bytes: None });
        Report::Read { id, offset: start, length }
    }

    /// Asks for the piece at `offset`, and for the one behind it where reading goes forward. Nothing when too many
    /// are asked for.
    fn ask(&mut self, offset: u64, whole: u64) -> Vec<Report> {
        let forward = self.pieces.iter().any(|piece| piece.end() == offset);
        let Some(length) = self.plan(offset, whole) else {
            return Vec::new();
        };
        let asked = self.add(offset, length);
        let ahead = forward.then(|| self.ask_ahead(offset + u64::from(length), whole)).flatten();
        [Some(asked), ahead].into_iter().flatten().collect()
    }

    fn ask_ahead(&mut self, offset: u64, whole: u64) -> Option<Report> {
        let known = offset >= whole || self.pieces.iter().any(|piece| piece.holds(offset));
        let length = if known { None } else { self.plan(offset, whole) };
        length.map(|length| self.add(offset, length))
    }

    /// A piece was read up to `until`. Where reading goes forward and is past its middle, the next is asked for.
    fn used(&mut self, piece: Piece, until: u64, whole: u64) -> Vec<Report> {
        let past_middle = until > piece.start + u64::from(piece.length / 2);
        let (forward, end) = (piece.length > FIRST_PIECE, piece.end());
        self.pieces.push(piece);
        let ahead = if forward && past_middle { self.ask_ahead(end, whole) } else { None };
        ahead.into_iter().collect()
    }
}

impl RemoteSource {
    pub fn new(length: u64, output: Output) -> Self {
        Self { length, output, state: Mutex::default(), answered: Condvar::new() }
    }

    pub fn length(&self) -> u64 {
        self.length
    }

    /// Takes what the server answers.
    pub fn answer(&self, answer: ReadAnswer) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(piece) = state.pieces.iter_mut().find(|piece| piece.id == answer.id) {
            piece.bytes = Some(answer.outcome);
        }
        drop(state);
        self.answered.notify_all();
    }

    /// Some of the bytes at `offset`, none only at the end. Waits for the server, which answers in bounded time.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        if offset >= self.length || buffer.is_empty() {
            return Ok(0);
        }
        let mut state = self.lock();
        loop {
            let Some(at) = state.pieces.iter().position(|piece| piece.holds(offset)) else {
                let wanted = state.ask(offset, self.length);
                state = if wanted.is_empty() { self.wait(state) } else { self.send(state, &wanted) };
                continue;
            };
            match &state.pieces[at].bytes {
                None => state = self.wait(state),
                Some(Err(error)) => {
                    let error = Error::other(error.clone());
                    state.pieces.remove(at);
                    return Err(error);
                }
                Some(Ok(_)) => {
                    let piece = state.pieces.remove(at);
                    let copied = copy(&piece, buffer, offset);
                    let wanted = state.used(piece, offset + copied as u64, self.length);
                    drop(self.send(state, &wanted));
                    return Ok(copied);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.answered.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Not under the lock: the thread that takes answers must never wait for the server to take requests.
    fn send<'a>(&'a self, state: MutexGuard<'a, State>, wanted: &[Report]) -> MutexGuard<'a, State> {
        if wanted.is_empty() {
            return state;
        }
        drop(state);
        wanted.iter().for_each(|report| self.output.report(report));
        self.lock()
    }
}

fn copy(piece: &Piece, buffer: &mut [u8], offset: u64) -> usize {
    let Some(Ok(bytes)) = &piece.bytes else {
        return 0;
    };
    let from = (offset - piece.start) as usize;
    let count = buffer.len().min(bytes.len().saturating_sub(from));
    buffer[..count].copy_from_slice(&bytes[from..from + count]);
    count
}
