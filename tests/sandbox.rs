//! Workers are locked in, and what cannot be locked is said; one that hangs or takes too much is ended. Through real
//! worker processes.

#[allow(dead_code, reason = "each crate of tests uses a part of it")]
mod support;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use millrace::encoder::head::{self, HeadEvent, HeadId, HeadTask, Order, Stall};
use millrace::encoder::spec::Stretch;
use millrace::timeline::SegmentIndex;
use millrace::worker::protocol::{HeadSpec, Report, Request};
use millrace::worker::sandbox::SandboxReport;
use millrace::worker::{Launch, WorkerError, WorkerPool};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};
use support::{Film, RUNTIME, film, head_spec};
use tokio::sync::{Semaphore, mpsc, watch};

const BINARY: &str = env!("CARGO_BIN_EXE_millrace");
/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn pool() -> WorkerPool {
    WorkerPool::with_program(BINARY.into(), None).expect("a pool")
}

fn sample(name: &'static str) -> Arc<Film> {
    film(name, "-f lavfi -i testsrc2=s=320x180:d=12:r=25 -c:v libx264 -preset ultrafast -pix_fmt yuv420p")
}

fn first_head(film: &Film, until: u32) -> HeadSpec {
    let rendition = film.plan.renditions().find(|rendition| !rendition.copied).expect("an encoded one");
    let stretch = Stretch { until: SegmentIndex(until), ..Stretch::whole(rendition) };
    head_spec(film, rendition, 0, stretch)
}

/// `millrace doctor --json`, run the way `prepare` says.
fn doctor(prepare: impl FnOnce(&mut Command)) -> serde_json::Value {
    let mut command = Command::new(BINARY);
    command.args(["doctor", "--json"]);
    prepare(&mut command);
    let output = command.output().expect("it runs");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Has the kernel say of these system calls that it does not know them.
fn without(command: &mut Command, calls: &[i64]) {
    let rules = calls.iter().map(|call| (*call, Vec::new())).collect();
    let arch = TargetArch::try_from(std::env::consts::ARCH).expect("an architecture with seccomp");
    let unknown = SeccompAction::Errno(libc::ENOSYS as u32);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, unknown, arch).expect("a filter");
    let program: BpfProgram = filter.try_into().expect("a program");
    // SAFETY: between fork and exec only system calls are made.
    unsafe {
        command
            .pre_exec(move || seccompiler::apply_filter(&program).map_err(|_| std::io::Error::other("no")));
    }
}

fn missing(report: &serde_json::Value) -> Vec<&str> {
    let listed = report["sandbox"]["missing"].as_array().expect("a list");
    for missing in listed {
        assert!(!missing["reason"].as_str().unwrap_or_default().is_empty(), "{missing}");
        assert!(!missing["remedy"].as_str().unwrap_or_default().is_empty(), "{missing}");
    }
    listed.iter().filter_map(|missing| missing["what"].as_str()).collect()
}

fn attempt(report: &serde_json::Value, what: &str) -> bool {
    let attempts = report["sandbox"]["attempts"].as_array().expect("a list");
    let found = attempts.iter().find(|attempt| attempt["what"] == what);
    found.unwrap_or_else(|| panic!("{what} is not tried: {attempts:?}"))["refused"] == true
}

#[test]
fn a_worker_cannot_read_a_file_use_the_network_start_a_program_or_write() {
    let report: SandboxReport = RUNTIME.block_on(pool().sandbox()).expect("an answer");
    assert_eq!(report.holes().collect::<Vec<_>>(), Vec::<&_>::new());
    assert!(report.holds());
    assert_eq!(report.status.missing, []);
    assert!(report.status.landlock_abi.is_some() && report.status.seccomp);
    let home = format!("write a file in {}", std::env::var("HOME").expect("a home"));
    let tried: Vec<&str> = report.attempts.iter().map(|attempt| attempt.what.as_str()).collect();
    for what in
        ["read /etc/passwd", "open an internet socket", "start a process", "write a file in /tmp", &home]
    {
        assert!(tried.contains(&what), "{what} is not among {tried:?}");
    }
}

#[test]
fn the_doctor_says_that_the_sandbox_holds() {
    let report = doctor(|_| {});
    assert_eq!(report["sandbox"]["holds"], true, "{report}");
    let told = Command::new(BINARY).arg("doctor").output().expect("it runs").stdout;
    let told = String::from_utf8(told).expect("text");
    assert!(told.lines().any(|line| line.starts_with("sandbox      holds")), "{told}");
}

