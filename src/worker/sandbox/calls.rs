//! seccomp: which system calls a worker can make. All are allowed but the listed ones, which fail: graphics drivers
//! use odd calls, differently in every release, and a picture that does not come because of a harmless one is a fault
//! that no owner could find. What is listed is what reaches beyond the process.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter_all_threads,
};

use super::SandboxStatus;

/// The network, and sockets of other processes. A pair of connected sockets is allowed, see [`conditional`].
const NETWORK: [c_long; 6] = [
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
];

/// Other programs.
const PROGRAMS: [c_long; 2] = [libc::SYS_execve, libc::SYS_execveat];

/// Other processes: reading, changing, signalling them.
const PROCESSES: [c_long; 12] = [
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_process_mrelease,
    libc::SYS_kcmp,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_tkill,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
];

/// Memory and queues that outlive the process or are shared by name.
const SHARED_BY_NAME: [c_long; 12] = [
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_semctl,
    libc::SYS_msgget,
    libc::SYS_msgsnd,
    libc::SYS_msgrcv,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
];

/// Mounts, roots and namespaces.
const MOUNTS: [c_long; 14] = [
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    SYS_OPEN_TREE_ATTR,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_unshare,
    libc::SYS_setns,
];

/// Parts of the kernel that no pipeline needs, many of them known for their holes, and the machine itself.
const KERNEL: [c_long; 30] = [
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_fanotify_init,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_memfd_secret,
    libc::SYS_open_by_handle_at,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_syslog,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_vhangup,
];

/// What Landlock does not know (modes, owners, attributes, times), and once more what it does, for kernels
/// without it.
const FILES: [c_long; 25] = [
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchmodat2,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    SYS_SETXATTRAT,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    SYS_REMOVEXATTRAT,
    SYS_FILE_SETATTR,
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_truncate,
    libc::SYS_inotify_init1,
    libc::SYS_name_to_handle_at,
    libc::SYS_fanotify_mark,
];

/// Older spellings of the above.
#[cfg(target_arch = "x86_64")]
const OLDER: [c_long; 22] = [
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_creat,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_futimesat,
    libc::SYS_mkdir,
    libc::SYS_mknod,
    libc::SYS_unlink,
    libc::SYS_rmdir,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_link,
    libc::SYS_symlink,
    libc::SYS_inotify_init,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_kexec_file_load,
];
#[cfg(target_arch = "aarch64")]
const OLDER: [c_long; 2] = [libc::SYS_renameat, libc::SYS_kexec_file_load];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const OLDER: [c_long; 0] = [];

// Numbers that are the same on every architecture and too new for the headers.
const SYS_SETXATTRAT: c_long = 463;
const SYS_REMOVEXATTRAT: c_long = 466;
const SYS_OPEN_TREE_ATTR: c_long = 467;
const SYS_FILE_SETATTR: c_long = 469;

/// Their arguments lie in memory, where a filter cannot look: callers are told that the kernel is too old for them
/// and use the older call.
const UNREADABLE: [c_long; 2] = [libc::SYS_clone3, libc::SYS_openat2];

pub(super) fn restrict(status: &mut SandboxStatus) {
    match programs().and_then(|programs| {
        programs
            .iter()
            .try_for_each(|program| apply_filter_all_threads(program).map_err(|error| error.to_string()))
    }) {
        Ok(()) => status.seccomp = true,
        Err(error) => status.miss(
            "seccomp",
            error,
            "a kernel with seccomp filters; in a container, a runtime that does not refuse the call",
        ),
    }
}

fn programs() -> Result<[BpfProgram; 2], String> {
    let refused = [&NETWORK[..], &PROGRAMS, &PROCESSES, &SHARED_BY_NAME, &MOUNTS, &KERNEL, &FILES, &OLDER];
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = refused.concat().into_iter().map(always).collect();
    rules.extend(conditional()?);
    let unreadable = UNREADABLE.into_iter().map(always).collect();
    Ok([other_numbers_refused(program(rules, libc::EPERM)?), program(unreadable, libc::ENOSYS)?])
}

fn always(call: c_long) -> (i64, Vec<SeccompRule>) {
    (call, Vec::new())
}

fn program(rules: BTreeMap<i64, Vec<SeccompRule>>, errno: i32) -> Result<BpfProgram, String> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| error.to_string())?;
    let refuse = SeccompAction::Errno(errno as u32);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch);
    filter.and_then(BpfProgram::try_from).map_err(|error| error.to_string())
}

