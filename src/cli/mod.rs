//! Floor 7. The command line: one file per command.

mod probe;
mod worker;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "millrace", version, about = "Streams any video file to any browser or smart TV")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// One sandboxed pipeline process; started by the service.
    #[command(hide = true)]
    Worker,
    /// Tell what is in a file and how it will be played.
    Probe(probe::Probe),
}

pub fn run() -> ExitCode {
    match Arguments::parse().command {
        Command::Worker => worker::run(),
        Command::Probe(arguments) => probe::run(arguments),
    }
}
