//! The version of a rendition: what its bytes depend on, as a hash. Never the path, never the profile that
//! encodes it.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::images::ImageRendition;
use super::presentation::{RenditionId, RenditionMedia, TextForm};
use crate::timeline::{CutList, FragmentRule};

/// Raised when this program makes other bytes from the same parameters.
const FORMAT: u32 = 5;
/// Bytes of the hash that are kept: 48 bits, enough to tell versions of one file apart.
const VERSION_BYTES: usize = 6;

/// Raised when this program makes other text from the same lines.
const TEXT_FORMAT: u32 = 1;

/// Raised when this program draws subtitles in another way.
const BURNT_FORMAT: u32 = 1;

/// Raised when this program makes other pictures of the same film.
const IMAGE_FORMAT: u32 = 3;

pub fn rendition_id(
    kind: &str,
    content_version: &str,
    media: &RenditionMedia,
    cuts: &CutList,
    fragments: FragmentRule,
) -> RenditionId {
    let mut hash = Sha256::new();
    hash.update(FORMAT.to_le_bytes());
    hash.update(content_version.as_bytes());
    hash.update([0]);
    hash.update(kind.as_bytes());
    hash.update([0]);
    hash.update(format!("{media:?}").as_bytes());
    hash.update(cuts.timescale.to_le_bytes());
    cuts.boundaries.iter().for_each(|boundary| hash.update(boundary.to_le_bytes()));
    hash.update(format!("{fragments:?}").as_bytes());
    finish(kind, hash)
}

/// Of a rung with subtitles drawn in. What the rung depends on is in its own id.
pub fn burnt_id(kind: &str, rung: &RenditionId) -> RenditionId {
    let mut hash = Sha256::new();
    hash.update(BURNT_FORMAT.to_le_bytes());
    hash.update(rung.0.as_bytes());
    hash.update([0]);
    hash.update(kind.as_bytes());
    finish(kind, hash)
}

pub fn text_id(kind: &str, content_version: &str, form: &TextForm, cuts: &CutList) -> RenditionId {
    let mut hash = Sha256::new();
    hash.update(TEXT_FORMAT.to_le_bytes());
    hash.update(content_version.as_bytes());
    hash.update([0]);
    hash.update(kind.as_bytes());
    hash.update([0]);
    hash.update(form.codec.as_bytes());
    hash.update(cuts.timescale.to_le_bytes());
    cuts.boundaries.iter().for_each(|boundary| hash.update(boundary.to_le_bytes()));
    finish(kind, hash)
}

/// Of images that have no id yet.
pub fn image_id(kind: &str, content_version: &str, images: &ImageRendition) -> RenditionId {
    let mut hash = Sha256::new();
    hash.update(IMAGE_FORMAT.to_le_bytes());
    hash.update(content_version.as_bytes());
    hash.update([0]);
    let ImageRendition { id: _, tile, columns, rows, tile_ns, duration_ns, times, keyframes: _ } = images;
    for number in [tile.0, tile.1, *columns, *rows] {
        hash.update(number.to_le_bytes());
    }
    for time in [tile_ns, duration_ns].into_iter().chain(times) {
        hash.update(time.to_le_bytes());
    }
    finish(kind, hash)
}

fn finish(kind: &str, hash: Sha256) -> RenditionId {
    let digest = hash.finalize();
    let version: String = digest.iter().take(VERSION_BYTES).map(|byte| format!("{byte:02x}")).collect();
    RenditionId(Arc::from(format!("{kind}-{version}")))
}
