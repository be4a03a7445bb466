//! A text rendition as a player's menu shows it. Both printers read this, so the menus agree.

use super::printable;
use crate::media::Disposition;
use crate::rendition::{Presentation, TextRendition};

pub struct TextTrack<'a> {
    /// Unique among the texts of the presentation, one printable line.
    pub name: String,
    /// BCP 47.
    pub language: Option<&'a str>,
    pub disposition: Disposition,
    pub rendition: &'a TextRendition,
}

impl<'a> TextTrack<'a> {
    /// The texts of `presentation`, in the file's order.
    pub fn all(presentation: &'a Presentation) -> Vec<Self> {
        let track = |rendition: &'a TextRendition| Self {
            name: printable::line(&rendition.form.label),
            language: rendition.form.language.as_deref().and_then(printable::language),
            disposition: rendition.form.disposition,
            rendition,
        };
        let mut tracks: Vec<Self> = presentation.text.iter().map(|rendition| track(rendition)).collect();
        printable::make_unique(tracks.iter_mut().map(|track| &mut track.name));
        tracks
    }
}
