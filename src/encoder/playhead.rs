//! The live edge's playhead: one per file, paced at real time, the same for everybody who watches.

use super::state::Now;
use crate::timeline::Nanos;

/// Runs with the clock from where it was started to the end of the file; waits where nothing is made yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Playhead {
    /// When it was at `at_ns`.
    since: Now,
    at_ns: Nanos,
    end_ns: Nanos,
}

impl Playhead {
    /// At `at_ns` from the origin now, which is not behind `end_ns`.
    pub fn new(now: Now, at_ns: Nanos, end_ns: Nanos) -> Self {
        Self { since: now, at_ns: at_ns.clamp(0, end_ns.max(0)), end_ns: end_ns.max(0) }
    }

    /// Nanoseconds from the origin.
    pub fn position(&self, now: Now) -> Nanos {
        let passed = Nanos::try_from(now.saturating_sub(self.since).as_nanos()).unwrap_or(Nanos::MAX);
        self.at_ns.saturating_add(passed).min(self.end_ns)
    }

    /// When it was last where without waiting.
    pub fn anchor(&self) -> (Now, Nanos) {
        (self.since, self.at_ns)
    }

    pub fn end(&self) -> Nanos {
        self.end_ns
    }

    pub fn ended(&self, now: Now) -> bool {
        self.position(now) >= self.end_ns
    }

    /// What follows `made_ns` is not made yet: the playhead waits there, for everybody.
    /// True when it waits.
    pub fn hold(&mut self, now: Now, made_ns: Nanos) -> bool {
        let waits = self.position(now) > made_ns;
        if waits {
            // It never goes back: what was shown was shown.
            *self = Self { since: now, at_ns: made_ns.max(self.at_ns), end_ns: self.end_ns };
        }
        waits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    const SECOND: Nanos = 1_000_000_000;

    fn at(seconds: u64) -> Now {
        Duration::from_secs(seconds)
    }

    #[test]
    fn it_runs_with_the_clock_to_the_end() {
        let playhead = Playhead::new(at(100), 20 * SECOND, 60 * SECOND);
        assert_eq!(playhead.position(at(100)), 20 * SECOND);
        assert_eq!(playhead.position(at(130)), 50 * SECOND);
        assert!(!playhead.ended(at(139)));
        assert!(playhead.ended(at(140)));
        assert_eq!(playhead.position(at(1000)), 60 * SECOND);
    }

    #[test]
    fn it_waits_where_nothing_is_made_and_goes_on_from_there() {
        let mut playhead = Playhead::new(at(0), 0, 60 * SECOND);
        playhead.hold(at(10), 12 * SECOND);
        assert_eq!(playhead.position(at(10)), 10 * SECOND, "it is made that far");
        playhead.hold(at(15), 12 * SECOND);
        assert_eq!(playhead.position(at(15)), 12 * SECOND);
        playhead.hold(at(17), 20 * SECOND);
        assert_eq!(playhead.position(at(17)), 14 * SECOND);
    }

    #[test]
    fn it_starts_within_the_file() {
        assert_eq!(Playhead::new(at(0), 90 * SECOND, 60 * SECOND).position(at(0)), 60 * SECOND);
        assert_eq!(Playhead::new(at(0), -5, 60 * SECOND).position(at(0)), 0);
    }

    proptest! {
        #[test]
        fn it_is_never_ahead_of_the_clock_nor_goes_behind_what_it_showed_once_it_was_held(
            steps in prop::collection::vec((0u64..30, 0i64..700), 1..40),
        ) {
            let mut playhead = Playhead::new(at(0), 0, 600 * SECOND);
            let (mut now, mut least) = (0, 0);
            for (passed, made) in steps {
                now += passed;
                playhead.hold(at(now), made * SECOND);
                let position = playhead.position(at(now));
                prop_assert!(position <= now as i64 * SECOND);
                prop_assert!(position >= least);
                prop_assert!(position <= 600 * SECOND);
                least = playhead.at_ns;
            }
        }
    }
}
