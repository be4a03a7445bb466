//! Words from a file made fit for one line of text. Escaping is the printer's own affair.

use std::collections::HashSet;

/// `text` with everything replaced by a space that ends a line, is invisible machinery, or has no place in
/// XML 1.0 (section 2.2) or in a playlist; runs of spaces become one, the ends are trimmed.
///
/// RFC 8216 section 4.1: "They MUST NOT contain any Byte Order Mark (BOM) [...] Playlist files MUST NOT
/// contain UTF-8 control characters (U+0000 to U+001F and U+007F to U+009F), with the exceptions of CR and
/// LF". Not done: its normalization form NFC, which no client checks; titles are passed on as the file spells
/// them.
pub fn line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if is_printable(c) { c } else { ' ' }).collect();
    spaced.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Gives every name that is empty or taken another one.
pub fn make_unique<'a>(names: impl Iterator<Item = &'a mut String>) {
    let mut taken: HashSet<String> = HashSet::new();
    for (index, name) in names.enumerate() {
        if name.is_empty() {
            *name = format!("Track {}", index + 1);
        }
        let plain = name.clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            *name = format!("{plain} ({number})");
            number += 1;
        }
    }
}

fn is_printable(c: char) -> bool {
    let line_separator = matches!(c, '\u{2028}' | '\u{2029}');
    let byte_order_mark = c == '\u{FEFF}';
    let noncharacter = matches!(c, '\u{FFFE}' | '\u{FFFF}');
    // Embeddings and isolates reorder what follows them on the line.
    let direction = matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    !(c.is_control() || line_separator || byte_order_mark || noncharacter || direction)
}

/// `tag` where it is shaped as a BCP 47 language tag (RFC 5646 section 2.1: subtags of one to eight letters
/// or digits, the first of letters), as `xs:language` demands too.
pub fn language(tag: &str) -> Option<&str> {
    let mut subtags = tag.split('-');
    let sized = |subtag: &str| (1..=8).contains(&subtag.len());
    let primary =
        subtags.next().is_some_and(|tag| sized(tag) && tag.bytes().all(|b| b.is_ascii_alphabetic()));
    let others = subtags.all(|tag| sized(tag) && tag.bytes().all(|b| b.is_ascii_alphanumeric()));
    (primary && others).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_one_space() {
        for (text, expected) in [
            ("Deutsch", "Deutsch"),
            ("a\r\nb\u{85}c\u{2028}d\0e", "a b c d e"),
            ("\u{FEFF} x \u{FFFF}", "x"),
            ("\u{202E}live", "live"),
            ("日本語 – “q”", "日本語 – “q”"),
            ("\t", ""),
        ] {
            assert_eq!(line(text), expected, "{text:?}");
        }
    }

    #[test]
    fn only_language_tags_pass() {
        for tag in ["de", "pt-BR", "zh-Hant-TW", "x-klingon", "sgn-US"] {
            assert_eq!(language(tag), Some(tag));
        }
        for tag in ["", "-", "de-", "de_DE", "deutschland", "d\"e", "419", "de-\n"] {
            assert_eq!(language(tag), None, "{tag:?}");
        }
    }
}
