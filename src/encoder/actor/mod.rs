//! The one task that owns a file's heads and growing segments. It performs what [`State`] decides.

mod failures;
mod inits;
mod keeping;
mod live;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::AbortHandle;

use crate::catalogue::FileRecord;
use crate::encoder::choice::{Choice, Tried};
use crate::encoder::error::StreamError;
use crate::encoder::head::{self, HeadEvent, HeadTask, Joining, Stall};
use crate::encoder::room::Pressure;
use crate::encoder::service::{Lease, Release, Shared};
use crate::encoder::spec::{self, Stretch};
use crate::encoder::state::{Effect, Event, HeadId, Limits, Order, RenditionIndex, Shape, State};
use crate::encoder::telemetry::{EndCause, Observer};
use crate::encoder::types::{
    Filling, HeadState, HeadStatus, LiveEdgeState, LiveStatus, SegmentReader, StopReport,
};
use crate::isobmff::{Fragment, init_segment};
use crate::rendition::{Presentation, Rendition};
use crate::store::{Interest, StoreKey, Written};
use crate::timeline::{Nanos, SegmentIndex, nanos_from_ticks};
use crate::worker::protocol::{Failure, FailureKind, Report};
use crate::worker::{Source, WorkerError};

pub enum Command {
    Segment {
        rendition: usize,
        segment: u32,
        /// None when the segment has come into the store meanwhile.
        reply: oneshot::Sender<Result<Option<SegmentReader>, StreamError>>,
    },
    Init {
        rendition: usize,
        reply: oneshot::Sender<Result<Bytes, StreamError>>,
    },
    /// Nobody has asked for a segment of a rendition whose init is wanted: start where playback is expected.
    InitOverdue {
        rendition: usize,
    },
    /// A stored segment was read.
    Near {
        rendition: usize,
        segment: u32,
    },
    /// Where playback is expected to begin.
    Expect {
        at_ns: Nanos,
    },
    /// Starts the live edge, or joins it. None where it cannot be.
    Live {
        at_ns: Nanos,
        renditions: Vec<usize>,
        reply: oneshot::Sender<Option<LiveStatus>>,
    },
    /// Somebody watches a rendition at the live edge.
    Watch {
        rendition: usize,
    },
    /// With `purge`, segments that only memory holds go too.
    Stop {
        purge: bool,
        reply: oneshot::Sender<StopReport>,
    },
}

/// Requests that wait for a place in the actor's queue wait in their own tasks; this many may be ahead.
pub const COMMANDS: usize = 256;
/// Reports of all heads of a file on their way: fragments of a few hundred kilobytes.
const HEAD_EVENTS: usize = 64;
/// Bytes of segments kept in memory because the store would not take them: several minutes of most films, and
/// some segments of any.
const MAX_UNSTORED_BYTES: u64 = 128 << 20;
/// Bytes of a file's segments on their way to the disk before its heads have to wait.
const MAX_WRITING_BYTES: u64 = 128 << 20;
/// A segment that failed for good may be tried again after this.
const FORGIVE: Duration = Duration::from_secs(10);
/// An init segment waits so long for a request that says where to start.
const INIT_PATIENCE: Duration = Duration::from_millis(120);
const TICK: Duration = Duration::from_secs(1);
/// An encoder without heads and requests ends after so many idle times of a head.
const RETIRE: u32 = 5;
/// Time from starting a head to its first fragment, as the schedule reckons with it.
const COLD_START: Duration = Duration::from_millis(400);

struct Running {
    rendition: usize,
    /// None where nothing can make it.
    choice: Option<Choice>,
    task: AbortHandle,
    orders: watch::Sender<Order>,
    /// For heads that are to be made out of the frames this one decodes.
    joining: mpsc::Sender<Joining>,
    /// When it was started.
    since: Instant,
    speed: f64,
    first_fragment: bool,
}

impl Running {
    fn new(
        rendition: usize,
        choice: Option<Choice>,
        orders: watch::Sender<Order>,
        joining: mpsc::Sender<Joining>,
        task: AbortHandle,
    ) -> Self {
        let (since, speed) = (Instant::now(), 0.0);
        Self { rendition, choice, task, orders, joining, since, speed, first_fragment: false }
    }

