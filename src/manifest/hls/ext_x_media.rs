//! `EXT-X-MEDIA`, RFC 8216 section 4.3.4.1: one track in one group of sounds, or one text.

use super::attribute_list::AttributeList;
use crate::manifest::audio_track::{AudioRendition, AudioTrack};
use crate::manifest::text_track::TextTrack;
use crate::media::Disposition;
use crate::rendition::AudioForm;

/// "indicates that the Rendition contains audio that describes the visual content" (HLS authoring).
const DESCRIBES_VIDEO: &str = "public.accessibility.describes-video";

/// Without `uri` the sound is in the variants' own segments.
pub fn write(out: &mut String, group: &str, track: &AudioTrack, member: AudioRendition, uri: Option<&str>) {
    let mut list = AttributeList::default()
        .plain("TYPE", "AUDIO")
        .quoted("GROUP-ID", group)
        // "All EXT-X-MEDIA tags in the same Group MUST have different NAME attributes."
        .quoted("NAME", &track.name);
    if let Some(language) = track.language {
        list = list.quoted("LANGUAGE", language);
    }
    let mut list = list
        // "A Group MUST NOT have more than one member with a DEFAULT attribute of YES."
        .plain("DEFAULT", yes_or_no(track.default))
        // "If the AUTOSELECT attribute is present, its value MUST be YES if the value of the DEFAULT
        // attribute is YES." Members with YES "SHOULD have a combination of LANGUAGE [...] distinct from
        // those of other".
        .plain("AUTOSELECT", yes_or_no(track.autoselect));
    if track.disposition.visual_impaired {
        list = list.quoted("CHARACTERISTICS", DESCRIBES_VIDEO);
    }
    // "All audio EXT-X-MEDIA tags SHOULD have a CHANNELS attribute."
    let mut list = list.quoted("CHANNELS", &channels(member.form));
    if let Some(uri) = uri {
        list = list.quoted("URI", uri);
    }
    out.push_str(&format!("#EXT-X-MEDIA:{list}\n"));
}

/// The one group of texts.
pub const SUBTITLES: &str = "text";
/// "A SUBTITLES Rendition" for those who cannot hear "MUST include" both (RFC 8216bis section 4.4.6.1).
const FOR_THE_DEAF: &str =
    "public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound";

/// A text. None is shown unless the viewer asks; but those that belong to the sound (FORCED) players show by
/// themselves.
pub fn write_text(out: &mut String, track: &TextTrack, uri: &str) {
    let Disposition { forced, hearing_impaired, commentary, .. } = track.disposition;
    let mut list = AttributeList::default()
        .plain("TYPE", "SUBTITLES")
        .quoted("GROUP-ID", SUBTITLES)
        .quoted("NAME", &track.name);
    if let Some(language) = track.language {
        list = list.quoted("LANGUAGE", language);
    }
    // "A value of YES indicates that the Rendition contains content that is considered essential to play."
    list = list
        .plain("DEFAULT", "NO")
        .plain("AUTOSELECT", yes_or_no(!commentary))
        .plain("FORCED", yes_or_no(forced));
    if hearing_impaired {
        list = list.quoted("CHARACTERISTICS", FOR_THE_DEAF);
    }
    out.push_str(&format!("#EXT-X-MEDIA:{}\n", list.quoted("URI", uri)));
}

/// The count; "16/JOC" for joint object coding, whose parameter is that number of objects (HLS authoring).
fn channels(form: &AudioForm) -> String {
    if form.objects { "16/JOC".to_owned() } else { form.channels.to_string() }
}

fn yes_or_no(value: bool) -> &'static str {
    if value { "YES" } else { "NO" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::examples;

    #[test]
    fn a_track_without_a_language_says_none() {
        let film = examples::nasty_titles();
        let tracks = AudioTrack::all(&film);
        let mut out = String::new();
        write(&mut out, "aac", &tracks[0], tracks[0].stereo_aac(), Some("x.m3u8"));
        assert_eq!(
            out,
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"aac\",NAME=\"Director's 'cut' #EXT-X-ENDLIST\",DEFAULT=YES,\
             AUTOSELECT=YES,CHANNELS=\"2\",URI=\"x.m3u8\"\n"
        );
    }
}
