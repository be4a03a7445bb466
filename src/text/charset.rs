//! Bytes of a text file as text: files of subtitles seldom say what they are written in.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

/// What is looked at to tell UTF-16 by.
const LOOKED_AT: usize = 4096;

/// `bytes` as text: by their byte order mark, as UTF-8 where they are, else as what they most likely are in a file of this
/// language (BCP 47). Never fails; what cannot be read is U+FFFD. Lines end in line feeds, whatever they ended in, and
/// marks that joining files has left between them are gone.
pub fn decode(bytes: &[u8], language: Option<&str>) -> String {
    let text = characters(bytes, language).replace('\u{feff}', "");
    if text.contains('\r') {
        text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace('\r', "\n")
    } else {
        text
    }
}

fn characters(bytes: &[u8], language: Option<&str>) -> String {
    let marked = Encoding::for_bom(bytes);
    if let Some((encoding, mark)) = marked.or_else(|| Some((unmarked_utf_16(bytes)?, 0))) {
        return encoding.decode_without_bom_handling(&bytes[mark..]).0.into_owned();
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes, true);
    let guess = detector.guess(top_level_domain(language), Utf8Detection::Deny);
    guess.decode_without_bom_handling(bytes).0.into_owned()
}

/// UTF-16 that does not say so. Times, numbers and ends of lines have a zero in every other byte, which no other text has.
fn unmarked_utf_16(bytes: &[u8]) -> Option<&'static Encoding> {
    let looked_at = &bytes[..bytes.len().min(LOOKED_AT)];
    let zeros = |of: usize| looked_at.iter().skip(of).step_by(2).filter(|byte| **byte == 0).count();
    let (high, low) = (zeros(0), zeros(1));
    let often = looked_at.len() / 8;
    match (high > often, low > often) {
        (true, false) => Some(UTF_16BE),
        (false, true) => Some(UTF_16LE),
        _ => None,
    }
}

/// The detector knows texts by the countries that write them.
fn top_level_domain(language: Option<&str>) -> Option<&'static [u8]> {
    let primary = language?.split('-').next()?;
    let known: [(&str, &[u8]); 14] = [
        ("ru", b"ru"),
        ("uk", b"ua"),
        ("bg", b"bg"),
        ("pl", b"pl"),
        ("cs", b"cz"),
        ("sk", b"sk"),
        ("hu", b"hu"),
        ("el", b"gr"),
        ("tr", b"tr"),
        ("he", b"il"),
        ("ar", b"sa"),
        ("ja", b"jp"),
        ("ko", b"kr"),
        ("zh", b"cn"),
    ];
    known.into_iter().find(|(code, _)| *code == primary).map(|(_, domain)| domain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{ass, subrip, webvtt};
    use proptest::prelude::*;

    #[test]
    fn marks_and_utf_8_say_it_themselves() {
        let utf_16 = |text: &str| -> Vec<u8> {
            [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
        };
        assert_eq!(decode(&utf_16("Ärger – 日本"), None), "Ärger – 日本");
        assert_eq!(decode("\u{feff}Ärger".as_bytes(), None), "Ärger");
        assert_eq!(decode("Ärger".as_bytes(), None), "Ärger");
        assert_eq!(decode(&[0xfe, 0xff, 0, b'A'], None), "A");
    }

    #[test]
    fn utf_16_is_known_without_a_mark() {
        for text in [
            "1\n00:00:01,000 --> 00:00:02,000\nÄrger\n",
            "1\n00:00:01,000 --> 00:00:02,000\n日本語の字幕です。これはとても長い行です。\n",
        ] {
            let units = || text.encode_utf16();
            assert_eq!(decode(&units().flat_map(u16::to_le_bytes).collect::<Vec<_>>(), None), text);
            assert_eq!(decode(&units().flat_map(u16::to_be_bytes).collect::<Vec<_>>(), None), text);
        }
        assert_eq!(decode(b"some text\0", None), "some text\0");
    }

    #[test]
    fn lines_end_in_one_way_and_marks_within_are_gone() {
        for text in ["a\nb\n", "a\r\nb\r\n", "a\rb\r", "a\r\r\nb\r\r\n", "\u{feff}\u{feff}a\r\n\u{feff}b\n"] {
            assert_eq!(decode(text.as_bytes(), None), "a\nb\n", "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_in_a_file_is_some_text(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let text = decode(&bytes, Some("ja"));
            let unwanted = ['\r', '\u{feff}'];
            prop_assert!(!text.contains(unwanted));
            for cues in [subrip::read(&text), webvtt::read(&text), ass::read(&text)] {
                prop_assert!(cues.iter().all(|cue| cue.end_ns > cue.start_ns));
            }
        }
    }

    #[test]
    fn what_says_nothing_is_guessed() {
        let latin = b"Sch\xf6n, da\xdf Sie da sind. F\xfcr immer? Das w\xe4re zu sch\xf6n, um wahr zu sein.";
        assert_eq!(
            decode(latin, Some("de")),
            "Schön, daß Sie da sind. Für immer? Das wäre zu schön, um wahr zu sein."
        );
        let cyrillic = b"\xcf\xf0\xe8\xe2\xe5\xf2, \xea\xe0\xea \xe4\xe5\xeb\xe0? \xd5\xee\xf0\xee\xf8\xee, \xf1\xef\xe0\xf1\xe8\xe1\xee.";
        assert_eq!(decode(cyrillic, Some("ru")), "Привет, как дела? Хорошо, спасибо.");
        assert!(!decode(&[0x80, 0xff, 0x00, 0xc3], None).is_empty());
    }
}
