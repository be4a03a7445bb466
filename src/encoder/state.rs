//! Who encodes what, when: the schedule of one file's heads. Pure: an event at a time goes in, effects come out;
//! the actor performs them.
//!
//! Rules: a request waits on a segment and never moves a head that somebody else needs. Among the heads behind a
//! wanted segment the one that gets there first serves it, if it gets there sooner than a new head would. A head
//! works up to its goal, which follows from the viewers near it: where nobody is near any more it pauses at once,
//! and ends after the idle time. One that runs into a segment that exists ends; where viewers will come to a hole
//! behind what exists, a head starts there before they do.

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
    /// A viewer is at this segment, which it has, or will ask for: it will want what follows.
    Near { rendition: RenditionIndex, segment: u32 },
    /// A head has made the first fragment of its segment; the first one of all came `after` its start.
    Begun { head: HeadId, after: Option<Duration> },
    /// A head has made a whole segment, `took` after the one before (or its start).
    Made { head: HeadId, segment: u32, took: Duration },
    /// A head could not join another: it decodes for itself.
    Alone { head: HeadId },
    /// Nobody waits for this segment any more: it cannot be made.
    GiveUp { rendition: RenditionIndex, segment: u32 },
    /// A head is no more.
    Ended { head: HeadId },
    /// There was no room on the box for a head that nobody waits for.
    NoRoom { head: HeadId },
    /// Somebody else on this box has waited so long for room.
    Pressure { waited: Duration },
    /// Somebody wants every head to end that nobody waits for.
    Stop,
    /// Time has passed.
    Tick,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// With `joins`, out of the frames that this head decodes.
    Start {
        head: HeadId,
        rendition: RenditionIndex,
        segment: u32,
        order: Order,
        joins: Option<HeadId>,
    },
    Order {
        head: HeadId,
        order: Order,
    },
    Kill {
        head: HeadId,
        cause: KillCause,
    },
}

/// What a head is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The goal: segments before this one may be made.
    pub until: u32,
    /// Somebody waits for what it makes.
    pub urgent: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillCause {
    /// Nobody asked for it within the idle time.
    Idle,
    /// It ran into a segment that exists, or that another head makes.
    Met,
    /// Somebody waits for room.
    Room,
    /// The owner, or the page, said so.
    Stopped,
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
    /// Renditions with the same one can be made out of the same decoded frames, with the same cuts.
    pub kin: Option<usize>,
    /// Typical length of a segment.
    pub segment: Duration,
    /// Segments to make ahead of a viewer.
    pub look_ahead: u32,
    /// Time from starting a head to its first fragment, until that is measured.
    pub cold_start: Duration,
}

#[derive(Debug)]
struct Head {
    rendition: RenditionIndex,
    /// The segment being made, or to be made next.
    frontier: u32,
    /// A fragment of that segment exists.
    begun: bool,
    order: Order,
    /// Time per segment, measured.
    pace: Option<Duration>,
    /// When it made its first fragment.
    works_since: Option<Now>,
    last_wanted: Now,
    /// Heads of one team are made out of the same decoded frames.
    team: u64,
    /// The head that ends where this one begins.
    succeeds: Option<HeadId>,
}

impl Head {
    fn paused(&self) -> bool {
        self.frontier >= self.order.until
    }
}

#[derive(Debug)]
struct Line {
    shape: Shape,
    /// Time from starting a head to its first fragment.
    cold_start: Duration,
    stored: BTreeSet<u32>,
    /// Wanted segments that are not stored.
    wanted: BTreeMap<u32, Interest>,
    /// Where viewers are: the segments asked for lately, and when.
    seen: BTreeMap<u32, Now>,
    /// Wanted segments that a head began and did not finish: only one that starts there can go on with them.
    torn: BTreeSet<u32>,
    /// Segments that could not be made, and until when that counts: heads do not get past them, and none is started
    /// there that nobody waits for.
    hopeless: BTreeMap<u32, Now>,
    /// Before this, no head is started that nobody waits for.
    no_ahead_before: Now,
}

#[derive(Clone, Copy, Debug)]
struct Interest {
    ticket: Ticket,
    requests: usize,
    since: Now,
}

#[derive(Debug)]
pub struct State {
    limits: Limits,
    lines: Vec<Line>,
    heads: BTreeMap<HeadId, Head>,
    next_head: u64,
    next_ticket: u64,
    /// Before this, no heads are brought together.
    no_union_before: Now,
    /// What is made cannot be kept: nothing is made far ahead.
    tight: bool,
}

