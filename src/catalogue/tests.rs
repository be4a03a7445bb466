//! Files and libraries through their life, against SQLite in memory. Damage and pages have their own files.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::testing::{add, catalogue, keyframes, media, sighting};
use super::*;
use crate::base::ids::FileId;

#[test]
fn a_new_file_waits_for_its_probe() {
    let (catalogue, films) = catalogue();
    let file = add(&catalogue, &films, "sub/Ame\u{301}lie.mkv");
    assert_eq!((file.state, file.name.as_str()), (FileState::Unprobed, "Ame\u{301}lie.mkv"));
    assert_eq!((file.views, file.position_s, file.first_seen_ns), (0, 0.0, 1));
    assert_eq!(catalogue.unprobed(10).unwrap(), [file.id]);
}

#[test]
fn a_path_that_is_not_utf8_comes_back_byte_for_byte() {
    let (catalogue, films) = catalogue();
    let path = Path::new(OsStr::from_bytes(b"a\xffb\n c.mkv"));
    let file = add(&catalogue, &films, path);
    assert_eq!(file.relative_path, path);
    assert_eq!(file.path(), Path::new("/films").join(path));
    assert_eq!(file.name, "a\u{fffd}b\n c.mkv");
}

#[test]
fn facts_make_a_file_ready_and_are_read_back() {
    let (catalogue, films) = catalogue();
    let file = add(&catalogue, &films, "a.mkv");
    assert!(catalogue.set_facts(file.id, file.content_version, &media(9), &keyframes(), 2).unwrap());
    let ready = catalogue.file(file.id).unwrap().unwrap();
    assert_eq!(ready.state, FileState::Ready);
    assert_eq!(ready.media.as_deref(), Some(&media(9)));
    assert_eq!(catalogue.keyframes(file.id, file.content_version).unwrap(), Some(keyframes()));
    assert_eq!(catalogue.codec_counts().unwrap(), [("none".to_owned(), 1)].into());
    assert!(catalogue.unprobed(10).unwrap().is_empty());
}

#[test]
fn facts_of_replaced_content_are_not_taken() {
    let (catalogue, films) = catalogue();
    let file = add(&catalogue, &films, "a.mkv");
    let other = Stamp { size: 101, modified_ns: 5 };
    catalogue.record_sightings(films.id, &[Sighting::Changed { id: file.id, stamp: other }], 2).unwrap();
    assert!(!catalogue.set_facts(file.id, file.content_version, &media(9), &keyframes(), 3).unwrap());
    let broken = Breakage::Content("no".to_owned());
    assert!(!catalogue.set_broken(file.id, file.content_version, &broken, 3).unwrap());
    assert_eq!(catalogue.file(file.id).unwrap().unwrap().state, FileState::Unprobed);
}

#[test]
fn replaced_content_drops_the_facts_and_keeps_id_views_and_position() {
    let (catalogue, films) = catalogue();
    let file = add(&catalogue, &films, "a.mkv");
    catalogue.set_facts(file.id, file.content_version, &media(9), &keyframes(), 2).unwrap();
    assert_eq!(catalogue.add_view(file.id).unwrap(), Some(1));
    assert!(catalogue.set_position(file.id, 61.5).unwrap());
    let stamp = Stamp { size: 100, modified_ns: 6 };
    catalogue.record_sightings(films.id, &[Sighting::Changed { id: file.id, stamp }], 3).unwrap();
    let changed = catalogue.file(file.id).unwrap().unwrap();
    assert_eq!((changed.state, changed.media), (FileState::Unprobed, None));
    assert_eq!((changed.views, changed.position_s), (1, 61.5));
    assert_ne!(changed.content_version, file.content_version);
    assert_eq!(catalogue.keyframes(file.id, file.content_version).unwrap(), None);
    assert_eq!(catalogue.keyframes(file.id, changed.content_version).unwrap(), None);
}

#[test]
fn a_missing_file_is_offline_and_comes_back_with_its_facts() {
    let (catalogue, films) = catalogue();
    let file = add(&catalogue, &films, "a.mkv");
    catalogue.set_facts(file.id, file.content_version, &media(9), &keyframes(), 2).unwrap();
    catalogue.record_sightings(films.id, &[Sighting::Missing { id: file.id }], 3).unwrap();
    catalogue.record_sightings(films.id, &[Sighting::Missing { id: file.id }], 4).unwrap();
    let missing = catalogue.file(file.id).unwrap().unwrap();
    assert_eq!((missing.state.name(), missing.missing_since_ns), ("offline", Some(3)));
    assert_eq!(catalogue.offline_count().unwrap(), 1);
    catalogue.record_sightings(films.id, &[Sighting::Returned { id: file.id }], 5).unwrap();
    let back = catalogue.file(file.id).unwrap().unwrap();
    assert_eq!((back.state, back.missing_since_ns), (FileState::Ready, None));
}

