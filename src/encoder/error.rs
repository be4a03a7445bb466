//! Why a stream cannot be served, by cause. `http` maps each to a status.

use crate::base::ids::FileId;

#[derive(Clone, Debug, thiserror::Error)]
pub enum StreamError {
    #[error("no file has the id {0}")]
    UnknownFile(FileId),
    /// The rendition belongs to other settings or to an older version of the file.
    #[error("rendition {rendition} of {file} has been superseded")]
    Superseded { file: FileId, rendition: String },
    #[error("{file} has no rendition {rendition}")]
    UnknownRendition { file: FileId, rendition: String },
    #[error("{rendition} has {count} segments, there is no segment {segment}")]
    BeyondEnd { rendition: String, segment: u32, count: u32 },
    /// The library is away, or the file is; it may come back.
    #[error("{0}")]
    Offline(String),
    /// What is in the file cannot be played: corrupt, or in a codec nothing here decodes.
    #[error("{0}")]
    Undecodable(String),
    /// The source ends before its own index says, or is damaged here.
    #[error("{0}")]
    Damaged(String),
    /// Encoding failed on every profile.
    #[error("{0}")]
    Encoding(String),
    #[error("the service is shutting down")]
    ShuttingDown,
    #[error("internal: {0}")]
    Internal(String),
}
