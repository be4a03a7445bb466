//! Floor 2. What the owner wants: typed values from TOML text, environment and command line. Every problem is
//! found in one run, with its place and a hint. Pure: whoever calls reads the file and the environment, and
//! whether a path or profile exists is for the rooms that use it.
//!
//! To add a key: its field, default and entry in the file of its table, then `config/millrace.toml`.

mod access;
mod bit_rate;
mod bounds;
mod byte_size;
mod cache;
mod diagnostic;
mod document;
mod draft;
mod encode;
mod environment;
mod given;
mod host_name;
mod key;
mod ladder;
mod library;
mod library_name;
mod listen;
mod live;
mod log;
mod log_filter;
mod overrides;
mod problems;
mod profile_choice;
mod refusal;
mod scale;
mod server;
mod span;
mod suggest;

#[cfg(test)]
mod tests;

pub use access::{Access, Viewers};
pub use bit_rate::BitRate;
pub use byte_size::ByteSize;
pub use cache::Cache;
pub use diagnostic::{Diagnostic, Place};
pub use encode::{Encode, MaxHeads};
pub use host_name::HostName;
pub use key::{Key, TABLES, Table, VARIABLE_PREFIX};
pub use ladder::{Ladder, Rung};
pub use library::{Library, Watch};
pub use library_name::LibraryName;
pub use live::Live;
pub use log::Log;
pub use log_filter::{LogFilter, LogLevel, ROOMS};
pub use overrides::Overrides;
pub use profile_choice::ProfileChoice;
pub use refusal::Refusal;
pub use server::Server;
pub use span::Span;

/// The commented reference: every key with its default.
pub const REFERENCE: &str = include_str!("../../config/millrace.toml");

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    pub server: Server,
    /// Names and paths are all different.
    pub libraries: Vec<Library>,
    pub cache: Cache,
    pub encode: Encode,
    pub live: Live,
    pub log: Log,
    pub access: Access,
}

/// A key whose value differs between two configurations, with both values as TOML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub table: &'static str,
    pub key: &'static str,
    pub from: String,
    pub to: String,
}

impl Config {
    /// What differs in `newer`, but for libraries, in the order of [`TABLES`].
    pub fn changes(&self, newer: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        for table in TABLES {
            for key in table.keys {
                let key::Slot::Config { show, .. } = key.slot else { continue };
                let (from, to) = (show(self), show(newer));
                if from != to {
                    changes.push(Change { table: table.name, key: key.name, from, to });
                }
            }
        }
        changes
    }
}

/// Defaults under the text of one file.
pub fn parse(text: &str, file_name: &str) -> Result<Config, Vec<Diagnostic>> {
    load(Some((text, file_name)), std::iter::empty(), Overrides::default())
}

/// All layers: defaults, then the file (its text and its name), the environment, the command line.
pub fn load(
    file: Option<(&str, &str)>,
    environment: impl Iterator<Item = (String, String)>,
    overrides: Overrides,
) -> Result<Config, Vec<Diagnostic>> {
    let mut draft = draft::Draft::new(file);
    if let Some((text, _)) = file {
        draft.read_file(text);
    }
    environment::apply(&mut draft, environment);
    overrides::apply(&mut draft, &overrides);
    draft.finish()
}
