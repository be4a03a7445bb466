//! `GET /api/files`: the list, in pages.

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::super::problem::{Kind, Problem};
use super::super::respond::{Answer, Call};
use crate::base::ids::FileId;
use crate::catalogue::{FileRecord, ListQuery, MAX_PAGE};
use crate::media::{AudioTrack, Hdr, TextTrack, VideoTrack};
use crate::timeline::{FrameRate, NANOS_PER_SECOND, Nanos};

#[derive(Serialize)]
struct FileList {
    files: Vec<FileItem>,
    /// Cursor of the next page.
    next: Option<String>,
}

#[derive(Serialize)]
pub struct FileItem {
    id: FileId,
    name: String,
    library: String,
    path: String,
    size: u64,
    modified: String,
    duration_s: Option<f64>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    video: Option<VideoItem>,
    audio: Vec<AudioItem>,
    text: Vec<TextItem>,
    views: u64,
    position_s: f64,
}

#[derive(Serialize)]
struct VideoItem {
    codec: String,
    profile: Option<String>,
    pixel_format: Option<String>,
    width: u32,
    height: u32,
    frame_rate: f64,
    hdr: Option<Hdr>,
}

#[derive(Serialize)]
struct AudioItem {
    codec: String,
    channels: u8,
    layout: String,
    sample_rate: u32,
    language: Option<String>,
    title: Option<String>,
    default: bool,
}

#[derive(Serialize)]
struct TextItem {
    codec: String,
    language: Option<String>,
    title: Option<String>,
    default: bool,
    forced: bool,
    bitmap: bool,
}

pub async fn list(call: &Call<'_>) -> Answer {
    let query = &call.query;
    let default = ListQuery::default();
    let limit = query.parse("limit")?.unwrap_or(default.limit);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(Problem::new(Kind::BadRequest, format!("`limit` is from 1 to {MAX_PAGE}.")));
    }
    let asked = ListQuery {
        library: query.get("library")?,
        q: query.get("q")?,
        sort: query.parse("sort")?.unwrap_or(default.sort),
        cursor: query.parse("cursor")?,
        limit,
    };
    let page = call.context.blocking(move |context| context.catalogue.list(&asked)).await?;
    let files = page.files.iter().map(FileItem::from).collect();
    super::json(call, &FileList { files, next: page.next.map(|next| next.to_string()) }).await
}

impl From<&FileRecord> for FileItem {
    fn from(record: &FileRecord) -> Self {
        let media = record.media.as_deref();
        Self {
            id: record.id,
            name: record.name.clone(),
            library: record.library.clone(),
            path: record.path().to_string_lossy().into_owned(),
            size: record.size,
            modified: rfc3339(record.modified_ns),
            duration_s: media.map(|media| seconds(media.duration_ns)),
            state: record.state.name(),
            reason: record.state.reason().map(str::to_owned),
            video: media.and_then(|media| media.video.first()).map(VideoItem::from),
            audio: media.map_or_else(Vec::new, |media| media.audio.iter().map(AudioItem::from).collect()),
            text: media.map_or_else(Vec::new, |media| media.text.iter().map(TextItem::from).collect()),
            views: record.views,
            position_s: record.position_s,
        }
    }
}

impl From<&VideoTrack> for VideoItem {
    fn from(track: &VideoTrack) -> Self {
        Self {
            codec: track.codec.clone(),
            profile: track.profile.clone(),
            pixel_format: track.pixel_format.clone(),
            width: track.width,
            height: track.height,
            frame_rate: per_second(track.frame_rate),
            hdr: track.colour.hdr,
        }
    }
}

impl From<&AudioTrack> for AudioItem {
    fn from(track: &AudioTrack) -> Self {
        Self {
            codec: track.codec.clone(),
            channels: track.channels,
            layout: track.layout.clone(),
            sample_rate: track.sample_rate,
            language: track.facts.language.clone(),
            title: track.facts.title.clone(),
            default: track.facts.disposition.default,
        }
    }
}

impl From<&TextTrack> for TextItem {
    fn from(track: &TextTrack) -> Self {
        Self {
            codec: track.codec.clone(),
            language: track.facts.language.clone(),
            title: track.facts.title.clone(),
            default: track.facts.disposition.default,
            forced: track.facts.disposition.forced,
            bitmap: track.bitmap,
        }
    }
}

pub fn seconds(nanos: Nanos) -> f64 {
    nanos as f64 / NANOS_PER_SECOND as f64
}

/// To three decimals, as people write them: 23.976.
pub fn per_second(rate: FrameRate) -> f64 {
    (rate.as_f64() * 1000.0).round() / 1000.0
}

/// To the second. Every 64-bit count of nanoseconds is a date.
fn rfc3339(since_1970_ns: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(since_1970_ns.div_euclid(NANOS_PER_SECOND));
    time.ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}
