//! What tracks are called in menus.

use std::collections::BTreeSet;

/// What a viewer reads in the menu, for titles and languages of tracks; unique within the file.
pub fn labels<'a>(tracks: impl Iterator<Item = (Option<&'a str>, Option<&'a str>)>) -> Vec<String> {
    let mut used = BTreeSet::new();
    tracks
        .enumerate()
        .map(|(number, (title, language))| {
            let title = title.map(str::trim).filter(|title| !title.is_empty());
            let language = language.map(language_name);
            let base =
                title.map(str::to_owned).or(language).unwrap_or_else(|| format!("Track {}", number + 1));
            let mut label = base.clone();
            let mut copy = 2;
            while !used.insert(label.clone()) {
                label = format!("{base} ({copy})");
                copy += 1;
            }
            label
        })
        .collect()
}

/// A language's own name, for the ones seen most; the tag for the rest.
fn language_name(tag: &str) -> String {
    let primary = tag.split('-').next().unwrap_or(tag);
    let names = [
        ("en", "English"),
        ("de", "Deutsch"),
        ("fr", "Français"),
        ("es", "Español"),
        ("it", "Italiano"),
        ("pt", "Português"),
        ("nl", "Nederlands"),
        ("pl", "Polski"),
        ("ru", "Русский"),
        ("uk", "Українська"),
        ("cs", "Čeština"),
        ("sv", "Svenska"),
        ("da", "Dansk"),
        ("no", "Norsk"),
        ("fi", "Suomi"),
        ("tr", "Türkçe"),
        ("el", "Ελληνικά"),
        ("hu", "Magyar"),
        ("ja", "日本語"),
        ("ko", "한국어"),
        ("zh", "中文"),
        ("hi", "हिन्दी"),
        ("ar", "العربية"),
        ("he", "עברית"),
    ];
    names
        .iter()
        .find(|(code, _)| *code == primary)
        .map_or_else(|| tag.to_owned(), |(_, name)| (*name).to_owned())
}
