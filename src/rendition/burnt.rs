//! Renditions with subtitles drawn in: every encoded rung once more for each text track whose pictures can be read.

use std::sync::Arc;

use super::presentation::{Burnt, Presentation, Rendition};
use super::version::burnt_id;
use crate::media::{Container, MediaInfo, TextTrack};

/// Tracks of one file that are offered; a disc has 32.
const MAX_TRACKS: usize = 64;

/// Those of `video`, for each track.
pub(super) fn renditions(info: &MediaInfo, video: &[Arc<Rendition>]) -> Vec<Burnt> {
    let tracks = info.text.iter().enumerate().filter(|(_, track)| can_be_drawn(info.container, track));
    let rung = |track: usize, rung: &Arc<Rendition>| {
        let id = burnt_id(&format!("{}t{track}", rung.id.kind()), &rung.id);
        Arc::new(Rendition { id, burnt: Some(track), ..(**rung).clone() })
    };
    let burnt = tracks.take(MAX_TRACKS).map(|(track, _)| {
        let rungs = video.iter().filter(|rendition| !rendition.copied);
        Burnt { track, rungs: rungs.map(|plain| rung(track, plain)).collect() }
    });
    burnt.filter(|burnt| !burnt.rungs.is_empty()).collect()
}

impl Presentation {
    /// Indices in `MediaInfo::text` of the tracks that can be drawn into the picture.
    pub fn burnt_tracks(&self) -> impl Iterator<Item = usize> {
        self.burnt.iter().map(|burnt| burnt.track)
    }

    /// The same with the subtitles of text track `track` in the picture, in the place of the pictures without; `None`
    /// where they cannot be drawn.
    pub fn with_burnt(&self, track: usize) -> Option<Self> {
        let burnt = self.burnt.iter().find(|burnt| burnt.track == track)?;
        Some(Self { video: burnt.rungs.clone(), burnt: Vec::new(), ..self.clone() })
    }
}

fn can_be_drawn(container: Container, track: &TextTrack) -> bool {
    container == Container::Matroska && matches!(track.codec.as_str(), "pgs" | "vobsub")
}
