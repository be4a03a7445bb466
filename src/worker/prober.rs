//! The library's prober: asks a worker what is in a file.

use std::fs::File;
use std::path::Path;

use super::pool::WorkerPool;
use super::process::WorkerError;
use super::protocol::{FailureKind, Report, Request};
use crate::library::{BoxFuture, ProbeFailure, Prober};
use crate::media::{KeyframeIndex, MediaInfo};

pub struct WorkerProber {
    pool: WorkerPool,
}

impl WorkerProber {
    pub fn new(pool: WorkerPool) -> Self {
        Self { pool }
    }
}

impl Prober for WorkerProber {
    fn probe<'a>(
        &'a self,
        file: File,
        _path_hint: &'a Path,
    ) -> BoxFuture<'a, Result<(MediaInfo, KeyframeIndex), ProbeFailure>> {
        Box::pin(async move {
            match self.pool.ask(&Request::Probe, Some(&file)).await {
                Ok(Report::Probed { info, index }) => Ok((*info, *index)),
                Ok(other) => Err(ProbeFailure::WorkerDied(format!("a worker answered {other:?}"))),
                Err(WorkerError::Failed(failure)) => Err(match failure.kind {
                    FailureKind::Source => ProbeFailure::Unreadable(failure.message),
                    FailureKind::Undecodable => ProbeFailure::Undecodable(failure.message),
                    FailureKind::Setup | FailureKind::Encoder => {
                        ProbeFailure::WorkerDied(failure.to_string())
                    }
                }),
                Err(error) => Err(ProbeFailure::WorkerDied(error.to_string())),
            }
        })
    }
}
