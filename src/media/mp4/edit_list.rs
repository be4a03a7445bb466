//! The edit list (ISO/IEC 14496-12, 8.6.6), reduced to the one number playback needs: how far the buffer PTS of
//! a track lies from its presentation.
//!
//! Only the first edit with media counts, and the empty edits before it. Files that skip about inside a track
//! play straight on from there.

use super::boxes::{Fields, Mp4Box};
use crate::media::ContainerError;

/// More edits than this are no edit list (qtdemux has the same limit).
const MAX_EDITS: u32 = 100_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EditOffset {
    /// Where in the media the presentation starts, in ticks of the track.
    pub media_time: i64,
    /// What passes before that, in ticks of the movie.
    pub empty: u64,
}

impl EditOffset {
    /// From the `edts` box of a track. A list that is shorter than it says is ignored, as qtdemux does.
    pub fn read(edts: Option<Mp4Box<'_>>) -> Self {
        let Some(list) = edts.and_then(|edts| edts.optional(b"elst")) else { return Self::default() };
        Self::parse(list.fields("elst")).unwrap_or_default()
    }

    fn parse(mut fields: Fields<'_>) -> Result<Self, ContainerError> {
        let (version, _) = fields.version_and_flags()?;
        let count = fields.u32()?;
        let entry = if version == 0 { 12 } else { 20 };
        if count > MAX_EDITS || fields.rest().len() < count as usize * entry {
            return Ok(Self::default());
        }
        let mut empty: u64 = 0;
        for _ in 0..count {
            let duration = fields.u32_or_u64(version)?;
            let media_time =
                if version == 0 { i64::from(fields.i32()?) } else { fields.u64()?.cast_signed() };
            fields.skip(4)?;
            if media_time >= 0 {
                return Ok(Self { media_time, empty });
            }
            empty = empty.saturating_add(duration);
        }
        Ok(Self { media_time: 0, empty })
    }
}

#[cfg(test)]
mod tests {
    use super::super::boxes::tests::{boxed, full};
    use super::*;

    const RATE: u32 = 0x0001_0000;
    const EMPTY: u32 = u32::MAX;

    fn offset(elst: &[u8]) -> EditOffset {
        EditOffset::read(Some(Mp4Box { kind: *b"edts", body: elst, at: 0 }))
    }

    #[test]
    fn the_first_edit_with_media_and_the_empty_ones_before_it_count() {
        for (version, words, media_time, empty) in [
            (0, &[1, 500, 1024, RATE][..], 1024, 0),
            (0, &[2, 40, EMPTY, RATE, 500, 0, RATE], 0, 40),
            (0, &[3, 40, EMPTY, RATE, 2, EMPTY, RATE, 500, 7, RATE], 7, 42),
            (0, &[2, 500, 10, RATE, 500, 9000, RATE], 10, 0),
            (1, &[1, 0, 500, 1, 0, RATE], 1 << 32, 0),
            (1, &[2, 1, 0, EMPTY, EMPTY, RATE, 0, 5, 0, 3, RATE], 3, 1 << 32),
            (0, &[1, 40, EMPTY, RATE], 0, 40),
            (0, &[0], 0, 0),
        ] {
            assert_eq!(
                offset(&full(b"elst", version, 0, words)),
                EditOffset { media_time, empty },
                "{words:?}"
            );
        }
    }

    #[test]
    fn an_edit_list_that_is_cut_short_is_ignored() {
        assert_eq!(offset(&full(b"elst", 0, 0, &[2, 500, 1024, RATE])), EditOffset::default());
        assert_eq!(offset(&boxed(b"elst", &[&[0]])), EditOffset::default());
        assert_eq!(EditOffset::read(None), EditOffset::default());
    }
}