    fn profile(&self) -> &str {
        self.choice.as_ref().map_or("none", |choice| choice.way.profile())
    }
}

pub struct Actor {
    shared: Arc<Shared>,
    record: FileRecord,
    presentation: Arc<Presentation>,
    renditions: Vec<Arc<Rendition>>,
    began: Instant,
    state: State,
    heads: HashMap<HeadId, Running>,
    growing: HashMap<(usize, u32), watch::Sender<Filling>>,
    /// Whole segments that the store did not take, oldest first.
    unstored: VecDeque<(usize, u32)>,
    /// Those of them that were made ahead of their readers, until somebody reads them.
    unkept_ahead: HashSet<(usize, u32)>,
    /// Bytes being written.
    writing: u64,
    inits: Vec<Init>,
    /// Renditions of which a head ended since this was last looked at.
    lost_head: Vec<bool>,
    tries: HashMap<(usize, u32), Tries>,
    expected_at: Nanos,
    head_events: mpsc::Sender<(HeadId, HeadEvent)>,
    releases: mpsc::UnboundedSender<Release>,
    stored: mpsc::UnboundedSender<Stored>,
    status: watch::Sender<Vec<HeadStatus>>,
    live: Option<live::Live>,
    /// What its last one failed of, and when.
    live_failure: Option<(StreamError, Instant)>,
    live_edge: watch::Sender<LiveEdgeState>,
    last_used: Instant,
    observer: Observer,
}

enum Init {
    Known(Bytes),
    Wanted(Vec<oneshot::Sender<Result<Bytes, StreamError>>>),
}

/// Failures to make a segment.
struct Tries {
    tried: Tried,
    last: Instant,
    /// It failed for good: what everybody hears who asks until it is forgiven.
    failed: Option<StreamError>,
}

struct Stored {
    rendition: usize,
    segment: u32,
    bytes: u64,
    interest: Interest,
    written: Written,
}

/// How others reach the encoder of a file.
pub struct Handle {
    pub commands: mpsc::Sender<Command>,
    pub heads: watch::Receiver<Vec<HeadStatus>>,
    pub live: watch::Receiver<LiveEdgeState>,
}

/// Starts the encoder of a file.
pub fn spawn(shared: Arc<Shared>, record: FileRecord, presentation: Arc<Presentation>) -> Handle {
    let (commands, received) = mpsc::channel(COMMANDS);
    let (head_events, heads) = mpsc::channel(HEAD_EVENTS);
    // At most one message per open request, and one per segment being written.
    let (releases, released) = mpsc::unbounded_channel();
    let (stored, writes) = mpsc::unbounded_channel();
    let (status, statuses) = watch::channel(Vec::new());
    let (live_edge, live) = watch::channel(None);
    let pressure = shared.room.pressure();
    let own = commands.downgrade();
    tokio::spawn(async move {
        let renditions: Vec<Arc<Rendition>> = presentation.renditions().cloned().collect();
        let actor = Actor {
            state: schedule(&shared, &renditions),
            inits: renditions.iter().map(|_| Init::Wanted(Vec::new())).collect(),
            lost_head: vec![false; renditions.len()],
            observer: Observer::new(shared.telemetry.clone(), record.id, record.name.clone()),
            shared,
            record,
            presentation,
            renditions,
            began: Instant::now(),
            heads: HashMap::new(),
            growing: HashMap::new(),
            unstored: VecDeque::new(),
            unkept_ahead: HashSet::new(),
            writing: 0,
            tries: HashMap::new(),
            expected_at: 0,
            head_events,
            releases,
            stored,
            status,
            live: None,
            live_failure: None,
            live_edge,
            last_used: Instant::now(),
        };
        actor.run(Inbox { received, heads, released, writes, pressure, own }).await;
    });
    Handle { commands, heads: statuses, live }
}

