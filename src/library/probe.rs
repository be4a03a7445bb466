//! Who looks into a file for us: something that can fail, hang or die without taking the service along.

use std::fs::File;
use std::path::Path;
use std::pin::Pin;

use crate::media::{KeyframeIndex, MediaInfo};

pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

pub trait Prober: Send + Sync + 'static {
    /// What is in `file`. `path_hint` is for the log and for formats known by their extension; it is not to be
    /// opened. Has its own deadline: nobody here ends a probe that makes no progress. Dropping the future ends
    /// the probe.
    fn probe<'a>(
        &'a self,
        file: File,
        path_hint: &'a Path,
    ) -> BoxFuture<'a, Result<(MediaInfo, KeyframeIndex), ProbeFailure>>;
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProbeFailure {
    /// Reading the source failed; its content may be sound.
    #[error("the file cannot be read: {0}")]
    Unreadable(String),
    /// The content is no media we can decode.
    #[error("{0}")]
    Undecodable(String),
    /// The probing process crashed, hung or was killed.
    #[error("the probe died: {0}")]
    WorkerDied(String),
}
