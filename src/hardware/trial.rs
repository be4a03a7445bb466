//! One trial: a head makes all of a clip, cut in the middle, and the time is taken.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::clips::{self, Clip};
use crate::encoder::spec::{self, Stretch, Way};
use crate::rendition::{self, Ladder, PlanSettings, Presentation, Rendition, RenditionMedia};
use crate::timeline::CutTargets;
use crate::worker::protocol::{Report, Request};
use crate::worker::{WorkerError, WorkerPool};

/// Cards that were asleep need some seconds; what takes longer is of no use to a viewer.
const DEADLINE: Duration = Duration::from_secs(20);
/// Each clip is two segments: the second begins with a keyframe that has to be asked for.
const TARGETS: CutTargets = CutTargets { segment_ns: 1_000_000_000, part_ns: 333_000_000 };
const SOUND_BPS: u32 = 128_000;

/// The clips that have been opened.
pub struct Trials<'p> {
    pool: &'p WorkerPool,
    clips: HashMap<String, Option<Result<Clip, String>>>,
}

impl<'p> Trials<'p> {
    pub fn new(pool: &'p WorkerPool) -> Self {
        Self { pool, clips: HashMap::new() }
    }

    /// The clip of a codec, if there is one.
    pub async fn clip(&mut self, name: &str) -> Option<Result<&Clip, String>> {
        if !self.clips.contains_key(name) {
            let opened = clips::open(self.pool, name).await;
            let opened = opened.map(|opened| opened.map_err(|error| error.to_string()));
            self.clips.insert(name.to_owned(), opened);
        }
        self.clips.get(name)?.as_ref().map(|opened| opened.as_ref().map_err(Clone::clone))
    }

    /// Makes a rendition of a clip; frames per second.
    pub async fn run(
        &self,
        clip: &Clip,
        plan: &Presentation,
        rendition: &Rendition,
        way: &Way,
    ) -> Result<f64, Trouble> {
        let made = tokio::time::timeout(DEADLINE, self.make(clip, plan, rendition, way)).await;
        let late = || Trouble::Chance(format!("it took longer than {} s", DEADLINE.as_secs()));
        made.unwrap_or_else(|_| Err(late()))
    }

    async fn make(
        &self,
        clip: &Clip,
        plan: &Presentation,
        rendition: &Rendition,
        way: &Way,
    ) -> Result<f64, Trouble> {
        let spec = spec::head_spec(&plan.info, rendition, way, Stretch::whole(rendition));
        let spec = spec.ok_or_else(|| Trouble::Sure("this is no way to make it".into()))?;
        let mut worker = self.pool.take().await?;
        worker.send(&Request::Head(Box::new(spec)), Some(&clip.source)).await?;
        // From the first fragment on: what takes long before that takes no longer for a film.
        let (mut began, mut ticks) = (None, 0);
        loop {
            match worker.next().await? {
                Report::Fragment(fragment) => match began {
                    None => began = Some(Instant::now()),
                    Some(_) => ticks += fragment.duration,
                },
                Report::End { early: false } => {
                    let seconds = began.map_or(0.0, |began: Instant| began.elapsed().as_secs_f64());
                    let media = ticks as f64 / f64::from(rendition.cuts.timescale);
                    let rate = plan.info.video.first().map_or(0.0, |track| track.frame_rate.as_f64());
                    return Ok(media * rate / seconds.max(1e-6));
                }
                Report::End { early: true } => return Err(Trouble::Sure("not everything came out".into())),
                Report::Failed(failure) => return Err(WorkerError::from(failure).into()),
                _ => {}
            }
        }
    }
}

/// Why a trial failed.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// It would fail again.
    #[error("{0}")]
    Sure(String),
    /// It may have been the moment.
    #[error("{0}")]
    Chance(String),
}

impl From<WorkerError> for Trouble {
    fn from(error: WorkerError) -> Self {
        match error {
            WorkerError::Failed(failure) => Self::Sure(format!("{}: {}", failure.element, failure.message)),
            other => Self::Chance(other.to_string()),
        }
    }
}

/// The plan of a clip.
pub fn plan(clip: &Clip) -> Result<Presentation, String> {
    let (ladder, decodes) = (Ladder(Vec::new()), |_: &str| true);
    let settings = PlanSettings {
        targets: TARGETS,
        ladder: &ladder,
        audio_bps: SOUND_BPS,
        decodes: &decodes,
        content_version: "",
        file_bytes: clip.bytes,
    };
    rendition::plan(&clip.info, &clip.index, &settings).map_err(|error| error.to_string())
}

/// The rendition of a plan that is encoded, in this codec.
pub fn encoded(plan: &Presentation, video: bool, codec: &str) -> Option<Rendition> {
    let of = if video { &plan.video } else { &plan.audio };
    let mut found = of.iter().find(|rendition| !rendition.copied).map(|found| (**found).clone())?;
    match &mut found.media {
        RenditionMedia::Video(form) => form.codec = codec.to_owned(),
        RenditionMedia::Audio(form) if form.codec == codec => {}
        RenditionMedia::Audio(_) => return None,
    }
    Some(found)
}
