//! The multivariant playlist of a file (RFC 8216 calls it master playlist).

use super::audio_group::AudioGroup;
use super::ext_x_stream_inf::Variant;
use super::live_playlist::LiveTrack;
use super::{basic_tags, ext_x_media, image_playlist};
use crate::manifest::CopySelection;
use crate::manifest::audio_track::AudioTrack;
use crate::manifest::text_track::TextTrack;
use crate::rendition::{Presentation, Rendition, RenditionId};

/// Served as `/hls/{file}/index.m3u8`. One variant per video and audio group: the copy first, then the rungs
/// from high to low, each with the AAC group first.
pub fn multivariant(presentation: &Presentation, file: &str, copy: CopySelection) -> String {
    let address = |id: &RenditionId| format!("../../media/{file}/{id}/index.m3u8");
    let mut out = print(presentation, copy, &TextTrack::all(presentation), address);
    if let Some(images) = &presentation.images {
        image_playlist::write_stream_inf(&mut out, images, &address(&images.id));
    }
    out
}

/// Served as `/live/{file}/index.m3u8`: the encoded forms, whose cuts are fine enough for the edge.
pub fn live_multivariant(presentation: &Presentation) -> String {
    print(presentation, CopySelection::None, &TextTrack::all(presentation), |id| format!("{id}/index.m3u8"))
}

/// Everything that [`live_multivariant`] names.
pub fn live_tracks(presentation: &Presentation) -> Vec<LiveTrack<'_>> {
    let text = presentation.text.iter().map(|text| LiveTrack::Text(text));
    live_renditions(presentation).into_iter().map(LiveTrack::Media).chain(text).collect()
}

/// The renditions that it names, of picture and sound.
pub fn live_renditions(presentation: &Presentation) -> Vec<&Rendition> {
    let tracks = AudioTrack::all(presentation);
    let sound = tracks.iter().flat_map(|track| &track.renditions).map(|member| member.rendition);
    CopySelection::None.videos(presentation).into_iter().chain(sound).collect()
}

/// `address`: of a rendition's playlist, relative to this one's own.
fn print(
    presentation: &Presentation,
    copy: CopySelection,
    texts: &[TextTrack],
    address: impl Fn(&RenditionId) -> String,
) -> String {
    let videos = copy.videos(presentation);
    let tracks = AudioTrack::all(presentation);
    let groups = AudioGroup::all(&tracks);

    let mut out = String::new();
    let members = groups.iter().flat_map(|group| &group.members).map(|member| member.rendition);
    let independent = videos.iter().copied().chain(members).all(|rendition| rendition.cuts.independent);
    basic_tags::open(&mut out, independent);
    for group in &groups {
        for (track, member) in tracks.iter().zip(&group.members) {
            let address = address(&member.rendition.id);
            ext_x_media::write(&mut out, &group.id, track, *member, Some(&address));
        }
    }
    for text in texts {
        ext_x_media::write_text(&mut out, text, &address(&text.rendition.id));
    }
    for variant in variants(&videos, &groups, !texts.is_empty(), false) {
        if let Some(rendition) = variant.video.or_else(|| playlist_of_sound(&tracks, variant.audio)) {
            variant.write(&mut out, &address(&rendition.id));
        }
    }
    out
}

pub(super) fn variants<'a>(
    videos: &[&'a Rendition],
    groups: &'a [AudioGroup<'a>],
    text: bool,
    transport: bool,
) -> Vec<Variant<'a>> {
    let variant = |video, audio| Variant { video, audio, text, transport };
    if videos.is_empty() {
        return groups.iter().map(|group| variant(None, Some(group))).collect();
    }
    let of_video = |&video: &&'a Rendition| {
        let with = |audio| variant(Some(video), audio);
        if groups.is_empty() {
            vec![with(None)]
        } else {
            groups.iter().map(|group| with(Some(group))).collect()
        }
    };
    videos.iter().flat_map(of_video).collect()
}

/// Without video the variant's own playlist is that of the default track: "The URI line is REQUIRED." The
/// same rendition is in the group, so clients that know groups load it once.
pub(super) fn playlist_of_sound<'a>(
    tracks: &[AudioTrack],
    group: Option<&AudioGroup<'a>>,
) -> Option<&'a Rendition> {
    let default = tracks.iter().position(|track| track.default)?;
    Some(group?.members.get(default)?.rendition)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::examples;
    use crate::manifest::golden::FILE;

    #[test]
    fn one_copy_with_open_groups_takes_independence_from_the_list_and_not_from_the_ladder() {
        let film = examples::open_copy();
        let says = |copy| multivariant(&film, FILE, copy).contains("#EXT-X-INDEPENDENT-SEGMENTS");
        assert!(!says(CopySelection::All));
        assert!(!says(CopySelection::Only));
        assert!(says(CopySelection::None));
    }

    #[test]
    fn every_variant_denies_captions_and_names_a_group_that_exists() {
        for (name, presentation) in examples::all() {
            let text = multivariant(&presentation, FILE, CopySelection::All);
            for line in text.lines().filter(|line| line.starts_with("#EXT-X-STREAM-INF:")) {
                assert!(line.ends_with(",CLOSED-CAPTIONS=NONE"), "{name}: {line}");
                if let Some((_, rest)) = line.split_once("AUDIO=\"") {
                    let group = rest.split('"').next().expect("a name");
                    assert!(text.contains(&format!("GROUP-ID=\"{group}\"")), "{name}: {group}");
                }
            }
        }
    }
}
