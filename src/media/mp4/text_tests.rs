//! Text of whole files in fragments, built box by box.

use std::ops::ControlFlow;

use proptest::prelude::*;

use super::boxes::tests::{boxed, full};
use super::fragments::FragmentedTrack;
use super::*;
use crate::media::window::tests::CountingSource;
use crate::media::{TextBlock, TextStep, TrackNumber};

const MILLI: Nanos = 1_000_000;
const VIDEO: u32 = 1;
const TEXT: u32 = 2;
/// Bytes of picture in a fragment.
const PICTURE: usize = 40_000;

/// What leads into the middle of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Index {
    None,
    Mfra,
    Sidx,
}

/// When it is shown, in milliseconds; an empty one is a pause.
type Line = (u32, u32, &'static str);

const LINES: [Line; 7] = [
    (0, 1000, ""),
    (1000, 2500, "one"),
    (2500, 41_000, ""),
    (41_000, 42_000, "two"),
    (42_000, 43_000, "three"),
    (43_000, 59_500, ""),
    (59_500, 60_000, "four"),
];

fn track(number: u32, handler: &[u8; 4], entry: &[u8; 4]) -> Vec<u8> {
    let tables = [
        full(b"stts", 0, 0, &[0]),
        full(b"stsc", 0, 0, &[0]),
        full(b"stsz", 0, 0, &[0, 0]),
        full(b"stco", 0, 0, &[0]),
    ];
    let stsd = boxed(b"stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1], &boxed(entry, &[&[0; 78]])]);
    let minf = boxed(b"minf", &[&boxed(b"stbl", &[&stsd, &tables.concat()])]);
    let hdlr = boxed(b"hdlr", &[&[0; 8], handler, &[0; 13]]);
    let mdia = boxed(b"mdia", &[&full(b"mdhd", 0, 0, &[0, 0, 1000, 0, 0x55c4_0000]), &hdlr, &minf]);
    let head: Vec<u32> = [0, 0, number].into_iter().chain([0; 15]).collect();
    boxed(b"trak", &[&full(b"tkhd", 0, 1, &head), &mdia])
}

/// A `moof` of one second with its data; `based` with places that count from the fragment itself.
fn fragment(second: u32, lines: &[Line], at: u64, based: bool) -> Vec<u8> {
    let start = second * 1000;
    let own: Vec<Line> = lines.iter().copied().filter(|line| line.0 / 1000 == second).collect();
    let samples: Vec<Vec<u8>> = own
        .iter()
        .map(|line| [&(line.2.len() as u16).to_be_bytes()[..], line.2.as_bytes()].concat())
        .collect();
    let of_text = samples.concat();
    let with = |data: u32| {
        let head = |track: u32| match based {
            true => full(b"tfhd", 0, 0x02_0000, &[track]),
            false => full(b"tfhd", 0, 1, &[track, 0, at as u32]),
        };
        let picture = [
            head(VIDEO),
            full(b"tfdt", 0, 0, &[start]),
            full(b"trun", 0, 0x301, &[1, data, 1000, PICTURE as u32]),
        ];
        let words: Vec<u32> = [own.len() as u32, data + PICTURE as u32]
            .into_iter()
            .chain(own.iter().zip(&samples).flat_map(|(line, bytes)| [line.1 - line.0, bytes.len() as u32]))
            .collect();
        let first = own.first().map_or(start, |line| line.0);
        let text = [head(TEXT), full(b"tfdt", 0, 0, &[first]), full(b"trun", 0, 0x301, &words)];
        let text = if own.is_empty() { Vec::new() } else { boxed(b"traf", &[&text.concat()]) };
        boxed(b"moof", &[&full(b"mfhd", 0, 0, &[second]), &boxed(b"traf", &[&picture.concat()]), &text])
    };
    let size = with(0).len() as u32;
    [with(size + 8), boxed(b"mdat", &[&[0x1f; PICTURE], &of_text])].concat()
}

fn file(seconds: u32, lines: &[Line], index: Index, based: bool) -> Vec<u8> {
    let trex = |track| full(b"trex", 0, 0, &[track, 1, 1000, 7, 0]);
    let mvex = boxed(b"mvex", &[&trex(VIDEO), &trex(TEXT)]);
    let mvhd = full(b"mvhd", 0, 0, &[0, 0, 1000, 0]);
    let tracks = [track(VIDEO, b"vide", b"avc1"), track(TEXT, b"sbtl", b"tx3g")].concat();
    let mut film = [boxed(b"ftyp", &[b"iso5"]), boxed(b"moov", &[&mvhd, &tracks, &mvex])].concat();
    let list: Vec<u32> = (0..seconds)
        .flat_map(|second| [fragment(second, lines, 0, based).len() as u32, 1000, 0x9000_0000])
        .collect();
    if index == Index::Sidx {
        let words = [&[VIDEO, 1000, 0, 0, seconds][..], &list].concat();
        film.extend(full(b"sidx", 0, 0, &words));
    }
    let mut entries: [Vec<u8>; 2] = Default::default();
    for second in 0..seconds {
        let at = film.len() as u64;
        let mut enter = |track: usize, time: u32| {
            entries[track].extend([&time.to_be_bytes()[..], &(at as u32).to_be_bytes(), &[1, 1, 1]].concat());
        };
        enter(0, second * 1000);
        if let Some(line) = lines.iter().find(|line| line.0 / 1000 == second) {
            enter(1, line.0);
        }
        film.extend(fragment(second, lines, at, based));
    }
    if index == Index::Mfra {
        let tfra = |track: u32, entries: &[u8]| {
            let head = full(b"tfra", 0, 0, &[track, 0, entries.len() as u32 / 11]);
            boxed(b"tfra", &[&head[8..], entries])
        };
        let body = [tfra(VIDEO, &entries[0]), tfra(TEXT, &entries[1])].concat();
        let size = body.len() as u32 + 8 + 16;
        film.extend(boxed(b"mfra", &[&body, &full(b"mfro", 0, 0, &[size])]));
    }
    film
}

fn read_from(bytes: Vec<u8>, from_ms: Nanos) -> (Vec<(TrackNumber, Nanos, Nanos, String)>, u64) {
    let mut source = CountingSource::new(bytes);
    let mut found = Vec::new();
    let mut reached = from_ms * MILLI;
    let mut reader = TextReader::open(&mut source, &[TEXT.into()]).expect("a reader");
    reader
        .read(from_ms * MILLI..Nanos::MAX, &mut |step| {
            match step {
                TextStep::Block(TextBlock { track, start_ns, end_ns, data, .. }) => {
                    assert!(start_ns >= reached, "nothing comes too late");
                    let text = String::from_utf8(data[2..].to_vec()).expect("text");
                    found.push((track, start_ns / MILLI, end_ns / MILLI, text));
                }
                TextStep::Reached(nanos) => {
                    assert!(nanos >= reached, "it goes on");
                    reached = nanos;
                }
            }
            ControlFlow::Continue(())
        })
        .expect("it is read");
    assert_eq!(reached, Nanos::MAX);
    (found, source.bytes_read)
}

fn expected(from_ms: Nanos) -> Vec<(TrackNumber, Nanos, Nanos, String)> {
    let shown = LINES.iter().filter(|line| Nanos::from(line.0) >= from_ms);
    shown.map(|line| (TEXT.into(), line.0.into(), line.1.into(), line.2.to_owned())).collect()
}

#[test]
fn every_fragment_has_its_lines_and_pictures_are_not_read() {
    for (index, based) in
        [(Index::None, true), (Index::None, false), (Index::Mfra, true), (Index::Sidx, false)]
    {
        let film = file(60, &LINES, index, based);
        let size = film.len() as u64;
        let (found, bytes) = read_from(film, 0);
        assert_eq!(found, expected(0), "{index:?} {based}");
        assert!(bytes < size / 5, "{bytes} of {size} bytes, {index:?}");
    }
}

#[test]
fn an_index_leads_to_where_the_viewer_is() {
    for (index, most) in [(Index::Mfra, 110_000), (Index::Sidx, 110_000), (Index::None, 300_000)] {
        let (found, bytes) = read_from(file(60, &LINES, index, true), 50_000);
        assert_eq!(found, expected(50_000), "{index:?}");
        assert!(bytes < most, "{bytes} bytes, {index:?}");
    }
}

#[test]
fn a_second_walk_begins_where_the_first_one_came_by() {
    let mut source = CountingSource::new(file(60, &LINES, Index::None, true));
    let (mut found, mut told) = (Vec::new(), Nanos::MIN);
    {
        let mut reader = TextReader::open(&mut source, &[TEXT.into()]).expect("a reader");
        for time in [50_000 * MILLI..Nanos::MAX, 0..50_000 * MILLI, 55_000 * MILLI..Nanos::MAX] {
            let mut keep = |step| {
                match step {
                    TextStep::Block(block) => found.push(block.start_ns / MILLI),
                    TextStep::Reached(nanos) => told = nanos,
                }
                ControlFlow::Continue(())
            };
            reader.read(time.clone(), &mut keep).expect("it is read");
            assert_eq!(told, time.end);
        }
    }
    assert_eq!(found, [59_500, 0, 1000, 2500, 41_000, 42_000, 43_000, 59_500]);
    assert!(source.bytes_read < 900_000, "{} bytes", source.bytes_read);
}

#[test]
fn defaults_stand_where_a_run_says_nothing() {
    let track = FragmentedTrack { number: 2, timescale: 1000, edit_offset_ns: 0, duration: 0, size: 0 };
    let trex = full(b"trex", 0, 0, &[2, 1, 1000, 7, 0]);
    let track = track.with_defaults(Some(Mp4Box { kind: *b"mvex", body: &trex, at: 0 }));
    let listed = |tfhd: Vec<u8>, trun: Vec<u8>| {
        let moof = boxed(b"traf", &[&tfhd, &full(b"tfdt", 1, 0, &[0, 5000]), &trun]);
        let found = fragments::fragment(Mp4Box { kind: *b"moof", body: &moof, at: 108 }, 100, &[track], &[2]);
        assert_eq!(found.start_ns, Some(5000 * MILLI));
        let times = |sample: &fragments::Sample| (sample.time.start / MILLI, sample.at, sample.size);
        found.samples.iter().map(times).collect::<Vec<_>>()
    };
    let plain = full(b"tfhd", 0, 0, &[2]);
    assert_eq!(listed(plain.clone(), full(b"trun", 0, 1, &[2, 50])), [(5000, 150, 7), (6000, 157, 7)]);
    let own = full(b"tfhd", 0, 0x18, &[2, 500, 9]);
    assert_eq!(listed(own, full(b"trun", 0, 0, &[2])), [(5000, 100, 9), (5500, 109, 9)]);
    let late = full(b"trun", 0, 0xa01, &[1, 50, 3, 250]);
    assert_eq!(listed(plain.clone(), late), [(5250, 150, 3)]);
    let endless = listed(plain.clone(), full(b"trun", 0, 1, &[u32::MAX, 50])).len();
    assert!(endless < 10_000, "{endless} samples that nothing tells of");
    assert_eq!(listed(plain, full(b"trun", 0, 0x201, &[u32::MAX, 50, 3])), [(5000, 150, 3)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn anything_may_be_in_fragments(
        index in prop::sample::select(vec![Index::None, Index::Mfra, Index::Sidx]),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        length in 0.3f64..1.0,
    ) {
        let mut film = file(4, &LINES, index, true);
        // Damage where it matters: beside the pictures.
        let busy: Vec<usize> = (0..film.len()).filter(|&at| film[at] != 0x1f).collect();
        for (at, byte) in places {
            film[busy[at.index(busy.len())]] = byte;
        }
        if index == Index::None {
            film.truncate((film.len() as f64 * length) as usize);
        }
        let mut source = CountingSource::new(film);
        if let Ok(mut reader) = TextReader::open(&mut source, &[TEXT.into()]) {
            let mut steps = 0;
            let _damage = reader.read(0..Nanos::MAX, &mut |_| {
                steps += 1;
                ControlFlow::Continue(())
            });
            prop_assert!(steps < 50_000);
        }
        prop_assert!(source.reads < 3000, "{} reads", source.reads);
    }
}
