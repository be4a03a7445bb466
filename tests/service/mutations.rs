//! Files that somebody has damaged, through probe and first segments of every rendition: the service lives, no worker
//! stays, and every answer is either media that parses or a problem that says what is wrong.
//!
//! `MUTATIONS=1000` makes so many; without it, forty. What made trouble is kept in `target/tmp/mutations`.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::boxes;
use crate::client::Answer;
use crate::films;
use crate::kept::Client;
use crate::presentation;
use crate::process::{alive, until};
use crate::random::Random;
use crate::server;
use crate::service::{SPARES, Service};

const SHORT: usize = 40;
/// Files in the library at once.
const BATCH: usize = 50;
const CLIENTS: usize = 3;
/// A head that hangs is given up after half a minute, and tried again in other ways; what takes longer than all of
/// them hangs itself.
const PATIENCE: Duration = Duration::from_secs(200);
/// What takes longer is told, but may be the machine.
const SLOW: Duration = Duration::from_secs(20);

const PICTURE: &str = "-f lavfi -i testsrc2=s=160x90:r=25:d=4";
const SOUND: &str = "-f lavfi -i sine=440:r=48000:d=4";

/// Ten kinds of file: name, arguments of the encoder, whether there is a picture.
const KINDS: [(&str, &str, bool); 10] = [
    ("h264.mp4", "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -bf 2 -g 25 -c:a aac", true),
    ("h264.mkv", "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -bf 2 -g 25 -c:a ac3", true),
    (
        "hevc10.mkv",
        "-c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -x265-params log-level=error -c:a flac",
        true,
    ),
    ("h264.ts", "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -bf 2 -g 25 -c:a aac", true),
    ("vp9.webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus", true),
    ("xvid.avi", "-c:v mpeg4 -vtag XVID -q:v 5 -c:a libmp3lame", true),
    ("pcm.mov", "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 25 -c:a pcm_s16le", true),
    ("h264.flv", "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 25 -c:a aac -ar 44100", true),
    ("mpeg2.mpg", "-c:v mpeg2video -q:v 5 -g 12 -c:a mp2 -f vob", true),
    ("sound.mp4", "-c:a aac", false),
];

fn sources() -> Vec<(&'static str, Vec<u8>)> {
    let made = |(name, arguments, picture): &(&'static str, &str, bool)| {
        let inputs = if *picture { format!("{PICTURE} {SOUND}") } else { SOUND.to_owned() };
        let film = films::film(&format!("mutation-{name}"), &format!("{inputs} {arguments}"));
        (*name, fs::read(film).expect("the film is there"))
    };
    KINDS.iter().map(made).collect()
}

/// A damaged file, and what was done to it.
fn mutated(sources: &[(&str, Vec<u8>)], number: usize) -> (String, Vec<u8>) {
    let mut random = Random::new(number as u64);
    let (name, bytes) = &sources[number % sources.len()];
    let mut bytes = bytes.clone();
    let kind = ["flips", "header", "cut", "zeros", "noise", "twice", "without", "size", "splice"]
        [number / sources.len() % 9];
    // Headers are small, and most of what can go wrong is in them.
    let reach = if random.below(2) == 0 { bytes.len() } else { bytes.len().min(4096) };
    let from = random.below(reach);
    let to = (from + 1 + random.below(20_000)).min(bytes.len());
    match kind {
        "flips" => (0..=random.below(64)).for_each(|_| bytes[random.below(reach)] ^= 1 << random.below(8)),
        "header" => (0..=random.below(8)).for_each(|_| bytes[random.below(512)] = random.bits() as u8),
        "cut" => bytes.truncate(from),
        "zeros" => bytes[from..to].fill(0),
        "noise" => bytes[from..to].iter_mut().for_each(|byte| *byte = random.bits() as u8),
        "twice" => {
            let range = bytes[from..to].to_vec();
            drop(bytes.splice(from..from, range));
        }
        "without" => drop(bytes.drain(from..to)),
        "size" => change_a_size(&mut bytes, &mut random),
        _ => {
            let other = &sources[random.below(sources.len())].1;
            bytes.truncate(from);
            bytes.extend(&other[random.below(other.len())..]);
        }
    }
    (format!("{number}-{kind}-{name}"), bytes)
}

/// Gives a box or an element another length: one in front of four letters, where there is one.
fn change_a_size(bytes: &mut [u8], random: &mut Random) {
    let letters = |at: usize| bytes[at + 4..at + 8].iter().all(u8::is_ascii_lowercase);
    let boxes: Vec<usize> = (0..bytes.len() - 8).filter(|at| letters(*at)).collect();
    let at = if boxes.is_empty() { random.below(2048) } else { boxes[random.below(boxes.len())] };
    let size = u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let changed = [0, 1, 7, u32::MAX, i32::MAX as u32, size.wrapping_add(1), size / 2, size.wrapping_mul(16)];
    bytes[at..at + 4].copy_from_slice(&changed[random.below(changed.len())].to_be_bytes());
}

