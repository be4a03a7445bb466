//! Watches what a worker holds in memory while it works, and ends it beyond its limit: a decoder that leaks, or that
//! is fed something made to exhaust it, costs one head and not the box.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::task::AbortHandle;

/// How often a worker is looked at. One that takes memory as fast as the kernel can clear it gets some hundred MB
/// beyond its limit.
const INTERVAL: Duration = Duration::from_millis(200);

/// Ends with its owner, which must not reap the process before.
pub(super) struct MemoryWatch {
    pid: u32,
    limit_bytes: u64,
    exceeded: Arc<AtomicBool>,
    /// Spares wait for work and are not watched.
    task: OnceLock<AbortHandle>,
}

impl MemoryWatch {
    pub(super) fn new(pid: u32, limit_bytes: u64) -> Self {
        Self { pid, limit_bytes, exceeded: Arc::default(), task: OnceLock::new() }
    }

    pub(super) fn limit_bytes(&self) -> u64 {
        self.limit_bytes
    }

    /// The process was ended for what it held.
    pub(super) fn exceeded(&self) -> bool {
        self.exceeded.load(Ordering::Acquire)
    }

    /// Watches from now on.
    pub(super) fn start(&self) {
        self.task.get_or_init(|| {
            let watching = watch(self.pid, self.limit_bytes, self.exceeded.clone());
            tokio::spawn(watching).abort_handle()
        });
    }
}

impl Drop for MemoryWatch {
    fn drop(&mut self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

async fn watch(pid: u32, limit_bytes: u64, exceeded: Arc<AtomicBool>) {
    // The descriptor stays with this process, whoever gets its number later.
    let Some(process) = Pid::from_raw(pid as i32).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok())
    else {
        return;
    };
    let mut interval = tokio::time::interval(INTERVAL);
    loop {
        interval.tick().await;
        match resident_bytes(pid) {
            None => return,
            Some(bytes) if bytes > limit_bytes => {
                tracing::warn!(pid, bytes, limit_bytes, "a worker holds too much memory and is ended");
                exceeded.store(true, Ordering::Release);
                let _gone = pidfd_send_signal(&process, Signal::KILL);
                return;
            }
            Some(_) => {}
        }
    }
}

/// Memory that a process holds; `None` when it is gone.
fn resident_bytes(pid: u32) -> Option<u64> {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_seen_to_grow() {
        let before = resident_bytes(std::process::id()).expect("this process");
        let held = std::hint::black_box(vec![1_u8; 64 << 20]);
        let after = resident_bytes(std::process::id()).expect("this process");
        assert!(after >= before + (32 << 20), "{before}, then {after}, holding {}", held.len());
        assert_eq!(resident_bytes(u32::MAX), None);
    }
}
