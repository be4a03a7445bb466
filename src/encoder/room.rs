//! Room for heads, shared by all files of the box: how many there may be, who steps aside for whom.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, watch};

pub struct Room {
    places: Arc<Semaphore>,
    pressure: broadcast::Sender<Pressure>,
    /// Heads that somebody waits for and that have not made anything yet.
    starting: watch::Sender<usize>,
}

/// Somebody waits for room. One encoder at a time is to give up a head for it.
#[derive(Clone, Debug)]
pub struct Pressure {
    pub waited: Duration,
    claimed: Arc<AtomicBool>,
}

/// Held while a head starts that somebody waits for: those that nobody waits for stand still.
pub struct Hush {
    starting: watch::Sender<usize>,
}

/// Between two requests for room: heads that somebody waits for finish a segment in about that time.
const PRESSURE_PACE: Duration = Duration::from_millis(250);

impl Room {
    pub fn new(max_heads: usize) -> Self {
        let places = Arc::new(Semaphore::new(max_heads));
        Self { places, pressure: broadcast::Sender::new(4), starting: watch::Sender::new(0) }
    }

    /// Waits for room for one more head. Who has room may be busy when first asked: it is asked again. `None` when
    /// the service ends.
    pub async fn wait(&self) -> Option<OwnedSemaphorePermit> {
        let begin = Instant::now();
        let mut place = std::pin::pin!(self.places.clone().acquire_owned());
        let mut patience = Duration::ZERO;
        loop {
            if let Ok(permit) = tokio::time::timeout(patience, &mut place).await {
                return permit.ok();
            }
            let pressure = Pressure { waited: begin.elapsed(), claimed: Arc::default() };
            let _nobody_else = self.pressure.send(pressure);
            patience = PRESSURE_PACE;
        }
    }

    /// Room that nobody has to make.
    pub fn free(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().try_acquire_owned().ok()
    }

    pub fn pressure(&self) -> broadcast::Receiver<Pressure> {
        self.pressure.subscribe()
    }

    pub fn hush(&self) -> Hush {
        self.starting.send_modify(|starting| *starting += 1);
        Hush { starting: self.starting.clone() }
    }

    /// How many hold a [`Hush`].
    pub fn starting(&self) -> watch::Receiver<usize> {
        self.starting.subscribe()
    }

    pub fn close(&self) {
        self.places.close();
    }
}

impl Pressure {
    /// True for the first who asks: it makes room, or [`Self::pass_on`]s.
    pub fn claim(&self) -> bool {
        !self.claimed.swap(true, Ordering::AcqRel)
    }

    pub fn pass_on(&self) {
        self.claimed.store(false, Ordering::Release);
    }
}

impl Drop for Hush {
    fn drop(&mut self) {
        self.starting.send_modify(|starting| *starting -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_encoder_makes_room_for_one_head() {
        let pressure = Pressure { waited: Duration::ZERO, claimed: Arc::default() };
        assert!(pressure.claim());
        assert!(!pressure.clone().claim());
        pressure.pass_on();
        assert!(pressure.clone().claim());
    }

    #[test]
    fn starting_heads_are_counted_as_long_as_they_start() {
        let room = Room::new(1);
        let starting = room.starting();
        let (one, other) = (room.hush(), room.hush());
        assert_eq!(*starting.borrow(), 2);
        drop(one);
        drop(other);
        assert_eq!(*starting.borrow(), 0);
    }

    #[tokio::test]
    async fn who_waits_for_room_says_so_until_there_is_some() {
        let room = Arc::new(Room::new(1));
        let mut pressure = room.pressure();
        let taken = room.free().expect("room for one");
        assert!(room.free().is_none());
        let waiting = tokio::spawn({
            let room = room.clone();
            async move { room.wait().await.is_some() }
        });
        assert!(pressure.recv().await.expect("it asks").claim());
        drop(taken);
        assert!(waiting.await.expect("it ended"));
    }
}
