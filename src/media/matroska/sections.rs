//! Where the top-level elements of a segment lie (RFC 9559, 4.5 and 5.1.1): found by walking to the first
//! cluster and by the SeekHead, and read one by one.

use std::ops::Range;

use super::ebml::{Element, Header, Id, LONGEST_HEADER, elements};
use crate::media::ContainerError;
use crate::media::window::Window;

pub const INFO: Id = 0x1549_a966;
pub const TRACKS: Id = 0x1654_ae6b;
pub const CUES: Id = 0x1c53_bb6b;
pub const CHAPTERS: Id = 0x1043_a770;
pub const TAGS: Id = 0x1254_c367;
pub const ATTACHMENTS: Id = 0x1941_a469;
pub(super) const EBML_HEADER: Id = 0x1a45_dfa3;
pub(super) const DOC_TYPE: Id = 0x4282;
pub(super) const SEGMENT: Id = 0x1853_8067;
pub(super) const SEEK_HEAD: Id = 0x114d_9b74;
pub(super) const SEEK: Id = 0x4dbb;
pub(super) const SEEK_ID: Id = 0x53ab;
pub(super) const SEEK_POSITION: Id = 0x53ac;
pub(super) const CLUSTER: Id = 0x1f43_b675;

/// One read takes this much: the head of most files, or a section behind its header.
const READ_AHEAD: usize = 16 << 10;
/// Larger sections come in pieces of this size.
const PIECE: usize = 64 << 10;
/// Largest EBML header and SeekHead that are read.
const MAX_HEAD: u64 = PIECE as u64;
/// Elements walked over at the top level before the first cluster; usually eight.
const MAX_TOP_LEVEL_ELEMENTS: usize = 256;
/// SeekHeads followed: the first, and the one at the end of the file it may name.
const MAX_SEEK_HEADS: usize = 3;
/// Places tried for one section.
const MAX_TRIES: usize = 4;
/// Places remembered; a SeekHead has ten.
const MAX_PLACES: usize = 1024;

pub struct Sections {
    /// The segment's body, in bytes of the file.
    segment: Range<u64>,
    /// Elements by the byte of the file where their header begins.
    places: Vec<(Id, u64)>,
}

/// A section and how much of it is believed.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub id: Id,
    pub what: &'static str,
    pub limit: u64,
}

impl Sections {
    pub fn locate(window: &mut Window<'_>) -> Result<Self, ContainerError> {
        let segment = segment(window)?;
        let mut sections = Self { segment, places: Vec::new() };
        sections.walk(window);
        Ok(sections)
    }

    /// Notes every element up to the first cluster; damage ends the walk. With a SeekHead it also ends where the
    /// next header would cost another read.
    fn walk(&mut self, window: &mut Window<'_>) {
        let mut at = self.segment.start;
        let mut seek_heads = Vec::new();
        for _ in 0..MAX_TOP_LEVEL_ELEMENTS {
            let known = |id| self.places.iter().any(|place| place.0 == id);
            let far = !window.holds(at, LONGEST_HEADER);
            if at >= self.segment.end || far && !seek_heads.is_empty() && known(INFO) && known(TRACKS) {
                break;
            }
            let Ok(header) = header(window, at) else { break };
            if header.id == CLUSTER {
                break;
            }
            self.note(header.id, at);
            if header.id == SEEK_HEAD {
                self.follow(window, at, &mut seek_heads);
            }
            let Some(size) = header.size else { break };
            at = at.saturating_add(header.length).saturating_add(size);
        }
    }

    /// Notes what the SeekHead at `at` names, and follows the SeekHeads among them.
    fn follow(&mut self, window: &mut Window<'_>, at: u64, followed: &mut Vec<u64>) {
        let mut pending = vec![at];
        while let Some(at) = pending.pop() {
            if followed.len() == MAX_SEEK_HEADS || followed.contains(&at) {
                continue;
            }
            followed.push(at);
            let wanted = Wanted { id: SEEK_HEAD, what: "SeekHead", limit: MAX_HEAD };
            let Ok(Some(body)) = read_at(window, wanted, at) else { continue };
            for seek in elements(&body).filter(|element| element.id == SEEK) {
                let id = seek.child(SEEK_ID).and_then(|id| id.unsigned());
                let position = seek.child_unsigned(SEEK_POSITION);
                let (Some(id), Some(position)) = (id.and_then(|id| Id::try_from(id).ok()), position) else {
                    continue;
                };
                let place = self.segment.start.saturating_add(position);
                self.note(id, place);
                if id == SEEK_HEAD {
                    pending.push(place);
                }
            }
        }
    }

