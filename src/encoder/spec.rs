//! What a worker is told to make: a rendition's plan and a profile's texts as a head's specification.

use crate::isobmff::SampleEntry;
use crate::media::{MediaInfo, VideoTrack};
use crate::pipeline::{self, AudioGraph, ProfileKind, Resolved, VideoGraph};
use crate::rendition::{
    AudioForm, Rendition, RenditionMedia, VideoForm, audio_entry, frame_grid, lattice, video_entry,
};
use crate::timeline::SegmentIndex;
use crate::timeline::audio::Lattice;
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

/// Specification and the name of the profile, for the `attempt`-th try of a segment. Each try takes the next
/// profile of the chain and comes back to the first; `None` when no profile can do it.
pub fn head_spec(
    info: &MediaInfo,
    rendition: &Rendition,
    profiles: &[Resolved],
    attempt: usize,
    stretch: Stretch,
) -> Option<(HeadSpec, String)> {
    let (work, profile) = match &rendition.media {
        RenditionMedia::Video(form) => video_work(info, rendition, form, profiles, attempt)?,
        RenditionMedia::Audio(form) => audio_work(info, rendition, form, profiles, attempt)?,
    };
    let (video, facts) = match &rendition.media {
        RenditionMedia::Video(_) => (true, &info.video.get(rendition.track)?.facts),
        RenditionMedia::Audio(_) => (false, &info.audio.get(rendition.track)?.facts),
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
    Some((HeadSpec { input, cuts, fragments, start, first_part, until, work }, profile))
}

/// How many different ways there are to make a rendition.
pub fn chain_length(info: &MediaInfo, rendition: &Rendition, profiles: &[Resolved]) -> usize {
    match &rendition.media {
        _ if rendition.copied => 1,
        RenditionMedia::Video(form) => video_graphs(info, rendition, form, profiles).len(),
        RenditionMedia::Audio(form) => audio_graphs(info, rendition, form, profiles).len(),
    }
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

const COPY: &str = "copy";

fn video_work(
    info: &MediaInfo,
    rendition: &Rendition,
    form: &VideoForm,
    profiles: &[Resolved],
    attempt: usize,
) -> Option<(HeadWork, String)> {
    let track = info.video.get(rendition.track)?;
    if rendition.copied {
        let grid = form.constant_rate.then_some(form.frame_rate);
        let frame_ticks = frame_grid(form).frame_ticks(rendition.cuts.timescale);
        let work = CopyVideo {
            codec: form.codec.clone(),
            keyframes: rendition.keyframes.clone(),
            grid,
            frame_ticks,
            delay: usize::from(track.reorder_frames),
        };
        return Some((HeadWork::CopyVideo(work), COPY.into()));
    }
    let graphs = video_graphs(info, rendition, form, profiles);
    let graph = graphs.get(attempt % graphs.len().max(1))?;
    let work = EncodeVideo {
        decode: graph.decode.clone(),
        scale: graph.scale.clone(),
        encode: graph.encode.clone(),
        codec: form.codec.clone(),
        grid: frame_grid(form),
        entry: video_entry(track, rendition, form),
        burn: rendition.burnt.and_then(|text| burn(info, track, text)),
    };
    Some((HeadWork::EncodeVideo(work), graph.profile.clone()))
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

fn video_graphs(
    info: &MediaInfo,
    rendition: &Rendition,
    form: &VideoForm,
    profiles: &[Resolved],
) -> Vec<VideoGraph> {
    let track = info.video.get(rendition.track);
    track
        .map(|track| pipeline::video_graphs(profiles, track, form, rendition.burnt.is_some()))
        .unwrap_or_default()
}

fn audio_work(
    info: &MediaInfo,
    rendition: &Rendition,
    form: &AudioForm,
    profiles: &[Resolved],
    attempt: usize,
) -> Option<(HeadWork, String)> {
    let track = info.audio.get(rendition.track)?;
    if rendition.copied {
        let (codec, sample_rate) = (form.codec.clone(), form.sample_rate);
        let work = CopyAudio { codec, sample_rate, channels: track.channels, lattice: lattice(track)? };
        return Some((HeadWork::CopyAudio(work), COPY.into()));
    }
    let graphs = audio_graphs(info, rendition, form, profiles);
    let graph = graphs.get(attempt % graphs.len().max(1))?;
    // Frames of the source keep their length only where nothing is resampled.
    let lattice: Option<Lattice> = lattice(track).filter(|_| track.sample_rate == form.sample_rate);
    let work = EncodeAudio {
        decode: graph.decode.clone(),
        encode: graph.encode.clone(),
        sample_rate: form.sample_rate,
        samples_per_frame: form.samples_per_frame,
        delay: graph.delay,
        lattice,
    };
    Some((HeadWork::EncodeAudio(work), graph.profile.clone()))
}

fn audio_graphs(
    info: &MediaInfo,
    rendition: &Rendition,
    form: &AudioForm,
    profiles: &[Resolved],
) -> Vec<AudioGraph> {
    let Some(track) = info.audio.get(rendition.track) else {
        return Vec::new();
    };
    let audio = profiles.iter().filter(|profile| profile.kind == ProfileKind::Audio);
    audio.filter_map(|profile| AudioGraph::new(profile, track, form)).collect()
}
