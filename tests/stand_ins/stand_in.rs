//! The one class of all stand-ins: a bin with software inside, between the caps of the element that it stands for. It
//! sees every frame and event that goes in, and does what it was ordered to.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer::subclass::prelude::*;

use crate::element::{CODEC, Element, FLIP, Refusal, Work};
use crate::orders::Fault;
use crate::registry::{element_of, folder, orders};
use crate::sessions::Session;

mod imp {
    use super::*;

    #[derive(Default)]
    pub struct StandIn {
        /// Frames since it was started.
        taken: AtomicU64,
        session: Mutex<Option<Session>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for StandIn {
        const NAME: &'static str = "StandIn";
        const ABSTRACT: bool = true;
        type Type = super::StandIn;
        type ParentType = gst::Bin;
    }

    impl ObjectImpl for StandIn {
        fn constructed(&self) {
            self.parent_constructed();
            let chain = self.element().chain();
            let bin = self.obj();
            bin.add_many(&chain).expect("new ones");
            gst::Element::link_many(&chain).expect("they fit");
            let inside = |element: Option<&gst::Element>, pad| element.and_then(|it| it.static_pad(pad));
            let target = inside(chain.first(), "sink").expect("a pad");
            let template = bin.pad_template("sink").expect("a template");
            let sink = gst::GhostPad::builder_from_template_with_target(&template, &target)
                .expect("they fit")
                .name("sink")
                .chain_function(|pad, parent, frame| {
                    let taken = |imp: &Self| imp.take(pad, frame);
                    Self::catch_panic_pad_function(parent, || Err(gst::FlowError::Error), taken)
                })
                .event_function(|pad, parent, event| {
                    Self::catch_panic_pad_function(parent, || false, |imp| imp.hear(pad, event))
                })
                .build();
            bin.add_pad(&sink).expect("its only one");
            let target = inside(chain.last(), "src").expect("a pad");
            let template = bin.pad_template("src").expect("a template");
            let src = gst::GhostPad::builder_from_template_with_target(&template, &target);
            bin.add_pad(&src.expect("they fit").name("src").build()).expect("its only one");
            for property in &self.element().properties {
                self.hand_on(property.name(), property.default_value());
            }
        }

        fn set_property(&self, _number: usize, value: &glib::Value, property: &glib::ParamSpec) {
            self.hand_on(property.name(), value);
        }

        /// Nobody looks at them.
        fn property(&self, _number: usize, property: &glib::ParamSpec) -> glib::Value {
            property.default_value().clone()
        }
    }

    impl GstObjectImpl for StandIn {}

    impl ElementImpl for StandIn {
        fn change_state(
            &self,
            change: gst::StateChange,
        ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
            let refusal = self.element().refusal;
            if change == gst::StateChange::NullToReady && refusal.at_start() && !self.open() {
                self.refuse();
                return Err(gst::StateChangeError);
            }
            let changed = self.parent_change_state(change);
            if change == gst::StateChange::ReadyToNull {
                *self.session.lock().expect("no panic") = None;
                self.taken.store(0, Ordering::Relaxed);
            }
            changed
        }
    }

    impl BinImpl for StandIn {}

    impl StandIn {
        fn element(&self) -> &'static Element {
            element_of(self.obj().type_())
        }

        fn fault(&self) -> Option<Fault> {
            orders().faults.get(self.element().name).copied()
        }

        /// False where there is no session for it.
        fn open(&self) -> bool {
            let mut session = self.session.lock().expect("no panic");
            if session.is_none() && self.fault() != Some(Fault::Refuse) {
                let encodes = self.element().work == Work::Encodes;
                *session = if encodes { Session::open(folder()) } else { Some(Session::default()) };
            }
            session.is_some()
        }

