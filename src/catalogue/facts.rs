//! What a probe found in one content version of a file, stored and read back.

use std::io::{Read, Write};
use std::sync::Arc;

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use rusqlite::{Connection, OptionalExtension, params};

use super::database::Catalogue;
use super::error::CatalogueError;
use super::record::{ContentVersion, IdText};
use crate::base::ids::FileId;
use crate::media::{KeyframeIndex, MediaInfo};

/// To be raised when the stored types change their form or a probe learns to see more: facts of another format
/// are dropped at start and their files probed again.
const FACTS_FORMAT: i64 = 5;
/// An index of a day of video with a keyframe every frame has about 400 MB; no film comes near this.
const MAX_INDEX_JSON_BYTES: u64 = 256 << 20;
/// Reasons may quote the file; nobody reads more than this.
const MAX_REASON_CHARS: usize = 500;

/// Why a file cannot be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Breakage {
    /// The content is at fault; only other content helps.
    Content(String),
    /// Reading it or the prober may have been at fault; worth another try at the next scan.
    Passing(String),
}

impl Catalogue {
    /// Stores what was found in `version` of the file; false if its content is another by now.
    pub fn set_facts(
        &self,
        id: FileId,
        version: ContentVersion,
        media: &MediaInfo,
        keyframes: &KeyframeIndex,
        now_ns: i64,
    ) -> Result<bool, CatalogueError> {
        let media_json = serde_json::to_string(media)?;
        let keyframes = pack(keyframes)?;
        let codec = media.video.first().map(|track| track.codec.as_str());
        self.write(|transaction| {
            let updated = transaction.execute(
                "UPDATE file SET state = 'ready', broken_reason = NULL, broken_passing = 0, probed_at_ns = ?3, \
                 video_codec = ?4, duration_ns = ?5 WHERE id = ?1 AND content_version = ?2",
                params![IdText(id), version, now_ns, codec, media.duration_ns.max(0)],
            )?;
            if updated == 0 {
                return Ok(false);
            }
            transaction.execute(
                "INSERT OR REPLACE INTO facts (file_row, format, media, keyframes) \
                 VALUES ((SELECT row FROM file WHERE id = ?1), ?2, ?3, ?4)",
                params![IdText(id), FACTS_FORMAT, media_json, keyframes],
            )?;
            Ok(true)
        })
    }

    /// Marks `version` of the file as not playable; false if its content is another by now.
    pub fn set_broken(
        &self,
        id: FileId,
        version: ContentVersion,
        breakage: &Breakage,
        now_ns: i64,
    ) -> Result<bool, CatalogueError> {
        let (reason, passing) = match breakage {
            Breakage::Content(reason) => (reason, false),
            Breakage::Passing(reason) => (reason, true),
        };
        let reason: String = reason.chars().take(MAX_REASON_CHARS).collect();
        let updated = self.write(|transaction| {
            transaction.execute(
                "UPDATE file SET state = 'broken', broken_reason = ?3, broken_passing = ?4, probed_at_ns = ?5 \
                 WHERE id = ?1 AND content_version = ?2",
                params![IdText(id), version, reason, passing, now_ns],
            )
        })?;
        Ok(updated > 0)
    }

    /// Lets files whose probe failed for a passing reason be probed again; their number.
    pub fn forgive_passing(&self) -> Result<usize, CatalogueError> {
        let any = self.read(|connection| {
            connection
                .prepare_cached("SELECT 1 FROM file WHERE state = 'broken' AND broken_passing")?
                .exists([])
        })?;
        if !any {
            return Ok(0);
        }
        self.write(|transaction| {
            transaction.execute(
                "UPDATE file SET state = 'unprobed', broken_reason = NULL, broken_passing = 0 \
                 WHERE state = 'broken' AND broken_passing",
                [],
            )
        })
    }

    /// The index that was stored with the facts of `version`; None if there is none or the content is another.
    pub fn keyframes(
        &self,
        id: FileId,
        version: ContentVersion,
    ) -> Result<Option<KeyframeIndex>, CatalogueError> {
        let packed: Option<Vec<u8>> = self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT facts.keyframes FROM facts JOIN file ON file.row = facts.file_row \
                     WHERE file.id = ?1 AND file.content_version = ?2",
                )?
                .query_row(params![IdText(id), version], |row| row.get(0))
                .optional()
        })?;
        packed.map(|packed| unpack(&packed).map_err(CatalogueError::Facts)).transpose()
    }
}

/// The facts of a row. Unreadable ones count as absent, so that the file is probed again.
pub(super) fn read_media(file: FileId, json: &str) -> Option<Arc<MediaInfo>> {
    match serde_json::from_str(json) {
        Ok(media) => Some(Arc::new(media)),
        Err(error) => {
            tracing::warn!(%file, %error, "stored facts are unreadable");
            None
        }
    }
}

pub(super) fn drop_other_formats(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    let dropped = transaction.execute(
        "UPDATE file SET state = 'unprobed', probed_at_ns = NULL, video_codec = NULL, duration_ns = 0 \
         WHERE row IN (SELECT file_row FROM facts WHERE format <> ?1)",
        [FACTS_FORMAT],
    )?;
    if dropped > 0 {
        transaction.execute("DELETE FROM facts WHERE format <> ?1", [FACTS_FORMAT])?;
    }
    transaction.commit()
}

fn pack(keyframes: &KeyframeIndex) -> Result<Vec<u8>, serde_json::Error> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    serde_json::to_writer(&mut packed, keyframes)?;
    packed.flush().and_then(|()| packed.finish()).map_err(serde_json::Error::io)
}

fn unpack(packed: &[u8]) -> Result<KeyframeIndex, serde_json::Error> {
    let mut json = Vec::new();
    ZlibDecoder::new(packed)
        .take(MAX_INDEX_JSON_BYTES)
        .read_to_end(&mut json)
        .map_err(serde_json::Error::io)?;
    serde_json::from_slice(&json)
}
