//! Subtitles: the lines of text tracks as cues, from where a viewer is to the end of the file, then what lies before.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::demux;
use super::output::Output;
use super::source::{SourceBytes, SourceReader};
use crate::media::container::ContainerError;
use crate::media::{Container, TextBlock, TextFormat, TextStep, matroska, mp4, mpegts};
use crate::text::{Cue, Packet, ass, decode, subrip, timed_text, webvtt};
use crate::timeline::Nanos;
use crate::worker::protocol::{Failure, FailureKind, Report, TextFileSpec, TextSpec, TrackCue};

/// Cues are told at least this often.
const TELL: Duration = Duration::from_millis(50);
const TELL_CUES: usize = 256;
/// No file of subtitles is longer.
const MAX_FILE_BYTES: usize = 16 << 20;
/// How long before the time that is asked for a line may begin that is still shown then.
const LONGEST_LINE_NS: Nanos = 20_000_000_000;

pub fn run(source: &Arc<SourceBytes>, spec: &TextSpec, output: &Output) -> Result<Report, Failure> {
    let failed = |error: ContainerError| {
        let kind = match error {
            ContainerError::Io { .. } => FailureKind::Source,
            _ => FailureKind::Undecodable,
        };
        Failure::new(kind, "text", error.to_string())
    };
    let source = demux::bytes_for(spec.container, 0, source.clone());
    let mut bytes = SourceReader::new(&source)
        .map_err(|error| Failure::new(FailureKind::Source, "file", error.to_string()))?;
    let numbers: Vec<_> = spec.tracks.iter().map(|track| track.number).collect();
    let mut reader = match spec.container {
        Container::Matroska => {
            Reader::Matroska(matroska::TextReader::open(&mut bytes, &numbers).map_err(failed)?)
        }
        Container::Mp4 => Reader::Mp4(mp4::TextReader::open(&mut bytes, &numbers).map_err(failed)?),
        Container::MpegTs => Reader::MpegTs(mpegts::TextReader::open(&mut bytes, &numbers).map_err(failed)?),
        other => {
            let message = format!("the text of {other:?} files is not read");
            return Err(Failure::new(FailureKind::Setup, "text", message));
        }
    };
    let formats: Vec<Format> =
        spec.tracks.iter().map(|track| reader.format(track.number, &track.codec)).collect();
    let from = spec.from_ns.max(0);
    for time in [from..Nanos::MAX, 0..from] {
        if time.is_empty() {
            continue;
        }
        let mut told = Told::new(output, time.start);
        let shown_from = time.start.saturating_sub(LONGEST_LINE_NS).max(0);
        let origin = spec.origin_ns;
        let in_file = shown_from.saturating_add(origin)..time.end.saturating_add(origin);
        reader
            .read(in_file, &mut |step| {
                match step {
                    TextStep::Block(block) => {
                        let track = spec.tracks.iter().position(|track| track.number == block.track);
                        let cue = track.and_then(|track| formats.get(track)?.cue(block, origin));
                        told.cues
                            .extend(track.zip(cue).map(|(track, cue)| TrackCue { track: track as u32, cue }));
                        told.now_and_then();
                    }
                    TextStep::Reached(nanos) => told.reached(nanos.saturating_sub(origin)),
                }
                ControlFlow::Continue(())
            })
            .map_err(failed)?;
        told.tell();
    }
    Ok(Report::TextEnd)
}

/// A whole file of subtitles. Times in it count from where the film begins for its viewers.
pub fn read_file(source: &SourceBytes, spec: &TextFileSpec, output: &Output) -> Result<Report, Failure> {
    let failed = |error: std::io::Error| Failure::new(FailureKind::Source, "file", error.to_string());
    let mut bytes =
        vec![0; usize::try_from(source.len().map_err(failed)?).unwrap_or(usize::MAX).min(MAX_FILE_BYTES)];
    let mut filled = 0;
    while filled < bytes.len() {
        match source.read_at(&mut bytes[filled..], filled as u64).map_err(failed)? {
            0 => break,
            read => filled += read,
        }
    }
    let text = decode(&bytes[..filled], spec.language.as_deref());
    let cues = match spec.format {
        TextFormat::SubRip => subrip::read(&text),
        TextFormat::Ass => ass::read(&text),
        TextFormat::WebVtt => webvtt::read(&text),
    };
    if cues.is_empty() {
        let message = format!("there is no line of {} in it", spec.format.codec());
        return Err(Failure::new(FailureKind::Undecodable, "text", message));
    }
    let cues = cues.into_iter().map(|cue| TrackCue { track: 0, cue }).collect();
    output.report(&Report::Cues { cues, covered: 0..Nanos::MAX });
    Ok(Report::TextEnd)
}

enum Reader<'s> {
    Matroska(matroska::TextReader<'s>),
    Mp4(mp4::TextReader<'s>),
    MpegTs(mpegts::TextReader<'s>),
}

impl Reader<'_> {
    fn format(&self, number: u64, codec: &str) -> Format {
        match (self, codec) {
            (Self::Mp4(_), _) => Format::TimedText,
            (Self::Matroska(reader), "ass") => {
                Format::Ass(ass::Styles::read(&String::from_utf8_lossy(reader.header(number))))
            }
            // The reader of Teletext has its lines ready.
            (Self::MpegTs(_), _) | (_, "webvtt") => Format::WebVtt,
            _ => Format::SubRip,
        }
    }

    fn read(
        &mut self,
        time: Range<Nanos>,
        sink: &mut dyn FnMut(TextStep) -> ControlFlow<()>,
    ) -> Result<(), ContainerError> {
        match self {
            Self::Matroska(reader) => reader.read(time, sink),
            Self::Mp4(reader) => reader.read(time, sink),
            Self::MpegTs(reader) => reader.read(time, sink),
        }
    }
}

enum Format {
    SubRip,
    Ass(ass::Styles),
    TimedText,
    WebVtt,
}

impl Format {
    fn cue(&self, block: TextBlock, origin_ns: Nanos) -> Option<Cue> {
        let packet = Packet {
            start_ns: block.start_ns.saturating_sub(origin_ns),
            end_ns: block.end_ns.saturating_sub(origin_ns),
            data: block.data,
        };
        match self {
            Self::SubRip => subrip::packet(&packet),
            Self::Ass(styles) => ass::packet(&packet, styles),
            Self::TimedText => timed_text::packet(&packet),
            Self::WebVtt => webvtt::packet(&packet, &block.addition),
        }
    }
}

/// What has been read and not yet been told.
struct Told<'a> {
    output: &'a Output,
    cues: Vec<TrackCue>,
    covered: Range<Nanos>,
    last: Instant,
}

impl<'a> Told<'a> {
    fn new(output: &'a Output, start: Nanos) -> Self {
        Self { output, cues: Vec::new(), covered: start..start, last: Instant::now() }
    }

    fn reached(&mut self, nanos: Nanos) {
        if nanos > self.covered.end {
            self.covered.end = nanos;
            self.now_and_then();
        }
    }

    fn now_and_then(&mut self) {
        if self.cues.len() >= TELL_CUES || self.last.elapsed() >= TELL {
            self.tell();
        }
    }

    fn tell(&mut self) {
        let cues = std::mem::take(&mut self.cues);
        self.output.report(&Report::Cues { cues, covered: self.covered.clone() });
        self.last = Instant::now();
    }
}
