//! Gives frames another memory in name: between the caps of a device and software that knows only its own.

use std::sync::OnceLock;

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::subclass::prelude::*;
use gstreamer_base::subclass::prelude::*;

/// Caps with the feature of this memory, and without any.
fn either(caps: &gst::CapsRef, memory: &str) -> gst::Caps {
    let mut either = gst::Caps::new_empty();
    let device = gst::CapsFeatures::new([memory]);
    for features in [device, gst::CapsFeatures::new_empty()] {
        for structure in caps.iter() {
            either.make_mut().append_structure_full(structure.to_owned(), Some(features.clone()));
        }
    }
    either
}

mod imp {
    use super::*;

    #[derive(Default)]
    pub struct Relabel {
        pub memory: OnceLock<&'static str>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Relabel {
        const NAME: &'static str = "StandInRelabel";
        type Type = super::Relabel;
        type ParentType = gstreamer_base::BaseTransform;
    }

    impl ObjectImpl for Relabel {}
    impl GstObjectImpl for Relabel {}

    impl ElementImpl for Relabel {
        fn pad_templates() -> &'static [gst::PadTemplate] {
            static TEMPLATES: OnceLock<Vec<gst::PadTemplate>> = OnceLock::new();
            TEMPLATES.get_or_init(|| {
                let pad = |name, direction| {
                    let any = gst::Caps::new_any();
                    gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &any).expect("a pad")
                };
                vec![pad("sink", gst::PadDirection::Sink), pad("src", gst::PadDirection::Src)]
            })
        }
    }

    impl BaseTransformImpl for Relabel {
        const MODE: gstreamer_base::subclass::BaseTransformMode =
            gstreamer_base::subclass::BaseTransformMode::AlwaysInPlace;
        const PASSTHROUGH_ON_SAME_CAPS: bool = true;
        const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

        fn transform_caps(
            &self,
            _direction: gst::PadDirection,
            caps: &gst::Caps,
            filter: Option<&gst::Caps>,
        ) -> Option<gst::Caps> {
            if caps.is_any() {
                return Some(filter.unwrap_or(caps).clone());
            }
            let either = either(caps, self.memory.get().expect("a memory"));
            Some(match filter {
                Some(filter) => filter.intersect_with_mode(&either, gst::CapsIntersectMode::First),
                None => either,
            })
        }

        fn transform_ip(&self, _frame: &mut gst::BufferRef) -> Result<gst::FlowSuccess, gst::FlowError> {
            Ok(gst::FlowSuccess::Ok)
        }
    }
}

glib::wrapper! {
    pub struct Relabel(ObjectSubclass<imp::Relabel>)
        @extends gstreamer_base::BaseTransform, gst::Element, gst::Object;
}

impl Relabel {
    pub fn new(memory: &'static str) -> Self {
        let relabel: Self = glib::Object::new();
        relabel.imp().memory.set(memory).expect("a new one");
        relabel
    }
}
