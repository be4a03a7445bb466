//! A source's audio track as a player's menu shows it: one name, one language, and its renditions. Both
//! printers read this, so the menus agree.

use std::collections::HashSet;

use super::printable;
use crate::media::Disposition;
use crate::rendition::{AudioForm, Presentation, Rendition};

pub struct AudioTrack<'a> {
    /// Unique in the presentation, one printable line.
    pub name: String,
    /// BCP 47.
    pub language: Option<&'a str>,
    /// As the file says it; what players are told is `default` and `autoselect`.
    pub disposition: Disposition,
    /// True for exactly one track: the first with the file's default flag, else the first; the film itself before
    /// commentaries and descriptions.
    pub default: bool,
    /// A player may choose it by itself from the viewer's settings: the default, and of every other language and
    /// description the first. A commentary stays a deliberate choice.
    pub autoselect: bool,
    /// In the presentation's order: the copy first. Never empty.
    pub renditions: Vec<AudioRendition<'a>>,
}

#[derive(Clone, Copy)]
pub struct AudioRendition<'a> {
    pub rendition: &'a Rendition,
    pub form: &'a AudioForm,
}

impl AudioRendition<'_> {
    /// What every player can decode.
    pub fn is_stereo_aac(self) -> bool {
        self.form.codec == "aac" && self.form.channels <= 2
    }
}

impl<'a> AudioTrack<'a> {
    /// The tracks of `presentation`, in the file's order.
    pub fn all(presentation: &'a Presentation) -> Vec<Self> {
        let mut tracks: Vec<Self> = Vec::new();
        let mut of_source: Vec<usize> = Vec::new();
        for rendition in &presentation.audio {
            let Some(form) = rendition.audio() else { continue };
            let entry = AudioRendition { rendition: rendition.as_ref(), form };
            match of_source.iter().position(|&source| source == rendition.track) {
                Some(known) => tracks[known].renditions.push(entry),
                None => {
                    of_source.push(rendition.track);
                    tracks.push(Self::begin(entry));
                }
            }
        }
        mark_default(&mut tracks);
        mark_autoselect(&mut tracks);
        printable::make_unique(tracks.iter_mut().map(|track| &mut track.name));
        tracks
    }

    /// Name and language are the first rendition's, for all of them: "each corresponding member MUST have
    /// identical attributes with the exception of the URI and CHANNELS attributes" (RFC 8216 section
    /// 4.3.4.1.1).
    fn begin(first: AudioRendition<'a>) -> Self {
        Self {
            name: printable::line(&first.form.label),
            language: first.form.language.as_deref().and_then(printable::language),
            disposition: first.form.disposition,
            default: false,
            autoselect: false,
            renditions: vec![first],
        }
    }

    /// The rendition that stands for the track where no other is wanted.
    pub fn stereo_aac(&self) -> AudioRendition<'a> {
        let stereo = self.renditions.iter().find(|entry| entry.is_stereo_aac());
        *stereo.unwrap_or(&self.renditions[0])
    }
}

fn mark_default(tracks: &mut [AudioTrack]) {
    let is_film = |track: &&mut AudioTrack| {
        let Disposition { commentary, visual_impaired, .. } = track.disposition;
        !(commentary || visual_impaired)
    };
    // `min_by_key` takes the first of equals.
    let best = tracks.iter_mut().min_by_key(|track| (!is_film(track), !track.disposition.default));
    if let Some(track) = best {
        track.default = true;
    }
}

fn mark_autoselect(tracks: &mut [AudioTrack]) {
    let mut seen: HashSet<_> = tracks.iter().filter(|track| track.default).map(kind).collect();
    for track in tracks {
        let first_of_its_kind = !track.disposition.commentary && seen.insert(kind(track));
        track.autoselect = track.default || first_of_its_kind;
    }
}

fn kind<'a>(track: &AudioTrack<'a>) -> (Option<&'a str>, bool) {
    (track.language, track.disposition.visual_impaired)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::examples;

    #[test]
    fn exactly_one_track_is_the_default() {
        for presentation in examples::all().into_iter().map(|(_, presentation)| presentation) {
            let tracks = AudioTrack::all(&presentation);
            let defaults = tracks.iter().filter(|track| track.default).count();
            assert_eq!(defaults, usize::from(!tracks.is_empty()));
        }
        let film = examples::two_languages();
        let tracks = AudioTrack::all(&film);
        assert_eq!(tracks.iter().map(|track| track.default).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn a_second_track_of_a_language_is_not_chosen_by_itself() {
        let film = examples::surround();
        let chosen: Vec<_> =
            AudioTrack::all(&film).into_iter().map(|track| (track.name, track.autoselect)).collect();
        let expected = [("English", true), ("Commentary", false), ("Français", true)];
        assert_eq!(chosen, expected.map(|(name, autoselect)| (name.to_owned(), autoselect)));
    }

    #[test]
    fn names_that_differ_only_in_what_cannot_be_printed_stay_apart() {
        let film = examples::nasty_titles();
        let names: HashSet<String> = AudioTrack::all(&film).into_iter().map(|track| track.name).collect();
        assert_eq!(names.len(), 4);
        assert!(names.iter().all(|name| !name.is_empty() && !name.chars().any(char::is_control)));
    }
}