fn schedule(shared: &Shared, renditions: &[Arc<Rendition>]) -> State {
    let settings = &shared.settings;
    let shapes = renditions.iter().map(|rendition| {
        let kin = renditions.iter().position(|other| other.shares_frames(rendition));
        let longest = nanos_from_ticks(rendition.cuts.longest_ticks(), rendition.cuts.timescale).max(1);
        Shape {
            segments: rendition.cuts.segment_count(),
            kin,
            segment: Duration::from_nanos(longest as u64),
            look_ahead: (settings.look_ahead_ns / longest).max(1) as u32,
            cold_start: COLD_START,
        }
    });
    State::new(Limits { max_heads: settings.max_heads, idle: settings.idle }, shapes.collect())
}

struct Inbox {
    received: mpsc::Receiver<Command>,
    heads: mpsc::Receiver<(HeadId, HeadEvent)>,
    released: mpsc::UnboundedReceiver<Release>,
    writes: mpsc::UnboundedReceiver<Stored>,
    pressure: broadcast::Receiver<Pressure>,
    own: mpsc::WeakSender<Command>,
}

impl Actor {
    async fn run(mut self, mut inbox: Inbox) {
        self.load_inits().await;
        let mut tick = tokio::time::interval(TICK);
        let retire = self.shared.settings.idle * RETIRE;
        loop {
            tokio::select! {
                // Heads wait while the disk is behind: a copy makes segments faster than any disk takes them.
                Some((head, event)) = inbox.heads.recv(), if self.writing < MAX_WRITING_BYTES => {
                    self.head_event(head, event);
                }
                Some(release) = inbox.released.recv() => self.release(release),
                Some(stored) = inbox.writes.recv() => self.after_write(stored),
                command = inbox.received.recv() => {
                    let Some(command) = command else { break };
                    self.last_used = Instant::now();
                    self.command(command, &inbox.own);
                }
                Ok(pressure) = inbox.pressure.recv() => self.make_room(&pressure),
                _ = tick.tick() => {
                    self.step(Event::Tick);
                    self.forgive();
                    self.move_live();
                    if self.heads.is_empty() && !self.is_live() && self.last_used.elapsed() > retire {
                        break;
                    }
                }
            }
            // The head that would have brought an init may just have ended, or been killed.
            (0..self.inits.len()).for_each(|rendition| self.seek_headless_init(rendition));
            self.publish();
        }
        self.heads.values().for_each(|running| running.task.abort());
    }

    fn key(&self, rendition: usize, segment: Option<u32>) -> StoreKey {
        StoreKey { file: self.record.id, rendition: self.renditions[rendition].id.0.clone(), segment }
    }

    fn step(&mut self, event: Event) {
        for effect in self.state.step(self.began.elapsed(), event) {
            match effect {
                Effect::Start { head, rendition, segment, order, joins } => {
                    self.start_head(head, rendition.0, segment, order, joins)
                }
                Effect::Order { head, order } => {
                    if let Some(running) = self.heads.get(&head) {
                        running.orders.send_replace(order);
                    }
                }
                Effect::Kill { head, cause } => {
                    self.observer.ended(head, EndCause::of(cause));
                    if let Some(running) = self.heads.remove(&head) {
                        running.task.abort();
                        self.lost_head[running.rendition] = true;
                        self.drop_torn(running.rendition, &StreamError::ShuttingDown);
                    }
                }
            }
        }
    }

    /// Somebody waits for room on the box: this file gives up a head, if no other has.
    fn make_room(&mut self, pressure: &Pressure) {
        if pressure.claim() {
            let before = self.heads.len();
            self.step(Event::Pressure { waited: pressure.waited });
            if self.heads.len() == before {
                pressure.pass_on();
            }
        }
    }

