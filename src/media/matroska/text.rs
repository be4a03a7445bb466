//! Text tracks of a Matroska file: their blocks, found through the cues where those list them all, and by walking
//! from cluster to cluster where they do not.
//!
//! Invariant: of a block of another track no more than its head is asked for.

use std::ops::{ControlFlow, Range};

use super::blocks::{self, Block};
use super::compression::Compression;
use super::cues::{self, Place};
use super::ebml::{Element, Header, Id, LONGEST_HEADER};
use super::sections::{self, CLUSTER, Sections};
use super::tracks::{self, Payload};
use super::{CUES, Info, TRACKS, webm};
use crate::media::window::Window;
use crate::media::{ContainerError, ReadAt, TextBlock, TextStep, TrackNumber};
use crate::timeline::Nanos;

const TIMESTAMP: Id = 0xe7;

/// Longest block of text that is read; a line has a hundred bytes.
const MAX_BLOCK: u64 = 1 << 20;
/// One read takes this much of a cluster: the heads of several small blocks.
const READ_AHEAD: usize = 4 << 10;
/// A piece in which the next cluster is looked for behind damage.
const PIECE: usize = 64 << 10;
/// How far behind the clock of the clusters a block may lie: writers sort what they write.
const DISORDER_NS: Nanos = 1_000_000_000;
/// Clusters that a walk came by are remembered this far apart.
const LEARN_NS: Nanos = 1_000_000_000;
/// How long a line stays that says nothing about it.
const UNTOLD_NS: Nanos = 5_000_000_000;

/// The text tracks of one file.
pub struct TextReader<'s> {
    window: Window<'s>,
    segment_start: u64,
    /// Nanoseconds per timestamp.
    scale: u64,
    tracks: Vec<TextTrack>,
    /// Every block of every track in the order of their times, where the cues list them.
    listed: Option<Vec<Place>>,
    /// Where clusters begin, in the order of their times.
    clusters: Vec<Place>,
}

struct TextTrack {
    number: TrackNumber,
    compression: Compression,
    /// `CodecPrivate`: the head of an ASS script.
    header: Vec<u8>,
    /// Its blocks are of WebM's older form of WebVTT.
    webm: bool,
}

impl<'s> TextReader<'s> {
    /// For `wanted` tracks of `source`; tracks that are not there have no blocks.
    pub fn open(source: &'s mut dyn ReadAt, wanted: &[TrackNumber]) -> Result<Self, ContainerError> {
        let facts = super::read(source)?;
        let mut window = Window::new(source);
        let sections = Sections::locate(&mut window)?;
        let info = Info::parse(&sections.read(&mut window, super::INFO)?.unwrap_or_default())?;
        let missing = ContainerError::Missing { what: TRACKS.what, at: sections.segment_start() };
        let body = sections.read(&mut window, TRACKS)?.ok_or(missing)?;
        let described = wanted.iter().filter_map(|&number| {
            let Payload { codec_id, private, compression } = tracks::payload(&body, number)?;
            Some(TextTrack { number, compression, header: private, webm: webm::is_cues(&codec_id) })
        });
        let tracks: Vec<TextTrack> = described.collect();
        let cues = sections.read(&mut window, CUES).ok().flatten().unwrap_or_default();
        let places = cues::places(&cues, info.timestamp_scale);
        let listed = |track: &TextTrack| {
            let own = |place: &&Place| place.track == track.number && place.block.is_some();
            let count = places.iter().filter(own).count() as u64;
            let facts = facts.tracks.iter().find(|facts| facts.number == track.number);
            // Without statistics, a list with any block is taken for whole.
            count > 0 && facts.and_then(|facts| facts.frame_count).is_none_or(|blocks| blocks <= count)
        };
        let of_text = |place: &Place| tracks.iter().any(|track| track.number == place.track);
        let all_listed = !tracks.is_empty() && tracks.iter().all(listed);
        Ok(Self {
            listed: all_listed.then(|| places.iter().copied().filter(of_text).collect()),
            clusters: places.into_iter().filter(|place| !of_text(place)).collect(),
            segment_start: sections.segment_start(),
            scale: info.timestamp_scale,
            tracks,
            window,
        })
    }

