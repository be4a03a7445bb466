//! The index of a Matroska or WebM file (RFC 9559): information, tracks, cues, chapters, tags and the names of
//! attachments. Clusters are read for text alone.

mod attachments;
mod blocks;
mod chapters;
mod compression;
mod cues;
mod ebml;
mod sections;
mod tags;
#[cfg(test)]
mod tests;
mod text;
#[cfg(test)]
mod text_tests;
mod tracks;
mod webm;

pub use text::TextReader;
pub use webm::is_webvtt;

use std::collections::BTreeMap;

use ebml::{Element, Id};
use sections::{Sections, Wanted};
use tags::Statistics;

use super::window::Window;
use super::{ContainerError, ContainerFacts, ContainerTrack, ReadAt, TrackKind, TrackNumber};
use crate::timeline::Nanos;

const TIMESTAMP_SCALE: Id = 0x2a_d7b1;
const DURATION: Id = 0x4489;
const TITLE: Id = 0x7ba9;

/// Nanoseconds per timestamp where the file does not say.
const DEFAULT_TIMESTAMP_SCALE: u64 = 1_000_000;
/// Longest title that is kept, in bytes.
const MAX_TITLE: usize = 1024;

const INFO: Wanted = Wanted { id: sections::INFO, what: "Info", limit: 1 << 20 };
/// Codec private data, as the style sheets of subtitles, can make it large.
const TRACKS: Wanted = Wanted { id: sections::TRACKS, what: "Tracks", limit: 4 << 20 };
/// A two hour film has some 10 000 cue points of 20 bytes; a recording of a day with sound in the cues, millions.
const CUES: Wanted = Wanted { id: sections::CUES, what: "Cues", limit: 64 << 20 };
const CHAPTERS: Wanted = Wanted { id: sections::CHAPTERS, what: "Chapters", limit: 4 << 20 };
const TAGS: Wanted = Wanted { id: sections::TAGS, what: "Tags", limit: 1 << 20 };

/// Reads what the headers of `source` say. Damaged or oversized chapters, tags, attachments and cues count as
/// absent; without tracks there is nothing to say.
pub fn read(source: &mut dyn ReadAt) -> Result<ContainerFacts, ContainerError> {
    let mut window = Window::new(source);
    let sections = Sections::locate(&mut window)?;
    let info = Info::parse(&sections.read(&mut window, INFO)?.unwrap_or_default())?;
    let missing = ContainerError::Missing { what: TRACKS.what, at: sections.segment_start() };
    let tracks = tracks::read(&sections.read(&mut window, TRACKS)?.ok_or(missing)?);
    let mut facts =
        ContainerFacts { duration_ns: info.duration_ns, title: info.title, ..ContainerFacts::default() };
    let (uids, mut tracks): (Vec<u64>, Vec<ContainerTrack>) =
        tracks.into_iter().map(|track| (track.uid, track.facts)).unzip();

    for id in sections.in_order([CHAPTERS.id, TAGS.id, CUES.id, sections::ATTACHMENTS]) {
        let mut body_of = |wanted| sections.read(&mut window, wanted).ok().flatten().unwrap_or_default();
        match id {
            sections::CHAPTERS => facts.chapters = chapters::read(&body_of(CHAPTERS)),
            sections::TAGS => add_statistics(&mut tracks, &uids, &tags::read(&body_of(TAGS))),
            sections::CUES if tracks.iter().any(|track| track.kind == TrackKind::Video) => {
                let end_after = |position| sections.end_after(position);
                add_indices(&mut tracks, &body_of(CUES), info.timestamp_scale, end_after);
            }
            sections::ATTACHMENTS => {
                let body = sections.find(&mut window, id);
                facts.has_cover = body.is_some_and(|body| attachments::has_cover(&mut window, body));
            }
            _ => {}
        }
    }
    facts.tracks = tracks;
    Ok(facts)
}

fn add_statistics(tracks: &mut [ContainerTrack], uids: &[u64], statistics: &BTreeMap<u64, Statistics>) {
    for (track, uid) in tracks.iter_mut().zip(uids) {
        if let Some(found) = statistics.get(uid) {
            track.frame_count = found.frames;
            track.sample_bytes = found.bytes;
            track.end_ns = found.duration_ns;
        }
    }
}

fn add_indices(
    tracks: &mut [ContainerTrack],
    cues: &[u8],
    timestamp_scale: u64,
    end_after: impl Fn(u64) -> u64,
) {
    let mut video: Vec<_> = tracks.iter_mut().filter(|track| track.kind == TrackKind::Video).collect();
    let numbers: Vec<TrackNumber> = video.iter().map(|track| track.number).collect();
    for (track, index) in video.iter_mut().zip(cues::read(cues, &numbers, timestamp_scale, end_after)) {
        track.keyframes = index;
    }
}

/// The `Info` element (RFC 9559, 5.1.2).
struct Info {
    /// Nanoseconds per timestamp.
    timestamp_scale: u64,
    duration_ns: Option<Nanos>,
    title: Option<String>,
}

impl Info {
    fn parse(body: &[u8]) -> Result<Self, ContainerError> {
        let info = Element { id: INFO.id, body };
        let timestamp_scale = info.child_unsigned(TIMESTAMP_SCALE).unwrap_or(DEFAULT_TIMESTAMP_SCALE);
        if timestamp_scale == 0 {
            return Err(ContainerError::Malformed { what: "TimestampScale", at: 0 });
        }
        // The one time that Matroska stores as a float, in timestamps.
        let duration = info.child(DURATION).and_then(|child| child.float()).filter(|&value| value > 0.0);
        let duration_ns = duration.map(|value| (value * timestamp_scale as f64).round() as Nanos);
        let title = info.child(TITLE).and_then(|child| child.text(MAX_TITLE));
        Ok(Self { timestamp_scale, duration_ns, title })
    }
}
