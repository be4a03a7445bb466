//! Subtitles that are pictures, drawn into decoded frames before they are encoded.
//!
//! The demuxer is not asked for them: after a seek it gives only what begins behind it. The track's packets are read
//! beside it, from so long before the first frame that a head draws what every other head draws on the same frame.

use std::ops::ControlFlow;

use gstreamer as gst;
use gstreamer_video::prelude::*;
use gstreamer_video::{VideoColorMatrix, VideoColorRange, VideoFrameRef, VideoInfo};

use super::failure;
use super::source::{SourceBytes, SourceReader};
use crate::isobmff::SampleEntry;
use crate::media::matroska::TextReader;
use crate::media::{Container, ContainerError, TextBlock, TextStep, TrackNumber};
use crate::subpicture::{Colours, Film, Format, Key, MEMORY_NS, Matrix, Overlay, Packet, Samples, Track};
use crate::timeline::Nanos;
use crate::worker::protocol::{Burn, EncodeVideo, Failure, FailureKind, HeadSpec};

/// Packets are read for so long at a time. The pieces begin at the same times whoever reads them.
const PIECE_NS: Nanos = 4_000_000_000;
/// What is kept of one piece; film has some kilobytes in it.
const PIECE_BYTES: usize = 16 << 20;
const PIECE_PACKETS: usize = 1024;

/// The subtitles of one head.
pub struct Burner<'s> {
    /// `None` where they cannot be read: the picture goes on without.
    reader: Option<TextReader<'s>>,
    number: TrackNumber,
    /// Between the file's clock and the origin.
    origin_ns: Nanos,
    film: Film,
    colours: Colours,
    track: Track,
    /// The piece that is read next.
    piece: Option<Nanos>,
    /// What is on the screen; nothing to draw where that is damaged.
    drawn: Option<(Key, Option<Overlay>)>,
    /// None before the first one.
    frames: Option<Frames>,
}

struct Frames {
    caps: gst::Caps,
    info: VideoInfo,
}

/// Opens what [`Burner`] reads.
pub fn source(source: &SourceBytes) -> Result<SourceReader<'_>, Failure> {
    SourceReader::new(source).map_err(|error| Failure::new(FailureKind::Source, "file", error.to_string()))
}

impl<'s> Burner<'s> {
    pub fn new(
        source: &'s mut SourceReader<'_>,
        spec: &HeadSpec,
        work: &EncodeVideo,
        burn: &Burn,
    ) -> Result<Self, Failure> {
        let SampleEntry::Video(entry) = &work.entry else {
            return Err(failure::setup("subtitles", "no picture to draw on"));
        };
        let reader = match spec.input.container {
            Container::Matroska => readable(TextReader::open(source, &[burn.track]))?,
            _ => None,
        };
        let header = reader.as_ref().map(|reader| reader.header(burn.track).to_vec()).unwrap_or_default();
        let format = match burn.codec.as_str() {
            "pgs" => Format::Pgs,
            "vobsub" => Format::VobSub { header, canvas: burn.coded },
            other => return Err(failure::setup(other, "are no subtitles that can be drawn")),
        };
        Ok(Self {
            reader,
            number: burn.track,
            origin_ns: spec.input.origin_ns,
            film: Film {
                frame: (entry.width.into(), entry.height.into()),
                coded: burn.coded,
                sample_aspect: burn.sample_aspect,
            },
            colours: Colours { matrix: matrix(entry.colour.matrix), full_range: entry.colour.full_range },
            track: Track::new(&format),
            piece: None,
            drawn: None,
            frames: None,
        })
    }

    /// Tells what the frames are that come next. Refused before the first is drawn on, so that another profile has its turn.
    pub fn expect(&mut self, caps: &gst::CapsRef) -> Result<(), Failure> {
        if self.frames.as_ref().is_some_and(|frames| *frames.caps == *caps) {
            return Ok(());
        }
        let info = VideoInfo::from_caps(caps).map_err(|error| failure::setup("subtitles", error))?;
        let elsewhere = caps.features(0).is_some_and(|memory| !memory.contains("memory:SystemMemory"));
        let format = info.format_info();
        let eight_bits = format.depth().iter().all(|depth| *depth == 8);
        if elsewhere || !format.is_yuv() || !eight_bits || format.n_components() < 3 {
            return Err(failure::setup("subtitles", format!("nobody can draw on frames of {caps}")));
        }
        self.film.frame = (info.width(), info.height());
        self.colours = colours(&info).unwrap_or(self.colours);
        self.drawn = None;
        self.frames = Some(Frames { caps: caps.to_owned(), info });
        Ok(())
    }

