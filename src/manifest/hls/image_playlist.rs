//! Sheets of small pictures in HLS: `EXT-X-IMAGE-STREAM-INF` in the multivariant playlist and a playlist of its own
//! ("Image Media Playlist" 0.4, which Roku and Shaka read; others pass over tags they do not know, RFC 8216 section 6.3.1).

use super::attribute_list::AttributeList;
use super::extinf::SegmentMicros;
use super::{basic_tags, extinf, media_playlist_tags};
use crate::rendition::ImageRendition;
use crate::timeline::{CutList, Nanos};

/// How JPEG is named among codecs.
const CODEC: &str = "jpeg";
const NANOS: u32 = 1_000_000_000;

/// `uri`: of the playlist.
pub fn write_stream_inf(out: &mut String, images: &ImageRendition, uri: &str) {
    let (width, height) = images.tile;
    let list = AttributeList::default()
        .plain("BANDWIDTH", images.bandwidth())
        .plain("RESOLUTION", format_args!("{width}x{height}"))
        .quoted("CODECS", CODEC)
        .quoted("URI", uri);
    out.push_str(&format!("#EXT-X-IMAGE-STREAM-INF:{list}\n"));
}

/// Served as `/media/{id}/{rendition}/index.m3u8`; the sheets lie beside it.
pub fn image_playlist(images: &ImageRendition) -> String {
    let cuts = sheets(images);
    let (width, height) = images.tile;
    let tiles = AttributeList::default()
        .plain("RESOLUTION", format_args!("{width}x{height}"))
        .plain("LAYOUT", format_args!("{}x{}", images.columns, images.rows))
        .plain("DURATION", seconds(images.tile_ns));
    let mut out = String::new();
    basic_tags::open(&mut out, false);
    media_playlist_tags::write_head(&mut out, &cuts);
    out.push_str("#EXT-X-IMAGES-ONLY\n");
    for (sheet, duration) in SegmentMicros::of(&cuts).enumerate() {
        extinf::write_duration(&mut out, duration);
        out.push_str(&format!("#EXT-X-TILES:{tiles}\n{sheet}.jpg\n"));
    }
    media_playlist_tags::write_end(&mut out);
    out
}

fn sheets(images: &ImageRendition) -> CutList {
    let ends = (0..images.sheet_count()).filter_map(|sheet| images.range(sheet)).map(|range| range.end);
    let mut boundaries: Vec<Nanos> = std::iter::once(0).chain(ends).collect();
    // Of a film of no length.
    boundaries.dedup();
    CutList { timescale: NANOS, boundaries, independent: true }
}

fn seconds(nanos: Nanos) -> String {
    SegmentMicros(nanos / 1000).to_string()
}
