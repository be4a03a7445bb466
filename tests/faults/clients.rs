//! Clients that are slow, rude or wild, while somebody else watches a film.

use std::net::SocketAddr;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{self, Coming};
use crate::films;
use crate::harness::Rendition;
use crate::lasting;
use crate::process::{rest, within};
use crate::service::{Service, Setup};
use crate::viewer::Viewer;

/// Numbers that look random, the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

fn with_small_film(setup: Setup) -> (Service, Rendition, Rendition) {
    let service = setup.film("film.mkv", films::small()).film("other.mp4", films::other()).start();
    let rendition = service.rendition(&service.film_id("film.mkv"), "v180");
    let other = service.rendition(&service.film_id("other.mp4"), "v180");
    (service, rendition, other)
}

const SLOW_CLIENTS: usize = 200;
/// The smallest that kernels grant: what is sent waits with the server.
const SMALL_WINDOW_BYTES: usize = 2048;

/// Asks for a segment and hardly takes it.
fn slow_client(address: SocketAddr, path: &str) -> std::net::TcpStream {
    use rustix::net::{AddressFamily, SocketType, connect, socket, sockopt};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    sockopt::set_socket_recv_buffer_size(&socket, SMALL_WINDOW_BYTES).expect("a small window");
    connect(&socket, &address).expect("connected");
    let stream = std::net::TcpStream::from(socket);
    client::send(&stream, path, None).expect("asked");
    stream.set_read_timeout(Some(Duration::from_secs(1))).expect("an open socket");
    stream
}

/// Reads a byte a second from each until told to stop; how many it got.
fn sip(clients: &[std::net::TcpStream], stop: &mpsc::Receiver<()>) -> usize {
    use std::io::Read;
    let mut taken = 0;
    while stop.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
        for mut client in clients {
            client.set_nonblocking(true).expect("an open socket");
            taken += client.read(&mut [0]).unwrap_or(0);
        }
    }
    taken
}

#[test]
fn clients_that_read_a_byte_a_second_share_what_is_held_for_them_and_disturb_nobody() {
    let setup = Setup::new().set("ENCODE_LADDER", "720:3M");
    let service = setup.film("film.mp4", films::large()).film("other.mkv", films::small()).start();
    // Large segments, each asked for by several.
    let large = service.rendition(&service.film_id("film.mp4"), "vcopy");
    let watched = service.rendition(&service.film_id("other.mkv"), "v180");
    let before = service.usage();
    let clients: Vec<_> = (0..SLOW_CLIENTS)
        .map(|n| slow_client(service.address, &large.segments[n % large.segments.len()]))
        .collect();
    let lasts = lasting(10, 60);
    thread::scope(|scope| {
        let (stop, stopped) = mpsc::channel();
        let clients = &clients;
        let sipping = scope.spawn(move || sip(clients, &stopped));
        let viewer = Viewer::in_real_time(&service, &watched, 0);
        let end = Instant::now() + lasts;
        let mut most_kib = 0;
        while Instant::now() < end {
            most_kib = most_kib.max(service.usage().resident_kib);
            rest(Duration::from_millis(200));
        }
        viewer.was_not_disturbed_until_now(lasts.as_secs() as usize / 4);
        stop.send(()).expect("it sips");
        let taken = sipping.join().expect("it sipped");
        assert!(taken >= SLOW_CLIENTS, "{taken} bytes: they are served, too\n{}", service.log());
        let asked_kib = std::fs::metadata(films::large()).expect("its size").len() >> 10;
        let most = before.resident_kib + asked_kib + OVERHEAD_KIB;
        assert!(most_kib < most, "{most_kib} KiB for {asked_kib} that are asked for, {before:?} before");
    });
    drop(clients);
    service.comes_to_rest(before);
}

/// Beside what all of them ask for, each segment once: connections, segments on their way to the disk, and what the
/// allocator keeps.
const OVERHEAD_KIB: u64 = 96 << 10;

const DROPPED: usize = 1000;

