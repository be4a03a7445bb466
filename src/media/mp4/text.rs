//! Text tracks of an MP4: their samples, which the sample tables list (ISO/IEC 14496-12, 8.6 to 8.7). A movie in
//! fragments lists none.

use std::ops::{ControlFlow, Range};

use super::boxes::Mp4Box;
use super::sample_table::SampleTable;
use super::{MovieHeader, movie_box, tracks};
use crate::media::window::Window;
use crate::media::{ContainerError, ReadAt, TextBlock, TextStep, TrackNumber};
use crate::timeline::Nanos;

/// Samples of a track that are read; a film has two thousand.
const MAX_SAMPLES: usize = 1 << 20;
/// Longest sample that is read; a line has a hundred bytes.
const MAX_SAMPLE: u64 = 1 << 20;
/// Neighbours come with one read.
const READ_AHEAD: usize = 4 << 10;

/// The text tracks of one file.
pub struct TextReader<'s> {
    window: Window<'s>,
    /// By time.
    samples: Vec<Sample>,
}

struct Sample {
    track: TrackNumber,
    time: Range<Nanos>,
    at: u64,
    size: u64,
}

impl<'s> TextReader<'s> {
    /// For `wanted` tracks of `source`; tracks that are not there have no samples.
    pub fn open(source: &'s mut dyn ReadAt, wanted: &[TrackNumber]) -> Result<Self, ContainerError> {
        let mut window = Window::new(source);
        let (at, bytes) = movie_box(&mut window)?;
        let moov = Mp4Box { kind: *b"moov", body: &bytes, at };
        let mvhd = MovieHeader::parse(moov.require(b"mvhd", "mvhd box")?)?;
        let movie = mvhd.movie(moov.child(b"mvex")?.is_some(), window.source_len());
        let mut samples = Vec::new();
        for track in tracks(moov, movie)?.iter().filter(|track| wanted.contains(&track.facts.number)) {
            let table = SampleTable::parse(track.stbl, track.timescale, track.duration)?;
            let positions = table.positions(track.stbl, MAX_SAMPLES)?;
            let offset = track.facts.edit_offset_ns;
            for ((n, at), time) in (0..).zip(positions).zip(table.times()) {
                let time = time.start.saturating_sub(offset)..time.end.saturating_sub(offset);
                samples.push(Sample { track: track.facts.number, time, at, size: table.sizes.of(n) });
            }
        }
        samples.sort_by_key(|sample| sample.time.start);
        Ok(Self { window, samples })
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
        let from = self.samples.partition_point(|sample| sample.time.start < time.start);
        for sample in self.samples[from..].iter().take_while(|sample| sample.time.start < time.end) {
            if sink(TextStep::Reached(sample.time.start)).is_break() {
                return Ok(());
            }
            if sample.size > MAX_SAMPLE {
                continue;
            }
            let data = self.window.peek(sample.at, sample.size as usize, READ_AHEAD)?.to_vec();
            let Range { start: start_ns, end: end_ns } = sample.time;
            let block = TextBlock { track: sample.track, start_ns, end_ns, data, addition: Vec::new() };
            if sink(TextStep::Block(block)).is_break() {
                return Ok(());
            }
        }
        let _: ControlFlow<()> = sink(TextStep::Reached(time.end));
        Ok(())
    }
}
