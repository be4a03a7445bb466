//! One track: which picture is shown when.

use std::collections::VecDeque;

use super::{Picture, pgs, vobsub};
use crate::timeline::Nanos;

/// A picture is shown for so long at the most, and may refer to what was told so long before. Who begins to read twice as
/// long before a frame sees in it what everybody sees.
pub const MEMORY_NS: Nanos = 60_000_000_000;

/// How a track's packets are coded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    Pgs,
    VobSub {
        /// The head of the `.idx` file.
        header: Vec<u8>,
        /// Size of the canvas where that does not say.
        canvas: (u32, u32),
    },
}

/// A packet as the container holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    pub start_ns: Nanos,
    /// Until when it is shown where it does not say itself.
    pub end_ns: Nanos,
    pub data: Vec<u8>,
}

#[derive(Debug)]
pub struct Track {
    decoder: Decoder,
    waiting: VecDeque<Packet>,
}

#[derive(Debug)]
enum Decoder {
    Pgs(pgs::Decoder),
    VobSub(vobsub::Decoder),
}

/// Names a picture of a track. Two times with the same name show the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u64, usize);

impl Track {
    pub fn new(format: &Format) -> Self {
        let decoder = match format {
            Format::Pgs => Decoder::Pgs(pgs::Decoder::default()),
            Format::VobSub { header, canvas } => Decoder::VobSub(vobsub::Decoder::new(header, *canvas)),
        };
        Self { decoder, waiting: VecDeque::new() }
    }

    /// Packets in the order of their times.
    pub fn push(&mut self, packets: impl IntoIterator<Item = Packet>) {
        self.waiting.extend(packets);
    }

    /// Names the picture of `at_ns`, if there is one. Times do not go backwards.
    pub fn key(&mut self, at_ns: Nanos) -> Option<Key> {
        while self.waiting.front().is_some_and(|packet| packet.start_ns <= at_ns) {
            let Some(packet) = self.waiting.pop_front() else { break };
            match &mut self.decoder {
                Decoder::Pgs(decoder) => decoder.push(packet.start_ns, &packet.data),
                Decoder::VobSub(decoder) => decoder.push(packet.start_ns, packet.end_ns, &packet.data),
            }
        }
        match &self.decoder {
            Decoder::Pgs(decoder) => decoder.key(at_ns).map(|count| Key(count, 0)),
            Decoder::VobSub(decoder) => decoder.key(at_ns).map(|(count, begun)| Key(count, begun)),
        }
    }

    /// The picture that [`Self::key`] named last.
    pub fn picture(&self, key: Key) -> Option<Picture> {
        match &self.decoder {
            Decoder::Pgs(decoder) => decoder.picture(),
            Decoder::VobSub(decoder) => decoder.picture(key.1),
        }
    }
}
