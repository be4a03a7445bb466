//! Sources that change, break or go away while somebody watches.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::client::Answer;
use crate::films;
use crate::harness::{Rendition, files, signal};
use crate::process::until;
use crate::service::{Service, Setup};
use crate::viewer::Viewer;

/// A film under a name, somebody who plays it, and somebody who watches another one.
fn with_another(name: &str, film: &Path) -> (Service, Viewer) {
    started_with_another(Setup::new().own_film(name, film))
}

fn started_with_another(setup: Setup) -> (Service, Viewer) {
    let service = setup.film("other.mp4", films::other()).start();
    let other = service.film_id("other.mp4");
    let viewer = Viewer::in_real_time(&service, &service.rendition(&other, "v180"), 0);
    (service, viewer)
}

/// What comes of a segment in the end: one that breaks off, because what is missing was found missing after it had
/// begun, is asked for again, as players do.
fn asked(service: &Service, path: &str) -> Answer {
    let answer = until(|| Some(service.get(path)).filter(|answer| answer.status != 0));
    answer.unwrap_or_else(|| panic!("{path} breaks off again and again:\n{}", service.log()))
}

/// Asks for these segments: those that come are whole, the others are refused in these ways. How many came.
fn come_or_are_refused(service: &Service, rendition: &Rendition, segments: &[usize], ways: &[u16]) -> usize {
    let mut came = 0;
    for n in segments {
        let answer = asked(service, &rendition.segments[*n]);
        if answer.status == 200 {
            let whole = films::is_whole(service, rendition, *n, &answer.body);
            whole.unwrap_or_else(|complaint| panic!("{complaint}\n{}", service.log()));
            came += 1;
        } else {
            let told = answer.json();
            assert!(
                answer.is_problem() && ways.contains(&answer.status) && told["detail"].is_string(),
                "{n}: {told}\n{}",
                service.log()
            );
        }
    }
    came
}

/// The service has seen that the film is another one: its rendition has another name.
fn seen_anew(service: &Service, film: &str, old: &Rendition) -> Rendition {
    assert!(service.post("/api/scan", "{}").status < 300);
    until(|| (service.get(&old.segments[0]).status == 410).then_some(())).expect("the old address says gone");
    let new = service.rendition(film, old.name.split('-').next().expect("a kind"));
    assert_ne!(new.name, old.name);
    new
}

fn shortened_while_it_plays(name: &str, film: &Path) {
    let (service, viewer) = with_another(name, film);
    let film = service.film_id(name);
    let before = service.usage();
    for kind in ["vcopy", "v180"] {
        let old = service.rendition(&film, kind);
        assert_eq!(service.get(&old.segments[0]).status, 200);
        let file = OpenOptions::new().write(true).open(service.films().join(name)).expect("the film");
        let length = file.metadata().expect("its length").len();
        file.set_len(length / 3 * 2).expect("shortened");
        // Where it was played, and where the file no longer reaches.
        come_or_are_refused(&service, &old, &[2, 5, old.segments.len() - 2], &[410, 422, 503]);
        let new = seen_anew(&service, &film, &old);
        let quarter = new.segments.len() / 4;
        let there = [0, quarter / 2, quarter];
        assert_eq!(come_or_are_refused(&service, &new, &there, &[]), there.len());
        let last = new.segments.len() - 1;
        come_or_are_refused(&service, &new, &[quarter * 3, last], &[422]);
        plays_to_the_end(&service, &new);
    }
    viewer.was_not_disturbed(4);
    service.comes_to_rest(before);
}

/// Heads that somebody starts who comes to the end of what there is: one or two, and not one after the other.
const STARTS_AT_THE_END: usize = 20;

/// Plays one segment after the other up to the first one that is refused. The last one that comes may hold less than
/// it should; the others are whole.
fn plays_to_the_end(service: &Service, rendition: &Rendition) {
    let before = service.heads_started();
    // The film is cut to four ninths at the least.
    let from = rendition.segments.len() * 2 / 5;
    let mut last = None;
    for n in from..rendition.segments.len() {
        let answer = asked(service, &rendition.segments[n]);
        if answer.status != 200 {
            assert_eq!(answer.status, 422, "{}\n{}", answer.text(), service.log());
            break;
        }
        let before = last.replace((n, answer.body));
        if let Some((n, body)) = before.filter(|(n, _)| n % 4 == 0 || *n == from) {
            let whole = films::is_whole(service, rendition, n, &body);
            whole.unwrap_or_else(|complaint| panic!("{complaint}\n{}", service.log()));
        }
    }
    let (last, _) = last.unwrap_or_else(|| panic!("nothing is played:\n{}", service.log()));
    let refused = Instant::now() + Duration::from_secs(2);
    while Instant::now() < refused {
        assert_eq!(service.get(&rendition.segments[last]).status, 200);
    }
    let starts = service.heads_started() - before;
    assert!(starts < STARTS_AT_THE_END, "{starts} heads:\n{}", service.log());
}

#[test]
fn a_film_that_is_cut_short_while_it_plays_is_played_as_far_as_it_goes() {
    shortened_while_it_plays("film.mkv", films::small());
}

#[test]
fn a_film_whose_index_promises_more_than_there_is_left_is_played_as_far_as_it_goes() {
    shortened_while_it_plays("film.mp4", films::other());
}

