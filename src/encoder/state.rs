//! Who encodes what, when: the schedule of one file's heads. Pure: an event at a time goes in, effects come out;
//! the actor performs them.
//!
//! Rules: a request waits on a segment and never moves a head that somebody else needs. Among the heads behind a
//! wanted segment the one that gets there first serves it, if it gets there sooner than a new head would. A head
//! works up to its goal, the furthest wanted segment plus the look-ahead, and stops there; one that nobody asks
//! for ends after the idle time; one that runs into a segment that exists ends at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Time since the encoder began; the actor reads the clock.
pub type Now = Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeadId(pub u64);

/// Index of a rendition in its presentation's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RenditionIndex(pub usize);

/// Which round of waiting for a segment a request belongs to. The segment may be made, evicted and wanted again
/// while the first round's readers still read: their leaving must not count against those who came later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody waits for a segment, which is not in the store.
    Want { rendition: RenditionIndex, segment: u32 },
    /// Somebody no longer waits or reads, who came with this ticket.
    Release { rendition: RenditionIndex, segment: u32, ticket: Ticket },
    /// A segment was served from the store: a viewer is here and will want what follows.
    Near { rendition: RenditionIndex, segment: u32 },
    /// A head has made a whole segment, `took` after the one before (or its start).
    Made { head: HeadId, segment: u32, took: Duration },
    /// Nobody waits for this segment any more: it cannot be made.
    GiveUp { rendition: RenditionIndex, segment: u32 },
    /// A head is no more.
    Ended { head: HeadId },
    /// Somebody else on this box waits for room.
    Pressure,
    /// Somebody wants every head to end that nobody waits for.
    Stop,
    /// Time has passed.
    Tick,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Start { head: HeadId, rendition: RenditionIndex, segment: u32, goal: u32 },
    Goal { head: HeadId, segment: u32 },
    Kill { head: HeadId },
}

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub max_heads: usize,
    /// Time to keep a head that nobody asks for.
    pub idle: Duration,
}

/// What the schedule has to know of a rendition.
#[derive(Clone, Debug)]
pub struct Shape {
    pub segments: u32,
    /// Typical length of a segment.
    pub segment: Duration,
    /// Segments to make ahead of the furthest wanted one.
    pub look_ahead: u32,
    /// Time from starting a head to its first fragment.
    pub cold_start: Duration,
}

#[derive(Debug)]
struct Head {
    rendition: RenditionIndex,
    /// The segment being made, or to be made next.
    frontier: u32,
    goal: u32,
    /// Time per segment, measured.
    pace: Option<Duration>,
    last_wanted: Now,
}

impl Head {
    fn paused(&self) -> bool {
        self.frontier > self.goal
    }
}

#[derive(Debug)]
struct Line {
    shape: Shape,
    stored: BTreeSet<u32>,
    /// Wanted segments that are not stored.
    wanted: BTreeMap<u32, Interest>,
}

#[derive(Clone, Copy, Debug)]
struct Interest {
    ticket: Ticket,
    requests: usize,
}

#[derive(Debug)]
pub struct State {
    limits: Limits,
    lines: Vec<Line>,
    heads: BTreeMap<HeadId, Head>,
    next_head: u64,
    next_ticket: u64,
}

/// A head that makes this segment or the one before it serves it in any case: a new one beside it would be made for
/// a moment's gain.
const NEXT_DOOR: u32 = 1;
/// Waiting may take so much longer than a new head would: a head costs a decoder and an encoder.
const MARGIN: Duration = Duration::from_millis(200);
/// A head whose pace is not known yet is taken to run this much faster than real time.
const ASSUMED_SPEED: u32 = 2;

impl State {
    pub fn new(limits: Limits, shapes: Vec<Shape>) -> Self {
        let line = |shape| Line { shape, stored: BTreeSet::new(), wanted: BTreeMap::new() };
        let lines = shapes.into_iter().map(line).collect();
        Self { limits, lines, heads: BTreeMap::new(), next_head: 0, next_ticket: 0 }
    }