    /// The frame that is shown at `at_ns` from the origin with its subtitle, where it has one. Times do not go backwards.
    pub fn draw(&mut self, frame: &gst::Buffer, at_ns: Nanos) -> Result<Option<gst::Buffer>, Failure> {
        self.read_up_to(at_ns)?;
        let key = self.track.key(at_ns);
        if self.drawn.as_ref().map(|(drawn, _)| *drawn) != key {
            let overlay = |key| {
                let picture = self.track.picture(key);
                (key, picture.map(|picture| Overlay::new(&picture, &self.film, self.colours)))
            };
            self.drawn = key.map(overlay);
        }
        let (Some((_, Some(overlay))), Some(Frames { info, .. })) = (&self.drawn, &self.frames) else {
            return Ok(None);
        };
        let unwritable = || failure::setup("subtitles", "a frame that cannot be drawn on");
        let mut drawn = frame.copy_deep().map_err(|error| failure::setup("subtitles", error))?;
        blend(overlay, drawn.get_mut().ok_or_else(unwritable)?, info).ok_or_else(unwritable)?;
        Ok(Some(drawn))
    }

    fn read_up_to(&mut self, at_ns: Nanos) -> Result<(), Failure> {
        let until = at_ns.div_euclid(PIECE_NS);
        let mut piece = self.piece.unwrap_or((at_ns - 2 * MEMORY_NS).max(0).div_euclid(PIECE_NS));
        while piece <= until {
            let packets = self.packets(piece * PIECE_NS)?;
            self.track.push(packets);
            piece += 1;
        }
        self.piece = Some(piece);
        Ok(())
    }

    /// Those that begin in the piece from `from_ns` on; the first also has what lies before.
    fn packets(&mut self, from_ns: Nanos) -> Result<Vec<Packet>, Failure> {
        let Some(reader) = &mut self.reader else { return Ok(Vec::new()) };
        let from = if from_ns == 0 { Nanos::MIN / 2 } else { from_ns + self.origin_ns };
        let time = from..from_ns + PIECE_NS + self.origin_ns;
        let (mut blocks, mut bytes): (Vec<TextBlock>, usize) = (Vec::new(), 0);
        let read = reader.read(time.clone(), &mut |step| {
            if let TextStep::Block(block) = step
                && block.track == self.number
                && time.contains(&block.start_ns)
            {
                bytes += block.data.len();
                if bytes > PIECE_BYTES || blocks.len() == PIECE_PACKETS {
                    return ControlFlow::Break(());
                }
                blocks.push(block);
            }
            ControlFlow::Continue(())
        });
        readable(read)?;
        blocks.sort_by_key(|block| block.start_ns);
        let packet = |block: TextBlock| Packet {
            start_ns: block.start_ns.saturating_sub(self.origin_ns),
            end_ns: block.end_ns.saturating_sub(self.origin_ns),
            data: block.data,
        };
        Ok(blocks.into_iter().map(packet).collect())
    }
}

/// Damage is no failure; a source that cannot be read is one, since what is made without it would be kept.
fn readable<T>(read: Result<T, ContainerError>) -> Result<Option<T>, Failure> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error @ ContainerError::Io { .. }) => {
            Err(Failure::new(FailureKind::Source, "subtitles", error.to_string()))
        }
        Err(_) => Ok(None),
    }
}

fn matrix(code_point: u8) -> Matrix {
    match code_point {
        5 | 6 => Matrix::Bt601,
        9 | 10 => Matrix::Bt2020,
        _ => Matrix::Bt709,
    }
}

/// What the frames say themselves.
fn colours(info: &VideoInfo) -> Option<Colours> {
    let colorimetry = info.colorimetry();
    let matrix = match colorimetry.matrix() {
        VideoColorMatrix::Bt601 => Matrix::Bt601,
        VideoColorMatrix::Bt709 => Matrix::Bt709,
        VideoColorMatrix::Bt2020 => Matrix::Bt2020,
        _ => return None,
    };
    Some(Colours { matrix, full_range: colorimetry.range() == VideoColorRange::Range0_255 })
}

/// `None` where the frame is not what its caps say.
fn blend(overlay: &Overlay, frame: &mut gst::BufferRef, info: &VideoInfo) -> Option<()> {
    let format = info.format_info();
    let mut frame = VideoFrameRef::from_buffer_ref_writable(frame, info).ok()?;
    for component in 0..3 {
        let plane = format.plane()[component];
        let stride = usize::try_from(*frame.plane_stride().get(plane as usize)?).ok()?;
        let offset = format.poffset()[component] as usize;
        let step = format.pixel_stride()[component] as usize;
        let bytes = frame.plane_data_mut(plane).ok()?.get_mut(offset..)?;
        let shared = (format.w_sub()[component], format.h_sub()[component]);
        overlay.blend(&mut Samples { bytes, stride, step, component, shared });
    }
    Some(())
}
