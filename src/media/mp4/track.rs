//! One `trak` box: what its headers say about a track (ISO/IEC 14496-12, 8.3 to 8.5 and 12).

use super::boxes::{Fields, Mp4Box, text};
use super::edit_list::EditOffset;
use super::sample_table::SampleTable;
use crate::media::container::colour;
use crate::media::language::language_tag;
use crate::media::{Colour, ContainerError, ContainerTrack, Disposition, TrackKind, TrackNumber};
use crate::timeline::ticks::NANOS_PER_SECOND;
use crate::timeline::{Nanos, Rounding, rescale};

/// Longest track name that is kept, in bytes.
const MAX_NAME: usize = 1024;
/// Chapter tracks that one track may name; it has one for titles and one for pictures.
const MAX_CHAPTER_TRACKS: usize = 8;
/// Boxes of user data that are looked at.
const MAX_NOTES: usize = 64;
const DASH_ROLES: &[u8] = b"urn:mpeg:dash:role:2011";
const ALL_SAMPLES_FORCED: u32 = 0x8000_0000;
/// Bytes of a VisualSampleEntry before its boxes.
const VISUAL_SAMPLE_ENTRY: usize = 78;
/// Macintosh language codes (QuickTime), from zero, as ISO 639-2; later ones are rare in video.
const MACINTOSH_LANGUAGES: [&str; 24] = [
    "eng", "fra", "deu", "ita", "nld", "swe", "spa", "dan", "por", "nor", "heb", "jpn", "ara", "fin", "ell",
    "isl", "mlt", "tur", "hrv", "zho", "urd", "hin", "tha", "kor",
];

pub struct Track<'a> {
    pub facts: ContainerTrack,
    /// Tracks this one names as its chapters (QuickTime `tref` `chap`).
    pub chapter_tracks: Vec<TrackNumber>,
    pub stbl: Mp4Box<'a>,
    pub timescale: u32,
    /// In ticks of `timescale`, as the media header says.
    pub duration: u64,
}

/// What the tracks have in common.
#[derive(Clone, Copy, Debug)]
pub struct Movie {
    pub timescale: u32,
    /// The samples are listed in fragments.
    pub fragmented: bool,
    /// Keyframes that may still be listed, over all tracks.
    pub keyframes_left: u64,
}

impl<'a> Track<'a> {
    pub fn parse(trak: Mp4Box<'a>, movie: Movie) -> Result<Self, ContainerError> {
        let tkhd = TrackHeader::parse(trak.require(b"tkhd", "tkhd box")?)?;
        let mdia = trak.require(b"mdia", "mdia box")?;
        let mdhd = MediaHeader::parse(mdia.require(b"mdhd", "mdhd box")?)?;
        let kind = kind(mdia.require(b"hdlr", "hdlr box")?)?;
        let stbl = mdia.require(b"minf", "minf box")?.require(b"stbl", "stbl box")?;
        let edit = EditOffset::read(trak.optional(b"edts"));

        let mut facts = ContainerTrack::new(u64::from(tkhd.number), kind);
        facts.language = extended_language(mdia).or(mdhd.language);
        facts.name = name(trak);
        if let Some(entry) = stbl.optional(b"stsd").and_then(|stsd| stsd.children_after(8).intact().next()) {
            facts.codec_id = entry.kind.iter().map(|&byte| char::from(byte)).collect();
            if kind == TrackKind::Video {
                facts.colour = sample_entry_colour(entry);
                facts.rotation = tkhd.rotation;
            }
        }
        facts.disposition = disposition(trak, stbl, tkhd.enabled);
        facts.edit_offset_ns = edit_offset_ns(edit, 0, mdhd.timescale, movie.timescale);
        if kind != TrackKind::Other && !movie.fragmented {
            let table = SampleTable::parse(stbl, mdhd.timescale, mdhd.duration)?;
            facts.edit_offset_ns = edit_offset_ns(edit, table.shift, mdhd.timescale, movie.timescale);
            facts.frame_count = Some(table.sizes.count);
            facts.sample_bytes = Some(table.sizes.sum(0..table.sizes.count));
            facts.constant_rate = table.constant_rate();
            if let Some((first, end)) = table.extent() {
                facts.start_ns = Some(first.saturating_sub(facts.edit_offset_ns));
                facts.end_ns = Some(end.saturating_sub(facts.edit_offset_ns));
            }
            if kind == TrackKind::Video {
                facts.keyframes = table.keyframes(facts.edit_offset_ns, movie.keyframes_left);
            }
        }
        let chapter_tracks = chapter_tracks(trak);
        Ok(Self { facts, chapter_tracks, stbl, timescale: mdhd.timescale, duration: mdhd.duration })
    }
}

