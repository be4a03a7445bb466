//! What stand-ins are told, as it stands in `orders.toml`: of which version of GStreamer they are, what of them is
//! missing, and what goes wrong.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The file, beside the plugin.
pub const ORDERS: &str = "orders.toml";
/// The folder beside it whose files are sessions.
pub const SESSIONS: &str = "sessions";

/// ```toml
/// api = "1.22"
/// missing = ["cudaconvertscale", "vapostproc.hdr-tone-mapping"]
///
/// [faults]
/// nvh264enc = "refuse"
/// nvh265enc = { abort = 48 }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Orders {
    pub api: Api,
    /// Elements, and properties as `element.property`.
    pub missing: Vec<String>,
    /// Of an element.
    pub faults: BTreeMap<String, Fault>,
}

/// The version of GStreamer whose elements these are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Api {
    #[serde(rename = "1.22")]
    V1_22,
    #[default]
    #[serde(rename = "1.26")]
    V1_26,
}

/// What an element does wrong. Numbers are of frames that it takes before: with 0, or fewer than it has taken already,
/// the next one is the one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// No session, as of hardware that is busy.
    Refuse,
    /// Says that it failed, and takes nothing any more.
    Fail(u64),
    /// Takes the process down.
    Abort(u64),
    /// Takes a frame and never comes back.
    Hang(u64),
    /// Does not hear that a keyframe is asked for.
    IgnoreKeyframes,
}