    /// `CodecPrivate` of a track.
    pub fn header(&self, number: TrackNumber) -> &[u8] {
        self.tracks.iter().find(|track| track.number == number).map_or(&[], |track| &track.header)
    }

    /// Whether the cues lead to every block.
    pub fn indexed(&self) -> bool {
        self.listed.is_some()
    }
}

impl TextReader<'_> {
    /// Gives every line that begins in `time`, of which a file without an index may give more, and says how far that
    /// is done. What cannot be read is left out.
    ///
    /// # Errors
    /// When the source cannot be read at all.
    pub fn read(
        &mut self,
        time: Range<Nanos>,
        sink: &mut dyn FnMut(TextStep) -> ControlFlow<()>,
    ) -> Result<(), ContainerError> {
        let flow = match self.listed.take() {
            Some(listed) => {
                let flow = self.read_listed(&listed, &time, sink);
                self.listed = Some(listed);
                flow?
            }
            None => self.walk(&time, sink)?,
        };
        if flow.is_continue() {
            let _: ControlFlow<()> = sink(TextStep::Reached(time.end));
        }
        Ok(())
    }

    fn read_listed(
        &mut self,
        listed: &[Place],
        time: &Range<Nanos>,
        sink: &mut dyn FnMut(TextStep) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, ContainerError> {
        let from = listed.partition_point(|place| place.time_ns < time.start);
        for place in listed[from..].iter().take_while(|place| place.time_ns < time.end) {
            if sink(TextStep::Reached(place.time_ns)).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            let block = match self.block_at(place) {
                Err(error @ ContainerError::Io { .. }) => return Err(error),
                other => other.ok().flatten(),
            };
            if let Some(block) = block
                && sink(TextStep::Block(block)).is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The block that a cue leads to, `None` where there is another.
    fn block_at(&mut self, place: &Place) -> Result<Option<TextBlock>, ContainerError> {
        let cluster = self.segment_start.saturating_add(place.cluster);
        let header = self.header_at(cluster)?;
        let Some(block) = place.block.filter(|_| header.id == CLUSTER) else { return Ok(None) };
        let at = cluster.saturating_add(header.length).saturating_add(block);
        let header = self.header_at(at)?;
        let found = self.block(&header, at)?.filter(|(number, ..)| *number == place.track);
        // The cue says the time; the block only how far it is from its cluster's.
        Ok(found.and_then(|(number, block)| self.text(number, place.time_ns, place.duration_ns, &block)))
    }

    /// From cluster to cluster. Writers sort by time, but for a moment.
    fn walk(
        &mut self,
        time: &Range<Nanos>,
        sink: &mut dyn FnMut(TextStep) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, ContainerError> {
        let before =
            self.clusters.partition_point(|place| place.time_ns <= time.start.saturating_sub(DISORDER_NS));
        let first = before.checked_sub(1).map_or(0, |place| self.clusters[place].cluster);
        let mut at = self.segment_start.saturating_add(first);
        let (mut cluster, mut cluster_ns) = (at, 0);
        while at < self.window.source_len() {
            let header = match self.header_at(at) {
                Ok(header) if known(&header) => header,
                Err(error @ ContainerError::Io { .. }) => return Err(error),
                _ => match self.next_cluster(at + 1)? {
                    Some(next) => {
                        at = next;
                        continue;
                    }
                    None => break,
                },
            };
            let body = at.saturating_add(header.length);
            match header.id {
                // Into it; its children are told from its siblings by what they are.
                CLUSTER => {
                    (cluster, at) = (at, body);
                    continue;
                }
                TIMESTAMP => {
                    let size = header.size.unwrap_or(0).min(8) as usize;
                    let value =
                        Element { id: TIMESTAMP, body: self.window.peek(body, size, READ_AHEAD)? }.unsigned();
                    cluster_ns = self.nanos(value.unwrap_or(0).min(i64::MAX as u64) as i64);
                    self.learn(cluster, cluster_ns);
                    let reached = cluster_ns.saturating_sub(DISORDER_NS);
                    if reached >= time.end {
                        break;
                    }
                    if reached > time.start && sink(TextStep::Reached(reached)).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                blocks::SIMPLE_BLOCK | blocks::BLOCK_GROUP => {
                    if let Some((number, block)) = self.block(&header, at)? {
                        let start = cluster_ns.saturating_add(self.nanos(block.offset.into()));
                        let text = self.text(number, start, None, &block);
                        if let Some(text) = text
                            && sink(TextStep::Block(text)).is_break()
                        {
                            return Ok(ControlFlow::Break(()));
                        }
                    }
                }
                _ => {}
            }
            let Some(size) = header.size else { break };
            at = body.saturating_add(size);
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Remembers where a cluster begins that lies behind those that are known: the next walk need not begin before it.
    fn learn(&mut self, cluster: u64, time_ns: Nanos) {
        let cluster = cluster.saturating_sub(self.segment_start);
        let last = self.clusters.last();
        if last.is_none_or(|last| last.cluster < cluster && last.time_ns.saturating_add(LEARN_NS) <= time_ns)
        {
            self.clusters.push(Place { track: 0, time_ns, cluster, block: None, duration_ns: None });
        }
    }

    /// The block whose header is `header`, if it is of one of the tracks.
    fn block(&mut self, header: &Header, at: u64) -> Result<Option<(TrackNumber, Block)>, ContainerError> {
        let Some(size) = header.size.filter(|_| blocks::is_block(header.id)) else { return Ok(None) };
        let body = at.saturating_add(header.length);
        let head = self.window.peek(body, blocks::HEAD.min(size as usize), READ_AHEAD)?;
        let Some(number) = blocks::track(header.id, head) else { return Ok(None) };
        if size > MAX_BLOCK || self.tracks.iter().all(|track| track.number != number) {
            return Ok(None);
        }
        let body = self.window.read_all("block", body, size, PIECE)?;
        Ok(Block::parse(header.id, &body).map(|block| (number, block)))
    }

    fn text(
        &self,
        number: TrackNumber,
        start_ns: Nanos,
        listed_ns: Option<Nanos>,
        block: &Block,
    ) -> Option<TextBlock> {
        let track = self.tracks.iter().find(|track| track.number == number)?;
        let told_ns = block.duration.map(|duration| self.nanos(duration)).or(listed_ns);
        let data = track.compression.undo(&block.data, MAX_BLOCK)?;
        let (data, addition) = if track.webm { webm::cue(&data) } else { (data, block.addition.clone()) };
        Some(TextBlock {
            track: number,
            start_ns,
            end_ns: start_ns.saturating_add(told_ns.unwrap_or(UNTOLD_NS)),
            data,
            addition,
        })
    }

    fn header_at(&mut self, at: u64) -> Result<Header, ContainerError> {
        Header::parse(self.window.peek(at, LONGEST_HEADER, READ_AHEAD)?, at)
    }

    /// Where the next cluster begins that can be found from `at` on.
    fn next_cluster(&mut self, mut at: u64) -> Result<Option<u64>, ContainerError> {
        let mark = CLUSTER.to_be_bytes();
        while at < self.window.source_len() {
            let piece = self.window.peek(at, PIECE, PIECE)?;
            if let Some(found) = piece.windows(mark.len()).position(|window| window == mark) {
                return Ok(Some(at + found as u64));
            }
            at = at.saturating_add((piece.len().saturating_sub(mark.len() - 1)).max(1) as u64);
        }
        Ok(None)
    }

    fn nanos(&self, timestamps: i64) -> Nanos {
        timestamps.saturating_mul(i64::try_from(self.scale).unwrap_or(i64::MAX))
    }
}

/// Whether an element may lie in a cluster or beside it: damage mostly looks like others.
fn known(header: &Header) -> bool {
    const POSITION: Id = 0xa7;
    const PREV_SIZE: Id = 0xab;
    const SILENT_TRACKS: Id = 0x5854;
    const ENCRYPTED_BLOCK: Id = 0xaf;
    const VOID: Id = 0xec;
    const CRC_32: Id = 0xbf;
    let in_cluster = [TIMESTAMP, POSITION, PREV_SIZE, SILENT_TRACKS, ENCRYPTED_BLOCK, VOID, CRC_32];
    let beside = [CLUSTER, CUES.id, TRACKS.id, sections::INFO, sections::CHAPTERS, sections::TAGS];
    let other = [sections::ATTACHMENTS, sections::SEEK_HEAD];
    blocks::is_block(header.id)
        || in_cluster.contains(&header.id)
        || beside.contains(&header.id)
        || other.contains(&header.id)
}