/// A head that makes this segment or the one before it serves it in any case: a new one beside it would be made for
/// a moment's gain.
const NEXT_DOOR: u32 = 1;
/// Waiting may take so much longer than a new head would: a head costs a decoder and an encoder.
const MARGIN: Duration = Duration::from_millis(200);
/// A start that took longer had to wait for something else.
const MAX_COLD_START: Duration = Duration::from_secs(2);
/// A head whose pace is not known yet is taken to run this much faster than real time.
const ASSUMED_SPEED: u32 = 2;
/// A viewer is where it asked last for so long, or for three segments' time if that is longer: players with a full
/// buffer ask once per segment.
const PRESENCE: Duration = Duration::from_secs(10);
const PRESENCE_SEGMENTS: u32 = 3;
/// Segments made ahead of a request that came alone: it may be a stray one, and whoever plays asks again soon.
const STRAY_AHEAD: u32 = 2;
/// Segments made ahead while what is made cannot be kept.
const TIGHT_AHEAD: u32 = 1;
/// Who waits for a head longer than this may take one away that others wait for, too: everybody in turn.
const PATIENCE: Duration = Duration::from_secs(3);
/// A head that somebody waits for works at least so long before it is anybody else's turn.
const TURN: Duration = Duration::from_secs(5);
/// What could not be made is not tried again for so long unless somebody asks.
const HOPELESS: Duration = Duration::from_secs(10);
/// A head that joins another has to know its first cut before the frames are there. Decoder, queues and encoder hold less
/// than a segment of them, as far as is known.
const MEETING: u32 = 2;
/// Between two unions: whether one comes about shows by then.
const UNION: Duration = Duration::from_secs(5);
/// A head that nobody waits for is not tried again for so long where there was no room.
const NO_ROOM: Duration = Duration::from_secs(5);

impl State {
    pub fn new(limits: Limits, shapes: Vec<Shape>) -> Self {
        let line = |shape: Shape| Line {
            cold_start: shape.cold_start,
            shape,
            stored: BTreeSet::new(),
            wanted: BTreeMap::new(),
            seen: BTreeMap::new(),
            torn: BTreeSet::new(),
            hopeless: BTreeMap::new(),
            no_ahead_before: Now::ZERO,
        };
        let lines = shapes.into_iter().map(line).collect();
        let (heads, no_union_before) = (BTreeMap::new(), Now::ZERO);
        Self { limits, lines, heads, next_head: 0, next_ticket: 0, no_union_before, tight: false }
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

    /// Whether there is no place to keep what is made ahead.
    pub fn set_tight(&mut self, tight: bool) {
        self.tight = tight;
    }

    /// Whether a segment is stored, as far as the schedule was told.
    pub fn is_stored(&self, rendition: RenditionIndex, segment: u32) -> bool {
        self.lines.get(rendition.0).is_some_and(|line| line.stored.contains(&segment))
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
            Event::Want { rendition, segment } => self.want(now, rendition, segment),
            Event::Release { rendition, segment, ticket } => self.release(rendition, segment, ticket),
            Event::Near { rendition, segment } => {
                if let Some(line) = self.lines.get_mut(rendition.0)
                    && segment < line.shape.segments
                {
                    line.seen.insert(segment, now);
                }
            }
            Event::Begun { head, after } => self.begun(now, head, after),
            Event::Made { head, segment, took } => self.made(now, head, segment, took, &mut effects),
            Event::GiveUp { rendition, segment } => {
                if let Some(line) = self.lines.get_mut(rendition.0) {
                    line.wanted.remove(&segment);
                    line.torn.remove(&segment);
                    line.seen.remove(&segment);
                    line.hopeless.insert(segment, now + HOPELESS);
                }
            }
            Event::Alone { head } => {
                if let Some(alone) = self.heads.get_mut(&head) {
                    alone.team = head.0;
                }
            }
            Event::Ended { head } => {
                self.lose(head);
            }
            Event::NoRoom { head } => {
                if let Some(head) = self.lose(head) {
                    self.lines[head.rendition.0].no_ahead_before = now + NO_ROOM;
                }
            }
            Event::Pressure { waited } => {
                if let Some(head) = self.spare_head().or_else(|| self.head_in_turn(now, waited)) {
                    self.lines[self.heads[&head].rendition.0].no_ahead_before = now + NO_ROOM;
                    self.kill(head, KillCause::Room, &mut effects);
                }
            }
            Event::Stop => {
                // Who only was near is not counted on.
                self.lines.iter_mut().for_each(|line| line.seen.retain(|at, _| line.wanted.contains_key(at)));
                for head in self.idle_heads() {
                    self.kill(head, KillCause::Stopped, &mut effects);
                }
            }
            Event::Tick => {
                let idle = self.limits.idle;
                let stale: Vec<HeadId> = self
                    .idle_heads()
                    .into_iter()
                    .filter(|head| self.heads.get(head).is_some_and(|head| now >= head.last_wanted + idle))
                    .collect();
                stale.into_iter().for_each(|head| self.kill(head, KillCause::Idle, &mut effects));
                self.unite(now, &mut effects);
            }
        }
        self.settle(now, &mut effects);
        effects
    }

