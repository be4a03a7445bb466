//! Text tracks of whole files, built element by element.

use std::ops::ControlFlow;

use proptest::prelude::*;

use super::ebml::tests::{element, unsigned};
use super::sections::{CLUSTER, DOC_TYPE, EBML_HEADER, SEGMENT};
use super::*;
use crate::media::window::tests::CountingSource;
use crate::media::{TextBlock, TextStep};

const MILLI: Nanos = 1_000_000;
const VIDEO: TrackNumber = 1;
const TEXT: TrackNumber = 3;
const DEFLATED: TrackNumber = 4;
/// Bytes of a frame of the picture.
const FRAME: usize = 20_000;

/// One line: where it is written, when it is shown for how long, in timestamps of a millisecond.
#[derive(Clone, Copy, Debug)]
struct Line {
    track: TrackNumber,
    at: i64,
    length: u64,
}

fn text(line: Line) -> String {
    format!("line at {} of {}", line.at, line.track)
}

fn stored(line: Line) -> Vec<u8> {
    let plain = text(line).into_bytes();
    if line.track != DEFLATED {
        return plain;
    }
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &plain).expect("memory");
    encoder.finish().expect("memory")
}

fn block(track: TrackNumber, offset: i64, data: &[u8]) -> Vec<u8> {
    let head = [0x80 | track as u8, (offset >> 8) as u8, offset as u8, 0];
    [&head, data].concat()
}

fn group(line: Line, cluster: i64) -> Vec<u8> {
    let block = element(0xa1, &[&block(line.track, line.at - cluster, &stored(line))]);
    element(0xa0, &[&block, &unsigned(0x9b, line.length)])
}

/// Seconds of picture with these lines, a cluster a second; `indexed` with every line in the cues, `counted` with
/// statistics.
fn file(seconds: i64, lines: &[Line], indexed: bool, counted: bool) -> Vec<u8> {
    let entry = |number, kind, more: Vec<u8>| {
        element(0xae, &[&unsigned(0xd7, number), &unsigned(0x73c5, number), &unsigned(0x83, kind), &more])
    };
    let zlib = element(0x6d80, &[&element(0x6240, &[&element(0x5034, &[&unsigned(0x4254, 0)])])]);
    let private = element(0x63a2, &[b"[Script Info]"]);
    let tracks =
        [entry(VIDEO, 1, Vec::new()), entry(TEXT, 0x11, private), entry(DEFLATED, 0x11, zlib)].concat();
    let mut head =
        [element(INFO.id, &[&unsigned(TIMESTAMP_SCALE, 1_000_000)]), element(TRACKS.id, &[&tracks])].concat();
    if counted {
        let count = |track| lines.iter().filter(|line| line.track == track).count().to_string();
        let tag = |track| tags::tests::tag(track, &[("NUMBER_OF_FRAMES", &count(track))]);
        head.extend(element(TAGS.id, &[&tag(TEXT), &tag(DEFLATED)]));
    }
    let (mut cues, mut clusters) = (Vec::new(), Vec::new());
    // The cues lie in front, and say how far behind them things are.
    for _ in 0..4 {
        let behind = (head.len() + element(CUES.id, &[&cues]).len()) as u64;
        (cues, clusters) = (Vec::new(), Vec::new());
        for second in 0..seconds {
            let (cluster, places) = cluster(second, lines);
            let at = behind + clusters.len() as u64;
            cues.extend(cues::tests::cue_point((second * 1000) as u64, &[(VIDEO, at)]));
            for (line, inside) in places.into_iter().filter(|_| indexed) {
                let positions = [unsigned(0xf7, line.track), unsigned(0xf1, at), unsigned(0xf0, inside)];
                let place = element(0xb7, &[&positions.concat()]);
                cues.extend(element(0xbb, &[&unsigned(0xb3, line.at as u64), &place]));
            }
            clusters.extend(cluster);
        }
    }
    let ebml = element(EBML_HEADER, &[&element(DOC_TYPE, &[b"matroska"])]);
    [ebml, element(SEGMENT, &[&head, &element(CUES.id, &[&cues]), &clusters])].concat()
}

