//! What a track is for, as its container says it, or as people write it into titles where the container has no word
//! for it.

use serde::{Deserialize, Serialize};

/// Several may hold at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Disposition {
    /// To be played where the viewer has not chosen.
    pub default: bool,
    /// Text for those who understand the sound: signs, and what is spoken in a foreign language.
    pub forced: bool,
    /// In the language the film was made in.
    pub original: bool,
    /// Somebody talks about the film.
    pub commentary: bool,
    /// For those who cannot hear: text that tells of noises and music too.
    pub hearing_impaired: bool,
    /// For those who cannot see: sound that tells what is seen.
    pub visual_impaired: bool,
}

/// Words of titles, each a whole word in lower case.
const COMMENTARY: [&str; 4] = ["commentary", "kommentar", "commentaire", "comentario"];
const HEARING_IMPAIRED: [&str; 3] = ["sdh", "cc", "hoh"];
const VISUAL_IMPAIRED: [&str; 3] = ["descriptive", "audiodescription", "audiodeskription"];
const FORCED: [&str; 2] = ["forced", "forcés"];
const AUDIO_DESCRIPTION: [&str; 2] = ["audio", "description"];

impl Disposition {
    /// With what the title says of a track of sound.
    #[must_use]
    pub fn of_audio(self, title: Option<&str>) -> Self {
        let words = words(title);
        let describes = words.windows(2).any(|pair| pair == AUDIO_DESCRIPTION);
        Self {
            commentary: self.commentary || has(&words, &COMMENTARY),
            visual_impaired: self.visual_impaired || has(&words, &VISUAL_IMPAIRED) || describes,
            ..self
        }
    }

    /// With what the title says of a track of text.
    #[must_use]
    pub fn of_text(self, title: Option<&str>) -> Self {
        let words = words(title);
        Self {
            commentary: self.commentary || has(&words, &COMMENTARY),
            hearing_impaired: self.hearing_impaired || has(&words, &HEARING_IMPAIRED),
            forced: self.forced || has(&words, &FORCED),
            ..self
        }
    }
}

fn words(title: Option<&str>) -> Vec<String> {
    let title = title.unwrap_or_default().to_lowercase();
    let words = title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

fn has(words: &[String], any: &[&str]) -> bool {
    words.iter().any(|word| any.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_say_what_containers_cannot() {
        let none = Disposition::default();
        for (title, expected) in [
            ("Commentary by the director", Disposition { commentary: true, ..none }),
            ("English (Audio Description)", Disposition { visual_impaired: true, ..none }),
            ("Audiodeskription", Disposition { visual_impaired: true, ..none }),
            ("A description of audio", none),
            ("Uncommented", none),
        ] {
            assert_eq!(none.of_audio(Some(title)), expected, "{title}");
        }
        for (title, expected) in [
            ("English [SDH]", Disposition { hearing_impaired: true, ..none }),
            ("English CC", Disposition { hearing_impaired: true, ..none }),
            ("German (Forced)", Disposition { forced: true, ..none }),
            ("Success", none),
        ] {
            assert_eq!(none.of_text(Some(title)), expected, "{title}");
        }
    }

    #[test]
    fn what_the_container_says_stays() {
        let said = Disposition { commentary: true, forced: true, default: true, ..Disposition::default() };
        assert_eq!((said.of_audio(None), said.of_text(Some("Deutsch"))), (said, said));
    }
}
