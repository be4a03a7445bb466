//! What the tests of this room and of those above it start from.

use std::path::{Path, PathBuf};

use super::{Catalogue, FileRecord, Library, ListQuery, Sighting, Stamp};
use crate::media::{Container, IndexSource, Keyframe, KeyframeIndex, MediaInfo};

pub(crate) fn media(duration_ns: i64) -> MediaInfo {
    MediaInfo {
        container: Container::Matroska,
        origin_ns: 0,
        duration_ns,
        video: Vec::new(),
        audio: Vec::new(),
        text: Vec::new(),
        chapters: Vec::new(),
        has_cover: false,
        title: None,
        damage: Vec::new(),
    }
}

pub(crate) fn keyframes() -> KeyframeIndex {
    let keyframes = [0, 2_000_000_000].map(|pts_ns| Keyframe { pts_ns, earliest_ns: pts_ns, bytes: 7 });
    KeyframeIndex { source: IndexSource::Cues, keyframes: keyframes.to_vec(), frame_count: Some(50) }
}

/// A catalogue in memory with one library, `Films`.
pub(crate) fn catalogue() -> (Catalogue, Library) {
    let catalogue = Catalogue::in_memory().expect("a catalogue in memory");
    let films = library(&catalogue);
    (catalogue, films)
}

pub(crate) fn library(catalogue: &Catalogue) -> Library {
    catalogue.configure_libraries(&[("Films", Path::new("/films"))]).expect("a library");
    catalogue.libraries().expect("libraries").remove(0)
}

pub(crate) fn sighting(path: impl Into<PathBuf>, size: u64, modified_ns: i64) -> Sighting {
    Sighting::New { path: path.into(), stamp: Stamp { size, modified_ns } }
}

/// Adds a file and returns its record.
pub(crate) fn add(catalogue: &Catalogue, library: &Library, path: impl AsRef<Path>) -> FileRecord {
    let path = path.as_ref();
    catalogue.record_sightings(library.id, &[sighting(path, 100, 5)], 1).expect("recorded");
    let files = catalogue.list(&ListQuery { limit: 1000, ..ListQuery::default() }).expect("a list").files;
    files.into_iter().find(|file| file.relative_path == path).expect("the file is listed")
}

/// Rows written so far, to a catalogue in memory.
pub(crate) fn rows_written(catalogue: &Catalogue) -> u64 {
    catalogue.read(|connection| Ok(connection.total_changes())).expect("a catalogue in memory")
}
