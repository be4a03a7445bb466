//! What of a file goes into MPEG transport streams: the renditions that they can carry, a picture and a sound together.

use std::ops::Range;
use std::sync::Arc;

use super::audio::aac_lc_config;
use super::presentation::{Presentation, Rendition, RenditionMedia};
use crate::media::MediaInfo;
use crate::mpegts::{AdtsHeader, AnnexB, Stream};
use crate::timeline::{
    CutList, NANOS_PER_SECOND, Rounding, SegmentIndex, nanos_from_ticks, rescale, ticks_from_nanos,
};

/// Stands between the names of what is in one stream.
const AND: char = '_';
/// Players of transport streams hold a whole segment in memory: no longer ones.
const LONGEST_NS: i64 = 20 * NANOS_PER_SECOND;
/// Sound that runs on behind the picture by less belongs to its last segment.
const TAIL_NS: i64 = NANOS_PER_SECOND / 2;

/// A picture, a sound, or both in one stream.
#[derive(Clone, Debug)]
pub struct Transport {
    pub video: Option<Arc<Rendition>>,
    pub audio: Option<Arc<Rendition>>,
}

/// How a rendition goes into a transport stream; `None` for what players there do not expect (HEVC, Opus, FLAC), for
/// AAC that ADTS cannot describe, and for pictures whose segments cannot be decoded alone or are too long.
pub fn stream(rendition: &Rendition, info: &MediaInfo) -> Option<Stream> {
    match &rendition.media {
        RenditionMedia::Video(form) => {
            let cuts = &rendition.cuts;
            let longest_ns = nanos_from_ticks(cuts.longest_ticks(), cuts.timescale);
            if form.codec != "h264" || !cuts.independent || longest_ns > LONGEST_NS {
                return None;
            }
            // Encoded segments bring their parameter sets with them.
            let sets = match rendition.copied {
                true => AnnexB::new(&info.video.get(rendition.track)?.codec_config)?,
                false => AnnexB::default(),
            };
            Some(Stream::H264(sets))
        }
        RenditionMedia::Audio(form) => match form.codec.as_str() {
            "aac" if rendition.copied => {
                AdtsHeader::new(&info.audio.get(rendition.track)?.codec_config).map(Stream::Aac)
            }
            "aac" => AdtsHeader::new(&aac_lc_config(form)).map(Stream::Aac),
            "ac3" => Some(Stream::Ac3),
            "eac3" => Some(Stream::Eac3),
            _ => None,
        },
    }
}

impl Transport {
    /// `v720-…_a0aac-…`: its renditions' names, and so their versions.
    pub fn name(&self) -> String {
        let names: Vec<&str> = self.video.iter().chain(&self.audio).map(|known| &*known.id.0).collect();
        names.join(&AND.to_string())
    }

    /// The names that `name` is made of.
    pub fn names(name: &str) -> impl Iterator<Item = &str> {
        name.split(AND)
    }

