//! Every profile in turn: are its devices there, do its texts parse, and does what they describe work? What fails is
//! noted with the reason, and the next text of the profile has its turn.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::devices;
use super::report::{Encodes, ProfileReport, Report};
use super::trial::{self, Trials, Trouble};
use super::{clips, clips::Clip};
use crate::config::Diagnostic;
use crate::encoder::spec::{self, Way};
use crate::media::{Hdr, MediaInfo, VideoTrack};
use crate::pipeline::{OnDevice, Places, Profile, ProfileKind, ProfileSet, Resolved, Verdicts};
use crate::worker::protocol::{Report as Answer, Request};
use crate::worker::{WorkerError, WorkerPool};

/// What was found, and what of the profiles works.
#[derive(Clone, Debug, Default)]
pub struct Examined {
    pub report: Report,
    pub working: Vec<Resolved>,
    /// Everything answered in time: it would be found again.
    pub sure: bool,
}

impl Examined {
    /// Why the profiles that do not work do not.
    pub fn reasons(&self) -> BTreeMap<String, String> {
        let failed = self.report.profiles.iter().filter(|profile| !profile.works);
        failed.map(|profile| (profile.name.clone(), profile.reason.clone())).collect()
    }
}

/// The profiles that are shipped and those of the folders.
pub fn load(folders: &[impl AsRef<Path>]) -> Result<ProfileSet, Vec<Diagnostic>> {
    ProfileSet::load(&folders.iter().map(AsRef::as_ref).collect::<Vec<_>>())
}

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// What parses, and needs no device: takes a moment.
    Processor,
    /// Everything, by doing it.
    All,
}

/// Finds out what works. `told` hears the name of each profile in turn.
pub async fn examine(
    pool: &WorkerPool,
    set: &ProfileSet,
    depth: Depth,
    told: impl Fn(&str),
) -> Result<Examined, WorkerError> {
    let texts = set.trial_texts();
    let problems = match pool.ask(&Request::Parse { texts: texts.clone() }, None).await? {
        Answer::Parsed { problems } => problems,
        other => return Err(WorkerError::Protocol(format!("{other:?} instead of problems"))),
    };
    let verdicts: Verdicts = texts.into_iter().zip(problems).collect();
    let mut examination = Examination {
        trials: Trials::new(pool),
        verdicts,
        works: BTreeSet::new(),
        doubts: false,
        on_processor: set.profiles().iter().filter(|profile| profile.devices.is_empty()).cloned().collect(),
    };
    let mut examined = Examined { sure: depth == Depth::All, ..Examined::default() };
    for profile in set.profiles() {
        told(&profile.name);
        let (report, working) = examination.profile(profile, depth).await;
        examined.report.profiles.push(report);
        examined.working.extend(working);
    }
    examined.report.devices = devices::all();
    examined.sure &= !examination.doubts;
    Ok(examined)
}

struct Examination<'p> {
    trials: Trials<'p>,
    verdicts: Verdicts,
    /// What has been seen to work, or could not be tried: see [`Part::key`].
    works: BTreeSet<String>,
    /// Something failed that may have failed by chance.
    doubts: bool,
    /// For what devices decode and do not encode.
    on_processor: Vec<Profile>,
}

/// A part of a profile that is tried by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Encode(String),
    Decode(String),
    DecodeOnDevice(String),
    Scale,
    Deinterlace,
    Rotate,
    ScaleHdr,
    ToneMap,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Encode(codec) => write!(f, "encode {codec}"),
            Self::Decode(codec) => write!(f, "decode {codec} on the processor"),
            Self::DecodeOnDevice(codec) => write!(f, "decode {codec} on the device"),
            Self::Scale => f.write_str("scale"),
            Self::Deinterlace => f.write_str("deinterlace"),
            Self::Rotate => f.write_str("rotate"),
            Self::ScaleHdr => f.write_str("scale with ten bits"),
            Self::ToneMap => f.write_str("map tones"),
        }
    }
}

/// The parts of a profile in the order in which they are tried, each with its text.
fn parts(resolved: &Resolved) -> Vec<(Part, &String)> {
    let mut all: Vec<(Part, &String)> = Vec::new();
    // With the simplest codec first: the others are tried with it.
    let mut encode: Vec<_> = resolved.encode.iter().collect();
    encode.sort_by_key(|(codec, _)| *codec != clips::SIMPLEST);
    all.extend(encode.into_iter().map(|(codec, encoding)| (Part::Encode(codec.clone()), &encoding.text)));
    // Without an encoder of its own there is nothing to try the processor's decoders with; other profiles have them, too.
    if resolved.kind == ProfileKind::Video && !resolved.encode.is_empty() {
        all.extend(resolved.decode.iter().map(|(codec, text)| (Part::Decode(codec.clone()), text)));
    }
    if let Some(device) = &resolved.device {
        all.extend(device.decode.iter().map(|(codec, text)| (Part::DecodeOnDevice(codec.clone()), text)));
        let rest = [
            (Part::Scale, &device.scale),
            (Part::Deinterlace, &device.deinterlace),
            (Part::Rotate, &device.rotate),
            (Part::ScaleHdr, &device.scale_hdr),
            (Part::ToneMap, &device.tone_map),
        ];
        all.extend(rest.into_iter().filter_map(|(part, text)| Some((part, text.as_ref()?))));
    }
    all
}

