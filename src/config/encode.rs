//! `[encode]`: how pictures and sound are made.

use super::Config;
use super::bit_rate::BitRate;
use super::bounds::Bounds;
use super::given::{Given, Shape};
use super::key::{Key, Slot, Table, quoted};
use super::ladder::Ladder;
use super::problems::Problems;
use super::profile_choice::ProfileChoice;
use super::refusal::Refusal;
use super::span::Span;

#[derive(Clone, Debug, PartialEq)]
pub struct Encode {
    pub profile: ProfileChoice,
    /// Length of a segment.
    pub segment: Span,
    /// Longest length of a part of a segment; shorter than `segment`.
    pub part: Span,
    pub ladder: Ladder,
    /// Of a stereo track.
    pub audio_bitrate: BitRate,
    pub max_heads: MaxHeads,
    /// How far ahead of the furthest viewer a head works; not less than `segment`.
    pub look_ahead: Span,
    /// How long a head is kept that nobody needs.
    pub idle_timeout: Span,
}

/// The most heads at work at once, over all files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MaxHeads {
    /// By what the machine was seen to manage.
    #[default]
    Auto,
    Count(u8),
}

pub const DEFAULT_SEGMENT: Span = Span::from_secs(2);
pub const DEFAULT_PART: Span = Span::from_millis(333);
pub const DEFAULT_AUDIO_BITRATE: BitRate = BitRate::from_kbps(160);
pub const DEFAULT_LOOK_AHEAD: Span = Span::from_secs(60);
pub const DEFAULT_IDLE_TIMEOUT: Span = Span::from_secs(60);

const SEGMENT: Bounds<Span> = Bounds {
    low: Span::from_secs(1),
    high: Span::from_secs(10),
    reason: "shorter wastes bits on keyframes and requests, longer makes starts and switches slow",
};
const PART: Bounds<Span> = Bounds {
    low: Span::from_millis(100),
    high: Span::from_secs(1),
    reason: "shorter costs more in requests than it saves in delay, longer is a segment",
};
const AUDIO_BITRATE: Bounds<BitRate> = Bounds {
    low: BitRate::from_kbps(32),
    high: BitRate::from_kbps(512),
    reason: "what AAC encoders take for two channels",
};
const MAX_HEADS: Bounds<i64> =
    Bounds { low: 1, high: 64, reason: "each is a process with a decoder and encoders of its own" };
const LOOK_AHEAD: Bounds<Span> = Bounds {
    low: Span::from_secs(2),
    high: Span::from_secs(3600),
    reason: "less starves players' buffers, more is work that few viewers stay for",
};
const IDLE_TIMEOUT: Bounds<Span> = Bounds {
    low: Span::from_secs(1),
    high: Span::from_secs(3600),
    reason: "an idle head keeps its memory and its place on the encoder",
};

impl Default for Encode {
    fn default() -> Self {
        Self {
            profile: ProfileChoice::default(),
            segment: DEFAULT_SEGMENT,
            part: DEFAULT_PART,
            ladder: Ladder::default(),
            audio_bitrate: DEFAULT_AUDIO_BITRATE,
            max_heads: MaxHeads::default(),
            look_ahead: DEFAULT_LOOK_AHEAD,
            idle_timeout: DEFAULT_IDLE_TIMEOUT,
        }
    }
}

