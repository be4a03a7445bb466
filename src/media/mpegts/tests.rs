//! Transport streams with Teletext, built packet by packet.

use std::ops::ControlFlow;

use proptest::prelude::*;

use super::*;
use crate::media::window::tests::CountingSource;
use crate::media::{TextBlock, TextStep};
use crate::text::teletext::sender::{Head, boxed, data, head};
use crate::timeline::Nanos;

const MILLI: Nanos = 1_000_000;
const PMT: u16 = 0x100;
const VIDEO: u16 = 0x101;
const TEXT: u16 = 0x102;
const PAGE: u16 = 0x888;
const OTHER: u16 = 0x150;
/// The first clock, in units of 90 kHz: it goes round after ten seconds.
const CLOCK: u64 = (1 << 33) - 10 * 90_000;
const NEW: Head = Head { erase: true, inhibited: false, option: 4 };

/// Lines of pages: when they are shown in milliseconds, and what they say.
const LINES: [(u16, Nanos, Nanos, &str); 4] = [
    (PAGE, 2000, 4500, "Eins"),
    (OTHER, 2200, 5200, "(Musik)"),
    (PAGE, 41_000, 43_000, "Zwei"),
    (PAGE, 57_000, 58_000, "[rger"),
];

fn packet(pid: u16, start: bool, counter: &mut u8, clock: Option<u64>, payload: &mut &[u8]) -> Vec<u8> {
    let mut field = Vec::new();
    if let Some(ticks) = clock {
        let word = (ticks & ((1 << 33) - 1)) << 15 | 0x7e00;
        field.push(0x10);
        field.extend(&word.to_be_bytes()[2..]);
    }
    let room = 184 - if field.is_empty() { 0 } else { field.len() + 1 };
    let taken = payload.len().min(room);
    if taken < room {
        let wanted = 184 - taken - 1;
        if field.is_empty() && wanted > 0 {
            field.push(0);
        }
        field.resize(wanted, 0xff);
    }
    let adapted = 184 - taken > 0;
    let control = u8::from(adapted) << 5 | u8::from(taken > 0) << 4 | *counter & 0xf;
    if taken > 0 {
        *counter = counter.wrapping_add(1);
    }
    let mut out = vec![0x47, u8::from(start) << 6 | (pid >> 8) as u8, pid as u8, control];
    if adapted {
        out.push(field.len() as u8);
        out.extend(&field);
    }
    out.extend(&payload[..taken]);
    *payload = &payload[taken..];
    assert_eq!(out.len(), 188);
    out
}

fn section(table: u8, id: u16, body: &[u8]) -> Vec<u8> {
    let length = body.len() + 9;
    let [id_high, id_low] = id.to_be_bytes();
    let head = [0, table, 0xb0 | (length >> 8) as u8, length as u8, id_high, id_low, 0xc1, 0, 0];
    [&head[..], body, &[0; 4]].concat()
}

/// One entry of the descriptor of Teletext.
fn entry(language: &[u8; 3], kind: u8, page: u16) -> Vec<u8> {
    [&language[..], &[kind << 3 | (page >> 8) as u8 & 7, page as u8]].concat()
}

fn tables() -> Vec<Vec<u8>> {
    let entries = [
        entry(b"deu", 0x01, 0x100),
        entry(b"deu", 0x02, PAGE),
        entry(b"ger", 0x05, OTHER),
        entry(b"deu", 0x02, PAGE),
    ]
    .concat();
    let stream = |kind: u8, pid: u16, info: &[u8]| {
        [&[kind, 0xe0 | (pid >> 8) as u8, pid as u8, 0xf0, info.len() as u8], info].concat()
    };
    let descriptor = [&[0x0a, 4, b'd', b'e', b'u', 0, 0x56, entries.len() as u8][..], &entries].concat();
    let head = [0xe0 | (VIDEO >> 8) as u8, VIDEO as u8, 0xf0, 0];
    let program = [&head[..], &stream(0x1b, VIDEO, &[]), &stream(0x06, TEXT, &descriptor)].concat();
    let association = [0, 0, 0xe0, 0x10, 0, 1, 0xe0 | (PMT >> 8) as u8, PMT as u8];
    vec![section(0, 1, &association), section(2, 1, &program)]
}