/// Buffer PTS minus presentation time. Both terms are rounded as qtdemux rounds its segments, so the first sample
/// that is presented comes out at exactly the end of the empty edits.
fn edit_offset_ns(edit: EditOffset, shift: i64, timescale: u32, movie_timescale: u32) -> Nanos {
    let nanos = |ticks, scale| rescale(ticks, scale, NANOS_PER_SECOND as u32, Rounding::Floor);
    let skipped = nanos(edit.media_time.saturating_add(shift), timescale);
    skipped.saturating_sub(nanos(edit.empty.min(i64::MAX as u64) as i64, movie_timescale))
}

struct TrackHeader {
    number: u32,
    enabled: bool,
    rotation: u16,
}

impl TrackHeader {
    fn parse(tkhd: Mp4Box<'_>) -> Result<Self, ContainerError> {
        let mut fields = tkhd.fields("tkhd");
        let (version, flags) = fields.version_and_flags()?;
        fields.u32_or_u64(version)?;
        fields.u32_or_u64(version)?;
        let number = fields.u32()?;
        fields.skip(4)?;
        fields.u32_or_u64(version)?;
        fields.skip(16)?;
        let rotation = rotation(&mut fields).unwrap_or(0);
        Ok(Self { number, enabled: flags & 1 == 1, rotation })
    }
}

/// Quarter turns clockwise in a transformation matrix (6.2.2): x' = a·x + c·y, y' = b·x + d·y, y downwards. Flips
/// and other angles are none.
fn rotation(fields: &mut Fields<'_>) -> Result<u16, ContainerError> {
    let (a, b) = (fields.i32()?.signum(), fields.i32()?.signum());
    fields.skip(4)?;
    let (c, d) = (fields.i32()?.signum(), fields.i32()?.signum());
    Ok(match (a, b, c, d) {
        (0, 1, -1, 0) => 90,
        (-1, 0, 0, -1) => 180,
        (0, -1, 1, 0) => 270,
        _ => 0,
    })
}

struct MediaHeader {
    timescale: u32,
    duration: u64,
    language: Option<String>,
}

impl MediaHeader {
    fn parse(mdhd: Mp4Box<'_>) -> Result<Self, ContainerError> {
        let mut fields = mdhd.fields("mdhd");
        let (version, _) = fields.version_and_flags()?;
        fields.u32_or_u64(version)?;
        fields.u32_or_u64(version)?;
        let timescale = fields.u32()?;
        if timescale == 0 {
            return Err(ContainerError::Malformed { what: "mdhd timescale", at: mdhd.at });
        }
        let duration = fields.u32_or_u64(version)?;
        let language = packed_language(fields.u16()?);
        Ok(Self { timescale, duration, language })
    }
}

/// Three letters of five bits each, or in QuickTime a Macintosh language code.
fn packed_language(code: u16) -> Option<String> {
    if code < 0x400 {
        return MACINTOSH_LANGUAGES.get(usize::from(code)).and_then(|iso| language_tag(iso));
    }
    let letters: String =
        [10, 5, 0].iter().map(|shift| char::from(0x60 + (code >> shift & 0x1f) as u8)).collect();
    letters.chars().all(|letter| letter.is_ascii_lowercase()).then(|| language_tag(&letters)).flatten()
}

/// `elng` (8.4.6), a BCP 47 tag; wins over the media header.
fn extended_language(mdia: Mp4Box<'_>) -> Option<String> {
    let text = mdia.optional(b"elng")?.body.get(4..)?;
    language_tag(std::str::from_utf8(text).ok()?)
}

