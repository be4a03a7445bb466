//! The plan of a file: which renditions there are, and why.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::presentation::{Grid, Presentation, Rendition};
use super::{ImageRendition, audio, burnt, text, video};
use crate::media::{KeyframeIndex, MediaInfo};
use crate::timeline::{CutList, CutTargets, FragmentRule};

/// What the owner's settings and this machine contribute.
pub struct PlanSettings<'a> {
    pub targets: CutTargets,
    pub ladder: &'a Ladder,
    /// Bits per second of encoded stereo.
    pub audio_bps: u32,
    /// Whether some profile decodes this codec (video, audio).
    pub decodes: &'a dyn Fn(&str) -> bool,
    /// Changes with the file's content.
    pub content_version: &'a str,
    pub file_bytes: u64,
}

/// From high to low.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder(pub Vec<LadderRung>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LadderRung {
    pub height: u32,
    pub bps: u32,
}

/// Why nothing of a file can be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unplayable {
    #[error("nothing here decodes its {kind} codec `{codec}`")]
    NoDecoder { kind: &'static str, codec: String },
    #[error("it has neither picture nor sound")]
    Nothing,
}

/// Every rendition of a file.
pub fn plan(
    info: &Arc<MediaInfo>,
    index: &KeyframeIndex,
    settings: &PlanSettings<'_>,
) -> Result<Presentation, Unplayable> {
    let mut reasons = BTreeMap::new();
    let video = video::renditions(info, index, settings, &mut reasons);
    let targets = settings.targets;
    let grid = match info.video.first() {
        Some(track) => {
            let cuts = video::grid(track, targets);
            Grid { fragments: video::grid_fragments(track, &cuts, targets), cuts }
        }
        None => {
            let cuts = CutList::by_time(0, info.duration_ns, targets);
            Grid { fragments: FragmentRule::without_picture(cuts.timescale, targets), cuts }
        }
    };
    let audio = audio::renditions(info, &grid, settings, &mut reasons);
    if video.is_empty() && !info.video.is_empty() {
        let codec = info.video[0].codec.clone();
        return Err(Unplayable::NoDecoder { kind: "video", codec });
    }
    if video.is_empty() && audio.is_empty() {
        return Err(match info.audio.first() {
            Some(track) => Unplayable::NoDecoder { kind: "audio", codec: track.codec.clone() },
            None => Unplayable::Nothing,
        });
    }
    let text = text::renditions(info, &[], &grid, settings.content_version);
    let ends = video.iter().chain(&audio).map(|rendition: &Arc<Rendition>| rendition.cuts.end_ns());
    let duration_ns = ends.max().unwrap_or(info.duration_ns).max(info.duration_ns);
    let shown = info.video.first().filter(|track| (settings.decodes)(&track.codec));
    let images = shown.map(|track| ImageRendition::plan(track, index, duration_ns, settings.content_version));
    let burnt = burnt::renditions(info, &video);
    let info = info.clone();
    Ok(Presentation { info, duration_ns, video, audio, text, images, burnt, grid, reasons })
}
