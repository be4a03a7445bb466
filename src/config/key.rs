//! The closed list of tables and keys. The reader, the environment, the reference file's tests and the manual
//! page all go by it: a key that is not here does not exist.

use super::given::Given;
use super::library::LibraryDraft;
use super::problems::Problems;
use super::{Config, access, cache, encode, library, live, log, server};

pub struct Table {
    pub name: &'static str,
    pub doc: &'static str,
    /// Written with two brackets, once for each.
    pub repeated: bool,
    pub keys: &'static [Key],
}

pub struct Key {
    pub name: &'static str,
    /// As TOML; empty for a key that must be given.
    pub default: &'static str,
    /// What can be given, with unit and range.
    pub accepts: &'static str,
    pub doc: &'static str,
    pub(super) slot: Slot,
}

/// How a key's value gets into the configuration, and out for a reader.
pub(super) enum Slot {
    Config { set: fn(&mut Config, &Given, &mut Problems), show: fn(&Config) -> String },
    Library(fn(&mut LibraryDraft, &Given, &mut Problems)),
}

pub const TABLES: [Table; 7] =
    [server::TABLE, library::TABLE, cache::TABLE, encode::TABLE, live::TABLE, log::TABLE, access::TABLE];

/// First word of every variable of the environment that is ours.
pub const VARIABLE_PREFIX: &str = "MILLRACE_";

impl Table {
    pub fn key(&self, name: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The variable of the environment that sets `key` of this table; a repeated table has none by key.
    pub fn variable(&self, key: &Key) -> Option<String> {
        let words = format!("{}_{}", self.name, key.name).replace('-', "_").to_uppercase();
        (!self.repeated).then(|| format!("{VARIABLE_PREFIX}{words}"))
    }

    /// As it stands in the file.
    pub fn header(&self) -> String {
        if self.repeated { format!("[[{}]]", self.name) } else { format!("[{}]", self.name) }
    }
}

/// Text as a TOML string.
pub(super) fn quoted(text: impl ToString) -> String {
    toml_edit::Value::from(text.to_string()).to_string()
}

/// A list on one line, of members that are TOML already.
pub(super) fn listed(members: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", members.into_iter().collect::<Vec<_>>().join(", "))
}
