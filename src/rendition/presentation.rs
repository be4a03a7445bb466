//! A file as players see it: every rendition with its cut list. HLS and DASH are two prints of this.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::images::ImageRendition;
use crate::media::{Colour, Disposition, MediaInfo, TextFile};
use crate::timeline::{CutList, FragmentRule, FrameRate, Nanos, SegmentIndex, nanos_from_ticks};

/// Name of a rendition in URLs: what it is, then its version, as `v720-3f9a5c0b7e21`. The version is a hash of
/// the file's content, the parameters and the cut list: other bytes have another URL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RenditionId(pub Arc<str>);

impl fmt::Display for RenditionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl RenditionId {
    /// The part before the version: stays the same when the version changes.
    pub fn kind(&self) -> &str {
        self.0.rsplit_once('-').map_or(&*self.0, |(kind, _)| kind)
    }
}

/// Everything one file offers.
#[derive(Clone, Debug)]
pub struct Presentation {
    pub info: Arc<MediaInfo>,
    /// Length of the whole, from the origin.
    pub duration_ns: Nanos,
    /// The copy first, then encoded rungs from high to low.
    pub video: Vec<Arc<Rendition>>,
    /// By source track, in the file's order; within a track the copy first.
    pub audio: Vec<Arc<Rendition>>,
    /// In the file's order, then those of files beside it.
    pub text: Vec<Arc<TextRendition>>,
    /// Small pictures to seek by, where there is a picture that can be decoded.
    pub images: Option<Arc<ImageRendition>>,
    /// By text track, the encoded rungs with its pictures drawn in. Listed where somebody asks for them.
    pub burnt: Vec<Burnt>,
    /// How text is cut.
    pub grid: Grid,
    /// Why there is no copy, or which one of several decisions was taken: rendition kind → reason in words.
    pub reasons: BTreeMap<String, String>,
}

impl Presentation {
    /// Of picture and sound; those that are listed without being asked for come first.
    pub fn renditions(&self) -> impl Iterator<Item = &Arc<Rendition>> {
        self.listed().chain(self.burnt.iter().flat_map(|burnt| &burnt.rungs))
    }

    /// Of picture and sound, without subtitles drawn in.
    pub fn listed(&self) -> impl Iterator<Item = &Arc<Rendition>> {
        self.video.iter().chain(&self.audio)
    }

    pub fn text(&self, id: &str) -> Option<&Arc<TextRendition>> {
        self.text.iter().find(|rendition| *rendition.id.0 == *id)
    }

    /// Everything that has an address.
    pub fn ids(&self) -> impl Iterator<Item = &RenditionId> {
        let media = self.renditions().map(|known| &known.id);
        let text = self.text.iter().map(|known| &known.id);
        media.chain(text).chain(self.images.iter().map(|known| &known.id))
    }

    pub fn rendition(&self, id: &RenditionId) -> Option<&Arc<Rendition>> {
        self.renditions().find(|rendition| rendition.id == *id)
    }
}

/// What sound and text go with: the cuts and fragments of the encoded picture, or where there is none as if there were one.
#[derive(Clone, Debug)]
pub struct Grid {
    pub cuts: CutList,
    pub fragments: FragmentRule,
}

/// The encoded rungs with one text track drawn in.
#[derive(Clone, Debug)]
pub struct Burnt {
    /// Index in `MediaInfo::text`.
    pub track: usize,
    /// From high to low.
    pub rungs: Vec<Arc<Rendition>>,
}

