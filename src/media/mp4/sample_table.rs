//! The sample table (ISO/IEC 14496-12, 8.6 and 8.7.3) as run lengths, and the keyframe index made from it.
//!
//! Invariants: no sample is expanded; a walk costs the entries of the tables, not the samples they claim. The
//! buffer PTS is the one qtdemux gives: the sum of decoding time, composition offset and shift in ticks of the
//! track, scaled to nanoseconds once and rounded down.

use std::ops::Range;

use super::boxes::{Mp4Box, word};
use super::sample_sizes::SampleSizes;
use crate::media::{ContainerError, IndexSource, Keyframe, KeyframeIndex};
use crate::timeline::ticks::NANOS_PER_SECOND;
use crate::timeline::{Nanos, Rounding, rescale};

pub struct SampleTable<'a> {
    timescale: u32,
    /// Time to sample: count, delta.
    stts: &'a [[u8; 8]],
    /// Composition offsets: count, offset.
    ctts: &'a [[u8; 8]],
    /// `None`: every sample is a sync sample.
    syncs: Option<SyncTables<'a>>,
    pub sizes: SampleSizes<'a>,
    /// What qtdemux adds to every composition time so that none is negative, in ticks.
    pub shift: i64,
}

/// Numbers of samples, from one.
struct SyncTables<'a> {
    full: &'a [[u8; 4]],
    /// QuickTime's partial sync samples: keyframes of open GOPs.
    partial: &'a [[u8; 4]],
}

/// Samples in decoding order that follow one another by `delta` ticks with one composition offset.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// Index of the first one, from zero.
    first: u64,
    count: u64,
    /// Composition time of the first one in ticks, shift included.
    pts: i64,
    delta: u32,
}

impl Run {
    /// Never decreases within a run.
    fn pts_of(&self, sample: u64) -> i64 {
        self.pts.saturating_add(((sample - self.first) as i64).saturating_mul(i64::from(self.delta)))
    }

    fn last_pts(&self) -> i64 {
        self.pts_of(self.first + self.count - 1)
    }
}

impl<'a> SampleTable<'a> {
    /// `duration` is that of the media header, in ticks of `timescale`.
    pub fn parse(stbl: Mp4Box<'a>, timescale: u32, duration: u64) -> Result<Self, ContainerError> {
        let stts = entries(stbl.require(b"stts", "stts box")?, "stts")?;
        let mut ctts = match stbl.child(b"ctts")? {
            Some(found) => entries(found, "ctts")?,
            None => &[],
        };
        let shift = match stbl.child(b"cslg")? {
            _ if ctts.is_empty() => 0,
            // qtdemux reads the first field as 32 bits in either version.
            Some(cslg) => {
                let mut fields = cslg.fields("cslg");
                fields.skip(4)?;
                i64::from(fields.u32()?)
            }
            // Offsets beyond twice the media's length are damage: qtdemux does without any.
            None if ctts.iter().any(|e| u64::from(offset(e).unsigned_abs()) / 2 > duration) => {
                ctts = &[];
                0
            }
            None => -i64::from(ctts.iter().map(offset).min().unwrap_or(0).min(0)),
        };
        let partial = match stbl.child(b"stps")? {
            Some(stps) => entries(stps, "stps")?,
            None => &[],
        };
        let syncs = match stbl.child(b"stss")? {
            Some(stss) => Some(SyncTables { full: entries(stss, "stss")?, partial }),
            None => None,
        };
        Ok(Self { timescale, stts, ctts, syncs, sizes: SampleSizes::parse(stbl)?, shift })
    }

    /// Buffer PTS of a composition time with its shift.
    fn nanos(&self, ticks: i64) -> Nanos {
        rescale(ticks, self.timescale, NANOS_PER_SECOND as u32, Rounding::Floor)
    }

