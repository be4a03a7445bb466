//! Files of subtitles that lie beside a film, as their names tell what they are: `Film.srt`, `Film.en.srt`,
//! `Film.pt-BR.forced.ass`, `Film.Director's cut.en.sdh.vtt`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::disposition::Disposition;
use super::language::language_tag;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextFile {
    /// Beneath the library's root.
    pub path: PathBuf,
    pub size: u64,
    /// Since 1970.
    pub modified_ns: i64,
    pub name: TextFileName,
}

/// What a name tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextFileName {
    pub format: TextFormat,
    /// BCP 47.
    pub language: Option<String>,
    /// What is neither a language nor a purpose.
    pub title: Option<String>,
    pub disposition: Disposition,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextFormat {
    SubRip,
    Ass,
    WebVtt,
}

impl TextFormat {
    /// By the extension, in any case.
    fn of(extension: &str) -> Option<Self> {
        Some(match extension.to_ascii_lowercase().as_str() {
            "srt" => Self::SubRip,
            "ass" | "ssa" => Self::Ass,
            "vtt" => Self::WebVtt,
            _ => return None,
        })
    }

    /// As in `TextTrack::codec`.
    pub fn codec(self) -> &'static str {
        match self {
            Self::SubRip => "subrip",
            Self::Ass => "ass",
            Self::WebVtt => "webvtt",
        }
    }
}

impl TextFileName {
    /// `name` as that of a text beside a film whose name without extension is `film`.
    pub fn of(film: &str, name: &str) -> Option<Self> {
        let (stem, extension) = name.rsplit_once('.')?;
        let format = TextFormat::of(extension)?;
        let rest = stem.strip_prefix(film)?;
        if !(rest.is_empty() || rest.starts_with('.')) {
            return None;
        }
        let mut found = Self { format, language: None, title: None, disposition: Disposition::default() };
        let mut title: Vec<&str> = Vec::new();
        for part in rest.split('.').filter(|part| !part.trim().is_empty()) {
            found.take(part, &mut title);
        }
        found.title = (!title.is_empty()).then(|| title.join("."));
        Some(found)
    }

    fn take<'a>(&mut self, part: &'a str, title: &mut Vec<&'a str>) {
        match part.to_ascii_lowercase().as_str() {
            "forced" | "foreign" => self.disposition.forced = true,
            "sdh" | "cc" => self.disposition.hearing_impaired = true,
            // Hindi, unless the language has been told.
            "hi" if self.language.is_some() => self.disposition.hearing_impaired = true,
            "default" => self.disposition.default = true,
            "commentary" => self.disposition.commentary = true,
            _ => match language(part).filter(|_| self.language.is_none()) {
                Some(tag) => self.language = Some(tag),
                None => title.push(part),
            },
        }
    }
}

/// A language's code, with what says more of it behind a hyphen. Words of other lengths are no codes.
fn language(part: &str) -> Option<String> {
    let primary = part.split(['-', '_']).next()?;
    let letters = (2..=3).contains(&primary.len()) && primary.bytes().all(|byte| byte.is_ascii_alphabetic());
    language_tag(part).filter(|_| letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &str) -> Option<(Option<String>, Option<String>, Disposition)> {
        TextFileName::of("Film", name).map(|found| (found.language, found.title, found.disposition))
    }

    #[test]
    fn a_name_tells_language_and_purpose() {
        let none = Disposition::default();
        let forced = Disposition { forced: true, ..none };
        let deaf = Disposition { hearing_impaired: true, ..none };
        for (name, language, title, disposition) in [
            ("Film.srt", None, None, none),
            ("Film.en.srt", Some("en"), None, none),
            ("Film.ENG.SRT", Some("en"), None, none),
            ("Film.pt-BR.forced.ass", Some("pt-BR"), None, forced),
            ("Film.forced.ger.vtt", Some("de"), None, forced),
            ("Film.en.hi.srt", Some("en"), None, deaf),
            ("Film.hi.srt", Some("hi"), None, none),
            ("Film.sdh.en.srt", Some("en"), None, deaf),
            ("Film.Director's cut.en.ssa", Some("en"), Some("Director's cut"), none),
            ("Film.2.de.fr.srt", Some("de"), Some("2.fr"), none),
            ("Film..en..srt", Some("en"), None, none),
            ("Film.und.srt", None, Some("und"), none),
        ] {
            let expected = (language.map(str::to_owned), title.map(str::to_owned), disposition);
            assert_eq!(said(name), Some(expected), "{name}");
        }
    }

    #[test]
    fn texts_of_other_films_and_other_files_are_none() {
        for name in
            ["Film 2.srt", "Filme.srt", "Fil.srt", "Film.en.sub", "Film.nfo", "film.srt", "srt", "Film"]
        {
            assert_eq!(said(name), None, "{name}");
        }
    }
}
