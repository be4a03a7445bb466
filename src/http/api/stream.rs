//! Starting, stopping and listing what is encoded.

use serde::{Deserialize, Serialize};

use super::super::problem::{Kind, Problem};
use super::super::respond::{Answer, Call};
use crate::base::ids::FileId;
use crate::encoder::{HeadStatus, LiveStatus, StartOptions};
use crate::timeline::{NANOS_PER_SECOND, Nanos};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Start {
    mode: Mode,
    at_s: f64,
    wait: bool,
    /// Warm the copy, where there is one, or the encoded form.
    copy: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    OnDemand,
    Live,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Stop {
    purge: bool,
}

#[derive(Serialize)]
struct Answered {
    hls_url: String,
    dash_url: String,
    live_hls_url: String,
    live_dash_url: String,
    /// None without `wait`.
    first_fragment_ms: Option<u64>,
    /// None on demand.
    live: Option<LiveEdge>,
}

/// The shared playhead of a file, where everybody is who watches it live.
#[derive(Serialize)]
struct LiveEdge {
    file: FileId,
    position_s: f64,
    /// It has come to the end of the file.
    ended: bool,
}

impl LiveEdge {
    fn new(file: FileId, edge: &LiveStatus) -> Self {
        Self { file, position_s: super::files::seconds(edge.position_now_ns()), ended: edge.ended }
    }
}

#[derive(Serialize)]
struct Stopped {
    stopped: usize,
    freed_bytes: u64,
}

#[derive(Serialize)]
struct Streams {
    streams: Vec<HeadStatus>,
    live: Vec<LiveEdge>,
}

impl Default for Start {
    fn default() -> Self {
        Self { mode: Mode::default(), at_s: 0.0, wait: false, copy: true }
    }
}

pub async fn start(call: &Call<'_>, file: FileId) -> Answer {
    let asked: Start = super::read(call)?;
    if !(asked.at_s >= 0.0 && asked.at_s.is_finite()) {
        return Err(Problem::new(Kind::BadRequest, "`at_s` is a time in seconds from the start."));
    }
    // A time beyond 292 years saturates.
    let at_ns = (asked.at_s * NANOS_PER_SECOND as f64) as i64;
    in_the_film(call, file, at_ns).await?;
    let live = matches!(asked.mode, Mode::Live);
    let options = StartOptions { at_ns, wait: asked.wait, copy: asked.copy, live };
    let begun = call.context.encoders.start(file, options).await?;
    let started = Answered {
        hls_url: format!("/hls/{file}/index.m3u8"),
        dash_url: format!("/dash/{file}/manifest.mpd"),
        live_hls_url: format!("/live/{file}/index.m3u8"),
        live_dash_url: format!("/live/{file}/manifest.mpd"),
        first_fragment_ms: begun.first_fragment.map(StartOptions::first_fragment),
        live: begun.live.map(|edge| LiveEdge::new(file, &edge)),
    };
    super::json(call, &started).await
}

/// Players round, and a clock of theirs may be a frame ahead of ours: this far beyond the end is still the end.
const ROUNDING: Nanos = NANOS_PER_SECOND;

/// The end itself is a position: that is where somebody comes back to who watched it all.
async fn in_the_film(call: &Call<'_>, file: FileId, at_ns: Nanos) -> Result<(), Problem> {
    let duration_ns = call.context.encoders.presentation(file).await?.duration_ns;
    if at_ns <= duration_ns.saturating_add(ROUNDING) {
        return Ok(());
    }
    let seconds = |ns: Nanos| ns as f64 / NANOS_PER_SECOND as f64;
    let detail = format!("`at_s` is {}, and the film has {} s.", seconds(at_ns), seconds(duration_ns));
    Err(Problem::new(Kind::BeyondTheEnd, detail))
}

pub async fn stop(call: &Call<'_>, file: FileId) -> Answer {
    let asked: Stop = super::read(call)?;
    call.context.blocking(move |context| super::viewing::listed(context, file)).await?;
    let report = call.context.encoders.stop(file, asked.purge).await?;
    let stopped = Stopped { stopped: report.stopped_heads, freed_bytes: report.freed_bytes };
    super::json(call, &stopped).await
}

pub async fn list(call: &Call<'_>) -> Answer {
    let encoders = &call.context.encoders;
    let live = encoders.live().iter().map(|(file, edge)| LiveEdge::new(*file, edge)).collect();
    super::json(call, &Streams { streams: encoders.heads(), live }).await
}
