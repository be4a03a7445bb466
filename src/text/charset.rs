//! Bytes of a text file as text: files of subtitles seldom say what they are written in.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::Encoding;

/// `bytes` as text: by their byte order mark, as UTF-8 where they are, else as what they most likely are in a file of this
/// language (BCP 47). Never fails; what cannot be read is U+FFFD.
pub fn decode(bytes: &[u8], language: Option<&str>) -> String {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
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
