//! The `Tracks` element (RFC 9559, 5.1.4).

use super::compression::Compression;
use super::ebml::{Element, Id, elements};
use crate::media::container::colour;
use crate::media::language::language_tag;
use crate::media::{Colour, ContainerTrack, Disposition, TrackKind, TrackNumber};
use crate::timeline::Nanos;

const TRACK_ENTRY: Id = 0xae;
const TRACK_NUMBER: Id = 0xd7;
const TRACK_UID: Id = 0x73c5;
const TRACK_TYPE: Id = 0x83;
const FLAG_DEFAULT: Id = 0x88;
const FLAG_FORCED: Id = 0x55aa;
const FLAG_HEARING_IMPAIRED: Id = 0x55ab;
const FLAG_VISUAL_IMPAIRED: Id = 0x55ac;
const FLAG_ORIGINAL: Id = 0x55ae;
const FLAG_COMMENTARY: Id = 0x55af;
const DEFAULT_DURATION: Id = 0x23_e383;
const NAME: Id = 0x536e;
const LANGUAGE: Id = 0x22_b59c;
const LANGUAGE_BCP47: Id = 0x22_b59d;
const CODEC_ID: Id = 0x86;
const CODEC_PRIVATE: Id = 0x63a2;
const VIDEO: Id = 0xe0;
const DISPLAY_WIDTH: Id = 0x54b0;
const DISPLAY_HEIGHT: Id = 0x54ba;
const DISPLAY_UNIT: Id = 0x54b2;
const COLOUR: Id = 0x55b0;
const MATRIX: Id = 0x55b1;
const RANGE: Id = 0x55b9;
const TRANSFER: Id = 0x55ba;
const PRIMARIES: Id = 0x55bb;
const PROJECTION: Id = 0x7670;
const POSE_ROLL: Id = 0x7675;

/// Tracks looked at; more are no film.
const MAX_TRACKS: usize = 256;
/// Longest track name or codec identifier that is kept, in bytes.
const MAX_TEXT: usize = 1024;
/// H.273: unspecified.
const UNSPECIFIED: u64 = 2;
const FULL_RANGE: u64 = 2;

pub struct Track {
    /// What tags name the track by.
    pub uid: u64,
    pub facts: ContainerTrack,
}

/// Tracks with a number; where two have the same, the first.
pub fn read(body: &[u8]) -> Vec<Track> {
    let mut tracks: Vec<Track> = Vec::new();
    for entry in elements(body).filter(|entry| entry.id == TRACK_ENTRY).take(MAX_TRACKS) {
        if let Some(track) = track(entry)
            && tracks.iter().all(|other| other.facts.number != track.facts.number)
        {
            tracks.push(track);
        }
    }
    tracks
}

/// What is needed to read the blocks of a track.
pub struct Payload {
    pub codec_id: String,
    /// `CodecPrivate`.
    pub private: Vec<u8>,
    pub compression: Compression,
}

/// That of track `number`.
pub fn payload(body: &[u8], number: TrackNumber) -> Option<Payload> {
    let entries = elements(body).filter(|entry| entry.id == TRACK_ENTRY).take(MAX_TRACKS);
    let entry = entries.into_iter().find(|entry| entry.child_unsigned(TRACK_NUMBER) == Some(number))?;
    Some(Payload {
        codec_id: entry.child(CODEC_ID).and_then(|child| child.text(MAX_TEXT)).unwrap_or_default(),
        private: entry.child(CODEC_PRIVATE).map(|found| found.body.to_vec()).unwrap_or_default(),
        compression: Compression::of(entry),
    })
}