    /// The one with this name; `Err` has the part of it that is no rendition of `presentation`, or not one of those
    /// that can be in that place.
    pub fn named<'a>(presentation: &Presentation, name: &'a str) -> Result<Self, &'a str> {
        let mut found = Self { video: None, audio: None };
        for part in Self::names(name) {
            let known = presentation.renditions().find(|known| &*known.id.0 == part).ok_or(part)?;
            let place = match known.media {
                RenditionMedia::Video(_) if found.audio.is_none() => &mut found.video,
                RenditionMedia::Video(_) => return Err(part),
                RenditionMedia::Audio(_) => &mut found.audio,
            };
            if place.is_some() || stream(known, &presentation.info).is_none() {
                return Err(part);
            }
            *place = Some(known.clone());
        }
        Ok(found)
    }

    /// Its segments: those of the picture; where the sound goes on behind them, those of the sound.
    pub fn cuts(&self) -> CutList {
        let (video, audio) = match (&self.video, &self.audio) {
            (Some(video), Some(audio)) => (video, audio),
            (Some(only), None) | (None, Some(only)) => return (*only.cuts).clone(),
            (None, None) => {
                return CutList { timescale: 1, boundaries: vec![0], independent: true };
            }
        };
        let mut cuts = (*video.cuts).clone();
        let end = cuts.end() + ticks_from_nanos(TAIL_NS, cuts.timescale);
        let behind = audio
            .cuts
            .boundaries
            .iter()
            .map(|&tick| rescale(tick, audio.cuts.timescale, cuts.timescale, Rounding::Floor))
            .filter(|&tick| tick > end);
        cuts.boundaries.extend(behind);
        cuts
    }

    /// The segment of the picture that goes into segment `segment`.
    pub fn picture(&self, segment: SegmentIndex) -> Option<SegmentIndex> {
        let video = self.video.as_ref()?;
        (segment.0 < video.cuts.segment_count()).then_some(segment)
    }

    /// The sound that goes into segment `segment`: frames that begin in this range of the sound's ticks, which are in
    /// these of its segments. Every frame is in one segment.
    pub fn sound(&self, segment: SegmentIndex) -> Option<(Range<i64>, Range<u32>)> {
        let audio = self.audio.as_ref()?;
        let count = audio.cuts.segment_count();
        if self.video.is_none() {
            let own = audio.cuts.range(segment)?;
            return Some((own, segment.0..segment.0 + 1));
        }
        let cuts = self.cuts();
        let range = cuts.range(segment)?;
        let tick = |tick| rescale(tick, cuts.timescale, audio.cuts.timescale, Rounding::Ceil);
        let start = if segment.0 == 0 { i64::MIN } else { tick(range.start) };
        let last = segment.0 + 1 == cuts.segment_count();
        let end = if last { i64::MAX } else { tick(range.end) };
        // Each segment begins with a frame, the first at or behind some cut.
        let frame = i64::from(audio.audio()?.samples_per_frame.max(1));
        let first_frame = |at: i64| match at {
            i64::MIN => audio.cuts.start(),
            at => {
                let behind = at.saturating_sub(audio.cuts.start()).max(0);
                let frames = behind / frame + i64::from(behind % frame > 0);
                audio.cuts.start().saturating_add(frames.saturating_mul(frame))
            }
        };
        let (first, beyond) = (first_frame(start), first_frame(end).min(audio.cuts.end()));
        if first >= beyond {
            return Some((start..end, 0..0));
        }
        let holder = |tick: i64| audio.cuts.boundaries.partition_point(|&cut| cut <= tick) as u32 - 1;
        Some((start..end, holder(first)..(holder(beyond - 1) + 1).min(count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::examples;
    use proptest::prelude::*;

    fn film(video: CutList, end_ns: i64, rate: u32) -> Transport {
        let grid = CutList::by_time(0, video.end_ns(), examples::TARGETS);
        let mut sound = examples::sound();
        sound.cuts = CutList::audio(&grid, rate, 1024, 0, end_ns).into();
        Transport { video: Some(examples::video("v720", video).into()), audio: Some(sound.into()) }
    }

    proptest! {
        #[test]
        fn every_frame_of_sound_is_in_one_segment(
            scale in prop_oneof![Just(24_000_u32), Just(90_000), Just(25)],
            lengths_ms in prop::collection::vec(40_i64..9000, 1..20),
            runs_on_ms in -3000_i64..9000,
            rate in prop_oneof![Just(44_100_u32), Just(48_000)],
        ) {
            let mut boundaries = vec![0];
            for length_ms in lengths_ms {
                boundaries.push(boundaries[boundaries.len() - 1] + (length_ms * i64::from(scale) / 1000).max(1));
            }
            let video = CutList { timescale: scale, boundaries, independent: true };
            let end_ns = video.end_ns() + runs_on_ms * 1_000_000;
            prop_assume!(end_ns > 0);
            let film = film(video, end_ns, rate);
            let sound = &film.audio.as_ref().expect("a sound").cuts;
            let mut frames = sound.start();
            for number in (0..film.cuts().segment_count()).map(SegmentIndex) {
                let (range, segments) = film.sound(number).expect("a segment");
                for segment in segments.map(SegmentIndex) {
                    let own = sound.range(segment).expect("a segment of the sound");
                    for frame in own.step_by(1024).filter(|frame| range.contains(frame)) {
                        prop_assert_eq!(frame, frames);
                        frames += 1024;
                    }
                }
            }
            prop_assert_eq!(frames, sound.end());
        }
    }

    #[test]
    fn a_rung_and_its_sound_have_the_same_segments() {
        let film = examples::two_languages();
        let rung = film.video.iter().find(|known| !known.copied).expect("a rung").clone();
        let both = Transport { video: Some(rung), audio: Some(film.audio[0].clone()) };
        for number in 0..both.cuts().segment_count() {
            let (_, segments) = both.sound(SegmentIndex(number)).expect("a segment");
            assert_eq!(segments, number..number + 1);
        }
    }

    #[test]
    fn names_come_back_and_others_are_refused() {
        let film = examples::two_languages();
        let rung = film.video[1].clone();
        let both = Transport { video: Some(rung.clone()), audio: Some(film.audio[1].clone()) };
        let name = both.name();
        assert_eq!(Transport::named(&film, &name).expect("known").name(), name);
        let (video, audio) = (rung.id.to_string(), film.audio[0].id.to_string());
        assert!(Transport::named(&film, &audio).is_ok_and(|only| only.video.is_none()));
        let wrong = [
            (format!("{audio}_{video}"), video.as_str()),
            (format!("{video}_{video}"), video.as_str()),
            (format!("{video}_{audio}_{audio}"), audio.as_str()),
            ("v1-0_".to_owned(), "v1-0"),
            (String::new(), ""),
        ];
        for (wrong, at) in wrong {
            assert_eq!(Transport::named(&film, &wrong).err(), Some(at), "{wrong}");
        }
    }
}