    fn note(&mut self, id: Id, at: u64) {
        if self.segment.contains(&at) && self.places.len() < MAX_PLACES && !self.places.contains(&(id, at)) {
            self.places.push((id, at));
        }
    }

    /// Body of the first such section that is really there; `None` where there is none. A place that leads astray
    /// is an error only when no other does better.
    pub fn read(&self, window: &mut Window<'_>, wanted: Wanted) -> Result<Option<Vec<u8>>, ContainerError> {
        let mut result = Ok(None);
        for &(_, at) in self.places.iter().filter(|place| place.0 == wanted.id).take(MAX_TRIES) {
            match read_at(window, wanted, at) {
                Ok(Some(body)) => return Ok(Some(body)),
                Ok(None) => {}
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }

    /// Sections in the order they lie in the file, so that neighbours come with one read.
    pub fn in_order<const N: usize>(&self, mut ids: [Id; N]) -> [Id; N] {
        ids.sort_by_key(|&id| self.places.iter().find(|place| place.0 == id).map(|place| place.1));
        ids
    }

    /// Where the body of the first such section lies, without reading it.
    pub fn find(&self, window: &mut Window<'_>, id: Id) -> Option<Range<u64>> {
        let (_, at) = self.places.iter().find(|place| place.0 == id)?;
        let header = header(window, *at).ok().filter(|header| header.id == id)?;
        let start = at + header.length;
        Some(start..start.saturating_add(header.size?).min(self.segment.end))
    }

    /// Where the clusters from `position` on end, both counted from the segment's first byte: at the next section
    /// that is known, or at the segment's end.
    pub fn end_after(&self, position: u64) -> u64 {
        let starts = self.places.iter().map(|place| place.1 - self.segment.start);
        let end = self.segment.end - self.segment.start;
        starts.filter(|&start| start > position).min().unwrap_or(end)
    }

    pub fn segment_start(&self) -> u64 {
        self.segment.start
    }
}

/// Checks the EBML header and finds the body of the segment, which may reach beyond a file that was cut short.
fn segment(window: &mut Window<'_>) -> Result<Range<u64>, ContainerError> {
    let ebml = header(window, 0).ok().filter(|header| header.id == EBML_HEADER);
    let size = ebml.and_then(|header| header.size).filter(|&size| size <= MAX_HEAD);
    let (Some(ebml), Some(size)) = (ebml, size) else { return Err(ContainerError::NotMatroska) };
    let body = window.read_all("EBML header", ebml.length, size, PIECE)?;
    let doc_type = Element { id: EBML_HEADER, body: &body }.child(DOC_TYPE).and_then(|child| child.text(16));
    if !matches!(doc_type.as_deref(), Some("matroska" | "webm")) {
        return Err(ContainerError::NotMatroska);
    }
    let mut at = ebml.length + size;
    for _ in 0..MAX_TOP_LEVEL_ELEMENTS {
        let found = header(window, at)?;
        let start = at.saturating_add(found.length);
        let end = found.size.map(|size| start.saturating_add(size));
        if found.id == SEGMENT {
            let end = end.unwrap_or(u64::MAX).min(window.source_len());
            return Ok(start.min(end)..end);
        }
        at = end.ok_or(ContainerError::Malformed { what: "element size", at })?;
    }
    Err(ContainerError::Missing { what: "Segment", at })
}

/// The element header at `at`.
pub fn header(window: &mut Window<'_>, at: u64) -> Result<Header, ContainerError> {
    Header::parse(window.peek(at, LONGEST_HEADER, READ_AHEAD)?, at)
}

/// The body of the element at `at`, if it is the one that is wanted.
fn read_at(window: &mut Window<'_>, wanted: Wanted, at: u64) -> Result<Option<Vec<u8>>, ContainerError> {
    let Wanted { id, what, limit } = wanted;
    let header = header(window, at)?;
    if header.id != id {
        return Ok(None);
    }
    let size = header.size.ok_or(ContainerError::Malformed { what, at })?;
    if size > limit {
        return Err(ContainerError::TooLarge { what, at, size, limit });
    }
    window.read_all(what, at.saturating_add(header.length), size, PIECE).map(Some)
}
