//! MPEG transport streams: the segments that everybody else gets, in other packets. Nothing is encoded for them.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;

use super::context::{FragmentedSegment, Segment, Streams};
use super::manifests::{HLS, chosen, print, text as webvtt};
use super::media::{PATIENCE, stream, untold};
use super::problem::{Kind, Problem};
use super::respond::{Answer, Call};
use crate::base::ids::FileId;
use crate::encoder::{StreamError, TextSpan, Whole};
use crate::isobmff;
use crate::library::BoxFuture;
use crate::manifest::hls as playlists;
use crate::mpegts::{CLOCK_HZ, Muxer, ORIGIN, Sample};
use crate::rendition::{self, Presentation, Rendition, Transport};
use crate::timeline::{Rounding, SegmentIndex, rescale};

/// Of sound too (RFC 8216 section 3.2 knows no other).
const TRANSPORT: &str = "video/mp2t";

pub async fn index(call: &Call<'_>, file: FileId) -> Answer {
    let (presentation, copy) = chosen(call, file).await?;
    let text = playlists::transport_multivariant(&presentation, copy).ok_or_else(|| {
        let detail = "Nothing of this file fits into MPEG transport streams: they carry H.264, AAC, AC-3 and E-AC-3, and \
                      no profile of this machine makes H.264 of its picture. /hls and /dash have what there is.";
        Problem::new(Kind::Unplayable, detail)
    })?;
    Ok(print(call, HLS, text).await)
}

pub async fn playlist(call: &Call<'_>, file: FileId, name: &str) -> Answer {
    let presentation = call.context.encoders.presentation(file).await?;
    if let Some(text) = presentation.text(name) {
        return Ok(print(call, HLS, playlists::text_playlist(text)).await);
    }
    let transport = find(&presentation, file, name)?;
    Ok(print(call, HLS, playlists::transport_playlist(&transport)).await)
}

pub async fn text(call: &Call<'_>, file: FileId, rendition: &str, n: u32) -> Answer {
    let span = TextSpan::Segment { index: SegmentIndex(n), part: None, origin: ORIGIN };
    webvtt(call, file, rendition, span).await
}

pub async fn segment(call: &Call<'_>, file: FileId, name: &str, n: u32) -> Answer {
    let streams = &*call.context.encoders;
    let presentation = streams.presentation(file).await?;
    let transport = find(&presentation, file, name)?;
    let count = transport.cuts().segment_count();
    if n >= count {
        return Err(StreamError::BeyondEnd { rendition: name.to_owned(), segment: n, count }.into());
    }
    if call.head {
        return Ok(untold(TRANSPORT));
    }
    let remux = Remux::open(streams, file, &presentation, &transport, SegmentIndex(n)).await?;
    stream(call.headers, TRANSPORT, Box::new(remux), PATIENCE, || format!("{file}/{name}/{n}.ts")).await
}

fn find(presentation: &Presentation, file: FileId, name: &str) -> Result<Transport, StreamError> {
    Transport::named(presentation, name).map_err(|part| {
        let known = || presentation.renditions().map(|known| &known.id);
        match known().any(|id| *id.0 == *part) {
            // It is there, and does not go into a transport stream, or not in this place.
            true => StreamError::UnknownRendition { file, rendition: name.to_owned() },
            false => StreamError::no_rendition(file, part, known()),
        }
    })
}

/// One segment as it is made from those of its renditions, which may be growing.
struct Remux {
    muxer: Muxer,
    video: Option<Input>,
    audio: Option<Input>,
    /// Made and not given out yet.
    ready: Option<Bytes>,
    /// All of it, where everything it is made from was there from the beginning.
    whole: Option<Whole>,
}

/// What is read of one rendition: samples that begin in `wanted`, from these segments.
struct Input {
    readers: VecDeque<Box<dyn FragmentedSegment>>,
    timescale: u32,
    wanted: Range<i64>,
    /// Decode time of the last sample read.
    reached: i64,
}

