//! What the codes of Teletext stand for (EN 300 706, section 15): the Latin set with its national options, Cyrillic and
//! Greek, the second Latin set and the marks above and below letters. Hebrew and Arabic, which are stored in the order
//! they are seen in, are not here.

/// Codes that differ between the national options of the Latin set (table 36).
const NATIONAL: [u8; 13] = [0x23, 0x24, 0x40, 0x5b, 0x5c, 0x5d, 0x5e, 0x5f, 0x60, 0x7b, 0x7c, 0x7d, 0x7e];

const ENGLISH: &str = "£$@←½→↑#―¼‖¾÷";
const FRENCH: &str = "éïàëêùî#èâôûç";
const SWEDISH: &str = "#¤ÉÄÖÅÜ_éäöåü";
const CZECH: &str = "#ůčťžýířéáěúš";
const GERMAN: &str = "#$§ÄÖÜ^_°äöüß";
const PORTUGUESE: &str = "ç$¡áéíóú¿üñèà";
const ITALIAN: &str = "£$é°ç→↑#ùàòèì";
const RUMANIAN: &str = "#¤ŢÂŞĂÎıţâşăî";
const POLISH: &str = "#ńąŻŚŁćóężśłź";
const TURKISH: &str = "₺ğİŞÖÇÜĞışöçü";
const SERBIAN: &str = "#ËČĆŽĐŠëčćžđš";
const ESTONIAN: &str = "#õŠÄÖŽÜÕšäöžü";
const LETTISH: &str = "#$ŠėęŽčūšąųžį";

/// From 0x40 on, capitals before small letters.
const SERBIAN_CYRILLIC: &str = "ЧАБЦДЕФГХИЈКЛМНОПЌРСТУВЃЉЊЗЋЖЂШЏчабцдефгхијклмнопќрстувѓљњзћжђш";
const RUSSIAN: &str = "ЮАБЦДЕФГХИЙКЛМНОПЯРСТУЖВЬЪЗШЭЩЧЫюабцдефгхийклмнопярстужвьъзшэщч";
const UKRAINIAN: &str = "ЮАБЦДЕФГХИЙКЛМНОПЯРСТУЖВЬІЗШЄЩЧЇюабцдефгхийклмнопярстужвьізшєщч";

/// The second Latin set from 0x20 on (table 37).
const SUPPLEMENT: &str =
    " ¡¢£$¥#§¤‘“«←↑→↓°±²³×µ¶·÷’”»¼½¾¿ `´^~¯˘˙¨.˚¸_˝˛ˇ―¹®©™♪₠‰∝   ⅛⅜⅝⅞ΩÆĐªĦ ĲĿŁØŒºÞŦŊŉĸæđðħıĳŀłøœßþŧŋ";
/// By their number, from one (table 37, column 4).
const MARKS: [char; 15] = [
    '\u{300}', '\u{301}', '\u{302}', '\u{303}', '\u{304}', '\u{306}', '\u{307}', '\u{308}', '\u{323}',
    '\u{30a}', '\u{327}', '\u{332}', '\u{30b}', '\u{328}', '\u{30c}',
];

/// A set of letters: a region of the world in the upper four bits, the option that is chosen of it below (table 32,
/// C12 lowest).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alphabet(u8);

impl Alphabet {
    /// As X/28 and M/29 designate it.
    pub fn designated(bits: u8) -> Self {
        Self(bits & 0x7f)
    }

    /// As a page's head chooses it within the region that programmes in a language (BCP 47) are made for.
    pub fn chosen(language: Option<&str>, option: u8) -> Self {
        let region = match language.and_then(|tag| tag.split('-').next()) {
            Some("pl") => 1,
            Some("tr") => 2,
            Some("hr" | "sl" | "ro" | "bs") => 3,
            Some("sr" | "et" | "lv" | "lt" | "ru" | "bg" | "uk" | "mk") => 4,
            Some("el") => 6,
            _ => 0,
        };
        let within = Self(region << 3 | option & 7);
        // A region has no letters for each option; what all agree on is that of the west.
        if within.is_known() { within } else { Self(option & 7) }
    }

    fn is_known(self) -> bool {
        self.national().is_some() || self.letters().is_some() || self.is_greek()
    }

