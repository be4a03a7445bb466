//! `millrace doctor`: which profiles work on this machine, found by doing, and why the others do not; and
//! what keeps workers inside their sandbox, found by trying to get out.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::local::{self, Trouble};
use super::say::say;
use super::settings;
use crate::hardware::{self, Depth, DeviceNode, Report, Surroundings};
use crate::worker::WorkerPool;
use crate::worker::sandbox::{Missing, SandboxReport};

#[derive(Args)]
pub struct Doctor {
    /// Print everything as JSON.
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Doctor) -> Result<ExitCode, Trouble> {
    let (surroundings, set) = (Surroundings::look(), local::profiles()?);
    let cache = settings::cache_folder(None).ok().filter(|cache| std::fs::create_dir_all(cache).is_ok());
    let pool = local::pool(&surroundings, cache.as_deref())?;
    let told = |name: &str| {
        if std::io::stderr().is_terminal() {
            eprintln!("trying {name}");
        }
    };
    let examined = hardware::examine(&pool, &set, Depth::All, told).await;
    let report = examined.map_err(|error| Trouble(format!("no worker: {error}")))?.report;
    let sandbox = sandbox(&pool).await;
    if arguments.json {
        let mut value = serde_json::to_value(&report).unwrap_or_default();
        value["libraries"] = surroundings.libraries().into();
        value["sandbox"] = sandbox;
        say!("{value:#}");
    } else {
        print(&report, &surroundings, &sandbox);
    }
    let encodes = report.profiles.iter().any(|profile| profile.works && !profile.encodes.is_empty());
    Ok(if encodes { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What keeps workers inside, and whether that holds.
pub async fn sandbox(pool: &WorkerPool) -> serde_json::Value {
    match pool.sandbox().await {
        Ok(report) => {
            let holds = report.holds();
            let mut value = serde_json::to_value(report).unwrap_or_default();
            value["holds"] = holds.into();
            value
        }
        Err(error) => json!({ "holds": false, "reason": error.to_string() }),
    }
}

/// Tells the log once what keeps workers inside.
pub fn log_sandbox(sandbox: &serde_json::Value) {
    let report: SandboxReport = match serde_json::from_value(sandbox.clone()) {
        Ok(report) => report,
        Err(_) => {
            let reason = sandbox["reason"].as_str().unwrap_or_default();
            return tracing::warn!(reason, "it is not known whether workers are sandboxed");
        }
    };
    for Missing { what, reason, remedy } in &report.status.missing {
        tracing::warn!(what, reason, remedy, "workers run without a part of their sandbox");
    }
    for hole in report.holes() {
        tracing::warn!(attempt = hole.what, "a worker can do what it should not");
    }
    if report.status.missing.is_empty() && report.holds() {
        tracing::info!(in_force = report.status.in_force(), "workers are sandboxed");
    }
}

fn print(report: &Report, surroundings: &Surroundings, sandbox: &serde_json::Value) {
    for profile in &report.profiles {
        let mark = if profile.works { "works" } else { "no" };
        say!("{:12} {mark:6} {}", profile.name, profile.reason);
        let more = |text: String| say!("{:19} {text}", "");
        profile.remedy.iter().for_each(|remedy| more(format!("what to do: {remedy}")));
        for (codec, facts) in &profile.encodes {
            match facts.frames_per_second {
                Some(speed) => more(format!("encodes {codec} at {speed} frames/s (640x360)")),
                None => more(format!("encodes {codec}")),
            }
        }
        if !profile.decodes_on_device.is_empty() {
            more(format!("the device decodes {}", profile.decodes_on_device.join(", ")));
        }
        if !profile.on_device.is_empty() {
            more(format!("the device can {}", profile.on_device.join(", ")));
        }
        profile.fails.iter().for_each(|(what, why)| more(format!("cannot {what}: {why}")));
    }
    for DeviceNode { path, usable, reason, remedy } in &report.devices {
        let reason = reason.as_deref().filter(|_| !usable).unwrap_or("usable");
        say!("{path:19} {reason}");
        remedy.iter().for_each(|remedy| say!("{:19} what to do: {remedy}", ""));
    }
    surroundings.libraries().iter().for_each(|library| say!("{:12} {:6} {library}", "library", "found"));
    print_sandbox(sandbox);
}

fn print_sandbox(sandbox: &serde_json::Value) {
    let Ok(report) = serde_json::from_value::<SandboxReport>(sandbox.clone()) else {
        say!("{:12} {:6} {}", "sandbox", "no", sandbox["reason"].as_str().unwrap_or_default());
        return;
    };
    let mark = if report.holds() { "holds" } else { "no" };
    let refused = report.attempts.iter().filter(|attempt| attempt.refused).count();
    let verified = format!("refused {refused} of {} attempts to get out", report.attempts.len());
    say!("{:12} {mark:6} {}; {verified}", "sandbox", report.status.in_force());
    for Missing { what, reason, remedy } in &report.status.missing {
        say!("{:19} without {what}: {reason}; it takes {remedy}", "");
    }
    for hole in report.holes() {
        say!("{:19} a worker could {}: {}", "", hole.what, hole.outcome);
    }
}
