//! The live edge's playhead: one for everybody, in step with the clock, whatever happens to its heads.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::films;
use crate::harness::{IDLE, LOOK_AHEAD, Rendition, signal};
use crate::process::{until, within};
use crate::service::{Service, Setup, get};

fn with_film() -> (Service, String, Rendition) {
    let service = Setup::new().film("film.mkv", films::small()).start();
    let film = service.film_id("film.mkv");
    let rendition = service.rendition(&film, "v180");
    (service, film, rendition)
}

/// Starts the live edge, or joins it; where it is.
fn start(service: &Service, film: &str, at_s: f64) -> f64 {
    let asked = format!(r#"{{"mode":"live","at_s":{at_s},"copy":false}}"#);
    let answer = service.post(&format!("/api/stream/{film}/start"), &asked);
    assert_eq!(answer.status, 200, "{}\n{}", answer.text(), service.log());
    answer.json()["live"]["position_s"].as_f64().expect("a position")
}

fn position(service: &Service) -> Option<f64> {
    service.live()?["position_s"].as_f64()
}

/// The segment that a time lies in.
fn segment_at(rendition: &Rendition, position_s: f64) -> usize {
    let mut end = 0.0;
    let ends = rendition.seconds.iter().map(|seconds| {
        end += seconds;
        end
    });
    ends.take_while(|end| *end <= position_s).count()
}

/// The edge may wait where nothing is made yet, but it never runs ahead of the clock, and never waits longer than
/// what is made ahead of it lasts.
fn keeps_pace(service: &Service, from_s: f64, since: Instant) -> f64 {
    let at_s = position(service).unwrap_or_else(|| panic!("no live edge\n{}", service.log()));
    let passed = since.elapsed().as_secs_f64();
    assert!(at_s <= from_s + passed + 0.1, "{at_s} after {passed} s from {from_s}");
    assert!(at_s + LOOK_AHEAD.as_secs_f64() >= from_s + passed, "{at_s} after {passed} s from {from_s}");
    at_s
}

#[test]
fn the_live_edge_moves_with_the_clock_and_is_one_for_all() {
    let (service, film, rendition) = with_film();
    let since = Instant::now();
    let begin = start(&service, &film, 100.0);
    assert!((100.0..101.0).contains(&begin), "{begin}");
    let later = until(|| {
        let at_s = keeps_pace(&service, begin, since);
        // Somebody watches.
        let answer = service.get(&rendition.segments[segment_at(&rendition, at_s)]);
        assert_eq!(answer.status, 200, "{}\n{}", answer.text(), service.log());
        (at_s > begin + 4.0).then_some(at_s)
    });
    let later = later.expect("it moves");
    // The second starter joins where the first one is.
    let joined = start(&service, &film, 10.0);
    assert!(
        joined >= later && joined <= begin + since.elapsed().as_secs_f64() + 0.1,
        "{joined} after {later}"
    );
    let at = segment_at(&rendition, joined);
    let base = rendition.segments[at].trim_end_matches(".m4s");
    let parts: Vec<_> = (0..4).map(|part| service.get(&format!("{base}.{part}.m4s"))).collect();
    assert!(parts.iter().all(|part| part.status == 200), "{parts:?}");
    let whole = service.get(&rendition.segments[at]).body;
    let together: Vec<u8> = parts.into_iter().flat_map(|part| part.body).collect();
    assert!(whole.starts_with(&together), "parts are what the segment is made of");
    let stopped = service.post(&format!("/api/stream/{film}/stop"), "{}");
    assert_eq!(stopped.status, 200);
    assert!(service.live().is_none(), "it has stopped");
    let begin = start(&service, &film, 10.0);
    assert!((10.0..11.0).contains(&begin), "one that has ended is begun anew: {begin}");
}

#[test]
fn the_live_edge_goes_on_though_its_workers_are_killed() {
    let (service, film, rendition) = with_film();
    let since = Instant::now();
    let begin = start(&service, &film, 50.0);
    let mut at_s = begin;
    for _ in 0..3 {
        service.workers().into_iter().for_each(|pid| signal(pid, Signal::KILL));
        let killed_at = at_s;
        let moved = until(|| {
            at_s = keeps_pace(&service, begin, since);
            let answer = service.get(&rendition.segments[segment_at(&rendition, at_s) + 1]);
            assert_eq!(answer.status, 200, "{}\n{}", answer.text(), service.log());
            (at_s > killed_at + 2.0).then_some(())
        });
        moved.expect("it moves on");
    }
}

#[test]
fn the_live_edge_ends_with_the_film() {
    let (service, film, rendition) = with_film();
    let length: f64 = rendition.seconds.iter().sum();
    start(&service, &film, length - 3.0);
    let last = rendition.segments.last().expect("segments");
    let ended = until(|| {
        assert_eq!(service.get(last).status, 200);
        let Some(live) = service.live() else { return Some(()) };
        assert!(live["position_s"].as_f64().expect("a position") <= length + 0.1, "{live} of {length}");
        (live["ended"] == true).then_some(())
    });
    ended.expect("it ends");
    let before = service.usage();
    service.comes_to_rest(before);
}

#[test]
fn a_live_edge_that_nobody_watches_ends_with_its_heads() {
    let (service, film, _) = with_film();
    let before = service.usage();
    start(&service, &film, 20.0);
    until(|| (!service.heads().is_empty()).then_some(())).expect("heads work for it");
    let ended = within(Duration::from_secs(60), || service.live().is_none().then_some(()));
    ended.unwrap_or_else(|| panic!("it goes on for nobody:\n{}", service.log()));
    service.comes_to_rest(before);
}

#[test]
fn a_viewer_who_waits_longer_than_the_idle_time_watches_the_live_edge_all_the_same() {
    let (service, film, rendition) = with_film();
    let begin = start(&service, &film, 100.0);
    let (address, path) = (service.address, rendition.segments[segment_at(&rendition, begin) + 40].clone());
    let asked = Instant::now();
    let viewer = std::thread::spawn(move || get(address, &path).status);
    while !viewer.is_finished() {
        let hold = if asked.elapsed() < IDLE * 2 { Signal::STOP } else { Signal::CONT };
        service.workers().into_iter().for_each(|pid| signal(pid, hold));
        assert!(service.live().is_some(), "it has ended while somebody waits:\n{}", service.log());
    }
    assert_eq!(viewer.join().expect("it asked"), 200);
    assert!(asked.elapsed() > IDLE, "it had to wait:\n{}", service.log());
}
