//! Somebody who watches one segment after the other while others do what they do.

use std::net::SocketAddr;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::harness::{LOOK_AHEAD, Rendition};
use crate::process::rest;
use crate::service::{Service, get};

/// Segments that a player fetches at once before it keeps pace.
const BUFFERED: usize = 3;
/// A player that gets no answer asks again.
const TRIES: usize = 40;
const BETWEEN_TRIES: Duration = Duration::from_millis(250);

pub struct Viewer {
    /// After how many segments it may stop.
    stop: mpsc::Sender<usize>,
    thread: JoinHandle<Watched>,
}

/// What a viewer saw.
#[derive(Debug, Default)]
struct Watched {
    segments: usize,
    longest_wait: Duration,
    /// What was no whole segment, after all tries.
    refused: Vec<String>,
}

impl Viewer {
    /// Watches from this segment on, in real time.
    pub fn in_real_time(service: &Service, rendition: &Rendition, from: usize) -> Self {
        Self::start(service.address, rendition, from, 1.0)
    }

    /// Fetches one segment after the other.
    pub fn in_haste(service: &Service, rendition: &Rendition, from: usize) -> Self {
        Self::start(service.address, rendition, from, 0.0)
    }

    fn start(address: SocketAddr, rendition: &Rendition, from: usize, pace: f64) -> Self {
        let (stop, stopped) = mpsc::channel();
        let listed = rendition.segments.iter().cloned().zip(rendition.seconds.iter().copied());
        let listed: Vec<(String, f64)> = listed.skip(from).collect();
        let thread = std::thread::spawn(move || watch(address, &listed, pace, &stopped));
        Self { stop, thread }
    }

    /// Watches on until it has seen this many segments, then stops.
    pub fn was_not_disturbed(self, at_least: usize) {
        self.stops(at_least, at_least);
    }

    /// Stops watching, after the segment it waits for; it has seen this many by now.
    pub fn was_not_disturbed_until_now(self, at_least: usize) {
        self.stops(0, at_least);
    }

    /// Who plays never waits longer than what is made ahead of it lasts.
    fn stops(self, after: usize, at_least: usize) {
        let _ended_before = self.stop.send(after);
        let watched = self.thread.join().expect("it watched");
        assert!(watched.refused.is_empty(), "{watched:?}");
        assert!(watched.longest_wait < LOOK_AHEAD, "{watched:?}");
        assert!(watched.segments >= at_least, "{watched:?}, not {at_least}");
    }
}

fn watch(
    address: SocketAddr,
    listed: &[(String, f64)],
    pace: f64,
    stopped: &mpsc::Receiver<usize>,
) -> Watched {
    let mut watched = Watched::default();
    let begin = Instant::now();
    let mut due = begin;
    let mut enough = None;
    for (n, (path, seconds)) in listed.iter().enumerate() {
        if n >= BUFFERED {
            due += Duration::from_secs_f64(seconds * pace);
        }
        loop {
            if enough.is_some_and(|enough| n >= enough) {
                return watched;
            }
            match stopped.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(at_least) => enough = Some(at_least),
                Err(RecvTimeoutError::Timeout) => break,
                // The test has failed elsewhere.
                Err(RecvTimeoutError::Disconnected) => return watched,
            }
        }
        let asked = Instant::now();
        match fetch(address, path) {
            Ok(()) => watched.segments += 1,
            Err(said) => watched.refused.push(format!("{path}: {said}")),
        }
        watched.longest_wait = watched.longest_wait.max(asked.elapsed());
    }
    watched
}

/// As players do: what fails is tried again for a while.
fn fetch(address: SocketAddr, path: &str) -> Result<(), String> {
    let mut said = String::new();
    for _ in 0..TRIES {
        let answer = get(address, path);
        if answer.status == 200 && !answer.body.is_empty() {
            return Ok(());
        }
        said = format!("{} {}", answer.status, answer.text());
        rest(BETWEEN_TRIES);
    }
    Err(said)
}
