//! Films made with `ffmpeg`, once: what is there already stays.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;

use crate::sound;

/// What a film is like; `seconds` long.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// Its container, as the end of its name.
    pub container: &'static str,
    /// Frames per second as a fraction, `None` for a rate that varies.
    pub rate: Option<(i64, i64)>,
    pub picture: Picture,
    pub sound: Sound,
}

#[derive(Clone, Copy, Debug)]
pub enum Picture {
    H264,
    /// With open groups of pictures, as the encoder makes them by default.
    Hevc,
    Hevc10,
}

#[derive(Clone, Copy, Debug)]
pub enum Sound {
    Aac,
    Ac3,
    Ac3At44100,
}

impl Sound {
    /// Of the source's codec.
    pub fn samples_per_frame(self) -> i64 {
        if let Self::Aac = self { 1024 } else { 1536 }
    }

    pub fn sample_rate(self) -> u32 {
        if let Self::Ac3At44100 = self { 44_100 } else { 48_000 }
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Aac => &["-c:a", "aac", "-b:a", "192k"],
            Self::Ac3 | Self::Ac3At44100 => &["-c:a", "ac3", "-b:a", "448k"],
        }
    }
}

impl Picture {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::H264 => {
                &["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-bf", "2", "-g", "48"]
            }
            Self::Hevc => &[
                "-c:v",
                "libx265",
                "-preset",
                "ultrafast",
                "-pix_fmt",
                "yuv420p",
                "-x265-params",
                "keyint=50:bframes=3:log-level=error",
            ],
            Self::Hevc10 => &[
                "-c:v",
                "libx265",
                "-preset",
                "ultrafast",
                "-pix_fmt",
                "yuv420p10le",
                "-x265-params",
                "keyint=50:bframes=3:open-gop=0:log-level=error",
            ],
        }
    }
}

/// A variable rate: the picture wavers, and stands still for 0.7 s after every 90 frames.
const WAVERING: &str = "settb=1/1000,setpts='(N/25+0.1*sin(N/9)+0.7*floor(N/90))/TB'";
/// By which that makes a film of 25 frames per second longer.
const STRETCH: f64 = 1.0 + 0.7 * 25.0 / 90.0;

impl Source {
    pub fn name(&self, seconds: u32) -> String {
        let rate = self.rate.map_or("vfr".into(), |(num, den)| format!("{num}-{den}"));
        let name = format!("walk-{rate}-{:?}-{:?}-{seconds}s.{}", self.picture, self.sound, self.container);
        name.to_lowercase()
    }

    /// The film's path, made when it is not there yet.
    pub fn film(&self, seconds: u32) -> PathBuf {
        let name = self.name(seconds);
        made(&name, |target| {
            let (rate, length, filter) = match self.rate {
                Some((num, den)) => (format!("{num}/{den}"), f64::from(seconds), "null"),
                None => ("25".into(), f64::from(seconds) / STRETCH, WAVERING),
            };
            let drawn = format!("testsrc2=s=320x180:r={rate}:d={length:.3},{filter}");
            let sample_rate = self.sound.sample_rate();
            let mut ffmpeg = command();
            ffmpeg.args(["-f", "lavfi", "-i", &drawn]);
            ffmpeg.args(["-f", "s16le", "-ac", "2", "-ar", &sample_rate.to_string(), "-i", "pipe:0"]);
            ffmpeg.args(["-map", "0:v", "-map", "1:a"]).args(self.picture.arguments());
            ffmpeg.args(self.sound.arguments());
            if self.rate.is_none() {
                ffmpeg.args(["-fps_mode", "passthrough", "-enc_time_base", "1:1000"]);
            }
            let mut process = ffmpeg.arg(target).stdin(Stdio::piped()).spawn().expect("ffmpeg runs");
            let mut input = process.stdin.take().expect("its input");
            sound::write_test_sound(&mut input, sample_rate, seconds).expect("it reads");
            drop(input);
            process.wait().expect("it ends").success()
        })
    }
}

/// A film by `ffmpeg` arguments with spaces between them.
pub fn film(name: &str, arguments: &str) -> PathBuf {
    made(name, |target| {
        let status = command().args(arguments.split(' ')).arg(target).stdin(Stdio::null()).status();
        status.expect("ffmpeg runs").success()
    })
}

fn command() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-v", "error", "-y"]);
    command
}

/// Where films stay from run to run.
pub fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("films");
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Makes a file under another name first, so that one that was interrupted is not taken for made.
pub fn made(name: &str, make: impl FnOnce(&Path) -> bool) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let film = folder().join(name);
    if !film.exists() {
        let unfinished = folder().join(format!("making-{}-{name}", std::process::id()));
        assert!(make(&unfinished), "{name} cannot be made");
        std::fs::rename(&unfinished, &film).expect("renamed");
    }
    film
}

/// What a program of FFmpeg's prints; it has to succeed and to complain about nothing.
pub fn output(program: &str, arguments: &[&str], file: &Path) -> Vec<u8> {
    let Output { status, stdout, stderr } = Command::new(program)
        .args(["-hide_banner", "-v", "error"])
        .args(arguments)
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    let complaints = String::from_utf8_lossy(&stderr);
    assert!(status.success() && complaints.is_empty(), "{program} on {}: {complaints}", file.display());
    stdout
}

/// Presentation times of all decoded frames in seconds, in order.
pub fn decoded_frames(file: &Path) -> Vec<f64> {
    let arguments = ["-select_streams", "v:0", "-show_entries", "frame=pts_time", "-of", "csv=p=0"];
    let printed = String::from_utf8(output("ffprobe", &arguments, file)).expect("UTF-8");
    let times = printed.lines().filter_map(|line| line.split(',').next()).filter(|time| !time.is_empty());
    times.map(|time| time.parse().unwrap_or_else(|_| panic!("no time: {time}"))).collect()
}

/// A playable movie in a file of its own.
pub fn movie(init: &[u8], segments: &[Vec<u8>]) -> tempfile::NamedTempFile {
    let mut movie = tempfile::Builder::new().suffix(".mp4").tempfile().expect("a file");
    movie.write_all(init).expect("written");
    segments.iter().for_each(|segment| movie.write_all(segment).expect("written"));
    movie
}
