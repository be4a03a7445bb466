//! `millrace worker`: serves requests from the socket on standard input.

use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;

pub fn run() -> ExitCode {
    let socket: std::io::Result<OwnedFd> = std::io::stdin().as_fd().try_clone_to_owned();
    match socket
        .map_err(|error| error.to_string())
        .and_then(|socket| crate::worker::child::run(socket).map_err(|error| error.to_string()))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("millrace worker: {error}");
            ExitCode::FAILURE
        }
    }
}
