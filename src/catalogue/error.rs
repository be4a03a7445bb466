//! What can go wrong with the catalogue, and what to do about it.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    #[error("the disk of the catalogue {} is full; free some space there, nothing was changed", path.display())]
    Full { path: PathBuf },
    #[error(
        "the catalogue {} is damaged ({detail}); it was left as it is. Stop the service and either restore a \
         backup, or recover it with `sqlite3 FILE .recover`, or move it away together with its -wal file: \
         a scan lists the films again, without resume points and view counts",
        path.display()
    )]
    Corrupt { path: PathBuf, detail: String },
    #[error(
        "the catalogue {} was written by a newer millrace (schema {found}, this one knows {known}); \
         install that version again, or restore a backup",
        path.display()
    )]
    NewerSchema { path: PathBuf, found: i64, known: i64 },
    #[error("the catalogue {} cannot be opened: {detail}", path.display())]
    CannotOpen { path: PathBuf, detail: String },
    #[error("the catalogue {} could not be brought to the current schema: {detail}", path.display())]
    Migration { path: PathBuf, detail: String },
    #[error("the cursor belongs to another order of the list")]
    ForeignCursor,
    #[error("the catalogue failed: {0}")]
    Sql(#[source] rusqlite::Error),
    #[error("facts cannot be stored: {0}")]
    Facts(#[from] serde_json::Error),
}

impl CatalogueError {
    /// Tells the causes an operator can do something about from the rest.
    pub(super) fn from_sql(path: &Path, error: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt { path, detail: error.to_string() }
            }
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                Self::CannotOpen { path, detail: error.to_string() }
            }
            _ => Self::Sql(error),
        }
    }
}
