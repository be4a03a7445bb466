//! The built binary, started, asked over HTTP and looked at from outside.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Condvar, Mutex, mpsc};
use std::time::{Duration, Instant};

use super::client::{Answer, Coming};

/// Longer than anything here takes on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// Between two looks.
const POLL: Duration = Duration::from_millis(20);
/// How far heads work ahead of viewers here: who plays never waits longer.
pub const LOOK_AHEAD: Duration = Duration::from_secs(20);
/// How long a head is kept that nobody asks for, and a live edge that nobody watches.
pub const IDLE: Duration = Duration::from_secs(3);
/// Workers that wait for work.
pub const SPARES: usize = 2;
/// Services at work at once: each has several busy processes.
const SERVICES: usize = 2;
/// Descriptors may be open at one moment and not at another: connections, the catalogue's readers.
const DESCRIPTORS: usize = 16;
/// What a service may take more than it had: segments on their way to the disk, and what the allocator keeps.
const MEMORY_KIB: usize = 192 << 10;

/// How a service is started.
pub struct Setup {
    folder: tempfile::TempDir,
    settings: Vec<(String, String)>,
    /// A shell line that makes the folder of the cache what it shall be, in a mount namespace of the service.
    cache: Option<String>,
}

pub struct Service {
    process: Child,
    pub address: SocketAddr,
    setup: Setup,
    starts: usize,
    _turn: Turn,
}

/// One rendition, as its playlist has it.
#[derive(Clone, Debug)]
pub struct Rendition {
    pub name: String,
    pub init: String,
    pub segments: Vec<String>,
    /// How long each is.
    pub seconds: Vec<f64>,
}

/// What `/proc` says of the service's process.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    pub resident_kib: usize,
    pub descriptors: usize,
}

impl Setup {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["films", "state", "cache"] {
            fs::create_dir(folder.path().join(name)).expect("a folder in it");
        }
        let setup = Self { folder, settings: Vec::new(), cache: None };
        let seconds = format!("{}s", LOOK_AHEAD.as_secs());
        let setup = setup.set("ENCODE_LADDER", "180:200k").set("ENCODE_LOOK_AHEAD", &seconds);
        let idle = format!("{}s", IDLE.as_secs());
        setup.set("ENCODE_IDLE_TIMEOUT", &idle).set("LOG_LEVEL", "info,encoder=debug")
    }

    /// A variable without its `MILLRACE_`.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((format!("MILLRACE_{name}"), value.to_owned()));
        self
    }

    /// A film under this name, to be left as it is.
    pub fn film(self, name: &str, film: &Path) -> Self {
        let target = self.folder.path().join("films").join(name);
        fs::hard_link(film, &target).or_else(|_| fs::copy(film, &target).map(drop)).expect("it is there");
        self
    }

    /// A film under this name, to be done anything to.
    pub fn own_film(self, name: &str, film: &Path) -> Self {
        fs::copy(film, self.folder.path().join("films").join(name)).expect("copied");
        self
    }

    /// Where the films lie.
    pub fn films(&self) -> PathBuf {
        self.folder.path().join("films")
    }

    /// The cache on a file system of its own, in memory; `preparation` runs in its folder.
    pub fn small_cache(mut self, size: &str, preparation: &str) -> Self {
        let cache = self.folder.path().join("cache");
        let cache = cache.display();
        self.cache = Some(format!(
            "cd '{cache}' && mount -t tmpfs -o size={size} none . && cd '{cache}' && {preparation}"
        ));
        self.set("CACHE_MIN_FREE", "0")
    }

    pub fn start(self) -> Service {
        let turn = Turn::take();
        let (process, address) = self.launch("127.0.0.1:0".parse().expect("an address"), 1);
        Service { process, address, setup: self, starts: 1, _turn: turn }
    }

    fn launch(&self, listen: SocketAddr, start: usize) -> (Child, SocketAddr) {
        let at = |name: &str| self.folder.path().join(name);
        let program = env!("CARGO_BIN_EXE_millrace");
        let mut command = match &self.cache {
            None => Command::new(program),
            Some(cache) => {
                let mut command = Command::new("unshare");
                let script = format!("{cache}; exec \"$@\"");
                command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh", program]);
                command
            }
        };
        let log = File::create(at(&format!("log-{start}"))).expect("a log");
        let mut process = command
            .args(["serve", "--listen", &listen.to_string(), "--library"])
            .arg(format!("Films={}", at("films").display()))
            .arg("--state-dir")
            .arg(at("state"))
            .arg("--cache-dir")
            .arg(at("cache"))
            .envs(self.settings.clone())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the service starts");
        let mut line = String::new();
        let said = process.stdout.take().expect("its output");
        BufReader::new(said).read_line(&mut line).expect("it says where it serves");
        let address = line.trim().trim_end_matches('/').rsplit('/').next().and_then(|it| it.parse().ok());
        let log = || fs::read_to_string(at(&format!("log-{start}"))).unwrap_or_default();
        let address = address.unwrap_or_else(|| panic!("no address in {line:?}:\n{}", log()));
        (process, address)
    }
}

