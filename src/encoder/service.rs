//! All encoders of the box: one per file, made at first need, dropped when idle.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::error::StreamError;
use super::types::{HeadStatus, SegmentReader, StartOptions, StopReport};
use crate::base::ids::FileId;
use crate::rendition::Presentation;
use crate::timeline::SegmentIndex;

/// Held while a request waits or reads; dropping it lets heads go.
#[derive(Debug)]
pub struct Lease;

#[derive(Clone)]
pub struct Encoders;

impl Encoders {
    /// The renditions of a file, probing it first if nobody has.
    pub async fn presentation(&self, _file: FileId) -> Result<Arc<Presentation>, StreamError> {
        todo!()
    }

    /// The init segment of a rendition, by its id in URLs.
    pub async fn init(&self, _file: FileId, _rendition: &str) -> Result<Bytes, StreamError> {
        todo!()
    }

    /// A segment, whole or growing. Starts what has to be started; does not wait for the first fragment.
    pub async fn segment(
        &self,
        _file: FileId,
        _rendition: &str,
        _segment: SegmentIndex,
    ) -> Result<SegmentReader, StreamError> {
        todo!()
    }

    /// Warms the heads that playback at a position will need; with `wait`, the time to the first fragment.
    pub async fn start(
        &self,
        _file: FileId,
        _options: StartOptions,
    ) -> Result<Option<Duration>, StreamError> {
        todo!()
    }

    /// Ends this file's heads that nobody waits on; with `purge` also drops its unread segments.
    pub async fn stop(&self, _file: FileId, _purge: bool) -> Result<StopReport, StreamError> {
        todo!()
    }

    pub fn heads(&self) -> Vec<HeadStatus> {
        todo!()
    }
}
