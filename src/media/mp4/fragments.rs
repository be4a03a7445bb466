//! Movie fragments (ISO/IEC 14496-12, 8.8 and 8.16): which samples of some tracks they list, and where fragments begin.
//!
//! Invariant: nothing is expanded that does not have its own bytes in the box, beyond [`MAX_SAME`].

use std::ops::Range;

use super::boxes::{Mp4Box, word};
use crate::media::{ContainerError, TrackNumber};
use crate::timeline::ticks::NANOS_PER_SECOND;
use crate::timeline::{Nanos, Rounding, rescale};

/// Samples that one run may claim without saying anything of each.
const MAX_SAME: u32 = 1 << 12;

const BASE_DATA_OFFSET: u32 = 0x1;
const SAMPLE_DESCRIPTION: u32 = 0x2;
const DEFAULT_DURATION: u32 = 0x8;
const DEFAULT_SIZE: u32 = 0x10;
const DATA_OFFSET: u32 = 0x1;
const FIRST_FLAGS: u32 = 0x4;
const DURATION: u32 = 0x100;
const SIZE: u32 = 0x200;
const FLAGS: u32 = 0x400;
const COMPOSITION: u32 = 0x800;
const DEFAULT_BASE_IS_MOOF: u32 = 0x02_0000;

/// What the movie says of a track, for its fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentedTrack {
    pub number: TrackNumber,
    pub timescale: u32,
    pub edit_offset_ns: Nanos,
    /// Of every sample that says nothing else (`trex`).
    pub duration: u32,
    pub size: u32,
}

impl FragmentedTrack {
    /// With what `mvex` says of it.
    #[must_use]
    pub fn with_defaults(mut self, mvex: Option<Mp4Box<'_>>) -> Self {
        let boxes = mvex.into_iter().flat_map(|mvex| mvex.children().intact());
        for trex in boxes.filter(|found| found.kind == *b"trex") {
            if let [number, _, duration, size] = trex.body.get(4..20).unwrap_or_default().as_chunks::<4>().0
                && u64::from(u32::from_be_bytes(*number)) == self.number
            {
                (self.duration, self.size) = (u32::from_be_bytes(*duration), u32::from_be_bytes(*size));
            }
        }
        self
    }

    /// Presentation time of a time in the media.
    fn nanos(&self, ticks: i64) -> Nanos {
        rescale(ticks, self.timescale, NANOS_PER_SECOND as u32, Rounding::Floor)
            .saturating_sub(self.edit_offset_ns)
    }
}

/// One sample and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    pub track: TrackNumber,
    /// Presentation time.
    pub time: Range<Nanos>,
    pub at: u64,
    pub size: u64,
}

/// What one `moof` lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fragment {
    /// Where the earliest of its tracks begins.
    pub start_ns: Option<Nanos>,
    /// Of the wanted tracks.
    pub samples: Vec<Sample>,
}

/// Reads the box `moof` whose header begins at `at`, with the samples of `wanted` of its `tracks`. A run without a time
/// (`tfdt`) or with damage has no samples.
pub fn fragment(moof: Mp4Box<'_>, at: u64, tracks: &[FragmentedTrack], wanted: &[TrackNumber]) -> Fragment {
    let mut fragment = Fragment::default();
    let mut data_end = at;
    for traf in moof.children().intact().filter(|child| child.kind == *b"traf") {
        let Ok(header) = TrackFragment::parse(traf, at, data_end) else { continue };
        let Some(track) = tracks.iter().find(|track| track.number == header.track) else { continue };
        let start = header.start.map(|ticks| ticks.min(i64::MAX as u64) as i64);
        if let Some(start) = start {
            let start_ns = track.nanos(start);
            fragment.start_ns = Some(fragment.start_ns.map_or(start_ns, |first| first.min(start_ns)));
        }
        let keep = start.is_some() && wanted.contains(&track.number);
        let (mut dts, mut place) = (start.unwrap_or(0), header.base);
        for trun in traf.children().intact().filter(|child| child.kind == *b"trun") {
            let walked = run(trun, &header, track, (&mut dts, &mut place), |sample| {
                if keep {
                    fragment.samples.push(sample);
                }
            });
            if walked.is_err() {
                break;
            }
        }
        data_end = place;
    }
    fragment
}

struct TrackFragment {
    track: TrackNumber,
    base: u64,
    /// In ticks of the track.
    start: Option<u64>,
    duration: Option<u32>,
    size: Option<u32>,
}

impl TrackFragment {
    fn parse(traf: Mp4Box<'_>, moof: u64, data_end: u64) -> Result<Self, ContainerError> {
        let mut fields = traf.require(b"tfhd", "tfhd box")?.fields("tfhd");
        let (_, flags) = fields.version_and_flags()?;
        let track = u64::from(fields.u32()?);
        // 8.8.7.1: by default the first one counts from the fragment, the others from where the one before ended.
        let base = match flags {
            flags if flags & BASE_DATA_OFFSET != 0 => fields.u64()?,
            flags if flags & DEFAULT_BASE_IS_MOOF != 0 => moof,
            _ => data_end,
        };
        if flags & SAMPLE_DESCRIPTION != 0 {
            fields.skip(4)?;
        }
        let duration = if flags & DEFAULT_DURATION != 0 { Some(fields.u32()?) } else { None };
        let size = if flags & DEFAULT_SIZE != 0 { Some(fields.u32()?) } else { None };
        let start = match traf.optional(b"tfdt").map(|tfdt| tfdt.fields("tfdt")) {
            Some(mut fields) => {
                let (version, _) = fields.version_and_flags()?;
                Some(fields.u32_or_u64(version)?)
            }
            None => None,
        };
        Ok(Self { track, base, start, duration, size })
    }
}