fn track(entry: Element<'_>) -> Option<Track> {
    let number = entry.child_unsigned(TRACK_NUMBER).filter(|&number| number > 0)?;
    let kind = match entry.child_unsigned(TRACK_TYPE) {
        Some(1) => TrackKind::Video,
        Some(2) => TrackKind::Audio,
        Some(0x11) => TrackKind::Text,
        _ => TrackKind::Other,
    };
    let text = |id| entry.child(id).and_then(|child| child.text(MAX_TEXT));
    let mut facts = ContainerTrack::new(number, kind);
    facts.codec_id = text(CODEC_ID).unwrap_or_default();
    // Where the element is absent, RFC 9559 says `eng`; but writers leave it out for lack of knowledge, and a
    // guess shown as a fact is worse than none.
    facts.language = text(LANGUAGE_BCP47).or_else(|| text(LANGUAGE)).and_then(|text| language_tag(&text));
    facts.name = text(NAME);
    let flag = |id| entry.child(id).and_then(|child| child.flag());
    facts.disposition = Disposition {
        default: flag(FLAG_DEFAULT).unwrap_or(true),
        forced: flag(FLAG_FORCED).unwrap_or(false),
        original: flag(FLAG_ORIGINAL).unwrap_or(false),
        commentary: flag(FLAG_COMMENTARY).unwrap_or(false),
        hearing_impaired: flag(FLAG_HEARING_IMPAIRED).unwrap_or(false),
        visual_impaired: flag(FLAG_VISUAL_IMPAIRED).unwrap_or(false),
    };
    facts.default_frame_ns = entry
        .child_unsigned(DEFAULT_DURATION)
        .and_then(|nanos| Nanos::try_from(nanos).ok())
        .filter(|&nanos| nanos > 0);
    if let Some(video) = entry.child(VIDEO).filter(|_| kind == TrackKind::Video) {
        facts.display = display(video);
        facts.rotation = rotation(video);
        facts.colour = video.child(COLOUR).map(read_colour);
    }
    Some(Track { uid: entry.child_unsigned(TRACK_UID).unwrap_or(0), facts })
}

fn display(video: Element<'_>) -> Option<(u32, u32)> {
    let pixels = |id| video.child_unsigned(id).and_then(|n| u32::try_from(n).ok()).filter(|&n| n > 0);
    let in_pixels = video.child_unsigned(DISPLAY_UNIT).unwrap_or(0) == 0;
    Some((pixels(DISPLAY_WIDTH)?, pixels(DISPLAY_HEIGHT)?)).filter(|_| in_pixels)
}

/// The roll counts counter-clockwise (RFC 9559, 5.1.4.1.28.46); quarter turns only.
fn rotation(video: Element<'_>) -> u16 {
    let roll = video.child(PROJECTION).and_then(|projection| projection.child(POSE_ROLL));
    let degrees = roll.and_then(|roll| roll.float()).unwrap_or(0.0);
    if degrees.abs() > 360.0 || degrees % 90.0 != 0.0 {
        return 0;
    }
    (-degrees as i32).rem_euclid(360) as u16
}

fn read_colour(element: Element<'_>) -> Colour {
    let code_point = |id| element.child_unsigned(id).unwrap_or(UNSPECIFIED);
    let full_range = element.child_unsigned(RANGE) == Some(FULL_RANGE);
    colour(code_point(PRIMARIES), code_point(TRANSFER), code_point(MATRIX), full_range)
}

#[cfg(test)]
mod tests {
    use super::super::ebml::tests::{element, unsigned};
    use super::*;
    use crate::media::Hdr;

    fn one(parts: &[Vec<u8>]) -> ContainerTrack {
        let head = [unsigned(TRACK_NUMBER, 1), unsigned(TRACK_TYPE, 1)].concat();
        let body = element(TRACK_ENTRY, &[&head, &parts.concat()]);
        read(&body).remove(0).facts
    }

    #[test]
    fn defaults_hold_where_elements_are_absent() {
        let track = one(&[]);
        assert_eq!(
            (track.disposition, track.language, track.default_frame_ns),
            (Disposition { default: true, ..Disposition::default() }, None, None)
        );
        assert_eq!((track.display, track.rotation, track.colour), (None, 0, None));
    }

