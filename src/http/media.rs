//! Init segments and segments. A segment that is being made is streamed as it grows; a finished one has a
//! length and ranges.

use std::io;
use std::time::Duration;

use http::header::{CONTENT_TYPE, IF_RANGE};
use http::{HeaderMap, HeaderValue, Response};

use super::body::{self, Body};
use super::context::Segment;
use super::manifests::find;
use super::problem::{Kind, Problem};
use super::range;
use super::respond::{Answer, Call};
use super::validators::{ETag, Validators};
use crate::base::ids::FileId;
use crate::encoder::{StreamError, Whole};
use crate::store::PartReader;
use crate::timeline::SegmentIndex;

/// How long an answer waits for what is not made yet.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the first fragment, so that a failure can still be told by a status. Players give up on headers
    /// after 10 s.
    pub headers: Duration,
    /// For the whole segment, which a range needs. Players give up on a segment after 20 s and more.
    pub whole: Duration,
}

pub const PATIENCE: Patience = Patience { headers: Duration::from_secs(3), whole: Duration::from_secs(60) };

const JPEG: &str = "image/jpeg";

pub async fn init(call: &Call<'_>, file: FileId, rendition: &str) -> Answer {
    let bytes = call.context.encoders.init(file, rendition).await?;
    sized(call.headers, content_type(rendition), &Whole::new(vec![bytes]))
}

pub async fn segment(call: &Call<'_>, file: FileId, rendition: &str, n: u32) -> Answer {
    let encoders = &call.context.encoders;
    if call.head {
        return look_up(call, file, rendition, n).await;
    }
    let reader = encoders.segment(file, rendition, SegmentIndex(n)).await?;
    let name = || format!("{file}/{rendition}/{n}");
    stream(call.headers, content_type(rendition), reader, PATIENCE, name).await
}

/// Looked up and not made: nobody will watch it.
async fn look_up(call: &Call<'_>, file: FileId, rendition: &str, n: u32) -> Answer {
    let presentation = call.context.encoders.presentation(file).await?;
    let count = find(&presentation, file, rendition)?.cuts.segment_count();
    if n >= count {
        let rendition = rendition.to_owned();
        return Err(StreamError::BeyondEnd { rendition, segment: n, count }.into());
    }
    Ok(untold(content_type(rendition)))
}

/// One part of a segment, as soon as it exists, for LL-HLS.
pub async fn part(call: &Call<'_>, file: FileId, rendition: &str, n: u32, part: u32) -> Answer {
    if call.head {
        return look_up(call, file, rendition, n).await;
    }
    let beyond = || {
        let detail = format!("Segment {n} of {rendition} has no part {part}.");
        Problem::new(Kind::BeyondTheEnd, detail)
    };
    let fragments = {
        let presentation = call.context.encoders.presentation(file).await?;
        let known = find(&presentation, file, rendition)?;
        let parts = known.cuts.range(SegmentIndex(n)).map(|segment| known.fragments.part_count(&segment));
        if parts.is_some_and(|parts| part >= parts) {
            return Err(beyond());
        }
        known.fragments.fragments_of_part(part)
    };
    let mut reader = call.context.encoders.segment(file, rendition, SegmentIndex(n)).await?;
    let waited = tokio::time::timeout(PATIENCE.whole, reader.fragments(fragments)).await;
    let pieces = waited.map_err(|_| Problem::new(Kind::NotYet, "The part is not made yet."))??;
    if pieces.is_empty() {
        return Err(beyond());
    }
    sized(call.headers, content_type(rendition), &Whole::new(pieces))
}

/// A sheet of small pictures.
pub async fn sheet(call: &Call<'_>, file: FileId, rendition: &str, n: u32) -> Answer {
    if call.head {
        return Ok(untold(JPEG));
    }
    let made = tokio::time::timeout(PATIENCE.whole, call.context.encoders.sheet(file, rendition, n)).await;
    let whole = made.map_err(|_| Problem::new(Kind::NotYet, "The pictures are not made yet."))??;
    sized(call.headers, JPEG, &whole)
}

/// Audio renditions are named `a…`, video `v…`.
fn content_type(rendition: &str) -> &'static str {
    if rendition.starts_with('a') { "audio/mp4" } else { "video/mp4" }
}

/// What `reader` has and will have; `name` is for the log.
pub async fn stream(
    headers: &HeaderMap,
    content_type: &'static str,
    mut reader: Box<dyn Segment>,
    patience: Patience,
    name: impl FnOnce() -> String,
) -> Answer {
    if let Some(whole) = reader.whole() {
        return sized(headers, content_type, &whole);
    }
    if !range::from_the_start(headers) || headers.contains_key(IF_RANGE) {
        let waited = tokio::time::timeout(patience.whole, reader.wait_whole()).await;
        let whole = waited.map_err(|_| Problem::new(Kind::NotYet, "The segment is not complete yet."))??;
        return sized(headers, content_type, &whole);
    }
    if let Ok(ready) = tokio::time::timeout(patience.headers, reader.ready()).await {
        ready?;
    }
    let body =
        body::growing(None, (reader, name()), async |(mut reader, name): (Box<dyn Segment>, String)| {
            let fragment = reader.next().await?.map_err(|error| {
                tracing::warn!(segment = name, %error, "segment broke off");
                io::Error::other(error)
            });
            Some(((reader, name), fragment))
        });
    Ok(of_unknown_length(content_type, body))
}

fn of_unknown_length(content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// To `HEAD`, of what is made when it is asked for.
pub fn untold(content_type: &'static str) -> Response<Body> {
    of_unknown_length(content_type, body::untold())
}

fn sized(headers: &HeaderMap, content_type: &'static str, whole: &Whole) -> Answer {
    let length = whole.length();
    let validators = Validators::from(ETag::of_media(length, whole.checksum()));
    range::respond(headers, content_type, &validators, length, |part| match whole {
        Whole::Memory { pieces, .. } => body::pieces(range::cut(pieces, &part)),
        Whole::File(file) => {
            let length = part.end - part.start;
            body::growing(Some(length), file.part(part), async |mut reading: PartReader| {
                let piece = reading.next().await?;
                Some((reading, piece))
            })
        }
    })
}
