//! Why a file of a library cannot be had. Cheap to clone: all who wait for one probe get the same answer.

use std::path::PathBuf;
use std::sync::Arc;

use crate::base::ids::FileId;
use crate::catalogue::CatalogueError;

#[derive(Clone, Debug, thiserror::Error)]
pub enum LibraryError {
    #[error("there is no file {0}")]
    Unknown(FileId),
    #[error("the library {library} is offline: {reason}")]
    Offline { library: String, reason: String },
    #[error("{} is not there", path.display())]
    Missing { library: String, path: PathBuf },
    /// The catalogue has its new version; look the file up again.
    #[error("{} was replaced", path.display())]
    Changed { path: PathBuf },
    #[error("{} is refused: {reason}", path.display())]
    Refused { path: PathBuf, reason: &'static str },
    #[error("{} cannot be read: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("{} cannot be played: {reason}", path.display())]
    Broken { path: PathBuf, reason: String },
    #[error("the probe of {0} ended without an answer")]
    ProbeLost(FileId),
    #[error("the service is shutting down")]
    ShuttingDown,
    #[error(transparent)]
    Catalogue(Arc<CatalogueError>),
}

impl From<CatalogueError> for LibraryError {
    fn from(error: CatalogueError) -> Self {
        Self::Catalogue(Arc::new(error))
    }
}
