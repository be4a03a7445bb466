use super::*;
use proptest::prelude::*;

const RENDITION: RenditionIndex = RenditionIndex(0);
const SECOND: Duration = Duration::from_secs(1);

fn state(max_heads: usize) -> State {
    let shape = Shape {
        segments: 100,
        kin: Some(0),
        segment: 2 * SECOND,
        look_ahead: 10,
        cold_start: Duration::from_millis(400),
    };
    State::new(Limits { max_heads, idle: 60 * SECOND }, vec![shape.clone(), shape])
}

fn want(state: &mut State, now: u64, segment: u32) -> Vec<Effect> {
    state.step(SECOND * now as u32, Event::Want { rendition: RENDITION, segment })
}

fn near(state: &mut State, now: u64, segment: u32) -> Vec<Effect> {
    state.step(SECOND * now as u32, Event::Near { rendition: RENDITION, segment })
}

fn made(state: &mut State, now: u64, head: u64, segment: u32) -> Vec<Effect> {
    state.step(SECOND * now as u32, Event::Made { head: HeadId(head), segment, took: SECOND })
}

fn release(state: &mut State, now: u64, segment: u32) -> Vec<Effect> {
    let ticket = state.ticket(RENDITION, segment).expect("somebody waits");
    state.step(SECOND * now as u32, Event::Release { rendition: RENDITION, segment, ticket })
}

fn start(head: u64, segment: u32, until: u32) -> Effect {
    let order = Order { until, urgent: true };
    Effect::Start { head: HeadId(head), rendition: RENDITION, segment, order, joins: None }
}

fn ahead(head: u64, segment: u32, until: u32) -> Effect {
    let order = Order { until, urgent: false };
    Effect::Start { head: HeadId(head), rendition: RENDITION, segment, order, joins: None }
}

fn order(head: u64, until: u32, urgent: bool) -> Effect {
    Effect::Order { head: HeadId(head), order: Order { until, urgent } }
}

fn kill(head: u64, cause: KillCause) -> Effect {
    Effect::Kill { head: HeadId(head), cause }
}

#[test]
fn the_first_request_starts_a_head_and_the_next_ones_follow_it() {
    let mut state = state(4);
    assert_eq!(want(&mut state, 0, 0), [start(0, 0, 3)]);
    assert_eq!(want(&mut state, 0, 0), []);
    assert_eq!(want(&mut state, 0, 1), [order(0, 12, true)], "two in a row: somebody plays");
    assert_eq!(state.heads.len(), 1);
    assert_eq!(state.waiters(HeadId(0)), 3);
}

#[test]
fn a_far_request_gets_a_head_of_its_own_and_disturbs_nobody() {
    let mut state = state(4);
    want(&mut state, 0, 0);
    assert_eq!(want(&mut state, 1, 50), [start(1, 50, 53)]);
}

#[test]
fn a_fast_head_far_behind_is_not_waited_for() {
    let mut state = state(4);
    want(&mut state, 0, 0);
    let took = Duration::from_millis(10);
    (0..5).for_each(|segment| {
        state.step(SECOND, Event::Made { head: HeadId(0), segment, took });
    });
    want(&mut state, 1, 14);
    assert_eq!(state.heads.len(), 1, "a tenth of a second away: its goal moves");
    assert_eq!(want(&mut state, 1, 90), [start(1, 90, 93)], "longer than a new head takes");
}

#[test]
fn a_full_house_gives_way_only_where_nobody_waits() {
    let mut state = state(1);
    want(&mut state, 0, 0);
    assert_eq!(want(&mut state, 1, 50), [], "both wait, the first was first");
    assert_eq!(made(&mut state, 2, 0, 0), [kill(0, KillCause::Room), start(1, 50, 53)]);
}

#[test]
fn who_waits_too_long_gets_a_turn_of_a_head_that_others_wait_for() {
    let mut state = state(1);
    want(&mut state, 0, 0);
    want(&mut state, 1, 50);
    for (now, segment) in (1..5).zip(0..) {
        // The first viewer always waits for the next segment before the one at hand is made.
        want(&mut state, now, segment + 1);
        assert_eq!(made(&mut state, now, 0, segment), [], "its turn is not over");
    }
    assert_eq!(state.step(5 * SECOND, Event::Tick), [], "it has worked since the first second");
    let effects = state.step(6 * SECOND, Event::Tick);
    assert_eq!(effects, [kill(0, KillCause::Room), start(1, 50, 53)]);
    assert_eq!(state.step(20 * SECOND, Event::Tick), [], "the second one's turn has not begun");
    want(&mut state, 20, 51);
    made(&mut state, 21, 1, 50);
    assert_eq!(state.step(25 * SECOND, Event::Tick), [], "now it has");
    assert!(state.step(26 * SECOND, Event::Tick).contains(&kill(1, KillCause::Room)));
}