    fn runs(&self) -> impl Iterator<Item = Run> + '_ {
        let mut times = self.stts.iter();
        let mut offsets = self.ctts.iter();
        let (mut time_left, mut delta, mut dts) = (0u64, 0u32, 0i64);
        let (mut offset_left, mut cts) = (0u64, 0i64);
        let mut first = 0;
        std::iter::from_fn(move || {
            while time_left == 0 {
                let entry = times.next()?;
                (time_left, delta) = (u64::from(word(entry, 0)), word(entry, 4));
            }
            while offset_left == 0 {
                match offsets.next() {
                    Some(entry) => {
                        (offset_left, cts) = (u64::from(word(entry, 0)), i64::from(offset(entry)));
                    }
                    // Samples beyond the table have no offset.
                    None => (offset_left, cts) = (u64::MAX, 0),
                }
            }
            let count = time_left.min(offset_left).min(self.sizes.count - first);
            if count == 0 {
                return None;
            }
            let pts = dts.saturating_add(cts).saturating_add(self.shift);
            let run = Run { first, count, pts, delta };
            first += count;
            time_left -= count;
            offset_left -= count;
            dts = dts.saturating_add((count as i64).saturating_mul(i64::from(delta)));
            Some(run)
        })
    }

    /// Buffer PTS of the samples in decoding order. Costs each sample: for short tracks.
    pub fn buffer_pts(&self) -> impl Iterator<Item = Nanos> + '_ {
        self.times().map(|time| time.start)
    }

    /// Buffer PTS and end of the samples in decoding order. Costs each sample: for short tracks.
    pub fn times(&self) -> impl Iterator<Item = Range<Nanos>> + '_ {
        self.runs().flat_map(move |run| {
            (run.first..run.first + run.count).map(move |n| {
                let pts = run.pts_of(n);
                self.nanos(pts)..self.nanos(pts.saturating_add(i64::from(run.delta)))
            })
        })
    }

    /// Where the first samples lie in the file, `limit` at most (`stsc` with `stco` or `co64`).
    pub fn positions(&self, stbl: Mp4Box<'_>, limit: usize) -> Result<Vec<u64>, ContainerError> {
        let chunks: Box<dyn Iterator<Item = u64> + '_> = match stbl.child(b"stco")? {
            Some(stco) => {
                let mut fields = stco.fields("stco");
                fields.skip(4)?;
                Box::new(fields.table::<4>()?.iter().map(|entry| u64::from(word(entry, 0))))
            }
            None => {
                let mut fields = stbl.require(b"co64", "stco or co64 box")?.fields("co64");
                fields.skip(4)?;
                Box::new(fields.table::<8>()?.iter().map(|entry| u64::from_be_bytes(*entry)))
            }
        };
        let mut fields = stbl.require(b"stsc", "stsc box")?.fields("stsc");
        fields.skip(4)?;
        let mut runs = fields.table::<12>()?.iter().peekable();
        let wanted = self.sizes.count.min(limit as u64) as usize;
        let (mut positions, mut per_chunk) = (Vec::new(), 0);
        for (number, chunk) in (1..).zip(chunks) {
            while let Some(run) = runs.next_if(|run| word(run, 0) <= number) {
                per_chunk = word(run, 4);
            }
            let mut at = chunk;
            for _ in 0..per_chunk {
                if positions.len() == wanted {
                    return Ok(positions);
                }
                let size = self.sizes.of(positions.len() as u64);
                positions.push(at);
                at = at.saturating_add(size);
            }
        }
        Ok(positions)
    }

    /// Earliest buffer PTS and latest end of a sample; `None` without samples.
    pub fn extent(&self) -> Option<(Nanos, Nanos)> {
        let mut extent: Option<(i64, i64)> = None;
        for run in self.runs() {
            let end = run.last_pts().saturating_add(i64::from(run.delta));
            let (first, last) = extent.unwrap_or((run.pts, end));
            extent = Some((first.min(run.pts), last.max(end)));
        }
        extent.map(|(first, last)| (self.nanos(first), self.nanos(last)))
    }

    /// Timescale and delta, where all samples but the last have one and the same.
    pub fn constant_rate(&self) -> Option<(u32, u32)> {
        let mut left = self.sizes.count;
        let mut constant = None;
        for entry in self.stts {
            let (count, delta) = (u64::from(word(entry, 0)).min(left), word(entry, 4));
            if count == 0 {
                continue;
            }
            let only_the_last = left == 1;
            left -= count;
            match constant {
                None => constant = Some(delta),
                Some(rate) if rate == delta || only_the_last => {}
                Some(_) => return None,
            }
        }
        constant.filter(|&delta| delta > 0).map(|delta| (self.timescale, delta))
    }

    /// Keyframes in presentation time; `None` where the table names none, or more than `limit`.
    pub fn keyframes(&self, edit_offset_ns: Nanos, limit: u64) -> Option<KeyframeIndex> {
        let syncs = self.sync_samples(limit)?;
        let mut index = Vec::new();
        let mut pending: Option<Pending> = None;
        let mut syncs = syncs.into_iter().peekable();
        for run in self.runs() {
            let (mut at, end) = (run.first, run.first + run.count);
            while at < end {
                let pts = run.pts_of(at);
                if syncs.next_if_eq(&at).is_some() {
                    self.finish(&mut index, pending.take(), at, edit_offset_ns);
                    pending = Some(Pending { sample: at, pts, earliest: pts });
                }
                if let Some(keyframe) = &mut pending {
                    keyframe.earliest = keyframe.earliest.min(pts);
                }
                at = syncs.peek().map_or(end, |&next| next.clamp(at + 1, end));
            }
        }
        self.finish(&mut index, pending, self.sizes.count, edit_offset_ns);
        let frame_count = Some(self.sizes.count);
        (!index.is_empty()).then_some(KeyframeIndex {
            source: IndexSource::SampleTable,
            keyframes: index,
            frame_count,
        })
    }

    /// Appends a keyframe whose frames end before sample `end`. One that is presented no later than the keyframe
    /// before it is no place to cut, and its frames are the other's.
    fn finish(&self, index: &mut Vec<Keyframe>, pending: Option<Pending>, end: u64, edit_offset_ns: Nanos) {
        let Some(Pending { sample, pts, earliest }) = pending else { return };
        let pts_ns = self.nanos(pts).saturating_sub(edit_offset_ns);
        let earliest_ns = self.nanos(earliest).saturating_sub(edit_offset_ns);
        let bytes = self.sizes.sum(sample..end);
        match index.last_mut() {
            Some(last) if last.pts_ns >= pts_ns => {
                last.earliest_ns = last.earliest_ns.min(earliest_ns);
                last.bytes = last.bytes.saturating_add(bytes);
            }
            _ => index.push(Keyframe { pts_ns, earliest_ns, bytes }),
        }
    }

    /// Indices of the sync samples, strictly increasing.
    fn sync_samples(&self, limit: u64) -> Option<SyncSamples> {
        let count = self.sizes.count;
        let Some(SyncTables { full, partial }) = self.syncs else {
            return (count <= limit).then_some(SyncSamples::All(0..count));
        };
        if full.len() as u64 + partial.len() as u64 > limit {
            return None;
        }
        let mut listed: Vec<u64> = full
            .iter()
            .chain(partial)
            .filter_map(|entry| u64::from(word(entry, 0)).checked_sub(1))
            .filter(|&sample| sample < count)
            .collect();
        listed.sort_unstable();
        listed.dedup();
        Some(SyncSamples::Listed(listed.into_iter()))
    }
}

