//! Films made with `ffmpeg`, each once per run, and what it says of what the service made of them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::harness::Rendition;
use crate::service::Service;

const PICTURES_A_SECOND: f64 = 24.0;
const SAMPLES_A_SECOND: f64 = 48_000.0;

/// A film that is cheap to decode and to encode, five minutes long.
pub fn small() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| make("small.mkv", "testsrc2=size=320x180:rate=24", "-c:a ac3", 60, 4))
}

/// Another one, of the same kind, whose index stands at its beginning.
pub fn other() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| make("other.mp4", "testsrc=size=320x180:rate=24", "-c:a aac", 60, 4))
}

/// One that takes its time: large pictures that change everywhere, and much sound, to be copied and to be encoded.
pub fn large() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let picture = "testsrc2=size=1280x720:rate=24,noise=alls=20:allf=t";
    MADE.get_or_init(|| {
        make("large.mp4", picture, "-b:v 8M -map 0 -map 1 -map 1 -c:a:0 aac -c:a:1 ac3 -b:a 320k", 10, 11)
    })
}

fn folder() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    extern "C" fn clean_up() {
        if let Some(folder) = FOLDER.get() {
            let _gone = std::fs::remove_dir_all(folder.path());
        }
    }
    unsafe extern "C" {
        safe fn atexit(callback: extern "C" fn()) -> i32;
    }
    let made = FOLDER.get_or_init(|| {
        // Nothing drops a static.
        atexit(clean_up);
        tempfile::tempdir().expect("a folder")
    });
    made.path()
}

/// `seconds` of a picture and a tone, and the same again and again.
fn make(name: &str, picture: &str, sound: &str, seconds: u32, again: u32) -> PathBuf {
    let (once, film) = (folder().join(format!("once-{name}")), folder().join(name));
    let seconds = seconds.to_string();
    let video = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 48 -ac 2";
    ffmpeg(
        Command::new("ffmpeg")
            .args(["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "sine=440:r=48000", "-t", &seconds])
            .args(video.split(' ').chain(sound.split(' ')))
            .arg(&once),
    );
    ffmpeg(
        Command::new("ffmpeg")
            .args(["-stream_loop", &again.to_string(), "-i"])
            .arg(&once)
            .args(["-map", "0", "-c", "copy", "-movflags", "+faststart"])
            .arg(&film),
    );
    film
}

fn ffmpeg(command: &mut Command) {
    let output = command.args(["-v", "error", "-nostdin"]).stdin(Stdio::null()).output();
    let output = output.expect("ffmpeg runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What `ffmpeg` decodes of one segment: how many pictures, or samples of sound in each channel; or its complaints.
fn decoded(service: &Service, rendition: &Rendition, segment: &[u8]) -> Result<u64, String> {
    let init = service.get(&rendition.init);
    if init.status != 200 {
        return Err(format!("no init: {}", init.text()));
    }
    let mut movie = tempfile::Builder::new().suffix(".mp4").tempfile().expect("a file");
    movie.write_all(&init.body).and_then(|()| movie.write_all(segment)).expect("written");
    let picture = rendition.name.starts_with('v');
    let entries = if picture { "stream=nb_read_frames" } else { "frame=nb_samples" };
    let output = Command::new("ffprobe")
        .args(["-v", "warning", "-count_frames", "-show_entries", entries, "-of", "csv=p=0"])
        .arg(movie.path())
        .output()
        .expect("ffprobe runs");
    let complaints = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || !complaints.is_empty() {
        return Err(complaints.into_owned());
    }
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(listed.split(['\n', ',']).filter_map(|number| number.parse::<u64>().ok()).sum())
}

/// Whether a segment decodes without complaint to all that its rendition promises; otherwise why not.
pub fn is_whole(service: &Service, rendition: &Rendition, n: usize, segment: &[u8]) -> Result<(), String> {
    let rate = if rendition.name.starts_with('v') { PICTURES_A_SECOND } else { SAMPLES_A_SECOND };
    let promised = (rendition.seconds[n] * rate).round() as u64;
    match decoded(service, rendition, segment) {
        Ok(decoded) if decoded == promised => Ok(()),
        Ok(decoded) => Err(format!("{} {n}: {decoded}, not {promised}", rendition.name)),
        Err(complaint) => Err(format!("{} {n}: {complaint}", rendition.name)),
    }
}
