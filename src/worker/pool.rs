//! Workers for everybody: one spare is kept initialised, so that a start costs no process launch.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::deaths::{Death, Deaths};
use super::process::{Launch, Spawner, Worker, WorkerError};
use super::protocol::{Report, Request};
use super::sandbox::SandboxReport;
use super::source::Source;

/// Spares: picture and sound of a stream start together.
const SPARES: usize = 2;
/// A worker that starts takes a tenth of a second of a processor: by then, whoever waited for the head that has begun has
/// its first segment, and its player the first picture.
const RESTOCK_AFTER: Duration = Duration::from_secs(1);
/// A process that is not ready by then never will be: its programs are on a disk that does not answer. The very
/// first one examines all of GStreamer's plugins.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// A job that answers once (probe, parse, trial) takes no longer; a stalled NAS does.
const JOB_DEADLINE: Duration = Duration::from_secs(60);
/// Reading a whole file for its keyframes may take long, but not longer.
const SCAN_DEADLINE: Duration = Duration::from_secs(1800);

#[derive(Clone)]
pub struct WorkerPool {
    shared: Arc<Shared>,
}

struct Shared {
    spawner: Spawner,
    launch: Mutex<Launch>,
    spares: Mutex<Vec<Worker>>,
    /// Held while spares are being started, so that no two tasks start the same one.
    restocking: tokio::sync::Mutex<()>,
    /// One clone per living process.
    alive: Arc<Deaths>,
}

/// Missing spares that are started soon after this is dropped.
pub struct Restock(WorkerPool);

impl Drop for Restock {
    fn drop(&mut self) {
        self.0.restock_in(RESTOCK_AFTER);
    }
}

/// The workers as they are now, and what became of the others.
#[derive(Clone, Debug, Default)]
pub struct PoolStatus {
    /// Processes, spares included.
    pub living: usize,
    pub spares: usize,
    /// Every cause, with how many died of it.
    pub deaths: Vec<(Death, u64)>,
}

impl WorkerPool {
    /// Workers are this binary; `registry` is where GStreamer remembers its plugins.
    pub fn new(registry: Option<PathBuf>) -> std::io::Result<Self> {
        let program = std::env::current_exe()?;
        Self::with_program(program, registry)
    }

    pub fn with_program(program: PathBuf, registry: Option<PathBuf>) -> std::io::Result<Self> {
        Self::with_launch(Launch::new(program, registry))
    }

    pub fn with_launch(launch: Launch) -> std::io::Result<Self> {
        let (spawner, alive) = (Spawner::start()?, Arc::default());
        Ok(Self {
            shared: Arc::new(Shared {
                spawner,
                launch: Mutex::new(launch),
                spares: Mutex::default(),
                restocking: tokio::sync::Mutex::default(),
                alive,
            }),
        })
    }

    /// Living worker processes, spares included.
    pub fn living(&self) -> usize {
        Arc::strong_count(&self.shared.alive) - 1
    }

    pub fn status(&self) -> PoolStatus {
        let spares = self.lock_spares().len();
        PoolStatus { living: self.living(), spares, deaths: self.shared.alive.counts() }
    }

    /// Books a worker that is ended because it made no progress for so long.
    pub fn hung(&self, time: Duration) -> WorkerError {
        self.shared.alive.count(Death::Hung);
        WorkerError::Hung(time)
    }

    /// Workers are started with another registry and environment from now on. Those at work go on as they are.
    pub fn renew(&self, registry: Option<PathBuf>, environment: Vec<(String, OsString)>) {
        {
            let mut launch = self.shared.launch.lock().unwrap_or_else(PoisonError::into_inner);
            (launch.registry, launch.environment) = (registry, environment);
        }
        self.close();
    }

    /// Starts spares until there are enough.
    pub async fn keep_spares(&self) -> Result<(), WorkerError> {
        let _alone = self.shared.restocking.lock().await;
        while self.lock_spares().len() < SPARES {
            let worker = self.spawn().await?;
            self.lock_spares().push(worker);
        }
        Ok(())
    }

    /// An initialised worker: the spare, whose successor starts in the background, or a new one.
    pub async fn take(&self) -> Result<Worker, WorkerError> {
        let spare = self.living_spare();
        self.stock();
        self.this_or_new(spare).await
    }

    /// The same for a job somebody waits for: the successor, whose start would take a processor from the job, is started
    /// soon after the caller drops what [`Self::restock`] gave it.
    pub async fn take_quietly(&self) -> Result<Worker, WorkerError> {
        self.this_or_new(self.living_spare()).await
    }

    /// Starts spares in the background, now.
    pub fn stock(&self) {
        self.restock_in(Duration::ZERO);
    }

    /// Starts spares in the background soon after it is dropped.
    pub fn restock(&self) -> Restock {
        Restock(self.clone())
    }

    fn restock_in(&self, time: Duration) {
        let pool = self.clone();
        // Without a runtime the service is ending.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                tokio::time::sleep(time).await;
                if let Err(error) = pool.keep_spares().await {
                    tracing::warn!(%error, "no spare worker");
                }
            });
        }
    }

    /// Sends one request to a worker of its own and returns its answer; the process ends with it.
    pub async fn ask(&self, request: &Request, source: Option<&Source>) -> Result<Report, WorkerError> {
        let deadline = if matches!(request, Request::Scan { .. }) { SCAN_DEADLINE } else { JOB_DEADLINE };
        let answer = async {
            let mut worker = self.take().await?;
            worker.send(request, source).await?;
            match worker.next().await? {
                Report::Failed(failure) => Err(failure.into()),
                report => Ok(report),
            }
        };
        tokio::time::timeout(deadline, answer).await.unwrap_or_else(|_| Err(self.hung(deadline)))
    }

    /// What keeps workers inside, and what a worker achieves that tries to get out.
    pub async fn sandbox(&self) -> Result<SandboxReport, WorkerError> {
        let tried = async {
            let mut worker = self.take().await?;
            worker.send(&Request::Attempt, None).await?;
            match worker.next().await? {
                Report::Attempted { attempts } => {
                    Ok(SandboxReport { status: worker.sandbox().clone(), attempts })
                }
                Report::Failed(failure) => Err(failure.into()),
                other => Err(WorkerError::Protocol(format!("{other:?} instead of attempts"))),
            }
        };
        tokio::time::timeout(JOB_DEADLINE, tried).await.unwrap_or(Err(WorkerError::Hung(JOB_DEADLINE)))
    }

    /// Ends the spares.
    pub fn close(&self) {
        self.lock_spares().clear();
    }

    async fn this_or_new(&self, spare: Option<Worker>) -> Result<Worker, WorkerError> {
        match spare {
            Some(worker) => Ok(worker),
            None => self.spawn().await,
        }
    }

    async fn spawn(&self) -> Result<Worker, WorkerError> {
        let launch = self.shared.launch.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let spawned = Worker::spawn(&self.shared.spawner, &launch, self.shared.alive.clone());
        let timeout = tokio::time::timeout(START_DEADLINE, spawned).await;
        timeout.unwrap_or_else(|_| Err(self.hung(START_DEADLINE)))
    }

    /// A spare that nobody has killed meanwhile, as the kernel does when memory is short: its end must not look
    /// like a failure of the job it is given.
    fn living_spare(&self) -> Option<Worker> {
        let mut spares = self.lock_spares();
        spares.retain_mut(Worker::lives);
        spares.pop()
    }

    fn lock_spares(&self) -> std::sync::MutexGuard<'_, Vec<Worker>> {
        self.shared.spares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