impl Service {
    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill().expect("killed");
        self.process.wait().expect("reaped");
    }

    /// Starts again after a [`Self::kill`], with the same folders and at the same address.
    pub fn start_again(&mut self) {
        self.starts += 1;
        (self.process, self.address) = self.setup.launch(self.address, self.starts);
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    pub fn films(&self) -> PathBuf {
        self.setup.films()
    }

    pub fn folder(&self) -> &Path {
        self.setup.folder.path()
    }

    /// The cache, as the service sees it.
    pub fn cache(&self) -> PathBuf {
        let path = self.setup.folder.path().join("cache");
        match self.setup.cache {
            None => path,
            Some(_) => {
                let inside = path.strip_prefix("/").expect("absolute");
                Path::new("/proc").join(self.pid().to_string()).join("root").join(inside)
            }
        }
    }

    /// The stored file of a segment or init, from its address.
    pub fn stored(&self, address: &str) -> PathBuf {
        self.cache().join("segments").join(address.trim_start_matches("/media/"))
    }

    /// Remounts the file system of the cache.
    pub fn remount(&self, options: &str) {
        let done = Command::new("nsenter")
            .args(["--preserve-credentials", "--user", "--mount", "--target", &self.pid().to_string()])
            .args(["mount", "-o", &format!("remount,{options}")])
            .arg(self.setup.folder.path().join("cache"))
            .status();
        assert!(done.expect("nsenter runs").success());
    }

    /// A body that breaks off, and no answer at all, have status 0.
    pub fn get(&self, path: &str) -> Answer {
        get(self.address, path)
    }

    pub fn post(&self, path: &str, body: &str) -> Answer {
        let answer = Coming::ask(self.address, path, Some(body)).and_then(Coming::rest);
        answer.unwrap_or_else(|error| panic!("{path}: {error}\n{}", self.log()))
    }

    /// The id of the film of this name, as soon as it is listed.
    pub fn film_id(&self, name: &str) -> String {
        let id = until(|| {
            let listing = self.get("/api/files?limit=1000").json();
            let film = listing["files"].as_array()?.iter().find(|film| film["name"] == name)?;
            Some(film["id"].as_str()?.to_owned())
        });
        id.unwrap_or_else(|| panic!("{name} is not listed:\n{}", self.log()))
    }

    /// The rendition of a film whose name begins so, as its playlist has it now.
    pub fn rendition(&self, film: &str, name: &str) -> Rendition {
        let form = if name == "vcopy" { "only" } else { "none" };
        let index = self.get(&format!("/hls/{film}/index.m3u8?copy={form}"));
        assert_eq!(index.status, 200, "{}\n{}", index.text(), self.log());
        let index = index.text();
        let path = index.split(['"', '\n']).find_map(|piece| {
            let path = piece.strip_prefix("../..")?;
            path.strip_prefix(&format!("/media/{film}/{name}"))?;
            Some(path.to_owned())
        });
        let path = path.unwrap_or_else(|| panic!("no {name} in {index}"));
        let base = path.trim_end_matches("index.m3u8");
        let playlist = self.get(&path).text();
        let lines = || playlist.lines();
        let init = lines().find_map(|line| line.strip_prefix("#EXT-X-MAP:URI=\"")).expect("an init");
        let seconds =
            lines().filter_map(|line| line.strip_prefix("#EXTINF:")?.trim_end_matches(',').parse().ok());
        let named = lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Rendition {
            name: base.trim_end_matches('/').rsplit('/').next().expect("a name").to_owned(),
            init: base.to_owned() + init.trim_end_matches('"'),
            segments: named.map(|name| base.to_owned() + name).collect(),
            seconds: seconds.collect(),
        }
    }

    /// Heads, as the service shows them.
    pub fn heads(&self) -> Vec<serde_json::Value> {
        self.get("/api/streams").json()["streams"].as_array().cloned().expect("a list")
    }

    /// The live edge, where there is one.
    pub fn live(&self) -> Option<serde_json::Value> {
        self.get("/api/streams").json()["live"].as_array().expect("a list").first().cloned()
    }

    /// Processes that the service started and that still run.
    pub fn workers(&self) -> Vec<u32> {
        children(self.pid())
    }

    /// Those that have a film of this name open.
    pub fn workers_of(&self, film: &str) -> Vec<u32> {
        let film = self.films().join(film);
        let has_it = |pid: &u32| {
            let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
            let mut paths = open.filter_map(|link| fs::read_link(link.path()).ok());
            paths.any(|path| path.to_string_lossy().trim_end_matches(" (deleted)") == film.to_string_lossy())
        };
        self.workers().into_iter().filter(has_it).collect()
    }

    /// What this start has logged.
    pub fn log(&self) -> String {
        let path = self.setup.folder.path().join(format!("log-{}", self.starts));
        fs::read_to_string(path).unwrap_or_default()
    }

    /// Lines of the log that hold `text`.
    pub fn logged(&self, text: &str) -> usize {
        self.log().lines().filter(|line| line.contains(text)).count()
    }

    pub fn usage(&self) -> Usage {
        let process = PathBuf::from(format!("/proc/{}", self.pid()));
        let status = fs::read_to_string(process.join("status")).unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next());
        Usage {
            resident_kib: resident.and_then(|number| number.parse().ok()).expect("it runs"),
            descriptors: fs::read_dir(process.join("fd")).map_or(0, Iterator::count),
        }
    }

    /// Soon after nobody asks for anything, nothing works and nothing is left behind.
    pub fn comes_to_rest(&self, before: Usage) {
        let mut unrest = String::new();
        let rests = until(|| {
            unrest = self.unrest(before)?;
            unrest.is_empty().then_some(())
        });
        assert!(rests.is_some(), "no rest: {unrest}\n{}", self.log());
    }

    fn unrest(&self, before: Usage) -> Option<String> {
        let heads = self.heads();
        if !heads.is_empty() {
            return Some(format!("{heads:?}"));
        }
        let (workers, usage) = (self.workers(), self.usage());
        if workers.len() != SPARES || !workers.iter().all(|pid| runs(*pid)) {
            return Some(format!("workers {workers:?}"));
        }
        if usage.descriptors > before.descriptors + DESCRIPTORS
            || usage.resident_kib > before.resident_kib + MEMORY_KIB
        {
            return Some(format!("{usage:?} after {before:?}"));
        }
        let unfinished =
            files(&self.cache()).into_iter().find(|path| path.extension().is_some_and(|it| it == "new"));
        Some(unfinished.map_or(String::new(), |path| path.display().to_string()))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _killed = self.process.kill();
        let _status = self.process.wait();
    }
}