#[test]
fn a_head_ends_where_another_has_been() {
    let mut state = state(4);
    state.set_stored(RENDITION, 2, true);
    want(&mut state, 0, 1);
    assert_eq!(made(&mut state, 1, 0, 1), [kill(0, KillCause::Met)]);
}

#[test]
fn a_hole_behind_what_exists_is_filled_before_its_viewer_comes() {
    let mut state = state(4);
    (2..=5).for_each(|segment| state.set_stored(RENDITION, segment, true));
    want(&mut state, 0, 0);
    want(&mut state, 0, 1);
    made(&mut state, 1, 0, 0);
    assert_eq!(made(&mut state, 2, 0, 1), [kill(0, KillCause::Met), ahead(1, 6, 12)]);
    assert_eq!(near(&mut state, 3, 2), [order(1, 13, false)]);
    let effects = state.step(3 * SECOND, Event::NoRoom { head: HeadId(1) });
    assert_eq!(effects, [], "not tried again at once");
    assert_eq!(near(&mut state, 9, 3), [ahead(2, 6, 14)]);
}

#[test]
fn a_stray_look_into_what_is_stored_starts_nothing() {
    let mut state = state(4);
    state.set_stored(RENDITION, 40, true);
    assert_eq!(near(&mut state, 0, 40), []);
}

#[test]
fn a_second_pass_over_what_is_stored_starts_nothing() {
    let mut state = state(4);
    (0..100).for_each(|segment| state.set_stored(RENDITION, segment, true));
    for segment in 0..100 {
        assert_eq!(near(&mut state, u64::from(segment), segment), []);
    }
}

#[test]
fn a_head_pauses_at_once_when_its_only_viewer_leaves_and_goes_on_when_one_comes() {
    let mut state = state(4);
    want(&mut state, 0, 7);
    assert_eq!(release(&mut state, 0, 7), [order(0, 7, false)]);
    assert!(state.is_paused(HeadId(0)));
    assert_eq!(want(&mut state, 1, 7), [order(0, 10, true)]);
}

#[test]
fn a_head_pauses_when_its_viewer_has_not_asked_for_a_while() {
    let mut state = state(4);
    want(&mut state, 0, 0);
    want(&mut state, 0, 1);
    made(&mut state, 1, 0, 0);
    made(&mut state, 2, 0, 1);
    assert_eq!(state.step(11 * SECOND, Event::Tick), [order(0, 4, false)], "the second request counts alone");
    assert_eq!(state.step(12 * SECOND, Event::Tick), [order(0, 2, false)]);
}

#[test]
fn a_head_that_nobody_asks_for_ends_after_the_idle_time() {
    let mut state = state(4);
    want(&mut state, 0, 0);
    made(&mut state, 1, 0, 0);
    assert!(!state.step(60 * SECOND, Event::Tick).contains(&kill(0, KillCause::Idle)));
    assert_eq!(state.step(61 * SECOND, Event::Tick), [kill(0, KillCause::Idle)]);
}

#[test]
fn viewers_of_stored_segments_keep_the_head_ahead_of_them_going() {
    let mut state = state(4);
    want(&mut state, 0, 0);
    want(&mut state, 0, 1);
    (0..=11).for_each(|segment| {
        made(&mut state, 1, 0, segment);
    });
    assert!(state.is_paused(HeadId(0)));
    assert_eq!(near(&mut state, 5, 4), [order(0, 15, false)]);
    assert!(!state.is_paused(HeadId(0)));
}

#[test]
fn nothing_is_made_far_ahead_while_it_cannot_be_kept() {
    let mut state = state(4);
    want(&mut state, 0, 0);
    state.set_tight(true);
    assert_eq!(want(&mut state, 0, 1), [], "segment 2 was allowed before");
    state.set_tight(false);
    assert_eq!(state.step(SECOND, Event::Tick), [order(0, 12, true)]);
}

