//! `/metrics`, read as strictly as Prometheus says it is to be written.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::fixture::service;
use crate::encoder::telemetry::{EndCause, Source, Work};

type Series = (String, BTreeMap<String, String>);

#[derive(Debug)]
struct Family {
    kind: String,
    samples: Vec<(Series, f64)>,
}

/// Everything that the text exposes. Panics where it breaks a rule of the format, or a convention on names.
fn parse(text: &str) -> BTreeMap<String, Family> {
    assert!(text.ends_with('\n'), "the last line ends too");
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut seen: BTreeSet<Series> = BTreeSet::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let (name, help) =
            line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')).unwrap_or_else(|| {
                panic!("{line:?} instead of HELP");
            });
        assert!(!help.is_empty() && is_name(name), "{line}");
        let kind =
            lines.next().and_then(|line| line.strip_prefix(&format!("# TYPE {name} ")).map(str::to_owned));
        let kind = kind.unwrap_or_else(|| panic!("TYPE follows HELP of {name}"));
        assert!(matches!(kind.as_str(), "counter" | "gauge" | "histogram"), "{name} {kind}");
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
        let mut samples = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            let (series, value) = sample(line);
            let belongs = match series.0.strip_prefix(name) {
                Some("") => kind != "histogram",
                Some("_bucket" | "_sum" | "_count") => kind == "histogram",
                _ => false,
            };
            assert!(belongs, "{line} in {name}");
            assert!(kind == "gauge" || value >= 0.0, "{line}");
            assert!(seen.insert(series.clone()), "{line} is there twice");
            samples.push((series, value));
        }
        let family = Family { kind, samples };
        assert!(families.insert(name.to_owned(), family).is_none(), "{name} is there twice");
    }
    families.values().filter(|family| family.kind == "histogram").for_each(check_histogram);
    families
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && name.starts_with(|c: char| c.is_ascii_lowercase())
}

fn sample(line: &str) -> (Series, f64) {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line:?} has no value"));
    let value = match value {
        "+Inf" => f64::INFINITY,
        value => value.parse().unwrap_or_else(|_| panic!("{line:?} has no number")),
    };
    let Some((name, labels)) = series.split_once('{') else {
        return ((series.into(), BTreeMap::new()), value);
    };
    let mut rest = labels.strip_suffix('}').unwrap_or_else(|| panic!("{line:?} does not close"));
    let mut read = BTreeMap::new();
    while !rest.is_empty() {
        let (label, quoted) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line:?}"));
        assert!(is_name(label), "{line}");
        let (mut text, mut escaped, mut end) = (String::new(), false, None);
        for (at, c) in quoted.char_indices() {
            match (escaped, c) {
                (true, 'n') => text.push('\n'),
                (true, '\\' | '"') => text.push(c),
                (true, _) => panic!("{line:?} escapes {c}"),
                (false, '"') => end = Some(at),
                (false, '\\') => {}
                (false, c) => text.push(c),
            }
            escaped = !escaped && c == '\\';
            if end.is_some() {
                break;
            }
        }
        let end = end.unwrap_or_else(|| panic!("{line:?} has an open quote"));
        assert!(read.insert(label.to_owned(), text).is_none(), "{line} has {label} twice");
        rest = &quoted[end + 1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    ((name.to_owned(), read), value)
}

/// For each set of labels: buckets by rising bounds and rising counts up to `+Inf`, which is the count, and a sum.
fn check_histogram(family: &Family) {
    type Sample<'a> = (&'a str, Option<String>, f64);
    let mut groups: BTreeMap<BTreeMap<String, String>, Vec<Sample<'_>>> = BTreeMap::new();
    for ((name, labels), value) in &family.samples {
        let mut labels = labels.clone();
        let bound = labels.remove("le");
        groups.entry(labels).or_default().push((name, bound, *value));
    }
    for (labels, samples) in groups {
        let of = |suffix: &str| {
            samples.iter().filter(move |(name, ..)| name.ends_with(suffix)).collect::<Vec<_>>()
        };
        let (buckets, sums, counts) = (of("_bucket"), of("_sum"), of("_count"));
        assert_eq!((sums.len(), counts.len()), (1, 1), "{labels:?}");
        let bounds: Vec<f64> = buckets
            .iter()
            .map(|(_, bound, _)| match bound.as_deref() {
                Some("+Inf") => f64::INFINITY,
                Some(bound) => bound.parse().unwrap(),
                None => panic!("a bucket without `le`: {labels:?}"),
            })
            .collect();
        assert!(bounds.is_sorted_by(|a, b| a < b), "{bounds:?}");
        assert!(buckets.is_sorted_by(|a, b| a.2 <= b.2), "{buckets:?}");
        assert_eq!(bounds.last(), Some(&f64::INFINITY), "{labels:?}");
        assert_eq!(buckets.last().map(|bucket| bucket.2), Some(counts[0].2), "{labels:?}");
    }
}