/// Every call has a second number on x86-64, for programs with 32-bit pointers (x32), which a list of the first
/// ones does not meet.
#[cfg(target_arch = "x86_64")]
fn other_numbers_refused(program: BpfProgram) -> BpfProgram {
    use seccompiler::sock_filter;
    const X32: u32 = 0x4000_0000;
    let at = |code: u32, jt, jf, k| sock_filter { code: code as u16, jt, jf, k };
    let mut whole = vec![
        at(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        at(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, X32),
        at(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
    ];
    whole.extend(program);
    whole
}

#[cfg(not(target_arch = "x86_64"))]
fn other_numbers_refused(program: BpfProgram) -> BpfProgram {
    program
}

/// Calls that depend on what is asked of them.
fn conditional() -> Result<BTreeMap<i64, Vec<SeccompRule>>, String> {
    let myself = u64::from(std::process::id());
    let new_namespaces = [
        libc::CLONE_NEWNS,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWCGROUP,
    ];
    // Threads are allowed, processes are not.
    let mut clone = vec![vec![bits(0, libc::CLONE_THREAD, 0)]];
    clone.extend(new_namespaces.map(|flag| vec![bits(0, flag, flag)]));
    let creates = |argument| -> Vec<Vec<Condition>> {
        let temporary = libc::O_TMPFILE & !libc::O_DIRECTORY;
        [libc::O_CREAT, libc::O_TRUNC, temporary].map(|flag| vec![bits(argument, flag, flag)]).into()
    };
    let signals_another = || vec![vec![is_not(0, myself)]];
    let rules = [
        (libc::SYS_clone, clone),
        // Not a datagram socket, which could be sent from to any other one.
        (
            libc::SYS_socketpair,
            vec![vec![is_not(0, libc::AF_UNIX as u64)], vec![bits(1, 0xf, libc::SOCK_DGRAM)]],
        ),
        (libc::SYS_openat, creates(2)),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_open, creates(1)),
        (libc::SYS_kill, signals_another()),
        (libc::SYS_tgkill, signals_another()),
        (libc::SYS_rt_sigqueueinfo, signals_another()),
        (libc::SYS_rt_tgsigqueueinfo, signals_another()),
        // Limits of this process only.
        (libc::SYS_prlimit64, vec![vec![is_not(0, 0), is_not(0, myself)]]),
        // It ends with the server.
        (libc::SYS_prctl, vec![vec![is(0, libc::PR_SET_PDEATHSIG as u64)]]),
        // Signals by way of a descriptor.
        (libc::SYS_fcntl, [libc::F_SETOWN, F_SETOWN_EX].map(|owner| vec![is(1, owner as u64)]).into()),
        // The same, and typing into a terminal.
        (
            libc::SYS_ioctl,
            [FIOSETOWN, SIOCSPGRP, libc::TIOCSTI, libc::TIOCLINUX].map(|request| vec![is(1, request)]).into(),
        ),
    ];
    rules.into_iter().map(|(call, alternatives)| Ok((call, alternatives_of(alternatives)?))).collect()
}

const F_SETOWN_EX: i32 = 15;
const FIOSETOWN: u64 = 0x8901;
const SIOCSPGRP: u64 = 0x8902;

type Condition = Result<SeccompCondition, seccompiler::BackendError>;

fn alternatives_of(alternatives: Vec<Vec<Condition>>) -> Result<Vec<SeccompRule>, String> {
    let rule =
        |conditions: Vec<Condition>| SeccompRule::new(conditions.into_iter().collect::<Result<_, _>>()?);
    alternatives.into_iter().map(rule).collect::<Result<_, _>>().map_err(|error| error.to_string())
}

fn is(argument: u8, value: u64) -> Condition {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

fn is_not(argument: u8, value: u64) -> Condition {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, value)
}

/// The bits of `mask` are `value`.
fn bits(argument: u8, mask: i32, value: i32) -> Condition {
    let operator = SeccompCmpOp::MaskedEq(u64::from(mask as u32));
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, u64::from(value as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_compile_and_fit_the_kernels_limit() {
        let programs = programs().expect("sound rules");
        for program in programs {
            assert!((5..4096).contains(&program.len()), "{} instructions", program.len());
        }
    }

    #[test]
    fn no_call_is_both_refused_always_and_sometimes() {
        let always = [&NETWORK[..], &PROGRAMS, &PROCESSES, &SHARED_BY_NAME, &MOUNTS, &KERNEL, &FILES, &OLDER];
        let always = always.concat();
        for call in conditional().expect("sound rules").into_keys() {
            assert!(!always.contains(&call) && !UNREADABLE.contains(&call), "{call}");
        }
    }
}
