//! Sheets of small pictures, made by workers when somebody asks, once for all who do.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OnceCell, Semaphore};

use super::error::StreamError;
use super::service::Shared;
use crate::catalogue::FileRecord;
use crate::media::MediaInfo;
use crate::pipeline::{ProfileKind, Resolved, pictures};
use crate::rendition::ImageRendition;
use crate::store::{Interest, StoreKey};
use crate::worker::protocol::{Failure, FailureKind, ImagesSpec, Input, Report, Request};
use crate::worker::{Source, WorkerError};

/// Workers that make sheets at once, on the whole box.
const MAX_WORKERS: usize = 2;
/// A worker that tells nothing for so long hangs.
const SILENCE: Duration = Duration::from_secs(30);

/// What is being made.
pub struct Images {
    making: Mutex<HashMap<StoreKey, Arc<Making>>>,
    turns: Semaphore,
}

type Making = OnceCell<Result<Bytes, StreamError>>;

impl Default for Images {
    fn default() -> Self {
        Self { making: Mutex::default(), turns: Semaphore::new(MAX_WORKERS) }
    }
}

impl Images {
    /// Makes a sheet that is not stored. When nobody waits for it any more, it is given up.
    pub async fn make(
        &self,
        shared: &Arc<Shared>,
        key: StoreKey,
        record: &FileRecord,
        info: &MediaInfo,
        images: &ImageRendition,
        sheet: u32,
    ) -> Result<Bytes, StreamError> {
        let making = {
            let mut all = self.lock();
            all.retain(|_, making| Arc::strong_count(making) > 1);
            all.entry(key.clone()).or_default().clone()
        };
        let make = async {
            let _turn = self.turns.acquire().await.map_err(|_| StreamError::ShuttingDown)?;
            let made = draw(shared, record, info, images, sheet).await;
            if let Err(error) = &made {
                tracing::warn!(file = record.name, sheet, %error, "pictures cannot be made");
            }
            let bytes = made?;
            let (store, key, pieces) = (shared.store.clone(), key.clone(), [bytes.clone()]);
            // Where it is not kept it is made again.
            let _written =
                tokio::task::spawn_blocking(move || store.write(&key, &pieces, Interest::Watched)).await;
            Ok(bytes)
        };
        let made = making.get_or_init(|| make).await.clone();
        self.lock().remove(&key);
        made
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<StoreKey, Arc<Making>>> {
        self.making.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// With the first profile that can; each in its turn where one fails.
async fn draw(
    shared: &Arc<Shared>,
    record: &FileRecord,
    info: &MediaInfo,
    images: &ImageRendition,
    sheet: u32,
) -> Result<Bytes, StreamError> {
    let mut failed = StreamError::Undecodable(format!("{}: no profile decodes its picture", record.name));
    let profiles = shared.choices.profiles();
    for spec in profiles.iter().filter_map(|profile| spec(profile, info, images, sheet)) {
        let opened = shared.open(record.clone()).await.map_err(StreamError::Offline)?;
        match work(shared, &Source::from(opened), spec).await {
            Ok(bytes) => return Ok(bytes),
            Err(WorkerError::Failed(Failure { kind: FailureKind::Source, message, .. })) => {
                return Err(StreamError::Damaged(format!("{}: {message}", record.name)));
            }
            Err(error) => {
                let why = format!("{}: its pictures cannot be read here: {error}", record.name);
                failed = StreamError::Undecodable(why);
            }
        }
    }
    Err(failed)
}

fn spec(profile: &Resolved, info: &MediaInfo, images: &ImageRendition, sheet: u32) -> Option<ImagesSpec> {
    let track = info.video.first().filter(|_| profile.kind == ProfileKind::Video)?;
    let times = images.times_of(sheet)?.to_vec();
    Some(ImagesSpec {
        input: Input {
            container: info.container,
            video: true,
            track: track.facts.number,
            edit_offset_ns: track.facts.edit_offset_ns,
            origin_ns: info.origin_ns,
        },
        decode: pictures(profile, track, images.tile)?,
        tile: images.tile,
        columns: images.columns,
        rows: images.rows,
        max_bytes: images.max_bytes(times.len()),
        keyframes: images.keyframes,
        times,
    })
}

async fn work(shared: &Arc<Shared>, source: &Source, spec: ImagesSpec) -> Result<Bytes, WorkerError> {
    let mut worker = shared.pool.take().await?;
    worker.send(&Request::Images(spec), Some(source)).await?;
    loop {
        let next = tokio::time::timeout(SILENCE, worker.next()).await;
        match next.unwrap_or_else(|_| Err(shared.pool.hung(SILENCE)))? {
            Report::Image(bytes) => return Ok(bytes),
            Report::Failed(failure) => return Err(failure.into()),
            _ => {}
        }
    }
}
