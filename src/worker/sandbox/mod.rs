//! What a worker process gives up before it sees anybody's media: files, the network, other processes, privileges.
//! Each restriction is taken where the kernel has it; what it has not is said, with the remedy. `docs/design/0003-sandbox.md`
//! has the reasons.

mod attempts;
mod calls;
mod files;
mod limits;

use serde::{Deserialize, Serialize};

pub use attempts::{Attempt, attempt_all};
pub use limits::close_inherited;

/// What keeps a worker inside, as the worker itself found it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxStatus {
    /// Version of the kernel's Landlock that files are restricted with.
    pub landlock_abi: Option<u32>,
    /// Dangerous system calls are refused.
    pub seccomp: bool,
    /// No program can give the process privileges.
    pub no_new_privileges: bool,
    /// What is not in force.
    pub missing: Vec<Missing>,
}

/// A restriction that could not be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    pub what: String,
    pub reason: String,
    pub remedy: String,
}

impl SandboxStatus {
    /// What is in force, for people: `Landlock ABI 7, seccomp, no new privileges`.
    pub fn in_force(&self) -> String {
        let landlock = self.landlock_abi.map(|abi| format!("Landlock ABI {abi}"));
        let seccomp = self.seccomp.then(|| "seccomp".to_owned());
        let privileges = self.no_new_privileges.then(|| "no new privileges".to_owned());
        let parts: Vec<String> = [landlock, seccomp, privileges].into_iter().flatten().collect();
        if parts.is_empty() { "nothing".into() } else { parts.join(", ") }
    }

    /// The process had threads already, which Landlock does not hold back, and could not begin anew.
    pub fn miss_threads(&mut self, threads: usize, error: &std::io::Error) {
        self.landlock_abi = None;
        let reason =
            format!("{threads} threads ran before it was entered, and starting anew failed: {error}");
        self.miss("Landlock", reason, "install GStreamer's plugin scanner (libgstreamer1.0-0)");
    }

    fn miss(&mut self, what: &str, reason: impl std::fmt::Display, remedy: &str) {
        self.missing.push(Missing { what: what.into(), reason: reason.to_string(), remedy: remedy.into() });
    }
}

/// The answer of a worker that tried to get out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxReport {
    #[serde(flatten)]
    pub status: SandboxStatus,
    pub attempts: Vec<Attempt>,
}

impl SandboxReport {
    /// Everything that was tried was refused.
    pub fn holds(&self) -> bool {
        !self.attempts.is_empty() && self.attempts.iter().all(|attempt| attempt.refused)
    }

    /// What a worker could do though it should not.
    pub fn holes(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter().filter(|attempt| !attempt.refused)
    }
}

/// Threads of this process; Landlock restricts the one that asks, and those that it starts later.
pub fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

/// Gives everything up, for good. To be called while this process has one thread.
pub fn enter() -> SandboxStatus {
    let mut status = SandboxStatus::default();
    limits::set(&mut status);
    match rustix::thread::set_no_new_privs(true) {
        Ok(()) => status.no_new_privileges = true,
        Err(error) => status.miss("no new privileges", error, "a kernel of version 3.5 or later"),
    }
    limits::drop_capabilities(&mut status);
    files::restrict(&mut status);
    calls::restrict(&mut status);
    status
}
