//! Playlists and manifests, as [`crate::manifest`] prints them.

use std::sync::Arc;

use http::Response;

use super::body::Body;
use super::media::PATIENCE;
use super::problem::{Kind, Problem};
use super::respond::{Answer, Call};
use super::text;
use crate::base::ids::FileId;
use crate::encoder::{StreamError, TextSpan};
use crate::manifest::{CopySelection, dash as mpd, hls as playlist};
use crate::rendition::{Presentation, Rendition};

pub const HLS: &str = "application/vnd.apple.mpegurl";
pub const DASH: &str = "application/dash+xml";
pub const WEBVTT: &str = "text/vtt; charset=utf-8";

pub async fn hls(call: &Call<'_>, file: FileId) -> Answer {
    let (presentation, copy) = chosen(call, file).await?;
    Ok(print(call, HLS, playlist::multivariant(&presentation, &file.to_string(), copy)).await)
}

pub async fn dash(call: &Call<'_>, file: FileId) -> Answer {
    let (presentation, copy) = chosen(call, file).await?;
    Ok(print(call, DASH, mpd::mpd(&presentation, &file.to_string(), copy)).await)
}

pub async fn media(call: &Call<'_>, file: FileId, rendition: &str) -> Answer {
    let presentation = call.context.encoders.presentation(file).await?;
    if let Some(text) = presentation.text(rendition) {
        return Ok(print(call, HLS, playlist::text_playlist(text)).await);
    }
    if let Some(images) = presentation.images.as_ref().filter(|images| *images.id.0 == *rendition) {
        return Ok(print(call, HLS, playlist::image_playlist(images)).await);
    }
    let rendition = find(&presentation, file, rendition)?;
    Ok(print(call, HLS, playlist::media_playlist(rendition)).await)
}

pub async fn text(call: &Call<'_>, file: FileId, rendition: &str, span: TextSpan) -> Answer {
    let read = call.context.encoders.text(file, rendition, span);
    let text = tokio::time::timeout(PATIENCE.whole, read).await;
    let text = text.map_err(|_| Problem::new(Kind::NotYet, "The text has not been read that far yet."))??;
    Ok(print(call, WEBVTT, text).await)
}

pub async fn print(call: &Call<'_>, content_type: &'static str, text: String) -> Response<Body> {
    text::revalidated(call.headers, content_type, text).await
}

/// A rendition by its name; one whose version has changed has been superseded.
pub fn find<'a>(
    presentation: &'a Presentation,
    file: FileId,
    name: &str,
) -> Result<&'a Rendition, StreamError> {
    if let Some(found) = presentation.renditions().find(|rendition| &*rendition.id.0 == name) {
        return Ok(found);
    }
    Err(StreamError::no_rendition(file, name, presentation.ids()))
}

/// What a manifest lists: `?burn=` asks for the pictures with the subtitles of a text track drawn in, `?copy=` for some of
/// those that are there.
pub async fn chosen(call: &Call<'_>, file: FileId) -> Result<(Arc<Presentation>, CopySelection), Problem> {
    let copy = copy_selection(call)?;
    let track: Option<usize> = call.query.parse("burn")?;
    if track.is_some() && copy == CopySelection::Only {
        let detail =
            "`burn` draws into the picture, which a copy leaves as it is: it does not go with `copy=only`.";
        return Err(Problem::new(Kind::BadRequest, detail));
    }
    let presentation = call.context.encoders.presentation(file).await?;
    let Some(track) = track else { return Ok((presentation, copy)) };
    match presentation.with_burnt(track) {
        Some(burnt) => Ok((Arc::new(burnt), CopySelection::All)),
        None => Err(Problem::new(Kind::BadRequest, not_burnt(&presentation, track))),
    }
}

fn not_burnt(presentation: &Presentation, track: usize) -> String {
    let name = |track: usize| {
        let found = presentation.info.text.get(track)?;
        let language = found.facts.language.as_deref().map_or_else(String::new, |tag| format!(", {tag}"));
        Some(format!("{track} ({}{language})", found.codec))
    };
    let known: Vec<String> = presentation.burnt_tracks().filter_map(name).collect();
    match known.is_empty() {
        true => "`burn`: no text track of this file can be drawn into its picture.".to_owned(),
        false => {
            let known = known.join(", ");
            format!("`burn`: text track {track} cannot be drawn into the picture; those that can: {known}.")
        }
    }
}

fn copy_selection(call: &Call<'_>) -> Result<CopySelection, Problem> {
    match call.query.get("copy")?.as_deref() {
        None => Ok(CopySelection::All),
        Some("only") => Ok(CopySelection::Only),
        Some("none") => Ok(CopySelection::None),
        Some(_) => Err(Problem::new(Kind::BadRequest, "`copy` is `only` or `none`, or left out.")),
    }
}
