//! The library's prober: asks a worker what is in a file.

use std::fs::File;
use std::path::Path;

use super::pool::WorkerPool;
use super::process::WorkerError;
use super::protocol::{FailureKind, Report, Request};
use super::source::Source;
use crate::library::{BoxFuture, ProbeFailure, Prober};
use crate::media::{KeyframeIndex, MediaInfo};

pub struct WorkerProber {
    pool: WorkerPool,
}

impl WorkerProber {
    pub fn new(pool: WorkerPool) -> Self {
        Self { pool }
    }

    /// What is in a source, be it a file or not.
    pub async fn probe_source(&self, source: &Source) -> Result<(MediaInfo, KeyframeIndex), ProbeFailure> {
        match self.pool.ask(&Request::Probe, Some(source)).await {
            Ok(Report::Probed { info, index }) => Ok((*info, *index)),
            Ok(other) => Err(ProbeFailure::WorkerDied(format!("a worker answered {other:?}"))),
            Err(WorkerError::Failed(failure)) => Err(match failure.kind {
                FailureKind::Source => ProbeFailure::Unreadable(failure.message),
                FailureKind::Undecodable => ProbeFailure::Undecodable(failure.message),
                FailureKind::Setup | FailureKind::Encoder => ProbeFailure::WorkerDied(failure.to_string()),
            }),
            Err(error) => Err(ProbeFailure::WorkerDied(error.to_string())),
        }
    }
}

impl Prober for WorkerProber {
    fn probe<'a>(
        &'a self,
        file: File,
        _path_hint: &'a Path,
    ) -> BoxFuture<'a, Result<(MediaInfo, KeyframeIndex), ProbeFailure>> {
        Box::pin(async move { self.probe_source(&file.into()).await })
    }
}
