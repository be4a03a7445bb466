//! What a receiver makes of what a sender sends.

use proptest::prelude::*;

use super::sender::{Head, boxed, data, head, row, triplets};
use super::*;

const PAGE: PageNumber = 0x888;
const MILLI: Nanos = 1_000_000;
const NEW: Head = Head { erase: true, inhibited: false, option: 0 };

fn decoder() -> Decoder {
    Decoder::new([(PAGE, None), (0x150, Some("de".into()))])
}

/// What is said by what is sent at some milliseconds: page, start, end, text, settings.
fn said(sent: &[(Nanos, Vec<Vec<u8>>)], end_ms: Nanos) -> Vec<(PageNumber, Nanos, Nanos, String, String)> {
    let (mut decoder, mut out) = (decoder(), Vec::new());
    for (at_ms, units) in sent {
        decoder.feed(&data(units), at_ms * MILLI, &mut out);
    }
    decoder.end(end_ms * MILLI, &mut out);
    assert_eq!(decoder.open_since(), None);
    let told = |(page, cue): Said| (page, cue.start_ns / MILLI, cue.end_ns / MILLI, cue.text, cue.settings);
    out.into_iter().map(told).collect()
}

/// The text of a page of these units.
fn text(units: &[Vec<u8>]) -> Option<(String, String)> {
    let told = said(&[(0, [&[head(PAGE, NEW)][..], units].concat())], 1000);
    told.into_iter().next().map(|(_, _, _, text, settings)| (text, settings))
}

#[test]
fn a_line_is_shown_from_its_page_to_the_next() {
    let sent = [
        (1000, vec![head(PAGE, NEW), boxed(PAGE, 20, "One"), boxed(PAGE, 22, "two <3")]),
        (3000, vec![head(PAGE, NEW), boxed(PAGE, 22, "Three")]),
        (4000, vec![head(PAGE, NEW)]),
        (9000, vec![head(PAGE, NEW), boxed(PAGE, 22, "Four")]),
    ];
    let expected = [(1000, 3000, "One\ntwo &lt;3"), (3000, 4000, "Three"), (9000, 12_000, "Four")];
    let expected = expected.map(|(start, end, text)| (PAGE, start, end, text.to_owned(), String::new()));
    assert_eq!(said(&sent, 12_000), expected);
}

#[test]
fn a_page_that_is_sent_again_goes_on_and_one_in_parts_begins_with_its_head() {
    let sent = [
        (1000, vec![head(PAGE, NEW)]),
        (1040, vec![boxed(PAGE, 20, "One")]),
        (1080, vec![boxed(PAGE, 22, "two")]),
        (4000, vec![head(PAGE, NEW), boxed(PAGE, 20, "One"), boxed(PAGE, 22, "two")]),
        (5000, vec![head(PAGE, Head::default())]),
        (6000, vec![head(PAGE, NEW)]),
    ];
    assert_eq!(said(&sent, 9000), [(PAGE, 1000, 6000, "One\ntwo".to_owned(), String::new())]);
}

#[test]
fn pages_are_told_apart_also_where_their_packets_take_turns() {
    let sent = [
        (1000, vec![head(PAGE, NEW), head(0x150, Head { option: 4, ..NEW }), boxed(PAGE, 22, "[ur")]),
        (1000, vec![boxed(0x150, 22, "[hr"), head(0x151, NEW), boxed(0x151, 22, "no"), head(0x8ff, NEW)]),
        (2000, vec![head(PAGE, NEW), head(0x150, NEW)]),
    ];
    let mut told = said(&sent, 9000);
    told.sort();
    let line = |page, text: &str| (page, 1000, 2000, text.to_owned(), String::new());
    assert_eq!(told, [line(0x150, "Ähr"), line(PAGE, "←ur")]);
}

#[test]
fn what_nobody_takes_away_goes_by_itself() {
    let sent = [(1000, vec![head(PAGE, NEW), boxed(PAGE, 22, "One"), head(0x8ff, NEW)])];
    assert_eq!(said(&sent, 90_000), [(PAGE, 1000, 21_000, "One".to_owned(), String::new())]);
    let (mut decoder, mut out) = (decoder(), Vec::new());
    decoder.feed(&data(&sent[0].1), 1000 * MILLI, &mut out);
    assert_eq!(decoder.open_since(), Some(1000 * MILLI));
    decoder.pass(30_000 * MILLI, &mut out);
    assert_eq!((out.len(), decoder.open_since()), (1, None));
}