/// A keyframe whose last frame is not yet seen.
struct Pending {
    sample: u64,
    pts: i64,
    earliest: i64,
}

enum SyncSamples {
    All(std::ops::Range<u64>),
    Listed(std::vec::IntoIter<u64>),
}

impl Iterator for SyncSamples {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        match self {
            Self::All(range) => range.next(),
            Self::Listed(list) => list.next(),
        }
    }
}

/// Composition offset of a `ctts` entry: signed in version 1, and in practice in version 0 too.
fn offset(entry: &[u8; 8]) -> i32 {
    word(entry, 4).cast_signed()
}

fn entries<'a, const N: usize>(
    found: Mp4Box<'a>,
    what: &'static str,
) -> Result<&'a [[u8; N]], ContainerError> {
    let mut fields = found.fields(what);
    fields.skip(4)?;
    fields.table()
}

#[cfg(test)]
mod tests {
    use super::super::boxes::tests::full;
    use super::*;

    const SECOND: Nanos = NANOS_PER_SECOND;

    /// `stbl` of samples with the sizes 1, 2, 3, …
    fn table(count: u32, boxes: &[Vec<u8>]) -> Vec<u8> {
        let sizes: Vec<u32> = [0, count].into_iter().chain(1..=count).collect();
        [full(b"stsz", 0, 0, &sizes), boxes.concat()].concat()
    }

