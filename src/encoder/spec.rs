//! What a worker is told to make: a rendition's plan and a profile's texts as a head's specification.

use crate::isobmff::SampleEntry;
use crate::media::{AudioTrack, MediaInfo, VideoTrack};
use crate::pipeline::{self, AudioGraph, ProfileKind, Resolved, VideoGraph};
use crate::rendition::{
    AudioForm, Rendition, RenditionMedia, VideoForm, audio_entry, frame_grid, lattice, video_entry,
};
use crate::timeline::SegmentIndex;
use crate::worker::protocol::{
    Burn, CopyAudio, CopyVideo, EncodeAudio, EncodeVideo, HeadSpec, HeadWork, Input,
};

/// From where to where a head works.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    pub start: SegmentIndex,
    /// Fragments of the first segment that exist.
    pub first_part: u32,
    /// Its first goal.
    pub until: SegmentIndex,
}

impl Stretch {
    /// All of a rendition, from its beginning.
    pub fn whole(rendition: &Rendition) -> Self {
        let until = SegmentIndex(rendition.cuts.segment_count());
        Self { start: SegmentIndex(0), first_part: 0, until }
    }
}

/// A way to make a rendition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    Copy,
    Video(VideoGraph),
    Audio(AudioGraph),
}

impl Way {
    /// Its name; `copy` where none encodes.
    pub fn profile(&self) -> &str {
        match self {
            Self::Copy => COPY,
            Self::Video(graph) => &graph.profile,
            Self::Audio(graph) => &graph.profile,
        }
    }
}

const COPY: &str = "copy";

/// Every way to make a rendition, in order of preference. None where no profile can.
pub fn ways(info: &MediaInfo, rendition: &Rendition, profiles: &[Resolved]) -> Vec<Way> {
    match &rendition.media {
        _ if rendition.copied => vec![Way::Copy],
        RenditionMedia::Video(form) => info.video.get(rendition.track).map_or_else(Vec::new, |track| {
            let to_draw_on = rendition.burnt.is_some();
            pipeline::video_graphs(profiles, track, form, to_draw_on).into_iter().map(Way::Video).collect()
        }),
        RenditionMedia::Audio(form) => info.audio.get(rendition.track).map_or_else(Vec::new, |track| {
            let audio = profiles.iter().filter(|profile| profile.kind == ProfileKind::Audio);
            audio.filter_map(|profile| AudioGraph::new(profile, track, form)).map(Way::Audio).collect()
        }),
    }
}

/// What a worker is told to make. `None` where the way is not one of this rendition's.
pub fn head_spec(info: &MediaInfo, rendition: &Rendition, way: &Way, stretch: Stretch) -> Option<HeadSpec> {
    let (work, video, facts) = match &rendition.media {
        RenditionMedia::Video(form) => {
            let track = info.video.get(rendition.track)?;
            (video_work(info, track, rendition, form, way)?, true, &track.facts)
        }
        RenditionMedia::Audio(form) => {
            let track = info.audio.get(rendition.track)?;
            (audio_work(track, form, way)?, false, &track.facts)
        }
    };
    let input = Input {
        container: info.container,
        video,
        track: facts.number,
        edit_offset_ns: facts.edit_offset_ns,
        origin_ns: info.origin_ns,
    };
    let (cuts, fragments) = ((*rendition.cuts).clone(), rendition.fragments);
    let Stretch { start, first_part, until } = stretch;
    Some(HeadSpec { input, cuts, fragments, start, first_part, until, work })
}

/// The init segment's sample entry, where the facts alone give it: copies and AAC.
pub fn known_entry(info: &MediaInfo, rendition: &Rendition) -> Option<SampleEntry> {
    match &rendition.media {
        RenditionMedia::Video(form) if rendition.copied => {
            Some(video_entry(info.video.get(rendition.track)?, rendition, form))
        }
        RenditionMedia::Video(_) => None,
        RenditionMedia::Audio(form) => Some(audio_entry(info.audio.get(rendition.track)?, rendition, form)),
    }
}

fn video_work(
    info: &MediaInfo,
    track: &VideoTrack,
    rendition: &Rendition,
    form: &VideoForm,
    way: &Way,
) -> Option<HeadWork> {
    match way {
        Way::Copy => {
            let grid = form.constant_rate.then_some(form.frame_rate);
            let frame_ticks = frame_grid(form).frame_ticks(rendition.cuts.timescale);
            Some(HeadWork::CopyVideo(CopyVideo {
                codec: form.codec.clone(),
                keyframes: rendition.keyframes.clone(),
                grid,
                frame_ticks,
                delay: usize::from(track.reorder_frames),
            }))
        }
        Way::Video(graph) => Some(HeadWork::EncodeVideo(EncodeVideo {
            decode: graph.decode.clone(),
            scale: graph.scale.clone(),
            encode: graph.encode.clone(),
            codec: form.codec.clone(),
            grid: frame_grid(form),
            entry: video_entry(track, rendition, form),
            burn: rendition.burnt.and_then(|text| burn(info, track, text)),
        })),
        Way::Audio(_) => None,
    }
}

/// How text track `text` is drawn into the picture of `track`.
fn burn(info: &MediaInfo, track: &VideoTrack, text: usize) -> Option<Burn> {
    let subtitles = info.text.get(text)?;
    let lies = track.rotation % 180 == 90;
    Some(Burn {
        track: subtitles.facts.number,
        codec: subtitles.codec.clone(),
        coded: (track.width, track.height),
        sample_aspect: if lies { (1, 1) } else { track.sample_aspect },
    })
}

fn audio_work(track: &AudioTrack, form: &AudioForm, way: &Way) -> Option<HeadWork> {
    match way {
        Way::Copy => {
            let (codec, sample_rate) = (form.codec.clone(), form.sample_rate);
            let work = CopyAudio { codec, sample_rate, channels: track.channels, lattice: lattice(track)? };
            Some(HeadWork::CopyAudio(work))
        }
        Way::Audio(graph) => Some(HeadWork::EncodeAudio(EncodeAudio {
            decode: graph.decode.clone(),
            encode: graph.encode.clone(),
            sample_rate: form.sample_rate,
            samples_per_frame: form.samples_per_frame,
            delay: graph.delay,
            // Frames of the source keep their length only where nothing is resampled.
            lattice: lattice(track).filter(|_| track.sample_rate == form.sample_rate),
        })),
        Way::Video(_) => None,
    }
}
