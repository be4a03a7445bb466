//! The live edge: playlists and description of a file that everybody watches at the same place.
//!
//! Nothing here moves the edge. What is listed follows from where it is, so that two viewers who ask at the same moment
//! are told the same.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use tokio::time::{Instant, timeout_at};

use super::body::{self, Body};
use super::context::LiveWatch;
use super::manifests::{self, DASH, HLS, find};
use super::problem::{Kind, Problem};
use super::respond::{Answer, Call};
use crate::base::ids::FileId;
use crate::encoder::{LiveStatus, StartOptions, StreamError};
use crate::manifest::hls::{self, LiveRendition, LiveTrack};
use crate::manifest::{ClockPoint, CopySelection, LiveEdge, dash};
use crate::timeline::{CutList, FragmentRule, Nanos, SegmentIndex, nanos_from_ticks};

/// "The server SHOULD [...] return 503 [...] if it is not able to within three Target Durations" (RFC 8216bis section
/// 6.2.5.2).
const TARGETS_OF_PATIENCE: u64 = 3;
/// For the first segment, which may wait for a worker and a slow disk.
const FIRST_PATIENCE: Duration = Duration::from_secs(15);

pub async fn index(call: &Call<'_>, file: FileId) -> Answer {
    refuse_burnt(call)?;
    let presentation = call.context.encoders.presentation(file).await?;
    if !call.head {
        join(call, file).await?;
    }
    Ok(manifests::print(call, HLS, hls::live_multivariant(&presentation)).await)
}

pub async fn manifest(call: &Call<'_>, file: FileId) -> Answer {
    refuse_burnt(call)?;
    let presentation = call.context.encoders.presentation(file).await?;
    let mut watch = match call.head {
        true => call.context.encoders.live_edge(file).await?,
        false => join(call, file).await?,
    };
    // What starts together is described together: sound ends its first segment a little later than the picture.
    let renditions = hls::live_renditions(&presentation);
    let first_ends =
        |begun_ns| renditions.iter().map(move |rendition| first_end_ns(&rendition.cuts, begun_ns)).max();
    let wanted = |status: &LiveStatus| first_ends(status.begun_ns).unwrap_or(0);
    let status = reach(&mut watch, wanted, FIRST_PATIENCE).await?;
    let text = dash::live_mpd(&presentation, &file.to_string(), CopySelection::None, &edge(call, &status));
    Ok(manifests::print(call, DASH, text).await)
}

/// Everybody at the edge watches the same pictures.
fn refuse_burnt(call: &Call<'_>) -> Result<(), Problem> {
    match call.query.get("burn")? {
        None => Ok(()),
        Some(_) => Err(Problem::new(
            Kind::BadRequest,
            "`burn` is not offered at the live edge; /hls and /dash have it.",
        )),
    }
}

/// The clock that the description refers to, as `xs:dateTime`.
pub fn time() -> Response<Body> {
    let mut response = Response::new(body::full(crate::manifest::utc(unix_ns(SystemTime::now()))));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

pub async fn playlist(call: &Call<'_>, file: FileId, name: &str) -> Answer {
    let reload = Reload::read(call)?;
    let encoders = &call.context.encoders;
    let presentation = encoders.presentation(file).await?;
    let track = match presentation.text(name) {
        Some(text) => LiveTrack::Text(text),
        None => LiveTrack::Media(find(&presentation, file, name)?),
    };
    let all = hls::live_tracks(&presentation);
    if !all.iter().any(|offered| offered.id() == track.id()) {
        return Err(StreamError::UnknownRendition { file, rendition: name.to_owned() }.into());
    }
    // Text is not made.
    if !call.head && matches!(track, LiveTrack::Media(_)) {
        encoders.watch_live(file, name).await?;
    }
    let edge = listed(call, file, reload, track).await?;
    let live = LiveRendition { track, all: &all, file: &file.to_string() };
    Ok(manifests::print(call, HLS, hls::live_playlist(&live, &edge, reload.skip)).await)
}

/// The edge, once the list of this track holds what is asked for.
async fn listed(
    call: &Call<'_>,
    file: FileId,
    reload: Reload,
    track: LiveTrack<'_>,
) -> Result<LiveEdge, Problem> {
    let mut watch = call.context.encoders.live_edge(file).await?;
    let now = watch.borrow().clone().ok_or_else(not_live)??;
    let cuts = track.cuts();
    let (wanted_ns, patience) = match reload.until(cuts, track.fragments(), &edge(call, &now))? {
        Some(wanted_ns) => (wanted_ns, patience(cuts)),
        None => (first_end_ns(cuts, now.begun_ns), FIRST_PATIENCE),
    };
    let status = reach(&mut watch, |_| wanted_ns, patience).await?;
    Ok(edge(call, &status))
}

/// The edge of this file; started at the beginning of the film where there is none.
async fn join(call: &Call<'_>, file: FileId) -> Result<LiveWatch, Problem> {
    let encoders = &call.context.encoders;
    let watch = encoders.live_edge(file).await?;
    // Players that ask again for its description must not start a film anew that has just failed.
    let runs = watch.borrow().clone().transpose()?.is_some_and(|status| !status.ended);
    if !runs {
        let options = StartOptions { at_ns: 0, wait: false, copy: false, live: true };
        encoders.start(file, options).await?;
    }
    Ok(watch)
}

/// What a client says it has (RFC 8216bis section 6.2.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reload {
    /// The list that it wants holds this segment, or this part of it.
    segment: Option<u32>,
    part: Option<u32>,
    /// It remembers what is old.
    skip: bool,
}

