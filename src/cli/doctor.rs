//! `millrace doctor`: which profiles work on this machine, found by a trial encode, and why the others do not; and
//! what keeps workers inside their sandbox, found by trying to get out.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::local::{self, Trouble};
use super::say::say;
use crate::pipeline::{Profile, ProfileKind, profile::fill};
use crate::worker::WorkerPool;
use crate::worker::protocol::{Report, Request, Trial};
use crate::worker::sandbox::{Missing, SandboxReport};

#[derive(Args)]
pub struct Doctor {
    /// Print everything as JSON.
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Doctor) -> Result<ExitCode, Trouble> {
    let pool = WorkerPool::new(None)?;
    let report = examine(&pool).await?;
    if arguments.json {
        say!("{report:#}");
    } else {
        print(&report);
    }
    let works = report["profiles"].as_array().is_some_and(|all| all.iter().any(|p| p["works"] == true));
    Ok(if works { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every profile with `works`, `reason`, what it encodes and decodes, and the speed of its trial; and the sandbox.
pub async fn examine(pool: &WorkerPool) -> Result<serde_json::Value, Trouble> {
    let profiles = local::profiles(pool).await?;
    let mut rows = Vec::new();
    for profile in profiles.set.profiles() {
        rows.push(row(pool, &profiles, profile).await);
    }
    Ok(json!({ "profiles": rows, "devices": devices(), "sandbox": sandbox(pool).await }))
}

/// What keeps workers inside, and whether that holds.
async fn sandbox(pool: &WorkerPool) -> serde_json::Value {
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
pub async fn log_sandbox(pool: &WorkerPool) {
    let report = match pool.sandbox().await {
        Ok(report) => report,
        Err(error) => return tracing::warn!(%error, "it is not known whether workers are sandboxed"),
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

async fn row(pool: &WorkerPool, profiles: &local::Profiles, profile: &Profile) -> serde_json::Value {
    let name = &profile.name;
    let Some(working) = profiles.working.iter().find(|working| working.name == *name) else {
        let reason = profiles.reasons.get(name).cloned().unwrap_or_else(|| "unknown".into());
        return json!({ "name": name, "works": false, "reason": reason });
    };
    let mut encoders = serde_json::Map::new();
    let mut problem = None;
    for (codec, encoder) in &working.encode {
        if working.kind == ProfileKind::Audio {
            encoders.insert(codec.clone(), json!({}));
            continue;
        }
        let size =
            [("width", "640"), ("height", "360"), ("kbps", "1000"), ("bps", "1000000"), ("level", "4")];
        let values = size.map(|(name, value)| (name, value.to_owned()));
        let scale = fill(&working.scale, &values);
        let encode = format!("{scale} ! {}", fill(&encoder.text, &values));
        match pool.ask(&Request::Try { trial: Trial { encode, width: 640, height: 360 } }, None).await {
            Ok(Report::Tried { frames_per_second }) => {
                let rounded = frames_per_second.round();
                encoders.insert(codec.clone(), json!({ "frames_per_second_360p": rounded }));
            }
            Ok(other) => problem = Some(format!("{codec}: {other:?}")),
            Err(error) => problem = Some(format!("{codec}: {error}")),
        }
    }
    json!({
        "name": name,
        "works": !encoders.is_empty(),
        "reason": problem.unwrap_or_else(|| "a trial encode succeeded".into()),
        "encodes": encoders,
        "decodes": working.decode.keys().collect::<Vec<_>>(),
    })
}

/// Device nodes that hardware profiles need, and whether this user may open them.
fn devices() -> Vec<serde_json::Value> {
    let mut found = Vec::new();
    for (folder, prefix) in [("/dev/dri", "render"), ("/dev", "nvidia"), ("/dev", "video")] {
        let Ok(entries) = std::fs::read_dir(folder) else {
            continue;
        };
        for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        {
            let path = entry.path();
            let access =
                rustix::fs::access(&path, rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK);
            let reason =
                access.err().map(|error| format!("{error}; is the user in the group `render` or `video`?"));
            found.push(
                json!({ "path": path.display().to_string(), "usable": reason.is_none(), "reason": reason }),
            );
        }
    }
    found
}

fn print(report: &serde_json::Value) {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    for profile in report["profiles"].as_array().into_iter().flatten() {
        let mark = if profile["works"] == true { "works" } else { "no" };
        say!("{:12} {mark:6} {}", text(&profile["name"]), text(&profile["reason"]));
        for (codec, facts) in profile["encodes"].as_object().into_iter().flatten() {
            match facts["frames_per_second_360p"].as_f64() {
                Some(speed) => say!("{:19} encodes {codec} at {speed} frames/s (640x360)", ""),
                None => say!("{:19} encodes {codec}", ""),
            }
        }
    }
    for device in report["devices"].as_array().into_iter().flatten() {
        let usable = if device["usable"] == true { "usable".to_owned() } else { text(&device["reason"]) };
        say!("{:12} {usable}", text(&device["path"]));
    }
    print_sandbox(&report["sandbox"]);
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
