//! Drives one head: a worker from its start to its end. Dropping the task kills the process.

use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};

use super::room::Hush;
use super::state::{HeadId, Order};
use crate::isobmff::Fragment;
use crate::timeline::SegmentIndex;
use crate::worker::protocol::{HeadSpec, Report, Request};
use crate::worker::{Worker, WorkerError, WorkerPool};

/// A head that works and sends nothing for so long hangs: the source on a dead NAS, or a driver.
const STALL: Duration = Duration::from_secs(10);
/// Until its first fragment it may take longer: disks that slept need some seconds.
const START_STALL: Duration = Duration::from_secs(20);
/// A head that starts holds the others back no longer than this: it may hang, too.
const MAX_HUSH: Duration = Duration::from_millis(1500);

/// What a head tells its encoder.
#[derive(Debug)]
pub enum HeadEvent {
    /// The segment it belongs to has cost this much time so far, pauses left out.
    Fragment(Fragment, Duration),
    /// Anything but a fragment.
    Report(Report),
    /// It is no more, and did not say why itself.
    Lost(WorkerError),
}

pub struct HeadTask {
    pub head: HeadId,
    pub pool: WorkerPool,
    pub spec: HeadSpec,
    pub source: Arc<File>,
    pub orders: watch::Receiver<Order>,
    pub events: mpsc::Sender<(HeadId, HeadEvent)>,
    /// Heads of the box that start and that somebody waits for.
    pub starting: watch::Receiver<usize>,
    /// That this head is one of them.
    pub hush: Option<Hush>,
    /// Room on the box, given back when the task ends.
    pub permit: OwnedSemaphorePermit,
}

pub async fn drive(task: HeadTask) {
    let HeadTask { head, pool, spec, source, orders, events, starting, hush, permit } = task;
    let mut driver = Driver {
        head,
        events,
        next: spec.start.0,
        orders,
        starting,
        hush,
        stopped: false,
        work: Stopwatch::default(),
        silence: Stopwatch::default(),
        stall: START_STALL,
    };
    let outcome = driver.run(&pool, spec, &source).await;
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
    /// The process stands still for others.
    stopped: bool,
    /// Time spent on the segment being made.
    work: Stopwatch,
    /// Time since the last report, and the most of it that is no hang.
    silence: Stopwatch,
    stall: Duration,
}

/// Time, but for pauses.
#[derive(Default)]
struct Stopwatch {
    before: Duration,
    since: Option<Instant>,
}

impl Stopwatch {
    fn run(&mut self, running: bool) {
        match (running, self.since) {
            (true, None) => self.since = Some(Instant::now()),
            (false, Some(since)) => {
                self.before += since.elapsed();
                self.since = None;
            }
            _ => {}
        }
    }

    fn elapsed(&self) -> Duration {
        self.before + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl Driver {
    async fn run(&mut self, pool: &WorkerPool, spec: HeadSpec, source: &File) -> Result<(), WorkerError> {
        let mut worker = pool.take().await?;
        tracing::debug!(head = self.head.0, pid = worker.pid(), "head starts");
        let mut until = spec.until.0;
        worker.send(&Request::Head(Box::new(spec)), Some(source)).await?;
        let hushed_until = Instant::now() + MAX_HUSH;
        loop {
            let order = *self.orders.borrow_and_update();
            self.step_aside(&worker, order);
            if order.until != until {
                until = order.until;
                // Of a worker that is no more, the next report tells what it died of.
                let _gone = worker.send(&Request::Goal { until: SegmentIndex(until) }, None).await;
            }
            let waits = self.next >= until || self.stopped;
            self.work.run(!waits);
            self.silence.run(!waits);
            let patience = self.stall.saturating_sub(self.silence.elapsed());
            let report = tokio::select! {
                changed = self.orders.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return Ok(()),
                },
                Ok(()) = self.starting.changed() => continue,
                () = tokio::time::sleep_until(hushed_until.into()), if self.hush.is_some() => {
                    self.hush = None;
                    continue;
                }
                report = worker.next() => report?,
                () = tokio::time::sleep(patience), if !waits => return Err(pool.hung(self.stall)),
            };
            self.silence = Stopwatch::default();
            let last = matches!(report, Report::End { .. } | Report::Failed(_));
            let event = match report {
                Report::Fragment(fragment) => self.fragment(fragment),
                other => HeadEvent::Report(other),
            };
            if self.events.send((self.head, event)).await.is_err() || last {
                return Ok(());
            }
        }
    }

    fn fragment(&mut self, fragment: Fragment) -> HeadEvent {
        self.hush = None;
        self.stall = STALL;
        let worked = self.work.elapsed();
        if fragment.last {
            self.next = fragment.segment.0 + 1;
            self.work = Stopwatch::default();
        }
        HeadEvent::Fragment(fragment, worked)
    }

    /// A head that nobody waits for leaves the processor to those that start for somebody.
    fn step_aside(&mut self, worker: &Worker, order: Order) {
        let others = *self.starting.borrow_and_update() - usize::from(self.hush.is_some());
        let stop = others > 0 && !order.urgent;
        if stop != self.stopped {
            self.stopped = stop;
            worker.stand_still(stop);
        }
    }
}
