//! One worker process, seen from the server: spawn, send a job, read reports, kill.

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustix::net::SendFlags;
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};

use super::deaths::{Death, Deaths};
use super::memory::MemoryWatch;
use super::protocol::{Failure, HeadSpec, Report, Request};
use super::sandbox::SandboxStatus;
use super::source::{READ_DEADLINE, Reads, Source};
use super::wire::{self, Frame, WireError};

#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("worker could not be started: {0}")]
    Spawn(std::io::Error),
    #[error("worker died")]
    Died,
    #[error("worker made no progress for {0:?}")]
    Hung(Duration),
    #[error("worker used more than {} MiB of memory and was ended", limit_bytes >> 20)]
    OutOfMemory { limit_bytes: u64 },
    #[error("worker broke the protocol: {0}")]
    Protocol(String),
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl From<WireError> for WorkerError {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Closed => Self::Died,
            // A reset is how a killed process's socket ends.
            WireError::Socket(_) => Self::Died,
            other => Self::Protocol(other.to_string()),
        }
    }
}

/// How workers are started.
#[derive(Clone, Debug)]
pub struct Launch {
    /// This binary.
    pub program: PathBuf,
    /// GStreamer's plugin registry, kept with the cache so that starts do not scan all plugins.
    pub registry: Option<PathBuf>,
    /// What else the libraries in it read.
    pub environment: Vec<(String, OsString)>,
    /// Memory that a worker at work may hold.
    pub resident_bytes: u64,
    /// How long a read of a remote source may take.
    pub read_deadline: Duration,
}

impl Launch {
    /// A 4K picture of 10 bits takes 25 MB, and a decoder with sixteen threads holds some forty of them: 1 GB. Each of the
    /// rungs that share it takes some 150 MB. What needs twice as much leaks, or is fed something made to need it.
    pub const RESIDENT_BYTES: u64 = 2 << 30;

    pub fn new(program: PathBuf, registry: Option<PathBuf>) -> Self {
        let (environment, resident_bytes, read_deadline) = (Vec::new(), Self::RESIDENT_BYTES, READ_DEADLINE);
        Self { program, registry, environment, resident_bytes, read_deadline }
    }
}

struct SpawnOrder {
    launch: Launch,
    reply: oneshot::Sender<std::io::Result<(Process, std::os::unix::net::UnixStream)>>,
}

/// A child that does not outlive its owner, wherever that is dropped: here, or in a reply that nobody took.
struct Process(Child);

/// Spawns from one permanent thread: the parent-death signal is bound to the spawning *thread*, and threads of
/// an async runtime come and go.
#[derive(Clone)]
pub struct Spawner {
    orders: mpsc::Sender<SpawnOrder>,
}

impl Spawner {
    /// Orders waiting at most; more than the heads a box can run.
    const QUEUE: usize = 64;

    pub fn start() -> std::io::Result<Self> {
        let (orders, mut received) = mpsc::channel::<SpawnOrder>(Self::QUEUE);
        std::thread::Builder::new().name("spawner".into()).spawn(move || {
            while let Some(order) = received.blocking_recv() {
                let _nobody_waits = order.reply.send(spawn(&order.launch));
            }
        })?;
        Ok(Self { orders })
    }
}

fn spawn(launch: &Launch) -> std::io::Result<(Process, std::os::unix::net::UnixStream)> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    let mut command = Command::new(&launch.program);
    command
        .arg("worker")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.current_dir("/").env_clear().envs(std::env::vars_os().filter(|(name, _)| is_handed_down(name)));
    if let Some(registry) = &launch.registry {
        command.env("GST_REGISTRY", registry);
    }
    command.envs(launch.environment.iter().map(|(name, value)| (name, value)));

    let parent = std::process::id();
    // SAFETY: between fork and exec only async-signal-safe system calls are made: prctl, getppid.
    unsafe {
        command.pre_exec(move || {
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
            let still_there =
                rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get() as u32) == Some(parent);
            if still_there { Ok(()) } else { Err(std::io::Error::other("the server is gone")) }
        });
    }
    let process = Process(command.spawn()?);
    Ok((process, ours))
}