fn kind(hdlr: Mp4Box<'_>) -> Result<TrackKind, ContainerError> {
    let mut fields = hdlr.fields("hdlr");
    fields.skip(8)?;
    Ok(match &fields.four()? {
        b"vide" => TrackKind::Video,
        b"soun" => TrackKind::Audio,
        b"text" | b"sbtl" | b"subt" | b"subp" | b"clcp" => TrackKind::Text,
        _ => TrackKind::Other,
    })
}

/// QuickTime's user data `name`: the title a person gave the track.
fn name(trak: Mp4Box<'_>) -> Option<String> {
    text(trak.optional(b"udta")?.optional(b"name")?.body, MAX_NAME)
}

/// What roles and characteristics say of the track: `kind` (8.10.4) with values of DASH's scheme, QuickTime's `tagc`
/// with Apple's names, and for timed text the display flags of its sample entry (3GPP TS 26.245, 5.16).
fn disposition(trak: Mp4Box<'_>, stbl: Mp4Box<'_>, enabled: bool) -> Disposition {
    let mut said =
        Disposition { default: enabled, forced: all_samples_forced(stbl), ..Disposition::default() };
    let notes = trak.optional(b"udta").into_iter().flat_map(|udta| udta.children().intact());
    for note in notes.take(MAX_NOTES) {
        match &note.kind {
            b"kind" => take_role(&mut said, note.body),
            b"tagc" => take_characteristic(&mut said, note.body),
            _ => {}
        }
    }
    said
}

fn all_samples_forced(stbl: Mp4Box<'_>) -> bool {
    let entry = stbl.optional(b"stsd").and_then(|stsd| stsd.children_after(8).intact().next());
    entry.filter(|entry| entry.kind == *b"tx3g").is_some_and(|entry| {
        let mut fields = entry.fields("tx3g");
        fields.skip(8).and_then(|()| fields.u32()).is_ok_and(|flags| flags & ALL_SAMPLES_FORCED != 0)
    })
}

fn take_role(said: &mut Disposition, kind: &[u8]) {
    let mut strings = kind.get(4..).unwrap_or_default().split(|&byte| byte == 0);
    if strings.next() != Some(DASH_ROLES) {
        return;
    }
    match strings.next().unwrap_or_default() {
        b"commentary" => said.commentary = true,
        b"forced-subtitle" | b"forced_subtitle" => said.forced = true,
        b"caption" => said.hearing_impaired = true,
        b"description" => said.visual_impaired = true,
        _ => {}
    }
}

fn take_characteristic(said: &mut Disposition, name: &[u8]) {
    match name {
        b"public.accessibility.describes-video" => said.visual_impaired = true,
        b"public.accessibility.describes-music-and-sound" => said.hearing_impaired = true,
        b"public.subtitles.forced-only" => said.forced = true,
        _ => {}
    }
}

/// `colr` of type `nclx` (12.1.5), or QuickTime's `nclc` without the range.
fn sample_entry_colour(entry: Mp4Box<'_>) -> Option<Colour> {
    let boxes = entry.children_after(VISUAL_SAMPLE_ENTRY).intact();
    boxes.filter(|found| found.kind == *b"colr").find_map(|colr| {
        let mut fields = colr.fields("colr");
        let form = fields.four().ok()?;
        let mut code_point = || fields.u16().map(u64::from).ok();
        let (primaries, transfer, matrix) = (code_point()?, code_point()?, code_point()?);
        match &form {
            b"nclx" => Some(colour(primaries, transfer, matrix, fields.u8().ok()? & 0x80 != 0)),
            b"nclc" => Some(colour(primaries, transfer, matrix, false)),
            _ => None,
        }
    })
}

fn chapter_tracks(trak: Mp4Box<'_>) -> Vec<TrackNumber> {
    let Some(chap) = trak.optional(b"tref").and_then(|tref| tref.optional(b"chap")) else {
        return Vec::new();
    };
    let (numbers, _) = chap.body.as_chunks::<4>();
    numbers.iter().take(MAX_CHAPTER_TRACKS).map(|number| u64::from(u32::from_be_bytes(*number))).collect()
}
