//! Opening a file of the catalogue, and telling the catalogue what that showed.

use std::fs::File;

use super::beneath::{NotOpened, Root};
use super::error::LibraryError;
use super::root;
use super::status::now_ns;
use crate::catalogue::{Catalogue, CatalogueError, FileRecord, FileState, LibraryState, Sighting, Stamp};

pub(super) fn open(catalogue: &Catalogue, record: &FileRecord) -> Result<File, LibraryError> {
    let folder = match Root::open(&record.library_root) {
        Ok(folder) => folder,
        Err(error) => return Err(offline(catalogue, record, root::reason(&record.library_root, &error))),
    };
    let path = record.path();
    match folder.open_file(&record.relative_path) {
        Ok((file, stamp)) => {
            if stamp.content_version() != record.content_version {
                return Err(changed(catalogue, record, stamp));
            }
            if matches!(record.state, FileState::Offline { .. }) {
                catalogue.set_library_state(record.library_id, &LibraryState::Online)?;
                catalogue.record_sightings(
                    record.library_id,
                    &[Sighting::Returned { id: record.id }],
                    now_ns(),
                )?;
            }
            Ok(file)
        }
        Err(NotOpened::Missing) if root::is_empty(&record.library_root).unwrap_or(true) => {
            Err(offline(catalogue, record, root::emptied(&record.library_root)))
        }
        Err(NotOpened::Missing) => {
            note(catalogue.record_sightings(
                record.library_id,
                &[Sighting::Missing { id: record.id }],
                now_ns(),
            ));
            Err(LibraryError::Missing { library: record.library.clone(), path })
        }
        Err(NotOpened::Refused(reason)) => Err(LibraryError::Refused { path, reason }),
        Err(NotOpened::Unreadable(error)) => {
            Err(LibraryError::Unreadable { path, reason: error.to_string() })
        }
    }
}

/// Records that the file of `record` has other content by now, and says so.
pub(super) fn changed(catalogue: &Catalogue, record: &FileRecord, stamp: Stamp) -> LibraryError {
    let sighting = Sighting::Changed { id: record.id, stamp };
    match catalogue.record_sightings(record.library_id, &[sighting], now_ns()) {
        Ok(()) => LibraryError::Changed { path: record.path() },
        Err(error) => error.into(),
    }
}

fn offline(catalogue: &Catalogue, record: &FileRecord, reason: String) -> LibraryError {
    let state = LibraryState::Offline { reason: reason.clone() };
    match catalogue.set_library_state(record.library_id, &state) {
        Ok(true) => tracing::warn!(library = record.library, reason, "library offline"),
        other => note(other.map(drop)),
    }
    LibraryError::Offline { library: record.library.clone(), reason }
}

/// The caller is told what is wrong with the file; that the catalogue missed it too is for the log.
fn note(result: Result<(), CatalogueError>) {
    if let Err(error) = result {
        tracing::error!(%error, "the catalogue was not updated");
    }
}
