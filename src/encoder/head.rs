//! Drives one head: a worker from its start to its end. Dropping the task kills the process.

use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};

use super::room::Hush;
pub use super::state::{HeadId, Order};
use crate::isobmff::Fragment;
use crate::timeline::SegmentIndex;
use crate::worker::protocol::{HeadSpec, Report, Request};
use crate::worker::{Restock, Source, Worker, WorkerError, WorkerPool};

/// When a head that has room to write is taken for hanging.
#[derive(Clone, Copy, Debug)]
pub struct Stall {
    /// It says nothing for so long: no fragment, and no sign that it reads its source. A viewer who waits has the
    /// next head's fragment before the player gives up (20 s and more); a disk that was asleep is up in less.
    pub silence: Duration,
    /// It reads and decodes all the time and makes nothing: a keyframe may lie minutes before the cut, but a source
    /// that leads a demuxer in a circle must not keep a place for ever.
    pub in_vain: Duration,
}

impl Default for Stall {
    fn default() -> Self {
        Self { silence: Duration::from_secs(10), in_vain: Duration::from_secs(60) }
    }
}

/// A head that starts holds the others back no longer than this: it may hang, too.
const MAX_HUSH: Duration = Duration::from_millis(1500);

/// What a head tells its encoder.
#[derive(Debug)]
pub enum HeadEvent {
    /// The segment it belongs to has cost this much time so far, pauses left out.
    Fragment(Fragment, Duration),
    /// Anything but a fragment.
    Report(Report),
    /// It could not join the head it was to join, and works in a process of its own.
    Alone,
    /// It is no more, and did not say why itself.
    Lost(WorkerError),
}

/// A head that wants to be made out of the frames that another one decodes.
pub struct Joining {
    spec: HeadSpec,
    reply: oneshot::Sender<Worker>,
}

pub struct HeadTask {
    pub head: HeadId,
    pub pool: WorkerPool,
    pub spec: HeadSpec,
    pub source: Source,
    pub orders: watch::Receiver<Order>,
    pub events: mpsc::Sender<(HeadId, HeadEvent)>,
    /// Heads of the box that start and that somebody waits for.
    pub starting: watch::Receiver<usize>,
    /// That this head is one of them.
    pub hush: Option<Hush>,
    pub stall: Stall,
    /// The head it is to join.
    pub joins: Option<mpsc::Sender<Joining>>,
    /// Heads that want to join this one.
    pub joining: mpsc::Receiver<Joining>,
    /// Room on the box, given back when the task ends.
    pub permit: OwnedSemaphorePermit,
}

pub async fn drive(task: HeadTask) {
    let HeadTask { head, pool, spec, source, orders, events, starting, hush, stall, joins, joining, permit } =
        task;
    let mut driver = Driver {
        head,
        events,
        next: spec.start.0,
        orders,
        starting,
        hush,
        restock: None,
        joining,
        stopped: false,
        work: Stopwatch::default(),
        stall,
        made: Instant::now(),
    };
    let outcome = driver.run(&pool, spec, &source, joins).await;
    drop(permit);
    if let Err(error) = outcome {
        let _actor_gone = driver.events.send((head, HeadEvent::Lost(error))).await;
    }
}

struct Driver {
    head: HeadId,
    events: mpsc::Sender<(HeadId, HeadEvent)>,
    /// The segment being made.
    next: u32,
    orders: watch::Receiver<Order>,
    starting: watch::Receiver<usize>,
    hush: Option<Hush>,
    /// Spares that are missing start when this head has begun.
    restock: Option<Restock>,
    joining: mpsc::Receiver<Joining>,
    /// The process stands still for others.
    stopped: bool,
    /// Time spent on the segment being made.
    work: Stopwatch,
    stall: Stall,
    /// When it last made something, or was let go on.
    made: Instant,
}

/// Time, but for pauses.
#[derive(Default)]
struct Stopwatch {
    before: Duration,
    since: Option<Instant>,
}

impl Stopwatch {
    /// Whether this starts it.
    fn run(&mut self, running: bool) -> bool {
        match (running, self.since) {
            (true, None) => {
                self.since = Some(Instant::now());
                return true;
            }
            (false, Some(since)) => {
                self.before += since.elapsed();
                self.since = None;
            }
            _ => {}
        }
        false
    }