fn stamp(kind: u8, ticks: u64) -> [u8; 5] {
    let ticks = ticks & ((1 << 33) - 1);
    [
        kind << 4 | 1 | (ticks >> 29) as u8 & 0x0e,
        (ticks >> 22) as u8,
        (ticks >> 14) as u8 | 1,
        (ticks >> 7) as u8,
        (ticks << 1) as u8 | 1,
    ]
}

fn pes(ticks: u64, body: &[u8]) -> Vec<u8> {
    let stamp = stamp(2, ticks);
    let length = (body.len() + 0x24 + 3) as u16;
    [&[0, 0, 1, 0xbd][..], &length.to_be_bytes(), &[0x84, 0x80, 0x24], &stamp, &[0xff; 31], body].concat()
}

/// Seconds of stream: a clock ten times a second, picture, and the lines of pages where they are due.
fn film(seconds: Nanos, stride: usize) -> Vec<u8> {
    film_ahead(seconds, stride, 500)
}

/// The same with the lines' own times so much ahead of the clock.
fn film_ahead(seconds: Nanos, stride: usize, ahead_ms: Nanos) -> Vec<u8> {
    let mut counters = [0u8; 4];
    let mut out = Vec::new();
    let mut put = |packet: Vec<u8>| {
        out.extend(std::iter::repeat_n(0, if stride == 192 { 4 } else { 0 }));
        out.extend(packet);
        out.extend(std::iter::repeat_n(0xff, if stride == 204 { 16 } else { 0 }));
    };
    for tenth in 0..seconds * 10 {
        let now = tenth * 100;
        let clock = CLOCK + now as u64 * 90;
        if tenth % 5 == 0 {
            for (n, (pid, table)) in [0, PMT].into_iter().zip(tables()).enumerate() {
                put(packet(pid, true, &mut counters[n], None, &mut &table[..]));
            }
        }
        put(packet(VIDEO, true, &mut counters[2], Some(clock), &mut &[0x5a; 100][..]));
        for _ in 0..40 {
            put(packet(VIDEO, false, &mut counters[2], None, &mut &[0x5a; 184][..]));
        }
        let mut units = Vec::new();
        for (page, from, to, text) in LINES {
            // They come half a second before they are shown.
            if from == now + 500 {
                units.extend([head(page, NEW), boxed(page, 21, text), head(page | 0xff, NEW)]);
            } else if to == now + 500 {
                units.extend([head(page, NEW), head(page | 0xff, NEW)]);
            }
        }
        if units.is_empty() {
            units.push(head(0x8ff, NEW));
        }
        let whole = pes(clock.wrapping_add_signed(ahead_ms * 90), &data(&units));
        let (mut rest, mut start) = (&whole[..], true);
        while !rest.is_empty() {
            put(packet(TEXT, start, &mut counters[3], None, &mut rest));
            start = false;
        }
    }
    out
}

type Line = (TrackNumber, Nanos, Nanos, String);

