//! `millrace worker`: serves requests from the socket on standard input.

use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;

use clap::Args;

use crate::worker::{child, sandbox};

#[derive(Args)]
pub struct Worker {
    /// Enter the sandbox before anything else; plugins are then as they were remembered.
    #[arg(long)]
    sandbox_first: bool,
}

pub fn run(arguments: &Worker) -> ExitCode {
    sandbox::close_inherited();
    let socket: std::io::Result<OwnedFd> = std::io::stdin().as_fd().try_clone_to_owned();
    match socket
        .map_err(|error| error.to_string())
        .and_then(|socket| child::run(socket, arguments.sandbox_first).map_err(|error| error.to_string()))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("millrace worker: {error}");
            ExitCode::FAILURE
        }
    }
}
