//! The form of a name that is searched and sorted by: lower case, without accents. Pure.

/// Folds `name` so that `Amélie` is found by `amelie` and sorts beside `Ambulance`. Covers the Latin letters
/// of Europe and Vietnam's bases; other scripts are only lower-cased.
pub(super) fn name_key(name: &str) -> String {
    let mut key = String::with_capacity(name.len());
    for letter in name.chars().flat_map(char::to_lowercase) {
        match letter {
            // Combining marks: the accents of decomposed names, as macOS writes them.
            '\u{300}'..='\u{36f}' => {}
            'à'..='å' | 'ā' | 'ă' | 'ą' | 'ǎ' | 'ạ' | 'ả' => key.push('a'),
            'æ' => key.push_str("ae"),
            'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => key.push('c'),
            'ď' | 'đ' | 'ð' => key.push('d'),
            'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' | 'ẹ' | 'ẻ' | 'ẽ' => key.push('e'),
            'ĝ' | 'ğ' | 'ġ' | 'ģ' => key.push('g'),
            'ĥ' | 'ħ' => key.push('h'),
            'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' | 'ị' | 'ỉ' => key.push('i'),
            'ĵ' => key.push('j'),
            'ķ' => key.push('k'),
            'ĺ' | 'ļ' | 'ľ' | 'ŀ' | 'ł' => key.push('l'),
            'ñ' | 'ń' | 'ņ' | 'ň' => key.push('n'),
            'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' | 'ơ' | 'ọ' | 'ỏ' => key.push('o'),
            'œ' => key.push_str("oe"),
            'ŕ' | 'ŗ' | 'ř' => key.push('r'),
            'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => key.push('s'),
            'ß' => key.push_str("ss"),
            'ţ' | 'ť' | 'ŧ' | 'ț' => key.push('t'),
            'þ' => key.push_str("th"),
            'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' | 'ư' | 'ụ' | 'ủ' => key.push('u'),
            'ŵ' => key.push('w'),
            'ý' | 'ÿ' | 'ŷ' => key.push('y'),
            'ź' | 'ż' | 'ž' => key.push('z'),
            _ => key.push(letter),
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::name_key;

    #[test]
    fn case_and_accents_do_not_tell_names_apart() {
        for (name, key) in [
            ("Amélie.MKV", "amelie.mkv"),
            ("Ame\u{301}lie.mkv", "amelie.mkv"),
            ("Łódź Æon", "lodz aeon"),
            ("Straße", "strasse"),
            ("七人の侍", "七人の侍"),
            ("İstanbul", "istanbul"),
            ("", ""),
        ] {
            assert_eq!(name_key(name), key);
        }
    }
}
