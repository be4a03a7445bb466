//! The element `millracetonemap`: frames of BT.2020 (`I420_10LE`), mostly of high dynamic range, as frames of BT.709
//! (`I420`).
//!
//! GStreamer's own converters know no curve for tones: PQ would be shown grey or nearly black. Of the caps only the range
//! counts: who puts this element somewhere knows what comes, also where a decoder does not say it.

use std::sync::{Arc, Mutex, PoisonError};

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer::subclass::prelude::*;
use gstreamer_base::subclass::prelude::*;
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;
use gstreamer_video::subclass::prelude::*;

use crate::colour::{Cube, Frame, Planes, PlanesMut, ToneMap};
use crate::media::Hdr;

/// Element factory name, for launch texts.
pub const FACTORY: &str = "millracetonemap";

/// What is no picture of high dynamic range any more has none of these fields, or another value.
const HDR_FIELDS: [&str; 3] = ["mastering-display-info", "content-light-level", "colorimetry"];

/// Frames of more pixels, which take some half a millisecond, are mapped by two threads.
const HALVED_ABOVE: usize = 100_000;

/// As launch texts spell it: `transfer=hlg`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[repr(u32)]
#[enum_type(name = "MillraceTransfer")]
pub enum Transfer {
    #[default]
    Pq,
    Hlg,
    /// The range of a usual screen.
    Sdr,
}

glib::wrapper! {
    pub struct ToneMapper(ObjectSubclass<imp::ToneMapper>)
        @extends gst_video::VideoFilter, gstreamer_base::BaseTransform, gst::Element, gst::Object;
}

pub fn register() -> Result<(), glib::Error> {
    gst::Element::register(None, FACTORY, gst::Rank::NONE, ToneMapper::static_type())
        .map_err(|error| glib::Error::new(gst::CoreError::Failed, &error.to_string()))
}

/// The upper half in a thread of its own, which is gone when this returns.
fn in_halves(frame: Frame<'_>, cube: &Cube) -> std::io::Result<()> {
    let [upper, lower] = frame.halves();
    std::thread::scope(|scope| {
        let above = std::thread::Builder::new().spawn_scoped(scope, || upper.map(cube));
        above.map(|_| lower.map(cube))
    })
}

mod imp {
    use super::*;
    use std::sync::LazyLock;

    /// As the properties say.
    #[derive(Clone, Debug, Default)]
    struct Settings {
        transfer: Transfer,
        /// In cd/m²; zero where nobody knows.
        peak: u32,
    }

    #[derive(Default)]
    pub struct ToneMapper {
        settings: Mutex<Settings>,
        cube: Mutex<Option<Arc<Cube>>>,
    }

    impl ToneMapper {
        fn settings(&self) -> std::sync::MutexGuard<'_, Settings> {
            self.settings.lock().unwrap_or_else(PoisonError::into_inner)
        }

        fn cube(&self) -> std::sync::MutexGuard<'_, Option<Arc<Cube>>> {
            self.cube.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    #[glib::object_subclass]
    impl ObjectSubclass for ToneMapper {
        const NAME: &'static str = "MillraceToneMapper";
        type Type = super::ToneMapper;
        type ParentType = gst_video::VideoFilter;
    }

