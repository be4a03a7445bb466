//! What failed lately rests for a while: hardware that does not do something on this box is not tried for every segment
//! of every film again. Pure; the time is an argument.

use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;

/// Time since the service began.
pub type Now = Duration;

/// Of what hardware makes what, as far as it cares.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Combination {
    pub profile: String,
    /// The device decodes.
    pub decodes_on_device: bool,
    /// Codec and pixel format of the source.
    pub source: String,
    /// Codec that comes out.
    pub codec: String,
    /// Of the picture that comes out, in lines; chips have limits by size.
    pub height: u32,
}

/// How hardware came to grief.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grief {
    /// It said that it cannot: so much for this combination.
    Refused,
    /// The process died or hung, or the encoder failed in the middle: all of the hardware may be gone.
    Lost,
}

impl std::fmt::Display for Combination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let decoder = if self.decodes_on_device { "the device" } else { "the processor" };
        write!(f, "{} to {} with {} lines, decoded on {decoder}", self.source, self.codec, self.height)
    }
}

/// Something that is not used for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Resting {
    pub profile: String,
    /// What of the profile; all of it without.
    pub combination: Option<String>,
    pub why: String,
    #[serde(rename = "left_s", serialize_with = "seconds")]
    pub left: Duration,
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(time.as_secs_f64().ceil() as u64)
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Rests {
    Profile(String),
    Combination(Combination),
}

#[derive(Clone, Debug)]
struct Entry {
    /// In a row.
    strikes: u32,
    last: Now,
    rests_until: Now,
    reason: String,
}

/// The first rest; each one in a row is four times as long as the one before.
const FIRST_REST: Duration = Duration::from_secs(30);
const LONGEST_REST: Duration = Duration::from_secs(30 * 60);
/// Strikes that are so far apart do not belong together.
const FORGOTTEN: Duration = Duration::from_secs(60 * 60);
/// Entries that are remembered; the oldest goes.
const MAX_ENTRIES: usize = 256;

#[derive(Debug, Default)]
pub struct Bench {
    entries: HashMap<Rests, Entry>,
}

impl Bench {
    /// Notes that hardware failed at something. It rests from now on.
    pub fn failed(&mut self, combination: &Combination, grief: Grief, reason: &str, now: Now) {
        self.strike(Rests::Combination(combination.clone()), reason, now);
        if grief == Grief::Lost {
            self.strike(Rests::Profile(combination.profile.clone()), reason, now);
        }
    }

    fn strike(&mut self, what: Rests, reason: &str, now: Now) {
        let known = self.entries.get(&what).filter(|entry| now.saturating_sub(entry.last) < FORGOTTEN);
        // Several heads die of one thing: what rests already is not struck again.
        if known.is_some_and(|entry| now < entry.rests_until) {
            return;
        }
        let strikes = known.map_or(0, |entry| entry.strikes) + 1;
        let rest = FIRST_REST.saturating_mul(4u32.saturating_pow(strikes - 1)).min(LONGEST_REST);
        if self.entries.len() >= MAX_ENTRIES
            && !self.entries.contains_key(&what)
            && let Some(oldest) =
                self.entries.iter().min_by_key(|(_, entry)| entry.last).map(|(what, _)| what.clone())
        {
            self.entries.remove(&oldest);
        }
        let entry = Entry { strikes, last: now, rests_until: now + rest, reason: reason.to_owned() };
        self.entries.insert(what, entry);
    }

    /// Notes that it works.
    pub fn worked(&mut self, combination: &Combination) {
        if !self.entries.is_empty() {
            self.entries.remove(&Rests::Profile(combination.profile.clone()));
            self.entries.remove(&Rests::Combination(combination.clone()));
        }
    }

    /// Why it rests, and for how long still.
    pub fn rests(&self, combination: &Combination, now: Now) -> Option<(&str, Duration)> {
        if self.entries.is_empty() {
            return None;
        }
        let both = [Rests::Profile(combination.profile.clone()), Rests::Combination(combination.clone())];
        both.iter().filter_map(|what| self.left(what, now)).max_by_key(|(_, left)| *left)
    }

    /// Everything that rests, the shortest first.
    pub fn resting(&self, now: Now) -> Vec<Resting> {
        let rest = |what: &Rests| {
            let (why, left) = self.left(what, now)?;
            let (profile, combination) = match what {
                Rests::Profile(profile) => (profile, None),
                Rests::Combination(combination) => (&combination.profile, Some(combination.to_string())),
            };
            Some(Resting { profile: profile.clone(), combination, why: why.to_owned(), left })
        };
        let mut resting: Vec<Resting> = self.entries.keys().filter_map(rest).collect();
        resting.sort_by(|a, b| a.left.cmp(&b.left).then_with(|| a.combination.cmp(&b.combination)));
        resting
    }

    fn left(&self, what: &Rests, now: Now) -> Option<(&str, Duration)> {
        let entry = self.entries.get(what)?;
        let left = entry.rests_until.checked_sub(now).filter(|left| !left.is_zero())?;
        Some((&entry.reason, left))
    }
}

