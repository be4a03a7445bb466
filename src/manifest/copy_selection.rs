//! `?copy=`: which video renditions a manifest lists.

use crate::rendition::{Presentation, Rendition};

/// Which video renditions a manifest lists. Audio is always listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CopySelection {
    #[default]
    All,
    /// The source's own bits: what the player decodes, or nothing.
    Only,
    /// The ladder: for players that choke on the copy or need equal segments in audio and video.
    None,
}

impl CopySelection {
    /// The selected videos, the copy first. Where the selection would leave no picture of a file that has one
    /// (`Only` without a copy, `None` with nothing but the copy), all: a black screen helps nobody.
    pub(super) fn videos(self, presentation: &Presentation) -> Vec<&Rendition> {
        let all = || presentation.video.iter().map(AsRef::as_ref);
        let chosen: Vec<&Rendition> = match self {
            Self::All => Vec::new(),
            Self::Only => all().filter(|rendition| rendition.copied).collect(),
            Self::None => all().filter(|rendition| !rendition.copied).collect(),
        };
        if chosen.is_empty() { all().collect() } else { chosen }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::examples;

    fn kinds(selection: CopySelection, presentation: &Presentation) -> Vec<String> {
        selection.videos(presentation).iter().map(|rendition| rendition.id.kind().to_owned()).collect()
    }

    #[test]
    fn the_selection_filters_the_copy() {
        let film = examples::two_languages();
        assert_eq!(kinds(CopySelection::All, &film), ["vcopy", "v1080", "v720", "v360"]);
        assert_eq!(kinds(CopySelection::Only, &film), ["vcopy"]);
        assert_eq!(kinds(CopySelection::None, &film), ["v1080", "v720", "v360"]);
    }

    #[test]
    fn a_selection_that_leaves_no_picture_lists_all() {
        assert_eq!(kinds(CopySelection::Only, &examples::variable_rate()), ["v1080"]);
        assert_eq!(kinds(CopySelection::None, &examples::hdr_copy()), ["vcopy"]);
        assert!(kinds(CopySelection::Only, &examples::audio_only()).is_empty());
    }
}
