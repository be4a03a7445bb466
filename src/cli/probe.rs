//! `millrace probe FILE`: what is in the file, its cut lists, and for each rendition copy or profile, and why.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::worker::WorkerPool;
use crate::worker::protocol::{Report, Request};

#[derive(Args)]
pub struct Probe {
    /// The file to look into.
    file: PathBuf,
    /// Print everything as JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: Probe) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    runtime.block_on(async {
        let pool = WorkerPool::new(None).expect("pool");
        let file = std::fs::File::open(&arguments.file).expect("open");
        match pool.ask(&Request::Probe, Some(&file)).await {
            Ok(Report::Probed { info, index }) => {
                println!("{}", serde_json::to_string_pretty(&info).unwrap());
                println!("{:?} {} keyframes", index.source, index.keyframes.len());
            }
            other => println!("{other:?}"),
        }
    });
    ExitCode::SUCCESS
}
