//! The service put together, and taken apart in an order one can read.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::doctor;
use super::local::{self, Trouble};
use super::say::say;
use crate::catalogue::Catalogue;
use crate::config::{Config, MaxHeads, ProfileChoice};
use crate::encoder::{EncodeSettings, Encoders, HeadState};
use crate::hardware::{Finder, State, Surroundings};
use crate::http::{self, Context, Hardware};
use crate::library::{Libraries, LibraryRoot};
use crate::pipeline::{ProfileKind, Resolved};
use crate::store::{Limits, SegmentStore};
use crate::worker::{WorkerPool, WorkerProber};

/// Where the service keeps what it knows and what it made.
pub struct Folders {
    pub state: PathBuf,
    pub cache: PathBuf,
    /// Where profiles are besides the shipped ones.
    pub profiles: Vec<PathBuf>,
}

pub struct App {
    listeners: Vec<TcpListener>,
    context: Arc<Context>,
    encoders: Encoders,
    libraries: Libraries,
    pool: WorkerPool,
    finder: Finder,
    choice: ProfileChoice,
    /// Taken over early: a signal that nobody takes ends the process.
    hang_up: Signal,
    stop: CancellationToken,
}

/// Work in flight gets so long when the service stops: a scan's current file, the last bytes of a response.
const FAREWELL: Duration = Duration::from_secs(5);
/// Connections waiting to be accepted.
const BACKLOG: u32 = 1024;

impl App {
    /// Opens everything. What fails here names the thing and the remedy, and nothing is served.
    pub async fn start(config: Config, folders: &Folders) -> Result<Self, Trouble> {
        for folder in [&folders.state, &folders.cache] {
            std::fs::create_dir_all(folder)
                .map_err(|error| Trouble(format!("{}: {error}", folder.display())))?;
        }
        let hang_up = signal(SignalKind::hangup())?;
        let listeners = listen(&config.server.listen)?;
        let stop = CancellationToken::new();
        let surroundings = Surroundings::look();
        let pool = local::pool(&surroundings, Some(&folders.cache))?;
        let catalogue = Catalogue::open(&folders.state.join("catalogue.sqlite"))
            .map_err(|error| Trouble(error.to_string()))?;
        let store = open_store(&folders.cache, &config);
        let roots: Vec<LibraryRoot> = config.libraries.iter().map(root).collect();
        let prober = Arc::new(WorkerProber::new(pool.clone()));
        let libraries = Libraries::new(catalogue.clone(), &roots, prober, stop.clone())
            .map_err(|error| Trouble(error.to_string()))?;
        let settings = encode_settings(&config);
        let encoders = Encoders::new(libraries.clone(), catalogue.clone(), pool.clone(), store, settings);
        let profiles = folders.profiles.clone();
        let finder = Finder::start(pool.clone(), profiles, folders.cache.clone(), surroundings).await;
        let finder = finder.map_err(|error| Trouble(error.to_string()))?;
        let choice = config.encode.profile.clone();
        let found = finder.state();
        encoders.set_profiles(chosen(&found.borrow(), &choice).map_err(Trouble)?);
        let sandbox = doctor::sandbox(&pool).await;
        doctor::log_sandbox(&sandbox);
        let (_, config) = watch::channel(Arc::new(config));
        let workers = pool.clone();
        let context = Arc::new(Context {
            catalogue,
            libraries: libraries.clone(),
            encoders: Arc::new(encoders.clone()),
            config,
            hardware: Box::new(move || Hardware { found: found.borrow().clone(), sandbox: sandbox.clone() }),
            workers: Box::new(move || workers.status()),
            feed: Arc::default(),
            started: Instant::now(),
        });
        Ok(Self { listeners, context, encoders, libraries, pool, finder, choice, hang_up, stop })
    }

