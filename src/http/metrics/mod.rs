//! `/metrics`: numbers for Prometheus. Names after its conventions: base units, `_total` for what only grows, and
//! no label that grows with the library.

mod exposition;
mod process;

use std::collections::BTreeMap;

use http::Response;

use super::body::Body;
use super::context::{Context, Hardware};
use super::respond::Call;
use super::text;
use crate::encoder::telemetry::{EndCause, Source, Telemetry, Work, WorkDone};
use crate::encoder::{EncoderStatus, HardwareStatus, HeadState, HeadStatus, SessionStatus};
use crate::library::ScanStatus;
use crate::worker::PoolStatus;
use exposition::Exposition;

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub async fn all(call: &Call<'_>) -> Response<Body> {
    text::current(call.headers, CONTENT_TYPE, exposed(call.context)).await
}

fn exposed(context: &Context) -> String {
    let mut out = Exposition::default();
    let version = env!("CARGO_PKG_VERSION");
    out.gauge("millrace_build_info", "The build that runs.").with(&[("version", version)], 1.0);
    let uptime = context.started.elapsed().as_secs_f64();
    out.gauge("millrace_uptime_seconds", "Time since the service started.").value(uptime);
    let (telemetry, status) = (context.encoders.telemetry(), context.encoders.status());
    heads(&mut out, &context.encoders.heads(), telemetry, &status);
    work(&mut out, telemetry);
    requests(&mut out, telemetry);
    store(&mut out, &status);
    workers(&mut out, &(context.workers)());
    hardware(&mut out, &(context.hardware)(), &context.encoders.hardware());
    scan(&mut out, &context.libraries.scan_status());
    process::write(&mut out);
    out.text()
}

fn heads(out: &mut Exposition, heads: &[HeadStatus], telemetry: &Telemetry, status: &EncoderStatus) {
    let mut family = out.gauge("millrace_heads", "Encoders at work on a part of a file, by what they do.");
    for (name, state) in
        [("starting", HeadState::Starting), ("running", HeadState::Running), ("paused", HeadState::Paused)]
    {
        let count = heads.iter().filter(|head| head.state == state).count();
        family = family.with(&[("state", name)], count as f64);
    }
    out.gauge("millrace_heads_limit", "Heads that may run at once.").value(status.max_heads as f64);
    let queued = telemetry.queued_heads.get() as f64;
    out.gauge("millrace_heads_queued", "Heads that wait for room to run.").value(queued);
    let mut slowest: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    for head in heads.iter().filter(|head| head.state == HeadState::Running && head.speed > 0.0) {
        let speed = slowest.entry((kind(&head.rendition), &head.profile)).or_insert(head.speed);
        *speed = speed.min(head.speed);
    }
    let help = "Seconds of media made per second by the slowest running head, over its last segment.";
    let mut family = out.gauge("millrace_head_speed_ratio", help);
    for ((rendition, profile), speed) in slowest {
        family = family.with(&[("rendition", rendition), ("profile", profile)], speed);
    }
    let mut family = out.counter("millrace_heads_ended_total", "Heads that are no more, by why.");
    for cause in EndCause::ALL {
        family = family.with(&[("cause", cause.name())], telemetry.ended(cause).get() as f64);
    }
}

/// What a rendition is, without the version: `v720-3f9a5c0b7e21` is a `v720`.
fn kind(rendition: &str) -> &str {
    rendition.rsplit_once('-').map_or(rendition, |(kind, _)| kind)
}

fn work(out: &mut Exposition, telemetry: &Telemetry) {
    type Count = fn(&WorkDone) -> f64;
    let counters: [(&str, &str, Count); 5] = [
        ("millrace_heads_started_total", "Heads that were started.", |done| done.started.get() as f64),
        ("millrace_segments_made_total", "Segments that heads have made.", |done| done.segments.get() as f64),
        ("millrace_segments_made_bytes_total", "Bytes of fragments that heads have made.", |done| {
            done.bytes.get() as f64
        }),
        ("millrace_media_made_seconds_total", "Length of the media that heads have made.", |done| {
            done.media_us.get() as f64 / 1e6
        }),
        (
            "millrace_heads_busy_seconds_total",
            "Time that heads worked, all together, without pauses.",
            |done| done.busy_us.get() as f64 / 1e6,
        ),
    ];
    for (name, help, count) in counters {
        let mut family = out.counter(name, help);
        for work in Work::ALL {
            family = family.with(&labels(work), count(telemetry.work(work)));
        }
    }
    let help = "Time from the start of a head to its first fragment.";
    let mut family = out.histogram("millrace_first_fragment_seconds", help);
    for work in Work::ALL {
        family = family.distribution(&labels(work), &telemetry.work(work).first_fragment.distribution());
    }
}

fn labels(work: Work) -> [(&'static str, &'static str); 2] {
    let (kind, media) = work.names();
    [("kind", kind), ("media", media)]
}