#[test]
fn a_kernel_without_landlock_is_named_with_the_remedy_and_the_rest_is_in_force() {
    let report = doctor(|command| without(command, &[libc::SYS_landlock_create_ruleset]));
    assert_eq!(missing(&report), ["Landlock"]);
    assert_eq!(report["sandbox"]["seccomp"], true);
    assert_eq!(report["sandbox"]["holds"], false);
    assert!(!attempt(&report, "read /etc/passwd"));
    for what in ["open an internet socket", "start a process", "write a file in /tmp"] {
        assert!(attempt(&report, what), "{what}");
    }
    assert!(report["profiles"].as_array().expect("profiles").iter().any(|profile| profile["works"] == true));
}

#[test]
fn a_kernel_without_seccomp_is_named_with_the_remedy_and_the_rest_is_in_force() {
    let report = doctor(|command| without(command, &[libc::SYS_seccomp]));
    assert_eq!(missing(&report), ["seccomp"]);
    assert!(report["sandbox"]["landlock_abi"].is_u64());
    assert!(attempt(&report, "read /etc/passwd") && attempt(&report, "write a file in /tmp"));
    assert!(!attempt(&report, "open an internet socket"));
}

#[test]
fn a_service_that_may_not_gain_privileges_has_sandboxed_workers() {
    let report = doctor(|command| {
        // SAFETY: between fork and exec only a system call is made.
        unsafe { command.pre_exec(|| Ok(rustix::thread::set_no_new_privs(true)?)) };
    });
    assert_eq!(report["sandbox"]["holds"], true, "{report}");
}

/// A registry of its own for one command.
fn registry(folder: &Path) -> PathBuf {
    folder.join("registry.bin")
}

#[test]
fn the_first_worker_writes_the_registry_of_plugins_and_the_next_finds_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = || {
        let pool = WorkerPool::with_program(BINARY.into(), Some(registry(folder.path()))).expect("a pool");
        // One after the other: two that start at once both write it.
        RUNTIME.block_on(pool.keep_spares()).expect("workers");
        let report = RUNTIME.block_on(pool.sandbox()).expect("an answer");
        assert!(report.holds(), "{report:?}");
        std::fs::metadata(registry(folder.path())).and_then(|written| written.modified()).expect("written")
    };
    assert_eq!(start(), start());
}

#[test]
fn plugins_that_are_scanned_by_the_worker_itself_leave_no_thread_outside() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = doctor(|command| {
        command.env("GST_REGISTRY", registry(folder.path())).env("GST_REGISTRY_FORK", "no");
    });
    assert_eq!(report["sandbox"]["holds"], true, "{report}");
    // And where it cannot be kept, they are scanned inside.
    let report = doctor(|command| {
        command.env("GST_REGISTRY", "/proc/none/registry.bin").env("GST_REGISTRY_FORK", "no");
    });
    assert_eq!(report["sandbox"]["holds"], true, "{report}");
}

#[test]
fn plugins_for_graphics_cards_load_inside_or_say_why_not() {
    let texts: Vec<String> = ["vah264enc", "vah264dec", "nvh264enc", "qsvh264enc", "v4l2h264enc", "x265enc"]
        .map(str::to_owned)
        .into();
    let asked = texts.len();
    let answer = RUNTIME.block_on(async move { pool().ask(&Request::Parse { texts }, None).await });
    assert!(matches!(&answer, Ok(Report::Parsed { problems }) if problems.len() == asked), "{answer:?}");
}

#[test]
fn a_worker_inherits_neither_descriptors_nor_secrets() {
    let secret = tempfile::NamedTempFile::new().expect("a file");
    let held = File::open(secret.path()).expect("opened");
    // SAFETY: the number was just given away by its only owner; it is closed when `leaked` is.
    let leaked = unsafe { OwnedFd::from_raw_fd(held.into_raw_fd()) };
    rustix::io::fcntl_setfd(&leaked, rustix::io::FdFlags::empty()).expect("inheritable");
    let links = |pid: u32| -> Vec<PathBuf> {
        let listed = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        listed.filter_map(|entry| std::fs::read_link(entry.path()).ok()).collect()
    };
    assert!(links(std::process::id()).contains(&secret.path().to_owned()), "{}", leaked.as_raw_fd());
    let worker = RUNTIME.block_on(pool().take()).expect("a worker");
    let open = links(worker.pid());
    assert!(!open.is_empty() && !open.contains(&secret.path().to_owned()), "{open:?}");
    // Cargo sets this for tests.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let environment = std::fs::read(format!("/proc/{}/environ", worker.pid())).expect("readable");
    let environment = String::from_utf8_lossy(&environment);
    assert!(environment.contains("PATH=") && !environment.contains("CARGO_MANIFEST_DIR="), "{environment}");
}

