//! The built binary, started and looked at from outside.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::client::{Answer, Client};
use crate::presentation::{self, Listed};

/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks.
const POLL: Duration = Duration::from_millis(20);

pub struct Service {
    process: Child,
    pub address: SocketAddr,
    folder: tempfile::TempDir,
    settings: Vec<(String, String)>,
    /// Starts so far: each has a log of its own.
    starts: usize,
}

/// A head that was started, as the log tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    pub rendition: String,
    pub segment: usize,
    /// Nobody waited for it: it works ahead of a viewer.
    pub ahead: bool,
}

/// One head of `GET /api/streams`.
#[derive(Debug, serde::Deserialize)]
pub struct Head {
    pub rendition: String,
    pub segment: u32,
}

/// What `/proc` says of the service's process.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    pub resident_kib: u64,
    pub descriptors: u64,
    pub threads: u64,
    pub workers: u64,
}

impl Service {
    /// Serves these films, by settings that are variables without their `MILLRACE_`.
    pub fn start(films: &[&Path], settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["films", "state", "cache"] {
            fs::create_dir(folder.path().join(name)).expect("a folder in it");
        }
        for film in films {
            let name = film.file_name().expect("a film has a name");
            let target = folder.path().join("films").join(name);
            fs::hard_link(film, &target).or_else(|_| fs::copy(film, &target).map(drop)).expect("it is there");
        }
        let settings = settings.iter().map(|(name, value)| (format!("MILLRACE_{name}"), (*value).to_owned()));
        let settings: Vec<(String, String)> = settings.collect();
        let (process, address) = launch(folder.path(), &settings, 1);
        let service = Self { process, address, folder, settings, starts: 1 };
        service.wait_until_scanned();
        service
    }

    /// SIGKILL, and a start with the same folders.
    pub fn kill_and_start(&mut self) {
        self.process.kill().expect("killed");
        self.process.wait().expect("reaped");
        self.starts += 1;
        (self.process, self.address) = launch(self.folder.path(), &self.settings, self.starts);
        self.wait_until_scanned();
    }

    /// Looks through the library again.
    pub fn scan(&self) {
        let answer = self.client().post("/api/scan").expect("an answer");
        assert!(answer.status < 300, "{}", answer.text());
        self.wait_until_scanned();
    }

    fn wait_until_scanned(&self) {
        let done = until(|| {
            let answer = self.client().get("/api/scan/status").ok()?;
            let status: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
            (status["state"] == "done").then_some(())
        });
        done.unwrap_or_else(|| panic!("the scan does not end:\n{}", self.log()));
    }

    pub fn client(&self) -> Client {
        Client::new(self.address)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.client().get(path).unwrap_or_else(|error| panic!("{path}: {error}\n{}", self.log()))
    }

    /// Ids and names of everything listed.
    pub fn films(&self) -> Vec<(String, String)> {
        let listing: serde_json::Value =
            serde_json::from_slice(&self.get("/api/files?limit=1000").body).expect("a listing");
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let files = listing["files"].as_array().expect("files");
        files.iter().map(|file| (text(&file["id"]), text(&file["name"]))).collect()
    }

    /// The only film's id.
    pub fn film(&self) -> String {
        let mut films = self.films();
        assert_eq!(films.len(), 1, "{films:?}");
        films.remove(0).0
    }

    pub fn presentation(&self, film: &str) -> Vec<Listed> {
        presentation::read(self, film)
    }

    pub fn alive(&mut self) -> bool {
        self.process.try_wait().is_ok_and(|ended| ended.is_none())
    }

    /// What this start has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(log_path(self.folder.path(), self.starts)).unwrap_or_default()
    }

    /// Every head that was started since the service was.
    pub fn heads_started(&self) -> Vec<Started> {
        let log = self.log();
        let lines = log.lines().filter(|line| line.contains("head starts"));
        lines.map(|line| started(line).unwrap_or_else(|| panic!("cannot read: {line}"))).collect()
    }

    pub fn heads(&self) -> Vec<Head> {
        let answer = self.get("/api/streams");
        let mut value: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        let heads = value["streams"].take();
        serde_json::from_value(heads).unwrap_or_else(|error| panic!("{error}: {}", answer.text()))
    }

    /// Worker processes that run.
    pub fn workers(&self) -> Vec<u32> {
        children(self.process.id())
    }

    pub fn usage(&self) -> Usage {
        let process = PathBuf::from(format!("/proc/{}", self.process.id()));
        let status = fs::read_to_string(process.join("status")).unwrap_or_default();
        let field = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
        };
        Usage {
            resident_kib: field("VmRSS:"),
            descriptors: fs::read_dir(process.join("fd")).map_or(0, |list| list.count() as u64),
            threads: field("Threads:"),
            workers: self.workers().len() as u64,
        }
    }

    /// A folder of this service's own, beside its films.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _killed = self.process.kill();
        let _status = self.process.wait();
    }
}

fn log_path(folder: &Path, start: usize) -> PathBuf {
    folder.join(format!("log-{start}"))
}

fn launch(folder: &Path, settings: &[(String, String)], start: usize) -> (Child, SocketAddr) {
    let log = File::create(log_path(folder, start)).expect("a log");
    let mut process = Command::new(env!("CARGO_BIN_EXE_millrace"))
        .args(["serve", "--listen", "127.0.0.1:0", "--library"])
        .arg(format!("Films={}", folder.join("films").display()))
        .arg("--state-dir")
        .arg(folder.join("state"))
        .arg("--cache-dir")
        .arg(folder.join("cache"))
        .envs(settings.iter().cloned())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .expect("the service starts");
    let mut line = String::new();
    let said = process.stdout.take().expect("its output");
    BufReader::new(said).read_line(&mut line).expect("it says where it serves");
    let address = line.trim().trim_end_matches('/').rsplit('/').next().and_then(|it| it.parse().ok());
    let address = address.unwrap_or_else(|| {
        panic!("no address in {line:?}:\n{}", fs::read_to_string(log_path(folder, start)).unwrap_or_default())
    });
    (process, address)
}

/// Rendition and segment of a line of the log that tells of a start.
fn started(line: &str) -> Option<Started> {
    let field = |name: &str| {
        let (_, rest) = line.split_once(&format!(" {name}="))?;
        rest.split_whitespace().next()
    };
    Some(Started {
        rendition: field("rendition")?.to_owned(),
        segment: field("segment")?.parse().ok()?,
        ahead: field("ahead")? == "true",
    })
}

fn children(parent: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
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
