//! Drives one head: a worker from its start to its end. Dropping the task kills the process.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};

use super::state::HeadId;
use crate::timeline::SegmentIndex;
use crate::worker::protocol::{HeadSpec, Report, Request};
use crate::worker::{WorkerError, WorkerPool};

/// A head that works and sends nothing for so long hangs: the source on a dead NAS, or a driver.
const STALL: Duration = Duration::from_secs(30);

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
    pub goal: watch::Receiver<u32>,
    pub events: mpsc::Sender<(HeadId, HeadEvent)>,
    /// Room on the box, given back when the task ends.
    pub permit: OwnedSemaphorePermit,
}

pub async fn drive(task: HeadTask) {
    let HeadTask { head, pool, spec, source, goal, events, permit } = task;
    let outcome = run(head, &pool, spec, &source, goal, &events).await;
    drop(permit);
    if let Err(error) = outcome {
        let _actor_gone = events.send((head, HeadEvent::Lost(error))).await;
    }
}

async fn run(
    head: HeadId,
    pool: &WorkerPool,
    spec: HeadSpec,
    source: &File,
    mut goal: watch::Receiver<u32>,
    events: &mpsc::Sender<(HeadId, HeadEvent)>,
) -> Result<(), WorkerError> {
    let mut made = spec.start.0.checked_sub(1);
    let mut worker = pool.take().await?;
    tracing::debug!(head = head.0, pid = worker.pid(), "head starts");
    worker.send(&Request::Head(Box::new(spec)), Some(source)).await?;
    loop {
        let paused = made.is_some_and(|made| made >= *goal.borrow());
        let report = tokio::select! {
            changed = goal.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
                let segment = SegmentIndex(*goal.borrow_and_update());
                // Of a worker that is no more, the next report tells what it died of.
                let _gone = worker.send(&Request::Goal { segment }, None).await;
                continue;
            }
            report = worker.next() => report?,
            () = tokio::time::sleep(STALL), if !paused => return Err(pool.hung(STALL)),
        };
        let last = matches!(report, Report::End { .. } | Report::Failed(_));
        if let Report::Fragment(fragment) = &report
            && fragment.last
        {
            made = Some(fragment.segment.0);
        }
        if events.send((head, HeadEvent::Report(report))).await.is_err() || last {
            return Ok(());
        }
    }
}
