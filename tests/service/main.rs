//! The built service, asked over HTTP by nobody who knows how it works: what it serves is exact whoever made it, it is
//! shared by all who watch, and nothing that is in a file or that a viewer does harms it.
//!
//! The short forms run with all tests, the long ones in `make verify`.

#[path = "../support/client.rs"]
mod client;
#[path = "../support/process.rs"]
mod process;
#[path = "../support/service.rs"]
mod service;

mod boxes;
mod films;
mod kept;
mod mutations;
mod presentation;
mod random;
mod server;
mod sharing;
mod soak;
mod sound;
mod walk;
