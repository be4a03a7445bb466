//! The cache's disk full, read-only or torn, and a service that is killed while somebody watches.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::films;
use crate::harness::Rendition;
use crate::process::{PATIENCE, until, within};
use crate::service::{Service, Setup, get};
use crate::viewer::Viewer;

fn with_small_film(setup: Setup) -> (Service, Rendition) {
    let service = setup.film("film.mkv", films::small()).start();
    let rendition = service.rendition(&service.film_id("film.mkv"), "v180");
    (service, rendition)
}

fn play(service: &Service, rendition: &Rendition, segments: impl IntoIterator<Item = usize>) {
    for n in segments {
        let answer = service.get(&rendition.segments[n]);
        assert_eq!(answer.status, 200, "{n}: {}\n{}", answer.text(), service.log());
        let whole = films::is_whole(service, rendition, n, &answer.body);
        whole.unwrap_or_else(|complaint| panic!("{complaint}\n{}", service.log()));
    }
}

/// Whether a process may mount here; where it may not, other ways are taken, and said.
fn may_mount(instead: &str) -> bool {
    let tried = ["--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/tmp"];
    let may = Command::new("unshare").args(tried).output().is_ok_and(|output| output.status.success());
    if !may {
        println!("nothing can be mounted here; instead: {instead}");
    }
    may
}

#[test]
fn a_film_plays_though_nothing_can_be_stored() {
    let (service, rendition) = with_small_film(Setup::new());
    // A file in the way of the folder keeps even root from writing.
    let store = service.cache().join("segments");
    fs::remove_dir_all(&store).expect("removed");
    fs::write(&store, b"").expect("in the way");
    play(&service, &rendition, (0..150).step_by(15));
    assert!(fs::metadata(&store).expect("still there").is_file());
}

#[test]
fn a_film_plays_on_a_disk_that_fills_up_and_keeps_what_comes_when_there_is_room_again() {
    let on_full_disk = if may_mount("a cache that has to leave more free than there is") {
        Setup::new().small_cache("3m", "true")
    } else {
        Setup::new().set("CACHE_MIN_FREE", "1000000 GiB")
    };
    let (service, rendition) = with_small_film(on_full_disk);
    let before = service.usage();
    // More than there is room for: the longest unread goes.
    play(&service, &rendition, 0..60);
    if service.cache().starts_with("/proc") {
        // Somebody else fills the rest, to the last byte and past it.
        let filling = service.cache().join("filling");
        let filled = fs::write(&filling, vec![1; 4 << 20]);
        assert!(filled.is_err(), "it is full");
        play(&service, &rendition, 60..80);
        play(&service, &rendition, [0, 30, 59]);
        fs::remove_file(&filling).expect("removed");
        play(&service, &rendition, 100..103);
        until(|| service.stored(&rendition.segments[102]).exists().then_some(())).expect("it is kept again");
    }
    service.comes_to_rest(before);
}

#[test]
fn a_film_plays_on_a_disk_that_becomes_read_only() {
    if !may_mount("a file in the way of the cache, as in another test") {
        return a_film_plays_though_nothing_can_be_stored();
    }
    let (service, rendition) = with_small_film(Setup::new().small_cache("30m", "true"));
    let before = service.usage();
    play(&service, &rendition, 0..3);
    until(|| service.stored(&rendition.segments[2]).exists().then_some(())).expect("it is kept");
    service.remount("ro");
    play(&service, &rendition, [1, 20, 21, 22, 100]);
    service.remount("rw");
    play(&service, &rendition, [60, 61]);
    until(|| service.stored(&rendition.segments[61]).exists().then_some(())).expect("it is kept again");
    service.comes_to_rest(before);
}

type Damage = fn(&mut Vec<u8>);

/// What a power cut, or a failing disk, makes of a file.
const DAMAGES: [Damage; 9] = [
    // Nothing of it arrived, or not all.
    Vec::clear,
    |file| file.truncate(5),
    |file| file.truncate(file.len() / 2),
    |file| file.truncate(file.len() - 1),
    // Its length arrived, its data did not, or not all.
    |file| file.fill(0),
    |file| second_half(file).fill(0),
    // A block of another file.
    |file| file.extend([7; 100]),
    |file| second_half(file).fill(0x5a),
    |file| second_half(file)[0] ^= 1,
];

/// Pictures, and no box.
fn second_half(file: &mut [u8]) -> &mut [u8] {
    let middle = file.len() / 2;
    &mut file[middle..]
}

fn tear(path: &Path, damage: Damage) {
    let mut bytes = fs::read(path).expect("a stored file");
    damage(&mut bytes);
    fs::write(path, bytes).expect("torn");
}

/// Tears every other stored segment from this one on, each in another way, and the init in one.
fn tear_all(service: &Service, rendition: &Rendition, first: usize) {
    for (n, damage) in DAMAGES.iter().enumerate() {
        tear(&service.stored(&rendition.segments[first + n * 2]), *damage);
    }
    let init = service.stored(&rendition.init);
    if init.exists() {
        tear(&init, |file| file.truncate(20));
    }
}

fn stored(service: &Service, rendition: &Rendition, segments: usize) {
    let all = || rendition.segments[..segments].iter().all(|segment| service.stored(segment).exists());
    until(|| all().then_some(())).unwrap_or_else(|| panic!("not stored:\n{}", service.log()));
}

#[test]
fn segments_that_were_torn_while_the_service_ran_or_was_down_are_made_again() {
    let (mut service, rendition) = with_small_film(Setup::new());
    let count = DAMAGES.len() * 2;
    play(&service, &rendition, 0..count * 2);
    stored(&service, &rendition, count * 2);
    service.kill();
    tear_all(&service, &rendition, 0);
    service.start_again();
    play(&service, &rendition, 0..count);
    stored(&service, &rendition, count);
    let before = service.usage();
    // Memory holds none of these: nobody has asked for them since the start.
    let torn = service.logged("is torn");
    tear_all(&service, &rendition, count);
    play(&service, &rendition, count..count * 2);
    assert!(service.logged("is torn") >= torn + DAMAGES.len(), "{}", service.log());
    service.comes_to_rest(before);
}

#[test]
fn a_service_that_is_killed_in_the_middle_of_a_film_goes_on_with_what_it_had_made() {
    let (mut service, rendition) = with_small_film(Setup::new());
    play(&service, &rendition, 0..6);
    stored(&service, &rendition, 6);
    // Who waits for a segment when it happens asks again, at the same address.
    let viewer = Viewer::in_haste(&service, &rendition, 40);
    until(|| (!service.workers_of("film.mkv").is_empty()).then_some(())).expect("a head works for it");
    let (address, path) = (service.address, rendition.segments[130].clone());
    let waiting =
        thread::spawn(move || within(PATIENCE, || (get(address, &path).status == 200).then_some(())));
    service.kill();
    service.start_again();
    waiting.join().expect("it asked").expect("it has what it waited for");
    viewer.was_not_disturbed(1);
    let heads = service.logged("head starts");
    play(&service, &rendition, 0..6);
    let started = service.log();
    let for_stored = started.lines().filter(|line| line.contains("head starts")).skip(heads);
    let again: Vec<&str> =
        for_stored.filter(|line| (0..6).any(|n| line.contains(&format!("segment={n} ")))).collect();
    assert!(again.is_empty(), "made once more: {again:?}");
    let before = service.usage();
    service.comes_to_rest(before);
}
