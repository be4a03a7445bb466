//! Statistics that writers leave in `Tags` (RFC 9559, 5.1.8): how long a track is, of how many frames and bytes.
//! They are not checked by anybody and go stale when a file is edited.

use std::collections::BTreeMap;

use super::ebml::{Element, Id, elements};
use crate::timeline::Nanos;
use crate::timeline::ticks::NANOS_PER_SECOND;

const TAG: Id = 0x7373;
const TARGETS: Id = 0x63c0;
const TAG_TRACK_UID: Id = 0x63c5;
const SIMPLE_TAG: Id = 0x67c8;
const TAG_NAME: Id = 0x45a3;
const TAG_STRING: Id = 0x4487;

/// Longest name or value looked at, in bytes.
const MAX_TEXT: usize = 64;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    pub frames: Option<u64>,
    pub bytes: Option<u64>,
    pub duration_ns: Option<Nanos>,
}

/// Statistics by the UID of their track.
pub fn read(body: &[u8]) -> BTreeMap<u64, Statistics> {
    let mut all: BTreeMap<u64, Statistics> = BTreeMap::new();
    for tag in elements(body).filter(|tag| tag.id == TAG) {
        // A tag that names no track is one of the whole file.
        let Some(targets) = tag.child(TARGETS) else { continue };
        let told = statistics(tag);
        let uids = targets.children().filter(|child| child.id == TAG_TRACK_UID);
        for uid in uids.filter_map(|child| child.unsigned()).filter(|&uid| uid != 0) {
            let known = all.entry(uid).or_default();
            known.frames = known.frames.or(told.frames);
            known.bytes = known.bytes.or(told.bytes);
            known.duration_ns = known.duration_ns.or(told.duration_ns);
        }
    }
    all
}

fn statistics(tag: Element<'_>) -> Statistics {
    let mut found = Statistics::default();
    for simple in tag.children().filter(|child| child.id == SIMPLE_TAG) {
        let text = |id| simple.child(id).and_then(|child| child.text(MAX_TEXT));
        let (Some(name), Some(value)) = (text(TAG_NAME), text(TAG_STRING)) else { continue };
        match name.as_str() {
            "NUMBER_OF_FRAMES" => found.frames = value.parse().ok(),
            "NUMBER_OF_BYTES" => found.bytes = value.parse().ok(),
            "DURATION" => found.duration_ns = clock(&value),
            _ => {}
        }
    }
    found
}

/// `HH:MM:SS.nnnnnnnnn`.
fn clock(text: &str) -> Option<Nanos> {
    let mut parts = text.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if parts.next().is_some() || fraction.len() > 9 || !digits(fraction) {
        return None;
    }
    let number = |text: &str| text.parse::<u32>().ok().map(Nanos::from);
    let whole = (number(hours)? * 60 + number(minutes)?) * 60 + number(seconds)?;
    let fraction = number(&format!("{fraction:0<9}"))?;
    whole.checked_mul(NANOS_PER_SECOND)?.checked_add(fraction)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::ebml::tests::{element, unsigned};
    use super::*;

    pub fn tag(uid: u64, values: &[(&str, &str)]) -> Vec<u8> {
        let simple: Vec<u8> = values
            .iter()
            .flat_map(|(name, value)| {
                let name = element(TAG_NAME, &[name.as_bytes()]);
                element(SIMPLE_TAG, &[&name, &element(TAG_STRING, &[value.as_bytes()])])
            })
            .collect();
        element(TAG, &[&element(TARGETS, &[&unsigned(TAG_TRACK_UID, uid)]), &simple])
    }

    #[test]
    fn statistics_go_to_the_track_they_name() {
        let body = [
            tag(7, &[("NUMBER_OF_FRAMES", "250"), ("DURATION", "00:00:10.000000000")]),
            tag(8, &[("NUMBER_OF_FRAMES", "none"), ("NUMBER_OF_BYTES", "1234"), ("TITLE", "x")]),
        ]
        .concat();
        let all = read(&body);
        assert_eq!(all[&7].frames, Some(250));
        assert_eq!(all[&7].duration_ns, Some(10 * NANOS_PER_SECOND));
        assert_eq!(all[&8], Statistics { bytes: Some(1234), ..Statistics::default() });
        assert!(read(&tag(0, &[("NUMBER_OF_BYTES", "1")])).is_empty());
    }

    #[test]
    fn a_duration_is_a_clock_and_nothing_else() {
        for (text, expected) in [
            ("00:00:05.700000000", Some(5_700_000_000)),
            ("01:02:03.5", Some(3_723_500_000_000)),
            ("100:00:00", Some(360_000_000_000_000)),
            ("00:05.0", None),
            ("00:00:00:00", None),
            ("00:00:-1.0", None),
            ("00:00:01.+5", None),
            ("00:00:01.0000000001", None),
            ("4294967295:59:59", None),
            ("", None),
        ] {
            assert_eq!(clock(text), expected, "{text}");
        }
    }
}