    fn want(&mut self, now: Now, rendition: RenditionIndex, segment: u32) {
        let Some(line) = self.lines.get_mut(rendition.0).filter(|line| segment < line.shape.segments) else {
            return;
        };
        let interest = line.wanted.entry(segment).or_insert_with(|| {
            self.next_ticket += 1;
            Interest { ticket: Ticket(self.next_ticket), requests: 0, since: now }
        });
        interest.requests += 1;
        line.seen.insert(segment, now);
    }

    fn release(&mut self, rendition: RenditionIndex, segment: u32, ticket: Ticket) {
        if let Some(line) = self.lines.get_mut(rendition.0)
            && let Some(interest) = line.wanted.get_mut(&segment)
            && interest.ticket == ticket
        {
            interest.requests -= 1;
            if interest.requests == 0 {
                line.wanted.remove(&segment);
                line.torn.remove(&segment);
                // It left before it had what it came for.
                line.seen.remove(&segment);
            }
        }
    }

    fn begun(&mut self, now: Now, head: HeadId, after: Option<Duration>) {
        if let Some(head) = self.heads.get_mut(&head) {
            head.begun = true;
            head.works_since.get_or_insert(now);
            if let Some(after) = after {
                let line = &mut self.lines[head.rendition.0];
                line.cold_start = (line.cold_start * 3 + after.min(MAX_COLD_START)) / 4;
            }
        }
    }

    fn made(&mut self, now: Now, id: HeadId, segment: u32, took: Duration, effects: &mut Vec<Effect>) {
        let Some(head) = self.heads.get_mut(&id) else {
            return;
        };
        head.frontier = segment + 1;
        head.begun = false;
        head.works_since.get_or_insert(now);
        let (rendition, next) = (head.rendition, head.frontier);
        // A moving average over the last few segments.
        head.pace = Some(head.pace.map_or(took, |pace| (pace * 3 + took) / 4));
        let line = &mut self.lines[rendition.0];
        line.stored.insert(segment);
        line.torn.remove(&segment);
        line.hopeless.remove(&segment);
        if line.wanted.remove(&segment).is_some() {
            line.seen.insert(segment, now);
        }
        let mut others = self.heads.iter().filter(|(other, _)| **other != id);
        let taken = others.any(|(_, other)| other.rendition == rendition && other.frontier == next);
        let there = taken || line.stored.contains(&next) || line.torn.contains(&next);
        if next < line.shape.segments && there {
            self.kill(id, KillCause::Met, effects);
        }
    }

    /// Whatever happened may have moved a viewer, made room for a request that waits for it, or left a hole in
    /// front of a viewer.
    fn settle(&mut self, now: Now, effects: &mut Vec<Effect>) {
        for line in &mut self.lines {
            let presence = PRESENCE.max(line.shape.segment * PRESENCE_SEGMENTS);
            line.seen.retain(|at, seen| now < *seen + presence || line.wanted.contains_key(at));
            line.hopeless.retain(|_, until| now < *until);
        }
        self.serve_all(now, effects);
        self.look_ahead(now, effects);
        self.give_orders(now, effects);
    }

