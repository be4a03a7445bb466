//! What is logged: a level for all, and levels of single rooms: `info,encoder=trace`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::refusal::Refusal;
use super::suggest;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter {
    pub level: LogLevel,
    /// Room → its own level.
    pub rooms: BTreeMap<&'static str, LogLevel>,
}

/// The modules of this crate that log under their own name.
pub const ROOMS: [&str; 23] = [
    "base",
    "media",
    "timeline",
    "isobmff",
    "mpegts",
    "text",
    "subpicture",
    "colour",
    "rendition",
    "manifest",
    "config",
    "pipeline",
    "catalogue",
    "store",
    "library",
    "worker",
    "encoder",
    "hardware",
    "http",
    "cli",
    "app",
    "systemd",
    "main",
];

const LEVELS: [(&str, LogLevel); 5] = [
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];

impl LogFilter {
    pub const fn all(level: LogLevel) -> Self {
        Self { level, rooms: BTreeMap::new() }
    }

    /// As `tracing_subscriber`'s `EnvFilter` writes it: `info,millrace::encoder=trace`.
    pub fn directives(&self) -> String {
        self.print("millrace::")
    }

    fn print(&self, prefix: &str) -> String {
        let mut text = self.level.to_string();
        for (room, level) in &self.rooms {
            text += &format!(",{prefix}{room}={level}");
        }
        text
    }
}

impl FromStr for LogLevel {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        LEVELS.iter().find(|(name, _)| *name == text).map(|(_, level)| *level).ok_or_else(|| {
            Refusal::new(format!("`{text}` is not a log level"))
                .hint(suggest::one_of(text, LEVELS.map(|(name, _)| name)))
        })
    }
}

impl FromStr for LogFilter {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let mut all = None;
        let mut rooms = BTreeMap::new();
        for part in text.split(',').map(str::trim) {
            let Some((room, level)) = part.split_once('=') else {
                if all.replace(part.parse()?).is_some() {
                    return Err(Refusal::new(format!("`{text}` gives the level of all rooms twice")));
                }
                continue;
            };
            let Some(known) = ROOMS.into_iter().find(|known| *known == room) else {
                return Err(Refusal::new(format!("`{room}` is not a room that logs"))
                    .hint(suggest::one_of(room, ROOMS)));
            };
            if rooms.insert(known, level.parse()?).is_some() {
                return Err(Refusal::new(format!("`{text}` gives the level of `{room}` twice")));
            }
        }
        Ok(Self { level: all.unwrap_or(LogLevel::Info), rooms })
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(LEVELS[*self as usize].0)
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.print(""))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_filter_names_a_level_and_rooms() -> Result<(), Refusal> {
        for (text, printed, directives) in [
            ("info", "info", "info"),
            ("warn,encoder=trace", "warn,encoder=trace", "warn,millrace::encoder=trace"),
            ("http=debug, encoder=trace", "info,encoder=trace,http=debug", "info,millrace::encoder=trace"),
        ] {
            let filter: LogFilter = text.parse()?;
            assert_eq!(filter.to_string(), printed);
            assert!(filter.directives().starts_with(directives), "{}", filter.directives());
        }
        Ok(())
    }

    #[test]
    fn every_level_prints_as_it_is_read() {
        for (text, level) in LEVELS {
            assert_eq!((text.parse(), level.to_string().as_str()), (Ok(level), text));
        }
    }

    #[test]
    fn a_filter_that_cannot_be_meant_is_refused_with_a_reason() {
        for (text, message, hint) in [
            ("", "`` is not a log level", "one of `error`"),
            ("verbose", "`verbose` is not a log level", "one of `error`"),
            ("inof", "`inof` is not a log level", "did you mean `info`?"),
            ("info,encodr=trace", "`encodr` is not a room that logs", "did you mean `encoder`?"),
            ("info,encoder=lots", "`lots` is not a log level", "one of `error`"),
            ("info,warn", "`info,warn` gives the level of all rooms twice", ""),
            ("http=info,http=warn", "`http=info,http=warn` gives the level of `http` twice", ""),
        ] {
            let refusal = text.parse::<LogFilter>().unwrap_err();
            assert_eq!(refusal.message, message);
            assert!(refusal.hint.unwrap_or_default().contains(hint), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_filter_reads_back_as_it_was_printed(
            all in 0..LEVELS.len(),
            rooms in proptest::collection::btree_map(0..ROOMS.len(), 0..LEVELS.len(), 0..5),
        ) {
            let rooms = rooms.into_iter().map(|(room, level)| (ROOMS[room], LEVELS[level].1)).collect();
            let filter = LogFilter { level: LEVELS[all].1, rooms };
            prop_assert_eq!(filter.to_string().parse(), Ok(filter));
        }
    }
}
