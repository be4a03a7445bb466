//! Samples of one picture and one sound in, packets out, in the order of their decoding. What comes out depends on
//! the samples alone, not on when they came.

use std::collections::VecDeque;

use bytes::Bytes;

use super::ORIGIN;
use super::adts::AdtsHeader;
use super::annex_b::AnnexB;
use super::packets::{Adaptation, Pid};
use super::pes::{self, StreamId};
use super::tables::Tables;

const VIDEO_PID: u16 = 0x100;
const AUDIO_PID: u16 = 0x101;
/// So far clock references run ahead of the decode times: what a receiver may have to take in meanwhile.
const LEAD: i64 = 63_000;
/// "The time interval between [...] two consecutive occurrences of PCRs shall be less than or equal to 0,1 s" (ISO/IEC
/// 13818-1 section 2.7.2).
const CLOCK_INTERVAL: i64 = 9_000;
/// Tables come again after so long.
const TABLE_INTERVAL: i64 = 11_250;
/// Frames of sound share a header as long as they begin within this.
const SHARED_HEADER: i64 = 4_500;
/// And have no more bytes than this: several frames of surround sound.
const SHARED_BYTES: usize = 8 << 10;

/// What a stream is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stream {
    H264(AnnexB),
    Aac(AdtsHeader),
    Ac3,
    Eac3,
}

/// One sample of a segment; times in units of 90 kHz from the origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    pub decoded: i64,
    /// When the next one is decoded.
    pub until: i64,
    pub presented: i64,
    pub random_access: bool,
    pub data: Bytes,
}

/// Makes one segment.
pub struct Muxer {
    tables: Tables,
    video: Option<Track>,
    audio: Option<Track>,
    /// There are pictures in the next segment.
    picture_goes_on: bool,
    out: Vec<u8>,
    /// Time stamps of what had the last clock reference, and of what the tables stood in front of.
    clocked: Option<i64>,
    tabled: Option<i64>,
}

struct Track {
    pid: Pid,
    stream: Stream,
    pending: VecDeque<Unit>,
    /// No more samples come.
    ended: bool,
    /// When the sample behind the newest one is decoded.
    until: i64,
}

/// What gets a header of its own: a picture, or some frames of sound.
struct Unit {
    decoded: i64,
    presented: i64,
    random_access: bool,
    data: Vec<u8>,
}

impl Muxer {
    /// For a picture, a sound, or both; `picture_goes_on` in the next segment.
    pub fn new(video: Option<Stream>, audio: Option<Stream>, picture_goes_on: bool) -> Self {
        let track = |id, stream| Track {
            pid: Pid::new(id),
            stream,
            pending: VecDeque::new(),
            ended: false,
            until: 0,
        };
        let video = video.map(|stream| track(VIDEO_PID, stream));
        let audio = audio.map(|stream| track(AUDIO_PID, stream));
        let streams: Vec<(Pid, &Stream)> =
            video.iter().chain(&audio).map(|track| (track.pid, &track.stream)).collect();
        let clock = streams.first().map_or(Pid::new(VIDEO_PID), |(pid, _)| *pid);
        let tables = Tables::new(&streams, clock);
        Self { tables, video, audio, picture_goes_on, out: Vec::new(), clocked: None, tabled: None }
    }

    /// Takes the next picture.
    pub fn video(&mut self, sample: &Sample) {
        if let Some(track) = &mut self.video {
            track.push(sample);
        }
    }

    /// Takes the next frame of sound.
    pub fn audio(&mut self, sample: &Sample) {
        if let Some(track) = &mut self.audio {
            track.push(sample);
        }
    }

    pub fn end_video(&mut self) {
        end(&mut self.video);
    }

    pub fn end_audio(&mut self) {
        end(&mut self.audio);
    }

    /// The packets whose place is known: all of them once both have ended.
    pub fn take(&mut self) -> Vec<u8> {
        while let Some((track, unit)) = self.next() {
            self.write(track, &unit);
        }
        if self.ended() && self.tabled.is_some() {
            for _ in 0..self.tables.until_cycle() {
                self.tables.write(&mut self.out);
            }
        }
        std::mem::take(&mut self.out)
    }

    fn ended(&self) -> bool {
        self.tracks().all(|(_, track)| track.ended && track.pending.is_empty())
    }

    fn tracks(&self) -> impl Iterator<Item = (Kind, &Track)> {
        let video = self.video.iter().map(|track| (Kind::Video, track));
        video.chain(self.audio.iter().map(|track| (Kind::Audio, track)))
    }

    /// What is decoded first of all that is yet to come. A track's newest unit waits for the one behind it, since
    /// the last one of a segment is written otherwise.
    fn next(&mut self) -> Option<(Kind, Unit)> {
        let mut first: Option<(Kind, i64)> = None;
        for (kind, track) in self.tracks() {
            match track.pending.front() {
                _ if !track.ended && track.pending.len() < 2 => return None,
                Some(unit) if first.is_none_or(|(_, earliest)| unit.decoded < earliest) => {
                    first = Some((kind, unit.decoded));
                }
                _ => {}
            }
        }
        let (kind, _) = first?;
        let unit = self.track(kind)?.pending.pop_front()?;
        Some((kind, unit))
    }

