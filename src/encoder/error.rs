//! Why a stream cannot be served, by cause. `http` maps each to a status.

use crate::base::ids::FileId;
use crate::rendition::RenditionId;

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

impl StreamError {
    /// None of the `known` renditions has this name; one whose version alone differs has been superseded.
    pub fn no_rendition<'a>(
        file: FileId,
        name: &str,
        mut known: impl Iterator<Item = &'a RenditionId>,
    ) -> Self {
        let rendition = name.to_owned();
        let asked = RenditionId(name.into());
        if known.any(|known| known.kind() == asked.kind()) {
            Self::Superseded { file, rendition }
        } else {
            Self::UnknownRendition { file, rendition }
        }
    }
}