/// A second of picture with its lines, and where each of those begins inside.
fn cluster(second: i64, lines: &[Line]) -> (Vec<u8>, Vec<(Line, u64)>) {
    let start = second * 1000;
    let mut inside = unsigned(0xe7, start as u64);
    inside.extend(element(0xa3, &[&block(VIDEO, 0, &vec![0x1f; FRAME])]));
    let mut places = Vec::new();
    for line in lines.iter().filter(|line| line.at / 1000 == second) {
        places.push((*line, inside.len() as u64));
        inside.extend(group(*line, start));
    }
    inside.extend(element(0xa3, &[&block(VIDEO, 500, &vec![0x1f; FRAME])]));
    (element(CLUSTER, &[&inside]), places)
}

/// The lines of a file from a time on, in milliseconds: track, start, end, text. And how many bytes were read.
fn read_from(bytes: Vec<u8>, from_ms: i64) -> (Vec<(TrackNumber, i64, i64, String)>, u64) {
    let mut source = CountingSource::new(bytes);
    let mut found = Vec::new();
    let mut reached = from_ms * MILLI;
    let mut reader = TextReader::open(&mut source, &[TEXT, DEFLATED]).expect("a reader");
    reader
        .read(from_ms * MILLI..Nanos::MAX, &mut |step| {
            match step {
                TextStep::Block(TextBlock { track, start_ns, end_ns, data, .. }) => {
                    assert!(start_ns >= reached || start_ns < from_ms * MILLI, "nothing comes too late");
                    let text = String::from_utf8(data).expect("text");
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
    found.retain(|line| line.1 >= from_ms);
    found.sort();
    (found, source.bytes_read)
}

fn expected(lines: &[Line], from_ms: i64) -> Vec<(TrackNumber, i64, i64, String)> {
    let shown = lines.iter().filter(|line| line.at >= from_ms);
    let mut all: Vec<_> =
        shown.map(|&line| (line.track, line.at, line.at + line.length as i64, text(line))).collect();
    all.sort();
    all
}

const LINES: [Line; 4] = [
    Line { track: TEXT, at: 200, length: 1500 },
    Line { track: DEFLATED, at: 250, length: 900 },
    Line { track: TEXT, at: 41_000, length: 2000 },
    Line { track: TEXT, at: 59_900, length: 100 },
];

#[test]
fn cues_lead_to_every_line_and_nothing_else_is_read() {
    let film = file(60, &LINES, true, true);
    let size = film.len() as u64;
    let (found, bytes) = read_from(film, 0);
    assert_eq!(found, expected(&LINES, 0));
    assert!(bytes < size / 20, "{bytes} of {size} bytes");
}

#[test]
fn without_an_index_the_frames_of_others_are_not_read() {
    for counted in [false, true] {
        let film = file(60, &LINES, false, counted);
        let size = film.len() as u64;
        let (found, bytes) = read_from(film, 0);
        assert_eq!(found, expected(&LINES, 0));
        assert!(bytes < size / 2, "{bytes} of {size} bytes");
    }
}

#[test]
fn from_the_middle_only_what_follows_is_read() {
    for indexed in [false, true] {
        let film = file(60, &LINES, indexed, true);
        let (found, bytes) = read_from(film, 50_000);
        assert_eq!(found, expected(&LINES, 50_000), "indexed: {indexed}");
        assert!(bytes < 400_000, "{bytes} bytes, indexed: {indexed}");
    }
}

#[test]
fn piece_after_piece_is_read_where_no_cue_leads_anywhere() {
    let mut film = file(60, &LINES, false, false);
    let cues = CUES.id.to_be_bytes();
    let at = film.windows(4).position(|bytes| bytes == cues).expect("cues");
    film[at + 3] ^= 1;
    let whole = read_from(film.clone(), 0).1;
    let mut source = CountingSource::new(film);
    let mut found = Vec::new();
    {
        let mut reader = TextReader::open(&mut source, &[TEXT, DEFLATED]).expect("a reader");
        for second in (0..60).step_by(4) {
            let time = second * 1000 * MILLI..(second + 4) * 1000 * MILLI;
            let mut keep = |step| {
                match step {
                    TextStep::Block(block) if time.contains(&block.start_ns) => {
                        found.push(block.start_ns / MILLI)
                    }
                    _ => {}
                }
                ControlFlow::Continue(())
            };
            reader.read(time.clone(), &mut keep).expect("it is read");
        }
    }
    assert_eq!(found, [200, 250, 41_000, 59_900]);
    let bytes = source.bytes_read;
    assert!(bytes < 3 * whole, "{bytes} bytes in pieces, {whole} at once");
}

#[test]
fn an_index_that_lacks_lines_is_not_trusted() {
    let mut film = file(60, &LINES, true, true);
    // The statistics now count one line more than the cues have.
    let at = film.windows(16).position(|bytes| bytes == b"NUMBER_OF_FRAMES").expect("a tag");
    let count = film[at..].iter().position(|&byte| byte == b'3').expect("three lines") + at;
    film[count] = b'4';
    let (found, bytes) = read_from(film, 0);
    assert_eq!(found, expected(&LINES, 0));
    assert!(bytes > 200_000, "clusters were walked");
}

#[test]
fn damage_costs_the_lines_that_lie_in_it() {
    let film = file(60, &LINES, false, false);
    let mut damaged = film.clone();
    let cluster = film.windows(4).enumerate().filter(|(_, bytes)| *bytes == CLUSTER.to_be_bytes()).nth(20);
    let (at, _) = cluster.expect("a cluster");
    damaged[at..at + 3 * FRAME].fill(0xff);
    assert_eq!(read_from(damaged, 0).0, expected(&LINES, 0));
}

#[test]
fn the_head_of_a_script_is_kept() {
    let mut source = CountingSource::new(file(1, &[], false, false));
    let reader = TextReader::open(&mut source, &[TEXT, 9]).expect("a reader");
    assert_eq!((reader.header(TEXT), reader.header(9)), (&b"[Script Info]"[..], &b""[..]));
}

#[test]
fn both_forms_of_webvtt_are_given_alike() {
    let film = |codec: &str, group: &[u8]| {
        let track = [unsigned(0xd7, TEXT), unsigned(0x83, 0x11), element(0x86, &[codec.as_bytes()])].concat();
        let cluster = [unsigned(0xe7, 1000), element(0xa0, &[group, &unsigned(0x9b, 2000)])].concat();
        let head = [element(INFO.id, &[]), element(TRACKS.id, &[&element(0xae, &[&track])])].concat();
        let ebml = element(EBML_HEADER, &[&element(DOC_TYPE, &[b"webm"])]);
        [ebml, element(SEGMENT, &[&head, &element(CLUSTER, &[&cluster])])].concat()
    };
    let addition = element(0x75a1, &[&element(0xa6, &[&element(0xa5, &[b"line:0\nid"])])]);
    let of_matroska = [element(0xa1, &[&block(TEXT, 5, b"One\ntwo")]), addition].concat();
    let of_webm = element(0xa1, &[&block(TEXT, 5, b"id\nline:0\nOne\ntwo")]);
    for film in [film("S_TEXT/WEBVTT", &of_matroska), film("D_WEBVTT/SUBTITLES", &of_webm)] {
        let mut source = CountingSource::new(film);
        let mut reader = TextReader::open(&mut source, &[TEXT]).expect("a reader");
        let mut found = Vec::new();
        let mut keep = |step| {
            found.extend(match step {
                TextStep::Block(block) => Some(block),
                TextStep::Reached(_) => None,
            });
            ControlFlow::Continue(())
        };
        reader.read(0..Nanos::MAX, &mut keep).expect("it is read");
        let (start_ns, end_ns) = (1005 * MILLI, 3005 * MILLI);
        let (data, addition) = (b"One\ntwo".to_vec(), b"line:0\nid".to_vec());
        assert_eq!(found, [TextBlock { track: TEXT, start_ns, end_ns, data, addition }]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn anything_may_be_in_a_file(
        at in any::<prop::sample::Index>(), noise in prop::collection::vec(any::<u8>(), 1..200), indexed: bool,
    ) {
        let mut film = file(4, &LINES, indexed, true);
        let at = at.index(film.len());
        let end = (at + noise.len()).min(film.len());
        film[at..end].copy_from_slice(&noise[..end - at]);
        let mut source = CountingSource::new(film);
        if let Ok(mut reader) = TextReader::open(&mut source, &[TEXT, DEFLATED]) {
            let mut steps = 0;
            let _damage = reader.read(0..Nanos::MAX, &mut |_| {
                steps += 1;
                if steps < 10_000 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            prop_assert!(steps < 10_000);
        }
    }
}