/// Writes noise over a part of the media, from the first tick on that this fraction of the file lies at.
fn damage(film: &Path, at: f64, bytes: usize) {
    let file = OpenOptions::new().write(true).open(film).expect("the film");
    let length = file.metadata().expect("its length").len() as f64;
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let noise = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    });
    let noise: Vec<u8> = noise.take(bytes).collect();
    file.write_all_at(&noise, (length * at) as u64).expect("damaged");
}

/// Seconds of the film that the damage hits.
const DAMAGED_S: f64 = 4.0;
/// A damaged picture spoils those that refer to it, up to the next keyframe: two seconds at most here; and a
/// demuxer that has lost its place finds it again at the next cluster, which is five seconds long.
const SPOILED_S: f64 = 2.0 * 5.0;

fn damaged_in_the_middle(name: &str, film: &Path) {
    let setup = Setup::new().own_film(name, film);
    let length = fs::metadata(film).expect("its length").len() as f64;
    damage(&setup.films().join(name), 0.5, (length * DAMAGED_S / 300.0) as usize);
    let (service, viewer) = started_with_another(setup);
    let film = service.film_id(name);
    let before = service.usage();
    for kind in ["vcopy", "v180", if name == "film.mkv" { "a0aac" } else { "a0copy" }] {
        let rendition = service.rendition(&film, kind);
        let mut spoiled = Vec::new();
        let middle = rendition.segments.len() / 2;
        let near = middle - 6..middle + 12;
        let far = (0..rendition.segments.len()).step_by(20).filter(|n| !near.contains(n));
        for n in near.clone().chain(far) {
            let answer = asked(&service, &rendition.segments[n]);
            let whole = match answer.status {
                200 => films::is_whole(&service, &rendition, n, &answer.body),
                status => Err(format!("{status}: {}", answer.text())),
            };
            if let Err(why) = whole {
                spoiled.push((n, why));
            }
        }
        let seconds: f64 = spoiled.iter().map(|(n, _)| rendition.seconds[*n]).sum();
        assert!(seconds <= DAMAGED_S + SPOILED_S, "{kind}: {spoiled:#?}\n{}", service.log());
    }
    viewer.was_not_disturbed(4);
    service.comes_to_rest(before);
}

#[test]
fn a_matroska_film_with_damage_in_the_middle_plays_before_and_after_it() {
    damaged_in_the_middle("film.mkv", films::small());
}

#[test]
fn an_mp4_with_damage_in_the_middle_plays_before_and_after_it() {
    damaged_in_the_middle("film.mp4", films::other());
}

#[test]
fn a_replaced_film_is_gone_at_its_old_address_and_plays_at_the_new_one() {
    let (service, viewer) = with_another("film.mkv", films::small());
    let film = service.film_id("film.mkv");
    let old = service.rendition(&film, "v180");
    assert_eq!(service.get(&old.segments[0]).status, 200);
    let beside = service.films().join("film.new");
    fs::copy(films::other(), &beside).expect("copied");
    fs::rename(&beside, service.films().join("film.mkv")).expect("replaced");
    let new = seen_anew(&service, &film, &old);
    assert_eq!(come_or_are_refused(&service, &new, &[0, 5, 100], &[]), 3);
    assert_eq!(service.get(&old.segments[5]).status, 410);
    viewer.was_not_disturbed(3);
}

#[test]
fn a_film_that_is_deleted_while_it_plays_plays_on_or_is_said_to_be_away() {
    let (service, viewer) = with_another("film.mkv", films::small());
    let film = service.film_id("film.mkv");
    let before = service.usage();
    let rendition = service.rendition(&film, "v180");
    assert_eq!(service.get(&rendition.segments[0]).status, 200);
    fs::remove_file(service.films().join("film.mkv")).expect("deleted");
    // What follows at once its head may have made; farther on, one would have to open what is not there.
    come_or_are_refused(&service, &rendition, &[1, 2, 3, 60], &[503]);
    service.workers_of("film.mkv").into_iter().for_each(|pid| signal(pid, Signal::KILL));
    until(|| (service.get(&rendition.segments[120]).status == 503).then_some(())).expect("it is away");
    viewer.was_not_disturbed(3);
    service.comes_to_rest(before);
    fs::copy(films::small(), service.films().join("film.mkv")).expect("it is back");
    assert!(service.post("/api/scan", "{}").status < 300);
    let again = until(|| {
        let rendition = service.rendition(&film, "v180");
        (service.get(&rendition.segments[120]).status == 200).then_some(())
    });
    again.unwrap_or_else(|| panic!("it does not play again:\n{}", service.log()));
}

#[test]
fn what_is_stored_plays_while_the_library_is_away_and_the_rest_when_it_is_back() {
    let service = Setup::new().film("film.mkv", films::small()).start();
    let segments = service.rendition(&service.film_id("film.mkv"), "v180").segments;
    assert_eq!(service.get(&segments[0]).status, 200);
    until(|| service.stored(&segments[0]).exists().then_some(())).expect("it is stored");
    let away = service.folder().join("away");
    fs::rename(service.films(), &away).expect("unmounted");
    service.workers().into_iter().for_each(|pid| signal(pid, Signal::KILL));
    until(|| (service.get(&segments[120]).status == 503).then_some(())).expect("it is offline");
    // Longer than a file is taken for unchanged.
    let looked_at_again = Instant::now() + Duration::from_secs(3);
    while Instant::now() < looked_at_again {
        assert_eq!(service.get(&segments[0]).status, 200);
    }
    fs::rename(&away, service.films()).expect("mounted");
    until(|| (service.get(&segments[120]).status == 200).then_some(())).expect("it plays again");
    assert!(files(&service.films()).len() == 1);
}
