//! Whole files, built box by box.

use proptest::prelude::*;

use super::boxes::tests::{boxed, full};
use super::*;
use crate::media::window::tests::CountingSource;
use crate::media::{Colour, Disposition, Hdr, IndexSource};

const SECOND: Nanos = NANOS_PER_SECOND;
const IDENTITY: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];
const MOVIE_TIMESCALE: u32 = 1000;

/// A track of ten samples of a second at 24000 ticks, keyframes at the first and sixth.
struct TestTrack {
    number: u32,
    flags: u32,
    handler: &'static [u8; 4],
    matrix: [u32; 9],
    language: u16,
    /// Boxes in `trak`, in `mdia` and behind the fields of the sample entry.
    extra: Vec<u8>,
    media: Vec<u8>,
    entry: Vec<u8>,
    stbl: Vec<u8>,
}

fn video() -> TestTrack {
    let stbl = [
        full(b"stts", 0, 0, &[1, 10, 24_000]),
        full(b"stss", 0, 0, &[2, 1, 6]),
        full(b"stsz", 0, 0, &[100, 10]),
    ];
    TestTrack {
        number: 1,
        flags: 1,
        handler: b"vide",
        matrix: IDENTITY,
        language: packed(b"und"),
        extra: Vec::new(),
        media: Vec::new(),
        entry: Vec::new(),
        stbl: stbl.concat(),
    }
}

fn packed(code: &[u8; 3]) -> u16 {
    code.iter().fold(0, |word, &letter| word << 5 | u16::from(letter - 0x60))
}