#[test]
fn a_dead_head_is_replaced_while_somebody_waits() {
    let mut state = state(4);
    want(&mut state, 0, 7);
    let effects = state.step(SECOND, Event::Ended { head: HeadId(0) });
    assert_eq!(effects, [start(1, 7, 10)]);
    release(&mut state, 1, 7);
    assert_eq!(state.step(SECOND, Event::Ended { head: HeadId(1) }), []);
}

#[test]
fn what_cannot_be_made_is_not_tried_again_unasked_and_what_lies_behind_has_a_head_of_its_own() {
    let mut state = state(4);
    state.set_stored(RENDITION, 0, true);
    near(&mut state, 0, 0);
    assert_eq!(want(&mut state, 0, 1), [start(0, 1, 12)]);
    assert_eq!(want(&mut state, 0, 2), [order(0, 13, true)], "the next one is waited for");
    let effects = state.step(2 * SECOND, Event::GiveUp { rendition: RENDITION, segment: 1 });
    assert!(effects.contains(&start(1, 2, 13)), "not by way of what cannot be made: {effects:?}");
    state.step(2 * SECOND, Event::Ended { head: HeadId(0) });
    made(&mut state, 3, 1, 2);
    near(&mut state, 4, 0);
    assert_eq!(state.heads.len(), 1, "nobody waits for it");
    assert!(want(&mut state, 4, 1).contains(&start(2, 1, 12)), "somebody does");
    assert_eq!(made(&mut state, 5, 2, 1), [kill(2, KillCause::Met)]);
}

#[test]
fn a_segment_that_was_begun_is_gone_on_with_by_a_head_of_its_own() {
    let mut state = state(4);
    want(&mut state, 0, 6);
    made(&mut state, 1, 0, 6);
    // Another head is right behind, and would be there first.
    want(&mut state, 1, 5);
    want(&mut state, 1, 7);
    assert_eq!(state.heads.len(), 2);
    state.step(SECOND, Event::Begun { head: HeadId(0), after: None });
    let effects = state.step(SECOND, Event::Ended { head: HeadId(0) });
    assert!(matches!(effects[..], [Effect::Start { head: HeadId(2), segment: 7, .. }]), "{effects:?}");
    made(&mut state, 1, 1, 5);
    assert_eq!(state.heads.len(), 1, "the one behind ends where the other is");
}

#[test]
fn room_for_somebody_else_costs_one_head_the_one_missed_least() {
    let mut state = state(4);
    want(&mut state, 0, 0);
    want(&mut state, 0, 50);
    want(&mut state, 0, 80);
    (0..=2).for_each(|segment| {
        made(&mut state, 1, 0, segment);
    });
    made(&mut state, 1, 1, 50);
    assert!(state.is_paused(HeadId(0)));
    let pressure = |state: &mut State, now, waited| {
        state.step(SECOND * now, Event::Pressure { waited: SECOND * waited })
    };
    assert_eq!(pressure(&mut state, 2, 0), [kill(0, KillCause::Room)]);
    assert_eq!(pressure(&mut state, 2, 0), [kill(1, KillCause::Room)]);
    assert_eq!(pressure(&mut state, 2, 0), [], "somebody waits for the last");
    assert_eq!(pressure(&mut state, 7, 5), [], "it has made nothing yet");
    want(&mut state, 7, 81);
    made(&mut state, 8, 2, 80);
    assert!(pressure(&mut state, 13, 5).contains(&kill(2, KillCause::Room)), "who has had it for long");
}

#[test]
fn stop_ends_heads_that_nobody_waits_for_and_they_stay_away() {
    let mut state = state(4);
    want(&mut state, 0, 0);
    want(&mut state, 0, 1);
    want(&mut state, 0, 50);
    made(&mut state, 1, 0, 0);
    made(&mut state, 1, 0, 1);
    assert_eq!(state.step(SECOND, Event::Stop), [kill(0, KillCause::Stopped)]);
    assert_eq!(state.step(2 * SECOND, Event::Tick), []);
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
    assert!(state.ticket(RENDITION, 7).is_some());
    release(&mut state, 2, 7);
    assert!(state.ticket(RENDITION, 7).is_none());
}

/// Two renditions out of the same frames; at each a head at its goal behind a viewer who plays.
fn two_at_their_goals(frontiers: [u32; 2]) -> State {
    let mut state = state(4);
    for ((rendition, frontier), now) in [0, 1].into_iter().zip(frontiers).zip([0, 2]) {
        let (rendition, now) = (RenditionIndex(rendition), SECOND * now);
        let at = frontier - 12;
        let want = |segment| Event::Want { rendition, segment };
        state.step(now, want(at));
        state.step(now, want(at + 1));
        let head = *state.heads.keys().last().expect("it was started");
        for segment in at..frontier {
            state.step(now + SECOND, Event::Made { head, segment, took: SECOND / 4 });
        }
        assert!(state.is_paused(head), "{:?}", state.heads[&head]);
    }
    state
}

