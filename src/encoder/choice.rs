//! Which way a head goes, with the reason in words: what works here, what rests since it failed lately, and how many
//! encoders the hardware has at once.
//!
//! [`choose`] is pure. [`Choices`] keeps what it goes by, for all files together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::bench::{Bench, Combination, Grief, LearnedLimits, Now, Resting};
use super::spec::{self, Way};
use crate::media::MediaInfo;
use crate::pipeline::{Resolved, Sessions};
use crate::rendition::{Rendition, RenditionMedia};
use crate::worker::WorkerError;
use crate::worker::protocol::FailureKind;

/// What stands against a way at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Obstacle {
    Rests { why: String, left: Duration },
    Full { sessions: u32 },
}

impl std::fmt::Display for Obstacle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rests { why, left } => write!(f, "rests for {} s: {why}", left.as_secs_f64().ceil()),
            Self::Full { sessions: 1 } => write!(f, "has one session, which is taken"),
            Self::Full { sessions } => write!(f, "has {sessions} sessions, which are taken"),
        }
    }
}

/// A way and what is to be known of it to choose.
struct Candidate<'w> {
    way: &'w Way,
    obstacle: Option<Obstacle>,
    /// How often it has failed at this very segment, and how often it may.
    tried: usize,
    tries: usize,
}

/// The place of the way to go, and why that one: the first that nothing stands against. What something stands against is
/// tried only where there is nothing else at all, as where the owner wants no other; `None` where enough has been tried.
fn choose(candidates: &[Candidate<'_>]) -> Option<(usize, String)> {
    let free = |candidate: &&Candidate<'_>| candidate.obstacle.is_none();
    let open = |candidate: &Candidate<'_>| candidate.tried < candidate.tries;
    let chosen = if candidates.iter().any(|candidate| free(&candidate)) {
        let open = candidates.iter().enumerate().filter(|(_, candidate)| free(candidate) && open(candidate));
        open.min_by_key(|(place, candidate)| (candidate.tried, *place))
    } else {
        candidates.iter().enumerate().find(|(_, candidate)| open(candidate))
    };
    let (place, candidate) = chosen?;
    Some((place, reason(candidate.way, &candidates[..place])))
}

/// Why a way is taken, and why not those before it.
fn reason(way: &Way, before: &[Candidate<'_>]) -> String {
    let taken = match way {
        Way::Copy => "goes into CMAF as it is".to_owned(),
        Way::Video(graph) => graph.places.to_string(),
        Way::Audio(_) => "sound is encoded on the processor".to_owned(),
    };
    let mut parts = vec![taken];
    for candidate in before {
        let passed = match &candidate.obstacle {
            Some(obstacle) => format!("{} {obstacle}", device(candidate.way)),
            None => format!("{} has failed at this", candidate.way.profile()),
        };
        if !parts.contains(&passed) {
            parts.push(passed);
        }
    }
    parts.join("; ")
}

/// The hardware that has a part in it, else the profile.
fn device(way: &Way) -> &str {
    match way {
        Way::Video(graph) => graph.device.as_deref().unwrap_or(&graph.profile),
        other => other.profile(),
    }
}

/// A way to go.
#[derive(Debug)]
pub struct Choice {
    pub way: Way,
    pub reason: String,
    /// Held as long as it is gone.
    pub session: Option<Session>,
}

/// Which profile makes a rendition, and why, for those who ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// `copy` where none encodes.
    pub profile: Option<String>,
    pub reason: String,
}

impl Decision {
    pub fn new(way: &Way, reason: String) -> Self {
        Self { profile: Some(way.profile().to_owned()), reason }
    }

    pub fn none() -> Self {
        Self { profile: None, reason: "no profile here can make it".into() }
    }
}

/// What hardware does at the moment.
#[derive(Clone, Debug, Default, Serialize)]
pub struct HardwareStatus {
    /// What is not used for a while, though it works by trial.
    pub resting: Vec<Resting>,
    pub sessions: Vec<SessionStatus>,
}

/// Encoders of a profile's hardware.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionStatus {
    pub profile: String,
    pub at_work: u32,
    /// The most there may be, where that is known.
    pub limit: Option<u32>,
}

