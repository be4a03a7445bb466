//! Events for those who listen (`GET /api/events`): one bounded ring, and a place in it for each listener. Nobody
//! has a queue of its own: who is slower than the ring is long is told to start again.
//!
//! The wire format is that of the WHATWG HTML standard, section 9.2, "Server-sent events".

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// How far the scan is.
    Scan,
    /// What heads do.
    Stream,
}

impl Kind {
    pub const ALL: [Self; 2] = [Self::Scan, Self::Stream];

    pub fn name(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Stream => "stream",
        }
    }
}

/// Which kinds somebody listens to; `scan,stream`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds([bool; Kind::ALL.len()]);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKinds(Vec<String>);

impl Default for Kinds {
    fn default() -> Self {
        Self([true; Kind::ALL.len()])
    }
}

impl Kinds {
    fn contain(self, kind: Kind) -> bool {
        self.0[kind as usize]
    }
}

impl FromStr for Kinds {
    type Err = UnknownKinds;

    fn from_str(text: &str) -> Result<Self, UnknownKinds> {
        let mut kinds = Self([false; Kind::ALL.len()]);
        let mut unknown = Vec::new();
        for name in text.split(',').map(str::trim) {
            match Kind::ALL.into_iter().find(|kind| kind.name() == name) {
                Some(kind) => kinds.0[kind as usize] = true,
                None => unknown.push(name.to_owned()),
            }
        }
        if unknown.is_empty() { Ok(kinds) } else { Err(UnknownKinds(unknown)) }
    }
}

impl fmt::Display for UnknownKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted: Vec<String> = self.0.iter().map(|name| format!("`{name}`")).collect();
        write!(
            f,
            "there is no kind {}, there are {}",
            quoted.join(" and no "),
            Kind::ALL.map(Kind::name).join(", ")
        )
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Events that are kept for those who come back: several minutes of a busy box, and less than a megabyte.
    pub events: usize,
    /// Pages and scripts that listen at once. Each keeps a connection, of which there are 512.
    pub listeners: usize,
    /// Proxies close a connection on which nothing comes for a minute, and some do sooner.
    pub heartbeat: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { events: 1024, listeners: 64, heartbeat: Duration::from_secs(15) }
    }
}

/// A client that lost its connection comes back after so long.
const RETRY: Duration = Duration::from_secs(2);
/// What is sent at once to one who has fallen behind.
const BATCH_BYTES: usize = 64 << 10;

/// Why there is nothing to listen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    TooMany,
    Closed,
}

pub struct Feed {
    limits: Limits,
    /// The number of the first event of this run.
    first: u64,
    ring: Mutex<Ring>,
    /// The number that the next event will have.
    next: watch::Sender<u64>,
    places: Arc<Semaphore>,
}

struct Ring {
    /// Consecutive ones, each in the wire format; the last has the number before `next`.
    events: VecDeque<(Kind, String)>,
    next: u64,
    closed: bool,
}

/// Why a client must load anew what it shows.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Loss {
    /// The client was away, or slow, for more events than are kept.
    TooOld,
    /// The service was started anew, or never sent that number.
    UnknownId,
}

impl Ring {
    fn oldest(&self) -> u64 {
        self.next - self.events.len() as u64
    }
}

impl Default for Feed {
    fn default() -> Self {
        Self::new(Limits::default(), SystemTime::now())
    }
}

impl Feed {
    /// Numbers begin with the microseconds from 1970 to `now`: they increase from one run of the service to the
    /// next too, and one of another run is told from ours. JavaScript can still count them.
    pub fn new(limits: Limits, now: SystemTime) -> Self {
        let since_1970 = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let next = since_1970.as_micros() as u64 + 1;
        Self {
            limits,
            first: next,
            ring: Mutex::new(Ring { events: VecDeque::with_capacity(limits.events), next, closed: false }),
            next: watch::Sender::new(next),
            places: Arc::new(Semaphore::new(limits.listeners)),
        }
    }

    /// Tells everybody who listens to `kind`.
    pub fn publish(&self, kind: Kind, data: &impl Serialize) {
        let json = match serde_json::to_string(data) {
            Ok(json) => json,
            Err(error) => {
                tracing::error!(%error, kind = kind.name(), "event not written");
                return;
            }
        };
        let mut ring = self.lock();
        let text = format!("id: {}\nevent: {}\ndata: {json}\n\n", ring.next, kind.name());
        if ring.events.len() >= self.limits.events {
            ring.events.pop_front();
        }
        ring.events.push_back((kind, text));
        self.advance(ring);
    }

