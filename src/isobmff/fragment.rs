//! One fragment: `moof` and `mdat` of one track (CMAF chunk, ISO/IEC 23000-19 section 7.3.2.3).

use super::boxes::Boxes;
use crate::timeline::SegmentIndex;

/// A finished fragment and what is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    pub segment: SegmentIndex,
    /// Position within its segment, from zero: an LL-HLS part.
    pub part: u32,
    /// Ticks of the rendition, from the origin.
    pub start: i64,
    pub duration: i64,
    /// Starts with a random access point.
    pub independent: bool,
    /// The last one of its segment.
    pub last: bool,
    pub bytes: Vec<u8>,
}

/// Where the fragments of a whole segment are in its bytes: each from its `moof` to the next one.
pub fn fragment_ranges(segment: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut ranges: Vec<std::ops::Range<usize>> = Vec::new();
    let mut at = 0;
    while let Some((header, _)) = segment.get(at..).and_then(|rest| rest.split_first_chunk::<8>()) {
        let size = u32::from_be_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let end = (at + size.max(8)).min(segment.len());
        match ranges.last_mut() {
            Some(fragment) if &header[4..] != b"moof" => fragment.end = end,
            _ => ranges.push(at..end),
        }
        at = end;
    }
    ranges
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FragmentSample {
    /// Ticks until the next sample is decoded.
    pub duration: u32,
    /// Presentation minus decode time, in ticks.
    pub composition_offset: i32,
    /// A random access point.
    pub sync: bool,
    pub data: Vec<u8>,
}

/// sample_depends_on = 2 (section 8.8.3.1): an I picture.
const FLAGS_SYNC: u32 = 0x0200_0000;
/// sample_depends_on = 1, sample_is_non_sync_sample.
const FLAGS_DEPENDENT: u32 = 0x0101_0000;
/// Sequence numbers leave room for this many fragments in a segment.
const PARTS_PER_SEGMENT: u32 = 4096;

/// The bytes of a fragment that starts at `decode_time` ticks.
pub fn fragment_bytes(
    segment: SegmentIndex,
    part: u32,
    decode_time: i64,
    samples: &[FragmentSample],
) -> Vec<u8> {
    let sequence = segment.0.wrapping_mul(PARTS_PER_SEGMENT).wrapping_add(part + 1);
    let flags_of = |sample: &FragmentSample| if sample.sync { FLAGS_SYNC } else { FLAGS_DEPENDENT };
    let default_flags = samples.last().map_or(FLAGS_SYNC, flags_of);
    let first_flags = samples.first().map_or(default_flags, flags_of);
    let own_flags = samples.iter().skip(1).any(|sample| flags_of(sample) != default_flags);
    let default_duration = samples.first().map_or(0, |sample| sample.duration);
    let own_durations = samples.iter().any(|sample| sample.duration != default_duration);
    let offsets = samples.iter().any(|sample| sample.composition_offset != 0);

    let mut b = Boxes::new();
    let mut data_offset_at = 0;
    b.put(b"moof", |b| {
        b.put_full(b"mfhd", 0, 0, |b| {
            b.u32(sequence);
        });
        b.put(b"traf", |b| {
            // default-base-is-moof, default duration, default flags (section 8.8.7).
            b.put_full(b"tfhd", 0, 0x02_0000 | 0x08 | 0x20, |b| {
                b.u32(1).u32(default_duration).u32(default_flags);
            });
            b.put_full(b"tfdt", 1, 0, |b| {
                b.u64(decode_time.max(0) as u64);
            });
            let first_flags_differ = !own_flags && first_flags != default_flags;
            let flags = 0x001
                | if first_flags_differ { 0x004 } else { 0 }
                | if own_durations { 0x100 } else { 0 }
                | 0x200
                | if own_flags { 0x400 } else { 0 }
                | if offsets { 0x800 } else { 0 };
            b.put_full(b"trun", 1, flags, |b| {
                b.u32(samples.len() as u32);
                data_offset_at = b.position();
                b.u32(0);
                if first_flags_differ {
                    b.u32(first_flags);
                }
                for sample in samples {
                    if own_durations {
                        b.u32(sample.duration);
                    }
                    b.u32(sample.data.len() as u32);
                    if own_flags {
                        b.u32(flags_of(sample));
                    }
                    if offsets {
                        b.i32(sample.composition_offset);
                    }
                }
            });
        });
    });
    let moof_size = b.position() as u32;
    b.set_u32(data_offset_at, moof_size + 8);
    b.put(b"mdat", |b| {
        for sample in samples {
            b.raw(&sample.data);
        }
    });
    b.into_bytes()
}

/// Where `tfhd` has its track_ID: behind `moof` (8), `mfhd` (16), `traf` (8) and the head of `tfhd` (12).
const TRACK_ID_AT: usize = 44;

/// Gives a fragment of ours to another track of a movie with several.
pub fn set_track(bytes: &mut [u8], id: u32) {
    if let Some(field) = bytes.get_mut(TRACK_ID_AT..TRACK_ID_AT + 4) {
        field.copy_from_slice(&id.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mp4_atom::{Header, ReadAtom, ReadFrom};

    fn moof(bytes: &[u8]) -> mp4_atom::Moof {
        let mut cursor = std::io::Cursor::new(bytes);
        let header = Header::read_from(&mut cursor).expect("moof header");
        mp4_atom::Moof::read_atom(&header, &mut cursor).expect("moof")
    }

    fn sample(duration: u32, composition_offset: i32, sync: bool, byte: u8) -> FragmentSample {
        FragmentSample { duration, composition_offset, sync, data: vec![byte; usize::from(byte)] }
    }

    #[test]
    fn a_segment_falls_into_its_fragments() {
        let sample = |data: &[u8]| FragmentSample {
            duration: 10,
            composition_offset: 0,
            sync: true,
            data: data.to_vec(),
        };
        let fragments: Vec<Vec<u8>> = (0..3)
            .map(|part| fragment_bytes(SegmentIndex(4), part, 10, &[sample(&vec![7; 100 * part as usize])]))
            .collect();
        let segment = fragments.concat();
        let found: Vec<&[u8]> = fragment_ranges(&segment).into_iter().map(|range| &segment[range]).collect();
        assert_eq!(found, fragments);
        assert!(fragment_ranges(&[]).is_empty());
        for end in 0..segment.len() {
            let ranges = fragment_ranges(&segment[..end]);
            assert!(ranges.iter().all(|range| range.end <= end), "cut at {end}");
        }
    }

    #[test]
    fn an_independent_reader_finds_times_sizes_flags_and_data() {
        let samples = [sample(10, 0, true, 3), sample(10, 20, false, 4), sample(12, -10, false, 5)];
        let bytes = fragment_bytes(SegmentIndex(2), 1, 1 << 40, &samples);
        let moof = moof(&bytes);
        assert_eq!(moof.mfhd.sequence_number, 2 * 4096 + 2);
        let traf = &moof.traf[0];
        assert_eq!(traf.tfdt.as_ref().map(|tfdt| tfdt.base_media_decode_time), Some(1 << 40));
        let trun = &traf.trun[0];
        assert_eq!(
            trun.samples.iter().map(|e| e.duration).collect::<Vec<_>>(),
            [Some(10), Some(10), Some(12)]
        );
        assert_eq!(trun.samples.iter().map(|e| e.cts).collect::<Vec<_>>(), [Some(0), Some(20), Some(-10)]);
        let at = trun.data_offset.expect("an offset") as usize;
        assert_eq!(&bytes[at..], [3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5]);
        assert_eq!(&bytes[at - 4..at], b"mdat");
        assert_eq!(traf.tfhd.default_sample_flags, Some(FLAGS_DEPENDENT));
    }

    #[test]
    fn a_fragment_can_change_its_track_and_nothing_else() {
        let mut bytes = fragment_bytes(SegmentIndex(0), 0, 7, &[sample(1024, 0, true, 1)]);
        let before = moof(&bytes);
        set_track(&mut bytes, 2);
        let after = moof(&bytes);
        assert_eq!((before.traf[0].tfhd.track_id, after.traf[0].tfhd.track_id), (1, 2));
        assert_eq!(before.traf[0].trun, after.traf[0].trun);
    }

    #[test]
    fn sound_of_one_length_needs_sizes_only() {
        let bytes =
            fragment_bytes(SegmentIndex(0), 0, 0, &[sample(1024, 0, true, 1), sample(1024, 0, true, 2)]);
        let moof = moof(&bytes);
        let trun = &moof.traf[0].trun[0];
        assert!(trun.samples.iter().all(|e| e.duration.is_none() && e.flags.is_none() && e.cts.is_none()));
        assert_eq!(moof.traf[0].tfhd.default_sample_duration, Some(1024));
    }
}