    fn track(&mut self, kind: Kind) -> Option<&mut Track> {
        match kind {
            Kind::Video => self.video.as_mut(),
            Kind::Audio => self.audio.as_mut(),
        }
    }

    fn write(&mut self, kind: Kind, unit: &Unit) {
        let at = unit.decoded + ORIGIN;
        if self.tabled.is_none_or(|before| at - before >= TABLE_INTERVAL) {
            self.tables.write(&mut self.out);
            self.tabled = Some(at);
        }
        let has_clock = kind == Kind::Video || self.video.is_none();
        let mut out = std::mem::take(&mut self.out);
        if let Some(video) = self.video.as_ref().filter(|_| !has_clock) {
            // The next picture has one too. Pictures of the next segment may be decoded before this is.
            let next = video.pending.front().map(|next| next.decoded);
            let next = next.or(self.picture_goes_on.then_some(video.until)).map(|next| next + ORIGIN);
            let soon = next.zip(self.clocked).is_some_and(|(next, before)| next - before <= CLOCK_INTERVAL);
            if !soon && next.is_none_or(|next| at < next) {
                video.pid.write_clock(&mut out, at - LEAD);
                self.clocked = Some(at);
            }
        }
        if has_clock {
            self.clocked = Some(at);
        }
        if let Some(track) = self.track(kind) {
            let adaptation = Adaptation {
                clock_reference: has_clock.then_some(at - LEAD),
                random_access: unit.random_access,
            };
            let length = unit.data.len();
            let mut packet = pes::header(track.stream.id(), unit.presented + ORIGIN, at, length);
            packet.extend_from_slice(&unit.data);
            let last = track.ended && track.pending.is_empty();
            track.pid.write(&mut out, adaptation, &packet, last);
        }
        self.out = out;
    }
}