/// One `trun`: moves on the decoding time and the place of the next sample.
fn run(
    trun: Mp4Box<'_>,
    header: &TrackFragment,
    track: &FragmentedTrack,
    (dts, place): (&mut i64, &mut u64),
    mut sink: impl FnMut(Sample),
) -> Result<(), ContainerError> {
    let mut fields = trun.fields("trun");
    let (version, flags) = fields.version_and_flags()?;
    let count = fields.u32()?;
    if flags & DATA_OFFSET != 0 {
        *place = header.base.saturating_add_signed(fields.i32()?.into());
    }
    if flags & FIRST_FLAGS != 0 {
        fields.skip(4)?;
    }
    let told = flags & (DURATION | SIZE | FLAGS | COMPOSITION) != 0;
    let count = if told { count } else { count.min(MAX_SAME) };
    for _ in 0..count {
        let mut field = |flag: u32| if flags & flag == 0 { Ok(None) } else { fields.u32().map(Some) };
        let duration = field(DURATION)?.or(header.duration).unwrap_or(track.duration);
        let size = u64::from(field(SIZE)?.or(header.size).unwrap_or(track.size));
        field(FLAGS)?;
        let offset = field(COMPOSITION)?.unwrap_or(0);
        // Version 0 has no sign, but writers put one there.
        let offset =
            if version == 0 && offset < 1 << 31 { i64::from(offset) } else { offset.cast_signed().into() };
        let pts = dts.saturating_add(offset);
        let time = track.nanos(pts)..track.nanos(pts.saturating_add(duration.into()));
        sink(Sample { track: track.number, time, at: *place, size });
        *dts = dts.saturating_add(duration.into());
        *place = place.saturating_add(size);
    }
    Ok(())
}

/// Where a fragment begins that holds what a track has at a time, or what lies before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entrance {
    pub track: TrackNumber,
    pub time_ns: Nanos,
    pub at: u64,
}

/// The entrances that `mfra` lists (8.8.9 and 8.8.10), `limit` at the most.
pub fn listed(mfra: Mp4Box<'_>, tracks: &[FragmentedTrack], limit: usize) -> Vec<Entrance> {
    let mut entrances = Vec::new();
    for tfra in mfra.children().intact().filter(|child| child.kind == *b"tfra") {
        let _damaged: Result<(), ContainerError> = (|| {
            let mut fields = tfra.fields("tfra");
            let (version, _) = fields.version_and_flags()?;
            let number = u64::from(fields.u32()?);
            let sizes = fields.u32()?;
            // Bytes of the numbers of traf, trun and sample.
            let numbers = [4, 2, 0].map(|shift| (sizes >> shift & 3) as usize + 1).iter().sum();
            let Some(track) = tracks.iter().find(|track| track.number == number) else { return Ok(()) };
            for _ in 0..fields.u32()? {
                if entrances.len() >= limit {
                    break;
                }
                let time = fields.u32_or_u64(version)?.min(i64::MAX as u64) as i64;
                let at = fields.u32_or_u64(version)?;
                fields.skip(numbers)?;
                entrances.push(Entrance { track: number, time_ns: track.nanos(time), at });
            }
            Ok(())
        })();
    }
    entrances
}

/// The entrances that a `sidx` lists (8.16.3) that ends at `end`, `limit` at the most.
pub fn indexed(
    sidx: Mp4Box<'_>,
    end: u64,
    tracks: &[FragmentedTrack],
    limit: usize,
) -> Result<Vec<Entrance>, ContainerError> {
    let mut fields = sidx.fields("sidx");
    let (version, _) = fields.version_and_flags()?;
    let track = u64::from(fields.u32()?);
    let timescale = fields.u32()?;
    let mut time = fields.u32_or_u64(version)?;
    let mut at = end.saturating_add(fields.u32_or_u64(version)?);
    fields.skip(2)?;
    let count = usize::from(fields.u16()?).min(limit);
    let entries = fields.rest().as_chunks::<12>().0;
    let Some(known) = tracks.iter().find(|known| known.number == track).filter(|_| timescale > 0) else {
        return Ok(Vec::new());
    };
    let clock = FragmentedTrack { timescale, ..*known };
    let mut entrances = Vec::new();
    for entry in entries.iter().take(count) {
        let time_ns = clock.nanos(time.min(i64::MAX as u64) as i64);
        entrances.push(Entrance { track, time_ns, at });
        at = at.saturating_add(u64::from(word(entry, 0) & 0x7fff_ffff));
        time = time.saturating_add(word(entry, 4).into());
    }
    Ok(entrances)
}
