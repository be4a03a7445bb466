//! `/metrics`: the Prometheus text format.

use std::fmt::Write;

use http::Response;

use super::body::Body;
use super::respond::Call;
use super::text;
use crate::encoder::HeadState;

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub async fn all(call: &Call<'_>) -> Response<Body> {
    let context = call.context;
    let mut out = Exposition(String::new());
    let version = concat!("version=\"", env!("CARGO_PKG_VERSION"), "\"");
    out.family("build_info", "gauge", "The build that runs.", &[(version, 1.0)]);
    let uptime = context.started.elapsed().as_secs_f64();
    out.family("uptime_seconds", "gauge", "Time since the service started.", &[("", uptime)]);
    let heads = context.encoders.heads();
    let in_state = |state| heads.iter().filter(|head| head.state == state).count() as f64;
    let heads = [
        ("state=\"starting\"", in_state(HeadState::Starting)),
        ("state=\"running\"", in_state(HeadState::Running)),
        ("state=\"paused\"", in_state(HeadState::Paused)),
    ];
    out.family("heads", "gauge", "Encoders at work on a part of a file.", &heads);
    let workers = (context.workers)() as f64;
    out.family("workers", "gauge", "Worker processes.", &[("", workers)]);
    let scan = context.libraries.scan_status();
    for (name, help, value) in [
        ("scan_paths", "Files and folders met by the last scan.", scan.scanned_paths),
        ("scan_candidates", "Films among them.", scan.candidates),
        ("scan_indexed", "Films that were new or changed.", scan.indexed),
        ("scan_unchanged", "Films that were as before.", scan.unchanged),
        ("scan_probed", "Films the last scan looked into.", scan.probed),
        ("scan_failed", "Paths and films the last scan could not read.", scan.failed),
        ("files_offline", "Listed films that cannot be seen.", scan.offline),
    ] {
        out.family(name, "gauge", help, &[("", value as f64)]);
    }
    let codecs: Vec<(String, f64)> = scan
        .codec_counts
        .iter()
        .map(|(codec, count)| (format!("codec=\"{}\"", escaped(codec)), *count as f64))
        .collect();
    let codecs: Vec<(&str, f64)> = codecs.iter().map(|(label, count)| (label.as_str(), *count)).collect();
    out.family("files", "gauge", "Probed films by the codec of their picture.", &codecs);
    text::current(call.headers, CONTENT_TYPE, out.0).await
}

/// "label_value can be any sequence of UTF-8 characters, but the backslash (`\`), double-quote (`"`), and line
/// feed (`\n`) characters have to be escaped".
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

struct Exposition(String);

impl Exposition {
    /// `samples` are labels, already in text, and values.
    fn family(&mut self, name: &str, kind: &str, help: &str, samples: &[(&str, f64)]) {
        let out = &mut self.0;
        // Writing to a string cannot fail.
        let _ = writeln!(out, "# HELP millrace_{name} {help}\n# TYPE millrace_{name} {kind}");
        for (labels, value) in samples {
            let _ = match *labels {
                "" => writeln!(out, "millrace_{name} {value}"),
                labels => writeln!(out, "millrace_{name}{{{labels}}} {value}"),
            };
        }
    }
}
