//! Floor 3. What the service remembers: libraries, their files, what is in them, and how far somebody watched.
//!
//! Only this room knows SQL. It does not look at the file system ([`crate::library`] does) and has no clock:
//! times come in. Calls block on the disk; async callers go through `spawn_blocking`.
//!
//! Invariants: no row leaves because a path could not be seen. Facts belong to one content version of a file
//! and go when it is replaced. One connection writes; every write is one transaction.

mod database;
mod error;
mod facts;
mod files;
mod libraries;
mod listing;
mod name_key;
mod readers;
mod record;
mod sightings;

pub use database::Catalogue;
pub use error::CatalogueError;
pub use facts::Breakage;
pub use libraries::{Library, LibraryId, LibraryState};
pub use listing::{Cursor, ListQuery, MAX_PAGE, NotACursor, NotASort, Page, Sort, SortKey};
pub use record::{ContentVersion, FileRecord, FileState, NotAContentVersion};
pub use sightings::{KnownFile, Sighting, Stamp};

#[cfg(test)]
mod database_tests;
#[cfg(test)]
mod listing_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
