//! What goes wrong around the service, done to the built binary: nothing is lost, whoever watches something else is
//! not disturbed, and nothing is left behind. `FAULTS=long` has some of it go on for longer.

use std::time::Duration;

#[path = "../support/client.rs"]
mod client;
#[path = "../support/process.rs"]
mod process;
#[path = "../support/service.rs"]
mod service;

mod clients;
mod films;
mod harness;
mod live;
mod sources;
mod store;
mod viewer;
mod workers;

/// How long something goes on: in all tests, or when there is time.
fn lasting(short_s: u64, long_s: u64) -> Duration {
    let long = std::env::var_os("FAULTS").is_some_and(|length| length == "long");
    Duration::from_secs(if long { long_s } else { short_s })
}