/// What the loader, GStreamer and drivers read. Anything else of the server's environment may be a secret.
fn is_handed_down(name: &std::ffi::OsStr) -> bool {
    const NAMES: [&str; 8] =
        ["HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "TZ", "XDG_CACHE_HOME", "XDG_DATA_DIRS", "XDG_DATA_HOME"];
    const PREFIXES: [&str; 11] =
        ["CUDA_", "GST_", "LC_", "LIBGL_", "LIBVA_", "MESA_", "NVIDIA_", "ONEVPL_", "ORC_", "RUST_", "VK_"];
    let name = name.to_str().unwrap_or_default();
    name != "GST_DEBUG" && (NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
}

/// What speaks with a process: the head it was started for, or one that joined it. Dropping the last kills the process.
pub struct Worker {
    shared: Arc<Shared>,
    /// It stands still, as far as this one is concerned.
    still: bool,
    heard: Instant,
    reads: Reads,
    socket: UnixStream,
    buffer: Vec<u8>,
}

struct Shared {
    /// Before the process: it looks at a process only while that is not reaped.
    memory: MemoryWatch,
    pid: u32,
    process: Mutex<Process>,
    sandbox: SandboxStatus,
    standing: Mutex<Standing>,
    /// The owner's books, and what they say of this one.
    books: Arc<Deaths>,
    death: OnceLock<Death>,
}

/// Who speaks with a process, and how many of them would have it stand still.
#[derive(Default)]
struct Standing {
    speakers: usize,
    still: usize,
    stopped: bool,
}

impl Shared {
    /// The process stands still when that is all right for everybody.
    fn stand(&self, change: impl FnOnce(&mut Standing)) {
        use rustix::process::{Pid, Signal, kill_process};
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut standing);
        let stop = standing.speakers > 0 && standing.still == standing.speakers;
        if stop == standing.stopped {
            return;
        }
        standing.stopped = stop;
        let signal = if stop { Signal::STOP } else { Signal::CONT };
        // Until its end has been looked at the number is its own.
        if self.death.get().is_none()
            && let Some(pid) = Pid::from_raw(self.pid as i32)
        {
            let _ended = kill_process(pid, signal);
        }
    }

    fn try_wait(&self) -> std::io::Result<Option<ExitStatus>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).0.try_wait()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.stand(|standing| {
            standing.speakers -= 1;
            standing.still -= usize::from(self.still);
        });
    }
}

impl Worker {
    /// Starts a process and waits until it is initialised.
    pub async fn spawn(spawner: &Spawner, launch: &Launch, books: Arc<Deaths>) -> Result<Self, WorkerError> {
        let (reply, spawned) = oneshot::channel();
        let order = SpawnOrder { launch: launch.clone(), reply };
        spawner.orders.send(order).await.map_err(|_| WorkerError::Died)?;
        let (process, socket) = spawned.await.map_err(|_| WorkerError::Died)?.map_err(|error| {
            let error = WorkerError::Spawn(error);
            books.count_error(&error);
            error
        })?;
        let pid = process.0.id();
        let shared = Shared {
            memory: MemoryWatch::new(pid, launch.resident_bytes),
            pid,
            process: Mutex::new(process),
            sandbox: SandboxStatus::default(),
            standing: Mutex::default(),
            books,
            death: OnceLock::new(),
        };
        let mut worker = Self::speak(Arc::new(shared), socket, Reads::new(launch.read_deadline))?;
        match worker.next().await? {
            Report::Ready { sandbox } => {
                if let Some(shared) = Arc::get_mut(&mut worker.shared) {
                    shared.sandbox = sandbox;
                }
                Ok(worker)
            }
            Report::Failed(failure) => Err(failure.into()),
            other => Err(WorkerError::Protocol(format!("{other:?} instead of ready"))),
        }
    }

