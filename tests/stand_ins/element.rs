//! What there is to say of an element: a line of a family's table.

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;

use crate::relabel::Relabel;

/// A line of a family's table.
pub struct Element {
    pub name: &'static str,
    pub work: Work,
    /// Caps of its pads.
    pub sink: String,
    pub src: String,
    /// The feature of its device's memory, where it has any of its own.
    pub memory: Option<&'static str>,
    /// Launch text of the software; nothing where only the memory changes. What properties are handed on to is called
    /// [`CODEC`] or [`FLIP`] in it.
    pub inside: &'static str,
    pub properties: Vec<glib::ParamSpec>,
    pub refusal: Refusal,
    /// It makes a keyframe where one is asked for.
    pub hears_requests: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Work {
    Decodes,
    Encodes,
    Converts,
}

/// How an element says that the hardware does not serve it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It does not start: it opens its session then.
    Library,
    /// It does not start: it opens its device file then.
    Device,
    /// It takes no caps, and says why.
    Caps,
    /// It takes no caps and says nothing, so that the source of the stream says that something is wrong.
    SilentCaps,
}

impl Refusal {
    pub fn at_start(self) -> bool {
        matches!(self, Self::Library | Self::Device)
    }
}

/// Frames in the system's memory.
const RAW: &str = "video/x-raw";
pub const CODEC: &str = "codec";
pub const FLIP: &str = "flip";

/// Raw video of these formats: in the memory of a device, or in the system's.
pub fn raw(memory: Option<&str>, formats: &str) -> String {
    let features = memory.map(|memory| format!("({memory})")).unwrap_or_default();
    format!("{RAW}{features}, format=(string){{ {formats} }}")
}

/// In either.
pub fn raw_in_both(memory: &str, formats: &str) -> String {
    format!("{}; {}", raw(Some(memory), formats), raw(None, formats))
}

impl Work {
    /// The class of the element, as in its metadata.
    pub fn words(self) -> &'static str {
        match self {
            Self::Decodes => "Codec/Decoder/Video/Hardware",
            Self::Encodes => "Codec/Encoder/Video/Hardware",
            Self::Converts => "Filter/Converter/Video/Scaler/Hardware",
        }
    }
}

impl Element {
    pub fn templates(&self) -> [gst::PadTemplate; 2] {
        let pads = [("sink", gst::PadDirection::Sink), ("src", gst::PadDirection::Src)];
        let texts = [&self.sink, &self.src];
        let both = std::iter::zip(pads, texts).map(|((name, direction), text)| {
            gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &caps(text)).expect("a pad")
        });
        both.collect::<Vec<_>>().try_into().expect("two pads")
    }

    /// From the caps of a pad to software, which gets frames as they are: much of it passes on what it does not know.
    fn end(&self, text: &str) -> Vec<gst::Element> {
        let filter = |text: &str| {
            let filter = gst::ElementFactory::make("capsfilter").property("caps", caps(text)).build();
            filter.expect("a caps filter")
        };
        let Some(memory) = self.memory.filter(|_| text.starts_with(RAW)) else {
            return vec![filter(text)];
        };
        vec![filter(text), Relabel::new(memory).upcast(), filter(RAW)]
    }

    /// Everything inside, in the order of the stream.
    pub fn chain(&self) -> Vec<gst::Element> {
        let mut chain = self.end(&self.sink);
        if !self.inside.is_empty() {
            let software = gst::parse::bin_from_description(self.inside, true);
            chain.push(software.unwrap_or_else(|error| panic!("{}: {error}", self.name)).upcast());
        }
        chain.extend(self.end(&self.src).into_iter().rev());
        chain
    }
}

fn caps(text: &str) -> gst::Caps {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}
