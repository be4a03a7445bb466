//! A file as the rest of the service sees it, and how it is read from its row.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::facts;
use super::libraries::LibraryId;
use crate::base::ids::FileId;
use crate::media::MediaInfo;

#[derive(Clone, Debug, PartialEq)]
pub struct FileRecord {
    pub id: FileId,
    pub library_id: LibraryId,
    /// The library's name.
    pub library: String,
    pub library_root: PathBuf,
    /// Beneath the root; need not be valid UTF-8.
    pub relative_path: PathBuf,
    /// Base name with extension, for people.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Since 1970.
    pub modified_ns: i64,
    pub content_version: ContentVersion,
    pub state: FileState,
    /// Present also while the file is offline.
    pub media: Option<Arc<MediaInfo>>,
    pub views: u64,
    pub position_s: f64,
    pub first_seen_ns: i64,
    /// When a scan of the online library first did not find it.
    pub missing_since_ns: Option<i64>,
}

impl FileRecord {
    pub fn path(&self) -> PathBuf {
        self.library_root.join(&self.relative_path)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileState {
    Ready,
    Unprobed,
    /// Its library is offline, or the file was not there when last looked for.
    Offline {
        reason: String,
    },
    /// Its content cannot be played.
    Broken {
        reason: String,
    },
}

impl FileState {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Unprobed => "unprobed",
            Self::Offline { .. } => "offline",
            Self::Broken { .. } => "broken",
        }
    }

    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Ready | Self::Unprobed => None,
            Self::Offline { reason } | Self::Broken { reason } => Some(reason),
        }
    }
}

/// Changes when the content of a file does, as far as size and modification time tell. 16 hexadecimal digits;
/// the path has no part in it, so it survives a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentVersion(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a content version is 16 hexadecimal digits")]
pub struct NotAContentVersion;

impl ContentVersion {
    const DIGITS: usize = 16;

    pub fn of(size: u64, modified_ns: i64) -> Self {
        let digest =
            Sha256::new().chain_update(size.to_be_bytes()).chain_update(modified_ns.to_be_bytes()).finalize();
        Self(digest.iter().take(8).fold(0, |version, byte| version << 8 | u64::from(*byte)))
    }
}

impl fmt::Display for ContentVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for ContentVersion {
    type Err = NotAContentVersion;

    fn from_str(text: &str) -> Result<Self, NotAContentVersion> {
        if text.len() != Self::DIGITS || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(NotAContentVersion);
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| NotAContentVersion)
    }
}

impl Serialize for ContentVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ContentVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl ToSql for ContentVersion {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.to_string().into())
    }
}

impl FromSql for ContentVersion {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map_err(|error| FromSqlError::Other(Box::new(error)))
    }
}

/// A file id in a column of text.
pub(super) struct IdText(pub FileId);

impl ToSql for IdText {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.to_string().into())
    }
}

impl FromSql for IdText {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map(Self).map_err(|error| FromSqlError::Other(Box::new(error)))
    }
}

/// A path in a column of bytes.
pub(super) struct PathBytes(pub PathBuf);

impl FromSql for PathBytes {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(Self(PathBuf::from(OsStr::from_bytes(value.as_blob()?))))
    }
}

pub(super) fn path_bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

/// Base name of `path` for people; what is not UTF-8 in it shows as U+FFFD.
pub(super) fn display_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// What [`from_row`] reads, in its order.
pub(super) const COLUMNS: &str = "file.id, file.library_id, library.name, library.root, file.path, file.name, \
     file.size, file.modified_ns, file.content_version, file.state, file.broken_reason, \
     library.offline_reason, file.missing_since_ns, facts.media, file.views, file.position_s, file.first_seen_ns";

/// CROSS JOIN keeps `file` the outer loop, so that its indexes give the order of a list.
pub(super) const TABLES: &str = "file CROSS JOIN library ON library.id = file.library_id \
     LEFT JOIN facts ON facts.file_row = file.row";

pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<FileRecord> {
    let id = row.get::<_, IdText>(0)?.0;
    let missing_since_ns: Option<i64> = row.get(12)?;
    let media = row.get_ref(13)?.as_str_or_null()?.and_then(|json| facts::read_media(id, json));
    let offline_reason: Option<String> = row.get(11)?;
    let unseen = offline_reason.or_else(|| missing_since_ns.map(|_| "the file is not there".to_owned()));
    let state = match (unseen, row.get_ref(9)?.as_str()?) {
        (Some(reason), _) => FileState::Offline { reason },
        (None, "ready") if media.is_some() => FileState::Ready,
        (None, "broken") => {
            FileState::Broken { reason: row.get::<_, Option<String>>(10)?.unwrap_or_default() }
        }
        (None, _) => FileState::Unprobed,
    };
    Ok(FileRecord {
        id,
        library_id: row.get(1)?,
        library: row.get(2)?,
        library_root: row.get::<_, PathBytes>(3)?.0,
        relative_path: row.get::<_, PathBytes>(4)?.0,
        name: row.get(5)?,
        size: row.get::<_, i64>(6)?.unsigned_abs(),
        modified_ns: row.get(7)?,
        content_version: row.get(8)?,
        state,
        media,
        views: row.get::<_, i64>(14)?.unsigned_abs(),
        position_s: row.get(15)?,
        first_seen_ns: row.get(16)?,
        missing_since_ns,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_version_is_read_back_as_it_was_printed() {
        let version = ContentVersion::of(7, -1);
        assert_eq!(version.to_string().parse(), Ok(version));
        assert_eq!("../etc/passwd000".parse::<ContentVersion>(), Err(NotAContentVersion));
    }

    #[test]
    fn size_and_time_each_change_the_content_version() {
        let version = ContentVersion::of(7, 8);
        assert_ne!(version, ContentVersion::of(8, 8));
        assert_ne!(version, ContentVersion::of(7, 7));
        assert_ne!(version, ContentVersion::of(8, 7));
    }
}