    fn speak(
        shared: Arc<Shared>,
        socket: std::os::unix::net::UnixStream,
        reads: Reads,
    ) -> Result<Self, WorkerError> {
        socket.set_nonblocking(true).map_err(WorkerError::Spawn)?;
        let socket = UnixStream::from_std(socket).map_err(WorkerError::Spawn)?;
        shared.stand(|standing| standing.speakers += 1);
        Ok(Self { shared, still: false, heard: Instant::now(), reads, socket, buffer: Vec::new() })
    }

    /// Has the process make another rendition out of the same frames; who speaks for that has a worker of its own in
    /// the same process.
    pub async fn join(&mut self, spec: &HeadSpec) -> Result<Self, WorkerError> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(WorkerError::Spawn)?;
        let request = wire::json_frame(&Request::Join(Box::new(spec.clone())));
        self.flush_answers().await?;
        self.write(&request, Some(theirs.as_fd())).await?;
        // It needs nothing read: the frames are there.
        Self::speak(self.shared.clone(), ours, Reads::new(READ_DEADLINE))
    }

    pub fn pid(&self) -> u32 {
        self.shared.pid
    }

    /// What keeps it inside, as it says itself.
    pub fn sandbox(&self) -> &SandboxStatus {
        &self.shared.sandbox
    }

    /// When it last said something, be it only that it works.
    pub fn heard(&self) -> Instant {
        self.heard
    }

    /// Whether the process is still there; one that waits for work may have been killed by anybody.
    pub fn lives(&mut self) -> bool {
        match self.shared.try_wait() {
            Ok(None) => true,
            ended => {
                self.shared.books.count_exit(ended.ok().flatten());
                false
            }
        }
    }

    /// Stops the process where it is, or lets it go on: it keeps its place and uses no processor. It goes on as long as
    /// that is wanted by anybody who speaks with it.
    pub fn stand_still(&mut self, still: bool) {
        if still != self.still {
            self.still = still;
            self.shared.stand(|standing| match still {
                true => standing.still += 1,
                false => standing.still -= 1,
            });
        }
    }

    /// Sends a request, with the source it is about. A worker always takes what is sent, whatever it does.
    pub async fn send(&mut self, request: &Request, source: Option<&Source>) -> Result<(), WorkerError> {
        self.shared.memory.start();
        self.flush_answers().await?;
        match source {
            Some(Source::Remote(remote)) => {
                self.reads.of(remote);
                self.write(&wire::json_frame(&Request::Remote { length: remote.length() }), None).await?;
                self.write(&wire::json_frame(request), None).await
            }
            Some(Source::File(file)) => self.write(&wire::json_frame(request), Some(file.as_fd())).await,
            None => self.write(&wire::json_frame(request), None).await,
        }
    }

    async fn flush_answers(&mut self) -> Result<(), WorkerError> {
        while !self.reads.unsent().is_empty() {
            self.socket.writable().await.map_err(|_| self.death())?;
            self.send_answers()?;
        }
        Ok(())
    }

    async fn write(&self, bytes: &[u8], mut descriptor: Option<BorrowedFd<'_>>) -> Result<(), WorkerError> {
        let mut sent = 0;
        while sent < bytes.len() {
            let count = self
                .socket
                .async_io(Interest::WRITABLE, || {
                    wire::send(&self.socket, &bytes[sent..], descriptor, SendFlags::DONTWAIT)
                        .map_err(std::io::Error::from)
                })
                .await
                .map_err(|_| self.death())?;
            descriptor = None;
            sent += count;
        }
        Ok(())
    }

    /// Sends as much of the answers to reads as the socket takes.
    fn send_answers(&mut self) -> Result<(), WorkerError> {
        match self.socket.try_write(self.reads.unsent()) {
            Ok(count) => self.reads.was_sent(count),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return Err(self.death()),
        }
        Ok(())
    }

    /// The next report; meanwhile the worker's reads are served. Safe to cancel: nothing is lost between calls.
    pub async fn next(&mut self) -> Result<Report, WorkerError> {
        let report = self.receive().await;
        match &report {
            Ok(Report::Failed(failure)) => self.shared.books.count(Death::Failed(failure.kind)),
            Ok(_) => {}
            Err(WorkerError::Died) => {
                let status = self.exit_status().await;
                let shared = &self.shared;
                let death = shared.death.get_or_init(|| shared.books.count_exit(status));
                tracing::debug!(pid = self.pid(), ?death, "worker died");
            }
            Err(error) => self.shared.books.count_error(error),
        }
        report
    }

    /// How the process ended, whose socket just has.
    async fn exit_status(&mut self) -> Option<ExitStatus> {
        let ended = async {
            loop {
                match self.shared.try_wait() {
                    Ok(None) => tokio::time::sleep(EXIT_POLL).await,
                    ended => return ended.ok().flatten(),
                }
            }
        };
        tokio::time::timeout(EXIT_DEADLINE, ended).await.ok().flatten()
    }

    async fn receive(&mut self) -> Result<Report, WorkerError> {
        loop {
            match wire::take_frame(&mut self.buffer)? {
                Some(Frame::Json(body)) => match wire::from_json(&body)? {
                    Report::Working => continue,
                    Report::Read { id, offset, length } => {
                        self.reads.begin(id, offset, length)?;
                        continue;
                    }
                    report => return Ok(report),
                },
                Some(Frame::Fragment(fragment)) => return Ok(Report::Fragment(fragment)),
                Some(Frame::Image(image)) => return Ok(Report::Image(image)),
                Some(Frame::Answer(_)) => {
                    return Err(WorkerError::Protocol("an answer nobody asked for".into()));
                }
                None => {}
            }
            let answering = !self.reads.unsent().is_empty();
            let interest =
                if answering { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            let ready = tokio::select! {
                ready = self.socket.ready(interest) => ready,
                () = self.reads.answered() => continue,
            };
            if ready.map_err(|_| self.death())?.is_writable() && answering {
                self.send_answers()?;
            }
            // Fragments are large: read in large pieces.
            self.buffer.reserve(READ_BYTES);
            match self.socket.try_read_buf(&mut self.buffer) {
                Ok(0) => return Err(self.death()),
                Ok(_) => self.heard = Instant::now(),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return Err(self.death()),
            }
        }
    }

    /// Why its socket ended.
    fn death(&self) -> WorkerError {
        match self.shared.memory.exceeded() {
            true => WorkerError::OutOfMemory { limit_bytes: self.shared.memory.limit_bytes() },
            false => WorkerError::Died,
        }
    }
}

