//! The index of an MP4 or QuickTime file (ISO/IEC 14496-12, QuickTime File Format): `moov` read whole, the rest
//! of the file skipped by its box headers.
//!
//! Fragments (`moof`) are read for text alone. Not here: what the caps of the demuxer tell.

mod boxes;
mod chapters;
mod edit_list;
mod fragments;
mod sample_sizes;
mod sample_table;
mod tags;
#[cfg(test)]
mod tests;
mod text;
#[cfg(test)]
mod text_tests;
mod track;

pub use text::TextReader;

use boxes::{Header, LONGEST_HEADER, Mp4Box};
use track::{Movie, Track};

use super::window::Window;
use super::{Chapter, ContainerError, ContainerFacts, ReadAt, TrackKind};
use crate::timeline::ticks::NANOS_PER_SECOND;
use crate::timeline::{Nanos, Rounding, rescale};

/// Largest `moov` that is read. An hour of video with sound has about 2 MB.
const MAX_MOOV: u64 = 256 << 20;
/// Boxes at the top level looked at before `moov`; usually three.
const MAX_TOP_LEVEL_BOXES: usize = 1024;
/// Tracks looked at; more are no film.
const MAX_TRACKS: usize = 256;
/// Keyframes listed over all tracks; a track with more has no index (19 hours of intra-only video at 60 Hz, 100 MB).
const MAX_KEYFRAMES: u64 = 1 << 22;
/// Bytes of a movie header up to its duration.
const LONGEST_MOVIE_HEADER: usize = 32;
/// `ftyp`, `free` and the header of what follows come with one read.
const HEADER_READ: usize = 256;
/// `moov` comes in pieces of this size.
const MOOV_PIECE: usize = 4 << 20;

/// Reads what the movie box of `source` says.
pub fn read(source: &mut dyn ReadAt) -> Result<ContainerFacts, ContainerError> {
    let mut window = Window::new(source);
    let (at, bytes) = movie_box(&mut window)?;
    let moov = Mp4Box { kind: *b"moov", body: &bytes, at };
    let mvhd = MovieHeader::parse(moov.require(b"mvhd", "mvhd box")?)?;
    let mvex = moov.child(b"mvex")?;
    let movie = mvhd.movie(mvex.is_some(), window.source_len());
    let tracks = tracks(moov, movie)?;

    let user_data = moov.optional(b"udta");
    let mut chapters = user_data.map(|udta| chapters::in_user_data(udta.children())).unwrap_or_default();
    if chapters.is_empty() && !movie.fragmented {
        chapters = chapter_track(&mut window, &tracks);
    }
    chapters.sort_by_key(|chapter| chapter.start_ns);
    let named_as_chapters: Vec<_> = tracks.iter().flat_map(|track| track.chapter_tracks.clone()).collect();
    let mut tracks: Vec<_> = tracks.into_iter().map(|track| track.facts).collect();
    for track in tracks.iter_mut().filter(|track| named_as_chapters.contains(&track.number)) {
        track.kind = TrackKind::Other;
        track.keyframes = None;
    }

    // Where there are fragments, the movie header tells of what lies before them.
    let declared = match mvex {
        Some(mvex) => mvex.optional(b"mehd").and_then(|mehd| fragments_duration(mehd).ok()),
        None => mvhd.duration,
    };
    Ok(ContainerFacts {
        duration_ns: declared.filter(|&ticks| ticks > 0).map(|ticks| mvhd.nanos(ticks)),
        title: tags::title(moov),
        tracks,
        chapters,
        has_cover: user_data.is_some_and(tags::has_cover),
        fragmented: movie.fragmented,
    })
}

/// The duration field of a movie that is longer by `by_ns`: where it lies, and its bytes. `None` where there is none, or
/// it says that nobody knows.
pub fn longer_movie(source: &mut dyn ReadAt, by_ns: Nanos) -> Result<Option<(u64, Vec<u8>)>, ContainerError> {
    let mut window = Window::new(source);
    let (moov, size) = find_moov(&mut window)?;
    let end = moov + size;
    let mut at = moov;
    for _ in 0..MAX_TRACKS {
        if end - at < 8 {
            break;
        }
        let header = Header::parse(window.peek(at, LONGEST_HEADER, HEADER_READ)?, at, end - at)?;
        if header.kind != *b"mvhd" {
            at += header.size;
            continue;
        }
        let body = at + header.length;
        let bytes = window.peek(body, LONGEST_MOVIE_HEADER, HEADER_READ)?;
        let movie = MovieHeader::parse(Mp4Box { kind: header.kind, body: bytes, at: body })?;
        let Some(duration) = movie.duration.filter(|&ticks| ticks > 0) else { return Ok(None) };
        // Section 8.2.2.2: times, timescale and duration have eight bytes with version 1, but for the timescale.
        let (before, width, limit) =
            if bytes[0] == 0 { (16, 4, u64::from(u32::MAX)) } else { (24, 8, u64::MAX) };
        let more = rescale(by_ns, NANOS_PER_SECOND as u32, movie.timescale, Rounding::Ceil).max(0) as u64;
        let longer = duration.saturating_add(more).min(limit - 1);
        let field = longer.to_be_bytes()[8 - width..].to_vec();
        return Ok(Some((body + before, field)));
    }
    Ok(None)
}

