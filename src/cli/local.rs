//! What the commands without a server share: workers, profiles, a probed file and its plan.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use crate::config::Config;
use crate::media::{KeyframeIndex, MediaInfo};
use crate::pipeline::{ProfileSet, Resolved, set::OVERRIDE_FOLDERS};
use crate::rendition::{self, Ladder, LadderRung, PlanSettings, Presentation};
use crate::timeline::CutTargets;
use crate::worker::protocol::{Report, Request};
use crate::worker::{Source, WorkerPool};

/// What stops a command, in words for its user.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Trouble(pub String);

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// Profiles that work here, and why the others do not.
pub struct Profiles {
    pub set: ProfileSet,
    pub working: Vec<Resolved>,
    pub reasons: BTreeMap<String, String>,
}

/// Loads the profiles and has a worker try to parse every text of theirs.
pub async fn profiles(pool: &WorkerPool) -> Result<Profiles, Trouble> {
    let folders: Vec<&Path> = OVERRIDE_FOLDERS.iter().map(Path::new).collect();
    let set = ProfileSet::load(&folders)
        .map_err(|errors| Trouble(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
    let texts = set.trial_texts();
    let report = pool.ask(&Request::Parse { texts: texts.clone() }, None).await;
    let problems = match report {
        Ok(Report::Parsed { problems }) => problems,
        Ok(other) => return Err(Trouble(format!("a worker answered {other:?}"))),
        Err(error) => return Err(Trouble(format!("no worker: {error}"))),
    };
    let verdicts = texts.into_iter().zip(problems).collect();
    let (working, reasons) = set.resolve(&verdicts);
    Ok(Profiles { set, working, reasons })
}

/// A file on its own, with everything known of it.
pub struct LocalFile {
    pub file: Source,
    pub info: Arc<MediaInfo>,
    pub index: KeyframeIndex,
    pub bytes: u64,
}

pub async fn probe(pool: &WorkerPool, path: &Path) -> Result<LocalFile, Trouble> {
    let name = path.display();
    let file = File::open(path).map_err(|error| Trouble(format!("{name}: {error}")))?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(Trouble(format!("{name}: is not a regular file")));
    }
    let file = Source::from(file);
    match pool.ask(&Request::Probe, Some(&file)).await {
        Ok(Report::Probed { info, index }) => {
            Ok(LocalFile { file, info: Arc::new(*info), index: *index, bytes: metadata.len() })
        }
        Ok(other) => Err(Trouble(format!("{name}: a worker answered {other:?}"))),
        Err(error) => Err(Trouble(format!("{name}: {error}"))),
    }
}

pub fn targets(config: &Config) -> CutTargets {
    CutTargets { segment_ns: config.encode.segment.nanos(), part_ns: config.encode.part.nanos() }
}

pub fn ladder(config: &Config) -> Ladder {
    let rungs = config.encode.ladder.rungs().iter();
    Ladder(rungs.map(|rung| LadderRung { height: rung.height, bps: rung.bitrate.bps() }).collect())
}

/// The plan of a file with the default settings.
pub fn plan(local: &LocalFile, working: &[Resolved]) -> Result<Presentation, Trouble> {
    let config = Config::default();
    let decodes = |codec: &str| working.iter().any(|profile| profile.decodes(codec));
    let settings = PlanSettings {
        targets: targets(&config),
        ladder: &ladder(&config),
        audio_bps: config.encode.audio_bitrate.bps(),
        decodes: &decodes,
        content_version: "",
        file_bytes: local.bytes,
    };
    rendition::plan(&local.info, &local.index, &settings).map_err(|error| Trouble(error.to_string()))
}
