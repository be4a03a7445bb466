//! Whether segments can be kept, and when that is worth a line in the log: when it changes, and not for each of the
//! thousands of segments that meet the same full disk. Pure: time is an argument.

use std::time::{Duration, Instant};

/// Why a piece is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No room, or none that this piece may take.
    Full,
    /// The disk refuses.
    Disk,
}

/// A line for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Say {
    /// Pieces are not kept; so many were not since the last line.
    NotKept { pieces: u64 },
    /// They are kept again.
    Kept,
}

/// Between two lines about the same, should the disk be full and not full in turn.
const PACE: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub struct Condition {
    /// When the log was last told of a full disk, and of one that refuses.
    told: [Option<Instant>; 2],
    /// When it was last told anything, while the last of it was trouble.
    troubled: Option<Instant>,
    untold: u64,
}

impl Condition {
    /// A piece was kept, or was not.
    pub fn after(&mut self, outcome: Result<(), Trouble>, now: Instant) -> Option<Say> {
        let due = |told: Option<Instant>| told.is_none_or(|at| now >= at + PACE);
        let Err(trouble) = outcome else {
            self.troubled.take_if(|at| now >= *at + PACE)?;
            self.untold = 0;
            return Some(Say::Kept);
        };
        self.untold += 1;
        let told = &mut self.told[trouble as usize];
        if !due(*told) {
            return None;
        }
        *told = Some(now);
        self.troubled = Some(now);
        Some(Say::NotKept { pieces: std::mem::take(&mut self.untold) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Result<(), Trouble> = Err(Trouble::Full);

    #[test]
    fn a_disk_that_stays_full_is_told_once_a_minute() {
        let (mut condition, start) = (Condition::default(), Instant::now());
        let said: Vec<(u32, Say)> = (0..150)
            .filter_map(|second| {
                let now = start + Duration::from_secs(1) * second;
                Some((second, condition.after(FULL, now)?))
            })
            .collect();
        let lines = [(0, 1), (60, 60), (120, 60)];
        assert_eq!(said, lines.map(|(second, pieces)| (second, Say::NotKept { pieces })));
    }

    #[test]
    fn a_disk_that_is_full_and_not_in_turn_does_not_fill_the_log() {
        let (mut condition, start) = (Condition::default(), Instant::now());
        let lines = (0..600).filter(|n| {
            let outcome = if n % 2 == 0 { FULL } else { Ok(()) };
            condition.after(outcome, start + Duration::from_millis(100) * *n).is_some()
        });
        assert_eq!(lines.count(), 1);
    }

    #[test]
    fn another_trouble_is_told_at_once_and_the_end_of_it_in_its_minute() {
        let (mut condition, now) = (Condition::default(), Instant::now());
        assert_eq!(condition.after(Ok(()), now), None);
        assert_eq!(condition.after(FULL, now), Some(Say::NotKept { pieces: 1 }));
        assert_eq!(condition.after(FULL, now), None);
        assert_eq!(condition.after(Err(Trouble::Disk), now), Some(Say::NotKept { pieces: 2 }));
        assert_eq!(condition.after(Ok(()), now), None);
        assert_eq!(condition.after(Ok(()), now + PACE), Some(Say::Kept));
        assert_eq!(condition.after(Ok(()), now + PACE * 3), None);
    }
}