#[test]
fn damaged_files_end_in_media_or_in_a_problem_and_harm_nothing() {
    let count = std::env::var("MUTATIONS").ok().map_or(SHORT, |text| text.parse().expect("a number"));
    let sources = sources();
    let service = server::start(&[], &[("ENCODE_IDLE_TIMEOUT", "1s")]);
    let mut outcomes = BTreeMap::new();
    let mut problems = Vec::new();
    for first in (0..count).step_by(BATCH) {
        let batch: Vec<(String, Vec<u8>)> =
            (first..count.min(first + BATCH)).map(|number| mutated(&sources, number)).collect();
        let (found, bad) = play_all(&service, &batch);
        found.into_iter().for_each(|outcome| *outcomes.entry(outcome).or_insert(0) += 1);
        keep(&batch, &bad);
        problems.extend(bad.into_iter().map(|(name, what)| format!("{name}: {what}")));
        assert!(alive(service.pid()), "the service has died:\n{}", service.log());
    }
    println!("{count} damaged files: {outcomes:#?}");
    let idle = until(|| (service.usage().workers <= SPARES && service.heads().is_empty()).then_some(()));
    assert!(idle.is_some(), "workers stay: {:?}, heads {:?}", service.workers(), service.heads());
    assert!(!service.log().contains("panicked"), "{}", service.log());
    assert!(problems.is_empty(), "\n  {}\n", problems.join("\n  "));
}

type Bad = (String, String);

/// Serves these files, and asks for everything of which there could be a first segment.
fn play_all(service: &Service, batch: &[(String, Vec<u8>)]) -> (Vec<&'static str>, Vec<Bad>) {
    let folder = service.folder().join("films");
    for old in fs::read_dir(&folder).expect("a folder").flatten() {
        fs::remove_file(old.path()).expect("removed");
    }
    batch.iter().for_each(|(name, bytes)| fs::write(folder.join(name), bytes).expect("written"));
    service.scan();
    let films: VecDeque<(String, String)> = service
        .films()
        .into_iter()
        .filter(|(_, name)| batch.iter().any(|(other, _)| other == name))
        .collect();
    let mut bad: Vec<Bad> = Vec::new();
    if films.len() != batch.len() {
        bad.push(("the library".into(), format!("{} of {} files are listed", films.len(), batch.len())));
    }
    let (films, found, worse) = (Mutex::new(films), Mutex::new(Vec::new()), Mutex::new(&mut bad));
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = service.client().with_patience(PATIENCE);
                loop {
                    let next = films.lock().expect("no panic").pop_front();
                    let Some((id, name)) = next else { break };
                    let begin = Instant::now();
                    let played = play(&mut client, &id);
                    if begin.elapsed() > SLOW {
                        println!("{name} took {:.0} s: {played:?}", begin.elapsed().as_secs_f32());
                    }
                    match played {
                        Ok(outcomes) => found.lock().expect("no panic").extend(outcomes),
                        Err(what) => worse.lock().expect("no panic").push((name, what)),
                    }
                }
            });
        }
    });
    (found.into_inner().expect("no panic"), bad)
}

/// What the manifest and the first segments came to; an error is what must not be.
fn play(client: &mut Client, film: &str) -> Result<Vec<&'static str>, String> {
    let manifest = client.get(&format!("/dash/{film}/manifest.mpd")).map_err(|e| format!("manifest: {e}"))?;
    if manifest.status != 200 {
        return Ok(vec![problem(&manifest, "manifest").map(|()| "refused by the probe")?]);
    }
    let mut outcomes = Vec::new();
    for rendition in presentation::parse(&manifest.text(), film) {
        let kind = rendition.kind().to_owned();
        for place in [0, rendition.segments() - 1] {
            outcomes.push(first_segment(client, &rendition.segment(place), &kind)?);
        }
        let init = client.get(&rendition.init()).map_err(|error| format!("init of {kind}: {error}"))?;
        match init.status {
            200 if boxes::timescale(&init.body) == Some(rendition.timescale) => {}
            200 => return Err(format!("init of {kind}: does not parse")),
            _ => problem(&init, &format!("init of {kind}"))?,
        }
    }
    Ok(outcomes)
}

fn first_segment(client: &mut Client, path: &str, kind: &str) -> Result<&'static str, String> {
    match client.get(path) {
        Ok(answer) if answer.status == 200 => match boxes::fragments(&answer.body) {
            Ok(_) => Ok("segment"),
            Err(error) => Err(format!("{kind}: {error}")),
        },
        Ok(answer) => problem(&answer, kind).map(|()| "segment refused"),
        // Too late for a status: an answer that does not end as HTTP says is no segment to any client.
        Err(error) if is_timeout(&error) => Err(format!("{kind}: hangs")),
        Err(_) => Ok("segment broken off"),
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

/// RFC 9457, with something for a person to read.
fn problem(answer: &Answer, what: &str) -> Result<(), String> {
    let told: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let detail = told["detail"].as_str().unwrap_or_default();
    let clear = answer.is_problem() && detail.len() > 8 && answer.status != 500;
    if clear { Ok(()) } else { Err(format!("{what}: {} {}", answer.status, answer.text())) }
}

fn keep(batch: &[(String, Vec<u8>)], bad: &[Bad]) {
    let folder: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutations");
    for (name, bytes) in batch.iter().filter(|(name, _)| bad.iter().any(|(other, _)| other == name)) {
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join(name), bytes).expect("written");
    }
}
