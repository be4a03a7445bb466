//! What workers died of. Those that the service ends because nobody needs them any more are no deaths.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicU64, Ordering};

use super::process::WorkerError;
use super::protocol::FailureKind;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// By somebody on the box: SIGKILL, or another signal that programs do not send themselves.
    Killed,
    /// By the kernel, for memory.
    OutOfMemory,
    /// By its own fault: a bad access, an abort.
    Crashed,
    /// It ended by itself and did not say why.
    Exited,
    /// It made no progress, and the service ended it.
    Hung,
    /// It did not speak the protocol.
    Protocol,
    /// It could not be started.
    NotStarted,
    /// It said that it failed, and at what.
    Failed(FailureKind),
}

impl Death {
    pub const ALL: [Self; 11] = [
        Self::Killed,
        Self::OutOfMemory,
        Self::Crashed,
        Self::Exited,
        Self::Hung,
        Self::Protocol,
        Self::NotStarted,
        Self::Failed(FailureKind::Source),
        Self::Failed(FailureKind::Undecodable),
        Self::Failed(FailureKind::Setup),
        Self::Failed(FailureKind::Encoder),
    ];

    pub fn cause(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::OutOfMemory => "out-of-memory",
            Self::Crashed => "crashed",
            Self::Exited => "exited",
            Self::Hung => "hung",
            Self::Protocol => "protocol",
            Self::NotStarted => "not-started",
            Self::Failed(_) => "failed",
        }
    }

    /// Where it failed, when it said so.
    pub fn stage(self) -> Option<&'static str> {
        let Self::Failed(kind) = self else { return None };
        Some(match kind {
            FailureKind::Source => "source",
            FailureKind::Undecodable => "decoder",
            FailureKind::Setup => "setup",
            FailureKind::Encoder => "encoder",
        })
    }

    /// What the end of a process tells; `out_of_memory` when the kernel has just killed for memory here.
    fn of(status: Option<ExitStatus>, out_of_memory: bool) -> Self {
        const FAULTS: [i32; 7] = [
            rustix::process::Signal::ILL.as_raw(),
            rustix::process::Signal::TRAP.as_raw(),
            rustix::process::Signal::ABORT.as_raw(),
            rustix::process::Signal::BUS.as_raw(),
            rustix::process::Signal::FPE.as_raw(),
            rustix::process::Signal::SEGV.as_raw(),
            rustix::process::Signal::SYS.as_raw(),
        ];
        match status.and_then(|status| status.signal()) {
            Some(signal) if FAULTS.contains(&signal) => Self::Crashed,
            Some(signal) if out_of_memory && signal == rustix::process::Signal::KILL.as_raw() => {
                Self::OutOfMemory
            }
            Some(_) => Self::Killed,
            None => Self::Exited,
        }
    }
}

/// The books of a pool. Each living worker holds one reference.
#[derive(Debug)]
pub struct Deaths {
    counts: [AtomicU64; Death::ALL.len()],
    /// Processes that the kernel killed for memory, when that was last looked at.
    killed_for_memory: AtomicU64,
}

impl Default for Deaths {
    fn default() -> Self {
        Self { counts: Default::default(), killed_for_memory: kills_for_memory().unwrap_or(0).into() }
    }
}

impl Deaths {
    pub fn count(&self, death: Death) {
        for (known, count) in Death::ALL.iter().zip(&self.counts) {
            if *known == death {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Counts an error that says by itself what happened; of [`WorkerError::Died`] the process tells more.
    pub(super) fn count_error(&self, error: &WorkerError) {
        match error {
            WorkerError::Spawn(_) => self.count(Death::NotStarted),
            WorkerError::Hung(_) => self.count(Death::Hung),
            WorkerError::Protocol(_) => self.count(Death::Protocol),
            WorkerError::OutOfMemory { .. } => self.count(Death::OutOfMemory),
            WorkerError::Failed(failure) => self.count(Death::Failed(failure.kind)),
            WorkerError::Died => {}
        }
    }

    /// Counts a process that ended by itself; no status when it could not be had.
    pub(super) fn count_exit(&self, status: Option<ExitStatus>) -> Death {
        let kills = kills_for_memory().unwrap_or(0);
        let out_of_memory = kills > self.killed_for_memory.swap(kills, Ordering::Relaxed);
        let death = Death::of(status, out_of_memory);
        self.count(death);
        death
    }

    /// In the order of [`Death::ALL`].
    pub fn counts(&self) -> Vec<(Death, u64)> {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        Death::ALL.into_iter().zip(counts).collect()
    }
}

/// How many processes of this service's control group the kernel has killed for memory (`memory.events`: "killed
/// by any kind of OOM killer"), or of the whole box where there is no such group.
fn kills_for_memory() -> Option<u64> {
    let group = fs::read_to_string("/proc/self/cgroup").ok().and_then(|text| {
        let path = text.lines().find_map(|line| line.strip_prefix("0::"))?.to_owned();
        fs::read_to_string(format!("/sys/fs/cgroup{path}/memory.events")).ok()
    });
    let text = group.or_else(|| fs::read_to_string("/proc/vmstat").ok())?;
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_process_tells_what_it_died_of() {
        let by_signal = |signal| Some(ExitStatus::from_raw(signal));
        for (status, out_of_memory, expected) in [
            (by_signal(9), false, Death::Killed),
            (by_signal(9), true, Death::OutOfMemory),
            (by_signal(15), true, Death::Killed),
            (by_signal(6), true, Death::Crashed),
            (by_signal(11), false, Death::Crashed),
            (Some(ExitStatus::from_raw(3 << 8)), false, Death::Exited),
            (None, false, Death::Exited),
        ] {
            assert_eq!(Death::of(status, out_of_memory), expected, "{status:?}");
        }
    }

    #[test]
    fn each_death_is_counted_under_its_own_name() {
        let deaths = Deaths::default();
        for (n, death) in Death::ALL.into_iter().enumerate() {
            (0..n).for_each(|_| deaths.count(death));
        }
        let expected: Vec<(Death, u64)> = Death::ALL.into_iter().zip(0..).collect();
        assert_eq!(deaths.counts(), expected);
        let mut names: Vec<_> = Death::ALL.iter().map(|death| (death.cause(), death.stage())).collect();
        names.dedup();
        assert_eq!(names.len(), Death::ALL.len());
    }
}
