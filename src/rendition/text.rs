//! Text renditions: every text track whose lines this program reads, cut like the picture.

use std::sync::Arc;

use super::label::labels;
use super::plan::{Grid, PlanSettings};
use super::presentation::{TextForm, TextRendition};
use super::version::text_id;
use crate::media::{Container, MediaInfo, TextTrack};

pub fn renditions(info: &MediaInfo, grid: &Grid, settings: &PlanSettings<'_>) -> Vec<Arc<TextRendition>> {
    let labels = labels(info.text.iter().map(|track| &track.facts));
    let offered =
        info.text.iter().zip(labels).enumerate().filter(|(_, (track, _))| is_read(info.container, track));
    offered
        .map(|(track, (facts, label))| {
            let form = TextForm {
                codec: facts.codec.clone(),
                language: facts.facts.language.clone(),
                label,
                disposition: facts.facts.disposition,
            };
            let id = text_id(&format!("t{track}"), settings.content_version, &form, &grid.cuts);
            Arc::new(TextRendition { id, track, cuts: grid.cuts.clone(), form })
        })
        .collect()
}

fn is_read(container: Container, track: &TextTrack) -> bool {
    matches!(
        (container, track.codec.as_str()),
        (Container::Matroska, "subrip" | "ass" | "webvtt") | (Container::Mp4, "subrip")
    )
}