    #[test]
    fn flags_say_what_a_track_is_for() {
        let flags =
            [FLAG_DEFAULT, FLAG_ORIGINAL, FLAG_COMMENTARY, FLAG_HEARING_IMPAIRED, FLAG_VISUAL_IMPAIRED];
        let of = |set: Id| one(&flags.map(|id| unsigned(id, u64::from(id == set)))).disposition;
        let none = Disposition::default();
        assert_eq!(of(FLAG_ORIGINAL), Disposition { original: true, ..none });
        assert_eq!(of(FLAG_COMMENTARY), Disposition { commentary: true, ..none });
        assert_eq!(of(FLAG_HEARING_IMPAIRED), Disposition { hearing_impaired: true, ..none });
        assert_eq!(of(FLAG_VISUAL_IMPAIRED), Disposition { visual_impaired: true, ..none });
    }

    #[test]
    fn the_modern_language_tag_wins() {
        let old = element(LANGUAGE, &[b"chi"]);
        let new = element(LANGUAGE_BCP47, &[b"zh-Hant"]);
        for (parts, expected) in [
            (vec![old.clone(), new], Some("zh-Hant")),
            (vec![old], Some("zh")),
            (vec![element(LANGUAGE, &[b"und"])], None),
        ] {
            assert_eq!(one(&parts).language.as_deref(), expected);
        }
    }

    #[test]
    fn a_roll_counts_against_the_clock() {
        for (roll, expected) in [(0.0, 0), (90.0, 270), (-90.0, 90), (180.0, 180), (45.0, 0), (1e30, 0)] {
            let roll = element(POSE_ROLL, &[&f64::to_be_bytes(roll)]);
            let video = element(VIDEO, &[&element(PROJECTION, &[&roll])]);
            assert_eq!(one(&[video]).rotation, expected);
        }
    }

    #[test]
    fn display_size_counts_only_in_pixels() {
        let size = [unsigned(DISPLAY_WIDTH, 1920), unsigned(DISPLAY_HEIGHT, 800)].concat();
        for (unit, expected) in [(0, Some((1920, 800))), (3, None)] {
            let video = element(VIDEO, &[&size, &unsigned(DISPLAY_UNIT, unit)]);
            assert_eq!(one(&[video]).display, expected);
        }
    }

    #[test]
    fn colour_says_what_it_says_and_no_more() {
        for (parts, expected) in [
            (vec![], Colour::default()),
            (
                vec![unsigned(PRIMARIES, 9), unsigned(TRANSFER, 16), unsigned(MATRIX, 9), unsigned(RANGE, 1)],
                Colour {
                    primaries: 9,
                    transfer: 16,
                    matrix: 9,
                    full_range: false,
                    hdr: Some(Hdr::Pq),
                    peak: None,
                },
            ),
            (
                vec![unsigned(TRANSFER, 18), unsigned(RANGE, 2), unsigned(MATRIX, 300)],
                Colour {
                    primaries: 2,
                    transfer: 18,
                    matrix: 2,
                    full_range: true,
                    hdr: Some(Hdr::Hlg),
                    peak: None,
                },
            ),
        ] {
            let video = element(VIDEO, &[&element(COLOUR, &[&parts.concat()])]);
            assert_eq!(one(&[video]).colour, Some(expected));
        }
    }

    #[test]
    fn a_track_without_a_number_and_a_second_one_with_the_same_are_left_out() {
        let entry =
            |number| element(TRACK_ENTRY, &[&unsigned(TRACK_NUMBER, number), &unsigned(TRACK_TYPE, 2)]);
        let tracks = read(&[element(TRACK_ENTRY, &[]), entry(0), entry(3), entry(3), entry(2)].concat());
        assert_eq!(tracks.iter().map(|track| track.facts.number).collect::<Vec<_>>(), [3, 2]);
    }
}
