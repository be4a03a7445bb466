//! Workers that die, hang, or run out of memory while somebody watches.

use std::fs;
use std::thread;

use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};

use crate::client::Coming;
use crate::films;
use crate::harness::{Rendition, signal};
use crate::process::{alive, until};
use crate::service::{Service, Setup};
use crate::viewer::Viewer;

/// Long segments of many parts, so that there is a middle to die in.
fn long_segments() -> Service {
    let setup = Setup::new().film("film.mp4", films::large()).film("other.mp4", films::other());
    setup.set("ENCODE_SEGMENT", "10s").set("ENCODE_PART", "100ms").set("ENCODE_LADDER", "720:3M").start()
}

fn is_whole(service: &Service, rendition: &Rendition, segment: usize, body: &[u8]) {
    let whole = films::is_whole(service, rendition, segment, body);
    whole.unwrap_or_else(|complaint| panic!("{complaint}\n{}", service.log()));
}

/// Whether a head of this rendition has gone on where another had begun.
fn went_on(service: &Service, rendition: &Rendition) -> bool {
    let log = service.log();
    let mut starts =
        log.lines().filter(|line| line.contains("head starts") && line.contains(&rendition.name));
    starts.any(|line| line.contains(" first_part=") && !line.contains(" first_part=0 "))
}

/// Kills the head of `readers` readers in a row as soon as the first of them has something, at several places until
/// it was in the middle of a segment: everybody gets the whole of theirs.
fn a_death_in_the_middle(name: &str, readers: usize) {
    let service = long_segments();
    let film = service.film_id("film.mp4");
    let rendition = service.rendition(&film, name);
    for first in (0..rendition.segments.len() - readers).step_by(readers) {
        let read = |segment: usize| {
            let mut coming =
                Coming::ask(service.address, &rendition.segments[segment], None).expect("an answer");
            assert_eq!(coming.status, 200);
            let begin = coming.piece().expect("its beginning");
            if segment == first {
                service.workers_of("film.mp4").into_iter().for_each(|pid| signal(pid, Signal::KILL));
            }
            let rest = coming.rest().expect("the rest of it");
            is_whole(&service, &rendition, segment, &[begin, rest.body].concat());
        };
        thread::scope(|scope| {
            (first..first + readers).for_each(|segment| drop(scope.spawn(move || read(segment))))
        });
        if went_on(&service, &rendition) {
            return;
        }
    }
    panic!("no head was killed in the middle of a segment:\n{}", service.log());
}

#[test]
fn an_encoded_picture_goes_on_within_the_segment_that_its_head_died_in() {
    a_death_in_the_middle("v720", 1);
}

#[test]
fn a_copied_picture_goes_on_within_the_segment_that_its_head_died_in() {
    a_death_in_the_middle("vcopy", 3);
}

#[test]
fn encoded_sound_goes_on_within_the_segment_that_its_head_died_in() {
    a_death_in_the_middle("a1aac", 3);
}

#[test]
fn copied_sound_goes_on_within_the_segment_that_its_head_died_in() {
    a_death_in_the_middle("a0copy", 3);
}

#[test]
fn a_head_that_hangs_is_replaced_and_disturbs_nobody_else() {
    let service = long_segments();
    let (film, other) = (service.film_id("film.mp4"), service.film_id("other.mp4"));
    let rendition = service.rendition(&film, "v720");
    let before = service.usage();
    let watching = service.rendition(&other, "v180");
    let viewer = Viewer::in_real_time(&service, &watching, 0);
    let mut coming = Coming::ask(service.address, &rendition.segments[3], None).expect("an answer");
    let begin = coming.piece().expect("its beginning");
    let hung = service.workers_of("film.mp4");
    assert!(!hung.is_empty());
    hung.iter().for_each(|pid| signal(*pid, Signal::STOP));
    let rest = coming.rest().unwrap_or_else(|error| panic!("{error}\n{}", service.log()));
    is_whole(&service, &rendition, 3, &[begin, rest.body].concat());
    until(|| hung.iter().all(|pid| !alive(*pid)).then_some(())).expect("what hung is gone");
    viewer.was_not_disturbed(4);
    service.comes_to_rest(before);
}

/// Does something to every worker, spares too, while somebody asks for another place, and somebody else watches
/// another film.
fn nobody_minds(harm: impl Fn(u32)) {
    let setup = Setup::new().film("film.mkv", films::small()).film("other.mp4", films::other());
    let service = setup.start();
    let (film, other) = (service.film_id("film.mkv"), service.film_id("other.mp4"));
    let watching = service.rendition(&other, "v180");
    let viewer = Viewer::in_real_time(&service, &watching, 0);
    // There is one way to copy and several to encode: copies have the fewest tries.
    let renditions = ["vcopy", "v180", "a0aac"].map(|name| service.rendition(&film, name));
    let before = service.usage();
    for segment in [130, 50] {
        for rendition in &renditions {
            service.workers().into_iter().for_each(&harm);
            let answer = service.get(&rendition.segments[segment]);
            assert_eq!(answer.status, 200, "{}\n{}", answer.text(), service.log());
            is_whole(&service, rendition, segment, &answer.body);
        }
    }
    viewer.was_not_disturbed(4);
    service.comes_to_rest(before);
}

#[test]
fn a_segment_comes_though_every_worker_was_killed() {
    nobody_minds(|pid| signal(pid, Signal::KILL));
}

#[test]
fn a_segment_comes_though_every_worker_aborted() {
    nobody_minds(|pid| signal(pid, Signal::ABORT));
}

/// As if there were no more memory: what asks for more than it has fails.
#[test]
fn a_segment_comes_though_every_worker_has_run_out_of_memory() {
    nobody_minds(|pid| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")?.split_whitespace().next());
        let bytes = size.and_then(|kib| kib.parse::<u64>().ok()).map(|kib| kib << 10);
        let pid = Pid::from_raw(pid as i32);
        let _it_may_have_ended = prlimit(pid, Resource::As, Rlimit { current: bytes, maximum: bytes });
    });
}

#[test]
fn a_service_that_is_killed_leaves_no_worker() {
    let mut service = Setup::new().film("film.mkv", films::small()).start();
    let rendition = service.rendition(&service.film_id("film.mkv"), "v180");
    assert_eq!(service.get(&rendition.segments[0]).status, 200);
    let workers = service.workers();
    assert!(!workers.is_empty());
    service.kill();
    until(|| workers.iter().all(|pid| !alive(*pid)).then_some(())).expect("the workers end");
}
