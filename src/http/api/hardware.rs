//! `GET /api/hardware`: what was found out about this machine, and what its hardware does at the moment.

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::super::context::Hardware;
use super::super::respond::{Answer, Call};
use crate::encoder::HardwareStatus;
use crate::hardware::Report;

#[derive(Serialize)]
struct Found<'f> {
    /// `examining` while trials are made or wait for a quiet moment, then `done`.
    state: &'static str,
    /// When trials were made, if they were since the service began: what was found before is remembered.
    examined_at: Option<String>,
    #[serde(flatten)]
    report: &'f Report,
    #[serde(flatten)]
    status: HardwareStatus,
    /// Why profiles that were changed are not used.
    mistakes: &'f [String],
    sandbox: &'f serde_json::Value,
}

pub async fn found(call: &Call<'_>) -> Answer {
    let Hardware { found, sandbox } = (call.context.hardware)();
    let at = found.at.and_then(|at| OffsetDateTime::from(at).format(&Rfc3339).ok());
    let answer = Found {
        state: if found.examining { "examining" } else { "done" },
        examined_at: at,
        report: &found.examined.report,
        status: call.context.encoders.hardware(),
        mistakes: &found.mistakes,
        sandbox: &sandbox,
    };
    super::json(call, &answer).await
}
