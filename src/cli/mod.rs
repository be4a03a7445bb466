//! Floor 7. The command line: one file per command.

mod app;
mod check;
mod doctor;
mod export;
mod local;
mod log;
mod probe;
mod say;
mod serve;
mod settings;
mod worker;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::base::{descriptors, heap};
use local::Trouble;

#[derive(Parser)]
#[command(name = "millrace", version, about = "Streams any video file to any browser or smart TV")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service.
    Serve(serve::Serve),
    /// Report every problem of the configuration, with its place and a hint.
    Check(check::Check),
    /// Tell what is in a file and how it will be played.
    Probe(probe::Probe),
    /// Write a file as HLS, DASH or fragmented MP4, without a server.
    Export(export::Export),
    /// Tell which pipeline profiles work on this machine, by trying them.
    Doctor(doctor::Doctor),
    /// One sandboxed pipeline process; started by the service.
    #[command(hide = true)]
    Worker(worker::Worker),
}

/// Threads that wait for disks end after so long without work. The runtime takes them in turn: kept for longer, as many as
/// were once busy together would never end while anything is written or read.
const KEEP_ALIVE: Duration = Duration::from_secs(1);

pub fn run() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(arguments) => {
            heap::give_back_what_is_free();
            descriptors::allow_many();
            block_on(serve::run(arguments))
        }
        Command::Check(arguments) => block_on(async { check::run(arguments) }),
        Command::Probe(arguments) => block_on(probe::run(arguments)),
        Command::Export(arguments) => block_on(export::run(arguments)),
        Command::Doctor(arguments) => block_on(doctor::run(arguments)),
        Command::Worker(arguments) => worker::run(&arguments),
    }
}

/// Runs a command to its end and prints what stopped it.
fn block_on(command: impl Future<Output = Result<ExitCode, Trouble>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_keep_alive(KEEP_ALIVE)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("millrace: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(command);
    runtime.shutdown_background();
    outcome.unwrap_or_else(|trouble| {
        eprintln!("millrace: {trouble}");
        ExitCode::FAILURE
    })
}
