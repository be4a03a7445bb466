//! Two seconds of a test picture in each codec (`tools/trial-clips`), as workers read them.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use rustix::fs::{MemfdFlags, memfd_create};

use crate::media::{KeyframeIndex, MediaInfo};
use crate::worker::protocol::{Report, Request};
use crate::worker::{Source, WorkerError, WorkerPool};

/// By what `VideoTrack::codec` says of it; the first has sound, too.
const CLIPS: [(&str, &[u8]); 7] = [
    (SIMPLEST, include_bytes!("clips/h264.mkv")),
    ("h265", include_bytes!("clips/h265.mkv")),
    (HDR, include_bytes!("clips/h265-10.mkv")),
    ("vp8", include_bytes!("clips/vp8.mkv")),
    ("vp9", include_bytes!("clips/vp9.mkv")),
    ("av1", include_bytes!("clips/av1.mkv")),
    (INTERLACED, include_bytes!("clips/mpeg2.mkv")),
];

/// The codec that everything decodes.
pub const SIMPLEST: &str = "h264";
/// Not a codec of its own: h265 with ten bits and PQ.
pub const HDR: &str = "h265-10";
pub const INTERLACED: &str = "mpeg2";

pub struct Clip {
    pub source: Source,
    pub info: Arc<MediaInfo>,
    pub index: KeyframeIndex,
    pub bytes: u64,
}

/// Probes the clip of a codec; `None` where there is none.
pub async fn open(pool: &WorkerPool, name: &str) -> Option<Result<Clip, WorkerError>> {
    let (_, bytes) = CLIPS.iter().find(|(known, _)| *known == name)?;
    Some(probe(pool, bytes).await)
}

async fn probe(pool: &WorkerPool, bytes: &[u8]) -> Result<Clip, WorkerError> {
    let source = in_memory(bytes).map(Source::from).map_err(WorkerError::Spawn)?;
    match pool.ask(&Request::Probe, Some(&source)).await? {
        Report::Probed { info, index } => {
            Ok(Clip { source, info: Arc::new(*info), index: *index, bytes: bytes.len() as u64 })
        }
        other => Err(WorkerError::Protocol(format!("{other:?} instead of facts"))),
    }
}

/// A file that has no name.
fn in_memory(bytes: &[u8]) -> std::io::Result<File> {
    let mut file = File::from(memfd_create("clip", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    Ok(file)
}