    fn serve_all(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let mut waiting: Vec<(Now, RenditionIndex, u32)> = self
            .lines
            .iter()
            .enumerate()
            .flat_map(|(index, line)| {
                line.wanted.iter().map(move |(at, interest)| (interest.since, RenditionIndex(index), *at))
            })
            .filter(|(_, rendition, segment)| self.server(*rendition, *segment).is_none())
            .collect();
        waiting.sort();
        for (since, rendition, segment) in waiting {
            // The head of one before may serve this one too.
            if self.server(rendition, segment).is_some() {
                continue;
            }
            if self.heads.len() >= self.limits.max_heads {
                let waited = now.saturating_sub(since);
                match self.spare_head().or_else(|| self.head_in_turn(now, waited)) {
                    Some(head) => {
                        self.lines[self.heads[&head].rendition.0].no_ahead_before = now + NO_ROOM;
                        self.kill(head, KillCause::Room, effects);
                    }
                    None => return,
                }
            }
            self.start(now, rendition, segment, true, effects);
        }
    }

    /// Starts heads in the holes that viewers will come to.
    fn look_ahead(&mut self, now: Now, effects: &mut Vec<Effect>) {
        for index in 0..self.lines.len() {
            let line = &self.lines[index];
            if now < line.no_ahead_before || line.seen.is_empty() {
                continue;
            }
            let has_it = |at: &&u32| line.stored.contains(at);
            let company = line.seen.keys().filter(has_it).filter(|at| !self.is_alone(line, **at));
            let holes = company.filter_map(|at| line.first_missing(*at, self.ahead(line, *at)));
            let holes =
                holes.filter(|hole| !line.wanted.contains_key(hole) && !line.hopeless.contains_key(hole));
            let holes: BTreeSet<u32> = holes.collect();
            for hole in holes {
                if self.heads.len() < self.limits.max_heads && self.maker(index, hole).is_none() {
                    self.start(now, RenditionIndex(index), hole, false, effects);
                }
            }
        }
    }

    /// The head that makes this segment or works towards it, close behind.
    fn maker(&self, line: usize, segment: u32) -> Option<HeadId> {
        let reach = self.lines[line].shape.look_ahead;
        let stored = &self.lines[line].stored;
        let comes = |head: &Head| {
            head.frontier <= segment
                && segment - head.frontier <= reach
                && stored.range(head.frontier..segment).next().is_none()
        };
        let heads = self.heads.iter().filter(|(_, head)| head.rendition.0 == line && comes(head));
        heads.max_by_key(|(_, head)| head.frontier).map(|(id, _)| *id)
    }

    fn start(
        &mut self,
        now: Now,
        rendition: RenditionIndex,
        segment: u32,
        urgent: bool,
        effects: &mut Vec<Effect>,
    ) -> HeadId {
        let head = HeadId(self.next_head);
        self.next_head += 1;
        let line = &self.lines[rendition.0];
        let until = (segment + 1 + self.ahead(line, segment)).min(line.shape.segments);
        let order = Order { until, urgent };
        let fresh = Head {
            rendition,
            frontier: segment,
            begun: false,
            order,
            pace: None,
            works_since: None,
            last_wanted: now,
            team: head.0,
            succeeds: None,
        };
        self.heads.insert(head, fresh);
        effects.push(Effect::Start { head, rendition, segment, order, joins: None });
        head
    }

    /// Segments to make ahead of a viewer at this one.
    fn ahead(&self, line: &Line, segment: u32) -> u32 {
        let full = line.shape.look_ahead;
        let ahead = if self.is_alone(line, segment) { STRAY_AHEAD.min(full) } else { full };
        if self.tight { ahead.min(TIGHT_AHEAD) } else { ahead }
    }

    /// Whether nobody has asked for anything near this segment besides it.
    fn is_alone(&self, line: &Line, segment: u32) -> bool {
        let reach = line.shape.look_ahead;
        let around = segment.saturating_sub(reach)..=segment.saturating_add(reach);
        line.seen.range(around).all(|(at, _)| *at == segment)
    }

    /// The head that will make a segment first, if it does so before a new head could.
    fn server(&self, rendition: RenditionIndex, segment: u32) -> Option<HeadId> {
        let line = &self.lines[rendition.0];
        let torn = line.torn.contains(&segment);
        self.heads
            .iter()
            .filter(|(_, head)| head.rendition == rendition && head.frontier <= segment)
            .filter(|(_, head)| !torn || head.frontier == segment)
            .filter(|(_, head)| line.stored.range(head.frontier..segment).next().is_none())
            .filter(|(_, head)| line.hopeless.range(head.frontier..segment).next().is_none())
            .map(|(id, head)| (self.arrival(head, segment, &line.shape), segment - head.frontier, *id))
            .min()
            .filter(|(arrival, distance, _)| *distance <= NEXT_DOOR || *arrival <= line.cold_start + MARGIN)
            .map(|(_, _, id)| id)
    }

