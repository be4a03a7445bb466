//! Chapters of an MP4: Nero's list (`chpl`) and QuickTime's chapter track (a text track another one names in
//! `tref` `chap`).

use super::boxes::{Boxes, Fields, Mp4Box, text};
use super::sample_table::SampleTable;
use super::track::Track;
use crate::media::window::Window;
use crate::media::{Chapter, ContainerError};
use crate::timeline::Nanos;

/// Chapters beyond these are dropped; a long film has forty.
const MAX_CHAPTERS: usize = 1000;
/// Longest title that is read, in bytes.
const MAX_TITLE: usize = 1024;
/// Chapter samples mostly lie side by side: one read takes this much.
const READ_AHEAD: usize = 16 << 10;
/// Nero counts in 100 ns.
const NERO_TICK_NS: u64 = 100;

/// `chpl`: version and flags, in version 1 a reserved byte and a 32-bit count (a byte in version 0), then start,
/// length of the title in a byte, title. What is cut short ends the list.
pub fn nero(chpl: Mp4Box<'_>) -> Vec<Chapter> {
    let mut fields = chpl.fields("chpl");
    let mut chapters = Vec::new();
    let count = match fields.version_and_flags() {
        Ok((0, _)) => fields.u8().map(u32::from),
        Ok(_) => fields.skip(1).and_then(|()| fields.u32()),
        Err(error) => Err(error),
    };
    for _ in 0..count.unwrap_or(0).min(MAX_CHAPTERS as u32) {
        let Ok(chapter) = nero_entry(&mut fields) else { break };
        chapters.push(chapter);
    }
    chapters
}

fn nero_entry(fields: &mut Fields<'_>) -> Result<Chapter, ContainerError> {
    let start = fields.u64()?.saturating_mul(NERO_TICK_NS);
    let length = usize::from(fields.u8()?);
    Ok(Chapter { start_ns: start.min(Nanos::MAX as u64) as Nanos, title: title(fields.take(length)?) })
}

/// A chapter track: each sample is a title behind its 16-bit length, presented from where the chapter starts.
pub fn track(window: &mut Window<'_>, track: &Track<'_>) -> Result<Vec<Chapter>, ContainerError> {
    let table = SampleTable::parse(track.stbl, track.timescale, track.duration)?;
    let positions = table.positions(track.stbl, MAX_CHAPTERS)?;
    let mut chapters = Vec::new();
    for ((sample, at), pts) in (0..).zip(positions).zip(table.buffer_pts()) {
        let size = (table.sizes.of(sample) as usize).min(MAX_TITLE + 2);
        let bytes = window.peek(at, size, READ_AHEAD)?;
        let mut fields = Fields::new("chapter title", bytes, at);
        let length = fields.u16().map_or(0, usize::from);
        let rest = fields.rest();
        let start_ns = pts.saturating_sub(track.facts.edit_offset_ns).max(0);
        chapters.push(Chapter { start_ns, title: title(&rest[..length.min(rest.len())]) });
    }
    Ok(chapters)
}

/// Chapters in `udta`, where there are any.
pub fn in_user_data(user_data: Boxes<'_>) -> Vec<Chapter> {
    user_data.intact().find(|found| found.kind == *b"chpl").map(nero).unwrap_or_default()
}

/// UTF-8, or UTF-16 behind a byte order mark.
fn title(bytes: &[u8]) -> Option<String> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.as_chunks().0.iter().map(|&pair| unit(pair)).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xfe, 0xff, rest @ ..] => text(utf16(rest, u16::from_be_bytes).as_bytes(), MAX_TITLE),
        [0xff, 0xfe, rest @ ..] => text(utf16(rest, u16::from_le_bytes).as_bytes(), MAX_TITLE),
        _ => text(bytes, MAX_TITLE),
    }
}

#[cfg(test)]
mod tests {
    use super::super::boxes::tests::boxed;
    use super::*;

    fn chapter(start_ns: Nanos, title: &str) -> Chapter {
        Chapter { start_ns, title: (!title.is_empty()).then(|| title.to_owned()) }
    }

    fn nero_list(head: &[u8], entries: &[(u64, &str)]) -> Vec<Chapter> {
        let entries: Vec<u8> = entries
            .iter()
            .flat_map(|(start, title)| {
                [&start.to_be_bytes()[..], &[title.len() as u8], title.as_bytes()].concat()
            })
            .collect();
        let udta = boxed(b"chpl", &[head, &entries]);
        in_user_data(Mp4Box { kind: *b"udta", body: &udta, at: 0 }.children())
    }

    #[test]
    fn a_nero_list_is_read_in_both_versions_and_as_far_as_it_goes() {
        let entries = [(0, "One"), (10_000_000, "Zwei ä"), (25_000_000, "")];
        let expected = [chapter(0, "One"), chapter(1_000_000_000, "Zwei ä"), chapter(2_500_000_000, "")];
        assert_eq!(nero_list(&[1, 0, 0, 0, 0, 0, 0, 0, 3], &entries), expected);
        assert_eq!(nero_list(&[0, 0, 0, 0, 3], &entries), expected);
        assert_eq!(nero_list(&[1, 0, 0, 0, 0, 255, 255, 255, 255], &entries), expected);
        assert_eq!(nero_list(&[1, 0, 0], &[]), []);
    }

    #[test]
    fn titles_are_utf_8_or_utf_16_with_a_mark() {
        for (bytes, expected) in [
            (&b"Akt I\0"[..], Some("Akt I")),
            (&[0xfe, 0xff, 0, b'A', 0x30, 0x42], Some("Aあ")),
            (&[0xff, 0xfe, b'A', 0, 0x42, 0x30, 9], Some("Aあ")),
            (&[0xff, b'A'], Some("\u{fffd}A")),
            (b"", None),
            (b" \0", None),
        ] {
            assert_eq!(title(bytes).as_deref(), expected);
        }
    }
}