#[test]
fn a_thousand_requests_that_are_dropped_leave_nothing_at_work() {
    const MAX_HEADS: usize = 3;
    /// A killed process takes a moment to end, in which its place is taken already.
    const ENDING: usize = 3;
    let (service, rendition, other) =
        with_small_film(Setup::new().set("ENCODE_MAX_HEADS", &MAX_HEADS.to_string()));
    assert_eq!(service.get(&rendition.segments[0]).status, 200);
    let before = service.usage();
    let viewer = Viewer::in_haste(&service, &other, 0);
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for n in 0..DROPPED {
        let path = &rendition.segments[dice.below(rendition.segments.len())];
        let connection = client::connect(service.address).expect("connected");
        client::send(&connection, path, None).expect("asked");
        // Some are gone at once, some have begun to read.
        if n % 10 == 0 {
            let _some = connection.peek(&mut [0]);
        }
        drop(connection);
        if n % 20 == 0 {
            let works = |film| service.workers_of(film).len();
            let heads = works("film.mkv") + works("other.mp4");
            assert!(heads <= MAX_HEADS + ENDING, "{heads} heads\n{}", service.log());
        }
    }
    viewer.was_not_disturbed(10);
    let quiet = within(QUIET_AFTER, || {
        let works = |head: &serde_json::Value| head["state"] != "paused";
        (!service.heads().iter().any(works)).then_some(())
    });
    quiet.unwrap_or_else(|| panic!("heads work for nobody: {:?}\n{}", service.heads(), service.log()));
    service.comes_to_rest(before);
}

/// A viewer is taken to be where it asked last for ten seconds, and heads finish what they are at.
const QUIET_AFTER: Duration = Duration::from_secs(20);

/// Jumps about until told to stop, as somebody does who drags the slider: waits for the beginning of what it asks
/// for, and leaves.
fn seek_wildly(address: SocketAddr, segments: &[String], mut dice: Dice, until: Instant) -> usize {
    let mut seen = 0;
    while Instant::now() < until {
        let path = &segments[dice.below(segments.len())];
        let begun = Coming::ask(address, path, None).and_then(|mut coming| coming.piece());
        seen += usize::from(begun.is_ok_and(|piece| !piece.is_empty()));
    }
    seen
}

fn two_seek_wildly(max_heads: &str) {
    let (service, rendition, _) = with_small_film(Setup::new().set("ENCODE_MAX_HEADS", max_heads));
    let before = service.usage();
    let viewer = Viewer::in_real_time(&service, &rendition, 0);
    let lasts = lasting(8, 60);
    let until = Instant::now() + lasts;
    thread::scope(|scope| {
        let seekers = [1, 2].map(|n| {
            let service = &service;
            let segments = &rendition.segments[40..];
            scope.spawn(move || seek_wildly(service.address, segments, Dice(n * 0x51_7cc1_b727), until))
        });
        for seeker in seekers {
            let seen = seeker.join().expect("it sought");
            assert!(seen > 0, "who seeks sees something, too\n{}", service.log());
        }
    });
    viewer.was_not_disturbed_until_now(lasts.as_secs() as usize / 4);
    service.comes_to_rest(before);
}

#[test]
fn two_who_seek_wildly_do_not_disturb_a_third_viewer() {
    two_seek_wildly("auto");
}

#[test]
fn two_who_seek_wildly_and_a_third_viewer_share_the_only_head() {
    two_seek_wildly("1");
}

/// An encoder that nobody has asked for anything retires after five idle times.
#[test]
fn a_film_that_all_have_left_long_ago_can_be_stopped_and_plays_again() {
    let (service, rendition, _) = with_small_film(Setup::new().set("ENCODE_IDLE_TIMEOUT", "1s"));
    let stop = format!("/api/stream/{}/stop", service.film_id("film.mkv"));
    for segment in [0, 50] {
        assert_eq!(service.get(&rendition.segments[segment]).status, 200, "{}", service.log());
        rest(Duration::from_secs(8));
        let stopped = service.post(&stop, r#"{"purge":true}"#);
        assert_eq!(stopped.status, 200, "{}\n{}", stopped.text(), service.log());
        let freed = stopped.json()["freed_bytes"].as_u64();
        assert!(freed.is_some_and(|bytes| bytes > 0), "what is stored goes all the same: {freed:?}");
    }
}