    /// The store has this segment (at start), or lost it (`stored` false).
    pub fn set_stored(&mut self, rendition: RenditionIndex, segment: u32, stored: bool) {
        if let Some(line) = self.lines.get_mut(rendition.0) {
            if stored {
                line.stored.insert(segment)
            } else {
                line.stored.remove(&segment)
            };
        }
    }

    /// What is stored of a rendition, looked up anew.
    pub fn reset_stored(&mut self, rendition: RenditionIndex, segments: impl IntoIterator<Item = u32>) {
        if let Some(line) = self.lines.get_mut(rendition.0) {
            line.stored = segments.into_iter().collect();
        }
    }

    /// Whether a segment is stored, as far as the schedule was told.
    pub fn is_stored(&self, rendition: RenditionIndex, segment: u32) -> bool {
        self.lines.get(rendition.0).is_some_and(|line| line.stored.contains(&segment))
    }

    #[cfg(test)]
    fn head_count(&self) -> usize {
        self.heads.len()
    }

    /// Requests that wait for segments which this head will make before any other does.
    pub fn waiters(&self, head: HeadId) -> usize {
        let Some(own) = self.heads.get(&head) else {
            return 0;
        };
        let nearest = |segment: u32| self.server(own.rendition, segment) == Some(head);
        let line = &self.lines[own.rendition.0];
        let waiting = line.wanted.iter().filter(|(segment, _)| nearest(**segment));
        waiting.map(|(_, interest)| interest.requests).sum()
    }

    /// What a request that waits for a segment gives back when it ends.
    pub fn ticket(&self, rendition: RenditionIndex, segment: u32) -> Option<Ticket> {
        self.lines.get(rendition.0)?.wanted.get(&segment).map(|interest| interest.ticket)
    }

    /// Wanted segments of a rendition at or after `from`.
    pub fn wanted(&self, rendition: RenditionIndex, from: u32) -> Vec<u32> {
        self.lines
            .get(rendition.0)
            .map_or_else(Vec::new, |line| line.wanted.range(from..).map(|w| *w.0).collect())
    }

    /// Whether any head works on a rendition.
    pub fn has_head(&self, rendition: RenditionIndex) -> bool {
        self.heads.values().any(|head| head.rendition == rendition)
    }

    pub fn is_paused(&self, head: HeadId) -> bool {
        self.heads.get(&head).is_some_and(Head::paused)
    }

    pub fn frontier(&self, head: HeadId) -> Option<u32> {
        self.heads.get(&head).map(|head| head.frontier)
    }

