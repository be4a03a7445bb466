//! Small pictures of the film to seek by: JPEG sheets of tiles, each tile one picture for a stretch of the film (DASH-IF
//! IOP 4.3 section 6.2.6, "Image Media Playlist" 0.4).

use std::ops::Range;
use std::sync::Arc;

use super::presentation::RenditionId;
use super::version::image_id;
use super::video::display_size;
use crate::media::{Keyframe, KeyframeIndex, VideoTrack};
use crate::timeline::{NANOS_PER_SECOND, Nanos};

/// What a tile stands for. A sheet stands for a minute.
const TILE_NS: Nanos = 4 * NANOS_PER_SECOND;
const COLUMNS: u32 = 3;
const ROWS: u32 = 5;
/// A tile fits into this: some players show no sheet that is wider or higher than 720 pixels.
const BOX: (u32, u32) = (240, 144);
/// More than JPEG needs for a tile of noise at a quality that is worth looking at.
const BITS_PER_PIXEL: u32 = 2;
/// Of a JPEG file, whatever is in it.
const HEADER_BYTES: u32 = 1024;

/// The pictures of one film. Sheet `n` has the tiles from `n × tiles_per_sheet` on, row by row; what is missing from the
/// last one is black.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRendition {
    pub id: RenditionId,
    /// Width and height of a tile in pixels, both even.
    pub tile: (u32, u32),
    pub columns: u32,
    pub rows: u32,
    /// What each tile stands for; the last one may stand for less.
    pub tile_ns: Nanos,
    /// Of the whole film.
    pub duration_ns: Nanos,
    /// For each tile, where the picture in it is.
    pub times: Vec<Nanos>,
    /// These are the times of keyframes; otherwise what is near them will do.
    pub keyframes: bool,
}

impl ImageRendition {
    pub(super) fn plan(
        track: &VideoTrack,
        index: &KeyframeIndex,
        duration_ns: Nanos,
        content_version: &str,
    ) -> Arc<Self> {
        let times = times(&index.keyframes, duration_ns);
        let tile = fit(display_size(track));
        let mut rendition = Self {
            id: RenditionId("".into()),
            tile,
            columns: COLUMNS,
            rows: ROWS,
            tile_ns: TILE_NS,
            duration_ns,
            times,
            keyframes: !index.keyframes.is_empty(),
        };
        rendition.id = image_id(&format!("i{}", tile.1), content_version, &rendition);
        Arc::new(rendition)
    }

    pub fn tiles_per_sheet(&self) -> u32 {
        self.columns * self.rows
    }

    /// What a whole sheet stands for.
    pub fn sheet_ns(&self) -> Nanos {
        Nanos::from(self.tiles_per_sheet()) * self.tile_ns
    }

    pub fn sheet_count(&self) -> u32 {
        (self.times.len() as u32).div_ceil(self.tiles_per_sheet())
    }

    /// What sheet `sheet` stands for; `None` beyond the end.
    pub fn range(&self, sheet: u32) -> Option<Range<Nanos>> {
        let start = Nanos::from(sheet) * self.sheet_ns();
        (sheet < self.sheet_count()).then(|| start..(start + self.sheet_ns()).min(self.duration_ns))
    }

    /// Where the pictures of a sheet are; `None` beyond the end.
    pub fn times_of(&self, sheet: u32) -> Option<&[Nanos]> {
        self.times.chunks(self.tiles_per_sheet() as usize).nth(sheet as usize)
    }

    /// Width and height of a sheet in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.tile.0 * self.columns, self.tile.1 * self.rows)
    }

    /// No sheet with so many pictures in it is longer.
    pub fn max_bytes(&self, tiles: usize) -> u32 {
        let tiles = u32::try_from(tiles).unwrap_or(u32::MAX).min(self.tiles_per_sheet());
        HEADER_BYTES + tiles * self.tile.0 * self.tile.1 * BITS_PER_PIXEL / 8
    }

    /// Bits per second of the sheet with the highest rate, at most.
    pub fn bandwidth(&self) -> u32 {
        let of = |sheet: u32| {
            let (times, range) = (self.times_of(sheet)?, self.range(sheet)?);
            let bits = i64::from(self.max_bytes(times.len())) * 8;
            Some((bits * NANOS_PER_SECOND / (range.end - range.start).max(1) + 1) as u32)
        };
        let last = self.sheet_count().saturating_sub(1);
        of(0).max(of(last)).unwrap_or(1)
    }
}