pub(super) const TABLE: Table = Table {
    name: "encode",
    doc: "How pictures and sound are made.",
    repeated: false,
    keys: &[
        Key {
            name: "profile",
            default: r#""auto""#,
            accepts: "\"auto\", or the name of a pipeline profile, as \"software\"",
            doc: "The hardware to encode with; `auto` takes the best that works.",
            slot: Slot::Config {
                set: |config, given, problems| {
                    problems.keep(&mut config.encode.profile, given, given.parse());
                },
                show: |config| quoted(&config.encode.profile),
            },
        },
        Key {
            name: "segment",
            default: r#""2s""#,
            accepts: "a time from 1s to 10s, as \"2s\"",
            doc: "Length of a segment.",
            slot: Slot::Config {
                set: |config, given, problems| {
                    keep_span(&mut config.encode.segment, given, &SEGMENT, problems);
                },
                show: |config| quoted(config.encode.segment),
            },
        },
        Key {
            name: "part",
            default: r#""333ms""#,
            accepts: "a time from 100ms to 1s, shorter than `segment`, as \"333ms\"",
            doc: "Longest part of a segment that is sent on its own.",
            slot: Slot::Config {
                set: |config, given, problems| keep_span(&mut config.encode.part, given, &PART, problems),
                show: |config| quoted(config.encode.part),
            },
        },
        Key {
            name: "ladder",
            default: r#"[{ height = 1080, bitrate = "6M" }, { height = 720, bitrate = "3M" }, { height = 360, bitrate = "800k" }]"#,
            accepts: "a list of up to 8 rungs, as [{ height = 720, bitrate = \"3M\" }]",
            doc: "The pictures a viewer's connection can choose from.",
            slot: Slot::Config {
                set: |config, given, problems| {
                    if let Some(ladder) = Ladder::read(given, problems) {
                        config.encode.ladder = ladder;
                    }
                },
                show: |config| config.encode.ladder.show(),
            },
        },
        Key {
            name: "audio-bitrate",
            default: r#""160k""#,
            accepts: "a bit rate from 32k to 512k, as \"160k\"",
            doc: "Rate of an encoded stereo track.",
            slot: Slot::Config {
                set: |config, given, problems| {
                    let read = given.parse_amount().and_then(|rate| AUDIO_BITRATE.check(rate));
                    problems.keep(&mut config.encode.audio_bitrate, given, read);
                },
                show: |config| quoted(config.encode.audio_bitrate),
            },
        },
        Key {
            name: "max-heads",
            default: r#""auto""#,
            accepts: "\"auto\" or a number from 1 to 64",
            doc: "The most encoders at work at once, over all files.",
            slot: Slot::Config {
                set: |config, given, problems| {
                    problems.keep(&mut config.encode.max_heads, given, read_max_heads(given));
                },
                show: |config| match config.encode.max_heads {
                    MaxHeads::Auto => quoted("auto"),
                    MaxHeads::Count(count) => count.to_string(),
                },
            },
        },
        Key {
            name: "look-ahead",
            default: r#""60s""#,
            accepts: "a time from 2s to 1h, not less than `segment`, as \"60s\"",
            doc: "How far ahead of the furthest viewer an encoder works.",
            slot: Slot::Config {
                set: |config, given, problems| {
                    keep_span(&mut config.encode.look_ahead, given, &LOOK_AHEAD, problems);
                },
                show: |config| quoted(config.encode.look_ahead),
            },
        },
        Key {
            name: "idle-timeout",
            default: r#""60s""#,
            accepts: "a time from 1s to 1h, as \"60s\"",
            doc: "How long an encoder is kept that nobody needs.",
            slot: Slot::Config {
                set: |config, given, problems| {
                    keep_span(&mut config.encode.idle_timeout, given, &IDLE_TIMEOUT, problems);
                },
                show: |config| quoted(config.encode.idle_timeout),
            },
        },
    ],
};

fn keep_span(slot: &mut Span, given: &Given, bounds: &Bounds<Span>, problems: &mut Problems) {
    problems.keep(slot, given, given.parse_amount().and_then(|span| bounds.check(span)));
}

fn read_max_heads(given: &Given) -> Result<MaxHeads, Refusal> {
    match &given.shape {
        Shape::Text(text) if text == "auto" => Ok(MaxHeads::Auto),
        _ => {
            let count = MAX_HEADS.check(given.as_integer()?)?;
            Ok(MaxHeads::Count(count as u8))
        }
    }
}

/// What no key can check alone.
pub(super) fn check_across(config: &Config, problems: &mut Problems) {
    let Encode { segment, part, look_ahead, .. } = &config.encode;
    if part >= segment {
        let refusal = Refusal::new(format!("`part` ({part}) is not shorter than `segment` ({segment})"));
        problems.report_at(
            &["encode.part", "encode.segment"],
            refusal.hint("a segment is made of several parts"),
        );
    }
    if look_ahead < segment {
        let refusal =
            Refusal::new(format!("`look-ahead` ({look_ahead}) is shorter than `segment` ({segment})"));
        problems.report_at(
            &["encode.look-ahead", "encode.segment"],
            refusal.hint("an encoder works ahead by whole segments"),
        );
    }
}
