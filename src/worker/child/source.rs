//! The source element: reads a descriptor, or what the server reads for it, at positions. Pull mode, no path, no seek pointer shared with anyone.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer::subclass::prelude::*;
use gstreamer_base::prelude::*;
use gstreamer_base::subclass::prelude::*;

use super::remote::RemoteSource;
use crate::media::ReadAt;
use crate::media::mpegts::ClockRebase;

/// Element factory name, for launch texts.
pub const FACTORY: &str = "millracesrc";

/// Reads of the source that came to an end, by all elements.
static READS: AtomicU64 = AtomicU64::new(0);

/// Grows while the source is being read.
pub fn reads() -> u64 {
    READS.load(Ordering::Relaxed)
}

glib::wrapper! {
    pub struct PositionedSource(ObjectSubclass<imp::PositionedSource>)
        @extends gstreamer_base::BaseSrc, gst::Element, gst::Object;
}

pub fn register() -> Result<(), glib::Error> {
    gst::Element::register(None, FACTORY, gst::Rank::NONE, PositionedSource::static_type())
        .map_err(|error| glib::Error::new(gst::CoreError::Failed, &error.to_string()))
}

impl PositionedSource {
    pub fn new(source: Arc<SourceBytes>) -> Self {
        let element: Self = glib::Object::new();
        *element.imp().source.lock().unwrap_or_else(PoisonError::into_inner) = Some(source);
        element
    }
}

mod imp {
    use super::*;
    use std::sync::LazyLock;

    #[derive(Default)]
    pub struct PositionedSource {
        pub source: Mutex<Option<Arc<SourceBytes>>>,
    }

    impl PositionedSource {
        fn source(&self) -> Option<Arc<SourceBytes>> {
            self.source.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }
    }

    #[glib::object_subclass]
    impl ObjectSubclass for PositionedSource {
        const NAME: &'static str = "MillracePositionedSource";
        type Type = super::PositionedSource;
        type ParentType = gstreamer_base::BaseSrc;
    }

    impl ObjectImpl for PositionedSource {
        fn constructed(&self) {
            self.parent_constructed();
            self.obj().set_format(gst::Format::Bytes);
        }
    }

    impl GstObjectImpl for PositionedSource {}

    impl ElementImpl for PositionedSource {
        fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
            static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
                gst::subclass::ElementMetadata::new(
                    "Positioned source",
                    "Source/File",
                    "Reads at positions",
                    "Millrace",
                )
            });
            Some(&METADATA)
        }

        fn pad_templates() -> &'static [gst::PadTemplate] {
            static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
                let always = gst::PadPresence::Always;
                gst::PadTemplate::new("src", gst::PadDirection::Src, always, &gst::Caps::new_any())
                    .into_iter()
                    .collect()
            });
            &TEMPLATES
        }
    }

    impl BaseSrcImpl for PositionedSource {
        fn start(&self) -> Result<(), gst::ErrorMessage> {
            match self.source() {
                Some(_) => Ok(()),
                None => Err(gst::error_msg!(gst::ResourceError::NotFound, ["no source"])),
            }
        }

        fn is_seekable(&self) -> bool {
            true
        }

        fn size(&self) -> Option<u64> {
            self.source()?.len().ok()
        }

        fn fill(
            &self,
            offset: u64,
            length: u32,
            buffer: &mut gst::BufferRef,
        ) -> Result<gst::FlowSuccess, gst::FlowError> {
            let source = self.source().ok_or(gst::FlowError::Flushing)?;
            let mut filled = 0;
            {
                let mut map = buffer.map_writable().map_err(|_| gst::FlowError::Error)?;
                let wanted = map.len().min(length as usize);
                while filled < wanted {
                    match source.read_at(&mut map[filled..wanted], offset + filled as u64) {
                        Ok(0) => break,
                        Ok(count) => filled += count,
                        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                        Err(error) => {
                            gst::element_imp_error!(
                                self,
                                gst::ResourceError::Read,
                                ("{error}"),
                                ["at {} of the source", offset]
                            );
                            return Err(gst::FlowError::Error);
                        }
                    }
                }
            }
            READS.fetch_add(1, Ordering::Relaxed);
            if filled == 0 && length > 0 {
                return Err(gst::FlowError::Eos);
            }
            buffer.set_size(filled);
            buffer.set_offset(offset);
            Ok(gst::FlowSuccess::Ok)
        }
    }
}

/// What a job reads: a descriptor, or the server piece by piece.
pub enum SourceBytes {
    File(File),
    Remote(Arc<RemoteSource>),
    /// Others, with these bytes in the place of those at `at`.
    Overlaid {
        below: Arc<SourceBytes>,
        at: u64,
        bytes: Vec<u8>,
    },
    /// A transport stream whose clock does not jump back any more.
    Rebased {
        below: Arc<SourceBytes>,
        clock: ClockRebase,
    },
}

impl SourceBytes {
    pub fn len(&self) -> std::io::Result<u64> {
        match self {
            Self::File(file) => file.metadata().map(|metadata| metadata.len()),
            Self::Remote(remote) => Ok(remote.length()),
            Self::Overlaid { below, .. } | Self::Rebased { below, .. } => below.len(),
        }
    }

    /// Some of the bytes at `offset`, none only at the end.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        match self {
            Self::File(file) => file.read_at(buffer, offset),
            Self::Remote(remote) => remote.read_at(buffer, offset),
            Self::Overlaid { below, at, bytes } => {
                let read = below.read_at(buffer, offset)?;
                for (place, byte) in (offset..).zip(&mut buffer[..read]) {
                    let over =
                        place.checked_sub(*at).and_then(|place| bytes.get(usize::try_from(place).ok()?));
                    *byte = over.copied().unwrap_or(*byte);
                }
                Ok(read)
            }
            Self::Rebased { below, clock } => {
                clock.read_at(offset, buffer, |offset, buffer| below.read_at(buffer, offset))
            }
        }
    }
}

/// The same for the readers of container indexes.
pub struct SourceReader<'a> {
    source: &'a SourceBytes,
    len: u64,
}

impl<'a> SourceReader<'a> {
    pub fn new(source: &'a SourceBytes) -> std::io::Result<Self> {
        Ok(Self { source, len: source.len()? })
    }
}

impl ReadAt for SourceReader<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.source.read_at(&mut buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        READS.fetch_add(1, Ordering::Relaxed);
        Ok(filled)
    }
}
