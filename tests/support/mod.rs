//! Films made with `ffmpeg`, and heads run on them: every film, plan and head is made once per test run.

use std::collections::HashMap;
use std::fs::File;
use std::hash::Hash;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

use millrace::config::Config;
use millrace::encoder::spec;
use millrace::isobmff::{Fragment, SampleEntry, init_segment};
use millrace::media::{IndexSource, MediaInfo};
use millrace::pipeline::{ProfileSet, Resolved};
use millrace::rendition::{self, Ladder, LadderRung, PlanSettings, Presentation, Rendition};
use millrace::timeline::{CutTargets, SegmentIndex};
use millrace::worker::protocol::{HeadSpec, Input, Report, Request};
use millrace::worker::{Source, WorkerPool};
use mp4_atom::{Header, ReadAtom, ReadFrom};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

/// Heads at work at once: each is a process with a few busy threads.
const HEADS: usize = 3;

pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
});
pub static POOL: LazyLock<WorkerPool> = LazyLock::new(|| {
    WorkerPool::with_program(env!("CARGO_BIN_EXE_millrace").into(), None).expect("a pool of workers")
});
static PERMITS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(HEADS));
static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

/// Values made once per key, different keys at the same time.
struct Once<K, V>(LazyLock<Mutex<HashMap<K, Arc<OnceLock<V>>>>>);

impl<K: Hash + Eq, V: Clone> Once<K, V> {
    const fn new() -> Self {
        Self(LazyLock::new(Mutex::default))
    }

    fn get(&self, key: K, make: impl FnOnce() -> V) -> V {
        let cell = self.0.lock().expect("no test panics here").entry(key).or_default().clone();
        cell.get_or_init(make).clone()
    }
}

/// Removes what the tests wrote when the last of them ends: nothing drops a static.
extern "C" fn clean_up() {
    let _gone = std::fs::remove_dir_all(FOLDER.path());
}

unsafe extern "C" {
    safe fn atexit(callback: extern "C" fn()) -> i32;
}

pub fn folder() -> &'static Path {
    static REGISTERED: OnceLock<i32> = OnceLock::new();
    let folder = FOLDER.path();
    REGISTERED.get_or_init(|| atexit(clean_up));
    folder
}

/// Runs `ffmpeg` with arguments separated by spaces (`'…'` keeps one together); its output, and its complaints.
pub fn ffmpeg(arguments: &str) -> Output {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in arguments.chars() {
        match letter {
            '\'' => quoted = !quoted,
            ' ' | '\n' if !quoted => words.push(String::new()),
            _ => words.last_mut().expect("never empty").push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-v", "warning", "-y"])
        .args(&words)
        .current_dir(folder())
        .stdin(Stdio::null())
        .output();
    output.expect("ffmpeg is installed")
}

/// A film with its plan.
pub struct Film {
    pub path: PathBuf,
    pub info: Arc<MediaInfo>,
    pub plan: Presentation,
    pub file: Source,
}

impl Film {
    pub fn rendition(&self, kind: &str) -> Arc<Rendition> {
        let found = self.plan.renditions().find(|rendition| rendition.id.kind() == kind);
        found.unwrap_or_else(|| panic!("no {kind} in {:?}", self.plan.reasons)).clone()
    }
}

/// The film of this name, made by `ffmpeg` with these arguments (the name goes behind them) at first use.
pub fn film(name: &'static str, arguments: &str) -> Arc<Film> {
    static FILMS: Once<&str, Arc<Film>> = Once::new();
    FILMS.get(name, || {
        let made = ffmpeg(&format!("{arguments} {name}"));
        assert!(made.status.success(), "{name}: {}", String::from_utf8_lossy(&made.stderr));
        RUNTIME.block_on(probed(folder().join(name)))
    })
}

async fn probed(path: PathBuf) -> Arc<Film> {
    let file = File::open(&path).expect("the film is there");
    let file_bytes = file.metadata().expect("metadata").len();
    let file = Source::from(file);
    let Ok(Report::Probed { info, mut index }) = POOL.ask(&Request::Probe, Some(&file)).await else {
        panic!("{} cannot be probed", path.display());
    };
    if let Some(track) = info.video.first()
        && index.source == IndexSource::None
    {
        let input = Input {
            container: info.container,
            video: true,
            track: track.facts.number,
            edit_offset_ns: track.facts.edit_offset_ns,
            origin_ns: info.origin_ns,
        };
        let scan = Request::Scan { input, codec: track.codec.clone() };
        if let Ok(Report::Scanned { index: scanned }) = POOL.ask(&scan, Some(&file)).await {
            index = scanned;
        }
    }
    let config = Config::default();
    let rungs = config.encode.ladder.rungs().iter();
    let ladder = Ladder(rungs.map(|r| LadderRung { height: r.height, bps: r.bitrate.bps() }).collect());
    let decodes = |codec: &str| profiles().iter().any(|profile| profile.decode.contains_key(codec));
    let settings = PlanSettings {
        targets: CutTargets {
            segment_ns: config.encode.segment.nanos(),
            part_ns: config.encode.part.nanos(),
        },
        ladder: &ladder,
        audio_bps: config.encode.audio_bitrate.bps(),
        decodes: &decodes,
        content_version: "",
        file_bytes,
    };
    let info = Arc::new(*info);
    let plan = rendition::plan(&info, &index, &settings).expect("playable");
    Arc::new(Film { path, info, plan, file })
}

/// The shipped profiles, as far as they work here.
pub fn profiles() -> &'static [Resolved] {
    static PROFILES: LazyLock<Vec<Resolved>> = LazyLock::new(|| {
        let set = ProfileSet::load(&[]).expect("the shipped profiles are sound");
        let texts = set.trial_texts();
        let request = Request::Parse { texts: texts.clone() };
        let answer = std::thread::spawn(move || RUNTIME.block_on(POOL.ask(&request, None)));
        let Ok(Ok(Report::Parsed { problems })) = answer.join() else {
            panic!("profiles cannot be tried");
        };
        set.resolve(&texts.into_iter().zip(problems).collect()).0
    });
    &PROFILES
}

/// Everything that one head made.
pub struct Made {
    pub fragments: Vec<Fragment>,
    pub entry: SampleEntry,
    pub early: bool,
    timescale: u32,
}

impl Made {
    /// Fragments of segment `k` alone.
    pub fn segment(&self, k: u32) -> impl Iterator<Item = &Fragment> {
        self.fragments.iter().filter(move |fragment| fragment.segment.0 == k)
    }

    /// Fragments of segment `k` and after.
    pub fn since(&self, k: u32) -> &[Fragment] {
        let at = self.fragments.partition_point(|fragment| fragment.segment.0 < k);
        &self.fragments[at..]
    }

    pub fn until(&self, k: u32) -> &[Fragment] {
        &self.fragments[..self.fragments.len() - self.since(k).len()]
    }

    /// A playable movie of some of the fragments.
    pub fn movie<'a>(&self, fragments: impl IntoIterator<Item = &'a Fragment>) -> tempfile::NamedTempFile {
        let mut movie = tempfile::Builder::new().suffix(".mp4").tempfile_in(folder()).expect("a file");
        movie.write_all(&init_segment(&self.entry, self.timescale)).expect("written");
        for fragment in fragments {
            movie.write_all(&fragment.bytes).expect("written");
        }
        movie
    }
}