impl Reload {
    fn read(call: &Call<'_>) -> Result<Self, Problem> {
        let query = &call.query;
        let (segment, part) = (query.parse("_HLS_msn")?, query.parse("_HLS_part")?);
        if segment.is_none() && part.is_some() {
            return Err(Problem::new(Kind::BadRequest, "`_HLS_part` is a part of the segment `_HLS_msn`."));
        }
        let skip = match query.get("_HLS_skip")?.as_deref() {
            None => false,
            Some("YES" | "v2") => true,
            Some(_) => return Err(Problem::new(Kind::BadRequest, "`_HLS_skip` is `YES` or `v2`.")),
        };
        Ok(Self { segment, part, skip })
    }

    /// Where the edge has to be for the list to hold it; `None` where nothing is waited for.
    fn until(self, cuts: &CutList, rule: FragmentRule, edge: &LiveEdge) -> Result<Option<Nanos>, Problem> {
        let Some(segment) = self.segment else { return Ok(None) };
        let growing = edge.segments(cuts).end;
        // "If the client requests a Media Sequence Number greater than the last [...] plus two [...] 400".
        if segment > growing.saturating_add(1) && !edge.ended {
            let detail = format!("`_HLS_msn` is {segment}, and the segment that is being made is {growing}.");
            return Err(Problem::new(Kind::BadRequest, detail));
        }
        let nanos = |tick: i64| nanos_from_ticks(tick, cuts.timescale);
        let Some(range) = cuts.range(SegmentIndex(segment)) else {
            // There is no such segment: the end of the list is the answer.
            return Ok(Some(Nanos::MAX));
        };
        Ok(Some(match self.part {
            None => nanos(range.end),
            Some(part) if part < rule.part_count(&range) => nanos(rule.part_end(&range, part)),
            // "the Part Index is greater than [...] the last [...]: the first Partial Segment of the following".
            Some(_) => match cuts.range(SegmentIndex(segment + 1)) {
                Some(next) => nanos(rule.part_end(&next, 0)),
                None => Nanos::MAX,
            },
        }))
    }
}

/// Waits until the edge is where it is wanted, or has ended.
async fn reach(
    watch: &mut LiveWatch,
    wanted_ns: impl Fn(&LiveStatus) -> Nanos,
    patience: Duration,
) -> Result<LiveStatus, Problem> {
    let deadline = Instant::now() + patience;
    loop {
        let status = watch.borrow_and_update().clone().ok_or_else(not_live)??;
        let (position, wanted) = (status.position_now_ns(), wanted_ns(&status));
        if status.ended || position >= wanted {
            return Ok(status);
        }
        let way = Duration::from_nanos(u64::try_from(wanted - position).unwrap_or(0));
        // It moves on by itself as far as it is known to be made, and tells when it knows more.
        let arrives = if wanted <= status.made_ns { Instant::now() + way } else { deadline };
        if let Ok(changed) = timeout_at(arrives.min(deadline), watch.changed()).await {
            changed.map_err(|_| not_live())?;
        }
        if Instant::now() >= deadline {
            return Err(Problem::new(Kind::NotYet, "The live edge does not move on."));
        }
    }
}

fn patience(cuts: &CutList) -> Duration {
    let longest_ns = nanos_from_ticks(cuts.longest_ticks(), cuts.timescale);
    Duration::from_nanos(TARGETS_OF_PATIENCE * u64::try_from(longest_ns).unwrap_or(0))
}

/// Where the first segment ends that is listed.
fn first_end_ns(cuts: &CutList, begun_ns: Nanos) -> Nanos {
    let end = cuts.range(cuts.segment_at(begun_ns)).map_or(cuts.end(), |first| first.end);
    nanos_from_ticks(end, cuts.timescale)
}

fn edge(call: &Call<'_>, status: &LiveStatus) -> LiveEdge {
    let window = call.context.config.borrow().live.window.duration();
    let point = |(position_ns, when): (Nanos, SystemTime)| ClockPoint { position_ns, unix_ns: unix_ns(when) };
    LiveEdge {
        begun_ns: status.begun_ns,
        window_ns: Nanos::try_from(window.as_nanos()).unwrap_or(Nanos::MAX),
        position_ns: status.position_now_ns(),
        ended: status.ended,
        began: point(status.began),
        clock: point(status.clock),
    }
}

fn unix_ns(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

fn not_live() -> Problem {
    Problem::new(
        Kind::NotLive,
        "POST /api/stream/{id}/start with `{\"mode\":\"live\"}` starts its live edge.",
    )
}
