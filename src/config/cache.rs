//! `[cache]`: room for segments on disk.

use super::bounds::Bounds;
use super::byte_size::ByteSize;
use super::key::{Key, Slot, Table, quoted};

#[derive(Clone, Debug, PartialEq)]
pub struct Cache {
    /// Segments are dropped, the longest unread first, so that they stay below this.
    pub size: ByteSize,
    /// Free space of the file system that segments leave to others.
    pub min_free: ByteSize,
}

pub const DEFAULT_SIZE: ByteSize = ByteSize::from_gib(20);
pub const DEFAULT_MIN_FREE: ByteSize = ByteSize::from_gib(2);

const SIZE: Bounds<ByteSize> = Bounds {
    low: ByteSize::from_mib(100),
    high: ByteSize::from_gib(1 << 20),
    reason: "less would drop segments before their viewer has fetched them",
};
const MIN_FREE: Bounds<ByteSize> = Bounds {
    low: ByteSize::from_bytes(0),
    high: ByteSize::from_gib(1 << 20),
    reason: "no disk has more to leave free",
};

impl Default for Cache {
    fn default() -> Self {
        Self { size: DEFAULT_SIZE, min_free: DEFAULT_MIN_FREE }
    }
}

pub(super) const TABLE: Table = Table {
    name: "cache",
    doc: "Room for segments on disk.",
    repeated: false,
    keys: &[
        Key {
            name: "size",
            default: r#""20 GiB""#,
            accepts: "a size of 100 MiB or more, as \"20 GiB\", \"500 MB\" or a number of bytes",
            doc: "The most that segments may take; the longest unread are dropped first.",
            slot: Slot::Config {
                set: |config, given, problems| {
                    let read = given.parse_amount().and_then(|size| SIZE.check(size));
                    problems.keep(&mut config.cache.size, given, read);
                },
                show: |config| quoted(config.cache.size),
            },
        },
        Key {
            name: "min-free",
            default: r#""2 GiB""#,
            accepts: "a size, as \"2 GiB\" or \"500 MB\"; \"0\" for none",
            doc: "Free space of the file system that segments leave to others.",
            slot: Slot::Config {
                set: |config, given, problems| {
                    let read = given.parse_amount().and_then(|size| MIN_FREE.check(size));
                    problems.keep(&mut config.cache.min_free, given, read);
                },
                show: |config| quoted(config.cache.min_free),
            },
        },
    ],
};
