//! WebVTT (W3C "WebVTT: The Web Video Text Tracks Format"): files that are read, and what players are given.

use std::ops::Range;

use super::cue::{Cue, MAX_CUES, Packet, clock_seconds};
use crate::timeline::Nanos;

const NANOS_PER_MILLI: Nanos = 1_000_000;
/// The cues of a file; its styles and regions are left out.
pub fn read(text: &str) -> Vec<Cue> {
    let mut cues: Vec<Cue> = Vec::new();
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    for block in text.split("\n\n").take(MAX_CUES) {
        let mut lines = block.lines().skip_while(|line| !line.contains("-->"));
        let Some((start_ns, end_ns, settings)) = lines.next().and_then(times) else { continue };
        let body: Vec<&str> = lines.collect();
        cues.extend(cue(start_ns, end_ns, &body.join("\n"), settings));
    }
    cues.sort_by_key(|cue| cue.start_ns);
    cues
}

/// One cue of a container, with its settings in the first line of `addition` (RFC 9559's codec mappings,
/// `S_TEXT/WEBVTT`).
pub fn packet(packet: &Packet, addition: &[u8]) -> Option<Cue> {
    let settings = String::from_utf8_lossy(addition.split(|&byte| byte == b'\n').next().unwrap_or_default())
        .into_owned();
    cue(packet.start_ns, packet.end_ns, &String::from_utf8_lossy(&packet.data), &settings)
}

/// All cues as one file, times from the file's origin.
pub fn whole(cues: &[Cue]) -> String {
    let mut out = String::from("WEBVTT\n\n");
    cues.iter().for_each(|cue| write(&mut out, cue));
    out
}

/// The segment that covers `time`: every cue that is shown in it, "with its original times" (RFC 8216 section 3.5). Those
/// count from the file's origin, which has the time stamp `origin` in the media, in units of 90 kHz.
pub fn segment(cues: &[Cue], time: Range<Nanos>, origin: i64) -> String {
    let mut out = format!("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:{origin},LOCAL:00:00:00.000\n\n");
    let shown = |cue: &&Cue| cue.start_ns < time.end && cue.end_ns > time.start;
    cues.iter().filter(shown).for_each(|cue| write(&mut out, cue));
    out
}

fn cue(start_ns: Nanos, end_ns: Nanos, body: &str, settings: &str) -> Option<Cue> {
    let lines = body.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.contains("-->"));
    let text = lines.collect::<Vec<_>>().join("\n").replace('\0', "");
    let settings: Vec<&str> =
        settings.split_whitespace().filter(|setting| !setting.starts_with("region:")).collect();
    (end_ns > start_ns && !text.is_empty()).then(|| Cue {
        start_ns,
        end_ns,
        text,
        settings: settings.join(" "),
    })
}

/// Section 4.1: times, then settings.
fn times(line: &str) -> Option<(Nanos, Nanos, &str)> {
    let (start, rest) = line.split_once("-->")?;
    let rest = rest.trim_start();
    let (end, settings) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    Some((time(start.trim())?, time(end)?, settings.trim()))
}

/// `01:02:03.004`, hours may be missing. Commas are SubRip's, from which many files were made.
fn time(text: &str) -> Option<Nanos> {
    let (clock, millis) = text.split_once(['.', ','])?;
    let spaced = clock.contains(char::is_whitespace);
    if spaced || !(2..=3).contains(&clock.split(':').count()) || millis.len() != 3 {
        return None;
    }
    (clock_seconds(clock)? * 1000 + i64::from(millis.parse::<u32>().ok()?)).checked_mul(NANOS_PER_MILLI)
}

fn write(out: &mut String, cue: &Cue) {
    let start = cue.start_ns.max(0) / NANOS_PER_MILLI;
    let end = (cue.end_ns.max(0) / NANOS_PER_MILLI).max(start + 1);
    let settings = if cue.settings.is_empty() { String::new() } else { format!(" {}", cue.settings) };
    out.push_str(&format!("{} --> {}{settings}\n{}\n\n", Clock(start), Clock(end), cue.text));
}

/// Milliseconds as hours, minutes and seconds.
struct Clock(i64);

impl std::fmt::Display for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(millis) = *self;
        let seconds = millis / 1000;
        write!(f, "{:02}:{:02}:{:02}.{:03}", seconds / 3600, seconds / 60 % 60, seconds % 60, millis % 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Nanos = 1_000_000_000;

    fn said(start_s: i64, end_s: i64, text: &str) -> Cue {
        Cue { start_ns: start_s * SECOND, end_ns: end_s * SECOND, text: text.into(), settings: String::new() }
    }

    #[test]
    fn a_segment_has_every_cue_that_is_shown_in_it() {
        let cues = [said(0, 3, "a"), said(2, 4, "b"), said(4, 5, "c")];
        let expected = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n\n\
                        00:00:00.000 --> 00:00:03.000\na\n\n00:00:02.000 --> 00:00:04.000\nb\n\n";
        assert_eq!(segment(&cues, 2 * SECOND..4 * SECOND, 0), expected);
        let empty = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n\n";
        assert_eq!(segment(&cues, 9 * SECOND..11 * SECOND, 0), empty);
    }

    #[test]
    fn a_file_keeps_its_cues_and_loses_its_styles() {
        let file = "WEBVTT - x\r\n\r\nSTYLE\r\n::cue { color: red }\r\n\r\nNOTE a --> b\r\n\r\nid\r\n00:01.000 --> 01:00:02.500 line:0 region:r align:left\r\n<v Bob>Hi\r\n- you\r\n\r\n00:05.000 --> 00:04.000\r\nbackwards\r\n";
        let cues = read(file);
        let expected = Cue {
            start_ns: SECOND,
            end_ns: 3602 * SECOND + SECOND / 2,
            text: "<v Bob>Hi\n- you".into(),
            settings: "line:0 align:left".into(),
        };
        assert_eq!(cues, [expected]);
    }

    #[test]
    fn times_as_they_are() {
        for (times, expected) in [
            ("00:01.000 --> 00:02.000", Some((1, 2))),
            ("00:00:01,000 --> 00:00:02.000", Some((1, 2))),
            ("75:00.000 --> 75:01.000", Some((4500, 4501))),
            ("00:02.000 --> 00:01.000", None),
            ("00:01 --> 00:02.000", None),
            ("-00:01.000 --> 00:02.000", None),
            ("00:00:00:01.000 --> 00:02.000", None),
            ("4294967295:59:59.999 --> 4294967296:00:00.000", None),
        ] {
            let cues = read(&format!("WEBVTT\n\n{times}\nsaid\n"));
            let seconds = cues.first().map(|cue| (cue.start_ns / SECOND, cue.end_ns / SECOND));
            assert_eq!(seconds, expected, "{times}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            times in prop::collection::vec((0i64..100_000_000, 1i64..10_000), 0..20),
        ) {
            let mut cues: Vec<Cue> = times
                .into_iter()
                .map(|(start_ms, length_ms)| Cue {
                    start_ns: start_ms * NANOS_PER_MILLI,
                    end_ns: (start_ms + length_ms) * NANOS_PER_MILLI,
                    text: "a &amp; <i>b</i>\nc".into(),
                    settings: String::new(),
                })
                .collect();
            cues.sort_by_key(|cue| cue.start_ns);
            prop_assert_eq!(read(&whole(&cues)), cues);
        }

        #[test]
        fn anything_may_be_in_a_file(file in "[0-9:.\\-> \n<a-z]{0,200}") {
            let _cues = read(&file);
        }
    }
}
