//! Where a cue stands, told by the numeric keypad as ASS does: 1 to 3 at the bottom, 7 to 9 at the top.

/// `\an8` or `\a6` among override tags.
pub fn tag(overrides: &str) -> Option<u8> {
    overrides.split('\\').find_map(|tag| {
        let digit = |text: &str| text.trim().parse::<u8>().ok();
        if let Some(number) = tag.strip_prefix("an") {
            return digit(number).filter(|number| (1..=9).contains(number));
        }
        // SSA: 1 to 3 at the bottom, plus 4 at the top, plus 8 in the middle.
        match digit(tag.strip_prefix('a')?)? {
            bottom @ 1..=3 => Some(bottom),
            top @ 5..=7 => Some(top + 2),
            middle @ 9..=11 => Some(middle - 5),
            _ => None,
        }
    })
}

/// WebVTT's cue settings; none for the usual place, the middle of the bottom.
pub fn settings(place: Option<u8>) -> String {
    let place = place.filter(|place| (1..=9).contains(place)).unwrap_or(2);
    let line = match (place - 1) / 3 {
        0 => None,
        1 => Some("line:50%"),
        _ => Some("line:0"),
    };
    let across = match place % 3 {
        1 => Some("position:5% align:left"),
        0 => Some("position:95% align:right"),
        _ => None,
    };
    [line, across].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_the_keypad() {
        for (overrides, expected) in [
            ("\\an8", "line:0"),
            ("\\b1\\an1\\i1", "position:5% align:left"),
            ("\\an6", "line:50% position:95% align:right"),
            ("\\a6", "line:0"),
            ("\\a10", "line:50%"),
            ("\\an2", ""),
            ("\\an0", ""),
            ("\\alpha&H80&", ""),
        ] {
            assert_eq!(settings(tag(overrides)), expected, "{overrides}");
        }
    }
}