impl Part {
    /// What the processor decodes it decodes for all profiles; frames of a device have to fit into each one's encoder.
    fn key(&self, profile: &Profile, text: &str) -> String {
        match self {
            Self::Decode(_) => text.to_owned(),
            _ => format!("{}: {self}: {text}", profile.name),
        }
    }

    /// The clip that shows whether it works, where there is one.
    fn clip(&self, resolved: &Resolved) -> Option<String> {
        let on_device =
            |codec: &str| resolved.device.as_ref().is_some_and(|device| device.decode.contains_key(codec));
        match self {
            Self::Encode(_) => Some(clips::SIMPLEST.into()),
            Self::Decode(codec) | Self::DecodeOnDevice(codec) => Some(codec.clone()),
            // What the device decodes none of, nobody asks of it.
            Self::Scale | Self::Rotate => {
                let known = [clips::SIMPLEST, "h265", "vp9", "av1", clips::INTERLACED, "vp8"];
                known.into_iter().find(|codec| on_device(codec)).map(str::to_owned)
            }
            Self::Deinterlace => [clips::INTERLACED, clips::SIMPLEST]
                .into_iter()
                .find(|codec| on_device(codec))
                .map(str::to_owned),
            Self::ScaleHdr | Self::ToneMap => on_device("h265").then(|| clips::HDR.to_owned()),
        }
    }

    /// The profile with nothing on its device but what this part is tried with.
    fn alone(&self, resolved: &Resolved) -> Resolved {
        let mut alone = resolved.clone();
        if let Some(device) = &mut alone.device {
            let keep = |own: bool, text: &mut Option<String>| *text = text.take().filter(|_| own);
            keep(*self == Self::Scale, &mut device.scale);
            keep(*self == Self::Deinterlace, &mut device.deinterlace);
            keep(*self == Self::Rotate, &mut device.rotate);
            keep(*self == Self::ScaleHdr, &mut device.scale_hdr);
            keep(*self == Self::ToneMap, &mut device.tone_map);
        }
        alone
    }

    /// The clip as a film that needs this part.
    fn dress(&self, track: &mut VideoTrack) {
        track.interlaced |= *self == Self::Deinterlace;
        track.rotation = if *self == Self::Rotate { 90 } else { 0 };
        track.colour.hdr = matches!(self, Self::ScaleHdr | Self::ToneMap).then_some(Hdr::Pq);
    }

    /// Whether it is a part of a way.
    fn is_in(&self, places: Places) -> bool {
        match self {
            Self::Encode(_) | Self::Decode(_) => !places.decodes_on_device,
            _ => places.decodes_on_device,
        }
    }
}

