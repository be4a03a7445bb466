//! Pages, orders and filters of the list.

use std::path::Path;

use super::testing::{add, catalogue, keyframes, media, sighting};
use super::*;

fn walk(catalogue: &Catalogue, mut query: ListQuery) -> Vec<String> {
    let mut names = Vec::new();
    loop {
        let page = catalogue.list(&query).unwrap();
        assert!(page.files.len() <= query.limit);
        names.extend(page.files.into_iter().map(|file| file.name));
        match page.next {
            // Through its text, as a client returns it.
            Some(next) => query.cursor = Some(next.to_string().parse().unwrap()),
            None => return names,
        }
    }
}

#[test]
fn every_order_walks_each_file_once_whatever_the_page_size() {
    let (catalogue, films) = catalogue();
    let sizes = [5, 3, 3, 9, 1, 3, 7];
    let files: Vec<Sighting> = (0..7)
        .map(|i| sighting(format!("{}.mkv", ["b", "A", "ç", "É", "e", "d", "f"][i]), sizes[i], -(i as i64)))
        .collect();
    catalogue.record_sightings(films.id, &files, 1).unwrap();
    for sort in ["name", "-name", "modified", "-modified", "size", "-size", "duration", "-duration"] {
        let sort: Sort = sort.parse().unwrap();
        let whole = walk(&catalogue, ListQuery { sort, ..ListQuery::default() });
        assert_eq!(whole.len(), 7);
        for limit in 1..8 {
            assert_eq!(
                walk(&catalogue, ListQuery { sort, limit, ..ListQuery::default() }),
                whole,
                "{sort} {limit}"
            );
        }
    }
    let by_name = walk(&catalogue, ListQuery::default());
    assert_eq!(by_name[..4], ["A.mkv", "b.mkv", "ç.mkv", "d.mkv"]);
}

#[test]
fn files_of_known_duration_are_ordered_by_it() {
    let (catalogue, films) = catalogue();
    for (name, duration_ns) in [("a.mkv", 30), ("b.mkv", 10), ("c.mkv", 20)] {
        let file = add(&catalogue, &films, name);
        catalogue.set_facts(file.id, file.content_version, &media(duration_ns), &keyframes(), 1).unwrap();
    }
    let sort = "-duration".parse().unwrap();
    assert_eq!(
        walk(&catalogue, ListQuery { sort, limit: 1, ..ListQuery::default() }),
        ["a.mkv", "c.mkv", "b.mkv"]
    );
}

#[test]
fn a_file_that_comes_between_two_pages_shifts_nothing() {
    let (catalogue, films) = catalogue();
    for name in ["b.mkv", "d.mkv", "f.mkv"] {
        add(&catalogue, &films, name);
    }
    let first = catalogue.list(&ListQuery { limit: 2, ..ListQuery::default() }).unwrap();
    add(&catalogue, &films, "a.mkv");
    let rest = catalogue.list(&ListQuery { cursor: first.next, ..ListQuery::default() }).unwrap();
    assert_eq!(rest.files.len(), 1);
    assert_eq!((rest.files[0].name.as_str(), rest.next), ("f.mkv", None));
}

#[test]
fn the_list_is_narrowed_by_library_and_by_part_of_the_name() {
    let (catalogue, _) = catalogue();
    catalogue.configure_libraries(&[("Films", Path::new("/f")), ("Séries", Path::new("/s"))]).unwrap();
    let libraries = catalogue.libraries().unwrap();
    add(&catalogue, &libraries[0], "Amélie 100%.mkv");
    add(&catalogue, &libraries[1], "Amelie_2.mkv");
    let list = |library: Option<&str>, q: Option<&str>| {
        let query = ListQuery {
            library: library.map(str::to_owned),
            q: q.map(str::to_owned),
            ..ListQuery::default()
        };
        walk(&catalogue, query)
    };
    assert_eq!(list(None, Some("AMÉLIE")).len(), 2);
    assert_eq!(list(Some("Séries"), None), ["Amelie_2.mkv"]);
    assert_eq!(list(None, Some("100%")), ["Amélie 100%.mkv"]);
    assert_eq!(list(None, Some("_")), ["Amelie_2.mkv"]);
    assert!(list(Some("Films"), Some("'; DROP TABLE file; --")).is_empty());
    assert!(list(Some("Music"), None).is_empty());
}

#[test]
fn a_limit_beyond_the_bounds_is_held_to_them() {
    let (catalogue, films) = catalogue();
    let files: Vec<Sighting> = (0..1500).map(|i| sighting(format!("{i}.mkv"), 1, 1)).collect();
    catalogue.record_sightings(films.id, &files, 1).unwrap();
    for (limit, count) in [(0, 1), (usize::MAX, MAX_PAGE)] {
        assert_eq!(catalogue.list(&ListQuery { limit, ..ListQuery::default() }).unwrap().files.len(), count);
    }
}

#[test]
fn a_cursor_of_another_order_or_of_no_list_is_refused() {
    let (catalogue, films) = catalogue();
    add(&catalogue, &films, "a.mkv");
    add(&catalogue, &films, "b.mkv");
    let cursor = catalogue.list(&ListQuery { limit: 1, ..ListQuery::default() }).unwrap().next;
    let sort = "size".parse().unwrap();
    let error = catalogue.list(&ListQuery { sort, cursor, ..ListQuery::default() }).unwrap_err();
    assert!(matches!(error, CatalogueError::ForeignCursor));
    for text in ["", "7", "zz", "7b7d", "é0", &"0".repeat(10_000)] {
        assert_eq!(text.parse::<Cursor>(), Err(NotACursor), "{text:.20}");
    }
    assert_eq!("--name".parse::<Sort>(), Err(NotASort));
}

#[test]
fn the_longest_and_oddest_name_still_fits_a_cursor() {
    let (catalogue, films) = catalogue();
    add(&catalogue, &films, "\u{1}".repeat(251) + ".mkv");
    add(&catalogue, &films, "z.mkv");
    assert_eq!(walk(&catalogue, ListQuery { limit: 1, ..ListQuery::default() }).len(), 2);
}