/// The body of `moov`, and where it lies.
fn movie_box(window: &mut Window<'_>) -> Result<(u64, Vec<u8>), ContainerError> {
    let (at, size) = find_moov(window)?;
    Ok((at, window.read_all("moov box", at, size, MOOV_PIECE)?))
}

/// The tracks of a movie; where two have the same number, the first.
fn tracks(moov: Mp4Box<'_>, mut movie: Movie) -> Result<Vec<Track<'_>>, ContainerError> {
    let mut tracks: Vec<Track<'_>> = Vec::new();
    for child in moov.children() {
        let child = child?;
        if child.kind == *b"trak" && tracks.len() < MAX_TRACKS {
            let track = Track::parse(child, movie)?;
            let listed = track.facts.keyframes.as_ref().map_or(0, |index| index.keyframes.len() as u64);
            movie.keyframes_left = movie.keyframes_left.saturating_sub(listed);
            if tracks.iter().all(|other| other.facts.number != track.facts.number) {
                tracks.push(track);
            }
        }
    }
    Ok(tracks)
}

/// Position and size of the body of `moov`.
fn find_moov(window: &mut Window<'_>) -> Result<(u64, u64), ContainerError> {
    let mut at = 0;
    for _ in 0..MAX_TOP_LEVEL_BOXES {
        let left = window.source_len().saturating_sub(at);
        if left < 8 {
            break;
        }
        let header = Header::parse(window.peek(at, LONGEST_HEADER, HEADER_READ)?, at, left)?;
        if header.kind == *b"moov" {
            if header.size > MAX_MOOV {
                return Err(ContainerError::TooLarge {
                    what: "moov box",
                    at,
                    size: header.size,
                    limit: MAX_MOOV,
                });
            }
            return Ok((at + header.length, header.size - header.length));
        }
        at = at.saturating_add(header.size);
    }
    Err(ContainerError::NoMoov { at: at.min(window.source_len()) })
}

struct MovieHeader {
    timescale: u32,
    /// In ticks of the timescale; absent where the file says unknown.
    duration: Option<u64>,
}

impl MovieHeader {
    fn parse(mvhd: Mp4Box<'_>) -> Result<Self, ContainerError> {
        let mut fields = mvhd.fields("mvhd");
        let (version, _) = fields.version_and_flags()?;
        fields.u32_or_u64(version)?;
        fields.u32_or_u64(version)?;
        let timescale = fields.u32()?;
        if timescale == 0 {
            return Err(ContainerError::Malformed { what: "mvhd timescale", at: mvhd.at });
        }
        let duration = fields.u32_or_u64(version)?;
        let unknown = if version == 0 { u64::from(u32::MAX) } else { u64::MAX };
        Ok(Self { timescale, duration: Some(duration).filter(|&ticks| ticks != unknown) })
    }

    /// `size` is the file's: no file has more keyframes than bytes.
    fn movie(&self, fragmented: bool, size: u64) -> Movie {
        Movie { timescale: self.timescale, fragmented, keyframes_left: MAX_KEYFRAMES.min(size) }
    }

    fn nanos(&self, ticks: u64) -> Nanos {
        let ticks = ticks.min(i64::MAX as u64) as i64;
        rescale(ticks, self.timescale, NANOS_PER_SECOND as u32, Rounding::Floor)
    }
}

/// Duration of the movie with all its fragments, in ticks of the movie.
fn fragments_duration(mehd: Mp4Box<'_>) -> Result<u64, ContainerError> {
    let mut fields = mehd.fields("mehd");
    let (version, _) = fields.version_and_flags()?;
    fields.u32_or_u64(version)
}

/// Chapters of the first chapter track that has any; a damaged one is none.
fn chapter_track(window: &mut Window<'_>, tracks: &[Track<'_>]) -> Vec<Chapter> {
    let named: Vec<_> = tracks.iter().flat_map(|track| &track.chapter_tracks).collect();
    tracks
        .iter()
        .filter(|track| named.contains(&&track.facts.number))
        .filter(|track| track.facts.kind == TrackKind::Text)
        .filter_map(|track| chapters::track(window, track).ok())
        .find(|chapters| !chapters.is_empty())
        .unwrap_or_default()
}
