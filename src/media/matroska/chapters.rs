//! The `Chapters` element (RFC 9559, 5.1.7): the outer chapters of one edition, hidden ones left out. Ordered
//! editions, whose chapters play other parts than they follow, are read like plain ones.

use super::ebml::{Element, Id, elements};
use crate::media::Chapter;
use crate::timeline::Nanos;

const EDITION_ENTRY: Id = 0x45b9;
const EDITION_FLAG_HIDDEN: Id = 0x45bd;
const EDITION_FLAG_DEFAULT: Id = 0x45db;
const CHAPTER_ATOM: Id = 0xb6;
const CHAPTER_TIME_START: Id = 0x91;
const CHAPTER_FLAG_HIDDEN: Id = 0x98;
const CHAPTER_FLAG_ENABLED: Id = 0x4598;
const CHAPTER_DISPLAY: Id = 0x80;
const CHAP_STRING: Id = 0x85;

/// Chapters beyond these are dropped; a long film has forty.
const MAX_CHAPTERS: usize = 1000;
/// Longest title that is kept, in bytes.
const MAX_TITLE: usize = 1024;

/// Chapters in order of their starts.
pub fn read(body: &[u8]) -> Vec<Chapter> {
    let flag = |edition: Element<'_>, id| edition.child(id).and_then(|child| child.flag()).unwrap_or(false);
    let editions = || {
        elements(body).filter(|edition| edition.id == EDITION_ENTRY && !flag(*edition, EDITION_FLAG_HIDDEN))
    };
    let chosen =
        editions().find(|edition| flag(*edition, EDITION_FLAG_DEFAULT)).or_else(|| editions().next());
    let Some(edition) = chosen else { return Vec::new() };
    let atoms = edition.children().filter(|atom| atom.id == CHAPTER_ATOM);
    let mut chapters: Vec<Chapter> = atoms.filter_map(chapter).take(MAX_CHAPTERS).collect();
    chapters.sort_by_key(|chapter| chapter.start_ns);
    chapters
}

/// Times of chapters are nanoseconds, whatever the segment's scale.
fn chapter(atom: Element<'_>) -> Option<Chapter> {
    let hidden = atom.child_unsigned(CHAPTER_FLAG_HIDDEN).unwrap_or(0) != 0;
    let enabled = atom.child_unsigned(CHAPTER_FLAG_ENABLED).unwrap_or(1) != 0;
    if hidden || !enabled {
        return None;
    }
    let start_ns = Nanos::try_from(atom.child_unsigned(CHAPTER_TIME_START)?).ok()?;
    let title = atom.child(CHAPTER_DISPLAY).and_then(|display| display.child(CHAP_STRING));
    Some(Chapter { start_ns, title: title.and_then(|title| title.text(MAX_TITLE)) })
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::ebml::tests::{element, unsigned};
    use super::*;

    pub fn atom(start: u64, title: &str, rest: &[Vec<u8>]) -> Vec<u8> {
        let display = element(CHAPTER_DISPLAY, &[&element(CHAP_STRING, &[title.as_bytes()])]);
        element(CHAPTER_ATOM, &[&unsigned(CHAPTER_TIME_START, start), &display, &rest.concat()])
    }

    pub fn edition(parts: &[Vec<u8>]) -> Vec<u8> {
        element(EDITION_ENTRY, &[&parts.concat()])
    }

    fn titles(body: &[u8]) -> Vec<String> {
        read(body).into_iter().filter_map(|chapter| chapter.title).collect()
    }

    #[test]
    fn chapters_come_in_order_and_hidden_ones_not_at_all() {
        let nested = atom(7, "inner", &[]);
        let body = edition(&[
            atom(90, "last", &[]),
            atom(5, "first", &[nested]),
            atom(20, "hidden", &[unsigned(CHAPTER_FLAG_HIDDEN, 1)]),
            atom(30, "off", &[unsigned(CHAPTER_FLAG_ENABLED, 0)]),
            atom(u64::MAX, "never", &[]),
        ]);
        assert_eq!(titles(&body), ["first", "last"]);
    }

    #[test]
    fn the_default_edition_wins_over_the_first() {
        let first = edition(&[atom(0, "first", &[])]);
        let hidden = edition(&[unsigned(EDITION_FLAG_HIDDEN, 1), atom(0, "hidden", &[])]);
        let default = edition(&[unsigned(EDITION_FLAG_DEFAULT, 1), atom(0, "default", &[])]);
        assert_eq!(titles(&[hidden.clone(), first.clone(), default].concat()), ["default"]);
        assert_eq!(titles(&[hidden.clone(), first].concat()), ["first"]);
        assert!(read(&hidden).is_empty());
    }
}
