//! `GET /api/files/{id}`: one file with all that is known of it, probed now if need be.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::super::problem::Problem;
use super::super::respond::{Answer, Call};
use super::files::{FileItem, per_second, seconds};
use crate::base::ids::FileId;
use crate::encoder::{Decision, StreamError};
use crate::library::LibraryError;
use crate::media::{Chapter, Container};
use crate::rendition::{Presentation, Rendition};
use crate::timeline::CutList;

#[derive(Serialize)]
struct FileDetail {
    #[serde(flatten)]
    file: FileItem,
    container: Option<Container>,
    chapters: Vec<ChapterItem>,
    renditions: Vec<RenditionItem>,
    /// By rendition, why it is as it is, or why there is none.
    reasons: BTreeMap<String, String>,
    /// Numbers of the text tracks whose pictures can be drawn into the video: what `?burn=` takes.
    burn: Vec<usize>,
    /// Why there are no renditions.
    #[serde(skip_serializing_if = "Option::is_none")]
    unplayable: Option<String>,
}

#[derive(Serialize)]
struct ChapterItem {
    start_s: f64,
    title: Option<String>,
}

#[derive(Serialize)]
struct RenditionItem {
    id: String,
    kind: &'static str,
    track: usize,
    copied: bool,
    codec_string: String,
    width: Option<u32>,
    height: Option<u32>,
    frame_rate: Option<f64>,
    channels: Option<u8>,
    language: Option<String>,
    label: Option<String>,
    /// Bits per second at the most.
    bandwidth: u32,
    segments: u32,
    cut_list: CutListItem,
    /// Of the profile that would make it now, or `copy`; none where none can.
    profile: Option<String>,
    /// Why that one.
    reason: String,
}

#[derive(Serialize)]
struct CutListItem {
    segments: u32,
    duration_s: f64,
    independent: bool,
}

pub async fn one(call: &Call<'_>, id: FileId) -> Answer {
    let probed = match call.context.libraries.ensure_probed(id).await {
        Ok(_) => true,
        // The file is listed and its state says the rest.
        Err(
            LibraryError::Offline { .. }
            | LibraryError::Missing { .. }
            | LibraryError::Changed { .. }
            | LibraryError::Refused { .. }
            | LibraryError::Unreadable { .. }
            | LibraryError::Broken { .. },
        ) => false,
        Err(error) => return Err(error.into()),
    };
    let look =
        move |context: &super::super::Context| context.catalogue.file(id)?.ok_or(LibraryError::Unknown(id));
    let record = call.context.blocking(look).await?;
    let presentation = match probed {
        true => Some(call.context.encoders.presentation(id).await),
        false => None,
    };
    let (presentation, unplayable) = match presentation.transpose() {
        Ok(presentation) => (presentation, None),
        Err(error @ (StreamError::UnknownFile(_) | StreamError::ShuttingDown | StreamError::Internal(_))) => {
            return Err(error.into());
        }
        Err(error) => (None, Some(Problem::from(error).detail)),
    };
    let media = record.media.as_deref();
    let detail = FileDetail {
        file: FileItem::from(&record),
        container: media.map(|media| media.container),
        chapters: media.map_or_else(Vec::new, |media| media.chapters.iter().map(ChapterItem::from).collect()),
        renditions: presentation.as_deref().map_or_else(Vec::new, |found| renditions(call, found)),
        reasons: presentation.as_ref().map_or_else(BTreeMap::new, |found| found.reasons.clone()),
        burn: presentation.as_ref().map_or_else(Vec::new, |found| found.burnt_tracks().collect()),
        unplayable,
    };
    super::json(call, &detail).await
}

fn renditions(call: &Call<'_>, presentation: &Presentation) -> Vec<RenditionItem> {
    let decisions = call.context.encoders.decisions(presentation);
    let item = |(rendition, decision): (&Arc<Rendition>, Decision)| {
        // Why there is a copy the plan knows better.
        let planned = presentation.reasons.get(rendition.id.kind()).cloned();
        let reason = planned.unwrap_or(decision.reason);
        RenditionItem::new(rendition, Decision { reason, ..decision })
    };
    presentation.listed().zip(decisions).map(item).collect()
}

impl RenditionItem {
    fn new(rendition: &Rendition, Decision { profile, reason }: Decision) -> Self {
        let (video, audio) = (rendition.video(), rendition.audio());
        Self {
            id: rendition.id.to_string(),
            kind: if video.is_some() { "video" } else { "audio" },
            track: rendition.track,
            copied: rendition.copied,
            codec_string: rendition.codec_string.clone(),
            width: video.map(|form| form.width),
            height: video.map(|form| form.height),
            frame_rate: video.map(|form| per_second(form.frame_rate)),
            channels: audio.map(|form| form.channels),
            language: audio.and_then(|form| form.language.clone()),
            label: audio.map(|form| form.label.clone()),
            bandwidth: rendition.bandwidth.peak,
            segments: rendition.cuts.segment_count(),
            cut_list: CutListItem::from(&*rendition.cuts),
            profile,
            reason,
        }
    }
}

impl From<&CutList> for CutListItem {
    fn from(cuts: &CutList) -> Self {
        Self {
            segments: cuts.segment_count(),
            duration_s: seconds(cuts.end_ns() - cuts.start_ns()),
            independent: cuts.independent,
        }
    }
}

impl From<&Chapter> for ChapterItem {
    fn from(chapter: &Chapter) -> Self {
        Self { start_s: seconds(chapter.start_ns), title: chapter.title.clone() }
    }
}
