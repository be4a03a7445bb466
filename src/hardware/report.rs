//! What was found, as `millrace doctor --json` and `/api/hardware` tell it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::pipeline::ProfileKind;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Every profile there is, the preferred first.
    pub profiles: Vec<ProfileReport>,
    pub devices: Vec<DeviceNode>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProfileReport {
    pub name: String,
    pub kind: ProfileKind,
    pub works: bool,
    /// Why it does, or why not.
    pub reason: String,
    /// What the owner can do where it does not.
    pub remedy: Option<String>,
    /// By codec.
    pub encodes: BTreeMap<String, Encodes>,
    /// Codecs, wherever they are decoded.
    pub decodes: Vec<String>,
    /// Those that the device decodes.
    pub decodes_on_device: Vec<String>,
    /// What else frames can be made into on the device.
    pub on_device: Vec<String>,
    /// What was tried and did not work: what → why.
    pub fails: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Encodes {
    /// Of 640x360 pictures; video only.
    #[serde(rename = "frames_per_second_360p")]
    pub frames_per_second: Option<f64>,
}

/// A device node that hardware is reached by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceNode {
    pub path: String,
    pub usable: bool,
    /// Why it is not.
    pub reason: Option<String>,
    pub remedy: Option<String>,
}