    /// Serves until a signal asks to stop: the first gracefully, the second at once.
    pub async fn run(self) -> Result<ExitCode, Trouble> {
        for listener in &self.listeners {
            say!("millrace serves {}", url(listener.local_addr()?));
        }
        let _begun = self.libraries.start_scan();
        self.pool.stock();
        let (found, reload) = (self.finder.state(), self.finder.reload());
        let encoders = self.encoders.clone();
        let busy = move || encoders.heads().iter().any(|head| head.state != HeadState::Paused);
        tokio::spawn(self.finder.run(busy, self.stop.clone()));
        tokio::spawn(take_over(found, self.choice, self.encoders.clone()));
        let mut hang_up = self.hang_up;
        tokio::spawn(async move {
            while hang_up.recv().await.is_some() {
                reload.notify_one();
            }
        });
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let serving = tokio::spawn(http::serve(self.listeners, self.context, self.stop.clone()));
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        // Nothing new comes in; requests in flight end; then their heads, then scans and probes, then the spares.
        self.stop.cancel();
        let farewell = async {
            let _ended = serving.await;
            self.encoders.close();
            self.libraries.finished().await;
        };
        tokio::select! {
            _ = tokio::time::timeout(2 * FAREWELL, farewell) => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        self.pool.close();
        tracing::info!("stopped");
        Ok(ExitCode::SUCCESS)
    }
}

fn root(library: &crate::config::Library) -> LibraryRoot {
    LibraryRoot { name: library.name.to_string(), path: library.path.clone() }
}

fn open_store(cache: &Path, config: &Config) -> SegmentStore {
    let limits = Limits { size: config.cache.size.bytes(), min_free: config.cache.min_free.bytes() };
    SegmentStore::open(&cache.join("segments"), limits)
}

fn encode_settings(config: &Config) -> EncodeSettings {
    let encode = &config.encode;
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    EncodeSettings {
        targets: local::targets(config),
        ladder: local::ladder(config),
        audio_bps: encode.audio_bitrate.bps(),
        max_heads: match encode.max_heads {
            // Heads at their goals cost nothing: a few more than the cores can drive at once.
            MaxHeads::Auto => 4 + 2 * cores,
            MaxHeads::Count(count) => usize::from(count),
        },
        look_ahead_ns: encode.look_ahead.nanos(),
        idle: encode.idle_timeout.duration(),
    }
}

/// What of the profiles is used: all that works, or what the owner names.
fn chosen(found: &State, choice: &ProfileChoice) -> Result<Vec<Resolved>, String> {
    let examined = &found.examined;
    for profile in &examined.report.profiles {
        let (name, reason) = (&profile.name, &profile.reason);
        match profile.works {
            true => tracing::info!(profile = name, reason, "profile works"),
            false => tracing::info!(profile = name, reason, "profile is left out"),
        }
    }
    let mut working = examined.working.clone();
    if let (ProfileChoice::Named(wanted), Some(set)) = (choice, &found.profiles) {
        let known = set.profiles().iter().find(|profile| *profile.name == **wanted);
        // Hardware is tried when the service has begun.
        if !(found.examining && known.is_some_and(|profile| !profile.devices.is_empty())) {
            working = set
                .chosen(wanted, working, &examined.reasons())
                .map_err(|reason| format!("encode.profile = \"{wanted}\" does not work here: {reason}"))?;
        }
    }
    if !working.iter().any(|profile| profile.kind == ProfileKind::Video) {
        tracing::warn!("no profile encodes video here: only what browsers play as it is will play");
    }
    Ok(working)
}

/// Heads that start from now on use what is found.
async fn take_over(mut found: watch::Receiver<State>, choice: ProfileChoice, encoders: Encoders) {
    let mut known = found.borrow_and_update().at;
    while found.changed().await.is_ok() {
        let state = found.borrow_and_update().clone();
        if state.examining || state.at == known {
            continue;
        }
        known = state.at;
        match chosen(&state, &choice) {
            Ok(working) => encoders.set_profiles(working),
            Err(reason) => {
                tracing::error!(reason, "all that works is used instead");
                encoders.set_profiles(state.examined.working.clone());
            }
        }
    }
}

/// Listens on every address. One that this machine does not have is left out, as long as another one works.
fn listen(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, Trouble> {
    let mut listeners = Vec::new();
    let mut problems = Vec::new();
    for address in addresses {
        match bind(*address) {
            Ok(listener) => listeners.push(listener),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                return Err(Trouble(format!(
                    "{address} is in use by another program; choose another with --listen"
                )));
            }
            Err(error) => problems.push(format!("{address}: {error}")),
        }
    }
    if listeners.is_empty() {
        return Err(Trouble(format!("no address to listen on: {}", problems.join(", "))));
    }
    problems.iter().for_each(|problem| tracing::warn!(problem, "an address is left out"));
    Ok(listeners)
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => {
            let socket = TcpSocket::new_v6()?;
            // `[::]` beside `0.0.0.0` is two sockets, not one that takes both.
            rustix::net::sockopt::set_ipv6_v6only(&socket, true)?;
            socket
        }
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// What to type into a browser on this machine.
fn url(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!("http://localhost:{}/", address.port())
    } else {
        format!("http://{address}/")
    }
}