/// One of the encoders that the hardware has at once.
#[derive(Debug)]
pub struct Session {
    profile: String,
    shared: Arc<Mutex<State>>,
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(count) = lock(&self.shared).at_work.get_mut(&self.profile) {
            *count = count.saturating_sub(1);
        }
    }
}

/// How often each way has failed at something, by its place among [`Choices::ways`].
#[derive(Clone, Debug, Default)]
pub struct Tried(Vec<(Way, usize)>);

impl Tried {
    pub fn again(&mut self, way: &Way) {
        match self.0.iter_mut().find(|(known, _)| known == way) {
            Some((_, count)) => *count += 1,
            None => self.0.push((way.clone(), 1)),
        }
    }

    fn count(&self, way: &Way) -> usize {
        self.0.iter().find(|(known, _)| known == way).map_or(0, |(_, count)| *count)
    }
}

/// Hardware that failed at a segment is not tried at it again; what the processor does is, for a worker may also die of
/// what others on the box do.
const TRIES_ON_DEVICE: usize = 1;
const TRIES: usize = 2;
/// Where there is one way alone.
const TRIES_OF_ONE: usize = 3;

#[derive(Debug)]
pub struct Choices {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    began: Instant,
    profiles: Arc<Vec<Resolved>>,
    bench: Bench,
    limits: LearnedLimits,
    /// By profile, encoders of hardware.
    at_work: HashMap<String, u32>,
}

impl Default for Choices {
    fn default() -> Self {
        let state = State {
            began: Instant::now(),
            profiles: Arc::default(),
            bench: Bench::default(),
            limits: LearnedLimits::default(),
            at_work: HashMap::new(),
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }
}

impl Choices {
    /// What of the profiles works on this machine, in order of preference.
    pub fn set_profiles(&self, profiles: Vec<Resolved>) {
        lock(&self.state).profiles = Arc::new(profiles);
    }

    pub fn profiles(&self) -> Arc<Vec<Resolved>> {
        lock(&self.state).profiles.clone()
    }

    /// The way in which a rendition is made next; with hardware, a session is taken. `None` where everything has been tried.
    pub fn take(&self, info: &MediaInfo, rendition: &Rendition, tried: &Tried) -> Option<Choice> {
        let mut state = lock(&self.state);
        let (way, reason) = state.choose(info, rendition, tried)?;
        let session = encoder(&way, &state.profiles).map(|profile| profile.name.clone()).map(|profile| {
            *state.at_work.entry(profile.clone()).or_default() += 1;
            Session { profile, shared: self.state.clone() }
        });
        Some(Choice { way, reason, session })
    }

    /// The same for those who only want to know.
    pub fn next(&self, info: &MediaInfo, rendition: &Rendition, tried: &Tried) -> Option<(Way, String)> {
        lock(&self.state).choose(info, rendition, tried)
    }

    /// A way has made something.
    pub fn worked(&self, info: &MediaInfo, rendition: &Rendition, way: &Way) {
        if let Some(combination) = combination(info, rendition, way) {
            lock(&self.state).bench.worked(&combination);
        }
    }

    /// A way has failed: what of it rests, or which limit was met, is noted. With `begun`, something had been made.
    pub fn failed(
        &self,
        info: &MediaInfo,
        rendition: &Rendition,
        choice: &Choice,
        error: &WorkerError,
        begun: bool,
    ) {
        let Some(combination) = combination(info, rendition, &choice.way) else {
            return;
        };
        let Some((grief, whose)) = grief(error, begun) else {
            return;
        };
        let mut state = lock(&self.state);
        let now = state.began.elapsed();
        // Its own session is among those at work.
        let others = choice.session.as_ref().and_then(|session| {
            let learns = state
                .profiles
                .iter()
                .any(|profile| profile.name == session.profile && profile.sessions == Sessions::Learn);
            let at_work = state.at_work.get(&session.profile).copied().unwrap_or(0).saturating_sub(1);
            (learns && at_work > 0).then(|| (session.profile.clone(), at_work))
        });
        if let (Grief::Refused, Whose::Encoder, Some((profile, at_work))) = (grief, whose, others) {
            tracing::warn!(profile, sessions = at_work, "the hardware encodes no more at once");
            state.limits.refused(&profile, at_work, now);
            return;
        }
        let reason = error.to_string();
        tracing::warn!(profile = combination.profile, what = %combination, reason, "hardware rests");
        // An encoder does not care who decodes.
        if whose == Whose::Encoder && choice.session.is_some() {
            let other =
                Combination { decodes_on_device: !combination.decodes_on_device, ..combination.clone() };
            state.bench.failed(&other, Grief::Refused, &reason, now);
        }
        state.bench.failed(&combination, grief, &reason, now);
    }

