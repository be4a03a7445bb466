//! The log: one line per event on standard error, filtered by room.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::LogFilter;

pub fn start(level: &LogFilter) {
    // Migrations of the catalogue are told by the catalogue.
    let directives = format!("{},refinery_core=warn", level.directives());
    let filter = EnvFilter::try_new(directives).unwrap_or_else(|_| EnvFilter::new("info"));
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(true)
        .try_init();
    if started.is_err() {
        eprintln!("millrace: the log has been started before");
    }
}
