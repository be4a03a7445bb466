//! What goes wrong around the service, done to the built binary: nothing is lost, nobody else is disturbed, and
//! no process stays behind. Media are made with `ffmpeg`, requests with `curl`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Service {
    process: Child,
    url: String,
    folder: tempfile::TempDir,
}

struct Response {
    status: u16,
    body: Vec<u8>,
}

impl Response {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// `seconds` of moving picture in pattern `source`, without sound, whose copy is no rung of the ladder.
fn film(path: &Path, source: &str, seconds: u32) {
    let input = format!("{source}=size=640x360:rate=24:duration={seconds}");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", &input])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-g", "48"])
        .arg(path)
        .status()
        .expect("ffmpeg runs");
    assert!(made.success());
}

impl Service {
    /// Serves a folder with one film.
    fn start() -> Self {
        Self::in_folder(Self::folder())
    }

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["films", "state", "cache"] {
            fs::create_dir(folder.path().join(name)).expect("a folder in it");
        }
        film(&folder.path().join("films/film.mkv"), "testsrc2", 300);
        folder
    }

    fn in_folder(folder: tempfile::TempDir) -> Self {
        Self::through(Command::new(env!("CARGO_BIN_EXE_millrace")), folder)
    }

    /// With a cache of its own file system, 1 MiB in memory, prepared by a line of shell in the folder of the cache.
    fn on_a_small_disk(preparation: &str) -> Self {
        let folder = Self::folder();
        let cache = folder.path().join("cache");
        let script = format!(
            "cd '{0}' && mount -t tmpfs -o size=1m none . && cd '{0}' && {preparation}; exec \"$@\"",
            cache.display()
        );
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh"]);
        command.arg(env!("CARGO_BIN_EXE_millrace")).env("MILLRACE_CACHE_MIN_FREE", "0");
        Self::through(command, folder)
    }

    fn through(mut command: Command, folder: tempfile::TempDir) -> Self {
        let at = |name: &str| folder.path().join(name);
        let log = fs::File::create(at("log")).expect("a log");
        let mut process = command
            .args(["serve", "--listen", "127.0.0.1:0", "--library"])
            .arg(format!("Films={}", at("films").display()))
            .arg("--state-dir")
            .arg(at("state"))
            .arg("--cache-dir")
            .arg(at("cache"))
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the service starts");
        let said = process.stdout.take().expect("its output");
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line).expect("it says where it serves");
        let url = line.split_whitespace().last().expect("an address").trim_end_matches('/').to_owned();
        Self { process, url, folder }
    }

    /// Lines of the log that hold `text`.
    fn logged(&self, text: &str) -> usize {
        let log = fs::read_to_string(self.folder.path().join("log")).expect("the log");
        log.lines().filter(|line| line.contains(text)).count()
    }

    /// Runs `mount` as the service sees the file systems, in the folder of its cache.
    fn remount(&self, options: &str) {
        let target = self.process.id().to_string();
        let done = Command::new("nsenter")
            .args(["--preserve-credentials", "--user", "--mount", "--target", &target])
            .args(["mount", "-o", &format!("remount,{options}")])
            .arg(self.folder.path().join("cache"))
            .status();
        assert!(done.expect("nsenter runs").success());
    }

    fn films(&self) -> PathBuf {
        self.folder.path().join("films")
    }

    fn get(&self, path: &str) -> Response {
        let output = Command::new("curl")
            .args(["-s", "-m", "60", "-w", "%{stderr}%{http_code}"])
            .arg(format!("{}{path}", self.url))
            .output()
            .expect("curl runs");
        let status = String::from_utf8_lossy(&output.stderr).trim().parse().unwrap_or(0);
        // A body that broke off is no answer.
        Response { status: if output.status.success() { status } else { 0 }, body: output.stdout }
    }

    fn post(&self, path: &str) -> u16 {
        let output = Command::new("curl")
            .args(["-s", "-m", "60", "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST"])
            .args(["-H", "Content-Type: application/json", "-d", "{}"])
            .arg(format!("{}{path}", self.url))
            .output()
            .expect("curl runs");
        String::from_utf8_lossy(&output.stdout).parse().unwrap_or(0)
    }

    fn film_id(&self) -> String {
        let id = until(|| {
            let listing: serde_json::Value = serde_json::from_slice(&self.get("/api/files").body).ok()?;
            Some(listing["files"][0]["id"].as_str()?.to_owned())
        });
        id.expect("the film is listed")
    }

    /// Addresses of the encoded picture's segments, as the playlist has them.
    fn segments(&self, film: &str) -> Vec<String> {
        self.segments_of(film, "none")
    }

    /// The same; with `copy` `only`, of the copied picture.
    fn segments_of(&self, film: &str, copy: &str) -> Vec<String> {
        let index = self.get(&format!("/hls/{film}/index.m3u8?copy={copy}"));
        assert_eq!(index.status, 200, "{}", index.text());
        let text = index.text();
        let variant = text.lines().find(|line| line.contains("/v")).expect("a variant");
        let playlist = resolve(&format!("/hls/{film}/"), variant);
        let base = playlist.rsplit_once('/').expect("a folder").0.to_owned() + "/";
        let text = self.get(&playlist).text();
        let names = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        names.map(|name| resolve(&base, name)).collect()
    }

    /// Processes that the service started and that still run.
    fn workers(&self) -> Vec<u32> {
        children(self.process.id())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _killed = self.process.kill();
        let _status = self.process.wait();
    }
}

