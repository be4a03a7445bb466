//! How far the scan is: one value that its owner updates and everybody else gets copies of.

use std::collections::BTreeMap;

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ScanState {
    /// None since the service started.
    #[default]
    Idle,
    /// Walking the folders, then probing what is new.
    Scanning,
    Done,
}

/// The last scan, or the one that runs. Times are RFC 3339.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ScanStatus {
    pub state: ScanState,
    pub started_at: Option<String>,
    /// The folders are walked; from here on files are only probed.
    pub listed_at: Option<String>,
    pub finished_at: Option<String>,
    /// Files and folders met.
    pub scanned_paths: u64,
    /// Of these, files that look like films.
    pub candidates: u64,
    /// New, replaced, moved and returned files.
    pub indexed: u64,
    pub unchanged: u64,
    pub probed: u64,
    /// Paths that could not be read and probes that failed.
    pub failed: u64,
    /// Listed files that cannot be seen.
    pub offline: u64,
    pub last_path: Option<String>,
    pub last_error: Option<String>,
    /// Probed files per video codec, of all libraries.
    pub codec_counts: BTreeMap<String, u64>,
    #[serde(skip)]
    scan: ScanNumber,
}

/// Tells a scan from the one before it, which may still be probing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ScanNumber(u64);

impl ScanStatus {
    pub fn walking(&self) -> bool {
        self.state == ScanState::Scanning && self.listed_at.is_none()
    }

    pub(super) fn failed(&mut self, error: impl ToString) {
        self.failed += 1;
        self.last_error = Some(error.to_string());
    }
}

pub(super) struct Board {
    status: watch::Sender<ScanStatus>,
}

impl Board {
    pub fn new(codec_counts: BTreeMap<String, u64>) -> Self {
        Self { status: watch::Sender::new(ScanStatus { codec_counts, ..ScanStatus::default() }) }
    }

    /// Begins a scan unless one is walking already. One that only probes is taken over: what it had left to
    /// probe is still unprobed.
    pub fn begin(&self) -> Option<ScanNumber> {
        let mut begun = None;
        self.status.send_if_modified(|status| {
            if status.walking() {
                return false;
            }
            let scan = ScanNumber(status.scan.0 + 1);
            *status = ScanStatus {
                state: ScanState::Scanning,
                started_at: Some(now_rfc3339()),
                offline: status.offline,
                codec_counts: std::mem::take(&mut status.codec_counts),
                scan,
                ..ScanStatus::default()
            };
            begun = Some(scan);
            true
        });
        begun
    }

    /// False, and nothing done, once another scan has begun.
    pub fn update(&self, scan: ScanNumber, change: impl FnOnce(&mut ScanStatus)) -> bool {
        self.status.send_if_modified(|status| {
            let current = status.scan == scan;
            if current {
                change(status);
            }
            current
        })
    }

    pub fn is_current(&self, scan: ScanNumber) -> bool {
        self.status.borrow().scan == scan
    }

    pub fn snapshot(&self) -> ScanStatus {
        self.status.borrow().clone()
    }

    pub fn updates(&self) -> watch::Receiver<ScanStatus> {
        self.status.subscribe()
    }
}

pub(super) fn now_rfc3339() -> String {
    let now = OffsetDateTime::now_utc();
    let to_the_millisecond = now.replace_nanosecond(now.nanosecond() / 1_000_000 * 1_000_000).unwrap_or(now);
    // Only years beyond 9999 cannot be written.
    to_the_millisecond.format(&Rfc3339).unwrap_or_default()
}

/// Since 1970.
pub(super) fn now_ns() -> i64 {
    i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_that_walks_is_joined_and_one_that_probes_is_taken_over() {
        let board = Board::new(BTreeMap::new());
        let first = board.begin().unwrap();
        assert_eq!(board.begin(), None);
        assert!(board.update(first, |status| status.listed_at = Some(now_rfc3339())));
        let second = board.begin().unwrap();
        assert!(!board.update(first, |status| status.probed += 1));
        assert!(board.is_current(second) && board.snapshot().walking());
        assert_eq!(board.snapshot().probed, 0);
    }

    #[test]
    fn the_status_reads_as_the_interface_says() {
        let board = Board::new([("h264".to_owned(), 2)].into());
        let json = serde_json::to_value(board.snapshot()).unwrap();
        assert_eq!(json["state"], "idle");
        assert_eq!(json["started_at"], serde_json::Value::Null);
        assert_eq!(json["codec_counts"]["h264"], 2);
        board.begin();
        let json = serde_json::to_value(board.snapshot()).unwrap();
        assert_eq!(json["state"], "scanning");
        let started = json["started_at"].as_str().unwrap();
        assert!(OffsetDateTime::parse(started, &Rfc3339).is_ok(), "{started}");
        assert_eq!(json.as_object().unwrap().len(), 14);
    }
}
