//! Text tracks of an MP4: their samples, which the sample tables list (ISO/IEC 14496-12, 8.6 to 8.7), and those that
//! fragments list, found by walking from one to the next.
//!
//! Invariant: of what is no `moof` no more than its header is asked for, and the samples themselves.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};

use super::boxes::{Header, LONGEST_HEADER, Mp4Box};
use super::fragments::{self, Entrance, FragmentedTrack, Sample};
use super::sample_table::SampleTable;
use super::{MovieHeader, movie_box, tracks};
use crate::media::window::Window;
use crate::media::{ContainerError, ReadAt, TextBlock, TextStep, TrackNumber};
use crate::timeline::{NANOS_PER_SECOND, Nanos};

/// Samples of a track that are read; a film has two thousand.
const MAX_SAMPLES: usize = 1 << 20;
/// Longest sample that is read; a line has a hundred bytes.
const MAX_SAMPLE: u64 = 1 << 20;
/// Neighbours come with one read.
const READ_AHEAD: usize = 4 << 10;
/// A fragment of ten minutes lists a hundred thousand samples of sixteen bytes.
const MAX_MOOF: u64 = 16 << 20;
const PIECE: usize = 1 << 20;
/// A day in fragments of a second, for three tracks.
const MAX_ENTRANCES: usize = 1 << 18;
/// Fragments that a walk came by are remembered this far apart.
const LEARN_NS: Nanos = NANOS_PER_SECOND;
/// How far a line may lie behind the fragment it belongs to: tracks take turns, but not always in one fragment.
const LATE_NS: Nanos = 10 * NANOS_PER_SECOND;

/// The text tracks of one file.
pub struct TextReader<'s> {
    window: Window<'s>,
    wanted: Vec<TrackNumber>,
    /// Those of the tables, by time.
    samples: Vec<Sample>,
    /// Where there are fragments.
    fragments: Option<Fragments>,
}

struct Fragments {
    tracks: Vec<FragmentedTrack>,
    /// Where the first one may be.
    first: u64,
    /// By track, in the order of their times.
    entrances: BTreeMap<TrackNumber, Vec<Entrance>>,
    /// Of walks, in the order of their times and places.
    learnt: Vec<Entrance>,
}

impl<'s> TextReader<'s> {
    /// For `wanted` tracks of `source`; tracks that are not there have no samples.
    pub fn open(source: &'s mut dyn ReadAt, wanted: &[TrackNumber]) -> Result<Self, ContainerError> {
        let mut window = Window::new(source);
        let (at, bytes) = movie_box(&mut window)?;
        let moov = Mp4Box { kind: *b"moov", body: &bytes, at };
        let mvhd = MovieHeader::parse(moov.require(b"mvhd", "mvhd box")?)?;
        let mvex = moov.child(b"mvex")?;
        let movie = mvhd.movie(mvex.is_some(), window.source_len());
        let tracks = tracks(moov, movie)?;
        let mut samples = Vec::new();
        for track in tracks.iter().filter(|track| wanted.contains(&track.facts.number)) {
            let table = match SampleTable::parse(track.stbl, track.timescale, track.duration) {
                // What lies before the fragments may be nothing at all.
                Err(_) if movie.fragmented => continue,
                table => table?,
            };
            let positions = match table.positions(track.stbl, MAX_SAMPLES) {
                Err(_) if movie.fragmented => continue,
                positions => positions?,
            };
            let offset = track.facts.edit_offset_ns;
            for ((n, at), time) in (0..).zip(positions).zip(table.times()) {
                let time = time.start.saturating_sub(offset)..time.end.saturating_sub(offset);
                samples.push(Sample { track: track.facts.number, time, at, size: table.sizes.of(n) });
            }
        }
        samples.sort_by_key(|sample| sample.time.start);
        let fragments = movie.fragmented.then(|| {
            let described = tracks.iter().map(|track| {
                let (number, edit_offset_ns) = (track.facts.number, track.facts.edit_offset_ns);
                let timescale = track.timescale;
                FragmentedTrack { number, timescale, edit_offset_ns, duration: 0, size: 0 }
                    .with_defaults(mvex)
            });
            Fragments::new(described.collect(), at + bytes.len() as u64)
        });
        let mut reader = Self { window, wanted: wanted.to_vec(), samples, fragments };
        reader.find_entrances()?;
        Ok(reader)
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
        let samples = std::mem::take(&mut self.samples);
        let flow = self.read_listed(&samples, &time, sink);
        self.samples = samples;
        let mut flow = flow?;
        if let Some(mut fragments) = self.fragments.take()
            && flow.is_continue()
        {
            let walked = self.walk(&mut fragments, &time, sink);
            self.fragments = Some(fragments);
            flow = walked?;
        }
        if flow.is_continue() {
            let _: ControlFlow<()> = sink(TextStep::Reached(time.end));
        }
        Ok(())
    }