    pub fn step(&mut self, now: Now, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Want { rendition, segment } => {
                if let Some(line) = self.lines.get_mut(rendition.0)
                    && segment < line.shape.segments
                {
                    let interest = line.wanted.entry(segment).or_insert_with(|| {
                        self.next_ticket += 1;
                        Interest { ticket: Ticket(self.next_ticket), requests: 0 }
                    });
                    interest.requests += 1;
                    self.serve(now, rendition, segment, &mut effects);
                }
            }
            Event::Release { rendition, segment, ticket } => {
                if let Some(line) = self.lines.get_mut(rendition.0)
                    && let Some(interest) = line.wanted.get_mut(&segment)
                    && interest.ticket == ticket
                {
                    interest.requests -= 1;
                    if interest.requests == 0 {
                        line.wanted.remove(&segment);
                    }
                }
            }
            Event::Near { rendition, segment } => self.extend(now, rendition, segment, &mut effects),
            Event::Made { head, segment, took } => self.made(head, segment, took, &mut effects),
            Event::GiveUp { rendition, segment } => {
                if let Some(line) = self.lines.get_mut(rendition.0) {
                    line.wanted.remove(&segment);
                }
            }
            Event::Ended { head } => {
                self.heads.remove(&head);
            }
            Event::Pressure => {
                if let Some(head) = self.spare_head() {
                    self.kill(head, &mut effects);
                }
            }
            Event::Stop => {
                for head in self.idle_heads() {
                    self.kill(head, &mut effects);
                }
            }
            Event::Tick => {
                let idle = self.limits.idle;
                let stale: Vec<HeadId> = self
                    .idle_heads()
                    .into_iter()
                    .filter(|head| self.heads.get(head).is_some_and(|head| now >= head.last_wanted + idle))
                    .collect();
                stale.into_iter().for_each(|head| self.kill(head, &mut effects));
            }
        }
        // Whatever happened may have made room for a request that waits for it.
        self.serve_all(now, &mut effects);
        effects
    }

    fn serve_all(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let waiting: Vec<(RenditionIndex, u32)> = self
            .lines
            .iter()
            .enumerate()
            .flat_map(|(index, line)| {
                line.wanted.keys().map(move |segment| (RenditionIndex(index), *segment))
            })
            .filter(|(rendition, segment)| self.server(*rendition, *segment).is_none())
            .collect();
        for (rendition, segment) in waiting {
            self.serve(now, rendition, segment, effects);
        }
    }

    /// Finds or starts a head for a wanted segment; leaves it waiting when there is no room.
    fn serve(&mut self, now: Now, rendition: RenditionIndex, segment: u32, effects: &mut Vec<Effect>) {
        let line = &self.lines[rendition.0];
        if line.stored.contains(&segment) {
            return;
        }
        if self.server(rendition, segment).is_some() {
            self.extend(now, rendition, segment, effects);
            return;
        }
        if self.heads.len() >= self.limits.max_heads {
            match self.spare_head() {
                Some(head) => self.kill(head, effects),
                None => return,
            }
        }
        let shape = &self.lines[rendition.0].shape;
        let goal = (segment + shape.look_ahead).min(shape.segments - 1);
        let head = HeadId(self.next_head);
        self.next_head += 1;
        self.heads.insert(head, Head { rendition, frontier: segment, goal, pace: None, last_wanted: now });
        effects.push(Effect::Start { head, rendition, segment, goal });
    }

    /// The head that will make a segment first, if it does so before a new head could.
    fn server(&self, rendition: RenditionIndex, segment: u32) -> Option<HeadId> {
        let line = &self.lines[rendition.0];
        self.heads
            .iter()
            .filter(|(_, head)| head.rendition == rendition && head.frontier <= segment)
            .filter(|(_, head)| line.stored.range(head.frontier..segment).next().is_none())
            .map(|(id, head)| (self.arrival(head, segment, &line.shape), segment - head.frontier, *id))
            .min()
            .filter(|(arrival, distance, _)| {
                *distance <= NEXT_DOOR || *arrival <= line.shape.cold_start + MARGIN
            })
            .map(|(_, _, id)| id)
    }

    /// Time until a head begins a segment.
    fn arrival(&self, head: &Head, segment: u32, shape: &Shape) -> Duration {
        let pace = head.pace.unwrap_or(shape.segment / ASSUMED_SPEED);
        pace * (segment - head.frontier)
    }

    /// A viewer is at `segment`: the head that works ahead of it may go on.
    fn extend(&mut self, now: Now, rendition: RenditionIndex, segment: u32, effects: &mut Vec<Effect>) {
        let Some(line) = self.lines.get(rendition.0) else {
            return;
        };
        let goal = (segment + line.shape.look_ahead).min(line.shape.segments - 1);
        let ahead = self
            .heads
            .iter_mut()
            .filter(|(_, head)| head.rendition == rendition)
            // The head behind the segment that will make it, or the one that already works ahead of the viewer.
            .filter(|(_, head)| {
                head.frontier <= goal + 1 && head.frontier + line.shape.look_ahead >= segment
            });
        for (id, head) in ahead {
            head.last_wanted = now;
            if goal > head.goal {
                head.goal = goal;
                effects.push(Effect::Goal { head: *id, segment: goal });
            }
        }
    }

    fn made(&mut self, id: HeadId, segment: u32, took: Duration, effects: &mut Vec<Effect>) {
        let Some(head) = self.heads.get_mut(&id) else {
            return;
        };
        head.frontier = segment + 1;
        let (rendition, next) = (head.rendition, head.frontier);
        // A moving average over the last few segments.
        head.pace = Some(head.pace.map_or(took, |pace| (pace * 3 + took) / 4));
        let line = &mut self.lines[rendition.0];
        line.stored.insert(segment);
        line.wanted.remove(&segment);
        let mut others = self.heads.iter().filter(|(other, _)| **other != id);
        let taken = others.any(|(_, other)| other.rendition == rendition && other.frontier == next);
        if next < line.shape.segments && (taken || line.stored.contains(&next)) {
            self.kill(id, effects);
        }
    }

    /// Heads that no request waits for.
    fn idle_heads(&self) -> Vec<HeadId> {
        self.heads.keys().copied().filter(|head| self.waiters(*head) == 0).collect()
    }

    /// The head that is missed least: one at its goal, then the one that was wanted longest ago.
    fn spare_head(&self) -> Option<HeadId> {
        self.idle_heads().into_iter().min_by_key(|id| {
            let head = &self.heads[id];
            (!head.paused(), head.last_wanted)
        })
    }

    fn kill(&mut self, head: HeadId, effects: &mut Vec<Effect>) {
        if self.heads.remove(&head).is_some() {
            effects.push(Effect::Kill { head });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RENDITION: RenditionIndex = RenditionIndex(0);
    const SECOND: Duration = Duration::from_secs(1);

    fn state(max_heads: usize) -> State {
        let shape = Shape {
            segments: 100,
            segment: 2 * SECOND,
            look_ahead: 10,
            cold_start: Duration::from_millis(400),
        };
        State::new(Limits { max_heads, idle: 60 * SECOND }, vec![shape.clone(), shape])
    }

    fn want(state: &mut State, now: u64, segment: u32) -> Vec<Effect> {
        state.step(SECOND * now as u32, Event::Want { rendition: RENDITION, segment })
    }

    fn made(state: &mut State, now: u64, head: u64, segment: u32) -> Vec<Effect> {
        state.step(SECOND * now as u32, Event::Made { head: HeadId(head), segment, took: SECOND })
    }

    #[test]
    fn the_first_request_starts_a_head_and_the_next_ones_follow_it() {
        let mut state = state(4);
        let start = Effect::Start { head: HeadId(0), rendition: RENDITION, segment: 0, goal: 10 };
        assert_eq!(want(&mut state, 0, 0), [start]);
        assert_eq!(want(&mut state, 0, 0), []);
        assert_eq!(want(&mut state, 0, 1), [Effect::Goal { head: HeadId(0), segment: 11 }]);
        assert_eq!(state.head_count(), 1);
        assert_eq!(state.waiters(HeadId(0)), 3);
    }

    #[test]
    fn a_far_request_gets_a_head_of_its_own_and_disturbs_nobody() {
        let mut state = state(4);
        want(&mut state, 0, 0);
        let start = Effect::Start { head: HeadId(1), rendition: RENDITION, segment: 50, goal: 60 };
        assert_eq!(want(&mut state, 1, 50), [start]);
    }

    #[test]
    fn a_fast_head_far_behind_is_not_waited_for() {
        let mut state = state(4);
        want(&mut state, 0, 0);
        let took = Duration::from_millis(10);
        (0..5).for_each(|segment| {
            state.step(SECOND, Event::Made { head: HeadId(0), segment, took });
        });
        assert_eq!(want(&mut state, 1, 14).len(), 1, "a quarter of a second away: its goal moves");
        let start = Effect::Start { head: HeadId(1), rendition: RENDITION, segment: 90, goal: 99 };
        assert_eq!(want(&mut state, 1, 90), [start], "longer than a new head takes");
    }

    #[test]
    fn a_full_house_gives_way_only_where_nobody_waits() {
        let mut state = state(1);
        want(&mut state, 0, 0);
        assert_eq!(want(&mut state, 1, 50), [], "both wait, the first was first");
        let effects = made(&mut state, 2, 0, 0);
        let start = Effect::Start { head: HeadId(1), rendition: RENDITION, segment: 50, goal: 60 };
        assert_eq!(effects, [Effect::Kill { head: HeadId(0) }, start]);
    }

    #[test]
    fn a_head_ends_where_another_has_been() {
        let mut state = state(4);
        state.set_stored(RENDITION, 2, true);
        want(&mut state, 0, 1);
        assert_eq!(made(&mut state, 1, 0, 1), [Effect::Kill { head: HeadId(0) }]);
    }

    #[test]
    fn a_head_that_nobody_asks_for_ends_after_the_idle_time() {
        let mut state = state(4);
        want(&mut state, 0, 0);
        made(&mut state, 1, 0, 0);
        assert_eq!(state.step(59 * SECOND, Event::Tick), []);
        assert_eq!(state.step(60 * SECOND, Event::Tick), [Effect::Kill { head: HeadId(0) }]);
    }

    #[test]
    fn viewers_of_stored_segments_keep_the_head_ahead_of_them_going() {
        let mut state = state(4);
        want(&mut state, 0, 0);
        (0..=10).for_each(|segment| {
            made(&mut state, 1, 0, segment);
        });
        assert!(state.is_paused(HeadId(0)));
        let effects = state.step(5 * SECOND, Event::Near { rendition: RENDITION, segment: 4 });
        assert_eq!(effects, [Effect::Goal { head: HeadId(0), segment: 14 }]);
        assert!(!state.is_paused(HeadId(0)));
    }

    #[test]
    fn a_dead_head_is_replaced_while_somebody_waits() {
        let mut state = state(4);
        want(&mut state, 0, 7);
        let effects = state.step(SECOND, Event::Ended { head: HeadId(0) });
        assert_eq!(effects, [Effect::Start { head: HeadId(1), rendition: RENDITION, segment: 7, goal: 17 }]);
        let ticket = state.ticket(RENDITION, 7).expect("somebody waits");
        state.step(SECOND, Event::Release { rendition: RENDITION, segment: 7, ticket });
        assert_eq!(state.step(SECOND, Event::Ended { head: HeadId(1) }), []);
    }

    #[test]
    fn room_for_somebody_else_costs_one_head_the_one_missed_least() {
        let mut state = state(4);
        want(&mut state, 0, 0);
        want(&mut state, 0, 50);
        want(&mut state, 0, 80);
        (0..=10).for_each(|segment| {
            made(&mut state, 1, 0, segment);
        });
        made(&mut state, 1, 1, 50);
        assert!(state.is_paused(HeadId(0)));
        assert_eq!(state.step(2 * SECOND, Event::Pressure), [Effect::Kill { head: HeadId(0) }]);
        assert_eq!(state.step(2 * SECOND, Event::Pressure), [Effect::Kill { head: HeadId(1) }]);
        assert_eq!(state.step(2 * SECOND, Event::Pressure), [], "somebody waits for the last");
    }

    #[test]
    fn who_read_a_segment_before_it_was_evicted_does_not_leave_for_who_wants_it_now() {
        let mut state = state(4);
        want(&mut state, 0, 7);
        let early = state.ticket(RENDITION, 7).expect("somebody waits");
        made(&mut state, 1, 0, 7);
        state.set_stored(RENDITION, 7, false);
        want(&mut state, 2, 7);
        state.step(2 * SECOND, Event::Release { rendition: RENDITION, segment: 7, ticket: early });
        assert_eq!(state.wanted(RENDITION, 0), [7]);
        let late = state.ticket(RENDITION, 7).expect("somebody still waits");
        state.step(2 * SECOND, Event::Release { rendition: RENDITION, segment: 7, ticket: late });
        assert!(state.wanted(RENDITION, 0).is_empty());
    }

    #[derive(Clone, Debug)]
    enum Move {
        Want(usize, u32),
        ReleaseOne(usize),
        Near(usize, u32),
        Evict(usize),
        Work(usize),
        Die(usize),
        Pressure,
        Stop,
        Tick,
    }

    fn moves() -> impl Strategy<Value = Vec<Move>> {
        let one = prop_oneof![
            4 => (0usize..2, 0u32..100).prop_map(|(r, s)| Move::Want(r, s)),
            3 => (0usize..8).prop_map(Move::ReleaseOne),
            2 => (0usize..2, 0u32..100).prop_map(|(r, s)| Move::Near(r, s)),
            1 => (0usize..8).prop_map(Move::Evict),
            8 => (0usize..8).prop_map(Move::Work),
            1 => (0usize..8).prop_map(Move::Die),
            1 => Just(Move::Pressure),
            1 => Just(Move::Stop),
            1 => Just(Move::Tick),
        ];
        prop::collection::vec(one, 1..200)
    }

    proptest! {
        #[test]
        fn every_waiter_is_answered_nothing_is_made_twice_and_heads_stay_within_their_limit(
            moves in moves(), max_heads in 1usize..5,
        ) {
            let mut state = state(max_heads);
            let mut heads: BTreeMap<HeadId, (RenditionIndex, u32, u32)> = BTreeMap::new();
            let mut waiting: Vec<(RenditionIndex, u32)> = Vec::new();
            // Requests in progress: who waits, and who still reads what was made.
            let mut open: Vec<(RenditionIndex, u32, Ticket)> = Vec::new();
            let mut exists: BTreeSet<(RenditionIndex, u32)> = BTreeSet::new();
            let mut now = Duration::ZERO;
            let finish = (0..2_000).map(|n| if n % 3 == 0 { Move::Tick } else { Move::Work(n) });
            for step in moves.into_iter().chain(finish) {
                now += Duration::from_millis(500);
                let mut wanted = None;
                let event = match step {
                    Move::Want(rendition, segment) => {
                        let key = (RenditionIndex(rendition), segment);
                        if exists.contains(&key) { continue; }
                        waiting.push(key);
                        wanted = Some(key);
                        Event::Want { rendition: key.0, segment }
                    }
                    Move::ReleaseOne(n) => {
                        if open.is_empty() { continue; }
                        let (rendition, segment, ticket) = open.swap_remove(n % open.len());
                        if state.ticket(rendition, segment) == Some(ticket) {
                            let at = waiting.iter().position(|key| *key == (rendition, segment));
                            waiting.swap_remove(at.expect("a ticket in force is somebody's"));
                        }
                        Event::Release { rendition, segment, ticket }
                    }
                    Move::Evict(n) => {
                        let Some(&key) = exists.iter().nth(n % exists.len().max(1)) else { continue };
                        exists.remove(&key);
                        state.set_stored(key.0, key.1, false);
                        continue;
                    }
                    Move::Near(rendition, segment) => Event::Near { rendition: RenditionIndex(rendition), segment },
                    Move::Work(n) => {
                        let count = heads.len().max(1);
                        let Some((&head, place)) = heads.iter_mut().nth(n % count) else { continue };
                        if place.1 > place.2 || place.1 >= 100 { continue; }
                        let segment = place.1;
                        prop_assert!(exists.insert((place.0, segment)), "made twice: {:?} {}", place.0, segment);
                        place.1 += 1;
                        let rendition = place.0;
                        waiting.retain(|key| *key != (rendition, segment));
                        Event::Made { head, segment, took: SECOND }
                    }
                    Move::Die(n) => {
                        let Some(&head) = heads.keys().nth(n % heads.len().max(1)) else { continue };
                        heads.remove(&head);
                        Event::Ended { head }
                    }
                    Move::Pressure => Event::Pressure,
                    Move::Stop => Event::Stop,
                    Move::Tick => Event::Tick,
                };
                for effect in state.step(now, event) {
                    match effect {
                        Effect::Start { head, rendition, segment, goal } => {
                            heads.insert(head, (rendition, segment, goal));
                        }
                        Effect::Goal { head, segment } => {
                            heads.get_mut(&head).expect("a living head").2 = segment;
                        }
                        Effect::Kill { head } => {
                            prop_assert!(heads.remove(&head).is_some());
                        }
                    }
                }
                if let Some((rendition, segment)) = wanted {
                    let ticket = state.ticket(rendition, segment).expect("it waits");
                    open.push((rendition, segment, ticket));
                }
                prop_assert!(heads.len() <= max_heads);
                prop_assert_eq!(heads.len(), state.head_count());
            }
            prop_assert!(waiting.is_empty(), "still waiting: {:?}", waiting);
        }
    }
}