fn resolve(base: &str, reference: &str) -> String {
    if reference.starts_with('/') {
        return reference.to_owned();
    }
    let mut parts: Vec<&str> = base.trim_end_matches('/').split('/').collect();
    for step in reference.split('/') {
        match step {
            ".." => drop(parts.pop()),
            step => parts.push(step),
        }
    }
    parts.join("/")
}

fn children(parent: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

fn runs(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = status.rsplit_once(')').and_then(|(_, rest)| rest.trim().chars().next());
    state.is_some_and(|state| state != 'Z')
}

fn kill(pid: u32) {
    let killed = Command::new("kill").args(["-KILL", &pid.to_string()]).stderr(Stdio::null()).status();
    assert!(killed.is_ok());
}

/// What `look` finds, as soon as it does.
fn until<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(found) = look() {
            return Some(found);
        }
        std::thread::yield_now();
    }
    None
}

#[test]
fn a_service_that_is_killed_leaves_no_worker() {
    let mut service = Service::start();
    let segments = service.segments(&service.film_id());
    assert_eq!(service.get(&segments[0]).status, 200);
    let workers = service.workers();
    assert!(!workers.is_empty());
    service.process.kill().expect("killed");
    service.process.wait().expect("reaped");
    let killed = Instant::now();
    until(|| workers.iter().all(|pid| !runs(*pid)).then_some(())).expect("the workers end");
    assert!(killed.elapsed() < Duration::from_secs(1), "{:?}", killed.elapsed());
}

#[test]
fn a_segment_comes_though_every_worker_was_killed() {
    let service = Service::start();
    let film = service.film_id();
    // There is one way to copy and several to encode: copies have the fewest tries.
    for segments in [service.segments_of(&film, "only"), service.segments(&film)] {
        assert_eq!(service.get(&segments[0]).status, 200);
        // Heads and spares alike; each time a place far from what the last head made.
        for segment in [130, 50, 90] {
            until(|| (service.workers().len() >= 3).then_some(())).expect("a head and two spares");
            service.workers().into_iter().for_each(kill);
            let response = service.get(&segments[segment]);
            assert_eq!(response.status, 200, "{}", response.text());
            assert!(!response.body.is_empty());
        }
    }
}