#[test]
fn a_worker_above_its_limit_of_memory_is_ended_and_says_so() {
    let film = sample("large.mkv");
    let limit_bytes = 8 << 20;
    let launch = Launch { resident_bytes: limit_bytes, ..Launch::new(BINARY.into(), None) };
    let pool = WorkerPool::with_launch(launch).expect("a pool");
    let outcome = RUNTIME.block_on(async {
        let mut worker = pool.take().await.expect("a spare is not watched");
        let head = Request::Head(Box::new(first_head(&film, 1)));
        worker.send(&head, Some(&film.file)).await.expect("sent");
        // It waits at its goal, above the limit.
        tokio::time::timeout(PATIENCE, async {
            loop {
                if let Err(error) = worker.next().await {
                    return error;
                }
            }
        })
        .await
    });
    assert!(
        matches!(outcome, Ok(WorkerError::OutOfMemory { limit_bytes: limit }) if limit == limit_bytes),
        "{outcome:?}"
    );
}

/// Drives a head until it is lost; calls `on_fragment` at its first fragment.
fn drive(until: u32, stall: Stall, on_fragment: impl Fn()) -> Option<WorkerError> {
    let film = sample("stopped.mkv");
    let pool = pool();
    RUNTIME.block_on(async {
        let (_order, orders) = watch::channel(Order { until, urgent: true });
        let (_nobody, starting) = watch::channel(0);
        let (events, mut happened) = mpsc::channel(4);
        let permit = Arc::new(Semaphore::new(1)).acquire_owned().await.expect("room");
        let source = film.file.clone();
        let spec = first_head(&film, until);
        let head = HeadId(1);
        let (_joins, joining) = mpsc::channel(1);
        let task = HeadTask {
            head,
            pool,
            spec,
            source,
            orders,
            events,
            starting,
            hush: None,
            stall,
            joins: None,
            joining,
            permit,
        };
        tokio::spawn(head::drive(task));
        tokio::time::timeout(PATIENCE, async {
            let mut told = false;
            while let Some((_, event)) = happened.recv().await {
                match event {
                    HeadEvent::Fragment(..) if !told => {
                        on_fragment();
                        told = true;
                    }
                    HeadEvent::Fragment(..) | HeadEvent::Report(_) | HeadEvent::Alone => {}
                    HeadEvent::Lost(error) => return Some(error),
                }
            }
            None
        })
        .await
        .expect("it ends")
    })
}

/// Stops the workers that read the film of [`drive`].
fn stop_heads() {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let children = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let pids: Vec<i32> = children
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect();
    let reads_film = |pid: &i32| {
        let open = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        open.filter_map(|fd| std::fs::read_link(fd.path()).ok()).any(|path| path.ends_with("stopped.mkv"))
    };
    // A spare that is just being forked has this process's files open, and would stay behind stopped.
    let is_worker =
        |pid: &i32| std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == Path::new(BINARY));
    for pid in pids.into_iter().filter(is_worker).filter(reads_film) {
        let pid = rustix::process::Pid::from_raw(pid).expect("a process");
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).expect("stopped");
    }
}

#[test]
fn a_stopped_worker_is_taken_for_hanging() {
    let stall = Stall { silence: Duration::from_millis(300), in_vain: PATIENCE };
    let lost = drive(1000, stall, stop_heads);
    assert!(matches!(lost, Some(WorkerError::Hung(_))), "{lost:?}");
}

#[test]
fn the_service_says_once_that_workers_are_sandboxed() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["films", "state", "cache"] {
        std::fs::create_dir(folder.path().join(name)).expect("a folder in it");
    }
    let at = |name: &str| folder.path().join(name);
    let mut service = Command::new(BINARY)
        .args(["serve", "--listen", "127.0.0.1:0", "--library"])
        .arg(format!("Films={}", at("films").display()))
        .arg("--state-dir")
        .arg(at("state"))
        .arg("--cache-dir")
        .arg(at("cache"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut said = String::new();
    BufReader::new(service.stdout.take().expect("output")).read_line(&mut said).expect("its address");
    service.kill().expect("killed");
    service.wait().expect("reaped");
    let log = std::io::read_to_string(service.stderr.take().expect("log")).expect("text");
    let told: Vec<&str> = log.lines().filter(|line| line.contains("workers are sandboxed")).collect();
    assert_eq!(told.len(), 1, "{log}");
    assert!(told[0].contains("Landlock ABI") && told[0].contains("seccomp"), "{told:?}");
}
