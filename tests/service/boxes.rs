//! Walks segments as ISO BMFF boxes (ISO/IEC 14496-12), by a reader that is not the program's own.

use std::io::Cursor;

use mp4_atom::{Header, ReadAtom, ReadFrom};

use crate::presentation::Listed;

/// One sample, in ticks of its rendition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    pub decoded: i64,
    pub duration: i64,
    pub shown: i64,
    pub size: u32,
    pub sync: bool,
}

/// A fragment of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    pub sequence: u32,
    pub samples: Vec<Sample>,
}

/// sample_is_non_sync_sample (section 8.8.3.1).
const NON_SYNC: u32 = 0x1_0000;

/// The fragments of a segment; an error says what no reader would take.
pub fn fragments(bytes: &[u8]) -> Result<Vec<Fragment>, String> {
    let mut fragments = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (kind, moof) = first_box(rest)?;
        if &kind != b"moof" {
            return Err(format!("{} where a moof should be", String::from_utf8_lossy(&kind)));
        }
        rest = &rest[moof.len()..];
        let (kind, mdat) = first_box(rest)?;
        if &kind != b"mdat" {
            return Err(format!("{} where an mdat should be", String::from_utf8_lossy(&kind)));
        }
        rest = &rest[mdat.len()..];
        fragments.push(fragment(moof, mdat)?);
    }
    if fragments.is_empty() { Err("no fragment".into()) } else { Ok(fragments) }
}

/// The timescale of an init segment with one track; `None` for what is none.
pub fn timescale(init: &[u8]) -> Option<u32> {
    let (_, ftyp) = first_box(init).ok().filter(|(kind, _)| kind == b"ftyp")?;
    let (_, moov) = first_box(&init[ftyp.len()..]).ok().filter(|(kind, _)| kind == b"moov")?;
    let mut cursor = Cursor::new(moov);
    let header = Header::read_from(&mut cursor).ok()?;
    let moov = mp4_atom::Moov::read_atom(&header, &mut cursor).ok()?;
    let [track] = moov.trak.as_slice() else { return None };
    Some(track.mdia.mdhd.timescale)
}

fn first_box(bytes: &[u8]) -> Result<([u8; 4], &[u8]), String> {
    let head = bytes.get(..8).ok_or("a torn box")?;
    let size = u32::from_be_bytes(head[..4].try_into().expect("four bytes")) as usize;
    let whole = bytes.get(..size).filter(|_| size >= 8).ok_or(format!("a box of {size} bytes"))?;
    Ok((head[4..].try_into().expect("four bytes"), whole))
}

fn fragment(moof: &[u8], mdat: &[u8]) -> Result<Fragment, String> {
    let mut cursor = Cursor::new(moof);
    let header = Header::read_from(&mut cursor).map_err(|error| error.to_string())?;
    let parsed = mp4_atom::Moof::read_atom(&header, &mut cursor).map_err(|error| error.to_string())?;
    let ([traf], true) = (parsed.traf.as_slice(), cursor.position() == moof.len() as u64) else {
        return Err(format!("{} traf", parsed.traf.len()));
    };
    let [trun] = traf.trun.as_slice() else {
        return Err(format!("{} trun", traf.trun.len()));
    };
    if traf.tfhd.track_id != 1 || trun.data_offset != Some(moof.len() as i32 + 8) {
        return Err(format!("track {} with data at {:?}", traf.tfhd.track_id, trun.data_offset));
    }
    let mut decoded = traf.tfdt.as_ref().ok_or("no tfdt")?.base_media_decode_time as i64;
    let mut samples = Vec::new();
    for entry in trun.samples.iter() {
        let duration = entry.duration.or(traf.tfhd.default_sample_duration).ok_or("no duration")?;
        let size = entry.size.or(traf.tfhd.default_sample_size).ok_or("no size")?;
        let flags = entry.flags.or(traf.tfhd.default_sample_flags).ok_or("no flags")?;
        let duration = i64::from(duration);
        let shown = decoded + entry.cts.unwrap_or(0);
        samples.push(Sample { decoded, duration, shown, size, sync: flags & NON_SYNC == 0 });
        decoded += duration;
    }
    let sum: u64 = samples.iter().map(|sample| u64::from(sample.size)).sum();
    if sum + 8 != mdat.len() as u64 {
        return Err(format!("samples of {sum} bytes in an mdat of {}", mdat.len()));
    }
    Ok(Fragment { sequence: parsed.mfhd.sequence_number, samples })
}

/// What is wrong with the joined segments of a rendition: gaps and overlaps in ticks, of decode and of presentation
/// times, between samples and between segments, and segments that do not begin and end on their cuts.
/// `frame` is the length of a frame where all are equally long.
pub fn problems(rendition: &Listed, segments: &[Vec<Fragment>], frame: Option<i64>) -> Vec<String> {
    let mut problems = Vec::new();
    let mut decoded: Option<i64> = None;
    let mut shown: Option<i64> = None;
    for (n, fragments) in segments.iter().enumerate() {
        let range = rendition.cuts[n]..rendition.cuts[n + 1];
        let mut say = |what: String| problems.push(format!("{} segment {n}: {what}", rendition.kind()));
        let mut sequence = None;
        for fragment in fragments {
            if sequence.is_some_and(|before| before >= fragment.sequence) {
                say(format!("sequence number {} after {sequence:?}", fragment.sequence));
            }
            sequence = Some(fragment.sequence);
            for sample in &fragment.samples {
                if let Some(gap) = decoded.map(|end| sample.decoded - end).filter(|gap| *gap != 0) {
                    say(format!("a gap of {gap} ticks in decode times at {}", sample.decoded));
                }
                if sample.duration <= 0 {
                    say(format!("a sample of {} ticks", sample.duration));
                }
                if sample.shown < sample.decoded {
                    say(format!("a sample is shown at {}, decoded at {}", sample.shown, sample.decoded));
                }
                decoded = Some(sample.decoded + sample.duration);
            }
        }
        let mut times: Vec<i64> = fragments.iter().flat_map(|f| &f.samples).map(|s| s.shown).collect();
        times.sort_unstable();
        if times.first() != Some(&range.start) {
            say(format!("begins at {:?}, its cut is at {}", times.first(), range.start));
        }
        if times.last().is_none_or(|last| *last >= range.end) {
            say(format!("shows {:?}, and ends at {}", times.last(), range.end));
        }
        if rendition.independent && !fragments[0].samples[0].sync {
            say("does not begin with a sync sample".into());
        }
        for time in times {
            let step = shown.map(|before| time - before);
            match (step, frame) {
                (Some(step), Some(frame)) if step != frame => {
                    say(format!("a gap of {} ticks in presentation times at {time}", step - frame));
                }
                (Some(step), None) if step <= 0 => say(format!("an overlap of {} ticks at {time}", -step)),
                _ => {}
            }
            shown = Some(time);
        }
    }
    let end = rendition.cuts[rendition.segments()];
    if let (Some(frame), Some(last)) = (frame, shown)
        && last + frame != end
    {
        problems.push(format!("{}: the last frame ends at {}, not {end}", rendition.kind(), last + frame));
    }
    problems
}