fn read_from(bytes: Vec<u8>, from_ms: Nanos) -> (Vec<Line>, u64) {
    let mut source = CountingSource::new(bytes);
    let mut found = Vec::new();
    let mut reached = from_ms * MILLI;
    let wanted = [number(TEXT, PAGE), number(TEXT, OTHER)];
    let mut reader = TextReader::open(&mut source, &wanted).expect("a reader");
    reader
        .read(from_ms * MILLI..Nanos::MAX, &mut |step| {
            match step {
                TextStep::Block(TextBlock { track, start_ns, end_ns, data, .. }) => {
                    assert!(start_ns >= reached, "nothing comes too late");
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
    found.sort_by_key(|line| line.1);
    (found, source.bytes_read)
}

fn expected(from_ms: Nanos) -> Vec<Line> {
    let shown = LINES.into_iter().filter(|line| line.1 >= from_ms);
    shown.map(|(page, from, to, text)| (number(TEXT, page), from, to, text.replace('[', "Ä"))).collect()
}

#[test]
fn the_tables_say_which_pages_are_subtitles_for_whom() {
    let facts = read(&mut CountingSource::new(film(1, 188))).expect("facts");
    let told = facts.tracks.iter().map(|track| {
        assert_eq!((pid(track.number), is_page(track.number)), (TEXT.into(), true));
        (track.number >> 16, track.language.as_deref(), track.disposition.hearing_impaired)
    });
    assert_eq!(told.collect::<Vec<_>>(), [(0x888, Some("de"), false), (0x150, Some("de"), true)]);
    assert!(!is_page(TEXT.into()));
}

#[test]
fn every_page_has_its_lines_at_their_times_though_the_clock_goes_round() {
    for stride in [188, 192, 204] {
        assert_eq!(read_from(film(60, stride), 0).0, expected(0), "{stride} bytes a packet");
    }
}

#[test]
fn the_clock_leads_to_where_the_viewer_is() {
    let film = film(60, 188);
    let size = film.len() as u64;
    let whole = read_from(film.clone(), 0).1;
    assert!(whole < size + (2 << 20), "{whole} of {size} bytes");
    assert_eq!(read_from(film, 50_000).0, expected(50_000));
    let film = self::film(240, 188);
    let size = film.len() as u64;
    let (found, bytes) = read_from(film, 200_000);
    assert_eq!(found, []);
    assert!(bytes < size * 2 / 5, "{bytes} of {size} bytes");
}

#[test]
fn a_stretch_before_the_viewer_is_read_to_its_end_alone() {
    let mut source = CountingSource::new(film(60, 188));
    let mut reader = TextReader::open(&mut source, &[number(TEXT, PAGE)]).expect("a reader");
    let mut found = Vec::new();
    let mut keep = |step| {
        match step {
            TextStep::Block(block) => found.push(String::from_utf8(block.data).expect("text")),
            TextStep::Reached(nanos) => assert!(nanos <= 42_000 * MILLI),
        }
        ControlFlow::Continue(())
    };
    reader.read(0..42_000 * MILLI, &mut keep).expect("it is read");
    assert_eq!(found, ["Eins", "Zwei"]);
}

#[test]
fn a_time_that_cannot_be_is_that_of_the_clock() {
    for ahead_ms in [-3_600_000, -200, 3_600_000] {
        let expected: Vec<Line> = expected(0)
            .into_iter()
            .map(|(track, from, to, text)| (track, from - 500, to - 500, text))
            .collect();
        assert_eq!(read_from(film_ahead(60, 188, ahead_ms), 0).0, expected, "{ahead_ms} ms");
    }
}

#[test]
fn packets_that_are_missing_cost_what_was_in_them() {
    let mut film = film(60, 188);
    let carries = |packet: &[u8]| packet[1] & 0x1f == 1 && packet[2] == 2;
    // That of the first line, which comes at a second and a half.
    let line = film.chunks(188).enumerate().filter(|(_, packet)| carries(packet)).nth(15);
    let line = line.expect("a line").0 * 188;
    film.drain(line..line + 188);
    film.splice(90_000..90_050, []);
    assert_eq!(read_from(film, 0).0, expected(0)[1..]);
}

#[test]
fn a_stream_without_tables_or_clock_has_no_pages() {
    let film = film(2, 188);
    let mute: Vec<u8> = film.chunks(188).filter(|packet| packet[1] & 0x1f != 0).flatten().copied().collect();
    assert_eq!(read(&mut CountingSource::new(mute)).expect("facts").tracks.len(), 0);
    let clockless: Vec<u8> =
        film.chunks(188).filter(|packet| packet[2] != VIDEO as u8).flatten().copied().collect();
    let mut source = CountingSource::new(clockless);
    let error = TextReader::open(&mut source, &[number(TEXT, PAGE)]).err().expect("an error");
    assert_eq!(error.to_string(), "no program clock in what begins at byte 0");
    assert!(read(&mut CountingSource::new(vec![0; 5000])).is_err());
}

/// What a reader gets that reads so many bytes at once.
fn rebased(clock: ClockRebase, source: &[u8], piece: usize) -> Vec<u8> {
    let below = |offset: u64, buffer: &mut [u8]| {
        let rest = source.get(offset as usize..).unwrap_or_default();
        // A source may give less than is wanted.
        let count = rest.len().min(buffer.len()).min(700);
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    };
    let mut all = Vec::new();
    let mut buffer = vec![0; piece];
    loop {
        match clock.read_at(all.len() as u64, &mut buffer, below).expect("it is read") {
            0 => return all,
            count => all.extend(&buffer[..count]),
        }
    }
}

/// Program clocks and the presentation times of texts, in milliseconds.
fn times(stream: Vec<u8>) -> (Vec<u64>, Vec<u64>) {
    let mut source = CountingSource::new(stream);
    let mut packets = Packets::open(&mut source).expect("packets");
    let (mut at, mut clocks, mut texts) = (packets.first, Vec::new(), Vec::new());
    while let Some(packet) = packets.next(&mut at).expect("it is read") {
        clocks.extend(packet.clock().map(|clock| clock / 27_000));
        if packet.pid() == TEXT && packet.starts_unit() {
            let [a, b, c, d, e] = packet.payload()[9..14] else { unreachable!() };
            let (a, b, c) = (u64::from(a >> 1 & 7), u64::from(b), u64::from(c >> 1));
            texts.push((a << 30 | b << 22 | c << 15 | u64::from(d) << 7 | u64::from(e >> 1)) / 90);
        }
    }
    (clocks, texts)
}

fn rebase(film: &[u8]) -> Option<ClockRebase> {
    ClockRebase::of(&mut CountingSource::new(film.to_vec())).expect("a transport stream")
}

#[test]
fn a_clock_that_goes_round_goes_on_in_every_packet() {
    for stride in [188, 192, 204] {
        let film = film(60, stride);
        let clock = rebase(&film).expect("it goes round");
        let moved = rebased(clock, &film, 64 << 10);
        let changed = film.iter().zip(&moved).filter(|(before, after)| before != after).count();
        assert!(film.len() == moved.len() && changed < 1200 * 6, "{changed} bytes");
        assert_eq!(rebase(&moved), None);
        let (clocks, texts) = times(moved);
        assert_eq!(clocks, (0..600).map(|tenth| 10_000 + tenth * 100).collect::<Vec<_>>());
        assert_eq!(texts, (0..600).map(|tenth| 10_500 + tenth * 100).collect::<Vec<_>>());
    }
}

#[test]
fn a_jump_is_found_from_a_few_reads() {
    let film = film(600, 188);
    let size = film.len() as u64;
    let mut source = CountingSource::new(film);
    assert!(ClockRebase::of(&mut source).expect("a transport stream").is_some());
    assert!(source.bytes_read < 2 << 20, "{} of {size} bytes", source.bytes_read);
}

#[test]
fn decode_times_are_moved_and_other_packets_are_not() {
    let clock = rebase(&film(60, 188)).expect("it goes round");
    // The first clock becomes ten seconds.
    let ticks = CLOCK + 77;
    let unit = |id: u8, presented: u64, decoded: u64| {
        [&[0, 0, 1, id, 0, 0, 0x84, 0xc0, 10][..], &stamp(3, presented), &stamp(1, decoded), &[0x5a; 200]]
            .concat()
    };
    let put = |unit: &[u8]| packet(VIDEO, true, &mut 0, None, &mut &unit[..]);
    let whole = |packet: Vec<u8>| [&packet[..], &packet, &packet].concat();
    for (id, moved) in [(0xe0, true), (0xbd, true), (0xbe, false), (0xff, false)] {
        let before = whole(put(&unit(id, ticks + 7200, ticks)));
        let expected = if moved { whole(put(&unit(id, 900_077 + 7200, 900_077))) } else { before.clone() };
        assert_eq!(rebased(clock, &before, 1000), expected, "{id:#x}");
        let mut scrambled = before.clone();
        (0..3).for_each(|n| scrambled[n * 188 + 3] |= 0x80);
        assert_eq!(rebased(clock, &scrambled, 1000), scrambled);
    }
}

/// Seconds of a film of a minute; its clock begins again behind the tenth.
fn cut(seconds: std::ops::Range<usize>) -> Vec<u8> {
    let film = film(60, 188);
    let second = film.len() / 188 / 60 * 188;
    film[seconds.start * second..seconds.end * second].to_vec()
}

#[test]
fn a_recording_that_goes_on_with_an_earlier_clock_goes_on() {
    // Also where that begins with zero, and where the clock goes round once more behind it.
    for (first, second) in [(40..60, 20..28), (45..60, 10..30), (0..8, 20..50), (35..45, 10..12)] {
        let film = [cut(first.clone()), cut(second.clone())].concat();
        let clock = rebase(&film).expect("it jumps");
        let (clocks, texts) = times(rebased(clock, &film, 5000));
        let count = (first.len() + second.len()) as u64 * 10;
        assert_eq!(clocks, (0..count).map(|tenth| 10_000 + tenth * 100).collect::<Vec<_>>());
        assert_eq!(texts, clocks.iter().map(|clock| clock + 500).collect::<Vec<_>>());
    }
}

#[test]
fn a_clock_that_does_not_jump_back_stays() {
    for kept in [cut(0..9), cut(11..60), [cut(20..30), cut(40..60)].concat()] {
        assert_eq!(rebase(&kept), None);
    }
    // Time stamps of both parts may be the same.
    assert_eq!(rebase(&[cut(20..40), cut(15..18)].concat()), None);
    assert_eq!(rebase(&[cut(20..30), cut(15..45)].concat()), None);
    let clockless: Vec<u8> =
        cut(0..60).chunks(188).filter(|packet| packet[2] != VIDEO as u8).flatten().copied().collect();
    assert_eq!(rebase(&clockless), None);
    assert!(ClockRebase::of(&mut CountingSource::new(vec![0; 5000])).is_err());
}

#[test]
fn packets_that_are_missing_keep_no_clock_from_being_moved() {
    let mut film = film(60, 188);
    film.splice(90_000..90_050, []);
    let clock = rebase(&film).expect("it goes round");
    let clocks = times(rebased(clock, &film, 4096)).0;
    assert!(clocks.len() >= 599 && clocks.is_sorted(), "{clocks:?}");
    assert_eq!((clocks[0], clocks[clocks.len() - 1]), (10_000, 69_900));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn clocks_are_moved_alike_however_they_are_read(piece in 1usize..3000, begin in 0usize..400, stride in 0usize..3) {
        let film = [&vec![0; begin % 188][..], &film(12, [188, 192, 204][stride])].concat();
        let clock = rebase(&film).expect("it goes round");
        let whole = rebased(clock, &film, film.len());
        let part = begin % 188 + 200 * [188, 192, 204][stride];
        prop_assert!(rebased(clock, &film[..part], piece) == whole[..part]);
    }

    #[test]
    fn anything_may_be_rebased(noise in prop::collection::vec(any::<u8>(), 0..4000), piece in 1usize..700) {
        let clock = rebase(&film(12, 188)).expect("it goes round");
        let sync = |(n, byte): (usize, u8)| if n % 188 == 0 { 0x47 } else { byte };
        let stream: Vec<u8> = noise.into_iter().enumerate().map(sync).collect();
        prop_assert_eq!(rebased(clock, &stream, piece).len(), stream.len());
    }

    #[test]
    fn anything_may_be_in_a_stream(
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..200),
        noise in prop::collection::vec(any::<u8>(), 0..400), at in any::<prop::sample::Index>(),
        from in 0i64..6,
    ) {
        let mut film = film(4, 188);
        for (at, byte) in places {
            // Damage where it matters: not in the picture.
            let busy = at.index(film.len() / 188) * 188 + usize::from(byte) % 60;
            film[busy] = byte;
        }
        let at = at.index(film.len());
        film.splice(at..at, noise);
        let mut source = CountingSource::new(film);
        let length = source.len();
        if let Ok(mut reader) = TextReader::open(&mut source, &[number(TEXT, PAGE)]) {
            let mut steps = 0u64;
            let _damage = reader.read(from * 1000 * MILLI..Nanos::MAX, &mut |_| {
                steps += 1;
                ControlFlow::Continue(())
            });
            prop_assert!(steps < length / 10);
        }
        let _noise = read(&mut source);
    }
}
