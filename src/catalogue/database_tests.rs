//! The database file and what can happen to it.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::testing::{add, catalogue, keyframes, library, media};
use super::*;

/// A closed catalogue with 500 files in it.
fn filled(path: &Path) {
    let catalogue = Catalogue::open(path).unwrap();
    let films = library(&catalogue);
    let files: Vec<Sighting> =
        (0..500).map(|i| super::testing::sighting(format!("film number {i}.mkv"), i, 1)).collect();
    catalogue.record_sightings(films.id, &files, 1).unwrap();
}

#[test]
fn what_was_written_is_there_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalogue.sqlite");
    let file = {
        let catalogue = Catalogue::open(&path).unwrap();
        let films = library(&catalogue);
        let file = add(&catalogue, &films, "a.mkv");
        catalogue.set_facts(file.id, file.content_version, &media(9), &keyframes(), 2).unwrap();
        catalogue.file(file.id).unwrap().unwrap()
    };
    assert!(!folder.path().join("catalogue.sqlite-wal").exists(), "closing folds the log into the file");
    let catalogue = Catalogue::open(&path).unwrap();
    assert_eq!(catalogue.file(file.id).unwrap(), Some(file));
    assert!(catalogue.check().unwrap().is_empty());
}

#[test]
fn readers_see_what_was_just_written_and_share_a_few_connections() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::open(&folder.path().join("catalogue.sqlite")).unwrap();
    let films = library(&catalogue);
    let file = add(&catalogue, &films, "a.mkv");
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert!(catalogue.add_view(file.id).unwrap().is_some());
                    assert!(catalogue.file(file.id).unwrap().unwrap().views > 0);
                }
            });
        }
    });
    assert_eq!(catalogue.file(file.id).unwrap().unwrap().views, 320);
}

#[test]
fn a_file_that_is_no_database_is_reported_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalogue.sqlite");
    let garbage = b"This is not a database. ".repeat(500);
    fs::write(&path, &garbage).unwrap();
    let error = Catalogue::open(&path).err().unwrap();
    assert!(matches!(&error, CatalogueError::Corrupt { path: named, .. } if *named == path), "{error}");
    assert!(error.to_string().contains(".recover"));
    assert_eq!(fs::read(&path).unwrap(), garbage);
}

#[test]
fn damaged_pages_are_reported_and_left_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalogue.sqlite");
    filled(&path);
    let mut bytes = fs::read(&path).unwrap();
    let (from, to) = (bytes.len() / 4, bytes.len() * 3 / 4);
    bytes[from..to].fill(0x5a);
    fs::write(&path, &bytes).unwrap();
    let error = Catalogue::open(&path).err().unwrap();
    assert!(matches!(error, CatalogueError::Corrupt { .. }), "{error}");
    assert!(fs::read(&path).unwrap() == bytes);
}

#[test]
fn a_torn_write_ahead_log_costs_at_most_the_last_transactions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalogue.sqlite");
    let copy = folder.path().join("copy.sqlite");
    filled(&path);
    let catalogue = Catalogue::open(&path).unwrap();
    let films = library(&catalogue);
    for i in 0..20 {
        add(&catalogue, &films, format!("late {i}.mkv"));
    }
    let log = fs::read(folder.path().join("catalogue.sqlite-wal")).unwrap();
    for cut in [log.len() - 1, log.len() / 2 + 13, 40, 0] {
        fs::copy(&path, &copy).unwrap();
        fs::write(folder.path().join("copy.sqlite-wal"), &log[..cut]).unwrap();
        let _ = fs::remove_file(folder.path().join("copy.sqlite-shm"));
        let copy = Catalogue::open(&copy).unwrap();
        let known = copy.known_files(films.id).unwrap().len();
        assert!((500..520).contains(&known), "{known} files with {cut} bytes of log");
        assert!(copy.check().unwrap().is_empty());
    }
}

#[test]
fn a_newer_schema_is_named_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalogue.sqlite");
    filled(&path);
    let connection = Connection::open(&path).unwrap();
    connection
        .execute(
            "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
             SELECT 999, 'from_the_future', applied_on, checksum FROM refinery_schema_history LIMIT 1",
            [],
        )
        .unwrap();
    drop(connection);
    let error = Catalogue::open(&path).err().unwrap();
    assert!(matches!(error, CatalogueError::NewerSchema { found: 999, .. }), "{error}");
}

#[test]
fn an_unreadable_record_of_migrations_is_damage_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalogue.sqlite");
    filled(&path);
    Connection::open(&path)
        .unwrap()
        .execute("UPDATE refinery_schema_history SET applied_on = 'x'", [])
        .unwrap();
    assert!(matches!(Catalogue::open(&path), Err(CatalogueError::Corrupt { .. })));
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let error = Catalogue::open(Path::new("/nonexistent/catalogue.sqlite")).err().unwrap();
    assert!(matches!(&error, CatalogueError::CannotOpen { .. }), "{error}");
    assert!(error.to_string().contains("/nonexistent/catalogue.sqlite"));
}

#[test]
fn a_full_disk_refuses_the_write_and_loses_nothing() {
    let (catalogue, films) = catalogue();
    let file = add(&catalogue, &films, "a.mkv");
    let pages: i64 =
        catalogue.read(|sql| sql.pragma_query_value(None, "page_count", |row| row.get(0))).unwrap();
    let limit = |pages: i64| {
        let set = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
        catalogue.read(|sql| sql.pragma_update_and_check(None, "max_page_count", pages, set)).unwrap()
    };
    limit(pages);
    let many: Vec<Sighting> = (0..500).map(|i| super::testing::sighting(format!("{i}.mkv"), 1, 1)).collect();
    let error = catalogue.record_sightings(films.id, &many, 2).unwrap_err();
    assert!(matches!(error, CatalogueError::Full { .. }), "{error}");
    assert_eq!(catalogue.list(&ListQuery::default()).unwrap().files, [file]);
    limit(1 << 20);
    catalogue.record_sightings(films.id, &many, 3).unwrap();
    assert_eq!(catalogue.known_files(films.id).unwrap().len(), 501);
}

#[test]
fn facts_of_another_format_are_dropped_at_start_and_probed_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalogue.sqlite");
    let file = {
        let catalogue = Catalogue::open(&path).unwrap();
        let films = library(&catalogue);
        let file = add(&catalogue, &films, "a.mkv");
        catalogue.set_facts(file.id, file.content_version, &media(9), &keyframes(), 2).unwrap();
        catalogue.write(|sql| sql.execute("UPDATE facts SET format = 0, media = '{}'", [])).unwrap();
        assert_eq!(catalogue.file(file.id).unwrap().unwrap().state, FileState::Unprobed);
        file
    };
    let catalogue = Catalogue::open(&path).unwrap();
    assert_eq!(catalogue.unprobed(10).unwrap(), [file.id]);
    assert_eq!(catalogue.keyframes(file.id, file.content_version).unwrap(), None);
    assert!(catalogue.codec_counts().unwrap().is_empty());
}