    fn read_listed(
        &mut self,
        samples: &[Sample],
        time: &Range<Nanos>,
        sink: &mut dyn FnMut(TextStep) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, ContainerError> {
        let from = samples.partition_point(|sample| sample.time.start < time.start);
        for sample in samples[from..].iter().take_while(|sample| sample.time.start < time.end) {
            // Fragments may have earlier ones.
            let reached = self.fragments.is_none().then_some(TextStep::Reached(sample.time.start));
            if reached.is_some_and(|step| sink(step).is_break()) || self.give(sample, sink)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn give(
        &mut self,
        sample: &Sample,
        sink: &mut dyn FnMut(TextStep) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, ContainerError> {
        if sample.size > MAX_SAMPLE {
            return Ok(ControlFlow::Continue(()));
        }
        let data = self.window.peek(sample.at, sample.size as usize, READ_AHEAD)?.to_vec();
        let Range { start: start_ns, end: end_ns } = sample.time;
        let block = TextBlock { track: sample.track, start_ns, end_ns, data, addition: Vec::new() };
        Ok(sink(TextStep::Block(block)))
    }

    /// From `moof` to `moof`.
    fn walk(
        &mut self,
        fragments: &mut Fragments,
        time: &Range<Nanos>,
        sink: &mut dyn FnMut(TextStep) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, ContainerError> {
        let mut at = fragments.entrance(time.start, &self.wanted);
        // Samples follow each other without a gap: up to where those of each track are known.
        let mut known: Vec<Nanos> = vec![Nanos::MIN; self.wanted.len()];
        while let Some(header) = self.header_at(at)? {
            if header.kind == *b"moof" && header.size <= MAX_MOOF {
                let fragment = match self.fragment(fragments, at, &header) {
                    Err(error @ ContainerError::Io { .. }) => return Err(error),
                    fragment => fragment.unwrap_or_default(),
                };
                if let Some(start_ns) = fragment.start_ns {
                    fragments.learn(at, start_ns);
                    let passed = start_ns.saturating_sub(LATE_NS);
                    if passed >= time.end {
                        break;
                    }
                    let reached = known.iter().map(|known| passed.max((*known).min(start_ns))).min();
                    let reached = reached.unwrap_or(passed);
                    let reached = reached.min(time.end);
                    if reached > time.start && sink(TextStep::Reached(reached)).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                for sample in &fragment.samples {
                    if time.contains(&sample.time.start) && self.give(sample, sink)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                    if let Some(n) = self.wanted.iter().position(|track| *track == sample.track) {
                        known[n] = known[n].max(sample.time.end);
                    }
                }
            }
            at = at.saturating_add(header.size);
        }
        Ok(ControlFlow::Continue(()))
    }

    fn fragment(
        &mut self,
        fragments: &Fragments,
        at: u64,
        header: &Header,
    ) -> Result<fragments::Fragment, ContainerError> {
        let place = at + header.length;
        let body = self.window.read_all("moof box", place, header.size - header.length, PIECE)?;
        let moof = Mp4Box { kind: header.kind, body: &body, at: place };
        Ok(fragments::fragment(moof, at, &fragments.tracks, &self.wanted))
    }

    /// The header of the box at `at`; `None` at the end of what can be read.
    fn header_at(&mut self, at: u64) -> Result<Option<Header>, ContainerError> {
        let left = self.window.source_len().saturating_sub(at);
        if left < 8 {
            return Ok(None);
        }
        Ok(Header::parse(self.window.peek(at, LONGEST_HEADER, READ_AHEAD)?, at, left).ok())
    }

    /// What `mfra`, which the last bytes of the file lead to, or else a `sidx` before the first fragment says of where
    /// fragments begin. Damaged ones say nothing.
    fn find_entrances(&mut self) -> Result<(), ContainerError> {
        let Some(mut fragments) = self.fragments.take() else { return Ok(()) };
        let found = match self.random_access(&fragments) {
            Ok(found) if !found.is_empty() => Ok(found),
            Err(error @ ContainerError::Io { .. }) => Err(error),
            _ => self.segment_index(&fragments),
        };
        let found = match found {
            Err(error @ ContainerError::Io { .. }) => return Err(error),
            found => found.unwrap_or_default(),
        };
        // Where each fragment has an index of its own, the first one leads nowhere else.
        if found.len() > 1 {
            found.into_iter().for_each(|entrance| fragments.add(entrance));
        }
        fragments.sort();
        self.fragments = Some(fragments);
        Ok(())
    }

    fn random_access(&mut self, fragments: &Fragments) -> Result<Vec<Entrance>, ContainerError> {
        const MFRO: u64 = 16;
        const MAX_MFRA: u64 = 16 << 20;
        let length = self.window.source_len();
        let end = length.saturating_sub(MFRO);
        let last = self.window.peek(end, MFRO as usize, 0)?;
        let size = match last {
            [_, _, _, _, b'm', b'f', b'r', b'o', _, _, _, _, size @ ..] => {
                size.iter().fold(0, |size, &byte| size << 8 | u64::from(byte))
            }
            _ => return Ok(Vec::new()),
        };
        let at = length.saturating_sub(size);
        let Some(header) = self.header_at(at)?.filter(|header| header.kind == *b"mfra") else {
            return Ok(Vec::new());
        };
        if size > MAX_MFRA || header.size != size {
            return Ok(Vec::new());
        }
        let body = self.window.read_all("mfra box", at + header.length, size - header.length, PIECE)?;
        let mfra = Mp4Box { kind: header.kind, body: &body, at: at + header.length };
        Ok(fragments::listed(mfra, &fragments.tracks, MAX_ENTRANCES))
    }

    fn segment_index(&mut self, fragments: &Fragments) -> Result<Vec<Entrance>, ContainerError> {
        /// Boxes that may lie between the movie and its fragments.
        const MAX_BETWEEN: usize = 16;
        /// A list of 65535 entries.
        const MAX_SIDX: u64 = 1 << 20;
        let mut at = fragments.first;
        for _ in 0..MAX_BETWEEN {
            let Some(header) = self.header_at(at)?.filter(|header| header.kind != *b"moof") else { break };
            let end = at.saturating_add(header.size);
            if header.kind == *b"sidx" && header.size <= MAX_SIDX {
                let place = at + header.length;
                let body = self.window.read_all("sidx box", place, header.size - header.length, PIECE)?;
                let sidx = Mp4Box { kind: header.kind, body: &body, at: place };
                return fragments::indexed(sidx, end, &fragments.tracks, MAX_ENTRANCES);
            }
            at = end;
        }
        Ok(Vec::new())
    }
}

impl Fragments {
    fn new(tracks: Vec<FragmentedTrack>, first: u64) -> Self {
        Self { tracks, first, entrances: BTreeMap::new(), learnt: Vec::new() }
    }

    fn add(&mut self, entrance: Entrance) {
        // Before the movie lies none, and a walk begins nowhere else.
        if entrance.at >= self.first {
            self.entrances.entry(entrance.track).or_default().push(entrance);
        }
    }

    fn sort(&mut self) {
        self.entrances.values_mut().for_each(|list| list.sort_by_key(|entrance| entrance.time_ns));
    }

    /// Where a walk begins that comes by every line that begins at `time_ns` or later.
    fn entrance(&self, time_ns: Nanos, wanted: &[TrackNumber]) -> u64 {
        let last = |list: &[Entrance], time_ns: Nanos| {
            let before = list.partition_point(|entrance| entrance.time_ns <= time_ns);
            before.checked_sub(1).map_or(self.first, |last| list[last].at)
        };
        let late_ns = time_ns.saturating_sub(LATE_NS);
        let places = self.entrances.iter().map(|(track, list)| {
            // Its own fragments hold a text's lines; those of others lie near.
            last(list, if wanted.contains(track) { time_ns } else { late_ns })
        });
        places.min().unwrap_or_else(|| last(&self.learnt, late_ns))
    }

    fn learn(&mut self, at: u64, time_ns: Nanos) {
        let behind = |last: &Entrance| last.at < at && last.time_ns.saturating_add(LEARN_NS) <= time_ns;
        if self.entrances.is_empty()
            && self.learnt.len() < MAX_ENTRANCES
            && self.learnt.last().is_none_or(behind)
        {
            self.learnt.push(Entrance { track: 0, time_ns, at });
        }
    }
}