/// How many encoders a profile has at once, where that was found out: one more was refused.
#[derive(Debug, Default)]
pub struct LearnedLimits {
    learned: HashMap<String, (u32, Now)>,
}

/// What was learned is doubted after so long: another program may have had the others.
const LEARNED_FOR: Duration = Duration::from_secs(10 * 60);

impl LearnedLimits {
    /// One more was refused while so many were at work.
    pub fn refused(&mut self, profile: &str, at_work: u32, now: Now) {
        self.learned.insert(profile.to_owned(), (at_work, now));
    }

    /// The most that are at work at once; `None` where nobody knows of a limit.
    pub fn limit(&self, profile: &str, now: Now) -> Option<u32> {
        let (limit, since) = self.learned.get(profile)?;
        (now.saturating_sub(*since) < LEARNED_FOR).then_some(*limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Now {
        Duration::from_secs(seconds)
    }

    fn card() -> Combination {
        Combination {
            profile: "nvidia".into(),
            decodes_on_device: true,
            source: "h265 yuv420p10le".into(),
            codec: "h264".into(),
            height: 1080,
        }
    }

    #[test]
    fn who_refuses_rests_longer_each_time() {
        let (mut bench, card, mut now) = (Bench::default(), card(), at(100));
        for rest in [30, 120, 480, 1800, 1800] {
            bench.failed(&card, Grief::Refused, "too large", now);
            assert_eq!(bench.rests(&card, now), Some(("too large", at(rest))));
            now += at(rest);
            assert_eq!(bench.rests(&card, now), None);
        }
    }

    #[test]
    fn what_was_refused_keeps_nothing_else_of_the_profile_from_work() {
        let mut bench = Bench::default();
        bench.failed(&card(), Grief::Refused, "too large", at(0));
        let others = [
            Combination { height: 720, ..card() },
            Combination { decodes_on_device: false, ..card() },
            Combination { profile: "vaapi".into(), ..card() },
        ];
        assert!(others.iter().all(|other| bench.rests(other, at(0)).is_none()));
    }

    #[test]
    fn hardware_that_is_lost_rests_with_all_that_it_does() {
        let mut bench = Bench::default();
        bench.failed(&card(), Grief::Lost, "worker died", at(0));
        let other = Combination { height: 720, source: "mpeg2 yuv420p".into(), ..card() };
        assert_eq!(bench.rests(&other, at(10)), Some(("worker died", at(20))));
        assert_eq!(bench.rests(&Combination { profile: "vaapi".into(), ..card() }, at(10)), None);
        // What else it does shows that it is back; what it failed at has to show that itself.
        bench.worked(&other);
        assert_eq!(bench.rests(&other, at(10)), None);
        assert_eq!(bench.rests(&card(), at(10)), Some(("worker died", at(20))));
    }

    #[test]
    fn heads_that_die_together_are_one_strike() {
        let mut bench = Bench::default();
        for height in [1080, 720, 360] {
            bench.failed(&Combination { height, ..card() }, Grief::Lost, "worker died", at(0));
        }
        assert_eq!(bench.rests(&card(), at(29)), Some(("worker died", at(1))));
        assert_eq!(bench.rests(&card(), at(30)), None);
    }

    #[test]
    fn what_works_is_forgiven_and_what_is_long_ago_forgotten() {
        let (mut bench, card) = (Bench::default(), card());
        bench.failed(&card, Grief::Lost, "no", at(0));
        bench.worked(&card);
        assert_eq!(bench.rests(&card, at(1)), None);
        bench.failed(&card, Grief::Refused, "no", at(2));
        assert_eq!(bench.rests(&card, at(2)), Some(("no", at(30))));
        bench.failed(&card, Grief::Refused, "no", at(7200));
        assert_eq!(bench.rests(&card, at(7200)), Some(("no", at(30))));
    }

    #[test]
    fn everything_that_rests_is_told() {
        let mut bench = Bench::default();
        bench.failed(&card(), Grief::Lost, "worker died", at(0));
        let told = |now| bench.resting(now).into_iter().map(|rest| rest.combination).collect::<Vec<_>>();
        let what = "h265 yuv420p10le to h264 with 1080 lines, decoded on the device";
        assert_eq!(told(at(1)), [None, Some(what.to_owned())]);
        assert!(told(at(30)).is_empty());
    }

    #[test]
    fn no_more_than_so_many_are_remembered() {
        let mut bench = Bench::default();
        for height in 0..400 {
            bench.failed(&Combination { height, ..card() }, Grief::Refused, "no", at(height.into()));
        }
        assert_eq!(bench.entries.len(), MAX_ENTRIES);
        assert!(bench.rests(&Combination { height: 399, ..card() }, at(399)).is_some());
    }

    #[test]
    fn a_limit_is_learned_and_doubted_again() {
        let mut limits = LearnedLimits::default();
        assert_eq!(limits.limit("nvidia", at(0)), None);
        limits.refused("nvidia", 3, at(0));
        assert_eq!(limits.limit("nvidia", at(599)), Some(3));
        assert_eq!(limits.limit("nvidia", at(600)), None);
    }
}
