//! Trying to get out: what a worker must not be able to do, done. Nothing here harms where it succeeds.

use std::fs::{File, OpenOptions};
use std::io::Error;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::net::{AddressFamily, SocketType};
use rustix::process::{Pid, getppid, test_kill_process};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use serde::{Deserialize, Serialize};

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub what: String,
    /// The kernel refused it for lack of permission; any other failure would be no proof.
    pub refused: bool,
    /// The error, or that it worked.
    pub outcome: String,
}

/// Tries everything, in this process.
pub fn attempt_all() -> Vec<Attempt> {
    let mut attempts = vec![
        attempt("read /etc/passwd", File::open("/etc/passwd")),
        attempt("list /", std::fs::read_dir("/")),
        attempt("open an internet socket", socket(AddressFamily::INET)),
        attempt("open a local socket", socket(AddressFamily::UNIX)),
        attempt("start a process", start_a_process()),
        attempt("become another program", Err::<(), _>(become_another_program())),
        attempt("signal the server", signal_the_server()),
        attempt("enter a new namespace", unshare_namespace()),
        attempt("set up io_uring", call(libc::SYS_io_uring_setup, 0)),
        attempt("trace a process", call(libc::SYS_ptrace, libc::PTRACE_PEEKUSER as usize)),
        attempt("mount", call(libc::SYS_mount, 0)),
    ];
    let folders = [std::env::var_os("HOME").map(PathBuf::from), Some("/tmp".into()), Some("/dev/shm".into())];
    attempts.extend(
        folders
            .into_iter()
            .flatten()
            .map(|folder| attempt(&format!("write a file in {}", folder.display()), write_in(&folder))),
    );
    attempts
}

fn attempt<T>(what: &str, done: Result<T, Error>) -> Attempt {
    let (refused, outcome) = match &done {
        Ok(_) => (false, "it worked".into()),
        Err(error) => (error.kind() == std::io::ErrorKind::PermissionDenied, error.to_string()),
    };
    Attempt { what: what.into(), refused, outcome }
}

fn socket(family: AddressFamily) -> Result<(), Error> {
    Ok(rustix::net::socket(family, SocketType::STREAM, None).map(drop)?)
}

fn start_a_process() -> Result<(), Error> {
    let mut child =
        Command::new("/bin/true").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    child.wait().map(drop)
}

/// A program that does not exist: where this is allowed, the kernel looks for it first.
fn become_another_program() -> Error {
    Command::new("/dev/null/no-such-program").exec()
}

/// Signal 0 asks only whether it could be sent.
fn signal_the_server() -> Result<(), Error> {
    let init = Pid::from_raw(1);
    let Some(server) = getppid().or(init) else {
        return Ok(());
    };
    Ok(test_kill_process(server)?)
}

fn unshare_namespace() -> Result<(), Error> {
    // SAFETY: descriptors are not unshared, so none is lost.
    Ok(unsafe { unshare_unsafe(UnshareFlags::NEWUTS) }?)
}

/// A call with a first argument and nothing else, which every kernel that allows it finds wrong.
fn call(number: libc::c_long, first: usize) -> Result<(), Error> {
    // SAFETY: the kernel is given no memory to write to: the pointers are null.
    let result = unsafe { libc::syscall(number, first, 0_usize, 0_usize, 0_usize, 0_usize) };
    if result < 0 { Err(Error::last_os_error()) } else { Ok(()) }
}

fn write_in(folder: &Path) -> Result<(), Error> {
    let path = folder.join(format!(".millrace-attempt-{}", std::process::id()));
    OpenOptions::new().write(true).create_new(true).open(&path)?;
    std::fs::remove_file(path)
}