        /// In the words of the real one.
        fn refuse(&self) {
            match self.element().refusal {
                Refusal::Library => {
                    gst::element_imp_error!(self, gst::LibraryError::Init, ["Failed to open encoder"]);
                }
                Refusal::Device => {
                    let words = "Could not open device '/dev/video11' for reading and writing.";
                    gst::element_imp_error!(self, gst::ResourceError::OpenReadWrite, ("{words}"));
                }
                Refusal::Caps => self.say("Failed to open session"),
                Refusal::SilentCaps => {}
            }
        }

        fn say(&self, details: &str) {
            match self.element().work {
                Work::Decodes => gst::element_imp_error!(self, gst::StreamError::Decode, ["{details}"]),
                Work::Encodes => gst::element_imp_error!(self, gst::StreamError::Encode, ["{details}"]),
                Work::Converts => gst::element_imp_error!(self, gst::StreamError::Failed, ["{details}"]),
            }
        }

        fn take(&self, pad: &gst::GhostPad, frame: gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
            let taken = self.taken.fetch_add(1, Ordering::Relaxed);
            match self.fault() {
                Some(Fault::Fail(after)) if taken >= after => {
                    self.say("Failed as ordered");
                    Err(gst::FlowError::Error)
                }
                Some(Fault::Abort(after)) if taken >= after => std::process::abort(),
                Some(Fault::Hang(after)) if taken >= after => loop {
                    std::thread::park();
                },
                _ => gst::ProxyPad::chain_default(pad, Some(&*self.obj()), frame),
            }
        }

        /// False where it takes no caps.
        fn hear(&self, pad: &gst::GhostPad, event: gst::Event) -> bool {
            match event.view() {
                gst::EventView::Caps(_) if !self.element().refusal.at_start() && !self.open() => {
                    self.refuse();
                    return false;
                }
                gst::EventView::CustomDownstream(_) if self.is_ignored(&event) => return true,
                _ => {}
            }
            gst::Pad::event_default(pad, Some(&*self.obj()), event)
        }

        fn is_ignored(&self, event: &gst::Event) -> bool {
            let asks = event.structure().is_some_and(|structure| structure.name() == "GstForceKeyUnit");
            asks && (!self.element().hears_requests || self.fault() == Some(Fault::IgnoreKeyframes))
        }

        /// What has an effect on the software.
        fn hand_on(&self, property: &str, value: &glib::Value) {
            let bin = self.obj();
            let count = || value.get::<i32>().ok().or_else(|| i32::try_from(value.get::<u32>().ok()?).ok());
            match (property, bin.by_name(CODEC), bin.by_name(FLIP)) {
                ("bitrate", Some(codec), _) => set_rate(&codec, count().unwrap_or(0)),
                ("gop-size" | "key-int-max", Some(codec), _) => set_interval(&codec, count().unwrap_or(0)),
                ("extra-controls", Some(codec), _) => {
                    let controls = value.get::<Option<gst::Structure>>().ok().flatten();
                    let bps = controls.and_then(|controls| controls.get::<i32>("video_bitrate").ok());
                    set_rate(&codec, bps.unwrap_or(0) / 1000);
                }
                ("video-direction", _, Some(flip)) => flip.set_property_from_value("video-direction", value),
                _ => {}
            }
        }
    }

    fn is_av1(codec: &gst::Element) -> bool {
        codec.factory().is_some_and(|factory| factory.name() == "av1enc")
    }

    /// 0: as it likes.
    fn set_rate(codec: &gst::Element, kbps: i32) {
        if kbps > 0 {
            let property = if is_av1(codec) { "target-bitrate" } else { "bitrate" };
            codec.set_property_from_str(property, &kbps.to_string());
        }
    }

    /// Frames from keyframe to keyframe at most; without a number, none but those that are asked for.
    fn set_interval(codec: &gst::Element, frames: i32) {
        let property = if is_av1(codec) { "keyframe-max-dist" } else { "key-int-max" };
        let frames = if frames > 0 { frames } else { i32::MAX };
        codec.set_property_from_str(property, &frames.to_string());
    }
}

glib::wrapper! {
    pub struct StandIn(ObjectSubclass<imp::StandIn>) @extends gst::Bin, gst::Element, gst::Object;
}
