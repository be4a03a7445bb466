//! Single files: looking one up, what is to be probed, how far somebody watched.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, params};

use super::database::Catalogue;
use super::error::CatalogueError;
use super::record::{COLUMNS, FileRecord, IdText, TABLES, from_row};
use crate::base::ids::FileId;

impl Catalogue {
    /// None also for a file of a library that is no longer configured: nobody may reach it by its id.
    pub fn file(&self, id: FileId) -> Result<Option<FileRecord>, CatalogueError> {
        self.read(|connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM {TABLES} WHERE file.id = ?1 AND library.configured"
                ))?
                .query_row([IdText(id)], from_row)
                .optional()
        })
    }

    /// Files that wait for a probe and can be seen, newest first.
    pub fn unprobed(&self, limit: usize) -> Result<Vec<FileId>, CatalogueError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT file.id FROM file CROSS JOIN library ON library.id = file.library_id \
                     WHERE file.state = 'unprobed' AND file.missing_since_ns IS NULL \
                     AND library.configured AND library.offline_reason IS NULL \
                     ORDER BY file.modified_ns DESC LIMIT ?1",
                )?
                .query_map([limit], |row| Ok(row.get::<_, IdText>(0)?.0))?
                .collect()
        })
    }

    /// Where to resume, in seconds; what is no such number becomes 0. False if there is no such file.
    pub fn set_position(&self, id: FileId, position_s: f64) -> Result<bool, CatalogueError> {
        let position_s = if position_s.is_finite() { position_s.max(0.0) } else { 0.0 };
        let updated = self.write(|transaction| {
            transaction
                .prepare_cached("UPDATE file SET position_s = ?2 WHERE id = ?1")?
                .execute(params![IdText(id), position_s])
        })?;
        Ok(updated > 0)
    }

    /// Counts one more view; the new count, None if there is no such file.
    pub fn add_view(&self, id: FileId) -> Result<Option<u64>, CatalogueError> {
        self.write(|transaction| {
            transaction
                .prepare_cached("UPDATE file SET views = views + 1 WHERE id = ?1 RETURNING views")?
                .query_row([IdText(id)], |row| row.get::<_, i64>(0))
                .optional()
        })
        .map(|views| views.map(i64::unsigned_abs))
    }

    /// Number of probed files per codec of their first video track, whether they can be seen now or not; those
    /// without video count as `none`.
    pub fn codec_counts(&self) -> Result<BTreeMap<String, u64>, CatalogueError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT ifnull(file.video_codec, 'none'), count(*) FROM file \
                     JOIN library ON library.id = file.library_id \
                     WHERE library.configured AND file.state = 'ready' GROUP BY 1",
                )?
                .query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?
                .collect()
        })
    }

    /// Number of listed files that cannot be seen now.
    pub fn offline_count(&self) -> Result<u64, CatalogueError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT count(*) FROM file JOIN library ON library.id = file.library_id WHERE library.configured \
                     AND (library.offline_reason IS NOT NULL OR file.missing_since_ns IS NOT NULL)",
                )?
                .query_row([], |row| row.get::<_, i64>(0))
        })
        .map(i64::unsigned_abs)
    }
}