    /// What is not used at the moment, though it works by trial.
    pub fn resting(&self) -> Vec<Resting> {
        let state = lock(&self.state);
        state.bench.resting(state.began.elapsed())
    }

    /// By profile of hardware, encoders at work and how many there may be, where that is known.
    pub fn sessions(&self) -> Vec<SessionStatus> {
        let state = lock(&self.state);
        let now = state.began.elapsed();
        let hardware = state.profiles.iter().filter(|profile| profile.hardware && !profile.encode.is_empty());
        let of = |profile: &Resolved| {
            let at_work = state.at_work.get(&profile.name).copied().unwrap_or(0);
            SessionStatus { profile: profile.name.clone(), at_work, limit: state.limit(profile, now) }
        };
        hardware.map(of).collect()
    }
}

impl State {
    fn choose(&self, info: &MediaInfo, rendition: &Rendition, tried: &Tried) -> Option<(Way, String)> {
        let ways = spec::ways(info, rendition, &self.profiles);
        let now = self.began.elapsed();
        let candidates: Vec<Candidate<'_>> = ways
            .iter()
            .map(|way| {
                let combination = combination(info, rendition, way);
                let tries = match &combination {
                    _ if ways.len() == 1 => TRIES_OF_ONE,
                    Some(_) => TRIES_ON_DEVICE,
                    None => TRIES,
                };
                let obstacle = combination.and_then(|combination| self.obstacle(&combination, way, now));
                Candidate { way, obstacle, tried: tried.count(way), tries }
            })
            .collect();
        let (place, reason) = choose(&candidates)?;
        Some((ways[place].clone(), reason))
    }

    fn obstacle(&self, combination: &Combination, way: &Way, now: Now) -> Option<Obstacle> {
        if let Some((why, left)) = self.bench.rests(combination, now) {
            return Some(Obstacle::Rests { why: why.to_owned(), left });
        }
        let profile = encoder(way, &self.profiles)?;
        let sessions = self.limit(profile, now)?;
        let at_work = self.at_work.get(&profile.name).copied().unwrap_or(0);
        (at_work >= sessions).then_some(Obstacle::Full { sessions })
    }

    fn limit(&self, profile: &Resolved, now: Now) -> Option<u32> {
        match profile.sessions {
            Sessions::Any => None,
            Sessions::Count(count) => Some(count),
            Sessions::Learn => self.limits.limit(&profile.name, now),
        }
    }
}

/// The profile whose hardware encodes, where hardware does.
fn encoder<'p>(way: &Way, profiles: &'p [Resolved]) -> Option<&'p Resolved> {
    let Way::Video(graph) = way else { return None };
    profiles.iter().filter(|_| graph.places.encodes_on_device).find(|profile| profile.name == graph.profile)
}

/// What a device has to do with it; `None` where none has.
fn combination(info: &MediaInfo, rendition: &Rendition, way: &Way) -> Option<Combination> {
    let (Way::Video(graph), RenditionMedia::Video(form)) = (way, &rendition.media) else {
        return None;
    };
    let track = info.video.get(rendition.track)?;
    let source = match &track.pixel_format {
        Some(pixel_format) => format!("{} {pixel_format}", track.codec),
        None => track.codec.clone(),
    };
    Some(Combination {
        profile: graph.device.clone()?,
        decodes_on_device: graph.places.decodes_on_device,
        source,
        codec: if graph.places.encodes_on_device { form.codec.clone() } else { "raw".into() },
        height: form.height,
    })
}

/// Whose doing a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Encoder,
    /// The decoder's, or one cannot tell.
    Other,
}

