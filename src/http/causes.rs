//! What the rooms below say went wrong, as what the client is told.

use super::problem::{Kind, Problem};
use crate::catalogue::CatalogueError;
use crate::encoder::StreamError;
use crate::library::LibraryError;

impl From<StreamError> for Problem {
    fn from(error: StreamError) -> Self {
        let text = error.to_string();
        match error {
            StreamError::UnknownFile(_) => Self::new(Kind::UnknownFile, text),
            StreamError::Superseded { .. } => {
                Self::new(Kind::Superseded, "Load the playlist or manifest again.").because(text)
            }
            StreamError::UnknownRendition { .. } => Self::new(Kind::UnknownRendition, text),
            StreamError::BeyondEnd { .. } => Self::new(Kind::BeyondTheEnd, text),
            StreamError::Offline(_) => Self::new(Kind::Offline, text),
            StreamError::Undecodable(_) | StreamError::Damaged(_) => Self::new(Kind::Unplayable, text),
            StreamError::Encoding(_) => Self::new(
                Kind::EncodingFailed,
                "No encoder of this machine could make it. The log of the service says more.",
            )
            .because(text),
            StreamError::ShuttingDown => Self::new(Kind::ShuttingDown, text),
            StreamError::Internal(_) => Self::internal(text),
        }
    }
}

impl From<LibraryError> for Problem {
    fn from(error: LibraryError) -> Self {
        let text = error.to_string();
        match error {
            LibraryError::Unknown(_) => Self::new(Kind::UnknownFile, text),
            LibraryError::Offline { library, .. } => {
                Self::new(Kind::Offline, format!("The library {library} is offline.")).because(text)
            }
            LibraryError::Missing { library, .. } => {
                let detail = format!("The library {library} does not show this file now.");
                Self::new(Kind::Offline, detail).because(text)
            }
            LibraryError::Changed { .. } => {
                Self::new(Kind::NotYet, "The file is being replaced.").because(text)
            }
            LibraryError::Refused { reason, .. } => {
                Self::new(Kind::Refused, format!("The file is refused: {reason}.")).because(text)
            }
            LibraryError::Unreadable { .. } => {
                Self::new(Kind::Offline, "The disk of the library does not deliver this file.").because(text)
            }
            LibraryError::Broken { reason, .. } => Self::new(Kind::Unplayable, reason).because(text),
            LibraryError::ProbeLost(_) => Self::internal(text),
            LibraryError::ShuttingDown => Self::new(Kind::ShuttingDown, text),
            LibraryError::Catalogue(error) => catalogue(&error),
        }
    }
}

impl From<CatalogueError> for Problem {
    fn from(error: CatalogueError) -> Self {
        catalogue(&error)
    }
}

fn catalogue(error: &CatalogueError) -> Problem {
    match error {
        CatalogueError::ForeignCursor => Problem::new(Kind::BadRequest, error.to_string()),
        CatalogueError::Full { .. } => {
            Problem::new(Kind::DiskFull, "The disk of the catalogue is full.").because(error)
        }
        CatalogueError::Corrupt { .. }
        | CatalogueError::NewerSchema { .. }
        | CatalogueError::CannotOpen { .. }
        | CatalogueError::Migration { .. }
        | CatalogueError::Sql(_)
        | CatalogueError::Facts(_) => Problem::internal(error),
    }
}
