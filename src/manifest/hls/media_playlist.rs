//! The media playlist of one rendition, complete from the first moment.

use super::extinf::{self, SegmentMicros};
use super::{basic_tags, ext_x_map, media_playlist_tags};
use crate::rendition::{Rendition, TextRendition};

/// Bytes of one segment's two lines, to allocate once: a film has thousands.
const BYTES_PER_SEGMENT: usize = 30;
const BYTES_OF_HEAD: usize = 200;

/// Served as `/media/{id}/{rendition}/index.m3u8`; init and segments lie beside it.
pub fn media_playlist(rendition: &Rendition) -> String {
    let cuts = &rendition.cuts;
    let segments = cuts.segment_count() as usize;
    let mut out = String::with_capacity(BYTES_OF_HEAD + BYTES_PER_SEGMENT * segments);
    basic_tags::open(&mut out, cuts.independent);
    media_playlist_tags::write_head(&mut out, cuts);
    ext_x_map::write(&mut out);
    for (index, duration) in (0..).zip(SegmentMicros::of(cuts)) {
        extinf::write_numbered(&mut out, duration, index, "m4s");
    }
    media_playlist_tags::write_end(&mut out);
    out
}

/// The same of a text: segments of WebVTT (RFC 8216 section 3.5) that need no init segment.
pub fn text_playlist(rendition: &TextRendition) -> String {
    let cuts = &rendition.cuts;
    let segments = cuts.segment_count() as usize;
    let mut out = String::with_capacity(BYTES_OF_HEAD + BYTES_PER_SEGMENT * segments);
    basic_tags::open(&mut out, true);
    media_playlist_tags::write_head(&mut out, cuts);
    for (index, duration) in (0..).zip(SegmentMicros::of(cuts)) {
        extinf::write_numbered(&mut out, duration, index, "vtt");
    }
    media_playlist_tags::write_end(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::examples;
    use proptest::prelude::*;
    use quick_m3u8::config::ParsingOptions;
    use quick_m3u8::tag::{KnownTag, hls};
    use quick_m3u8::{HlsLine, Reader};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_parser_reads_every_segment_back(cuts in examples::cut_lists()) {
            let expected: Vec<SegmentMicros> = SegmentMicros::of(&cuts).collect();
            let text = media_playlist(&examples::video("v720-0123456789ab", cuts));
            let mut reader = Reader::from_str(&text, ParsingOptions::default());
            let (mut durations, mut addresses, mut ended) = (Vec::new(), Vec::new(), false);
            while let Some(line) = reader.read_line().expect("a playlist") {
                prop_assert!(!ended, "nothing follows the end");
                match line {
                    HlsLine::KnownTag(KnownTag::Hls(hls::Tag::Inf(inf))) => {
                        durations.push(SegmentMicros((inf.duration() * 1e6).round() as i64));
                    }
                    HlsLine::KnownTag(KnownTag::Hls(hls::Tag::Endlist(_))) => ended = true,
                    HlsLine::KnownTag(_) => prop_assert!(durations.is_empty(), "heads come first"),
                    HlsLine::Uri(address) => addresses.push(address.into_owned()),
                    other => prop_assert!(false, "{other:?}"),
                }
            }
            prop_assert!(ended);
            prop_assert_eq!(&durations, &expected);
            let numbered: Vec<String> = (0..expected.len()).map(|n| format!("{n}.m4s")).collect();
            prop_assert_eq!(addresses, numbered);
        }
    }
}