fn watch(state: &mut State, now: u64, rendition: usize, segment: u32) -> Vec<Effect> {
    state.step(SECOND * now as u32, Event::Near { rendition: RenditionIndex(rendition), segment })
}

fn joins(head: u64, host: u64, rendition: usize, segment: u32, until: u32) -> Effect {
    let (order, joins) = (Order { until, urgent: false }, Some(HeadId(host)));
    Effect::Start { head: HeadId(head), rendition: RenditionIndex(rendition), segment, order, joins }
}

#[test]
fn two_viewers_of_two_renditions_end_up_with_one_decoder() {
    let mut state = two_at_their_goals([13, 12]);
    watch(&mut state, 4, 0, 2);
    watch(&mut state, 4, 1, 1);
    let tick = |state: &mut State, now: u32| state.step(SECOND * now, Event::Tick);
    assert_eq!(tick(&mut state, 5), [joins(2, 0, 1, 15, 15)], "ahead of both");
    for (rendition, segment) in [(0, 1), (0, 2), (1, 0), (1, 1)] {
        assert_eq!(watch(&mut state, 9, rendition, segment), []);
    }
    assert_eq!(tick(&mut state, 11), [], "once");
    let one_goal = [order(0, 16, false), order(1, 16, false), order(2, 16, false)];
    assert_eq!(watch(&mut state, 12, 1, 5), one_goal, "for who shares frames, and for the one behind");
    for (head, segment) in [(0, 13), (0, 14), (0, 15), (2, 15), (1, 12), (1, 13)] {
        assert_eq!(made(&mut state, 12, head, segment), []);
    }
    assert_eq!(made(&mut state, 12, 1, 14), [kill(1, KillCause::Met)], "the one that joined goes on");
    assert_eq!(watch(&mut state, 13, 0, 6), [order(0, 17, false), order(2, 17, false)]);
    let both_wait = [order(0, 16, false), order(2, 16, false)];
    assert_eq!(tick(&mut state, 30), both_wait, "where both viewers are gone, both keep their places");
}

#[test]
fn whoever_changes_from_one_rendition_to_another_brings_nothing_together() {
    let mut state = two_at_their_goals([13, 12]);
    watch(&mut state, 4, 1, 1);
    assert_eq!(state.step(SECOND * 5, Event::Tick), []);
}

#[test]
fn a_head_leaves_its_team_with_its_last_viewer() {
    let mut state = two_at_their_goals([12, 12]);
    watch(&mut state, 4, 0, 1);
    watch(&mut state, 4, 1, 1);
    assert_eq!(state.step(SECOND * 5, Event::Tick), [joins(2, 0, 1, 14, 14)]);
    assert_eq!(watch(&mut state, 8, 0, 1), []);
    assert_eq!(watch(&mut state, 12, 0, 2), [order(0, 13, false)]);
    assert_eq!(watch(&mut state, 16, 0, 3), [kill(2, KillCause::Idle), order(0, 14, false)]);
}

#[test]
fn a_head_that_could_not_join_works_for_itself() {
    let mut state = two_at_their_goals([12, 12]);
    watch(&mut state, 4, 0, 1);
    watch(&mut state, 4, 1, 1);
    state.step(SECOND * 5, Event::Tick);
    state.step(SECOND * 5, Event::Alone { head: HeadId(2) });
    assert_eq!(watch(&mut state, 6, 0, 2), [order(0, 13, false)], "the other has no part in it");
}