/// One text track as WebVTT.
#[derive(Clone, Debug)]
pub struct TextRendition {
    pub id: RenditionId,
    pub source: TextSource,
    /// Those of the picture.
    pub cuts: CutList,
    pub fragments: FragmentRule,
    pub form: TextForm,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextSource {
    /// Index of the track in `MediaInfo::text`.
    Track(usize),
    /// A file beside the film.
    File(Arc<TextFile>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct TextForm {
    /// Of the source, as in `TextTrack::codec`.
    pub codec: String,
    /// BCP 47.
    pub language: Option<String>,
    /// What a viewer reads in the menu; unique in a file.
    pub label: String,
    pub disposition: Disposition,
}

/// One track of picture or sound in one form.
#[derive(Clone, Debug)]
pub struct Rendition {
    pub id: RenditionId,
    /// Index of the source track in `MediaInfo::video` or `MediaInfo::audio`.
    pub track: usize,
    pub copied: bool,
    /// Index in `MediaInfo::text` of the track whose pictures are drawn into it.
    pub burnt: Option<usize>,
    pub cuts: Arc<CutList>,
    /// Copied video only: presentation tick of the keyframe that opens each segment.
    pub keyframes: Vec<i64>,
    pub fragments: FragmentRule,
    pub bandwidth: Bandwidth,
    /// RFC 6381 codecs parameter.
    pub codec_string: String,
    pub media: RenditionMedia,
}

#[derive(Clone, Debug)]
pub enum RenditionMedia {
    Video(VideoForm),
    Audio(AudioForm),
}

#[derive(Clone, Debug, PartialEq)]
pub struct VideoForm {
    /// Short codec name, as in `VideoTrack::codec`.
    pub codec: String,
    /// Samples, before sample aspect.
    pub width: u32,
    pub height: u32,
    pub sample_aspect: (u32, u32),
    /// Frames per second, nominal for variable rate.
    pub frame_rate: FrameRate,
    pub constant_rate: bool,
    pub colour: Colour,
    /// Encoded only: target rate of the encoder in kbit/s.
    pub kbps: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct AudioForm {
    pub codec: String,
    pub channels: u8,
    /// Joint object coding (Dolby Atmos) rides on the channels.
    pub objects: bool,
    pub sample_rate: u32,
    pub samples_per_frame: u32,
    /// BCP 47.
    pub language: Option<String>,
    /// What a viewer reads in the menu: the track's title, or its language's name, or `Track 2`; unique in a file.
    pub label: String,
    pub disposition: Disposition,
    /// Encoded only: target rate in kbit/s.
    pub kbps: u32,
}

/// Bits per second, containers included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bandwidth {
    /// Of the segment with the highest rate (RFC 8216 section 4.3.4.2).
    pub peak: u32,
    pub average: u32,
}

impl TextRendition {
    /// What segment `segment` covers; `None` beyond the end. The first one begins with the file.
    pub fn time(&self, segment: SegmentIndex) -> Option<Range<Nanos>> {
        let ticks = self.cuts.range(segment)?;
        let nanos = |ticks| nanos_from_ticks(ticks, self.cuts.timescale);
        Some(if segment.0 == 0 { 0 } else { nanos(ticks.start) }..nanos(ticks.end))
    }

    /// The same of a part of it; `None` beyond its last one.
    pub fn time_of_part(&self, segment: SegmentIndex, part: u32) -> Option<Range<Nanos>> {
        let (range, whole) = (self.cuts.range(segment)?, self.time(segment)?);
        let nanos = |part| nanos_from_ticks(self.fragments.part_end(&range, part), self.cuts.timescale);
        let start = part.checked_sub(1).map_or(whole.start, nanos);
        (part < self.fragments.part_count(&range)).then(|| start..nanos(part))
    }
}

impl Rendition {
    /// Whether both can be encoded from the same decoded frames and are cut at the same places. Subtitles are drawn into
    /// frames of the rendition's size: those that have some share nothing.
    pub fn shares_frames(&self, other: &Self) -> bool {
        let form = |rendition: &Self| match &rendition.media {
            RenditionMedia::Video(form) if !rendition.copied && rendition.burnt.is_none() => {
                Some((form.frame_rate, form.constant_rate))
            }
            _ => None,
        };
        form(self).is_some()
            && form(self) == form(other)
            && (self.track, self.fragments) == (other.track, other.fragments)
            && self.cuts == other.cuts
    }

    pub fn video(&self) -> Option<&VideoForm> {
        match &self.media {
            RenditionMedia::Video(form) => Some(form),
            RenditionMedia::Audio(_) => None,
        }
    }

    pub fn audio(&self) -> Option<&AudioForm> {
        match &self.media {
            RenditionMedia::Audio(form) => Some(form),
            RenditionMedia::Video(_) => None,
        }
    }
}
