//! The Prometheus text format, version 0.0.4: families of samples, each named once.

use std::fmt::Write;

use crate::encoder::telemetry::{BOUNDS_S, Distribution};

#[derive(Default)]
pub struct Exposition(String);

/// Names and values of a sample's labels; one without a value is as good as none and is left out.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

/// One family, whose samples follow.
pub struct Family<'a> {
    out: &'a mut String,
    name: &'a str,
}

impl Exposition {
    pub fn text(self) -> String {
        self.0
    }

    /// How much there is now.
    pub fn gauge<'a>(&'a mut self, name: &'a str, help: &str) -> Family<'a> {
        self.family(name, "gauge", help)
    }

    /// What only grows; the name ends with `_total`.
    pub fn counter<'a>(&'a mut self, name: &'a str, help: &str) -> Family<'a> {
        self.family(name, "counter", help)
    }

    pub fn histogram<'a>(&'a mut self, name: &'a str, help: &str) -> Family<'a> {
        self.family(name, "histogram", help)
    }

    fn family<'a>(&'a mut self, name: &'a str, kind: &str, help: &str) -> Family<'a> {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {}\n# TYPE {name} {kind}", escaped_help(help));
        Family { out: &mut self.0, name }
    }
}

impl Family<'_> {
    /// The only sample of its family.
    pub fn value(self, value: f64) {
        self.with(&[], value);
    }

    pub fn with(mut self, labels: Labels<'_>, value: f64) -> Self {
        self.sample("", labels, None, value);
        self
    }

    pub fn distribution(mut self, labels: Labels<'_>, seen: &Distribution) -> Self {
        for (bound, count) in BOUNDS_S.iter().zip(seen.cumulative) {
            self.sample("_bucket", labels, Some(&bound.to_string()), count as f64);
        }
        self.sample("_bucket", labels, Some("+Inf"), seen.count as f64);
        self.sample("_sum", labels, None, seen.sum_s);
        self.sample("_count", labels, None, seen.count as f64);
        self
    }

    fn sample(&mut self, suffix: &str, labels: Labels<'_>, bound: Option<&str>, value: f64) {
        let out = &mut *self.out;
        let _ = write!(out, "{}{suffix}", self.name);
        let given = labels.iter().copied().filter(|(_, value)| !value.is_empty());
        let mut before = '{';
        for (name, value) in given.chain(bound.map(|bound| ("le", bound))) {
            let _ = write!(out, "{before}{name}=\"{}\"", escaped(value));
            before = ',';
        }
        let close = if before == ',' { "}" } else { "" };
        let _ = match value {
            f64::INFINITY => writeln!(out, "{close} +Inf"),
            f64::NEG_INFINITY => writeln!(out, "{close} -Inf"),
            value => writeln!(out, "{close} {value}"),
        };
    }
}

/// "label_value can be any sequence of UTF-8 characters, but the backslash (`\`), double-quote (`"`), and line
/// feed (`\n`) characters have to be escaped".
fn escaped(value: &str) -> String {
    escaped_help(value).replace('"', "\\\"")
}

/// In docstrings, "the backslash and the line feed characters have to be escaped".
fn escaped_help(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_follow_the_head_of_their_family() {
        let mut out = Exposition::default();
        out.gauge("a", "One\nline \\ \"here\".").value(1.5);
        out.counter("b_total", "Many.").with(&[("x", "\"\\\n"), ("y", "")], 7.0).with(&[], 1e21);
        let expected = "# HELP a One\\nline \\\\ \"here\".\n# TYPE a gauge\na 1.5\n\
             # HELP b_total Many.\n# TYPE b_total counter\nb_total{x=\"\\\"\\\\\\n\"} 7\n\
             b_total 1000000000000000000000\n";
        assert_eq!(out.text(), expected);
    }

    #[test]
    fn a_histogram_is_its_buckets_sum_and_count() {
        let histogram = crate::encoder::telemetry::Histogram::default();
        histogram.observe(std::time::Duration::from_millis(20));
        histogram.observe(std::time::Duration::from_secs(60));
        let mut out = Exposition::default();
        out.histogram("t_seconds", "Time.").distribution(&[("k", "v")], &histogram.distribution());
        let text = out.text();
        for line in [
            "t_seconds_bucket{k=\"v\",le=\"0.01\"} 0",
            "t_seconds_bucket{k=\"v\",le=\"0.025\"} 1",
            "t_seconds_bucket{k=\"v\",le=\"30\"} 1",
            "t_seconds_bucket{k=\"v\",le=\"+Inf\"} 2",
            "t_seconds_sum{k=\"v\"} 60.02",
            "t_seconds_count{k=\"v\"} 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
