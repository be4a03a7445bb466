//! Playlists of MPEG transport streams (RFC 8216 section 3.2), for players that refuse fragmented MP4: the sound that
//! plays by default is in the segments of the picture, every other one has a stream of its own.

use std::sync::Arc;

use super::audio_group::AudioGroup;
use super::extinf::{self, SegmentMicros};
use super::multivariant_playlist::{playlist_of_sound, variants};
use super::{basic_tags, ext_x_media, media_playlist_tags};
use crate::manifest::CopySelection;
use crate::manifest::audio_track::AudioTrack;
use crate::manifest::text_track::TextTrack;
use crate::rendition::{Presentation, Rendition, Transport, stream};

/// "A client [...] MUST support [...] floating-point EXTINF" with 3 (section 7); players that want these streams know
/// no later one.
const VERSION: u32 = 3;

/// Served as `/ts/{file}/index.m3u8`. `None` for a file whose picture, or without one whose sound, does not fit into
/// a transport stream.
pub fn transport_multivariant(presentation: &Presentation, copy: CopySelection) -> Option<String> {
    let carried = |rendition: &Rendition| stream(rendition, &presentation.info).is_some();
    let fitting: Vec<_> = presentation.video.iter().filter(|known| carried(known)).cloned().collect();
    let fitting = Presentation { video: fitting, ..presentation.clone() };
    if fitting.video.is_empty() && !presentation.video.is_empty() {
        return None;
    }
    let videos = copy.videos(&fitting);
    let mut tracks = AudioTrack::all(presentation);
    for track in &mut tracks {
        track.renditions.retain(|member| carried(member.rendition));
    }
    tracks.retain(|track| !track.renditions.is_empty());
    if !tracks.iter().any(|track| track.default)
        && let Some(first) = tracks.first_mut()
    {
        (first.default, first.autoselect) = (true, true);
    }
    let groups = AudioGroup::all(&tracks);
    let texts = TextTrack::all(presentation);
    let address = |video: Option<&Rendition>, audio: Option<&Rendition>| {
        let own = |wanted: &Rendition| presentation.rendition(&wanted.id).map(Arc::clone);
        let both = Transport { video: video.and_then(own), audio: audio.and_then(own) };
        format!("{}/index.m3u8", both.name())
    };

    let mut out = String::new();
    basic_tags::open_version(&mut out, VERSION, true);
    for group in &groups {
        for (track, member) in tracks.iter().zip(&group.members) {
            let with_picture = track.default && !videos.is_empty();
            let own = (!with_picture).then(|| address(None, Some(member.rendition)));
            ext_x_media::write(&mut out, &group.id, track, *member, own.as_deref());
        }
    }
    for text in &texts {
        ext_x_media::write_text(&mut out, text, &format!("{}/index.m3u8", text.rendition.id));
    }
    let variants = variants(&videos, &groups, !texts.is_empty(), true);
    for variant in &variants {
        variant.write(&mut out, &address(variant.video, playlist_of_sound(&tracks, variant.audio)));
    }
    (!variants.is_empty()).then_some(out)
}

/// Served as `/ts/{file}/{name}/index.m3u8`, with the segments beside it.
pub fn transport_playlist(transport: &Transport) -> String {
    let cuts = transport.cuts();
    let mut out = String::new();
    basic_tags::open_version(&mut out, VERSION, true);
    media_playlist_tags::write_head(&mut out, &cuts);
    for (index, duration) in (0..).zip(SegmentMicros::of(&cuts)) {
        extinf::write_numbered(&mut out, duration, index, "ts");
    }
    media_playlist_tags::write_end(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{examples, golden};

    #[test]
    fn multivariant_playlists() {
        for (name, presentation) in examples::all() {
            if let Some(text) = transport_multivariant(&presentation, CopySelection::All) {
                golden::check(&format!("{name}.ts.m3u8"), &text);
            }
        }
    }

    #[test]
    fn every_variant_can_be_found_by_its_address() {
        for (name, presentation) in examples::all() {
            let text = transport_multivariant(&presentation, CopySelection::None).unwrap_or_default();
            for line in text.lines().filter(|line| !line.starts_with('#')) {
                let transport = line.strip_suffix("/index.m3u8").expect("an address");
                let found = Transport::named(&presentation, transport).expect("known");
                assert_eq!(found.video.is_some(), !presentation.video.is_empty(), "{name}");
                let playlist = transport_playlist(&found);
                assert!(playlist.contains("\n0.ts\n") && playlist.ends_with("#EXT-X-ENDLIST\n"), "{name}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_not_listed() {
        // Nothing but HEVC in HDR10: sound alone would not be the film.
        assert_eq!(transport_multivariant(&examples::hdr_copy(), CopySelection::All), None);
        let sound = transport_multivariant(&examples::audio_only(), CopySelection::All).expect("AAC");
        assert!(!sound.contains("opus"), "{sound}");
        assert_eq!(transport_multivariant(&examples::empty(), CopySelection::All), None);
    }
}