impl Remux {
    async fn open(
        streams: &dyn Streams,
        file: FileId,
        presentation: &Presentation,
        transport: &Transport,
        segment: SegmentIndex,
    ) -> Result<Self, StreamError> {
        let carried = |known: &Rendition| rendition::stream(known, &presentation.info);
        let of = |rendition: &Option<_>| rendition.as_deref().and_then(carried);
        let goes_on = transport.picture(segment.next()).is_some();
        let muxer = Muxer::new(of(&transport.video), of(&transport.audio), goes_on);
        let picture = transport.picture(segment).map_or(0..0, |at| at.0..at.0 + 1);
        let (frames, sound) = transport.sound(segment).unwrap_or((0..0, 0..0));
        let video = Input::open(streams, file, transport.video.as_deref(), i64::MIN..i64::MAX, picture);
        let audio = Input::open(streams, file, transport.audio.as_deref(), frames, sound);
        let (video, audio) = (video.await?, audio.await?);
        let mut remux = Self { muxer, video, audio, ready: None, whole: None };
        let made = |input: &Input| input.readers.iter().all(|reader| reader.whole().is_some());
        if remux.video.iter().chain(&remux.audio).all(made) {
            remux.whole = Some(remux.wait_whole().await?);
        }
        Ok(remux)
    }

    /// More packets; `None` at the end. Can be given up at any time.
    async fn more(&mut self) -> Result<Option<Bytes>, StreamError> {
        if let Some(ready) = self.ready.take() {
            return Ok(Some(ready));
        }
        loop {
            let packets = self.muxer.take();
            if !packets.is_empty() {
                return Ok(Some(packets.into()));
            }
            // The one that is behind: the other could not be written yet anyway.
            let picture_is_behind = match (&self.video, &self.audio) {
                (Some(video), Some(audio)) => video.reached <= audio.reached,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (None, None) => return Ok(None),
            };
            if picture_is_behind {
                match read(&mut self.video).await? {
                    Some(samples) => samples.iter().for_each(|sample| self.muxer.video(sample)),
                    None => {
                        self.video = None;
                        self.muxer.end_video();
                    }
                }
            } else {
                match read(&mut self.audio).await? {
                    Some(samples) => samples.iter().for_each(|sample| self.muxer.audio(sample)),
                    None => {
                        self.audio = None;
                        self.muxer.end_audio();
                    }
                }
            }
        }
    }
}

async fn read(input: &mut Option<Input>) -> Result<Option<Vec<Sample>>, StreamError> {
    match input {
        Some(input) => input.next().await,
        None => Ok(None),
    }
}

impl Input {
    async fn open(
        streams: &dyn Streams,
        file: FileId,
        rendition: Option<&Rendition>,
        wanted: Range<i64>,
        segments: Range<u32>,
    ) -> Result<Option<Self>, StreamError> {
        let Some(rendition) = rendition else { return Ok(None) };
        let mut readers = VecDeque::new();
        for segment in segments.map(SegmentIndex) {
            readers.push_back(streams.segment(file, &rendition.id.0, segment).await?);
        }
        Ok(Some(Self { readers, timescale: rendition.cuts.timescale, wanted, reached: i64::MIN }))
    }

    /// The samples of what comes next; `None` at the end.
    async fn next(&mut self) -> Result<Option<Vec<Sample>>, StreamError> {
        while let Some(reader) = self.readers.front_mut() {
            let Some(fragments) = reader.next().await else {
                self.readers.pop_front();
                continue;
            };
            let samples = isobmff::samples(&fragments?)
                .map_err(|error| StreamError::Internal(format!("for a transport stream: {error}")))?;
            if let Some(last) = samples.last() {
                self.reached = self.stamp(last.decoded);
            }
            let wanted = samples.into_iter().filter(|sample| self.wanted.contains(&sample.decoded));
            let stamped = wanted.map(|sample| Sample {
                decoded: self.stamp(sample.decoded),
                until: self.stamp(sample.decoded + sample.duration),
                presented: self.stamp(sample.presented),
                random_access: sample.sync,
                data: sample.data,
            });
            return Ok(Some(stamped.collect()));
        }
        Ok(None)
    }

    fn stamp(&self, tick: i64) -> i64 {
        rescale(tick, self.timescale, CLOCK_HZ, Rounding::Floor)
    }
}

impl Segment for Remux {
    fn ready(&mut self) -> BoxFuture<'_, Result<(), StreamError>> {
        Box::pin(async {
            self.ready = self.more().await?;
            Ok(())
        })
    }

    fn whole(&self) -> Option<Whole> {
        self.whole.clone()
    }

    fn wait_whole(&mut self) -> BoxFuture<'_, Result<Whole, StreamError>> {
        Box::pin(async {
            let mut pieces = Vec::new();
            while let Some(packets) = self.more().await? {
                pieces.push(packets);
            }
            Ok(Whole::new(pieces))
        })
    }

    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, StreamError>>> {
        Box::pin(async { self.more().await.transpose() })
    }
}
