//! Numbers that many tasks add to and one reader prints. Each is an atomic: adding takes no lock and allocates
//! nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Only ever grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many there are just now; each is held by a [`Held`].
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    pub(super) fn up(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn down(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub fn hold(&self) -> Held<'_> {
        self.up();
        Held(self)
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts as one until it is dropped.
pub struct Held<'a>(&'a Gauge);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.down();
    }
}

/// Upper bounds in seconds: fine around what a start takes (copies 0.1, encodes 0.3 to 0.45), coarse up to where
/// players give up.
pub const BOUNDS_S: [f64; 14] = [0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0];

/// Times by how long they were.
#[derive(Debug, Default)]
pub struct Histogram {
    /// Times up to each bound and above the one before.
    buckets: [AtomicU64; BOUNDS_S.len()],
    longer: AtomicU64,
    sum_us: AtomicU64,
}

/// A histogram as it was at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// Of [`BOUNDS_S`], how many times were at most so long.
    pub cumulative: [u64; BOUNDS_S.len()],
    pub count: u64,
    pub sum_s: f64,
}

impl Histogram {
    pub fn observe(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        let bucket = BOUNDS_S.iter().zip(&self.buckets).find(|(bound, _)| seconds <= **bound);
        bucket.map_or(&self.longer, |(_, bucket)| bucket).fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The count is that of the buckets, so that the two agree whatever is observed meanwhile.
    pub fn distribution(&self) -> Distribution {
        let mut count = 0;
        let cumulative = self.buckets.each_ref().map(|bucket| {
            count += bucket.load(Ordering::Relaxed);
            count
        });
        count += self.longer.load(Ordering::Relaxed);
        Distribution { cumulative, count, sum_s: self.sum_us.load(Ordering::Relaxed) as f64 / 1e6 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_falls_into_the_bucket_of_the_first_bound_that_holds_it() {
        let histogram = Histogram::default();
        for ms in [0, 10, 11, 30_000, 30_001] {
            histogram.observe(Duration::from_millis(ms));
        }
        let seen = histogram.distribution();
        assert_eq!(seen.cumulative[..3], [2, 3, 3]);
        assert_eq!((seen.cumulative[13], seen.count), (4, 5));
        assert!((seen.sum_s - 60.022).abs() < 1e-9, "{}", seen.sum_s);
    }

    #[test]
    fn what_is_held_counts_until_it_is_dropped() {
        let gauge = Gauge::default();
        let held = [gauge.hold(), gauge.hold()];
        assert_eq!(gauge.get(), 2);
        drop(held);
        assert_eq!(gauge.get(), 0);
    }
}