    fn national(self) -> Option<&'static str> {
        Some(match (self.0 >> 3, self.0 & 7) {
            (0 | 2, 0) => ENGLISH,
            (1, 0) => POLISH,
            (0..=2, 1) => FRENCH,
            (0..=2, 2) => SWEDISH,
            (0 | 1, 3) | (4, 3) => CZECH,
            (2, 3) | (6, 3) => TURKISH,
            (0..=2, 4) | (4, 4) => GERMAN,
            (0 | 2, 5) => PORTUGUESE,
            (0..=2, 6) => ITALIAN,
            (3, 5) => SERBIAN,
            (3, 7) => RUMANIAN,
            (4, 2) => ESTONIAN,
            (4, 6) => LETTISH,
            _ => return None,
        })
    }

    fn letters(self) -> Option<&'static str> {
        match self.0 {
            0x20 => Some(SERBIAN_CYRILLIC),
            0x21 => Some(RUSSIAN),
            0x25 => Some(UKRAINIAN),
            _ => None,
        }
    }

    fn is_greek(self) -> bool {
        self.0 == 0x37
    }

    /// The character of a code from 0x20 to 0x7f.
    pub fn character(self, code: u8) -> char {
        let plain = char::from(code);
        match code {
            0x7f => '■',
            0x40.. if self.letters().is_some() => nth(self.letters().unwrap_or_default(), code - 0x40, plain),
            0x26 if self.0 == 0x21 => 'ы',
            0x26 if self.0 == 0x25 => 'ї',
            0x52 if self.is_greek() => 'ʹ',
            0x40.. if self.is_greek() => {
                char::from_u32(0x390 + u32::from(code - 0x40)).filter(|c| c.is_alphabetic()).unwrap_or(plain)
            }
            _ => {
                let place = NATIONAL.iter().position(|&other| other == code);
                let option = self.national().unwrap_or(ENGLISH);
                place.map_or(plain, |place| nth(option, place as u8, plain))
            }
        }
    }
}

fn nth(set: &str, place: u8, otherwise: char) -> char {
    set.chars().nth(usize::from(place)).unwrap_or(otherwise)
}

/// A character of the second Latin set.
pub fn supplement(code: u8) -> char {
    nth(SUPPLEMENT, code.saturating_sub(0x20), ' ')
}

/// A mark that is written behind its letter; none for number zero.
pub fn mark(number: u8) -> Option<char> {
    MARKS.get(usize::from(number.checked_sub(1)?)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(alphabet: Alphabet, codes: &[u8]) -> String {
        codes.iter().map(|&code| alphabet.character(code)).collect()
    }

    #[test]
    fn a_code_means_what_its_option_says() {
        for (bits, codes, expected) in [
            (0x00, &b"#$A"[..], "£$A"),
            (0x04, b"Gr}n {|~[", "Grün äößÄ"),
            (0x01, b"{`#~", "âèéç"),
            (0x08, b"$@|", "ńąś"),
            (0x13, b"`{", "ış"),
            (0x21, b"pRIWET", "пРИВЕТ"),
            (0x37, b"ABab", "ΑΒαβ"),
            (0x7f, b"#A", "£A"),
        ] {
            assert_eq!(said(Alphabet::designated(bits), codes), expected, "{bits:#x}");
        }
    }

    #[test]
    fn a_language_chooses_the_region_and_the_head_within_it() {
        for (language, option, expected) in [
            (None, 4, "ü"),
            (Some("de"), 4, "ü"),
            (Some("pl"), 0, "ł"),
            (Some("pl"), 4, "ü"),
            (Some("el"), 4, "ü"),
            (Some("ru"), 1, "Щ"),
        ] {
            let code = match expected {
                "ł" => b'}',
                "Щ" => b']',
                _ => b'}',
            };
            assert_eq!(said(Alphabet::chosen(language, option), &[code]), expected, "{language:?}");
        }
    }

    #[test]
    fn the_tables_have_a_character_for_every_code() {
        let options = [
            ENGLISH, FRENCH, SWEDISH, CZECH, GERMAN, PORTUGUESE, ITALIAN, RUMANIAN, POLISH, TURKISH, SERBIAN,
            ESTONIAN, LETTISH,
        ];
        assert!(options.iter().all(|option| option.chars().count() == NATIONAL.len()));
        for letters in [SERBIAN_CYRILLIC, RUSSIAN, UKRAINIAN] {
            assert_eq!(letters.chars().count(), 63, "{letters}");
        }
        assert_eq!(SUPPLEMENT.chars().count(), 95);
        assert_eq!(
            (supplement(0x55), supplement(0x7e), supplement(0x7f), supplement(0)),
            ('♪', 'ŋ', ' ', ' ')
        );
        assert_eq!((mark(0), mark(2), mark(16)), (None, Some('\u{301}'), None));
    }
}
