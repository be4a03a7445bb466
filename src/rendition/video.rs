//! Video renditions: the copy, a rung at the source's size, and the rungs of the ladder below it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::h264;
use super::plan::{Ladder, PlanSettings};
use super::presentation::{Bandwidth, Rendition, RenditionMedia, VideoForm};
use super::version::rendition_id;
use crate::isobmff::{SampleEntry, VideoEntry};
use crate::media::avc;
use crate::media::{Colour, KeyframeIndex, MediaInfo, VideoTrack};
use crate::timeline::cut_list::VARIABLE_RATE_TIMESCALE;
use crate::timeline::video::FrameGrid;
use crate::timeline::{
    CutList, CutTargets, FragmentRule, FrameRate, Nanos, nanos_from_ticks, ticks_from_nanos,
};

/// Peak over average of an encoded segment: the encoder's buffer holds 0.6 s of its rate, and the shortest
/// segment lasts 1 s; container overhead is below 2 %.
const PEAK_PER_CENT: u32 = 162;
/// A rung is never asked for less.
const MIN_KBPS: u32 = 200;
/// What a more efficient codec's rate is worth in H.264.
const EFFICIENT_CODEC_FACTOR: u64 = 2;
/// A ladder rung this close to the source's height (per cent) is the source's own rung.
const SAME_HEIGHT_PER_CENT: u32 = 95;

/// The cut list of every encoded rendition of a track.
pub fn grid(track: &VideoTrack, targets: CutTargets) -> CutList {
    if !track.constant_rate {
        return CutList::by_time(track.facts.start_ns, track.facts.end_ns, targets);
    }
    let rate = track.frame_rate;
    let scale = rate.timescale();
    let phase = ticks_from_nanos(track.facts.start_ns, scale).rem_euclid(rate.frame_ticks());
    let length_ns = track.facts.end_ns - nanos_from_ticks(phase, scale);
    CutList::constant_rate(rate, phase, rate.frame_at(length_ns).max(1) as u64, targets)
}

/// The fragments of every encoded rendition of a track, in the ticks of [`grid`].
pub fn grid_fragments(track: &VideoTrack, grid: &CutList, targets: CutTargets) -> FragmentRule {
    if track.constant_rate {
        FragmentRule::constant_rate(track.frame_rate, targets)
    } else {
        FragmentRule::by_time(track.frame_rate, grid.timescale, targets)
    }
}

/// How decoded frames of a track go onto [`grid`].
pub fn frame_grid(form: &VideoForm) -> FrameGrid {
    if form.constant_rate {
        FrameGrid::Constant(form.frame_rate)
    } else {
        FrameGrid::Variable(form.frame_rate)
    }
}

pub fn renditions(
    info: &MediaInfo,
    index: &KeyframeIndex,
    settings: &PlanSettings<'_>,
    reasons: &mut BTreeMap<String, String>,
) -> Vec<Arc<Rendition>> {
    let Some(track) = info.video.first() else {
        return Vec::new();
    };
    let mut all = Vec::new();
    match copy(track, index, settings) {
        Ok(rendition) => {
            reasons.insert("vcopy".into(), format!("{} goes into CMAF as it is", track.codec));
            all.push(Arc::new(rendition));
        }
        Err(reason) => {
            reasons.insert("vcopy".into(), reason);
        }
    }
    if (settings.decodes)(&track.codec) {
        all.extend(rungs(track, index, settings).map(Arc::new));
    } else {
        reasons.insert("encoded".into(), format!("no profile decodes {}", track.codec));
    }
    all
}

