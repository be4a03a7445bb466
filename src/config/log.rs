//! `[log]`: what the service tells.

use super::key::{Key, Slot, Table, quoted};
use super::log_filter::{LogFilter, LogLevel};

#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    pub level: LogFilter,
}

pub const DEFAULT_LEVEL: LogLevel = LogLevel::Info;

impl Default for Log {
    fn default() -> Self {
        Self { level: LogFilter::all(DEFAULT_LEVEL) }
    }
}

pub(super) const TABLE: Table = Table {
    name: "log",
    doc: "What the service tells.",
    repeated: false,
    keys: &[Key {
        name: "level",
        default: r#""info""#,
        accepts: "\"error\", \"warn\", \"info\", \"debug\" or \"trace\", also by room: \"info,encoder=trace\"",
        doc: "The least severe events that are logged.",
        slot: Slot::Config {
            set: |config, given, problems| problems.keep(&mut config.log.level, given, given.parse()),
            show: |config| quoted(&config.log.level),
        },
    }],
};