#[test]
fn colours_and_places_are_kept_and_what_is_outside_of_boxes_is_not() {
    let shown = |row_number: u8, codes: &[u8]| text(&[row(PAGE, row_number, codes)]);
    let some = |text: &str, settings: &str| Some((text.to_owned(), settings.to_owned()));
    assert_eq!(
        shown(22, b"\x03\x0b\x0bYou?\x06No.\x07 \x0a\x0arest"),
        some("<c.yellow>You?</c> <c.cyan>No.</c>", "")
    );
    assert_eq!(shown(2, b"\x0b\x0bUp"), some("Up", "line:0"));
    assert_eq!(shown(12, b"\x0b\x0bMiddle"), some("Middle", "line:50%"));
    assert_eq!(shown(22, b"plain"), None, "there is no box");
    assert_eq!(shown(22, b"\x0bplain"), None, "half of a box");
    assert_eq!(shown(22, b"\x0b\x0b  \x11wall\x07"), None, "blocks are no letters");
    assert_eq!(shown(22, b"\x0b\x0bA\x18secret\x02B"), some("A <c.lime>B</c>", ""));
    assert_eq!(shown(22, b"\x0b\x0bA  B\x0a\x0a..\x0b\x0bC"), some("A B C", ""));
    let double =
        [boxed(PAGE, 20, "Tall"), row(PAGE, 21, b"\x0b\x0bits lower half"), boxed(PAGE, 22, "Below")];
    assert_eq!(text(&double), some("Tall\nBelow", ""));
}

#[test]
fn letters_come_from_where_the_stream_says() {
    let some = |text: &str| Some((text.to_owned(), String::new()));
    // Region 1 (Polish) for the page, region 4 (Russian) for the magazine.
    let polish = triplets(PAGE, 28, 0, &[0x08 << 7]);
    let russian = triplets(PAGE, 29, 0, &[0x21 << 7]);
    assert_eq!(text(&[polish.clone(), boxed(PAGE, 22, "$@")]), some("ńą"));
    assert_eq!(text(&[russian.clone(), boxed(PAGE, 22, "DA")]), some("ДА"));
    assert_eq!(text(&[russian, polish, boxed(PAGE, 22, "$@")]), some("ńą"));
    // Row 22, then from column 3 on: a with acute, the eighth note, an at sign.
    let places = [(40 + 22, 4, 0), (3, 0x12, b'a'), (4, 0x0f, 0x55), (5, 0x10, b'*')];
    let places = places.map(|(address, mode, data)| address | mode << 6 | u32::from(data) << 11);
    let put = triplets(PAGE, 26, 0, &places);
    assert_eq!(text(&[boxed(PAGE, 22, "a..b"), put]), some("a\u{301}♪@b"));
}

#[test]
fn damage_costs_what_it_hit() {
    let with = |change: fn(&mut Vec<u8>)| {
        let mut line = boxed(PAGE, 22, "One");
        change(&mut line);
        text(&[line]).map(|(text, _)| text)
    };
    assert_eq!(with(|line| line[10] ^= 1).as_deref(), Some("O e"), "one letter");
    assert_eq!(with(|line| line[4] ^= 1).as_deref(), Some("One"), "corrected");
    assert_eq!(with(|line| line[4] ^= 3), None, "whose row it is");
    assert_eq!(with(|line| line[3] = 0), None, "no framing");
    assert_eq!(with(|line| line.truncate(20)), None, "cut short");
}

proptest! {
    #[test]
    fn anything_may_come(
        packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20),
        heads in prop::collection::vec((0usize..20, any::<u8>(), any::<u8>()), 0..20),
    ) {
        let (mut decoder, mut out) = (decoder(), Vec::new());
        for (n, packet) in packets.iter().enumerate() {
            let now = n as Nanos * 500 * MILLI;
            decoder.feed(packet, now, &mut out);
            for (_, number, code) in heads.iter().filter(|(at, ..)| *at == n) {
                let option = code & 7;
                let page = if number & 1 == 0 { PAGE } else { 0x100 + u16::from(*number) };
                let flags = Head { erase: code & 8 == 0, inhibited: code & 16 == 0, option };
                let line = row(page, number % 32, &[0x0b, 0x0b, code & 0x7f, number & 0x7f, 0x5b]);
                decoder.feed(&data(&[head(page, flags), line]), now, &mut out);
            }
            let open = decoder.open_since();
            prop_assert!(open.is_none_or(|since| now - since <= LONGEST_NS));
        }
        decoder.end(packets.len() as Nanos * 500 * MILLI, &mut out);
        prop_assert!(out.iter().all(|(_, cue)| cue.end_ns > cue.start_ns && !cue.text.contains("\n\n")));
    }
}