const READ_BYTES: usize = 256 * 1024;
/// A process's socket closes a moment before its parent can learn how it ended.
const EXIT_POLL: Duration = Duration::from_millis(2);
/// One that holds on to a dying NAS takes longer, and its cause stays unknown.
const EXIT_DEADLINE: Duration = Duration::from_millis(200);

impl Drop for Process {
    fn drop(&mut self) {
        let _killed = self.0.kill();
        // Reaping a killed process takes milliseconds at most, unless it hangs in the kernel on a dead NAS:
        // then it is left to the reaper thread.
        if !matches!(self.0.try_wait(), Ok(Some(_))) {
            reap_later(self.0.id());
        }
    }
}

/// Waits for a killed child in a thread of its own.
fn reap_later(pid: u32) {
    let waiting = std::thread::Builder::new().name("reaper".into()).spawn(move || {
        if let Some(pid) = rustix::process::Pid::from_raw(pid as i32) {
            let _status = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
        }
    });
    if let Err(error) = waiting {
        tracing::warn!(pid, %error, "no thread to reap a worker with");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_whose_order_was_given_up_is_killed_and_reaped() {
        // Like a worker it waits for what comes on its standard input.
        let mut command = Command::new("cat");
        let process =
            Process(command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("a process"));
        let folder = PathBuf::from(format!("/proc/{}", process.0.id()));
        assert!(folder.exists());
        let (reply, answer) = oneshot::channel::<std::io::Result<Process>>();
        assert!(reply.send(Ok(process)).is_ok());
        drop(answer);
        let deadline = Instant::now() + Duration::from_secs(10);
        while folder.exists() {
            assert!(Instant::now() < deadline, "it still runs, or was not reaped");
            std::thread::yield_now();
        }
    }
}
