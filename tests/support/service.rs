//! The built binary, started, asked over HTTP and looked at from outside.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, LazyLock, Mutex, Weak};

use super::client::{Answer, Coming};
use super::process::{Usage, children};

/// Workers that wait for work.
pub const SPARES: u64 = 2;
/// Tests at work at once: the service of each has several busy processes.
const TESTS: usize = 2;
const PROGRAM: &str = env!("CARGO_BIN_EXE_millrace");

/// How a service is started.
pub struct Setup {
    folder: tempfile::TempDir,
    settings: Vec<(String, String)>,
    /// Variables besides, as of stand-ins for hardware.
    pub environment: Vec<(&'static str, PathBuf)>,
    /// A shell line that makes the folder of the cache what it shall be, in a mount namespace of the service.
    pub cache: Option<String>,
}

pub struct Service {
    process: Child,
    pub address: SocketAddr,
    pub setup: Setup,
    /// So far: each has a log of its own.
    starts: usize,
    _turn: Arc<Turn>,
}

impl Setup {
    /// A service that was given its folders and nothing else.
    pub fn plain() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["films", "state", "cache"] {
            fs::create_dir(folder.path().join(name)).expect("a folder in it");
        }
        Self { folder, settings: Vec::new(), environment: Vec::new(), cache: None }
    }

    /// A variable without its `MILLRACE_`.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((format!("MILLRACE_{name}"), value.to_owned()));
        self
    }

    /// A film under this name, to be left as it is.
    pub fn film(self, name: &str, film: &Path) -> Self {
        let target = self.films().join(name);
        fs::hard_link(film, &target).or_else(|_| fs::copy(film, &target).map(drop)).expect("it is there");
        self
    }

    /// Where the films lie.
    pub fn films(&self) -> PathBuf {
        self.folder.path().join("films")
    }

    /// The folder of everything.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn start(self) -> Service {
        let turn = Turn::take();
        for (name, content) in &*MACHINE {
            fs::write(self.folder().join("cache").join(name), content).expect("written");
        }
        let (process, address) = self.launch("127.0.0.1:0".parse().expect("an address"), 1);
        Service { process, address, setup: self, starts: 1, _turn: turn }
    }

    fn launch(&self, listen: SocketAddr, start: usize) -> (Child, SocketAddr) {
        let at = |name: &str| self.folder.path().join(name);
        let mut command = match &self.cache {
            None => Command::new(PROGRAM),
            Some(cache) => {
                let mut command = Command::new("unshare");
                let script = format!("{cache}; exec \"$@\"");
                command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh", PROGRAM]);
                command
            }
        };
        let log = File::create(self.log(start)).expect("a log");
        let mut process = command
            .args(["serve", "--listen", &listen.to_string(), "--library"])
            .arg(format!("Films={}", at("films").display()))
            .arg("--state-dir")
            .arg(at("state"))
            .arg("--cache-dir")
            .arg(at("cache"))
            .envs(self.settings.clone())
            .envs(self.environment.clone())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the service starts");
        let mut line = String::new();
        let said = process.stdout.take().expect("its output");
        BufReader::new(said).read_line(&mut line).expect("it says where it serves");
        let address = line.trim().trim_end_matches('/').rsplit('/').next().and_then(|it| it.parse().ok());
        let log = || fs::read_to_string(self.log(start)).unwrap_or_default();
        let address = address.unwrap_or_else(|| panic!("no address in {line:?}:\n{}", log()));
        (process, address)
    }

    fn log(&self, start: usize) -> PathBuf {
        self.folder.path().join(format!("log-{start}"))
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

    /// The folder of everything.
    pub fn folder(&self) -> &Path {
        self.setup.folder()
    }

    /// A body that breaks off, and no answer at all, have status 0.
    pub fn get(&self, path: &str) -> Answer {
        get(self.address, path)
    }

    pub fn post(&self, path: &str, body: &str) -> Answer {
        let answer = Coming::ask(self.address, path, Some(body)).and_then(Coming::rest);
        answer.unwrap_or_else(|error| panic!("{path}: {error}\n{}", self.log()))
    }

    /// Everything that is listed.
    pub fn listing(&self) -> Vec<serde_json::Value> {
        self.get("/api/files?limit=1000").json()["files"].as_array().cloned().expect("a list")
    }

    /// Heads, as the service shows them.
    pub fn heads(&self) -> Vec<serde_json::Value> {
        self.get("/api/streams").json()["streams"].as_array().cloned().expect("a list")
    }

    /// Heads that were started since the service was.
    pub fn heads_started(&self) -> usize {
        let metrics = self.get("/metrics").text();
        let series = metrics.lines().filter(|line| line.starts_with("millrace_heads_started_total"));
        let counts: Vec<usize> = series
            .map(|line| line.rsplit(' ').next().and_then(|count| count.parse().ok()).expect(line))
            .collect();
        assert!(!counts.is_empty(), "no heads are counted in {metrics}");
        counts.iter().sum()
    }

    /// Processes that the service started and that still run.
    pub fn workers(&self) -> Vec<u32> {
        children(self.pid())
    }

    pub fn usage(&self) -> Usage {
        Usage::of(self.pid())
    }

    /// What this start has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.setup.log(self.starts)).unwrap_or_default()
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
    answer.unwrap_or_else(|error| Answer {
        status: 0,
        content_type: String::new(),
        body: error.to_string().into(),
    })
}

/// What was found out about this machine, by name of the file: made once, where a service of its own would do so again.
/// What is there from another run is brought up to date.
static MACHINE: LazyLock<Vec<(OsString, Vec<u8>)>> = LazyLock::new(|| {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("machine");
    // Whatever it is to look at.
    let mut probe = Command::new(PROGRAM);
    let probe = probe.arg("probe").arg(PROGRAM).env("XDG_CACHE_HOME", &cache).env_remove("CACHE_DIRECTORY");
    let _no_film = probe.stdin(Stdio::null()).output().expect("it runs");
    let files = fs::read_dir(cache.join("millrace")).into_iter().flatten().flatten();
    files.filter_map(|file| Some((file.file_name(), fs::read(file.path()).ok()?))).collect()
});

/// One of the places for tests at work.
struct Turn;

static AT_WORK: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

thread_local! {
    /// A test that has a place never waits for another one.
    static HELD: RefCell<Weak<Turn>> = const { RefCell::new(Weak::new()) };
}

impl Turn {
    fn take() -> Arc<Self> {
        HELD.with_borrow_mut(|held| {
            held.upgrade().unwrap_or_else(|| {
                let turn = Arc::new(Self::wait());
                *held = Arc::downgrade(&turn);
                turn
            })
        })
    }

    fn wait() -> Self {
        let at_work = AT_WORK.lock().expect("nobody panics with it");
        *ENDED.wait_while(at_work, |at_work| *at_work >= TESTS).expect("nobody panics with it") += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *AT_WORK.lock().expect("nobody panics with it") -= 1;
        ENDED.notify_one();
    }
}
