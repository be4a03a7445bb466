//! One walk over one library, written to the catalogue as it goes. Looks at names, sizes and times only.
//!
//! Invariant: nothing is called missing unless the walk went through, the root is the folder it was, and the
//! folder the file lay in could be read.

use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;
use walkdir::{DirEntry, WalkDir};

use super::beneath::{NotOpened, Root, stamp};
use super::candidate::{is_film, is_skipped};
use super::comparison::{Comparison, Seen};
use super::root;
use super::status::{Board, ScanNumber, now_ns};
use crate::catalogue::{Catalogue, CatalogueError, Library, LibraryState, Sighting, Stamp};

/// Long enough to make the cost of a commit small, short enough to keep other writers waiting a few
/// milliseconds only and to show the first films of a slow disk early.
const BATCH: usize = 500;

pub(super) struct Scan<'a> {
    pub catalogue: &'a Catalogue,
    pub board: &'a Board,
    pub number: ScanNumber,
    pub stop: &'a CancellationToken,
}

enum Walk {
    Whole,
    Stopped,
    RootUnreadable(String),
}

impl Scan<'_> {
    /// Brings the catalogue up to date with the folder of `library`, or takes the library offline. Errors are
    /// the catalogue's; those of single paths are counted.
    pub fn walk(&self, library: &Library) -> Result<(), CatalogueError> {
        let (identity, folder) = match root::identify(&library.root).and_then(|identity| {
            let folder = Root::open(&library.root).map_err(|error| root::reason(&library.root, &error))?;
            Ok((identity, folder))
        }) {
            Ok(found) => found,
            Err(reason) => return self.take_offline(library, reason),
        };
        let mut comparison = Comparison::new(self.catalogue.known_files(library.id)?);
        let mut batch = Batch { scan: self, library, sightings: Vec::new() };
        let mut films = 0;
        match self.entries(library, &folder, |path, seen| {
            let stamp = match seen {
                Ok(stamp) => stamp,
                Err(()) => {
                    comparison.cannot_read(path);
                    return Ok(());
                }
            };
            films += 1;
            match comparison.see(path, stamp) {
                Seen::Unchanged => self.update(|status| status.unchanged += 1),
                Seen::Sighted(sighting) => batch.push(sighting)?,
                Seen::Held => {}
            }
            Ok(())
        })? {
            Walk::Whole => {}
            Walk::Stopped => return batch.flush(),
            Walk::RootUnreadable(reason) => return self.take_offline(library, reason),
        }
        batch.flush()?;
        match root::identify(&library.root) {
            Ok(now) if now == identity => {}
            Ok(_) => return self.take_offline(library, format!("{} was replaced", library.root.display())),
            Err(reason) => return self.take_offline(library, reason),
        }
        if films == 0 && comparison.present_before() > 0 {
            return self.take_offline(library, root::emptied(&library.root));
        }
        comparison.finish().into_iter().try_for_each(|sighting| batch.push(sighting))?;
        batch.flush()?;
        if self.catalogue.set_library_state(library.id, &LibraryState::Online)? {
            tracing::info!(library = library.name, "library online");
        }
        Ok(())
    }

    /// Calls `visit` with each film's path beneath the root and its stamp, or with the path of what could not
    /// be read.
    fn entries(
        &self,
        library: &Library,
        folder: &Root<'_>,
        mut visit: impl FnMut(&Path, Result<Stamp, ()>) -> Result<(), CatalogueError>,
    ) -> Result<Walk, CatalogueError> {
        let beneath = |path: &Path| path.strip_prefix(&library.root).unwrap_or(path).to_owned();
        let walk = WalkDir::new(&library.root).follow_links(false).into_iter();
        for entry in walk.filter_entry(|entry| entry.depth() == 0 || !is_skipped(entry.file_name())) {
            if self.stop.is_cancelled() {
                return Ok(Walk::Stopped);
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) if error.depth() == 0 => return Ok(Walk::RootUnreadable(error.to_string())),
                // A folder that went while we walked: its files are gone, not unreadable.
                Err(error) if is_gone(error.io_error()) => continue,
                Err(error) => {
                    self.update(|status| status.failed(&error));
                    // An error without a path may have hidden anything: then nothing counts as missing.
                    visit(&error.path().map_or_else(PathBuf::new, beneath), Err(()))?;
                    continue;
                }
            };
            if entry.depth() == 0 {
                continue;
            }
            let path = beneath(entry.path());
            let film = is_film(entry.file_name()) && !entry.file_type().is_dir();
            let stamp = if film { look(&entry, folder, &path) } else { Ok(None) };
            self.update(|status| {
                status.scanned_paths += 1;
                status.candidates += u64::from(matches!(stamp, Ok(Some(_)) | Err(_)));
                status.last_path = Some(entry.path().to_string_lossy().into_owned());
                if let Err(error) = &stamp {
                    status.failed(error);
                }
            });
            match stamp {
                Ok(None) => {}
                Ok(Some(stamp)) => visit(&path, Ok(stamp))?,
                Err(_) => visit(&path, Err(()))?,
            }
        }
        Ok(Walk::Whole)
    }

    fn take_offline(&self, library: &Library, reason: String) -> Result<(), CatalogueError> {
        let error = format!("the library {} is offline: {reason}", library.name);
        let state = LibraryState::Offline { reason };
        if self.catalogue.set_library_state(library.id, &state)? {
            tracing::warn!(library = library.name, error, "library offline");
        }
        self.update(|status| status.last_error = Some(error));
        Ok(())
    }

    fn update(&self, change: impl FnOnce(&mut super::status::ScanStatus)) {
        self.board.update(self.number, change);
    }
}

/// The stamp of a regular file or of a link to one inside the root; None for anything else and for what is
/// gone; the error in words.
fn look(entry: &DirEntry, folder: &Root<'_>, path: &Path) -> Result<Option<Stamp>, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", entry.path().display());
    if entry.file_type().is_file() {
        return match entry.metadata() {
            Ok(metadata) => Ok(Some(stamp(&metadata))),
            Err(error) if is_gone(error.io_error()) => Ok(None),
            Err(error) => Err(named(&error)),
        };
    }
    if !entry.file_type().is_symlink() {
        return Ok(None);
    }
    match folder.stamp(path) {
        Ok(stamp) => Ok(Some(stamp)),
        Err(NotOpened::Missing | NotOpened::Refused(_)) => Ok(None),
        Err(NotOpened::Unreadable(error)) => Err(named(&error)),
    }
}

fn is_gone(error: Option<&std::io::Error>) -> bool {
    error.is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

struct Batch<'a> {
    scan: &'a Scan<'a>,
    library: &'a Library,
    sightings: Vec<Sighting>,
}

impl Batch<'_> {
    fn push(&mut self, sighting: Sighting) -> Result<(), CatalogueError> {
        self.sightings.push(sighting);
        if self.sightings.len() < BATCH { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), CatalogueError> {
        self.scan.catalogue.record_sightings(self.library.id, &self.sightings, now_ns())?;
        let found =
            self.sightings.iter().filter(|sighting| !matches!(sighting, Sighting::Missing { .. })).count()
                as u64;
        if found > 0 {
            self.scan.update(|status| status.indexed += found);
        }
        self.sightings.clear();
        Ok(())
    }
}