    /// Some events never came here: everybody has to start again.
    pub fn lose(&self) {
        let mut ring = self.lock();
        ring.events.clear();
        self.advance(ring);
    }

    /// Ends all that listen, once they have what there is.
    pub fn close(&self) {
        let mut ring = self.lock();
        ring.closed = true;
        self.next.send_replace(ring.next);
    }

    /// Listens from now on, or from behind the event with the number `last` that the client has seen.
    pub fn listen(self: &Arc<Self>, kinds: Kinds, last: Option<&str>) -> Result<Listener, Refusal> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| Refusal::TooMany)?;
        let ring = self.lock();
        if ring.closed {
            return Err(Refusal::Closed);
        }
        let retry = format!("retry: {}\n", RETRY.as_millis());
        let behind_last = last.map(|last| last.parse::<u64>().ok().and_then(|last| last.checked_add(1)));
        let (next, opening) = match behind_last {
            None => (ring.next, format!("{retry}id: {}\n\n", ring.next - 1)),
            Some(Some(next)) if (ring.oldest()..=ring.next).contains(&next) => (next, retry + "\n"),
            Some(next) => {
                let ours = next.is_some_and(|next| (self.first..ring.next).contains(&next));
                let loss = if ours { Loss::TooOld } else { Loss::UnknownId };
                (ring.next, retry + &reset(&ring, loss))
            }
        };
        drop(ring);
        let updates = self.next.subscribe();
        Ok(Listener {
            feed: self.clone(),
            kinds,
            next,
            opening: Some(opening.into()),
            updates,
            _place: place,
        })
    }

    #[cfg(test)]
    pub fn newest(&self) -> u64 {
        self.lock().next - 1
    }

    fn advance(&self, mut ring: MutexGuard<'_, Ring>) {
        ring.next += 1;
        self.next.send_replace(ring.next);
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn reset(ring: &Ring, loss: Loss) -> String {
    let data = serde_json::json!({ "reason": loss });
    format!("id: {}\nevent: reset\ndata: {data}\n\n", ring.next - 1)
}

/// One who listens. Has no queue: it looks into the ring when its client has taken what it was sent.
pub struct Listener {
    feed: Arc<Feed>,
    kinds: Kinds,
    /// Number of the event it has not looked at yet.
    next: u64,
    opening: Option<Bytes>,
    updates: watch::Receiver<u64>,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    /// What to send next, as soon as there is something; `None` at the end.
    pub async fn next(&mut self) -> Option<Bytes> {
        if let Some(opening) = self.opening.take() {
            return Some(opening);
        }
        loop {
            self.updates.borrow_and_update();
            match self.look() {
                Seen::Text(text) => return Some(text.into()),
                Seen::Closed => return None,
                Seen::Nothing => {}
            }
            let heartbeat = self.feed.limits.heartbeat;
            match tokio::time::timeout(heartbeat, self.updates.changed()).await {
                Ok(Ok(())) => {}
                // The feed lives as long as this.
                Ok(Err(_)) => return None,
                // The number, so that one who listens to rare kinds does not come back with an old one. An event
                // without data is not dispatched.
                Err(_) => return Some(format!("id: {}\n: still here\n\n", self.next - 1).into()),
            }
        }
    }

    fn look(&mut self) -> Seen {
        let ring = self.feed.lock();
        if self.next < ring.oldest() {
            self.next = ring.next;
            return Seen::Text(reset(&ring, Loss::TooOld));
        }
        let mut text = String::new();
        let seen = (self.next - ring.oldest()) as usize;
        for (kind, event) in ring.events.range(seen..) {
            if text.len() >= BATCH_BYTES {
                break;
            }
            self.next += 1;
            if self.kinds.contain(*kind) {
                text += event;
            }
        }
        match text.is_empty() {
            true if ring.closed => Seen::Closed,
            true => Seen::Nothing,
            false => Seen::Text(text),
        }
    }
}

enum Seen {
    Text(String),
    Nothing,
    Closed,
}