fn value(families: &BTreeMap<String, Family>, series: &str) -> f64 {
    let (wanted, _) = sample(&format!("{series} 0"));
    let mut samples = families.values().flat_map(|family| &family.samples);
    let found = samples.find(|(series, _)| *series == wanted);
    found.unwrap_or_else(|| panic!("there is no {series}")).1
}

#[tokio::test]
async fn everything_is_exposed_by_the_rules_of_the_format() {
    let (service, _) = service().with_file("a.mkv", "content").await;
    let reply = service.get("/metrics").await;
    assert_eq!(reply.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let families = parse(reply.text());
    for (series, expected) in [
        ("millrace_workers", 3.0),
        ("millrace_workers_spare", 2.0),
        ("millrace_worker_deaths_total{cause=\"killed\"}", 1.0),
        ("millrace_heads{state=\"running\"}", 1.0),
        ("millrace_heads{state=\"paused\"}", 0.0),
        ("millrace_heads_limit", 8.0),
        ("millrace_head_speed_ratio{rendition=\"vcopy\",profile=\"copy\"}", 7.5),
        ("millrace_store_bytes", 700.0),
        ("millrace_store_limit_bytes", 1000.0),
        ("millrace_store_segments", 7.0),
        ("millrace_scan_candidates", 1.0),
        ("millrace_files{codec=\"none\"}", 1.0),
    ] {
        assert_eq!(value(&families, series), expected, "{series}");
    }
    for name in ["process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds"] {
        assert!(value(&families, name) > 0.0, "{name}");
    }
}

#[tokio::test]
async fn what_the_encoders_count_is_exposed() {
    let service = service();
    let telemetry = &service.streams.telemetry;
    let done = telemetry.work(Work::EncodeVideo);
    done.started.add(2);
    done.bytes.add(1000);
    done.media_us.add(2_500_000);
    done.first_fragment.observe(Duration::from_millis(250));
    telemetry.ended(EndCause::MetStored).add(3);
    telemetry.served(Source::Growing).add(4);
    telemetry.waits.observe(Duration::from_millis(40));
    let _queued = telemetry.queued_heads.hold();
    let families = parse(service.get("/metrics").await.text());
    let encodes = "kind=\"encode\",media=\"video\"";
    for (series, expected) in [
        (format!("millrace_heads_started_total{{{encodes}}}"), 2.0),
        (format!("millrace_segments_made_bytes_total{{{encodes}}}"), 1000.0),
        (format!("millrace_media_made_seconds_total{{{encodes}}}"), 2.5),
        (format!("millrace_first_fragment_seconds_bucket{{{encodes},le=\"0.3\"}}"), 1.0),
        (format!("millrace_first_fragment_seconds_bucket{{{encodes},le=\"0.2\"}}"), 0.0),
        ("millrace_first_fragment_seconds_count{kind=\"copy\",media=\"video\"}".into(), 0.0),
        ("millrace_heads_ended_total{cause=\"met-stored\"}".into(), 3.0),
        ("millrace_segments_served_total{from=\"growing\"}".into(), 4.0),
        ("millrace_segment_wait_seconds_sum".into(), 0.04),
        ("millrace_store_hits_total{from=\"memory\"}".into(), 5.0),
        ("millrace_store_evictions_total".into(), 6.0),
        ("millrace_heads_queued".into(), 1.0),
    ] {
        assert_eq!(value(&families, &series), expected, "{series}");
    }
}

#[test]
#[should_panic(expected = "is there twice")]
fn this_reader_finds_a_series_that_is_there_twice() {
    parse("# HELP a A.\n# TYPE a gauge\na{x=\"1\"} 1\na{x=\"1\"} 2\n");
}
