//! Drives one head: a worker from its start to its end. Dropping the task kills the process.

use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};

use super::room::Hush;
use super::state::{HeadId, Order};
use crate::timeline::SegmentIndex;
use crate::worker::protocol::{HeadSpec, Report, Request};
use crate::worker::{Worker, WorkerError, WorkerPool};

/// A head that works and sends nothing for so long hangs: the source on a dead NAS, or a driver.
const STALL: Duration = Duration::from_secs(30);
/// A head that starts holds the others back no longer than this: it may hang, too.
const MAX_HUSH: Duration = Duration::from_millis(1500);

/// What a head tells its encoder.
#[derive(Debug)]
pub enum HeadEvent {
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
    let mut driver = Driver { head, events, next: spec.start.0, orders, starting, hush, stopped: false };
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
                worker.send(&Request::Goal { until: SegmentIndex(until) }, None).await?;
            }
            let waits = self.next >= until || self.stopped;
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
                () = tokio::time::sleep(STALL), if !waits => return Err(WorkerError::Hung(STALL)),
            };
            let last = matches!(report, Report::End { .. } | Report::Failed(_));
            if let Report::Fragment(fragment) = &report {
                self.hush = None;
                self.next = fragment.segment.0 + u32::from(fragment.last);
            }
            if self.events.send((self.head, HeadEvent::Report(report))).await.is_err() || last {
                return Ok(());
            }
        }
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