/// For each tile the keyframe in the stretch it stands for that is nearest to its middle; where there is none, the one
/// before; where none is known, the middle itself.
fn times(keyframes: &[Keyframe], duration_ns: Nanos) -> Vec<Nanos> {
    let count = ((duration_ns + TILE_NS - 1) / TILE_NS).max(1);
    let mut times = Vec::with_capacity(count as usize);
    for start in (0..count).map(|tile| tile * TILE_NS) {
        let end = (start + TILE_NS).min(duration_ns);
        let middle = start + (end - start) / 2;
        let behind = keyframes.partition_point(|keyframe| keyframe.pts_ns < end);
        let before = keyframes.partition_point(|keyframe| keyframe.pts_ns < start);
        let within = keyframes[before..behind].iter().map(|keyframe| keyframe.pts_ns);
        let nearest = within.min_by_key(|pts| (pts - middle).abs());
        let last = || keyframes[..before].last().or(keyframes.first()).map(|keyframe| keyframe.pts_ns);
        times.push(nearest.or_else(last).unwrap_or(middle).max(0));
    }
    times
}

/// The size of a tile for pictures of this size: never larger than they are.
fn fit((width, height): (u32, u32)) -> (u32, u32) {
    let (width, height) = (u64::from(width.max(1)), u64::from(height.max(1)));
    let (most_wide, most_high) = (u64::from(BOX.0), u64::from(BOX.1));
    let (fitting_width, fitting_height) = if width <= most_wide && height <= most_high {
        (width, height)
    } else if width * most_high >= height * most_wide {
        (most_wide, height * most_wide / width)
    } else {
        (width * most_high / height, most_high)
    };
    let even = |value: u64| (value / 2 * 2).max(2) as u32;
    (even(fitting_width), even(fitting_height))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Nanos = NANOS_PER_SECOND;

    fn keyframes(at: &[Nanos]) -> Vec<Keyframe> {
        at.iter().map(|&pts_ns| Keyframe { pts_ns, earliest_ns: pts_ns, bytes: 0 }).collect()
    }

    #[test]
    fn a_tile_shows_the_keyframe_nearest_to_its_middle_or_the_one_before() {
        let known = keyframes(&[0, SECOND, 3 * SECOND + 1, 9 * SECOND]);
        assert_eq!(times(&known, 14 * SECOND), [SECOND, 3 * SECOND + 1, 9 * SECOND, 9 * SECOND]);
        assert_eq!(times(&[], 5 * SECOND), [2 * SECOND, 4 * SECOND + SECOND / 2]);
        // A track that begins late has nothing before.
        assert_eq!(times(&keyframes(&[6 * SECOND]), 8 * SECOND), [6 * SECOND, 6 * SECOND]);
        assert_eq!(times(&keyframes(&[0]), 0), [0]);
    }

    #[test]
    fn tiles_keep_the_shape_and_are_never_larger_than_the_picture() {
        for (size, expected) in [
            ((1920, 1080), (240, 134)),
            ((1920, 800), (240, 100)),
            ((720, 540), (192, 144)),
            ((608, 1080), (80, 144)),
            ((128, 72), (128, 72)),
            ((16_384, 2), (240, 2)),
            ((0, 0), (2, 2)),
        ] {
            assert_eq!(fit(size), expected, "{size:?}");
        }
    }

    proptest! {
        #[test]
        fn sheets_cover_the_film_once(seconds in 0i64..20_000, millis in 0i64..1000) {
            let duration_ns = seconds * SECOND + millis * 1_000_000;
            let images = ImageRendition {
                id: RenditionId("i134-0".into()),
                tile: (240, 134),
                columns: COLUMNS,
                rows: ROWS,
                tile_ns: TILE_NS,
                duration_ns,
                times: times(&[], duration_ns),
                keyframes: false,
            };
            let count = images.sheet_count();
            prop_assert!(count > 0);
            let mut at = 0;
            for sheet in 0..count {
                let range = images.range(sheet).expect("a sheet");
                prop_assert_eq!(range.start, at);
                at = range.end;
                let tiles = images.times_of(sheet).expect("times").len();
                let bits = i64::from(images.max_bytes(tiles)) * 8;
                let length = (range.end - range.start).max(1);
                prop_assert!(i64::from(images.bandwidth()) * length >= bits * SECOND || duration_ns == 0);
            }
            prop_assert_eq!(at, duration_ns);
            prop_assert!(images.range(count).is_none() && images.times_of(count).is_none());
            prop_assert!(images.size().0 <= 720 && images.size().1 <= 720);
        }
    }
}
