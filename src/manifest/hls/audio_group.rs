//! Rendition groups of audio, RFC 8216 section 4.3.4.1.1: the same tracks in another form each.

use crate::manifest::audio_track::{AudioRendition, AudioTrack};
use crate::rendition::Bandwidth;

/// What every player can use: of each track the AAC rendition of one or two channels.
const STEREO_AAC: &str = "aac";

/// One form of all tracks. "each Group of the same TYPE MUST have the same set of members": a track that
/// lacks the form is filled in with its AAC.
pub struct AudioGroup<'a> {
    pub id: String,
    /// One per track, in the tracks' order.
    pub members: Vec<AudioRendition<'a>>,
}

impl<'a> AudioGroup<'a> {
    /// The AAC group first, then the others as they appear; none where there is no audio.
    pub fn all(tracks: &[AudioTrack<'a>]) -> Vec<Self> {
        let mut ids: Vec<String> = Vec::new();
        for entry in tracks.iter().flat_map(|track| &track.renditions) {
            let id = group_id(*entry);
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids.sort_by_key(|id| id != STEREO_AAC);
        ids.into_iter()
            .map(|id| {
                let members = tracks.iter().map(|track| member(track, &id)).collect();
                Self { id, members }
            })
            .collect()
    }

    /// Of the member that takes the most: whichever the viewer chooses, the variant's figure holds.
    pub fn bandwidth(&self) -> Bandwidth {
        let of_members = || self.members.iter().map(|member| member.rendition.bandwidth);
        Bandwidth {
            peak: of_members().map(|bandwidth| bandwidth.peak).max().unwrap_or(0),
            average: of_members().map(|bandwidth| bandwidth.average).max().unwrap_or(0),
        }
    }

    /// Of every member: filling in may mix codecs.
    pub fn codecs(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.members.iter().map(|member| member.rendition.codec_string.as_str())
    }
}

fn group_id(entry: AudioRendition) -> String {
    if entry.is_stereo_aac() {
        STEREO_AAC.to_owned()
    } else {
        format!("{}-{}", entry.form.codec, entry.form.channels)
    }
}

fn member<'a>(track: &AudioTrack<'a>, id: &str) -> AudioRendition<'a> {
    let own = track.renditions.iter().find(|entry| group_id(**entry) == id);
    own.copied().unwrap_or_else(|| track.stereo_aac())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::examples;

    fn shape(presentation: &crate::rendition::Presentation) -> Vec<(String, Vec<String>)> {
        AudioGroup::all(&AudioTrack::all(presentation))
            .into_iter()
            .map(|group| {
                let kinds = group.members.iter().map(|member| member.rendition.id.kind().to_owned());
                (group.id.clone(), kinds.collect())
            })
            .collect()
    }

    #[test]
    fn every_group_has_every_track() {
        let expected = [
            ("aac", ["a0-aac", "a1-copy", "a2-aac"]),
            ("aac-6", ["a0-copy", "a1-copy", "a2-aac"]),
            ("opus-2", ["a0-aac", "a1-copy", "a2-copy"]),
        ];
        let expected = expected.map(|(id, kinds)| (id.to_owned(), kinds.map(str::to_owned).to_vec()));
        assert_eq!(shape(&examples::surround()), expected);
    }

    #[test]
    fn no_audio_no_group() {
        assert!(shape(&examples::silent()).is_empty());
    }

    #[test]
    fn the_bandwidth_is_that_of_the_hungriest_member() {
        let film = examples::surround();
        let groups = AudioGroup::all(&AudioTrack::all(&film));
        let peaks: Vec<u32> = groups.iter().map(|group| group.bandwidth().peak).collect();
        assert_eq!(peaks, [170_000, 400_000, 170_000]);
    }
}