    impl ObjectImpl for ToneMapper {
        fn properties() -> &'static [glib::ParamSpec] {
            static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
                vec![
                    glib::ParamSpecEnum::builder::<Transfer>("transfer")
                        .nick("Transfer function")
                        .blurb("What comes in")
                        .build(),
                    glib::ParamSpecUInt::builder("peak")
                        .nick("Peak")
                        .blurb("Brightest light of a PQ picture in cd/m²; 0: not known")
                        .maximum(10_000)
                        .build(),
                ]
            });
            &PROPERTIES
        }

        fn set_property(&self, _id: usize, value: &glib::Value, spec: &glib::ParamSpec) {
            let mut settings = self.settings();
            match spec.name() {
                "transfer" => settings.transfer = value.get().unwrap_or_default(),
                "peak" => settings.peak = value.get().unwrap_or_default(),
                _ => {}
            }
        }

        fn property(&self, _id: usize, spec: &glib::ParamSpec) -> glib::Value {
            let settings = self.settings();
            match spec.name() {
                "transfer" => settings.transfer.to_value(),
                _ => settings.peak.to_value(),
            }
        }
    }

    impl GstObjectImpl for ToneMapper {}

    impl ElementImpl for ToneMapper {
        fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
            static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
                gst::subclass::ElementMetadata::new(
                    "Tone map",
                    "Filter/Converter/Video/Colorspace",
                    "BT.2020 as BT.709",
                    "Millrace",
                )
            });
            Some(&METADATA)
        }

        fn pad_templates() -> &'static [gst::PadTemplate] {
            static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
                let template = |name: &str, direction, format| {
                    let caps = gst_video::VideoCapsBuilder::new().format(format).build();
                    gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &caps).ok()
                };
                [
                    template("sink", gst::PadDirection::Sink, gst_video::VideoFormat::I42010le),
                    template("src", gst::PadDirection::Src, gst_video::VideoFormat::I420),
                ]
                .into_iter()
                .flatten()
                .collect()
            });
            &TEMPLATES
        }
    }

    impl BaseTransformImpl for ToneMapper {
        const MODE: gstreamer_base::subclass::BaseTransformMode =
            gstreamer_base::subclass::BaseTransformMode::NeverInPlace;
        const PASSTHROUGH_ON_SAME_CAPS: bool = false;
        const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

        fn transform_caps(
            &self,
            direction: gst::PadDirection,
            caps: &gst::Caps,
            filter: Option<&gst::Caps>,
        ) -> Option<gst::Caps> {
            let mut other = caps.clone();
            for structure in other.make_mut().iter_mut() {
                HDR_FIELDS.iter().for_each(|field| structure.remove_field(*field));
                if direction == gst::PadDirection::Sink {
                    structure.set("format", "I420");
                    structure.set("colorimetry", "bt709");
                } else {
                    structure.set("format", "I420_10LE");
                }
            }
            let intersect =
                |filter: &gst::Caps| filter.intersect_with_mode(&other, gst::CapsIntersectMode::First);
            Some(filter.map_or_else(|| other.clone(), intersect))
        }
    }

    impl VideoFilterImpl for ToneMapper {
        fn set_info(
            &self,
            _incaps: &gst::Caps,
            in_info: &gst_video::VideoInfo,
            _outcaps: &gst::Caps,
            _out_info: &gst_video::VideoInfo,
        ) -> Result<(), gst::LoggableError> {
            let Settings { transfer, peak } = self.settings().clone();
            let peak = Some(f64::from(peak)).filter(|peak| *peak > 0.0);
            let map = match transfer {
                Transfer::Pq => ToneMap::new(Hdr::Pq, peak),
                Transfer::Hlg => ToneMap::new(Hdr::Hlg, peak),
                Transfer::Sdr => ToneMap::sdr(),
            };
            let full_range = in_info.colorimetry().range() == gst_video::VideoColorRange::Range0_255;
            *self.cube() = Some(Arc::new(Cube::new(&map, full_range)));
            Ok(())
        }

        fn transform_frame(
            &self,
            from: &gst_video::VideoFrameRef<&gst::BufferRef>,
            to: &mut gst_video::VideoFrameRef<&mut gst::BufferRef>,
        ) -> Result<gst::FlowSuccess, gst::FlowError> {
            let cube = self.cube().clone().ok_or(gst::FlowError::NotNegotiated)?;
            let strides = |strides: &[i32]| [0, 1, 2].map(|plane| strides[plane].max(0) as usize);
            let data = from.planes_data();
            let planes = Planes { data: [data[0], data[1], data[2]], strides: strides(from.plane_stride()) };
            let (width, height) = (from.width() as usize, from.height() as usize);
            let out_strides = strides(to.plane_stride());
            let [luma, blue, red, _] = to.planes_data_mut();
            let to = PlanesMut { data: [luma, blue, red], strides: out_strides };
            let frame = Frame { from: planes, to, width, height };
            if width * height > HALVED_ABOVE {
                in_halves(frame, &cube).map_err(|_| gst::FlowError::Error)?;
            } else {
                frame.map(&cube);
            }
            Ok(gst::FlowSuccess::Ok)
        }
    }
}
