//! Who finds out, and when: at start, when the machine changes, and when the owner asks.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::examination::{self, Depth, Examined};
use super::kept;
use super::surroundings::Surroundings;
use crate::config::Diagnostic;
use crate::pipeline::ProfileSet;
use crate::worker::{WorkerError, WorkerPool};

/// A driver that is installed, a card that is plugged in: noticed after so long.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// Trials open sessions of the hardware and take the processor: they wait until nothing is encoded, but no longer.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_FOR_QUIET: Duration = Duration::from_millis(500);

/// What may have failed by chance is tried again so many times.
const MAX_DOUBTS: u32 = 3;

/// What is known at the moment.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Trials are still to be made, or being made.
    pub examining: bool,
    pub examined: Arc<Examined>,
    pub profiles: Option<Arc<ProfileSet>>,
    /// When the trials were made, where it was in this run of the service.
    pub at: Option<SystemTime>,
    /// Why profiles that were changed are not used: the ones before are.
    pub mistakes: Vec<String>,
}

pub struct Finder {
    pool: WorkerPool,
    folders: Vec<PathBuf>,
    cache: PathBuf,
    surroundings: Surroundings,
    set: Arc<ProfileSet>,
    state: watch::Sender<State>,
    asked: Arc<Notify>,
    /// How often something failed in a row that may have failed by chance.
    doubts: u32,
}

/// Why nothing is known at all.
#[derive(Debug, thiserror::Error)]
pub enum FinderError {
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Profiles(Vec<Diagnostic>),
    #[error("no worker: {0}")]
    Worker(#[from] WorkerError),
}

impl Finder {
    /// Knows at once what was found before under the same circumstances, else what the processor can do.
    pub async fn start(
        pool: WorkerPool,
        folders: Vec<PathBuf>,
        cache: PathBuf,
        surroundings: Surroundings,
    ) -> Result<Self, FinderError> {
        let set = Arc::new(examination::load(&folders).map_err(FinderError::Profiles)?);
        let known = kept::load(&cache, &kept::key(&surroundings.key(), set.digest()));
        let examining = known.is_none();
        let examined = match known {
            Some(known) => known,
            None => examination::examine(&pool, &set, Depth::Processor, |_| {}).await?,
        };
        surroundings.clean(&cache);
        let state = State {
            examining,
            examined: examined.into(),
            profiles: Some(set.clone()),
            at: None,
            mistakes: Vec::new(),
        };
        let (state, asked) = (watch::Sender::new(state), Arc::default());
        Ok(Self { pool, folders, cache, surroundings, set, state, asked, doubts: 0 })
    }

    pub fn state(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// To be notified when profiles are to be read again.
    pub fn reload(&self) -> Arc<Notify> {
        self.asked.clone()
    }

    /// Finds out what is not known, and what changes, until `stop`. `busy` tells whether something is encoded.
    pub async fn run(mut self, busy: impl Fn() -> bool, stop: CancellationToken) {
        let work = async {
            if self.state.borrow().examining {
                self.examine(&busy).await;
            }
            loop {
                let asked = tokio::select! {
                    () = self.asked.notified() => true,
                    () = tokio::time::sleep(LOOK_AGAIN) => false,
                };
                let changed = self.changed(asked).await;
                if changed {
                    self.doubts = 0;
                }
                if changed || (1..=MAX_DOUBTS).contains(&self.doubts) {
                    self.examine(&busy).await;
                }
            }
        };
        tokio::select! {
            () = work => {}
            () = stop.cancelled() => {}
        }
    }

    /// Whether anything is new since the last look; with `asked`, profiles are read again, too.
    async fn changed(&mut self, asked: bool) -> bool {
        let looked = tokio::task::spawn_blocking(Surroundings::look).await;
        let surroundings = looked.unwrap_or_else(|_| self.surroundings.clone());
        let new_surroundings = surroundings != self.surroundings;
        if new_surroundings {
            tracing::info!("drivers, devices or plugins have changed");
            self.surroundings = surroundings;
        }
        if asked {
            match examination::load(&self.folders) {
                Ok(set) => {
                    let new_set = set.digest() != self.set.digest();
                    tracing::info!(
                        profiles = set.profiles().len(),
                        changed = new_set,
                        "profiles are read again"
                    );
                    self.set = Arc::new(set);
                    self.state.send_modify(|state| state.mistakes.clear());
                    return new_set || new_surroundings;
                }
                Err(mistakes) => {
                    let mistakes: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
                    for mistake in &mistakes {
                        tracing::error!(mistake, "profiles are not read again; those before stay in force");
                    }
                    self.state.send_modify(|state| state.mistakes = mistakes);
                }
            }
        }
        new_surroundings
    }

    async fn examine(&mut self, busy: &impl Fn() -> bool) {
        self.state.send_modify(|state| state.examining = true);
        let quiet = async {
            while busy() {
                tokio::time::sleep(LOOK_FOR_QUIET).await;
            }
        };
        let _waited_long_enough = tokio::time::timeout(PATIENCE, quiet).await;
        let registry = self.surroundings.registry(&self.cache);
        self.pool.renew(Some(registry), self.surroundings.environment());
        let examined = examination::examine(&self.pool, &self.set, Depth::All, |_| {}).await;
        match examined {
            Ok(examined) => {
                self.doubts = if examined.sure { 0 } else { self.doubts + 1 };
                let key = kept::key(&self.surroundings.key(), self.set.digest());
                if examined.sure
                    && let Err(error) = kept::store(&self.cache, &key, &examined)
                {
                    tracing::warn!(%error, "what hardware can do is not remembered");
                }
                let (examined, profiles) = (examined.into(), Some(self.set.clone()));
                let at = Some(SystemTime::now());
                let (state, _) = (&self.state, self.surroundings.clean(&self.cache));
                state.send_modify(|state| {
                    *state =
                        State { examining: false, examined, profiles, at, mistakes: state.mistakes.clone() };
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the hardware could not be examined");
                self.doubts += 1;
                self.state.send_modify(|state| state.examining = false);
            }
        }
        self.pool.stock();
    }
}