    fn parsed(stbl: &[u8], timescale: u32) -> SampleTable<'_> {
        let stbl = Mp4Box { kind: *b"stbl", body: stbl, at: 0 };
        SampleTable::parse(stbl, timescale, 1_000_000).expect("a sample table")
    }

    fn stts(words: &[u32]) -> Vec<u8> {
        full(b"stts", 0, 0, &[&[words.len() as u32 / 2], words].concat())
    }

    fn ctts(version: u8, words: &[i32]) -> Vec<u8> {
        let words: Vec<u32> = words.iter().map(|word| word.cast_unsigned()).collect();
        full(b"ctts", version, 0, &[&[words.len() as u32 / 2], &words[..]].concat())
    }

    fn stss(samples: &[u32]) -> Vec<u8> {
        full(b"stss", 0, 0, &[&[samples.len() as u32], samples].concat())
    }

    fn keyframes(stbl: &[u8], timescale: u32, edit_offset_ns: Nanos) -> Vec<(Nanos, Nanos, u64)> {
        let index = parsed(stbl, timescale).keyframes(edit_offset_ns, 1000).expect("an index");
        index.keyframes.iter().map(|k| (k.pts_ns, k.earliest_ns, k.bytes)).collect()
    }

    #[test]
    fn leading_pictures_open_a_gop() {
        // In decoding order I P B B | CRA B B P: the pictures behind the second keyframe are presented before it.
        let offsets = ctts(0, &[1, 1, 1, 3, 2, 0, 1, 4, 2, 1, 1, 1]);
        let stbl = table(8, &[stts(&[8, 1]), offsets, stss(&[1, 5])]);
        assert_eq!(keyframes(&stbl, 1, 0), [(SECOND, SECOND, 10), (8 * SECOND, 6 * SECOND, 26)]);
        assert_eq!(keyframes(&stbl, 1, SECOND), [(0, 0, 10), (7 * SECOND, 5 * SECOND, 26)]);
    }

    #[test]
    fn without_a_sync_table_every_sample_is_a_keyframe() {
        let stbl = table(3, &[stts(&[3, 1001])]);
        let expected = [(0, 0, 1), (41_708_333, 41_708_333, 2), (83_416_666, 83_416_666, 3)];
        assert_eq!(keyframes(&stbl, 24_000, 0), expected);
        assert_eq!(parsed(&stbl, 24_000).keyframes(0, 2), None);
    }

    #[test]
    fn times_are_summed_in_ticks_and_rounded_down_once() {
        let stbl = table(1, &[stts(&[1, 1]), ctts(0, &[1, 2]), stss(&[1])]);
        assert_eq!(keyframes(&stbl, 3, 0), [(666_666_666, 666_666_666, 1)]);
        let stbl = table(2, &[stts(&[2, 2]), ctts(0, &[2, 2]), stss(&[2])]);
        assert_eq!(keyframes(&stbl, 3, 0), [(1_333_333_333, 1_333_333_333, 2)]);
    }

    #[test]
    fn negative_offsets_are_shifted_as_the_demuxer_shifts_them() {
        let cslg = |least| full(b"cslg", 0, 0, &[least, 0, 0, 0, 0]);
        for (boxes, shift) in [
            (vec![ctts(1, &[1, 0, 2, -3])], 3),
            (vec![ctts(0, &[1, 0, 2, -3])], 3),
            (vec![ctts(0, &[3, 2])], 0),
            (vec![ctts(0, &[3, 2]), cslg(7)], 7),
            (vec![cslg(7)], 0),
            // Beyond twice the duration: damage, no offsets at all.
            (vec![ctts(0, &[1, 0, 2, -3_000_000])], 0),
        ] {
            let stbl = table(3, &[stts(&[3, 5]), boxes.concat()]);
            assert_eq!(parsed(&stbl, 1).shift, shift, "{boxes:?}");
        }
        let stbl = table(2, &[stts(&[2, 5]), ctts(1, &[1, 0, 1, -3]), stss(&[1, 2])]);
        assert_eq!(keyframes(&stbl, 1, 0), [(3 * SECOND, 3 * SECOND, 1), (5 * SECOND, 5 * SECOND, 2)]);
    }

    #[test]
    fn a_sync_table_out_of_order_is_put_right_and_foreign_numbers_are_dropped() {
        let partial = full(b"stps", 0, 0, &[1, 3]);
        let stbl = table(4, &[stts(&[4, 1]), stss(&[4, 1, 4, 0, 9]), partial]);
        let times: Vec<Nanos> = keyframes(&stbl, 1, 0).iter().map(|keyframe| keyframe.0).collect();
        assert_eq!(times, [0, 2 * SECOND, 3 * SECOND]);
        let none = table(4, &[stts(&[4, 1]), stss(&[])]);
        assert_eq!(parsed(&none, 1).keyframes(0, 1000), None);
    }

    #[test]
    fn a_keyframe_presented_before_the_last_one_belongs_to_it() {
        let stbl = table(3, &[stts(&[3, 0]), ctts(0, &[1, 5, 1, 3, 1, 9]), stss(&[1, 2, 3])]);
        assert_eq!(keyframes(&stbl, 1, 0), [(5 * SECOND, 3 * SECOND, 3), (9 * SECOND, 9 * SECOND, 3)]);
    }

    #[test]
    fn a_rate_is_constant_whatever_the_last_sample_does() {
        for (count, times, expected) in [
            (4, &[4, 1001][..], Some(1001)),
            (4, &[3, 1001, 1, 5], Some(1001)),
            (4, &[1, 1001, 3, 1001], Some(1001)),
            (4, &[2, 1001, 0, 7, 2, 1001], Some(1001)),
            (4, &[3, 1001, 5, 5], Some(1001)),
            (4, &[2, 1001, 2, 5], None),
            (4, &[1, 5, 3, 1001], None),
            (4, &[4, 0], None),
            (0, &[], None),
        ] {
            let stbl = table(count, &[stts(times)]);
            assert_eq!(parsed(&stbl, 24).constant_rate(), expected.map(|delta| (24, delta)), "{times:?}");
        }
    }

    #[test]
    fn the_extent_covers_every_picture() {
        let stbl = table(4, &[stts(&[3, 1, 1, 4]), ctts(0, &[1, 1, 1, 3, 2, 0])]);
        assert_eq!(parsed(&stbl, 1).extent(), Some((SECOND, 7 * SECOND)));
        assert_eq!(parsed(&table(0, &[stts(&[])]), 1).extent(), None);
    }

    #[test]
    fn claims_without_substance_cost_nothing() {
        let sizes = full(b"stsz", 0, 0, &[1, u32::MAX]);
        let zeros = [0u32; 2000];
        let times = stts(&[&zeros[..], &[u32::MAX, u32::MAX, u32::MAX, u32::MAX]].concat());
        let offsets = ctts(0, &[&[0i32; 2000][..], &[-1, i32::MAX]].concat());
        let stbl = [sizes, times, offsets, stss(&[1, u32::MAX])].concat();
        let table = SampleTable::parse(Mp4Box { kind: *b"stbl", body: &stbl, at: 0 }, 1, u64::MAX);
        let index = table.expect("a table").keyframes(0, 1000).expect("an index");
        assert_eq!(index.keyframes.len(), 2);
    }
}
