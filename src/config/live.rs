//! `[live]`: the shared live edge.

use super::bounds::Bounds;
use super::key::{Key, Slot, Table, quoted};
use super::span::Span;

#[derive(Clone, Debug, PartialEq)]
pub struct Live {
    /// How far back from the live edge a viewer can go.
    pub window: Span,
}

pub const DEFAULT_WINDOW: Span = Span::from_secs(600);

const WINDOW: Bounds<Span> = Bounds {
    low: Span::from_secs(30),
    high: Span::from_secs(24 * 3600),
    reason: "a playlist holds three segments at least, and every update prints all of it",
};

impl Default for Live {
    fn default() -> Self {
        Self { window: DEFAULT_WINDOW }
    }
}

pub(super) const TABLE: Table = Table {
    name: "live",
    doc: "The shared live edge of a file.",
    repeated: false,
    keys: &[Key {
        name: "window",
        default: r#""10m""#,
        accepts: "a time from 30s to 24h, as \"10m\"",
        doc: "How far back from the live edge a viewer can go.",
        slot: Slot::Config {
            set: |config, given, problems| {
                let read = given.parse_amount().and_then(|window| WINDOW.check(window));
                problems.keep(&mut config.live.window, given, read);
            },
            show: |config| quoted(config.live.window),
        },
    }],
};