    fn elapsed(&self) -> Duration {
        self.before + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl Driver {
    async fn run(
        &mut self,
        pool: &WorkerPool,
        spec: HeadSpec,
        source: &Source,
        joins: Option<mpsc::Sender<Joining>>,
    ) -> Result<(), WorkerError> {
        let hushed_until = Instant::now() + MAX_HUSH;
        let mut until = spec.until.0;
        let joined = match joins {
            Some(host) => self.join(&host, &spec).await,
            None => None,
        };
        let mut worker = match joined {
            Some(worker) => worker,
            None => self.start(pool, spec.clone(), source).await?,
        };
        loop {
            let order = *self.orders.borrow_and_update();
            self.step_aside(&mut worker, order);
            if order.until != until {
                until = order.until;
                self.tell(&mut worker, &Request::Goal { until: SegmentIndex(until) }, None).await?;
            }
            let waits = self.next >= until || self.stopped;
            if self.work.run(!waits) {
                self.made = Instant::now();
            }
            let deadline = self.deadline(&worker);
            let report = tokio::select! {
                changed = self.orders.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return Ok(()),
                },
                Ok(()) = self.starting.changed() => continue,
                Some(joining) = self.joining.recv() => {
                    self.welcome(&mut worker, joining).await?;
                    continue;
                }
                () = tokio::time::sleep_until(hushed_until.into()), if self.restock.is_some() => {
                    self.begun();
                    continue;
                }
                report = worker.next() => report?,
                () = tokio::time::sleep_until(deadline.into()), if !waits => {
                    if self.deadline(&worker) > Instant::now() {
                        continue;
                    }
                    return Err(pool.hung(self.made.elapsed()));
                }
            };
            let last = matches!(report, Report::End { .. } | Report::Failed(_));
            let event = match report {
                Report::Unfit => {
                    self.stopped = false;
                    let spec = HeadSpec { until: SegmentIndex(until), ..spec.clone() };
                    worker = self.start(pool, spec, source).await?;
                    HeadEvent::Alone
                }
                Report::Fragment(fragment) => self.fragment(fragment),
                other => HeadEvent::Report(other),
            };
            if self.events.send((self.head, event)).await.is_err() || last {
                return Ok(());
            }
            // While the encoder had no room, the head had none.
            self.made = Instant::now();
        }
    }

    /// A worker of its own, at work.
    async fn start(
        &mut self,
        pool: &WorkerPool,
        spec: HeadSpec,
        source: &Source,
    ) -> Result<Worker, WorkerError> {
        self.restock.get_or_insert_with(|| pool.restock());
        let mut worker = {
            let mut taking = std::pin::pin!(pool.take_quietly());
            match tokio::time::timeout(MAX_HUSH, &mut taking).await {
                Ok(worker) => worker?,
                Err(_) => {
                    self.begun();
                    taking.await?
                }
            }
        };
        tracing::debug!(head = self.head.0, pid = worker.pid(), "head starts");
        self.tell(&mut worker, &Request::Head(Box::new(spec)), Some(source)).await?;
        Ok(worker)
    }

    /// A place in the process of another head. `None` where that is no more, or does not answer.
    async fn join(&self, host: &mpsc::Sender<Joining>, spec: &HeadSpec) -> Option<Worker> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            host.send(Joining { spec: spec.clone(), reply }).await.ok()?;
            answer.await.ok()
        };
        let worker = tokio::time::timeout(MAX_HUSH, asked).await.ok()??;
        tracing::debug!(head = self.head.0, pid = worker.pid(), "head joins another");
        Some(worker)
    }

    /// Has another head made out of the frames that this one decodes.
    async fn welcome(&self, worker: &mut Worker, joining: Joining) -> Result<(), WorkerError> {
        let joined = tokio::time::timeout(self.stall.silence, worker.join(&joining.spec)).await;
        // Of a worker that is no more, the next report tells what it died of.
        if let Ok(joined) = joined.map_err(|_| WorkerError::Hung(self.stall.silence))? {
            let _gone = joining.reply.send(joined);
        }
        Ok(())
    }

    /// A worker that hangs does not read either: a request must not wait for it longer than for its fragments.
    /// Of one that is no more, the next report tells what it died of.
    async fn tell(
        &self,
        worker: &mut Worker,
        request: &Request,
        source: Option<&Source>,
    ) -> Result<(), WorkerError> {
        match tokio::time::timeout(self.stall.silence, worker.send(request, source)).await {
            Ok(_sent_or_gone) => Ok(()),
            Err(_) => Err(WorkerError::Hung(self.stall.silence)),
        }
    }

    /// When it hangs, if it is not heard of before.
    fn deadline(&self, worker: &Worker) -> Instant {
        let silent = self.made.max(worker.heard()) + self.stall.silence;
        silent.min(self.made + self.stall.in_vain)
    }

    fn fragment(&mut self, fragment: Fragment) -> HeadEvent {
        self.begun();
        let worked = self.work.elapsed();
        if fragment.last {
            self.next = fragment.segment.0 + 1;
            self.work = Stopwatch::default();
        }
        HeadEvent::Fragment(fragment, worked)
    }

    /// It has begun, or is given up as one that begins soon: others need hold back no longer.
    fn begun(&mut self) {
        self.hush = None;
        self.restock = None;
    }

    /// A head that nobody waits for leaves the processor to those that start for somebody.
    fn step_aside(&mut self, worker: &mut Worker, order: Order) {
        let others = *self.starting.borrow_and_update() - usize::from(self.hush.is_some());
        let stop = others > 0 && !order.urgent;
        if stop != self.stopped {
            self.stopped = stop;
            worker.stand_still(stop);
        }
    }
}
