//! The list of files in pages. A page goes on behind the last file of the one before, by key and not by count:
//! files that come or go meanwhile shift nothing.

use std::fmt;
use std::str::FromStr;

use rusqlite::types::{FromSql, FromSqlResult, Value, ValueRef};
use serde::{Deserialize, Serialize};

use super::database::Catalogue;
use super::error::CatalogueError;
use super::name_key::name_key;
use super::record::{COLUMNS, FileRecord, TABLES, from_row};
use crate::base::ids::FileId;

/// A page of the web app holds a few hundred cards; more would only make one answer slow.
pub const MAX_PAGE: usize = 1000;
/// A name has at most 255 bytes, threefold when every one of them is replaced; in hexadecimal, with some JSON.
const MAX_CURSOR_CHARS: usize = 4096;

#[derive(Clone, Debug)]
pub struct ListQuery {
    /// Name of the one library to list.
    pub library: Option<String>,
    /// Part of the name; case and accents do not matter.
    pub q: Option<String>,
    pub sort: Sort,
    pub cursor: Option<Cursor>,
    /// Held to 1 … [`MAX_PAGE`].
    pub limit: usize,
}

impl Default for ListQuery {
    fn default() -> Self {
        Self { library: None, q: None, sort: Sort::default(), cursor: None, limit: 100 }
    }
}

#[derive(Clone, Debug)]
pub struct Page {
    pub files: Vec<FileRecord>,
    /// None on the last page.
    pub next: Option<Cursor>,
}

/// `name`, `-name`, `modified`, … as in the query string; a minus is for descending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sort {
    pub key: SortKey,
    pub descending: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortKey {
    #[default]
    Name,
    Modified,
    Size,
    Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the order is one of name, modified, size and duration, with a minus before it for descending")]
pub struct NotASort;

/// Where a page ended. Opaque to clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(Last);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Last {
    sort: String,
    key: LastKey,
    id: FileId,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum LastKey {
    Number(i64),
    Text(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no cursor of the list")]
pub struct NotACursor;

impl Catalogue {
    /// A page of the files of the configured libraries, offline ones included.
    pub fn list(&self, query: &ListQuery) -> Result<Page, CatalogueError> {
        let limit = query.limit.clamp(1, MAX_PAGE);
        let sort = query.sort;
        let (column, order) = (sort.key.column(), if sort.descending { "DESC" } else { "ASC" });
        let mut conditions = vec!["library.configured".to_owned()];
        let mut values: Vec<Value> = Vec::new();
        if let Some(library) = &query.library {
            values.push(library.clone().into());
            conditions.push(format!("library.name = ?{}", values.len()));
        }
        if let Some(q) = &query.q {
            values.push(name_key(q).into());
            conditions.push(format!("instr({}, ?{}) > 0", SortKey::Name.column(), values.len()));
        }
        if let Some(Cursor(last)) = &query.cursor {
            if last.sort != sort.to_string() {
                return Err(CatalogueError::ForeignCursor);
            }
            values.push(last.key.clone().into());
            values.push(last.id.to_string().into());
            let behind = if sort.descending { "<" } else { ">" };
            let (key, id) = (values.len() - 1, values.len());
            conditions.push(format!("({column}, file.id) {behind} (?{key}, ?{id})"));
        }
        // One more than asked for tells whether there is a next page.
        let sql = format!(
            "SELECT {COLUMNS}, {column} AS sort_key FROM {TABLES} WHERE {} ORDER BY {column} {order}, file.id {order} LIMIT {}",
            conditions.join(" AND "),
            limit + 1
        );
        let mut rows = self.read(|connection| {
            connection
                .prepare_cached(&sql)?
                .query_map(rusqlite::params_from_iter(values), |row| {
                    Ok((from_row(row)?, row.get("sort_key")?))
                })?
                .collect::<rusqlite::Result<Vec<(FileRecord, LastKey)>>>()
        })?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows
            .last()
            .filter(|_| more)
            .map(|(file, key)| Cursor(Last { sort: sort.to_string(), key: key.clone(), id: file.id }));
        Ok(Page { files: rows.into_iter().map(|(file, _)| file).collect(), next })
    }
}

impl SortKey {
    fn column(self) -> &'static str {
        match self {
            Self::Name => "file.name_key",
            Self::Modified => "file.modified_ns",
            Self::Size => "file.size",
            Self::Duration => "file.duration_ns",
        }
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.descending { "-" } else { "" })?;
        f.write_str(match self.key {
            SortKey::Name => "name",
            SortKey::Modified => "modified",
            SortKey::Size => "size",
            SortKey::Duration => "duration",
        })
    }
}

impl FromStr for Sort {
    type Err = NotASort;

    fn from_str(text: &str) -> Result<Self, NotASort> {
        let (descending, key) = match text.strip_prefix('-') {
            Some(key) => (true, key),
            None => (false, text),
        };
        let key = match key {
            "name" => SortKey::Name,
            "modified" => SortKey::Modified,
            "size" => SortKey::Size,
            "duration" => SortKey::Duration,
            _ => return Err(NotASort),
        };
        Ok(Self { key, descending })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_vec(&self.0).map_err(|_| fmt::Error)?;
        json.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        if text.len() > MAX_CURSOR_CHARS || !text.is_ascii() || !text.len().is_multiple_of(2) {
            return Err(NotACursor);
        }
        let json: Vec<u8> = (0..text.len() / 2)
            .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16))
            .collect::<Result<_, _>>()
            .map_err(|_| NotACursor)?;
        serde_json::from_slice(&json).map(Self).map_err(|_| NotACursor)
    }
}

impl FromSql for LastKey {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Integer(number) => Ok(Self::Number(number)),
            _ => Ok(Self::Text(value.as_str()?.to_owned())),
        }
    }
}

impl From<LastKey> for Value {
    fn from(key: LastKey) -> Self {
        match key {
            LastKey::Number(number) => number.into(),
            LastKey::Text(text) => text.into(),
        }
    }
}
