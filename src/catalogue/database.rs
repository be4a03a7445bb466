//! The database file: opening it, its one writer, its few readers.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::error::CatalogueError;
use super::facts;
use super::readers::Readers;

mod embedded {
    refinery::embed_migrations!("src/catalogue/migrations");
}

/// Longer than any of our transactions takes; only a command-line tool on the same file makes us wait.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// A write-ahead log that one large scan blew up shrinks to this at the next checkpoint.
const MAX_IDLE_WAL_BYTES: u32 = 16 << 20;
/// Read at every start: together about 1 MB per 2,000 files. The facts are checked on demand ([`Catalogue::check`]).
const TABLES_CHECKED_AT_OPEN: [&str; 3] = ["refinery_schema_history", "library", "file"];

/// Handle to the catalogue; clones share it.
#[derive(Clone)]
pub struct Catalogue {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    /// None in memory, where the writer reads too. Stands before the writer because fields drop in order: the
    /// last connection to close folds the log into the file, and readers may not write.
    readers: Option<Readers>,
    writer: Mutex<Connection>,
}

impl Catalogue {
    /// Opens the catalogue at `path` and brings it to the current schema; makes it if there is none (its folder
    /// has to exist). A damaged or newer file is left as it is.
    pub fn open(path: &Path) -> Result<Self, CatalogueError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut writer = Connection::open_with_flags(path, flags).map_err(|error| {
            CatalogueError::CannotOpen { path: path.to_owned(), detail: error.to_string() }
        })?;
        prepare(&mut writer, path)?;
        let readers = Some(Readers::new(path.to_owned()));
        Ok(Self { inner: Arc::new(Inner { path: path.to_owned(), writer: Mutex::new(writer), readers }) })
    }

    /// A catalogue that is gone with its last handle, for tests and for commands on single files.
    pub fn in_memory() -> Result<Self, CatalogueError> {
        let path = PathBuf::from(":memory:");
        let mut writer =
            Connection::open_in_memory().map_err(|error| CatalogueError::from_sql(&path, error))?;
        prepare(&mut writer, &path)?;
        Ok(Self { inner: Arc::new(Inner { path, writer: Mutex::new(writer), readers: None }) })
    }

    /// Reads every page; what is wrong, one line each, nothing for a sound file.
    pub fn check(&self) -> Result<Vec<String>, CatalogueError> {
        self.read(|connection| {
            let mut statement = connection.prepare("PRAGMA integrity_check")?;
            let lines =
                statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
            Ok(lines.into_iter().filter(|line| line != "ok").collect())
        })
    }

    pub(super) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, CatalogueError> {
        let result = match &self.inner.readers {
            Some(readers) => readers.with(query),
            None => query(&self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner)),
        };
        result.map_err(|error| CatalogueError::from_sql(&self.inner.path, error))
    }

    /// Runs `change` as one transaction: all of it or, on an error or a panic, nothing.
    pub(super) fn write<T>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, CatalogueError> {
        let mut writer = self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let run = || {
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = change(&transaction)?;
            transaction.commit()?;
            Ok(value)
        };
        run().map_err(|error| CatalogueError::from_sql(&self.inner.path, error))
    }
}

/// Looks before it touches: nothing is written until the file is known to be sound and ours to change.
fn prepare(connection: &mut Connection, path: &Path) -> Result<(), CatalogueError> {
    let failed = |error| CatalogueError::from_sql(path, error);
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    let runner = embedded::migrations::runner();
    let known =
        runner.get_migrations().iter().map(|migration| i64::from(migration.version())).max().unwrap_or(0);
    if let Some(found) = applied_schema(connection, path)? {
        check_tables(connection, path)?;
        if found > known {
            return Err(CatalogueError::NewerSchema { path: path.to_owned(), found, known });
        }
    }
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    connection.pragma_update(None, "journal_size_limit", MAX_IDLE_WAL_BYTES).map_err(failed)?;
    connection.pragma_update(None, "synchronous", "NORMAL").map_err(failed)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(failed)?;
    runner.run(connection).map_err(|error| migration_error(path, error))?;
    facts::drop_other_formats(connection).map_err(failed)
}

/// Version of the newest migration in the file, None for a new one. Also reads the fields whose damage the
/// migration runner would answer with a panic.
fn applied_schema(connection: &Connection, path: &Path) -> Result<Option<i64>, CatalogueError> {
    let rows: Vec<(i64, String, String)> = (|| {
        if !connection.table_exists(None, "refinery_schema_history")? {
            return Ok(Vec::new());
        }
        connection
            .prepare("SELECT version, applied_on, checksum FROM refinery_schema_history")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect()
    })()
    .map_err(|error| CatalogueError::from_sql(path, error))?;
    for (version, applied_on, checksum) in &rows {
        if OffsetDateTime::parse(applied_on, &Rfc3339).is_err() || checksum.parse::<u64>().is_err() {
            let detail = format!("the record of migration {version} is unreadable");
            return Err(CatalogueError::Corrupt { path: path.to_owned(), detail });
        }
    }
    Ok(rows.iter().map(|(version, ..)| *version).max())
}

fn check_tables(connection: &Connection, path: &Path) -> Result<(), CatalogueError> {
    for table in TABLES_CHECKED_AT_OPEN {
        let verdict: String = connection
            .query_row(&format!("PRAGMA quick_check({table})"), [], |row| row.get(0))
            .map_err(|error| CatalogueError::from_sql(path, error))?;
        if verdict != "ok" {
            return Err(CatalogueError::Corrupt { path: path.to_owned(), detail: verdict });
        }
    }
    Ok(())
}

fn migration_error(path: &Path, error: refinery::Error) -> CatalogueError {
    if let refinery::error::Kind::Connection(_, source) = error.kind()
        && let Some(rusqlite::Error::SqliteFailure(failure, message)) = source.downcast_ref()
    {
        let failure = rusqlite::ffi::Error::new(failure.extended_code);
        return CatalogueError::from_sql(path, rusqlite::Error::SqliteFailure(failure, message.clone()));
    }
    CatalogueError::Migration { path: path.to_owned(), detail: error.to_string() }
}