#[derive(Clone, Debug)]
enum Move {
    Want(usize, u32),
    ReleaseOne(usize),
    Near(usize, u32),
    Evict(usize),
    Begin(usize),
    Work(usize),
    Die(usize),
    NoRoom(usize),
    Alone(usize),
    GiveUp(usize),
    Tight(bool),
    Pressure(u32),
    Stop,
    Tick,
    Pass(u32),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        4 => (0usize..2, 0u32..100).prop_map(|(r, s)| Move::Want(r, s)),
        2 => (0usize..2, 0u32..12).prop_map(|(r, s)| Move::Want(r, s)),
        3 => (0usize..8).prop_map(Move::ReleaseOne),
        2 => (0usize..2, 0u32..100).prop_map(|(r, s)| Move::Near(r, s)),
        2 => (0usize..2, 0u32..12).prop_map(|(r, s)| Move::Near(r, s)),
        1 => (0usize..8).prop_map(Move::Evict),
        3 => (0usize..8).prop_map(Move::Begin),
        8 => (0usize..8).prop_map(Move::Work),
        1 => (0usize..8).prop_map(Move::Die),
        1 => (0usize..8).prop_map(Move::NoRoom),
        1 => (0usize..8).prop_map(Move::Alone),
        1 => (0usize..8).prop_map(Move::GiveUp),
        1 => any::<bool>().prop_map(Move::Tight),
        1 => (0u32..10).prop_map(Move::Pressure),
        1 => Just(Move::Stop),
        1 => Just(Move::Tick),
        1 => (1u32..20).prop_map(Move::Pass),
    ];
    prop::collection::vec(one, 1..200)
}

/// A head as its actor sees it.
#[derive(Clone, Copy, Debug)]
struct Worker {
    rendition: RenditionIndex,
    next: u32,
    begun: bool,
    order: Order,
    /// Heads with the same one get the same frames.
    decoder: HeadId,
}

/// What the actor and its clients do, beside the schedule.
#[derive(Default)]
struct World {
    now: Duration,
    heads: BTreeMap<HeadId, Worker>,
    waiting: Vec<(RenditionIndex, u32)>,
    /// Requests in progress: who waits, and who still reads what was made.
    open: Vec<(RenditionIndex, u32, Ticket)>,
    exists: BTreeSet<(RenditionIndex, u32)>,
    /// Segments of which a part was made: by which head, as long as that lives.
    partly: BTreeMap<(RenditionIndex, u32), Option<HeadId>>,
}

impl World {
    fn head(&self, n: usize) -> Option<HeadId> {
        self.heads.keys().nth(n % self.heads.len().max(1)).copied()
    }

    /// Whether frames come for what a head makes next: those before have been taken by all who share its decoder, and
    /// nobody of them waits at its goal.
    fn has_frames(&self, head: HeadId) -> bool {
        let own = &self.heads[&head];
        let mates = self.heads.values().filter(|mate| mate.decoder == own.decoder);
        own.next < own.order.until
            && mates
                .into_iter()
                .all(|mate| mate.next > own.next || (mate.next == own.next && mate.order.until > mate.next))
    }

    /// What happens, if it can happen now.
    fn event(&mut self, state: &mut State, what: Move) -> Result<Option<Event>, TestCaseError> {
        Ok(match what {
            Move::Want(rendition, segment) => {
                let key = (RenditionIndex(rendition), segment);
                if self.exists.contains(&key) {
                    return Ok(None);
                }
                self.waiting.push(key);
                Some(Event::Want { rendition: key.0, segment })
            }
            Move::ReleaseOne(n) => {
                if self.open.is_empty() {
                    return Ok(None);
                }
                let (rendition, segment, ticket) = self.open.swap_remove(n % self.open.len());
                if state.ticket(rendition, segment) == Some(ticket) {
                    let at = self.waiting.iter().position(|key| *key == (rendition, segment));
                    self.waiting.swap_remove(at.expect("a ticket in force is somebody's"));
                }
                Some(Event::Release { rendition, segment, ticket })
            }
            Move::Evict(n) => {
                let gone = self.exists.iter().nth(n % self.exists.len().max(1)).copied();
                if let Some(key) = gone {
                    self.exists.remove(&key);
                    state.set_stored(key.0, key.1, false);
                }
                None
            }
            Move::Near(rendition, segment) => {
                Some(Event::Near { rendition: RenditionIndex(rendition), segment })
            }
            Move::Begin(n) => self.head(n).filter(|head| self.has_frames(*head)).and_then(|head| {
                let worker = self.heads.get_mut(&head).expect("it lives");
                if worker.begun {
                    return None;
                }
                worker.begun = true;
                self.partly.insert((worker.rendition, worker.next), Some(head));
                Some(Event::Begun { head, after: Some(SECOND) })
            }),
            Move::Work(n) => {
                let Some(head) = self.head(n).filter(|head| self.has_frames(*head)) else { return Ok(None) };
                let worker = self.heads.get_mut(&head).expect("it lives");
                prop_assert!(worker.next < 100, "beyond the end");
                let key = (worker.rendition, worker.next);
                prop_assert!(self.exists.insert(key), "made twice: {:?}", key);
                if let Some(Some(maker)) = self.partly.remove(&key) {
                    prop_assert_eq!(maker, head, "two heads made {:?} together", key);
                }
                worker.next += 1;
                worker.begun = false;
                self.waiting.retain(|other| *other != key);
                Some(Event::Made { head, segment: key.1, took: SECOND })
            }
            Move::Die(n) => self.head(n).map(|head| {
                self.lose(head);
                Event::Ended { head }
            }),
            Move::NoRoom(n) => self.head(n).map(|head| {
                self.lose(head);
                Event::NoRoom { head }
            }),
            Move::Alone(n) => self.head(n).and_then(|head| {
                let worker = self.heads.get_mut(&head).expect("it lives");
                if worker.decoder == head || worker.begun {
                    return None;
                }
                worker.decoder = head;
                Some(Event::Alone { head })
            }),
            Move::GiveUp(n) => {
                let Some(head) = self.head(n) else { return Ok(None) };
                let Worker { rendition, next: segment, .. } = self.heads[&head];
                self.waiting.retain(|other| *other != (rendition, segment));
                self.partly.remove(&(rendition, segment));
                Some(Event::GiveUp { rendition, segment })
            }
            Move::Tight(tight) => {
                state.set_tight(tight);
                None
            }
            Move::Pressure(waited) => Some(Event::Pressure { waited: SECOND * waited }),
            Move::Stop => Some(Event::Stop),
            Move::Tick => Some(Event::Tick),
            Move::Pass(seconds) => {
                self.now += SECOND * seconds;
                Some(Event::Tick)
            }
        })
    }

