//! What the commands without a server share: workers, profiles, a probed file and its plan.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use super::settings;
use crate::config::{Config, Diagnostic};
use crate::hardware::{self, Examined, Surroundings};
use crate::media::{KeyframeIndex, MediaInfo};
use crate::pipeline::{ProfileSet, Resolved};
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

/// Workers, and what they can do here: what was found before, where nothing has changed, else found out now.
pub async fn examined() -> Result<(WorkerPool, Examined), Trouble> {
    let surroundings = Surroundings::look();
    let set = profiles()?;
    // Without a folder to remember in everything is found out each time.
    let cache = settings::cache_folder(None).ok().filter(|cache| std::fs::create_dir_all(cache).is_ok());
    let pool = pool(&surroundings, cache.as_deref())?;
    let found = hardware::known_or_examined(&pool, &set, &surroundings, cache.as_deref()).await;
    Ok((pool, found.map_err(|error| Trouble(format!("no worker: {error}")))?))
}

pub fn profiles() -> Result<ProfileSet, Trouble> {
    let problems =
        |errors: Vec<Diagnostic>| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    hardware::load(&settings::profile_folders(None)).map_err(|errors| Trouble(problems(errors)))
}

/// Workers that know these surroundings.
pub fn pool(surroundings: &Surroundings, cache: Option<&Path>) -> Result<WorkerPool, Trouble> {
    let pool = WorkerPool::new(None)?;
    pool.renew(cache.map(|cache| surroundings.registry(cache)), surroundings.environment());
    Ok(pool)
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