/// What a failure says about hardware; `None` where it says nothing.
fn grief(error: &WorkerError, begun: bool) -> Option<(Grief, Whose)> {
    match error {
        WorkerError::Died | WorkerError::Hung(_) => Some((Grief::Lost, Whose::Other)),
        WorkerError::Failed(failure) => match failure.kind {
            FailureKind::Encoder if begun => Some((Grief::Lost, Whose::Encoder)),
            FailureKind::Encoder => Some((Grief::Refused, Whose::Encoder)),
            FailureKind::Setup | FailureKind::Undecodable => Some((Grief::Refused, Whose::Other)),
            FailureKind::Source => None,
        },
        WorkerError::OutOfMemory { .. } => Some((Grief::Refused, Whose::Other)),
        WorkerError::Spawn(_) | WorkerError::Protocol(_) => None,
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{Places, VideoGraph};
    use crate::worker::protocol::Failure;

    fn way(profile: &str, decodes_on_device: bool, encodes_on_device: bool) -> Way {
        let places = Places { decodes_on_device, scales_on_device: decodes_on_device, encodes_on_device };
        let device = (decodes_on_device || encodes_on_device).then(|| profile.to_owned());
        let text = || format!("{profile} {places:?}");
        Way::Video(VideoGraph {
            profile: profile.into(),
            device,
            decode: text(),
            scale: text(),
            encode: text(),
            places,
        })
    }

    fn candidates(ways: &[Way]) -> Vec<Candidate<'_>> {
        ways.iter().map(|way| Candidate { way, obstacle: None, tried: 0, tries: TRIES }).collect()
    }

    fn rests() -> Option<Obstacle> {
        Some(Obstacle::Rests { why: "worker died".into(), left: Duration::from_millis(24_500) })
    }

    #[test]
    fn the_first_that_nothing_stands_against_is_taken_and_the_others_are_told() {
        let ways = [way("card", true, true), way("chip", true, true), way("software", false, false)];
        let mut all = candidates(&ways);
        assert_eq!(choose(&all), Some((0, "decoded, scaled and encoded on the device".into())));
        all[0].obstacle = rests();
        all[1].obstacle = Some(Obstacle::Full { sessions: 1 });
        let told = "decoded, scaled and encoded on the processor; card rests for 25 s: worker died; \
                    chip has one session, which is taken";
        assert_eq!(choose(&all), Some((2, told.into())));
    }

    #[test]
    fn ways_take_turns_at_a_segment_and_end() {
        let ways = [way("software", false, false), way("second", false, false)];
        let mut all = candidates(&ways);
        let mut order = Vec::new();
        while let Some((place, _)) = choose(&all) {
            order.push(place);
            all[place].tried += 1;
        }
        assert_eq!(order, [0, 1, 0, 1]);
    }

    #[test]
    fn what_rests_is_tried_only_where_there_is_nothing_else() {
        let ways = [way("card", true, true), way("software", false, false)];
        let mut all = candidates(&ways);
        all[0].obstacle = rests();
        all[1].tried = TRIES;
        assert_eq!(choose(&all), None);
        all.truncate(1);
        assert!(choose(&all).is_some());
        all[0].tried = all[0].tries;
        assert_eq!(choose(&all), None);
    }

    #[test]
    fn what_failed_at_a_segment_is_told_where_the_next_is_taken() {
        let ways = [way("card", true, true), way("software", false, false)];
        let mut all = candidates(&ways);
        (all[0].tried, all[0].tries) = (1, TRIES_ON_DEVICE);
        let (place, reason) = choose(&all).expect("a way");
        assert_eq!(place, 1);
        assert!(reason.ends_with("; card has failed at this"), "{reason}");
    }

    #[test]
    fn a_failure_is_laid_to_whom_it_may_concern() {
        let failed = |kind| WorkerError::Failed(Failure::new(kind, "element", "message"));
        for (error, begun, expected) in [
            (WorkerError::Died, false, Some((Grief::Lost, Whose::Other))),
            (WorkerError::Hung(Duration::ZERO), true, Some((Grief::Lost, Whose::Other))),
            (failed(FailureKind::Encoder), false, Some((Grief::Refused, Whose::Encoder))),
            (failed(FailureKind::Encoder), true, Some((Grief::Lost, Whose::Encoder))),
            (failed(FailureKind::Undecodable), true, Some((Grief::Refused, Whose::Other))),
            (failed(FailureKind::Source), true, None),
            (WorkerError::Protocol("odd".into()), true, None),
        ] {
            assert_eq!(grief(&error, begun), expected, "{error}");
        }
    }
}
