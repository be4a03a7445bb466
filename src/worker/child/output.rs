//! The way out: frames on the socket, in order, blocking when the server is slow to read.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::isobmff::{Fragment, SampleEntry};
use crate::timeline::SegmentIndex;
use crate::worker::protocol::Report;
use crate::worker::wire;

use super::gate::Gate;

#[derive(Clone)]
pub struct Output {
    socket: Arc<Mutex<UnixStream>>,
    closed: Arc<AtomicBool>,
}

impl Output {
    pub fn new(socket: UnixStream) -> Self {
        Self { socket: Arc::new(Mutex::new(socket)), closed: Arc::default() }
    }

    /// What is sent arrives nowhere.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    pub fn report(&self, report: &Report) {
        match report {
            Report::Fragment(fragment) => self.write(&wire::fragment_frame(fragment)),
            Report::Image(image) => self.write(&wire::image_frame(image)),
            other => self.write(&wire::json_frame(other)),
        }
    }

    fn write(&self, bytes: &[u8]) {
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        if socket.write_all(bytes).is_err() {
            // Nobody is there any more. Whoever reads from this socket sees it, too, and ends what is made for it.
            self.closed.store(true, Ordering::Relaxed);
        }
    }
}

/// What a head may send, held back at its goal.
pub struct HeadOutput<'a> {
    output: &'a Output,
    gate: &'a Gate,
    start: SegmentIndex,
    /// Fragments of the segment at `start` that exist already.
    first_part: u32,
}

impl<'a> HeadOutput<'a> {
    pub fn new(output: &'a Output, gate: &'a Gate, start: SegmentIndex, first_part: u32) -> Self {
        Self { output, gate, start, first_part }
    }

    pub fn entry(&self, entry: SampleEntry) {
        self.output.report(&Report::Entry { entry });
    }

    /// Nobody wants any more of it.
    pub fn left(&self) -> bool {
        self.gate.left()
    }

    /// Waits until the goal allows it, then sends; what exists already is left out.
    pub fn fragment(&self, fragment: &Fragment) {
        if fragment.segment == self.start && fragment.part < self.first_part {
            return;
        }
        self.gate.pass(fragment.segment);
        self.output.write(&wire::fragment_frame(fragment));
    }
}