/// The pass-through, or why there is none.
fn copy(track: &VideoTrack, index: &KeyframeIndex, settings: &PlanSettings<'_>) -> Result<Rendition, String> {
    if !matches!(track.codec.as_str(), "h264" | "h265" | "av1" | "vp9") {
        return Err(format!("{} has no place in CMAF", track.codec));
    }
    let codec_string = track
        .codec_string
        .clone()
        .ok_or_else(|| format!("the {} stream has no configuration record", track.codec))?;
    if track.interlaced {
        return Err("interlaced pictures are deinterlaced".into());
    }
    if track.rotation != 0 {
        return Err(format!("the picture has to be turned by {}°", track.rotation));
    }
    if index.keyframes.is_empty() {
        return Err("its keyframes are not known yet".into());
    }
    let rate = track.frame_rate;
    let (scale, frame_ticks) = if track.constant_rate {
        (rate.timescale(), rate.frame_ticks())
    } else {
        (VARIABLE_RATE_TIMESCALE, ticks_from_nanos(rate.nanos_of(1), VARIABLE_RATE_TIMESCALE).max(1))
    };
    let first_ns = index.keyframes[0].earliest_ns;
    let first = ticks_from_nanos(first_ns, scale);
    let tick = |nanos: Nanos| {
        if track.constant_rate {
            first + rate.frame_at(nanos - nanos_from_ticks(first, scale)) * frame_ticks
        } else {
            ticks_from_nanos(nanos, scale)
        }
    };
    let cuts = CutList::copied(&index.keyframes, track.facts.end_ns, scale, tick, settings.targets)
        .ok_or("it starts in the middle of a group of pictures")?;
    let opens = |boundary: &i64| {
        let keyframe = index.keyframes.iter().find(|keyframe| {
            tick(if cuts.independent { keyframe.pts_ns } else { keyframe.earliest_ns }) == *boundary
        });
        keyframe.map_or(*boundary, |keyframe| tick(keyframe.pts_ns))
    };
    let keyframes = cuts.boundaries[..cuts.boundaries.len() - 1].iter().map(opens).collect();
    let fragments = FragmentRule::by_time(rate, scale, settings.targets);
    let bandwidth = copied_bandwidth(index, &cuts, settings.file_bytes, track);
    let media = RenditionMedia::Video(VideoForm {
        codec: track.codec.clone(),
        width: track.width,
        height: track.height,
        sample_aspect: track.sample_aspect,
        frame_rate: rate,
        constant_rate: track.constant_rate,
        colour: source_colour(track),
        kbps: 0,
    });
    let id = rendition_id("vcopy", settings.content_version, &media, &cuts, fragments);
    Ok(Rendition {
        id,
        track: 0,
        copied: true,
        burnt: None,
        cuts: Arc::new(cuts),
        keyframes,
        fragments,
        bandwidth,
        codec_string,
        media,
    })
}

/// From the index: bytes from keyframe to keyframe. Where it has none, the file's own average.
fn copied_bandwidth(index: &KeyframeIndex, cuts: &CutList, file_bytes: u64, track: &VideoTrack) -> Bandwidth {
    let rate = |bytes: u64, nanos: Nanos| {
        u32::try_from(u128::from(bytes) * 8_000_000_000 / u128::from(nanos.max(1) as u64)).unwrap_or(u32::MAX)
    };
    let length_ns = (track.facts.end_ns - track.facts.start_ns).max(1);
    let total: u64 = index.keyframes.iter().map(|keyframe| keyframe.bytes).sum();
    let average = rate(if total > 0 { total } else { file_bytes }, length_ns).max(1);
    let mut peak = average;
    let mut keyframes = index.keyframes.iter().peekable();
    for range in cuts.ranges() {
        let end_ns = nanos_from_ticks(range.end, cuts.timescale) - 1_000_000;
        let mut bytes = 0;
        while let Some(keyframe) = keyframes.next_if(|keyframe| keyframe.pts_ns < end_ns) {
            bytes += keyframe.bytes;
        }
        let length = nanos_from_ticks(range.end - range.start, cuts.timescale);
        peak = peak.max(rate(bytes, length));
    }
    Bandwidth { peak, average }
}

/// The encoded rungs, high to low: the source's size first, then every rung of the ladder below it.
fn rungs(
    track: &VideoTrack,
    index: &KeyframeIndex,
    settings: &PlanSettings<'_>,
) -> impl Iterator<Item = Rendition> {
    let cuts = Arc::new(grid(track, settings.targets));
    let fragments = grid_fragments(track, &cuts, settings.targets);
    let (width, height) = display_size(track);
    let source_kbps = source_kbps(track, index, settings.file_bytes);
    let own = (width, height, rate_at(settings.ladder, height).min(source_kbps).max(MIN_KBPS));
    let below =
        settings.ladder.0.iter().filter(|rung| rung.height * 100 < height * SAME_HEIGHT_PER_CENT).map(
            |rung| {
                let scaled = u64::from(width) * u64::from(rung.height) / u64::from(height);
                (even(scaled as u32), even(rung.height), (rung.bps / 1000).min(own.2).max(MIN_KBPS))
            },
        );
    let sizes: Vec<(u32, u32, u32)> = std::iter::once(own).chain(below).collect();
    let (track, content_version) = (track.clone(), settings.content_version.to_owned());
    sizes.into_iter().map(move |(width, height, kbps)| {
        let media = RenditionMedia::Video(VideoForm {
            codec: "h264".into(),
            width,
            height,
            sample_aspect: (1, 1),
            frame_rate: track.frame_rate,
            constant_rate: track.constant_rate,
            colour: sdr_colour(&track),
            kbps,
        });
        let level = level_at(width, height, &track.frame_rate, kbps);
        let id = rendition_id(&format!("v{height}"), &content_version, &media, &cuts, fragments);
        let average = kbps * 1020;
        Rendition {
            id,
            track: 0,
            copied: false,
            burnt: None,
            cuts: cuts.clone(),
            keyframes: Vec::new(),
            fragments,
            bandwidth: Bandwidth { peak: kbps * 10 * PEAK_PER_CENT, average },
            codec_string: h264::main_profile(level),
            media,
        }
    })
}

