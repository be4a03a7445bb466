//! The libraries the configuration names, and whether their folders can be seen.

use std::path::{Path, PathBuf};

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Row, params};

use super::database::Catalogue;
use super::error::CatalogueError;
use super::record::{PathBytes, path_bytes};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LibraryId(i64);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    pub id: LibraryId,
    pub name: String,
    pub root: PathBuf,
    pub state: LibraryState,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LibraryState {
    Online,
    Offline { reason: String },
}

impl Catalogue {
    /// Makes `libraries` (name and root) the configured ones. A name that is known keeps its files, also with
    /// another root; files of a name that is left out stay in the catalogue and are not listed.
    pub fn configure_libraries(&self, libraries: &[(&str, &Path)]) -> Result<(), CatalogueError> {
        self.write(|transaction| {
            transaction.execute("UPDATE library SET configured = 0", [])?;
            let mut upsert = transaction.prepare(
                "INSERT INTO library (name, root) VALUES (?1, ?2) \
                 ON CONFLICT (name) DO UPDATE SET root = excluded.root, configured = 1",
            )?;
            for (name, root) in libraries {
                upsert.execute(params![name, path_bytes(root)])?;
            }
            Ok(())
        })
    }

    /// The configured libraries, by name.
    pub fn libraries(&self) -> Result<Vec<Library>, CatalogueError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT id, name, root, offline_reason FROM library WHERE configured ORDER BY name",
                )?
                .query_map([], from_row)?
                .collect()
        })
    }

    /// True if that changed anything; costs no write if not.
    pub fn set_library_state(&self, id: LibraryId, state: &LibraryState) -> Result<bool, CatalogueError> {
        let reason = match state {
            LibraryState::Online => None,
            LibraryState::Offline { reason } => Some(reason),
        };
        let same = self.read(|connection| {
            connection
                .prepare_cached("SELECT 1 FROM library WHERE id = ?1 AND offline_reason IS ?2")?
                .exists(params![id, reason])
        })?;
        if same {
            return Ok(false);
        }
        let changed = self.write(|transaction| {
            transaction.execute("UPDATE library SET offline_reason = ?2 WHERE id = ?1", params![id, reason])
        })?;
        Ok(changed > 0)
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Library> {
    let state = match row.get(3)? {
        Some(reason) => LibraryState::Offline { reason },
        None => LibraryState::Online,
    };
    Ok(Library { id: row.get(0)?, name: row.get(1)?, root: row.get::<_, PathBytes>(2)?.0, state })
}

impl ToSql for LibraryId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

impl FromSql for LibraryId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        i64::column_result(value).map(Self)
    }
}