impl TestTrack {
    fn bytes(&self) -> Vec<u8> {
        let head: Vec<u32> = [0, 0, self.number, 0, 0, 0, 0, 0, 0].into_iter().chain(self.matrix).collect();
        let language = u32::from(self.language) << 16;
        let entry = boxed(b"avc1", &[&[0; 78], &self.entry]);
        let stsd = boxed(b"stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1], &entry]);
        let hdlr = boxed(b"hdlr", &[&[0; 8], self.handler, &[0; 13]]);
        let mdhd = full(b"mdhd", 0, 0, &[0, 0, 24_000, 240_000, language]);
        let minf = boxed(b"minf", &[&boxed(b"stbl", &[&stsd, &self.stbl])]);
        let mdia = boxed(b"mdia", &[&mdhd, &hdlr, &self.media, &minf]);
        boxed(b"trak", &[&full(b"tkhd", 0, self.flags, &head), &self.extra, &mdia])
    }
}

fn edts(words: &[u32]) -> Vec<u8> {
    boxed(b"edts", &[&full(b"elst", 0, 0, words)])
}

fn moov(parts: &[Vec<u8>]) -> Vec<u8> {
    let mvhd = full(b"mvhd", 0, 0, &[0, 0, MOVIE_TIMESCALE, 10_000]);
    boxed(b"moov", &[&mvhd, &parts.concat()])
}

fn file(parts: &[Vec<u8>]) -> Vec<u8> {
    [boxed(b"ftyp", &[b"isom", &[0; 4]]), boxed(b"free", &[]), boxed(b"mdat", &[&[0; 5000]]), moov(parts)]
        .concat()
}

fn facts(bytes: Vec<u8>) -> ContainerFacts {
    read(&mut CountingSource::new(bytes)).expect("facts")
}

fn facts_of(track: &TestTrack) -> crate::media::ContainerTrack {
    facts(file(&[track.bytes()])).tracks.remove(0)
}

#[test]
fn a_plain_track_is_read_whole() {
    let all = facts(file(&[video().bytes()]));
    assert_eq!((all.duration_ns, all.fragmented, all.has_cover), (Some(10 * SECOND), false, false));
    let track = &all.tracks[0];
    assert_eq!((track.number, track.kind, track.codec_id.as_str()), (1, TrackKind::Video, "avc1"));
    assert_eq!(
        (track.disposition, track.rotation),
        (Disposition { default: true, ..Disposition::default() }, 0)
    );
    assert_eq!((track.constant_rate, track.frame_count), (Some((24_000, 24_000)), Some(10)));
    assert_eq!((track.start_ns, track.end_ns), (Some(0), Some(10 * SECOND)));
    assert_eq!(track.sample_bytes, Some(1000));
    let index = track.keyframes.as_ref().expect("an index");
    assert_eq!((index.source, index.frame_count), (IndexSource::SampleTable, Some(10)));
    let keyframes: Vec<_> = index.keyframes.iter().map(|k| (k.pts_ns, k.closed(), k.bytes)).collect();
    assert_eq!(keyframes, [(0, true, 500), (5 * SECOND, true, 500)]);
}

#[test]
fn few_and_small_reads_find_moov_wherever_it_lies() {
    let ftyp = boxed(b"ftyp", &[b"isom"]);
    let moov = moov(&[video().bytes()]);
    let mdat = boxed(b"mdat", &[&[0; 100_000]]);
    let long = [&[0, 0, 0, 1], &b"mdat"[..], &100_016u64.to_be_bytes(), &[0; 100_000]].concat();
    let to_the_end = [&[0, 0, 0, 0], &b"mdat"[..], &[0; 100_000]].concat();
    for (file, reads) in [
        (vec![&ftyp, &mdat, &moov], 3),
        (vec![&ftyp, &long, &moov], 3),
        (vec![&ftyp, &moov, &mdat], 2),
        (vec![&ftyp, &moov, &to_the_end], 2),
        (vec![&moov, &mdat], 2),
    ] {
        let bytes: Vec<u8> = file.into_iter().flatten().copied().collect();
        let mut source = CountingSource::new(bytes);
        assert!(read(&mut source).is_ok());
        assert_eq!(source.reads, reads);
        assert!(source.bytes_read < moov.len() as u64 + 600, "{}", source.bytes_read);
    }
}

#[test]
fn an_edit_list_moves_the_presentation_and_not_the_buffers() {
    for (edits, offset) in [
        (edts(&[1, 9000, 24_000, 0x1_0000]), SECOND),
        (edts(&[2, 1500, u32::MAX, 0x1_0000, 9000, 24_000, 0x1_0000]), -500_000_000),
        (edts(&[1, 9000, 1, 0x1_0000]), 41_666),
        (Vec::new(), 0),
    ] {
        let track = facts_of(&TestTrack { extra: edits, ..video() });
        assert_eq!(track.edit_offset_ns, offset);
        assert_eq!((track.start_ns, track.end_ns), (Some(-offset), Some(10 * SECOND - offset)));
        let index = track.keyframes.expect("an index");
        assert_eq!(index.keyframes[1].pts_ns, 5 * SECOND - offset);
    }
}

#[test]
fn the_matrix_turns_by_quarters() {
    let one = 0x1_0000u32;
    let minus = one.wrapping_neg();
    for ((a, b, c, d), rotation) in [
        ((one, 0, 0, one), 0),
        ((0, one, minus, 0), 90),
        ((minus, 0, 0, minus), 180),
        ((0, minus, one, 0), 270),
        ((minus, 0, 0, one), 0),
        ((one, one, minus, one), 0),
    ] {
        let matrix = [a, b, 0, c, d, 0, 0, 0, 0x4000_0000];
        assert_eq!(facts_of(&TestTrack { matrix, ..video() }).rotation, rotation);
    }
}

#[test]
fn languages_come_from_the_best_source() {
    for (language, media, expected) in [
        (packed(b"und"), vec![], None),
        (packed(b"ger"), vec![], Some("de")),
        (packed(b"deu"), boxed(b"elng", &[&[0; 4], b"de-AT\0"]), Some("de-AT")),
        (0, vec![], Some("en")),
        (0x7fff, vec![], None),
        (0x3ff, vec![], None),
    ] {
        let track = facts_of(&TestTrack { language, media, ..video() });
        assert_eq!(track.language.as_deref(), expected);
    }
}

#[test]
fn roles_and_characteristics_are_told() {
    let role = |value: &[u8]| boxed(b"kind", &[&[0; 4], b"urn:mpeg:dash:role:2011\0", value, b"\0"]);
    let said = Disposition { default: true, ..Disposition::default() };
    for (note, expected) in [
        (role(b"commentary"), Disposition { commentary: true, ..said }),
        (role(b"caption"), Disposition { hearing_impaired: true, ..said }),
        (role(b"forced-subtitle"), Disposition { forced: true, ..said }),
        (role(b"main"), said),
        (boxed(b"kind", &[&[0; 4], b"urn:other\0commentary\0"]), said),
        (boxed(b"kind", &[]), said),
        (
            boxed(b"tagc", &[b"public.accessibility.describes-video"]),
            Disposition { visual_impaired: true, ..said },
        ),
    ] {
        let track = facts_of(&TestTrack { extra: boxed(b"udta", &[&note]), ..video() });
        assert_eq!(track.disposition, expected);
    }
}

#[test]
fn names_flags_and_kinds_are_told() {
    let extra = boxed(b"udta", &[&boxed(b"name", &[b"Kommentar\0"])]);
    let track = facts_of(&TestTrack { extra, flags: 2, handler: b"sbtl", ..video() });
    assert_eq!(
        (track.name.as_deref(), track.disposition, track.kind),
        (Some("Kommentar"), Disposition::default(), TrackKind::Text)
    );
    assert_eq!(track.keyframes, None);
    let timecode = TestTrack { handler: b"tmcd", stbl: Vec::new(), ..video() };
    assert_eq!(facts_of(&timecode).kind, TrackKind::Other);
}

#[test]
fn colour_is_read_from_the_sample_entry() {
    let pq =
        Colour { primaries: 9, transfer: 16, matrix: 9, full_range: true, hdr: Some(Hdr::Pq), peak: None };
    let sd = Colour { primaries: 6, transfer: 1, matrix: 6, full_range: false, hdr: None, peak: None };
    for (entry, expected) in [
        (boxed(b"colr", &[b"nclx", &[0, 9, 0, 16, 0, 9, 0x80]]), Some(pq)),
        (boxed(b"colr", &[b"nclc", &[0, 6, 0, 1, 0, 6]]), Some(sd)),
        (boxed(b"colr", &[b"prof", &[0; 20]]), None),
        (boxed(b"colr", &[b"nclx", &[0, 9]]), None),
        (Vec::new(), None),
    ] {
        assert_eq!(facts_of(&TestTrack { entry, ..video() }).colour, expected);
    }
}

#[test]
fn titles_and_covers_are_found_in_every_form() {
    let data = |text: &[u8]| boxed(b"data", &[&[0, 0, 0, 1, 0, 0, 0, 0], text]);
    let itunes = |item: Vec<u8>| {
        let ilst = boxed(b"ilst", &[&item]);
        boxed(b"udta", &[&boxed(b"meta", &[&[0; 4], &boxed(b"hdlr", &[&[0; 24]]), &ilst])])
    };
    let key = boxed(b"mdta", &[b"com.apple.quicktime.title"]);
    let keys = boxed(b"keys", &[&[0, 0, 0, 0, 0, 0, 0, 2], &boxed(b"mdta", &[b"com.apple.x"]), &key]);
    let second = boxed(&2u32.to_be_bytes(), &[&data(b"Film")]);
    let keyed = boxed(b"meta", &[&boxed(b"hdlr", &[&[0; 24]]), &keys, &boxed(b"ilst", &[&second])]);
    let plain = boxed(b"udta", &[&boxed(b"\xa9nam", &[&[0, 4, 0x15, 0xc7], b"Film"]), &[0; 4]]);
    for (part, title, cover) in [
        (itunes(boxed(b"\xa9nam", &[&data(b"Film")])), Some("Film"), false),
        (itunes(boxed(b"covr", &[&data(&[0xff, 0xd8])])), None, true),
        (itunes(boxed(b"covr", &[&data(&[])])), None, false),
        (keyed, Some("Film"), false),
        (plain, Some("Film"), false),
        (boxed(b"udta", &[&boxed(b"meta", &[&[9; 30]])]), None, false),
    ] {
        let all = facts(file(&[video().bytes(), part]));
        assert_eq!((all.title.as_deref(), all.has_cover), (title, cover));
    }
}

/// A file whose second track lists chapters at 0 and 4 s, its samples at the start of the file.
fn with_chapter_track() -> Vec<u8> {
    let titles = [&b"\0\x03One"[..], &[0, 4, 0xfe, 0xff, 0x30, 0x42, 9, 9]];
    let stbl = [
        full(b"stts", 0, 0, &[2, 1, 96_000, 1, 144_000]),
        full(b"stsz", 0, 0, &[0, 2, titles[0].len() as u32, titles[1].len() as u32]),
        full(b"stsc", 0, 0, &[1, 1, 2, 1]),
        full(b"stco", 0, 0, &[1, 8]),
    ];
    let text = TestTrack { number: 2, handler: b"text", stbl: stbl.concat(), ..video() };
    let chap = boxed(b"tref", &[&boxed(b"chap", &[&2u32.to_be_bytes()])]);
    let moov = moov(&[TestTrack { extra: chap, ..video() }.bytes(), text.bytes()]);
    [boxed(b"mdat", &[titles[0], titles[1], &[0; 5000]]), moov].concat()
}

#[test]
fn a_chapter_track_is_chapters_and_no_subtitles() {
    let mut source = CountingSource::new(with_chapter_track());
    let all = read(&mut source).expect("facts");
    assert_eq!(all.tracks[1].kind, TrackKind::Other);
    let chapters: Vec<_> = all.chapters.iter().map(|c| (c.start_ns, c.title.as_deref())).collect();
    assert_eq!(chapters, [(0, Some("One")), (4 * SECOND, Some("あ"))]);
    assert_eq!(source.reads, 4);
}

#[test]
fn a_fragmented_file_has_no_index() {
    let mvex = boxed(b"mvex", &[&full(b"mehd", 0, 0, &[7000])]);
    let all = facts(file(&[video().bytes(), mvex]));
    assert_eq!((all.fragmented, all.duration_ns), (true, Some(7 * SECOND)));
    let track = &all.tracks[0];
    assert_eq!((&track.keyframes, track.frame_count, track.end_ns), (&None, None, None));
    assert_eq!(facts(file(&[video().bytes(), boxed(b"mvex", &[])])).duration_ns, None);
}

#[test]
fn of_two_tracks_with_one_number_the_first_counts() {
    let second = TestTrack { handler: b"soun", ..video() };
    let all = facts(file(&[video().bytes(), second.bytes()]));
    assert_eq!(all.tracks.iter().map(|track| track.kind).collect::<Vec<_>>(), [TrackKind::Video]);
}

#[test]
fn errors_name_the_cause_and_the_place() {
    let whole = file(&[video().bytes()]);
    let without = |kind: &[u8; 4]| {
        let mut bytes = whole.clone();
        let at = bytes.windows(4).position(|window| window == kind).expect("a box");
        bytes[at..at + 4].copy_from_slice(b"skip");
        bytes
    };
    let large = [&[0, 0, 0, 1], &b"moov"[..], &(1u64 << 40).to_be_bytes()].concat();
    for (bytes, expected) in [
        (Vec::new(), "no moov box before byte 0"),
        (vec![0; 100], "no moov box before byte 100"),
        (whole[..4000].to_vec(), "no moov box before byte 4000"),
        (whole[..whole.len() - 1].to_vec(), "moov box at byte 5040 is cut short"),
        (large, "moov box at byte 0 has 1099511627776 bytes, the limit is 268435456"),
        (without(b"mvhd"), "no mvhd box in what begins at byte 5040"),
        (without(b"stsz"), "no stsz or stz2 box in what begins at byte 5249"),
        (without(b"stts"), "no stts box in what begins at byte 5249"),
        ([&[0, 0, 0, 3], &b"ftyp"[..], &[0; 8]].concat(), "box size at byte 0 is malformed"),
    ] {
        let error = read(&mut CountingSource::new(bytes)).expect_err("an error");
        assert_eq!(error.to_string(), expected);
    }
}

/// A file with something of everything.
fn rich() -> Vec<u8> {
    let chpl = boxed(b"chpl", &[&[1, 0, 0, 0, 0, 0, 0, 0, 1], &[0; 8], &[1, b'A']]);
    let data = boxed(b"data", &[&[0, 0, 0, 1, 0, 0, 0, 0], b"Film"]);
    let ilst = boxed(b"ilst", &[&boxed(b"\xa9nam", &[&data]), &boxed(b"covr", &[&data])]);
    let udta = boxed(b"udta", &[&chpl, &boxed(b"meta", &[&[0; 4], &ilst])]);
    let stbl = [
        full(b"stts", 0, 0, &[2, 9, 24_000, 1, 12_000]),
        full(b"ctts", 1, 0, &[2, 5, 48_000, 5, 24_000]),
        full(b"cslg", 0, 0, &[0; 5]),
        full(b"stss", 0, 0, &[2, 1, 6]),
        full(b"stsz", 0, 0, &[0, 10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
    ];
    let entry = boxed(b"colr", &[b"nclx", &[0, 9, 0, 16, 0, 9, 0x80]]);
    let track = TestTrack {
        number: 3,
        stbl: stbl.concat(),
        entry,
        extra: edts(&[2, 1500, u32::MAX, 0x1_0000, 9000, 24_000, 0x1_0000]),
        ..video()
    };
    [with_chapter_track(), file(&[track.bytes(), udta])].concat()
}

fn check_bounds(bytes: Vec<u8>) {
    let mut source = CountingSource::new(bytes);
    let length = source.len();
    if let Ok(all) = read(&mut source) {
        let keyframes = all.tracks.iter().filter_map(|track| track.keyframes.as_ref());
        let listed: usize = keyframes.map(|index| index.keyframes.len()).sum();
        assert!(listed as u64 <= length);
    }
    assert!(source.reads < 3000, "{} reads", source.reads);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        check_bounds(bytes.clone());
        check_bounds(boxed(b"moov", &[&full(b"mvhd", 0, 0, &[0, 0, 1000, 1]), &boxed(b"trak", &[&bytes])]));
    }

    #[test]
    fn a_damaged_file_is_read_without_harm(
        whole in prop::sample::select(vec![rich(), with_chapter_track()]),
        length in 0.0f64..1.3,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        words in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(vec![0, 1, 7, u32::MAX, 1 << 31])), 0..4),
    ) {
        let mut bytes = whole.clone();
        bytes.truncate((length * whole.len() as f64) as usize);
        // Damage where it matters: in moov, not in the empty mdat.
        let busy: Vec<usize> = (0..bytes.len()).filter(|&at| at < 16 || at > 5000 && at < 6500).collect();
        if !busy.is_empty() {
            for (at, byte) in changes {
                bytes[busy[at.index(busy.len())]] = byte;
            }
            for (at, word) in words {
                let at = busy[at.index(busy.len())];
                let end = (at + 4).min(bytes.len());
                bytes[at..end].copy_from_slice(&word.to_be_bytes()[..end - at]);
            }
        }
        check_bounds(bytes);
    }
}