/// What a head of a rendition makes that starts at segment `k` and runs to the end.
pub fn head(film: &Arc<Film>, kind: &str, k: u32) -> Result<Arc<Made>, String> {
    head_by(film, kind, k, 0)
}

/// The same in another way: the `attempt`-th of the chain.
pub fn head_by(film: &Arc<Film>, kind: &str, k: u32, attempt: usize) -> Result<Arc<Made>, String> {
    type Key = (PathBuf, String, u32, usize);
    static HEADS_MADE: Once<Key, Result<Arc<Made>, String>> = Once::new();
    let key = (film.path.clone(), kind.to_owned(), k, attempt);
    HEADS_MADE.get(key, || RUNTIME.block_on(run(film, &film.rendition(kind), k, 0, attempt)).map(Arc::new))
}

/// What a head makes that goes on with segment `k`, of which others have made the fragments before `part`.
pub fn head_within(film: &Arc<Film>, kind: &str, k: u32, part: u32) -> Result<Made, String> {
    RUNTIME.block_on(run(film, &film.rendition(kind), k, part, 0))
}

/// The profiles that make a rendition, one way after the other.
pub fn chain(film: &Film, kind: &str) -> Vec<String> {
    let ways = spec::ways(&film.info, &film.rendition(kind), profiles());
    ways.iter().map(|way| way.profile().to_owned()).collect()
}

/// What a head of a rendition is told on its `attempt`-th try, which is the next way of the chain.
pub fn head_spec(film: &Film, rendition: &Rendition, attempt: usize, stretch: spec::Stretch) -> HeadSpec {
    let ways = spec::ways(&film.info, rendition, profiles());
    let way = ways.get(attempt % ways.len().max(1)).expect("a profile makes it");
    spec::head_spec(&film.info, rendition, way, stretch).expect("it is a way to make it")
}

async fn run(
    film: &Film,
    rendition: &Rendition,
    k: u32,
    first_part: u32,
    attempt: usize,
) -> Result<Made, String> {
    let until = SegmentIndex(rendition.cuts.segment_count());
    let stretch = spec::Stretch { start: SegmentIndex(k), first_part, until };
    run_spec(film, rendition, head_spec(film, rendition, attempt, stretch)).await
}