    /// A head is gone: what it began is anybody's.
    fn lose(&mut self, head: HeadId) -> bool {
        self.partly.values_mut().filter(|maker| **maker == Some(head)).for_each(|maker| *maker = None);
        self.heads.remove(&head).is_some()
    }

    fn perform(&mut self, effects: Vec<Effect>) -> Result<(), TestCaseError> {
        for effect in effects {
            match effect {
                Effect::Start { head, rendition, segment, order, joins } => {
                    prop_assert!(joins.is_some() || order.until > segment, "it has nothing to do");
                    let decoder = joins.map_or(head, |host| self.heads[&host].decoder);
                    let worker = Worker { rendition, next: segment, begun: false, order, decoder };
                    prop_assert!(self.heads.insert(head, worker).is_none());
                }
                Effect::Order { head, order } => {
                    self.heads.get_mut(&head).expect("a living head").order = order;
                }
                Effect::Kill { head, .. } => prop_assert!(self.lose(head)),
            }
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn every_waiter_is_answered_nothing_is_made_twice_and_heads_stay_within_their_limit(
        moves in moves(), max_heads in 1usize..5,
    ) {
        let mut state = state(max_heads);
        let mut world = World::default();
        let finish = (0..3_000).map(|n| match n % 6 {
            0 => Move::Tick,
            1 => Move::Tight(false),
            _ => Move::Work(n),
        });
        for step in moves.into_iter().chain(finish) {
            world.now += Duration::from_millis(500);
            let wanted = match step { Move::Want(r, s) => Some((RenditionIndex(r), s)), _ => None };
            let Some(event) = world.event(&mut state, step)? else { continue };
            let effects = state.step(world.now, event);
            world.perform(effects)?;
            if let Some((rendition, segment)) = wanted {
                let ticket = state.ticket(rendition, segment).expect("it waits");
                world.open.push((rendition, segment, ticket));
            }
            prop_assert!(world.heads.len() <= max_heads);
            prop_assert_eq!(world.heads.len(), state.heads.len());
            for (id, worker) in &world.heads {
                // Where nobody waits and nobody was lately, nothing is made.
                let line = &state.lines[worker.rendition.0];
                if line.seen.is_empty() {
                    prop_assert!(worker.next >= worker.order.until, "{:?} works for nobody", id);
                }
            }
            for (index, line) in state.lines.iter().enumerate() {
                for segment in line.wanted.keys() {
                    // Who has a head that comes, has one that may work and does not step aside.
                    if let Some(head) = state.server(RenditionIndex(index), *segment) {
                        let order = world.heads[&head].order;
                        prop_assert!(order.urgent && order.until > *segment, "{:?} for {}", order, segment);
                    }
                }
            }
        }
        prop_assert!(world.waiting.is_empty(), "still waiting: {:?}", world.waiting);
    }
}