    /// Time until a head begins a segment.
    fn arrival(&self, head: &Head, segment: u32, shape: &Shape) -> Duration {
        let pace = head.pace.unwrap_or(shape.segment / ASSUMED_SPEED);
        // One that has joined begins when the frames come that it waits for.
        let mates = self.heads.values().filter(|mate| mate.team == head.team);
        let first = mates.map(|mate| mate.frontier).min().filter(|_| head.works_since.is_none());
        pace * (segment - first.unwrap_or(head.frontier).min(head.frontier))
    }

    /// The head that works ahead of a viewer at a segment which it has: the one that makes what is missing next; where
    /// nothing is, the nearest, which waits at its goal.
    fn head_ahead_of(&self, rendition: RenditionIndex, segment: u32) -> Option<HeadId> {
        let line = &self.lines[rendition.0];
        let missing = match line.stored.contains(&segment) {
            true => line.first_missing(segment, self.ahead(line, segment)),
            false => Some(segment),
        };
        if let Some(missing) = missing {
            return self.maker(rendition.0, missing);
        }
        // One of a team goes as far as the others have to.
        let reach = |head: &Head| match self.is_alone_in_team(head) {
            true => line.shape.look_ahead + 1,
            false => line.shape.look_ahead * 2 + MEETING,
        };
        let ahead = |head: &Head| head.frontier >= segment && head.frontier - segment <= reach(head);
        let near = self.heads.iter().filter(|(_, head)| head.rendition == rendition && ahead(head));
        near.min_by_key(|(id, head)| (head.frontier, **id)).map(|(id, _)| *id)
    }

    /// Brings together two heads that decode the same, and whose viewers both go on. A head for what the one behind will
    /// come to joins the one ahead; the one behind makes what is missing up to there, and ends.
    fn unite(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if now < self.no_union_before || self.heads.len() >= self.limits.max_heads {
            return;
        }
        let mut pairs =
            self.heads.keys().flat_map(|host| self.heads.keys().map(move |guest| (*host, *guest)));
        let meeting = pairs.find_map(|(host, guest)| Some((host, guest, self.meeting(now, host, guest)?)));
        let Some((host, guest, at)) = meeting else {
            return;
        };
        self.no_union_before = now + UNION;
        let (team, rendition) = (self.heads[&host].team, self.heads[&guest].rendition);
        let head = self.start(now, rendition, at, false, effects);
        if let Some(fresh) = self.heads.get_mut(&head) {
            fresh.team = team;
            fresh.succeeds = Some(guest);
        }
        if let Some(Effect::Start { joins, .. }) = effects.last_mut() {
            *joins = Some(host);
        }
    }

    /// The segment from which on a head that joins `host` can make what `guest` would have made.
    fn meeting(&self, now: Now, host: HeadId, guest: HeadId) -> Option<u32> {
        let (ahead, behind) = (&self.heads[&host], &self.heads[&guest]);
        let line = &self.lines[behind.rendition.0];
        let kin = line.shape.kin.filter(|_| ahead.rendition != behind.rendition)?;
        let has_successor = self.heads.values().any(|head| head.succeeds == Some(guest));
        // Whoever changes from one rendition to the other is one viewer, not two.
        let has_viewers = |head: &Head, other: &Head| {
            let both_work = other.works_since.is_some_and(|since| head.last_wanted > since);
            both_work && now < head.last_wanted + PRESENCE
        };
        let at = ahead.frontier + MEETING;
        let fits = self.lines[ahead.rendition.0].shape.kin == Some(kin)
            && self.is_alone_in_team(behind)
            && !has_successor
            && ahead.frontier >= behind.frontier
            && has_viewers(ahead, behind)
            && has_viewers(behind, ahead)
            // More to do for the one ahead would hold up who waits for the one behind, but for a moment where they are
            // side by side.
            && (ahead.paused() || !behind.order.urgent || at - behind.frontier <= MEETING + NEXT_DOOR)
            && at < line.shape.segments
            && at - behind.frontier <= line.shape.look_ahead.max(MEETING)
            && line.stored.range(behind.frontier..=at).next().is_none();
        fits.then_some(at)
    }

    fn is_alone_in_team(&self, head: &Head) -> bool {
        self.heads.values().filter(|mate| mate.team == head.team).count() == 1
    }