#[test]
fn a_replaced_film_is_gone_at_its_old_address_and_plays_at_the_new_one() {
    let service = Service::start();
    let film_id = service.film_id();
    let old = service.segments(&film_id);
    assert_eq!(service.get(&old[0]).status, 200);
    let beside = service.films().join("film.new");
    film(&service.films().join("other.mkv"), "testsrc", 20);
    fs::rename(service.films().join("other.mkv"), &beside).expect("renamed");
    fs::rename(&beside, service.films().join("film.mkv")).expect("replaced");
    assert!(service.post("/api/scan") < 300);
    until(|| (service.get(&old[0]).status == 410).then_some(())).expect("the old address says gone");
    let new = service.segments(&film_id);
    assert_ne!(new, old);
    assert_eq!(service.get(&new[5]).status, 200);
}

#[test]
fn a_film_plays_though_nothing_can_be_stored() {
    let service = Service::start();
    let segments = service.segments(&service.film_id());
    // A file in the way of the folder keeps even root from writing.
    let store = service.folder.path().join("cache/segments");
    fs::remove_dir_all(&store).expect("removed");
    fs::write(&store, b"").expect("in the way");
    fs::set_permissions(&store, fs::Permissions::from_mode(0o400)).expect("read-only");
    let some: Vec<String> = segments.into_iter().step_by(15).collect();
    play(&service, &some);
    assert_eq!(service.logged("segments are not kept"), 1);
    assert!(fs::metadata(&store).expect("still there").is_file());
}

fn play(service: &Service, segments: &[String]) {
    for address in segments {
        let response = service.get(address);
        assert_eq!(response.status, 200, "{address}: {}", response.text());
        assert!(!response.body.is_empty());
    }
}

#[test]
fn a_film_plays_on_a_disk_that_fills_up_and_then_becomes_read_only() {
    let service = Service::on_a_small_disk("true");
    let segments = service.segments(&service.film_id());
    play(&service, &segments[..20]);
    until(|| (service.logged("segments are not kept") > 0).then_some(())).expect("it says so");
    service.remount("ro");
    play(&service, &segments[20..30]);
    // What somebody read before is still there.
    play(&service, &segments[18..20]);
    until(|| (service.logged("Read-only file system") > 0).then_some(())).expect("it says that too");
    // For each of the two troubles once a minute, and not for each of the sixty segments that are made.
    assert!(service.logged("segments are not kept") < 10, "{}", service.logged("segments are not kept"));
    service.remount("rw");
    assert_eq!(service.post("/api/scan"), 202);
    play(&service, &segments[..5]);
}

#[test]
fn a_film_plays_though_the_disk_of_the_cache_is_full_or_read_only_from_the_start() {
    for preparation in ["head -c 2M /dev/zero >filling 2>/dev/null", "mount -o remount,ro ."] {
        let service = Service::on_a_small_disk(preparation);
        let segments = service.segments(&service.film_id());
        play(&service, &segments[..6]);
        assert!((1..5).contains(&service.logged("kept")), "{preparation}: {}", service.logged("kept"));
    }
}

#[test]
fn what_is_stored_plays_while_the_library_is_away_and_the_rest_when_it_is_back() {
    let service = Service::start();
    let segments = service.segments(&service.film_id());
    assert_eq!(service.get(&segments[0]).status, 200);
    let kept = until(|| {
        let stored = walk(&service.folder.path().join("cache/segments"));
        stored.iter().any(|path| path.ends_with("0.m4s")).then_some(())
    });
    kept.expect("it is stored");
    let away = service.folder.path().join("away");
    fs::rename(service.films(), &away).expect("unmounted");
    service.workers().into_iter().for_each(kill);
    until(|| (service.get(&segments[120]).status == 503).then_some(())).expect("it is offline");
    // Longer than a file is taken for unchanged.
    let looked_at_again = Instant::now() + Duration::from_secs(3);
    while Instant::now() < looked_at_again {
        assert_eq!(service.get(&segments[0]).status, 200);
    }
    fs::rename(&away, service.films()).expect("mounted");
    until(|| (service.get(&segments[120]).status == 200).then_some(())).expect("it plays again");
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    walkdir::WalkDir::new(folder).into_iter().flatten().map(walkdir::DirEntry::into_path).collect()
}
