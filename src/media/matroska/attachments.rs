//! The `Attachments` element (RFC 9559, 5.1.6 and 21.2): is there a cover among them? Names and types are read,
//! the attached data is stepped over.

use std::ops::Range;

use super::ebml::{Element, Header, Id, LONGEST_HEADER};
use crate::media::ContainerError;
use crate::media::window::Window;

pub(super) const ATTACHED_FILE: Id = 0x61a7;
pub(super) const FILE_NAME: Id = 0x466e;
pub(super) const FILE_MEDIA_TYPE: Id = 0x4660;

/// Files looked at: a film with subtitles carries fonts by the dozen, and each costs a read.
const MAX_FILES: usize = 64;
/// Elements looked at in one file; it has five.
const MAX_FIELDS: usize = 16;
/// One read takes the fields of a file before its data.
const READ_AHEAD: usize = 512;
/// Longest name or type looked at, in bytes.
const MAX_TEXT: u64 = 256;

/// Whether a file named `cover…` of an image type lies in `body`; what is damaged is no cover.
pub fn has_cover(window: &mut Window<'_>, body: Range<u64>) -> bool {
    let mut at = body.start;
    for _ in 0..MAX_FILES {
        let Ok(Some((header, inner))) = element(window, at, body.end) else { return false };
        at = inner.end;
        if header.id == ATTACHED_FILE && is_cover(window, inner).unwrap_or(false) {
            return true;
        }
    }
    false
}

fn is_cover(window: &mut Window<'_>, file: Range<u64>) -> Result<bool, ContainerError> {
    let (mut named_cover, mut image) = (None, None);
    let mut at = file.start;
    for _ in 0..MAX_FIELDS {
        let Some((header, inner)) = element(window, at, file.end)? else { break };
        at = inner.end;
        let mut starts_with = |prefix: &str| -> Result<bool, ContainerError> {
            let count = (inner.end - inner.start).min(MAX_TEXT) as usize;
            let body = window.peek(inner.start, count, READ_AHEAD)?;
            let text = Element { id: header.id, body }.text(count).unwrap_or_default();
            Ok(text.to_ascii_lowercase().starts_with(prefix))
        };
        match header.id {
            FILE_NAME => named_cover = Some(starts_with("cover")?),
            FILE_MEDIA_TYPE => image = Some(starts_with("image/")?),
            _ => {}
        }
        if let (Some(named_cover), Some(image)) = (named_cover, image) {
            return Ok(named_cover && image);
        }
    }
    Ok(false)
}

/// Header and body of the element at `at`, both before `end`; `None` at the end.
fn element(
    window: &mut Window<'_>,
    at: u64,
    end: u64,
) -> Result<Option<(Header, Range<u64>)>, ContainerError> {
    if at >= end {
        return Ok(None);
    }
    let header = Header::parse(window.peek(at, LONGEST_HEADER, READ_AHEAD)?, at)?;
    let size = header.size.ok_or(ContainerError::Malformed { what: "attachment", at })?;
    let start = at.saturating_add(header.length);
    let last = start.saturating_add(size);
    if last > end {
        return Err(ContainerError::Truncated { what: "attachment", at });
    }
    Ok(Some((header, start..last)))
}
