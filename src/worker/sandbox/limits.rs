//! Resource limits, privileges and descriptors. Resident memory is not limited here but watched by the server: a
//! limit of the address space breaks graphics drivers, which reserve terabytes of it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

use super::SandboxStatus;

/// A worker writes to its socket, which does not count. What is left are memory files of drivers and of code that
/// is compiled at run time.
const FILE_BYTES: u64 = 4 << 20;
/// Drivers hold a descriptor per surface; with the limit above, what memory files can hold unseen stays bounded.
const DESCRIPTORS: u64 = 512;
/// When memory is short the kernel ends a worker, whose head starts again, rather than the server.
const OOM_SCORE: &str = "500";

/// Closes everything but standard input, output and error: what the server was started with is no business of its
/// workers. To be called before this process opens anything.
pub fn close_inherited() {
    // SAFETY: nothing in this process owns a descriptor yet, so none is closed under an owner.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) };
    if closed == 0 {
        return;
    }
    // A kernel before 5.9, or a container that refuses the call.
    let listed = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers: Vec<i32> =
        listed.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(|fd| *fd > 2).collect();
    for fd in numbers {
        // SAFETY: as above; the descriptor of the listing itself is closed already, and closing it again fails.
        unsafe { libc::close(fd) };
    }
}

/// The number of processes is not limited: that limit counts all threads of the user, the server's too. A worker
/// cannot start any.
pub(super) fn set(status: &mut SandboxStatus) {
    for (resource, most) in
        [(Resource::Core, 0), (Resource::Fsize, FILE_BYTES), (Resource::Nofile, DESCRIPTORS)]
    {
        let most = getrlimit(resource).maximum.map_or(most, |allowed| allowed.min(most));
        if let Err(error) = setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) }) {
            status.miss("resource limits", format!("{resource:?}: {error}"), "no remedy is known");
        }
    }
    // Where /proc is hidden the kernel decides by size alone.
    let _hidden = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE);
}

/// A service that runs as root, as in many containers, has workers without its powers.
pub(super) fn drop_capabilities(status: &mut SandboxStatus) {
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    if let Err(error) = set_capabilities(None, sets) {
        status.miss("dropping of capabilities", error, "do not run the service as root");
    }
}