fn requests(out: &mut Exposition, telemetry: &Telemetry) {
    let help = "Requests for segments, by where those were.";
    let mut family = out.counter("millrace_segments_served_total", help);
    for source in Source::ALL {
        family = family.with(&[("from", source.name())], telemetry.served(source).get() as f64);
    }
    let help = "Time that requests waited for the first fragment of a segment that was not made yet.";
    let waits = telemetry.waits.distribution();
    out.histogram("millrace_segment_wait_seconds", help).distribution(&[], &waits);
    let waiting = telemetry.waiting.get() as f64;
    out.gauge("millrace_requests_waiting", "Requests that wait for a first fragment now.").value(waiting);
}

fn store(out: &mut Exposition, status: &EncoderStatus) {
    let store = status.store;
    for (name, help, value) in [
        ("millrace_store_bytes", "Bytes that are stored.", store.bytes),
        ("millrace_store_limit_bytes", "Bytes that may be stored.", status.store_limit),
        ("millrace_store_segments", "Segments and init segments that are stored.", store.pieces),
        ("millrace_store_memory_bytes", "Bytes of them that are also held in memory.", store.memory_bytes),
    ] {
        out.gauge(name, help).value(value as f64);
    }
    let help = "Segments that were asked of the store, which had them.";
    out.counter("millrace_store_hits_total", help)
        .with(&[("from", "memory")], store.memory_hits as f64)
        .with(&[("from", "disk")], store.disk_hits as f64);
    for (name, help, value) in [
        ("millrace_store_misses_total", "Segments that the store did not have.", store.misses),
        ("millrace_store_evictions_total", "Segments that made room for others.", store.evicted),
        ("millrace_store_files_read_total", "Files read; readers at once share one.", store.files_read),
        ("millrace_store_files_written_total", "Files written.", store.files_written),
        ("millrace_store_not_kept_total", "Segments for which there was no room.", store.not_kept),
        ("millrace_store_torn_total", "Files found torn, and made again.", store.torn),
    ] {
        out.counter(name, help).value(value as f64);
    }
}

fn workers(out: &mut Exposition, pool: &PoolStatus) {
    out.gauge("millrace_workers", "Worker processes, spares included.").value(pool.living as f64);
    let help = "Worker processes that are ready and have nothing to do.";
    out.gauge("millrace_workers_spare", help).value(pool.spares as f64);
    let help = "Workers that died or failed, by what of and at which stage.";
    let mut family = out.counter("millrace_worker_deaths_total", help);
    for (death, count) in &pool.deaths {
        let labels = [("cause", death.cause()), ("stage", death.stage().unwrap_or_default())];
        family = family.with(&labels, *count as f64);
    }
}

fn hardware(out: &mut Exposition, hardware: &Hardware, status: &HardwareStatus) {
    let help = "Whether a pipeline profile works on this machine, and why or why not.";
    let mut family = out.gauge("millrace_profile_works", help);
    for profile in &hardware.found.examined.report.profiles {
        let labels = [("profile", profile.name.as_str()), ("reason", &profile.reason)];
        family = family.with(&labels, f64::from(u8::from(profile.works)));
    }
    let help = "Whether trials of profiles are still to be made.";
    out.gauge("millrace_hardware_examining", help).value(f64::from(u8::from(hardware.found.examining)));
    let mut family = out.gauge("millrace_hardware_sessions", "Encoders of hardware at work.");
    for SessionStatus { profile, at_work, .. } in &status.sessions {
        family = family.with(&[("profile", profile)], f64::from(*at_work));
    }
    let help = "Encoders that hardware has at once, where that is known.";
    let mut family = out.gauge("millrace_hardware_sessions_limit", help);
    for SessionStatus { profile, limit, .. } in &status.sessions {
        if let Some(limit) = limit {
            family = family.with(&[("profile", profile)], f64::from(*limit));
        }
    }
    let help = "Time for which hardware that failed is not used, by what of it; all of it without.";
    let mut family = out.gauge("millrace_hardware_rests_seconds", help);
    for rest in &status.resting {
        let what = rest.combination.as_deref().unwrap_or_default();
        let labels = [("profile", rest.profile.as_str()), ("what", what), ("reason", &rest.why)];
        family = family.with(&labels, rest.left.as_secs_f64());
    }
}

fn scan(out: &mut Exposition, scan: &ScanStatus) {
    for (name, help, value) in [
        ("millrace_scan_paths", "Files and folders met by the last scan.", scan.scanned_paths),
        ("millrace_scan_candidates", "Films among them.", scan.candidates),
        ("millrace_scan_indexed", "Films that were new or changed.", scan.indexed),
        ("millrace_scan_unchanged", "Films that were as before.", scan.unchanged),
        ("millrace_scan_probed", "Films the last scan looked into.", scan.probed),
        ("millrace_scan_failed", "Paths and films the last scan could not read.", scan.failed),
        ("millrace_files_offline", "Listed films that cannot be seen.", scan.offline),
    ] {
        out.gauge(name, help).value(value as f64);
    }
    let mut family = out.gauge("millrace_files", "Probed films by the codec of their picture.");
    for (codec, count) in &scan.codec_counts {
        family = family.with(&[("codec", codec)], *count as f64);
    }
}