/// The H.264 level that every encoder of a form has to meet, as caps spell it.
pub fn encoder_level(form: &VideoForm) -> String {
    h264::level_text(form_level(form))
}

fn form_level(form: &VideoForm) -> u8 {
    level_at(form.width, form.height, &form.frame_rate, form.kbps)
}

fn level_at(width: u32, height: u32, rate: &FrameRate, kbps: u32) -> u8 {
    h264::level(width, height, rate.as_f64(), kbps * PEAK_PER_CENT / 100)
}

/// The source's colour; where it does not say, what decoders take for granted: BT.601 for standard definition,
/// BT.709 above. Copy and rungs then say the same, and a switch between them changes no colour.
pub fn source_colour(track: &VideoTrack) -> Colour {
    const STANDARD_DEFINITION_LINES: u32 = 576;
    let colour = &track.colour;
    if (colour.primaries, colour.transfer, colour.matrix) != (2, 2, 2) {
        return colour.clone();
    }
    let code = if track.height <= STANDARD_DEFINITION_LINES { 6 } else { 1 };
    Colour { primaries: code, transfer: code, matrix: code, ..colour.clone() }
}

/// What comes out of the encoders: the source's colour where 8-bit displays know it, BT.709 for the rest, and where
/// tones are mapped.
pub fn sdr_colour(track: &VideoTrack) -> Colour {
    let colour = source_colour(track);
    match (colour.primaries, colour.matrix) {
        (5 | 6, 5 | 6) if colour.hdr.is_none() => Colour { full_range: false, peak: None, ..colour },
        _ => Colour { primaries: 1, transfer: 1, matrix: 1, full_range: false, hdr: None, peak: None },
    }
}

/// Size on the screen in square pixels, both even: sample aspect widens, rotation swaps.
pub(super) fn display_size(track: &VideoTrack) -> (u32, u32) {
    let (num, den) = track.sample_aspect;
    let wide = u64::from(track.width) * u64::from(num) / u64::from(den.max(1));
    let (width, height) = (even(wide.clamp(2, 16_384) as u32), even(track.height));
    if track.rotation % 180 == 90 { (height, width) } else { (width, height) }
}

fn even(value: u32) -> u32 {
    (value / 2 * 2).max(2)
}

/// The ladder's rate for a height: between rungs in proportion to the area, beyond them likewise.
fn rate_at(ladder: &Ladder, height: u32) -> u32 {
    let area = |height: u32| u64::from(height) * u64::from(height);
    let scaled = |rung: &super::plan::LadderRung| {
        (u64::from(rung.bps) * area(height) / area(rung.height).max(1) / 1000).min(u64::from(u32::MAX)) as u32
    };
    let above = ladder.0.iter().rev().find(|rung| rung.height >= height);
    match above.or(ladder.0.first()) {
        Some(rung) if rung.height == height => rung.bps / 1000,
        Some(rung) => {
            // A smaller picture needs more bits per pixel than its area alone says.
            let below = ladder.0.iter().find(|rung| rung.height < height).map_or(0, |rung| rung.bps / 1000);
            scaled(rung).max(below)
        }
        None => MIN_KBPS,
    }
}

/// The source's own rate in kbit/s, in terms of H.264.
fn source_kbps(track: &VideoTrack, index: &KeyframeIndex, file_bytes: u64) -> u32 {
    let known: u64 = index.keyframes.iter().map(|keyframe| keyframe.bytes).sum();
    let bytes = if known > 0 { known } else { file_bytes };
    let length_ms = ((track.facts.end_ns - track.facts.start_ns) / 1_000_000).max(1) as u64;
    let factor =
        if matches!(track.codec.as_str(), "h265" | "av1" | "vp9") { EFFICIENT_CODEC_FACTOR } else { 1 };
    u32::try_from(bytes * 8 * factor / length_ms).unwrap_or(u32::MAX)
}

/// The sample entry of a video rendition. Of the configuration record encoded ones have what is fixed by the rung,
/// whoever encodes it; the encoder supplies the rest.
pub fn video_entry(track: &VideoTrack, rendition: &Rendition, form: &VideoForm) -> SampleEntry {
    let (format, config): ([u8; 4], [u8; 4]) = match form.codec.as_str() {
        "h265" => (*b"hvc1", *b"hvcC"),
        "av1" => (*b"av01", *b"av1C"),
        "vp9" => (*b"vp09", *b"vpcC"),
        _ => (*b"avc1", *b"avcC"),
    };
    let record = match form.codec.as_str() {
        _ if rendition.copied => track.codec_config.clone(),
        "h264" => avc::record_head(form_level(form)).to_vec(),
        _ => Vec::new(),
    };
    SampleEntry::Video(VideoEntry {
        format,
        config: (config, record),
        width: u16::try_from(form.width).unwrap_or(u16::MAX),
        height: u16::try_from(form.height).unwrap_or(u16::MAX),
        sample_aspect: form.sample_aspect,
        colour: form.colour.clone(),
    })
}