    /// A team has one goal, since one that waits holds back all. Who has no viewers any more leaves it.
    fn agree(&mut self, orders: &mut BTreeMap<HeadId, (Order, Now)>, effects: &mut Vec<Effect>) {
        let mut teams: BTreeMap<u64, Vec<HeadId>> = BTreeMap::new();
        for (id, head) in &self.heads {
            teams.entry(head.team).or_default().push(*id);
            let inherited = head.succeeds.and_then(|before| orders.get(&before).copied());
            if let Some((order, last)) = inherited {
                let (own, seen) = orders.entry(*id).or_insert((order, last));
                own.until = own.until.max(order.until);
                *seen = (*seen).max(last);
            }
        }
        for mates in teams.into_values().filter(|mates| mates.len() > 1) {
            let (wanted, unwanted): (Vec<_>, Vec<_>) =
                mates.into_iter().partition(|mate| orders.contains_key(mate));
            let until = wanted.iter().map(|mate| orders[mate].0.until).max().unwrap_or(0);
            for mate in &wanted {
                orders.entry(*mate).and_modify(|(order, _)| order.until = until);
            }
            if !wanted.is_empty() {
                unwanted.into_iter().for_each(|mate| self.kill(mate, KillCause::Idle, effects));
            }
        }
    }

    /// Tells every head its goal, from the viewers that are near it.
    fn give_orders(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let mut orders: BTreeMap<HeadId, (Order, Now)> = BTreeMap::new();
        for (index, line) in self.lines.iter().enumerate() {
            let rendition = RenditionIndex(index);
            for (&segment, &seen) in &line.seen {
                let urgent = line.wanted.contains_key(&segment);
                let head = match urgent {
                    true => self.server(rendition, segment),
                    false => self.head_ahead_of(rendition, segment),
                };
                let Some(head) = head else { continue };
                let until = (segment + 1 + self.ahead(line, segment)).min(line.shape.segments);
                let (order, last) = orders.entry(head).or_insert((Order { until, urgent }, seen));
                order.until = order.until.max(until);
                order.urgent |= urgent;
                *last = (*last).max(if urgent { now } else { seen });
            }
        }
        self.agree(&mut orders, effects);
        for (id, head) in &mut self.heads {
            let paused = Order { until: head.frontier, urgent: false };
            let (mut order, last) = orders.get(id).copied().unwrap_or((paused, head.last_wanted));
            head.last_wanted = head.last_wanted.max(last);
            // At its goal all the same; one number less to send.
            order.until = order.until.max(head.frontier);
            let first_order = effects.iter_mut().find_map(|effect| match effect {
                Effect::Start { head, order, .. } if head == id => Some(order),
                _ => None,
            });
            match first_order {
                Some(first) => *first = order,
                None if head.order == order
                    || (head.paused() && order.until <= head.frontier && !order.urgent) => {}
                None => effects.push(Effect::Order { head: *id, order }),
            }
            head.order = order;
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

    /// The head whose turn is over, for somebody who has waited too long. One that has not made a segment yet has had
    /// nothing of its turn: where the box is slow, heads would end each other for ever.
    fn head_in_turn(&self, now: Now, waited: Duration) -> Option<HeadId> {
        let has_made = self.heads.iter().filter(|(_, head)| head.pace.is_some());
        let working = has_made.filter_map(|(id, head)| Some((head.works_since?, *id)));
        let (since, oldest) = working.min()?;
        (waited >= PATIENCE && now >= since + TURN).then_some(oldest)
    }

    fn kill(&mut self, head: HeadId, cause: KillCause, effects: &mut Vec<Effect>) {
        if self.lose(head).is_some() {
            effects.push(Effect::Kill { head, cause });
        }
    }

    /// Forgets a head; what it began, and somebody reads, has to be gone on with.
    fn lose(&mut self, head: HeadId) -> Option<Head> {
        let head = self.heads.remove(&head)?;
        let line = &mut self.lines[head.rendition.0];
        if (head.begun || line.torn.contains(&head.frontier)) && line.wanted.contains_key(&head.frontier) {
            line.torn.insert(head.frontier);
        }
        Some(head)
    }
}

impl Line {
    /// The first segment that is missing among the `ahead` behind this one.
    fn first_missing(&self, segment: u32, ahead: u32) -> Option<u32> {
        let last = segment.saturating_add(ahead).min(self.shape.segments.saturating_sub(1));
        (segment + 1..=last).find(|at| !self.stored.contains(at))
    }
}

#[cfg(test)]
mod tests;
