//! Floor 4. The folders the configuration names: finding their films, opening one safely, and having each
//! probed once.
//!
//! It looks at names, sizes and times; what is in a file comes from a [`Prober`], in another process. What it
//! learns is kept by [`crate::catalogue`].
//!
//! Invariants: no path leads out of its library's root. A folder that cannot be seen takes its files offline
//! and changes none of them. One file is probed by one probe, whoever waits for it.

mod beneath;
mod beside;
mod candidate;
mod comparison;
mod error;
mod flight;
mod libraries;
mod open;
mod probe;
mod root;
mod scan;
mod status;

pub use candidate::EXTENSIONS;
pub use error::LibraryError;
pub use libraries::{Libraries, LibraryRoot};
pub use probe::{BoxFuture, ProbeFailure, Prober};
pub use status::{ScanState, ScanStatus};

#[cfg(test)]
mod open_tests;
#[cfg(test)]
mod probe_tests;
#[cfg(test)]
mod scan_tests;
#[cfg(test)]
mod testing;
