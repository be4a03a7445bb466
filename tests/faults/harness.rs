//! What is done to the service here, and what must be left of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::{Usage, alive, until};
use crate::service::{SPARES, Service, Setup};

/// How far heads work ahead of viewers here: who plays never waits longer.
pub const LOOK_AHEAD: Duration = Duration::from_secs(20);
/// How long a head is kept that nobody asks for, and a live edge that nobody watches.
pub const IDLE: Duration = Duration::from_secs(3);
/// Descriptors may be open at one moment and not at another: connections, the catalogue's readers.
const DESCRIPTORS: u64 = 16;
/// So are threads of the pool that reads and writes files.
const THREADS: u64 = 8;
/// What a service may take more than it had: segments on their way to the disk, and what the allocator keeps.
const MEMORY_KIB: u64 = 192 << 10;

/// One rendition, as its playlist has it.
#[derive(Clone, Debug)]
pub struct Rendition {
    pub name: String,
    pub init: String,
    pub segments: Vec<String>,
    /// How long each is.
    pub seconds: Vec<f64>,
}

impl Setup {
    /// Cheap to encode, and soon at rest.
    pub fn new() -> Self {
        let seconds = |time: Duration| format!("{}s", time.as_secs());
        let setup = Self::plain().set("ENCODE_LADDER", "180:200k");
        let setup = setup.set("ENCODE_LOOK_AHEAD", &seconds(LOOK_AHEAD));
        setup.set("ENCODE_IDLE_TIMEOUT", &seconds(IDLE)).set("LOG_LEVEL", "info,encoder=debug")
    }

    /// A film under this name, to be done anything to.
    pub fn own_film(self, name: &str, film: &Path) -> Self {
        fs::copy(film, self.films().join(name)).expect("copied");
        self
    }

    /// The cache on a file system of its own, in memory; `preparation` runs in its folder.
    pub fn small_cache(mut self, size: &str, preparation: &str) -> Self {
        let cache = self.folder().join("cache");
        let cache = cache.display();
        self.cache = Some(format!(
            "cd '{cache}' && mount -t tmpfs -o size={size} none . && cd '{cache}' && {preparation}"
        ));
        self.set("CACHE_MIN_FREE", "0")
    }
}

impl Service {
    pub fn films(&self) -> PathBuf {
        self.setup.films()
    }

    /// The cache, as the service sees it.
    pub fn cache(&self) -> PathBuf {
        let path = self.folder().join("cache");
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
            .arg(self.folder().join("cache"))
            .status();
        assert!(done.expect("nsenter runs").success());
    }

    /// The id of the film of this name, as soon as it is listed.
    pub fn film_id(&self, name: &str) -> String {
        let id = until(|| {
            let listing = self.listing();
            let film = listing.iter().find(|film| film["name"] == name)?;
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

    /// The live edge, where there is one.
    pub fn live(&self) -> Option<serde_json::Value> {
        self.get("/api/streams").json()["live"].as_array().expect("a list").first().cloned()
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

    /// Lines of the log that hold `text`.
    pub fn logged(&self, text: &str) -> usize {
        self.log().lines().filter(|line| line.contains(text)).count()
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
        if usage.workers != SPARES || !workers.iter().all(|pid| alive(*pid)) {
            return Some(format!("workers {workers:?}"));
        }
        if usage.descriptors > before.descriptors + DESCRIPTORS
            || usage.threads > before.threads + THREADS
            || usage.resident_kib > before.resident_kib + MEMORY_KIB
        {
            return Some(format!("{usage:?} after {before:?}"));
        }
        let unfinished =
            files(&self.cache()).into_iter().find(|path| path.extension().is_some_and(|it| it == "new"));
        Some(unfinished.map_or(String::new(), |path| path.display().to_string()))
    }
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
