//! 3GPP timed text (`tx3g`, ETSI TS 126 245), as MP4 carries it.

use super::cue::{Cue, Packet};
use super::markup::{Markup, Style};

/// Bytes of a StyleRecord (section 5.17.1.1).
const STYLE_RECORD: usize = 12;

/// A sample: a length, so many bytes of text, then modifier boxes, of which `styl` is read. `None` for a pause.
pub fn packet(packet: &Packet) -> Option<Cue> {
    let (length, rest) = packet.data.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
    let (text, modifiers) = rest.split_at(length);
    let text = decode(text);
    let styles = styles(modifiers);
    let mut markup = Markup::default();
    let mut holding = (false, false, false);
    // Styles count characters.
    for (at, c) in text.chars().enumerate() {
        let style = styles.iter().find(|style| (style.start..style.end).contains(&at));
        let wanted = style.map_or((false, false, false), |style| (style.bold, style.italic, style.underline));
        for (holds, held, style) in [
            (wanted.0, holding.0, Style::Bold),
            (wanted.1, holding.1, Style::Italic),
            (wanted.2, holding.2, Style::Underline),
        ] {
            match (held, holds) {
                (false, true) => markup.begin(style),
                (true, false) => markup.end(style),
                _ => {}
            }
        }
        holding = wanted;
        markup.text(c.encode_utf8(&mut [0; 4]));
    }
    Cue::said(packet.start_ns, packet.end_ns, markup, None)
}

/// "UTF-8 or UTF-16 [...] starting with a byte order mark" (section 5.17).
fn decode(bytes: &[u8]) -> String {
    let units = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, _) = bytes.as_chunks::<2>();
        String::from_utf16_lossy(&pairs.iter().map(|pair| unit(*pair)).collect::<Vec<_>>())
    };
    match bytes {
        [0xfe, 0xff, rest @ ..] => units(rest, u16::from_be_bytes),
        [0xff, 0xfe, rest @ ..] => units(rest, u16::from_le_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[derive(Clone, Copy, Debug)]
struct Stretch {
    start: usize,
    end: usize,
    bold: bool,
    italic: bool,
    underline: bool,
}

fn styles(mut boxes: &[u8]) -> Vec<Stretch> {
    while let Some((header, _)) = boxes.split_first_chunk::<8>() {
        let size = u32::from_be_bytes([header[0], header[1], header[2], header[3]]) as usize;
        if size < 8 || size > boxes.len() {
            break;
        }
        if &header[4..] == b"styl" {
            // Behind the number of records, which their bytes tell as well.
            let records = boxes[8..size].get(2..).unwrap_or_default();
            let number =
                |record: &[u8], at: usize| usize::from(u16::from_be_bytes([record[at], record[at + 1]]));
            let stretch = |record: &[u8]| Stretch {
                start: number(record, 0),
                end: number(record, 2),
                bold: record[6] & 1 != 0,
                italic: record[6] & 2 != 0,
                underline: record[6] & 4 != 0,
            };
            return records.chunks_exact(STYLE_RECORD).map(stretch).collect();
        }
        boxes = &boxes[size..];
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cue(data: Vec<u8>) -> Option<String> {
        packet(&Packet { start_ns: 0, end_ns: 1, data }).map(|cue| cue.text)
    }

    fn sample(text: &[u8], modifiers: &[u8]) -> Vec<u8> {
        [&(text.len() as u16).to_be_bytes()[..], text, modifiers].concat()
    }

    #[test]
    fn text_with_its_styles() {
        let record = |start: u16, end: u16, face: u8| {
            [&start.to_be_bytes()[..], &end.to_be_bytes(), &[0, 1, face, 18, 255, 255, 255, 255]].concat()
        };
        let records = [record(0, 1, 2), record(2, 3, 1)].concat();
        let styl = [&(10 + records.len() as u32).to_be_bytes()[..], b"styl", &[0, 2], &records].concat();
        assert_eq!(cue(sample("ä b <".as_bytes(), &styl)).as_deref(), Some("<i>ä</i> <b>b</b> &lt;"));
        let other = [&8u32.to_be_bytes()[..], b"hlit"].concat();
        assert_eq!(cue(sample(b"x", &[other, styl].concat())).as_deref(), Some("<i>x</i>"));
    }

    #[test]
    fn a_pause_says_nothing() {
        for data in [sample(b"", &[]), sample(b" ", &[]), vec![0], vec![]] {
            assert_eq!(cue(data), None);
        }
    }

    #[test]
    fn sixteen_bit_text_says_its_order() {
        assert_eq!(cue(sample(&[0xfe, 0xff, 0, b'A'], &[])).as_deref(), Some("A"));
        assert_eq!(cue(sample(&[0xff, 0xfe, b'A', 0], &[])).as_deref(), Some("A"));
    }

    proptest! {
        #[test]
        fn anything_may_be_in_a_sample(data in prop::collection::vec(any::<u8>(), 0..80)) {
            let _text = cue(data);
        }
    }
}
