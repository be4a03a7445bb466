//! What a walk over a library saw, written down.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rusqlite::{CachedStatement, Transaction, params};

use super::database::Catalogue;
use super::error::CatalogueError;
use super::libraries::LibraryId;
use super::name_key::name_key;
use super::record::{ContentVersion, IdText, PathBytes, display_name, path_bytes};
use crate::base::ids::FileId;

/// What tells one content of a file from another without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    /// Since 1970.
    pub modified_ns: i64,
}

impl Stamp {
    pub fn content_version(self) -> ContentVersion {
        ContentVersion::of(self.size, self.modified_ns)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownFile {
    pub id: FileId,
    pub stamp: Stamp,
    pub missing: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sighting {
    New {
        path: PathBuf,
        stamp: Stamp,
    },
    /// Other content under a known path: the facts go, id, views and position stay.
    Changed {
        id: FileId,
        stamp: Stamp,
    },
    /// A missing file is there again, unchanged.
    Returned {
        id: FileId,
    },
    /// The same content under another path.
    Moved {
        id: FileId,
        path: PathBuf,
    },
    /// Not found in a library that is online. The row stays.
    Missing {
        id: FileId,
    },
}

impl Catalogue {
    /// Every file ever seen in the library, by path beneath its root.
    pub fn known_files(&self, library: LibraryId) -> Result<HashMap<PathBuf, KnownFile>, CatalogueError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT path, id, size, modified_ns, missing_since_ns IS NOT NULL FROM file WHERE library_id = ?1",
                )?
                .query_map([library], |row| {
                    let stamp = Stamp { size: row.get::<_, i64>(2)?.unsigned_abs(), modified_ns: row.get(3)? };
                    let id = row.get::<_, IdText>(1)?.0;
                    Ok((row.get::<_, PathBytes>(0)?.0, KnownFile { id, stamp, missing: row.get(4)? }))
                })?
                .collect()
        })
    }

    /// Writes `sightings` as one transaction. `now_ns` since 1970.
    pub fn record_sightings(
        &self,
        library: LibraryId,
        sightings: &[Sighting],
        now_ns: i64,
    ) -> Result<(), CatalogueError> {
        if sightings.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            let mut statements = Statements::prepare(transaction)?;
            sightings.iter().try_for_each(|sighting| statements.record(library, sighting, now_ns))
        })
    }
}

struct Statements<'a> {
    insert: CachedStatement<'a>,
    change: CachedStatement<'a>,
    drop_facts: CachedStatement<'a>,
    bring_back: CachedStatement<'a>,
    rename: CachedStatement<'a>,
    miss: CachedStatement<'a>,
}

impl<'a> Statements<'a> {
    fn prepare(transaction: &'a Transaction<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            insert: transaction.prepare_cached(
                "INSERT INTO file (id, library_id, path, name, name_key, size, modified_ns, content_version, \
                 first_seen_ns) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (library_id, path) DO NOTHING",
            )?,
            change: transaction.prepare_cached(
                "UPDATE file SET size = ?2, modified_ns = ?3, content_version = ?4, state = 'unprobed', \
                 broken_reason = NULL, broken_passing = 0, probed_at_ns = NULL, video_codec = NULL, \
                 duration_ns = 0, missing_since_ns = NULL WHERE id = ?1",
            )?,
            drop_facts: transaction
                .prepare_cached("DELETE FROM facts WHERE file_row = (SELECT row FROM file WHERE id = ?1)")?,
            bring_back: transaction.prepare_cached("UPDATE file SET missing_since_ns = NULL WHERE id = ?1")?,
            rename: transaction.prepare_cached(
                "UPDATE OR IGNORE file SET path = ?2, name = ?3, name_key = ?4, missing_since_ns = NULL WHERE id = ?1",
            )?,
            miss: transaction.prepare_cached(
                "UPDATE file SET missing_since_ns = ?2 WHERE id = ?1 AND missing_since_ns IS NULL",
            )?,
        })
    }

    fn record(&mut self, library: LibraryId, sighting: &Sighting, now_ns: i64) -> rusqlite::Result<()> {
        match sighting {
            Sighting::New { path, stamp } => {
                let (name, key) = names(path);
                let id = IdText(FileId::random());
                let (size, version) = (stamp.size.cast_signed(), stamp.content_version());
                let path = path_bytes(path);
                self.insert.execute(params![
                    id,
                    library,
                    path,
                    name,
                    key,
                    size,
                    stamp.modified_ns,
                    version,
                    now_ns
                ])?;
            }
            Sighting::Changed { id, stamp } => {
                let (size, version) = (stamp.size.cast_signed(), stamp.content_version());
                self.change.execute(params![IdText(*id), size, stamp.modified_ns, version])?;
                self.drop_facts.execute([IdText(*id)])?;
            }
            Sighting::Returned { id } => {
                self.bring_back.execute([IdText(*id)])?;
            }
            Sighting::Moved { id, path } => {
                let (name, key) = names(path);
                self.rename.execute(params![IdText(*id), path_bytes(path), name, key])?;
            }
            Sighting::Missing { id } => {
                self.miss.execute(params![IdText(*id), now_ns])?;
            }
        }
        Ok(())
    }
}

fn names(path: &Path) -> (String, String) {
    let name = display_name(path);
    let key = name_key(&name);
    (name, key)
}
