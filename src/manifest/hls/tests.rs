//! Whole playlists, against golden files and read back by a parser.

use quick_m3u8::config::ParsingOptions;
use quick_m3u8::tag::{KnownTag, hls as tags};
use quick_m3u8::{HlsLine, Reader};

use super::{image_playlist, media_playlist, multivariant};
use crate::manifest::golden::{self, FILE};
use crate::manifest::{CopySelection, examples};

#[test]
fn multivariant_playlists() {
    for (name, presentation) in examples::all() {
        let text = multivariant(&presentation, FILE, CopySelection::All);
        golden::check(&format!("{name}.m3u8"), &text);
    }
}

#[test]
fn media_playlists() {
    for (name, presentation) in examples::all() {
        for rendition in [presentation.video.first(), presentation.audio.first()].into_iter().flatten() {
            let kind = rendition.id.kind();
            golden::check(&format!("{name}.{kind}.m3u8"), &media_playlist(rendition));
        }
        if let Some(images) = &presentation.images {
            let kind = images.id.kind();
            golden::check(&format!("{name}.{kind}.m3u8"), &image_playlist(images));
        }
    }
}

#[test]
fn selections() {
    let film = examples::two_languages();
    for (name, copy) in [("copy_only", CopySelection::Only), ("copy_none", CopySelection::None)] {
        golden::check(&format!("{name}.m3u8"), &multivariant(&film, FILE, copy));
    }
}

#[test]
fn a_parser_reads_every_variant_and_every_member_of_a_group() {
    for (name, presentation) in examples::all() {
        let text = multivariant(&presentation, FILE, CopySelection::All);
        let mut reader = Reader::from_str(&text, ParsingOptions::default());
        let (mut variants, mut addresses, mut members) = (0, 0, 0);
        while let Some(line) = reader.read_line().expect("a playlist") {
            match line {
                HlsLine::KnownTag(KnownTag::Hls(tags::Tag::StreamInf(variant))) => {
                    variants += 1;
                    assert!(Some(variant.bandwidth()) >= variant.average_bandwidth(), "{name}");
                    assert!(variant.codecs().is_some_and(|codecs| !codecs.is_empty()), "{name}");
                    assert_eq!(variant.resolution().is_some(), !presentation.video.is_empty(), "{name}");
                    assert_eq!(variant.audio().is_some(), !presentation.audio.is_empty(), "{name}");
                }
                HlsLine::KnownTag(KnownTag::Hls(tags::Tag::Media(member))) => {
                    members += 1;
                    assert!(!member.default() || member.autoselect(), "{name}");
                    assert!(member.uri().is_some_and(|uri| uri.starts_with("../../media/")), "{name}");
                }
                HlsLine::KnownTag(_) => {}
                HlsLine::Uri(_) => addresses += 1,
                HlsLine::UnknownTag(tag) => assert_eq!(tag.name(), "-X-IMAGE-STREAM-INF", "{name}"),
                other => panic!("{name}: {other:?}"),
            }
        }
        assert!(variants > 0 && variants == addresses, "{name}");
        assert_eq!(members > 0, !presentation.audio.is_empty(), "{name}");
    }
}

#[test]
fn nothing_to_list_is_still_a_playlist() {
    let text = multivariant(&examples::empty(), FILE, CopySelection::All);
    assert_eq!(text, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n");
}
