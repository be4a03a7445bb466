//! Properties with the types and the values of the real ones: a wrong word in a launch line is a mistake here, too.

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::glib::prelude::*;
use gstreamer::glib::translate::{FromGlib, IntoGlib};
use gstreamer::prelude::*;

pub fn boolean(name: &str, default: bool) -> glib::ParamSpec {
    glib::ParamSpecBoolean::builder(name).default_value(default).build()
}

/// From 0 on.
pub fn number(name: &str, most: u32, default: u32) -> glib::ParamSpec {
    glib::ParamSpecUInt::builder(name).maximum(most).default_value(default).mutable_playing().build()
}

/// From -1 on.
pub fn signed(name: &str, default: i32) -> glib::ParamSpec {
    glib::ParamSpecInt::builder(name).minimum(-1).default_value(default).build()
}

pub fn structure(name: &str) -> glib::ParamSpec {
    glib::ParamSpecBoxed::builder::<gst::Structure>(name).build()
}

/// One of the words that are the variants of `E`.
pub fn word<E>(name: &str, default: E) -> glib::ParamSpec
where
    E: StaticType + FromGlib<i32> + IntoGlib<GlibType = i32>,
{
    glib::ParamSpecEnum::builder_with_default(name, default).build()
}

/// NVENC's, of GStreamer 1.22.
#[derive(Clone, Copy, Default, glib::Enum)]
#[enum_type(name = "StandInOldPreset")]
pub enum OldPreset {
    #[default]
    Default,
    Hp,
    Hq,
    LowLatency,
    LowLatencyHq,
    LowLatencyHp,
    Lossless,
    LosslessHp,
}

/// NVENC's, of GStreamer 1.26.
#[derive(Clone, Copy, Default, glib::Enum)]
#[enum_type(name = "StandInPreset")]
pub enum Preset {
    #[default]
    Default,
    Hp,
    Hq,
    LowLatency,
    LowLatencyHq,
    LowLatencyHp,
    Lossless,
    LosslessHp,
    P1,
    P2,
    P3,
    P4,
    P5,
    P6,
    P7,
}

#[derive(Clone, Copy, Default, glib::Enum)]
#[enum_type(name = "StandInTune")]
pub enum Tune {
    #[default]
    Default,
    HighQuality,
    LowLatency,
    UltraLowLatency,
    Lossless,
}

/// NVENC's.
#[derive(Clone, Copy, Default, glib::Enum)]
#[enum_type(name = "StandInRcMode")]
pub enum RcMode {
    #[default]
    Default,
    Constqp,
    Cbr,
    Vbr,
    VbrMinqp,
}

/// Of VA-API, as Intel's driver has it.
#[derive(Clone, Copy, Default, glib::Enum)]
#[enum_type(name = "StandInVaRateControl")]
pub enum VaRateControl {
    #[default]
    Cbr,
    Vbr,
    Cqp,
    Icq,
    Qvbr,
    Vcm,
}

/// Of Quick Sync.
#[derive(Clone, Copy, Default, glib::Enum)]
#[enum_type(name = "StandInQsvRateControl")]
pub enum QsvRateControl {
    Cbr,
    #[default]
    Vbr,
    Cqp,
    Avbr,
    Icq,
    Vcm,
    Qvbr,
}

/// Of `vadeinterlace`.
#[derive(Clone, Copy, Default, glib::Enum)]
#[enum_type(name = "StandInDeinterlaceMethod")]
pub enum DeinterlaceMethod {
    #[default]
    Default,
    Bob,
    Weave,
    Adaptive,
    Compensated,
}