fn end(track: &mut Option<Track>) {
    if let Some(track) = track {
        track.ended = true;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Video,
    Audio,
}

impl Stream {
    fn id(&self) -> StreamId {
        match self {
            Self::H264(_) => StreamId::Video,
            Self::Aac(_) => StreamId::Audio,
            Self::Ac3 | Self::Eac3 => StreamId::Private,
        }
    }

    /// Appends a sample as the stream carries it.
    fn append(&self, out: &mut Vec<u8>, sample: &Sample) {
        match self {
            Self::H264(form) => form.append(out, &sample.data, sample.random_access),
            // A frame of eight kilobytes is none: 6144 bits a channel are the most (ISO/IEC 14496-3 section 4.5.3.1).
            Self::Aac(header) => drop(header.append(out, &sample.data)),
            Self::Ac3 | Self::Eac3 => out.extend_from_slice(&sample.data),
        }
    }
}

impl Track {
    fn push(&mut self, sample: &Sample) {
        self.until = sample.until;
        if let Some(unit) = self.pending.back_mut()
            && !matches!(self.stream, Stream::H264(_))
            && sample.decoded - unit.decoded < SHARED_HEADER
            && unit.data.len() + sample.data.len() < SHARED_BYTES
        {
            self.stream.append(&mut unit.data, sample);
            return;
        }
        let Sample { decoded, presented, random_access, .. } = *sample;
        let mut data = Vec::with_capacity(sample.data.len() + 128);
        self.stream.append(&mut data, sample);
        self.pending.push_back(Unit { decoded, presented, random_access, data });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RECORD: [u8; 17] =
        [1, 0x4d, 0x40, 0x28, 0xff, 0xe1, 0, 4, 0x67, 0x4d, 0x40, 0x28, 1, 0, 2, 0x68, 0xee];

    fn h264() -> Stream {
        Stream::H264(AnnexB::new(&RECORD).expect("a record"))
    }

    fn aac() -> Stream {
        Stream::Aac(AdtsHeader::new(&[0x11, 0x90]).expect("AAC-LC"))
    }

    fn picture(number: i64, bytes: usize) -> Sample {
        let mut data = (bytes as u32 + 1).to_be_bytes().to_vec();
        data.push(if number == 0 { 0x65 } else { 0x41 });
        data.resize(bytes + 5, number as u8);
        let at = number * 3600;
        Sample { decoded: at, until: at + 3600, presented: at, random_access: number == 0, data: data.into() }
    }

    fn sound(number: i64, bytes: usize) -> Sample {
        let at = number * 1920;
        Sample {
            decoded: at,
            until: at + 1920,
            presented: at,
            random_access: true,
            data: vec![number as u8; bytes].into(),
        }
    }

    /// Counters of every PID, in order, of packets with payload.
    fn counters(bytes: &[u8]) -> std::collections::BTreeMap<u16, Vec<u8>> {
        let mut all = std::collections::BTreeMap::<u16, Vec<u8>>::new();
        for packet in bytes.chunks(188) {
            if packet[3] & 0x10 != 0 {
                let pid = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
                all.entry(pid).or_default().push(packet[3] & 0x0f);
            }
        }
        all
    }

    fn whole(pictures: &[Sample], sounds: &[Sample]) -> Vec<u8> {
        whole_of(pictures, sounds, false)
    }

    fn whole_of(pictures: &[Sample], sounds: &[Sample], goes_on: bool) -> Vec<u8> {
        let mut muxer = Muxer::new(Some(h264()), Some(aac()), goes_on);
        pictures.iter().for_each(|sample| muxer.video(sample));
        sounds.iter().for_each(|sample| muxer.audio(sample));
        muxer.end_video();
        muxer.end_audio();
        muxer.take()
    }

    fn clocks(made: &[u8]) -> Vec<i64> {
        let mut clocks = Vec::new();
        for packet in made.chunks(188) {
            if packet[3] & 0x20 != 0 && packet[4] > 0 && packet[5] & 0x10 != 0 {
                assert_eq!(u16::from_be_bytes([packet[1] & 0x1f, packet[2]]), VIDEO_PID);
                let high = u32::from_be_bytes([packet[6], packet[7], packet[8], packet[9]]);
                clocks.push(i64::from(high) << 1 | i64::from(packet[10] >> 7));
            }
        }
        clocks
    }

    proptest! {
        #[test]
        fn counters_run_on_from_any_segment_into_any_other(
            pictures in prop::collection::vec(1_usize..3000, 0..60),
            sounds in prop::collection::vec(20_usize..800, 0..100),
        ) {
            let pictures: Vec<Sample> = (0..).zip(&pictures).map(|(n, &bytes)| picture(n, bytes)).collect();
            let sounds: Vec<Sample> = (0..).zip(&sounds).map(|(n, &bytes)| sound(n, bytes)).collect();
            let once = whole(&pictures, &sounds);
            prop_assert_eq!(once.len() % 188, 0);
            for (pid, counters) in counters(&[once.clone(), once].concat()) {
                let expected: Vec<u8> = (0..counters.len()).map(|n| (n % 16) as u8).collect();
                prop_assert_eq!(counters, expected, "{}", pid);
            }
        }

        #[test]
        fn it_does_not_matter_when_samples_come(
            order in prop::collection::vec(any::<(bool, bool)>(), 0..200),
        ) {
            let pictures: Vec<Sample> = (0..25).map(|n| picture(n, 500)).collect();
            let sounds: Vec<Sample> = (0..47).map(|n| sound(n, 300)).collect();
            let mut muxer = Muxer::new(Some(h264()), Some(aac()), false);
            let (mut pictures_left, mut sounds_left) = (pictures.iter(), sounds.iter());
            let mut made = Vec::new();
            for (picture, take) in order {
                match picture {
                    true => pictures_left.next().into_iter().for_each(|sample| muxer.video(sample)),
                    false => sounds_left.next().into_iter().for_each(|sample| muxer.audio(sample)),
                }
                if take {
                    made.extend(muxer.take());
                }
            }
            pictures_left.for_each(|sample| muxer.video(sample));
            muxer.end_video();
            made.extend(muxer.take());
            sounds_left.for_each(|sample| muxer.audio(sample));
            muxer.end_audio();
            made.extend(muxer.take());
            prop_assert_eq!(made, whole(&pictures, &sounds));
        }
    }

    #[test]
    fn clock_references_are_never_rarer_than_a_tenth_of_a_second() {
        // The picture stands still for half a second and ends after 0.8 s, the sound goes on.
        let pictures: Vec<Sample> = [0, 1, 2, 3, 4, 5, 18, 19, 20].map(|n| picture(n, 500)).into();
        let sounds: Vec<Sample> = (0..94).map(|n| sound(n, 300)).collect();
        let made = whole(&pictures, &sounds);
        let clocks = clocks(&made);
        assert_eq!(clocks[0], ORIGIN - LEAD);
        assert!(clocks.windows(2).all(|two| (0..=9000).contains(&(two[1] - two[0]))), "{clocks:?}");
        assert!(*clocks.last().expect("some") > 93 * 1920 + ORIGIN - LEAD - 2 * 9600);
    }

    #[test]
    fn clock_references_do_not_overtake_the_pictures_of_the_next_segment() {
        // Decoding runs two pictures ahead of presentation, as with B-frames.
        let pictures: Vec<Sample> = (0..23).map(|n| picture(n, 500)).collect();
        let sounds: Vec<Sample> = (0..47).map(|n| sound(n, 300)).collect();
        let next = 23 * 3600 + ORIGIN - LEAD;
        let last = |goes_on| clocks(&whole_of(&pictures, &sounds, goes_on)).last().copied().expect("some");
        assert!(last(true) <= next && last(false) > next);
    }

    #[test]
    fn nothing_is_made_of_nothing() {
        assert!(whole(&[], &[]).is_empty());
    }
}