    fn command(&mut self, command: Command, own: &mpsc::WeakSender<Command>) {
        match command {
            Command::Segment { rendition, segment, reply } => {
                self.asked_at_the_edge(rendition, segment);
                let _gone = reply.send(self.segment(rendition, segment));
            }
            Command::Init { rendition, reply } => match &mut self.inits[rendition] {
                Init::Known(bytes) => {
                    let _gone = reply.send(Ok(bytes.clone()));
                }
                Init::Wanted(waiting) => {
                    waiting.retain(|reply| !reply.is_closed());
                    waiting.push(reply);
                    let own = own.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep(INIT_PATIENCE).await;
                        if let Some(own) = own.upgrade() {
                            let _actor_gone = own.send(Command::InitOverdue { rendition }).await;
                        }
                    });
                }
            },
            Command::InitOverdue { rendition } => self.seek_init(rendition),
            Command::Near { rendition, segment } => {
                self.asked_at_the_edge(rendition, segment);
                self.step(Event::Near { rendition: RenditionIndex(rendition), segment });
            }
            Command::Expect { at_ns } => self.expected_at = at_ns,
            Command::Live { at_ns, renditions, reply } => {
                let _gone = reply.send(self.go_live(at_ns, renditions));
            }
            Command::Watch { rendition } => self.watch_live(rendition),
            Command::Stop { purge, reply } => {
                self.end_live();
                let before = self.heads.len();
                self.step(Event::Stop);
                let stopped_heads = before - self.heads.len();
                let freed_bytes = if purge { self.drop_unstored() } else { 0 };
                let _gone = reply.send(StopReport { stopped_heads, freed_bytes });
            }
        }
    }

    /// The caller did not find the segment in the store.
    fn segment(&mut self, rendition: usize, segment: u32) -> Result<Option<SegmentReader>, StreamError> {
        let cuts = &self.renditions[rendition].cuts;
        if segment >= cuts.segment_count() {
            return Err(StreamError::BeyondEnd {
                rendition: self.renditions[rendition].id.to_string(),
                segment,
                count: cuts.segment_count(),
            });
        }
        if let Some(error) = self.refusal(rendition, segment) {
            return Err(error);
        }
        let key = (rendition, segment);
        let filling = self.growing.get(&key).map(watch::Sender::subscribe);
        if let Some(filling) = &filling
            && filling.borrow().end.is_some()
        {
            self.step(Event::Near { rendition: RenditionIndex(rendition), segment });
            self.keep_read(rendition, segment);
            return Ok(Some(SegmentReader::new(filling.clone(), None)));
        }
        if filling.is_none() && self.shared.store.contains(&self.key(rendition, Some(segment))) {
            return Ok(None);
        }
        if self.state.is_stored(RenditionIndex(rendition), segment) {
            self.look_up_stored(rendition);
        }
        let filling = filling.unwrap_or_else(|| {
            self.growing.entry(key).or_insert_with(|| watch::Sender::new(Filling::default())).subscribe()
        });
        let index = RenditionIndex(rendition);
        self.state.set_stored(index, segment, false);
        self.step(Event::Want { rendition: index, segment });
        // None where it has just been given up: the reader finds out.
        let lease = self.state.ticket(index, segment).map(|ticket| {
            let release = Release { rendition: index, segment, ticket };
            Lease { releases: self.releases.clone(), release }
        });
        Ok(Some(SegmentReader::new(filling, lease)))
    }

    /// A request has ended. What nobody asked for any more, before it began, is forgotten.
    fn release(&mut self, release: Release) {
        let Release { rendition, segment, ticket } = release;
        self.step(Event::Release { rendition, segment, ticket });
        let key = (rendition.0, segment);
        let forgotten = self
            .growing
            .get(&key)
            .is_some_and(|filling| filling.receiver_count() == 0 && filling.borrow().fragments.is_empty());
        if forgotten {
            self.growing.remove(&key);
        }
        self.drop_torn(rendition.0, &StreamError::ShuttingDown);
    }

    fn start_head(
        &mut self,
        head: HeadId,
        rendition: usize,
        segment: u32,
        order: Order,
        joins: Option<HeadId>,
    ) {
        let permit = if order.urgent { None } else { self.shared.room.free() };
        if permit.is_none() && !order.urgent {
            self.step(Event::NoRoom { head });
            return;
        }
        // A segment that another head began is gone on with, after what its readers have got.
        let begun = self.growing.get(&(rendition, segment)).map(watch::Sender::borrow);
        let first_part =
            begun.map_or(0, |filling| if filling.end.is_none() { filling.fragments.len() } else { 0 });
        let stretch = Stretch {
            start: SegmentIndex(segment),
            first_part: first_part as u32,
            until: SegmentIndex(order.until),
        };
        let (info, wanted) = (&self.presentation.info, &self.renditions[rendition]);
        let tries = self.tries.get(&(rendition, segment));
        let tried = tries.map(|tries| tries.tried.clone()).unwrap_or_default();
        let choice = self.shared.choices.take(info, wanted, &tried);
        let spec = choice.as_ref().and_then(|choice| spec::head_spec(info, wanted, &choice.way, stretch));
        let (orders, ordered) = watch::channel(order);
        let (joining, joiners) = mpsc::channel(1);
        let joins = joins.and_then(|host| Some(self.heads.get(&host)?.joining.clone()));
        let named = choice.as_ref().map_or("none", |choice| choice.way.profile());
        self.observer.started(head, wanted, named, segment);
        let (Some(spec), Some(reason)) = (spec, choice.as_ref().map(|choice| choice.reason.as_str())) else {
            let task = tokio::spawn(async {}).abort_handle();
            self.heads.insert(head, Running::new(rendition, None, orders, joining, task));
            self.fail(head, segment, StreamError::Encoding("no profile here can make this rendition".into()));
            return;
        };
        tracing::info!(
            file = %self.record.id, rendition = %self.renditions[rendition].id, segment, first_part, profile = named, reason, head = head.0,
            ahead = !order.urgent, joins = joins.is_some(), "head starts"
        );
        let (shared, record, events) = (self.shared.clone(), self.record.clone(), self.head_events.clone());
        let task = tokio::spawn(async move {
            let source = match shared.open(record).await {
                Ok(file) => Source::from(file),
                Err(error) => {
                    let failure = Failure::new(FailureKind::Source, LIBRARY, error);
                    let _gone = events.send((head, HeadEvent::Lost(failure.into()))).await;
                    return;
                }
            };
            let permit = match permit {
                Some(permit) => Some(permit),
                None => {
                    let _queued = shared.telemetry.queued_heads.hold();
                    shared.room.wait().await
                }
            };
            let Some(permit) = permit else {
                return;
            };
            let (pool, starting, stall) = (shared.pool.clone(), shared.room.starting(), Stall::default());
            let hush = order.urgent.then(|| shared.room.hush());
            let orders = ordered;
            let task = HeadTask {
                head,
                pool,
                spec,
                source,
                orders,
                events,
                starting,
                hush,
                stall,
                joins,
                joining: joiners,
                permit,
            };
            head::drive(task).await;
        });
        let running = Running::new(rendition, choice, orders, joining, task.abort_handle());
        self.heads.insert(head, running);
    }

    fn head_event(&mut self, head: HeadId, event: HeadEvent) {
        let Some(running) = self.heads.get(&head) else {
            return;
        };
        let rendition = running.rendition;
        match event {
            HeadEvent::Fragment(fragment, worked) => self.fragment(head, rendition, fragment, worked),
            HeadEvent::Alone => self.step(Event::Alone { head }),
            HeadEvent::Report(Report::Entry { entry }) => {
                let timescale = self.renditions[rendition].cuts.timescale;
                self.set_init(rendition, init_segment(&entry, timescale).into());
            }
            HeadEvent::Report(Report::End { early }) => {
                let next = self.state.frontier(head).unwrap_or(0);
                let owes = next < self.renditions[rendition].cuts.segment_count();
                let error = StreamError::Internal("the head ended".into());
                if owes && !early {
                    // Counted, or it would be started again without end.
                    self.failed(head, error);
                    return;
                }
                if owes {
                    self.source_ended(rendition, next);
                }
                self.end_head(head, &error);
            }
            HeadEvent::Report(Report::Failed(failure)) => {
                let name = &self.record.name;
                let error = match failure.kind {
                    FailureKind::Source => StreamError::Damaged(format!("{name} cannot be read: {failure}")),
                    FailureKind::Undecodable => {
                        StreamError::Undecodable(format!("{name} cannot be decoded: {failure}"))
                    }
                    FailureKind::Setup | FailureKind::Encoder => {
                        StreamError::Encoding(format!("{name} cannot be encoded: {failure}"))
                    }
                };
                self.blame(head, &failure.into());
                self.failed(head, error);
            }
            HeadEvent::Report(other) => {
                self.failed(head, StreamError::Internal(format!("a head reported {other:?}")));
            }
            HeadEvent::Lost(WorkerError::Failed(failure)) if failure.element == LIBRARY => {
                let segment = self.state.frontier(head).unwrap_or(0);
                self.fail(head, segment, StreamError::Offline(failure.message));
            }
            HeadEvent::Lost(error) => {
                self.blame(head, &error);
                self.failed(head, StreamError::Encoding(format!("{}: {error}", self.record.name)));
            }
        }
    }

    fn fragment(&mut self, head: HeadId, rendition: usize, fragment: Fragment, worked: Duration) {
        let segment = fragment.segment.0;
        self.observer.fragment(head, &fragment, worked);
        let mut after = None;
        if let Some(running) = self.heads.get_mut(&head)
            && !running.first_fragment
        {
            running.first_fragment = true;
            after = Some(running.since.elapsed());
            let waited_ms = running.since.elapsed().as_millis() as u64;
            tracing::debug!(head = head.0, rendition = %self.renditions[rendition].id, segment, waited_ms, "first fragment");
        }
        let filling = self
            .growing
            .entry((rendition, segment))
            .or_insert_with(|| watch::Sender::new(Filling::default()));
        if filling.borrow().end.is_some() {
            // Made once more while the last one is still being written: its readers keep theirs.
            *filling = watch::Sender::new(Filling::default());
        }
        let expected = filling.borrow().fragments.len();
        if fragment.part as usize != expected {
            let what = format!("fragment {} of segment {segment} instead of {expected}", fragment.part);
            self.failed(head, StreamError::Internal(what));
            return;
        }
        filling.send_modify(|filling| {
            filling.fragments.push(fragment.bytes.into());
            if fragment.last {
                filling.end = Some(Ok(()));
            }
        });
        if fragment.last {
            let pieces = filling.borrow().fragments.clone();
            self.keep(rendition, segment, pieces);
            self.made(head, rendition, segment, worked);
        } else if after.is_some() || expected == 0 {
            self.step(Event::Begun { head, after });
        }
        self.made_for_live(rendition, segment);
    }

    fn made(&mut self, head: HeadId, rendition: usize, segment: u32, took: Duration) {
        let Some(running) = self.heads.get_mut(&head) else {
            return;
        };
        let cuts = &self.renditions[rendition].cuts;
        if let Some(range) = cuts.range(SegmentIndex(segment)) {
            let media = nanos_from_ticks(range.end - range.start, cuts.timescale) as f64 / 1e9;
            running.speed = media / took.as_secs_f64().max(1e-6);
        }
        if let Some(choice) = &running.choice {
            self.shared.choices.worked(&self.presentation.info, &self.renditions[rendition], &choice.way);
        }
        self.tries.remove(&(rendition, segment));
        self.step(Event::Made { head, segment, took });
    }

    fn publish(&mut self) {
        let mut heads: Vec<(HeadId, HeadStatus)> = self
            .heads
            .iter()
            .map(|(head, running)| {
                let state = match (running.first_fragment, self.state.is_paused(*head)) {
                    (_, true) => HeadState::Paused,
                    (true, _) => HeadState::Running,
                    (false, _) => HeadState::Starting,
                };
                let (number, since) = self.observer.identity(*head);
                let status = HeadStatus {
                    head: number,
                    file: self.record.id,
                    name: self.record.name.clone(),
                    rendition: self.renditions[running.rendition].id.to_string(),
                    profile: running.profile().to_owned(),
                    segment: self.state.frontier(*head).unwrap_or(0),
                    speed: running.speed,
                    waiters: self.state.waiters(*head),
                    state,
                    since,
                };
                (*head, status)
            })
            .collect();
        heads.sort_by_key(|(head, _)| *head);
        self.observer.observe(&heads);
        self.status.send_replace(heads.into_iter().map(|(_, status)| status).collect());
    }
}

/// Marks failures of the library, as opposed to those of a worker.
const LIBRARY: &str = "library";