/// A body that breaks off, and no answer at all, have status 0.
pub fn get(address: SocketAddr, path: &str) -> Answer {
    let answer = Coming::ask(address, path, None).and_then(Coming::rest);
    answer.unwrap_or_else(|error| Answer { status: 0, body: error.to_string().into() })
}

/// One of the places for services at work.
struct Turn;

static AT_WORK: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

impl Turn {
    fn take() -> Self {
        let at_work = AT_WORK.lock().expect("nobody panics with it");
        *ENDED.wait_while(at_work, |at_work| *at_work >= SERVICES).expect("nobody panics with it") += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *AT_WORK.lock().expect("nobody panics with it") -= 1;
        ENDED.notify_one();
    }
}

pub fn children(parent: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// Whether a process is there and no zombie.
pub fn runs(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = status.rsplit_once(')').and_then(|(_, rest)| rest.trim().chars().next());
    state.is_some_and(|state| state != 'Z')
}

pub fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid as i32).expect("a process");
    let _it_may_have_ended = rustix::process::kill_process(pid, signal);
}

/// Every file below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(folder).into_iter().flatten();
    entries.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect()
}

/// Lets so much time pass; nobody sends anything.
pub fn rest(time: Duration) {
    let (_sender, nothing) = mpsc::channel::<()>();
    let _passed = nothing.recv_timeout(time);
}

/// What `look` finds, as soon as it does.
pub fn until<T>(look: impl FnMut() -> Option<T>) -> Option<T> {
    within(PATIENCE, look)
}

pub fn within<T>(time: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + time;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() > deadline {
            return None;
        }
        rest(POLL);
    }
}