/// What a head makes of this work.
pub async fn run_spec(film: &Film, rendition: &Rendition, spec: HeadSpec) -> Result<Made, String> {
    let _permit = PERMITS.acquire().await.map_err(|error| error.to_string())?;
    made(&POOL, film, rendition, spec).await
}

/// What a worker of this pool makes of a film that is told to make some of a rendition.
pub async fn made(
    pool: &WorkerPool,
    film: &Film,
    rendition: &Rendition,
    spec: HeadSpec,
) -> Result<Made, String> {
    let mut entry = spec::known_entry(&film.info, rendition);
    let mut worker = pool.take().await.map_err(|error| error.to_string())?;
    let request = Request::Head(Box::new(spec));
    worker.send(&request, Some(&film.file)).await.map_err(|error| error.to_string())?;
    let mut fragments = Vec::new();
    loop {
        let next = tokio::time::timeout(std::time::Duration::from_secs(60), worker.next());
        match next.await.map_err(|_| "hangs")?.map_err(|error| error.to_string())? {
            Report::Fragment(fragment) => fragments.push(fragment),
            Report::Entry { entry: real } => entry = Some(real),
            Report::End { early } => {
                let entry = entry.ok_or("no sample entry")?;
                return Ok(Made { fragments, entry, early, timescale: rendition.cuts.timescale });
            }
            other => return Err(format!("{other:?}")),
        }
    }
}

/// Duration and composition offset of every sample of a fragment, and its decode time, as its boxes say.
pub fn samples(fragment: &Fragment) -> (i64, Vec<(u32, i64)>) {
    let mut cursor = std::io::Cursor::new(&fragment.bytes);
    let header = Header::read_from(&mut cursor).expect("a box");
    let moof = mp4_atom::Moof::read_atom(&header, &mut cursor).expect("moof");
    let traf = &moof.traf[0];
    let default = traf.tfhd.default_sample_duration;
    let samples = traf.trun[0].samples.iter();
    let decode_time = traf.tfdt.as_ref().expect("tfdt").base_media_decode_time as i64;
    let listed = samples.map(|s| (s.duration.or(default).expect("a duration"), s.cts.unwrap_or(0)));
    (decode_time, listed.collect())
}

/// Grey pictures, `WIDTH` × `HEIGHT`, as `ffmpeg` shows them.
pub struct Pictures {
    bytes: Vec<u8>,
    pub complaints: String,
}

impl Pictures {
    pub const WIDTH: usize = 160;
    pub const HEIGHT: usize = 90;
    const SIZE: usize = Self::WIDTH * Self::HEIGHT;

    /// Every picture once.
    pub fn of(path: &Path) -> Self {
        Self::with(path, "-fps_mode passthrough -enc_time_base 1:90000")
    }

    pub fn with(path: &Path, rate: &str) -> Self {
        let shape =
            format!("-vf scale={}:{}:flags=area -pix_fmt gray -f rawvideo -", Self::WIDTH, Self::HEIGHT);
        let output = ffmpeg(&format!("-i '{}' -map 0:v {rate} -threads 1 {shape}", path.display()));
        Self { bytes: output.stdout, complaints: String::from_utf8_lossy(&output.stderr).into_owned() }
    }

    pub fn count(&self) -> usize {
        self.bytes.len() / Self::SIZE
    }

    pub fn picture(&self, n: usize) -> Option<&[u8]> {
        self.bytes.get(n * Self::SIZE..(n + 1) * Self::SIZE)
    }
}

/// What `ffprobe` says of every frame of the bare video stream: what the container says of it is left out.
pub fn frames(path: &Path) -> Vec<serde_json::Value> {
    let bare = tempfile::Builder::new().suffix(".h264").tempfile_in(folder()).expect("a file");
    let copied = ffmpeg(&format!("-i '{}' -map 0:v -c copy '{}'", path.display(), bare.path().display()));
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v", "-show_frames", "-of", "json"])
        .arg(bare.path())
        .stdin(Stdio::null())
        .output()
        .expect("ffprobe is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    match report["frames"].take() {
        serde_json::Value::Array(frames) => frames,
        other => panic!("no frames: {other}"),
    }
}

/// Peak signal-to-noise ratio of two pictures in dB; equal ones have 99.
pub fn psnr(a: &[u8], b: &[u8]) -> f64 {
    let squares: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum();
    if squares == 0 {
        return 99.0;
    }
    10.0 * (255.0_f64 * 255.0 * a.len() as f64 / squares as f64).log10()
}

/// Sound as `ffmpeg` decodes it, one vector per channel, and its complaints.
pub fn sound(path: &Path, channels: usize) -> (Vec<Vec<f32>>, String) {
    let output = ffmpeg(&format!("-i '{}' -map 0:a -f f32le -", path.display()));
    let flat = output.stdout.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    let mut split = vec![Vec::new(); channels];
    flat.enumerate().for_each(|(n, value)| split[n % channels].push(value));
    (split, String::from_utf8_lossy(&output.stderr).into_owned())
}