impl Examination<'_> {
    async fn profile(&mut self, profile: &Profile, depth: Depth) -> (ProfileReport, Option<Resolved>) {
        let mut fails = BTreeMap::new();
        let mut speeds = BTreeMap::new();
        let hardware = !profile.devices.is_empty();
        let resolved = match devices::missing(&profile.devices) {
            Some((reason, remedy)) => {
                let general = || Some(format!("if there is such hardware: {}", profile.remedy.as_ref()?));
                Err((reason, remedy.or_else(general)))
            }
            None if hardware && depth == Depth::Processor => Err(("it has not been tried yet".into(), None)),
            None => loop {
                let resolved = match self.verdicts.resolve(profile) {
                    Ok(resolved) => resolved,
                    Err(reason) => break Err((reason, profile.remedy.clone())),
                };
                let known = |(part, text): &(Part, &String)| self.works.contains(&part.key(profile, text));
                let untried = parts(&resolved).into_iter().find(|part| !known(part));
                let Some((part, text)) = untried.filter(|_| depth == Depth::All) else {
                    break Ok(resolved);
                };
                let (key, text) = (part.key(profile, text), text.clone());
                match self.attempt(&part, &resolved).await {
                    Ok(speed) => {
                        if let (Part::Encode(codec), Some(speed)) = (&part, speed) {
                            speeds.insert(codec.clone(), speed);
                        }
                        self.works.insert(key);
                    }
                    // A processor that is busy is slow, and no reason to do without it.
                    Err(Trouble::Chance(_)) if !hardware => {
                        self.doubts = true;
                        self.works.insert(key);
                    }
                    Err(trouble) => {
                        self.doubts |= matches!(trouble, Trouble::Chance(_));
                        let reason = trouble.to_string();
                        fails.insert(part.to_string(), reason.clone());
                        self.verdicts.fails(&text, reason);
                    }
                }
            },
        };
        let (resolved, outcome) = match resolved {
            Ok(resolved) => (Some(resolved), Ok(())),
            Err(outcome) => (None, Err(outcome)),
        };
        (report(profile, resolved.as_ref(), outcome, &speeds, fails, depth), resolved)
    }

    /// Tries a part, if there is a way to: the speed, where it was measured, or why it does not work.
    async fn attempt(&mut self, part: &Part, resolved: &Resolved) -> Result<Option<f64>, Trouble> {
        let Some(name) = part.clip(resolved) else { return Ok(None) };
        let processor = self.on_processor.iter().find_map(|profile| {
            let resolved = self.verdicts.resolve(profile).ok()?;
            resolved.encode.contains_key(clips::SIMPLEST).then_some(resolved)
        });
        let clip = match self.trials.clip(&name).await {
            None => return Ok(None),
            Some(Err(error)) => return Err(Trouble::Chance(format!("the clip cannot be read: {error}"))),
            Some(Ok(clip)) => Clip {
                source: clip.source.clone(),
                info: clip.info.clone(),
                index: clip.index.clone(),
                bytes: clip.bytes,
            },
        };
        let video = resolved.kind == ProfileKind::Video;
        let codec = match part {
            Part::Encode(codec) => codec.clone(),
            _ if resolved.encode.contains_key(clips::SIMPLEST) => clips::SIMPLEST.to_owned(),
            _ => resolved.encode.keys().next().cloned().unwrap_or_else(|| clips::SIMPLEST.to_owned()),
        };
        let mut info = MediaInfo::clone(&clip.info);
        info.video.iter_mut().for_each(|track| part.dress(track));
        let clip = Clip { info: info.into(), ..clip };
        let nothing = || Trouble::Sure("there is no way to make anything of the clip".into());
        let plan = trial::plan(&clip).map_err(Trouble::Sure)?;
        let rendition = trial::encoded(&plan, video, &codec).ok_or_else(nothing)?;
        let mut profiles = vec![part.alone(resolved)];
        // What this one cannot encode the processor does.
        profiles.extend(processor.filter(|processor| processor.name != resolved.name));
        let ways = spec::ways(&plan.info, &rendition, &profiles);
        let way = ways.iter().find(|way| match way {
            Way::Video(graph) => {
                let own = graph.profile == resolved.name || graph.device.as_ref() == Some(&resolved.name);
                own && part.is_in(graph.places)
            }
            Way::Audio(graph) => graph.profile == resolved.name,
            Way::Copy => false,
        });
        let speed = self.trials.run(&clip, &plan, &rendition, way.ok_or_else(nothing)?).await?;
        Ok(video.then_some(speed))
    }
}

/// What is told of a profile.
fn report(
    profile: &Profile,
    working: Option<&Resolved>,
    outcome: Result<(), (String, Option<String>)>,
    speeds: &BTreeMap<String, f64>,
    fails: BTreeMap<String, String>,
    depth: Depth,
) -> ProfileReport {
    let device = working.and_then(|working| working.device.as_ref());
    let encodes: BTreeMap<String, Encodes> = working
        .iter()
        .flat_map(|working| working.encode.keys())
        .map(|codec| {
            let frames_per_second = speeds.get(codec).map(|speed| speed.round());
            (codec.clone(), Encodes { frames_per_second })
        })
        .collect();
    let on_device: Vec<String> =
        device.map_or_else(Vec::new, |device| device.decode.keys().cloned().collect());
    let mut decodes: BTreeSet<String> = on_device.iter().cloned().collect();
    decodes.extend(working.iter().flat_map(|working| working.decode.keys().cloned()));
    let (works, reason, remedy) = match outcome {
        Err((reason, remedy)) => (false, reason, remedy),
        Ok(()) if depth == Depth::Processor => (true, "its texts parse".into(), None),
        Ok(()) if encodes.is_empty() => {
            let why = fails.iter().find(|(what, _)| what.starts_with("encode"));
            let why = why.map_or_else(String::new, |(_, why)| format!(": {why}"));
            (true, format!("it decodes, but does not encode{why}"), profile.remedy.clone())
        }
        Ok(()) => (true, "a trial encode succeeded".into(), None),
    };
    ProfileReport {
        name: profile.name.clone(),
        kind: profile.kind,
        works,
        reason,
        remedy,
        encodes,
        decodes: decodes.into_iter().collect(),
        decodes_on_device: on_device,
        on_device: device.map_or_else(Vec::new, abilities),
        fails,
    }
}

/// What a device does besides decoding.
fn abilities(device: &OnDevice) -> Vec<String> {
    let all = [
        (Part::Scale, &device.scale),
        (Part::Deinterlace, &device.deinterlace),
        (Part::Rotate, &device.rotate),
        (Part::ScaleHdr, &device.scale_hdr),
        (Part::ToneMap, &device.tone_map),
    ];
    all.into_iter().filter(|(_, text)| text.is_some()).map(|(part, _)| part.to_string()).collect()
}
