//! Drives one head: a worker from its start to its end. Dropping the task kills the process.

use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};

pub use super::state::HeadId;
use crate::timeline::SegmentIndex;
use crate::worker::protocol::{HeadSpec, Report, Request};
use crate::worker::{Source, Worker, WorkerError, WorkerPool};

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

/// Since when a head has had something to do, and when it last made something.
struct Progress {
    stall: Stall,
    made: Instant,
}

impl Progress {
    /// When it hangs, if it is not heard of before.
    fn deadline(&self, heard: Instant) -> Instant {
        let silent = self.made.max(heard) + self.stall.silence;
        silent.min(self.made + self.stall.in_vain)
    }

    fn hung(&self) -> WorkerError {
        WorkerError::Hung(self.made.elapsed())
    }
}

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
    pub source: Source,
    pub goal: watch::Receiver<u32>,
    pub events: mpsc::Sender<(HeadId, HeadEvent)>,
    pub stall: Stall,
    /// Room on the box, given back when the task ends.
    pub permit: OwnedSemaphorePermit,
}

pub async fn drive(task: HeadTask) {
    let HeadTask { head, pool, spec, source, goal, events, stall, permit } = task;
    let outcome = run(head, &pool, spec, &source, goal, &events, stall).await;
    drop(permit);
    if let Err(error) = outcome {
        let _actor_gone = events.send((head, HeadEvent::Lost(error))).await;
    }
}

async fn run(
    head: HeadId,
    pool: &WorkerPool,
    spec: HeadSpec,
    source: &Source,
    mut goal: watch::Receiver<u32>,
    events: &mpsc::Sender<(HeadId, HeadEvent)>,
    stall: Stall,
) -> Result<(), WorkerError> {
    let mut made = spec.start.0.checked_sub(1);
    let mut worker = pool.take().await?;
    tracing::debug!(head = head.0, pid = worker.pid(), "head starts");
    tell(&mut worker, &Request::Head(Box::new(spec)), Some(source), stall).await?;
    let mut progress = Progress { stall, made: Instant::now() };
    loop {
        let paused = made.is_some_and(|made| made >= *goal.borrow());
        let deadline = progress.deadline(worker.heard());
        let report = tokio::select! {
            changed = goal.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
                let segment = SegmentIndex(*goal.borrow_and_update());
                tell(&mut worker, &Request::Goal { segment }, None, stall).await?;
                if paused {
                    progress.made = Instant::now();
                }
                continue;
            }
            report = worker.next() => report?,
            () = tokio::time::sleep_until(deadline.into()), if !paused => {
                if progress.deadline(worker.heard()) > Instant::now() {
                    continue;
                }
                return Err(progress.hung());
            }
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
        // While the encoder had no room, the head had none.
        progress.made = Instant::now();
    }
}

/// A worker that hangs does not read either: a request must not wait for it longer than for its fragments.
async fn tell(
    worker: &mut Worker,
    request: &Request,
    source: Option<&Source>,
    stall: Stall,
) -> Result<(), WorkerError> {
    let sent = tokio::time::timeout(stall.silence, worker.send(request, source)).await;
    sent.unwrap_or(Err(WorkerError::Hung(stall.silence)))
}