#[test]
fn a_moved_file_keeps_its_id_and_is_found_by_its_new_name() {
    let (catalogue, films) = catalogue();
    let file = add(&catalogue, &films, "a.mkv");
    let moved = Sighting::Moved { id: file.id, path: "sub/Élan.mkv".into() };
    catalogue.record_sightings(films.id, &[moved], 2).unwrap();
    let found = catalogue.list(&ListQuery { q: Some("elan".to_owned()), ..ListQuery::default() }).unwrap();
    assert_eq!(found.files[0].id, file.id);
    assert_eq!(found.files[0].relative_path, Path::new("sub/Élan.mkv"));
}

#[test]
fn an_offline_library_takes_its_files_offline_and_changes_none_of_them() {
    let (catalogue, films) = catalogue();
    let file = add(&catalogue, &films, "a.mkv");
    let offline = LibraryState::Offline { reason: "not mounted".to_owned() };
    assert!(catalogue.set_library_state(films.id, &offline).unwrap());
    assert!(!catalogue.set_library_state(films.id, &offline).unwrap());
    let hidden = catalogue.file(file.id).unwrap().unwrap();
    assert_eq!((hidden.state.reason(), hidden.missing_since_ns), (Some("not mounted"), None));
    assert!(catalogue.unprobed(10).unwrap().is_empty());
    assert!(catalogue.set_library_state(films.id, &LibraryState::Online).unwrap());
    assert_eq!(catalogue.file(file.id).unwrap().unwrap(), file);
}

#[test]
fn a_library_left_out_of_the_configuration_is_kept_and_not_reachable() {
    let (catalogue, films) = catalogue();
    let file = add(&catalogue, &films, "a.mkv");
    catalogue.configure_libraries(&[]).unwrap();
    assert!(catalogue.libraries().unwrap().is_empty());
    assert!(catalogue.list(&ListQuery::default()).unwrap().files.is_empty());
    assert_eq!(catalogue.file(file.id).unwrap(), None);
    catalogue.configure_libraries(&[("Films", Path::new("/elsewhere"))]).unwrap();
    let back = catalogue.list(&ListQuery::default()).unwrap().files.remove(0);
    assert_eq!((back.id, back.path().as_path()), (file.id, Path::new("/elsewhere/a.mkv")));
}

#[test]
fn only_a_passing_failure_is_forgiven() {
    let (catalogue, films) = catalogue();
    let (content, passing) = (add(&catalogue, &films, "a.mkv"), add(&catalogue, &films, "b.mkv"));
    let why = "x".repeat(5000);
    catalogue.set_broken(content.id, content.content_version, &Breakage::Content(why), 2).unwrap();
    let died = Breakage::Passing("the prober died".to_owned());
    catalogue.set_broken(passing.id, passing.content_version, &died, 2).unwrap();
    assert_eq!(catalogue.forgive_passing().unwrap(), 1);
    assert_eq!(catalogue.forgive_passing().unwrap(), 0);
    assert_eq!(catalogue.file(passing.id).unwrap().unwrap().state, FileState::Unprobed);
    let broken = catalogue.file(content.id).unwrap().unwrap();
    assert_eq!((broken.state.name(), broken.state.reason().map(str::len)), ("broken", Some(500)));
}

#[test]
fn an_unknown_file_has_no_record_view_or_position() {
    let (catalogue, _) = catalogue();
    let id = FileId::random();
    assert_eq!(catalogue.file(id).unwrap(), None);
    assert_eq!(catalogue.add_view(id).unwrap(), None);
    assert!(!catalogue.set_position(id, 1.0).unwrap());
}

#[test]
fn a_position_that_is_no_time_becomes_the_beginning() {
    let (catalogue, films) = catalogue();
    let file = add(&catalogue, &films, "a.mkv");
    for position_s in [f64::NAN, f64::INFINITY, -3.0] {
        assert!(catalogue.set_position(file.id, position_s).unwrap());
        assert_eq!(catalogue.file(file.id).unwrap().unwrap().position_s, 0.0);
    }
}

#[test]
fn the_newest_file_is_probed_first() {
    let (catalogue, films) = catalogue();
    let files = [sighting("old.mkv", 1, 1), sighting("new.mkv", 1, 3), sighting("mid.mkv", 1, 2)];
    catalogue.record_sightings(films.id, &files, 4).unwrap();
    let names: Vec<String> =
        catalogue.unprobed(2).unwrap().into_iter().map(|id| name(&catalogue, id)).collect();
    assert_eq!(names, ["new.mkv", "mid.mkv"]);
}

fn name(catalogue: &Catalogue, id: FileId) -> String {
    catalogue.file(id).unwrap().unwrap().name
}
