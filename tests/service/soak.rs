//! Viewers who come, play at real speed, seek, stop, read slowly and leave in the middle, for as long as is asked for:
//! the service does not grow, keeps nobody waiting and leaves nothing behind.
//!
//! `SOAK_MINUTES=30`; without it, half a minute, in which growth and waiting are not judged.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::films;
use crate::kept::Client;
use crate::presentation::Listed;
use crate::process::{Usage, alive, rest, until};
use crate::random::Random;
use crate::server;
use crate::service::{SPARES, Service};

const SHORT: Duration = Duration::from_secs(30);
const VIEWERS: u64 = 6;
const SAMPLES_EVERY: Duration = Duration::from_secs(10);
/// A soak is long enough to be judged when it has so many samples, twenty minutes: the pool of threads that read and
/// write files takes some to reach its size.
const JUDGED_SAMPLES: usize = 120;
/// Memory may grow by this much between the second sixth and the last: buffers of a few segments.
const MEMORY_KIB: u64 = 12 << 10;
/// So many more connections, pipes and threads of its pool may be open than at that time.
const DESCRIPTORS: u64 = 24;
const THREADS: u64 = 8;
/// Of a service that nobody uses, whoever used it before. A build for debugging has more code, which counts.
const IDLE_KIB: u64 = if cfg!(debug_assertions) { 56 << 10 } else { 40 << 10 };
/// Nobody waits longer for a segment: a player with an empty buffer shows a wheel by then, and then gives up.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// What a viewer plays: the picture and the sound of one film.
struct Film {
    picture: Vec<Listed>,
    sound: Vec<Listed>,
}

/// What all viewers together have seen.
#[derive(Default)]
struct Seen {
    segments: AtomicU64,
    abandoned: AtomicU64,
    longest: Mutex<Duration>,
    problems: Mutex<Vec<String>>,
}

fn minutes() -> Option<u64> {
    std::env::var("SOAK_MINUTES").ok().map(|text| text.parse().expect("SOAK_MINUTES is a number"))
}

fn library() -> Vec<std::path::PathBuf> {
    let seconds = if minutes().is_some() { 900 } else { 60 };
    let film = |name: &str, arguments: &str| {
        let inputs = format!(
            "-f lavfi -i testsrc2=s=320x180:r=24:d={seconds} -f lavfi -i sine=440:r=48000:d={seconds}"
        );
        films::film(&format!("soak-{seconds}s-{name}"), &format!("{inputs} {arguments}"))
    };
    let h264 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 48";
    vec![
        film("h264.mkv", &format!("{h264} -c:a ac3 -ac 2")),
        film("h264.mp4", &format!("{h264} -bf 2 -c:a aac -ac 2")),
        film("h264.ts", &format!("{h264} -c:a mp2 -ac 2")),
    ]
}

#[test]
fn a_service_under_random_viewers_stays_as_it_is() {
    let library = library();
    let paths: Vec<&std::path::Path> = library.iter().map(std::path::PathBuf::as_path).collect();
    let service = server::start(&paths, &[("ENCODE_IDLE_TIMEOUT", "5s"), ("CACHE_SIZE", "100 MiB")]);
    let films: Vec<Film> = service.films().iter().map(|(id, _)| film(&service, id)).collect();
    let length = minutes().map_or(SHORT, |minutes| Duration::from_secs(60 * minutes));
    let (begin, seen) = (Instant::now(), Seen::default());
    let mut samples = Vec::new();
    std::thread::scope(|scope| {
        for number in 0..VIEWERS {
            let (service, films, seen) = (&service, &films, &seen);
            scope.spawn(move || {
                let mut random = Random::new(700 + number);
                while begin.elapsed() < length {
                    let film = &films[random.below(films.len())];
                    watch(&mut service.client(), film, &mut random, seen, begin + length);
                }
            });
        }
        while begin.elapsed() < length {
            samples.push((begin.elapsed(), service.usage()));
            rest(SAMPLES_EVERY.min(length.saturating_sub(begin.elapsed())));
        }
    });
    let mut problems = seen.problems.into_inner().expect("no panic");
    let idle = until(|| (service.usage().workers <= SPARES && service.heads().is_empty()).then_some(()));
    if idle.is_none() {
        problems.push(format!("workers stay: {:?}, heads {:?}", service.workers(), service.heads()));
    }
    assert!(alive(service.pid()), "{}", service.log());
    let longest = seen.longest.into_inner().expect("no panic");
    let (segments, abandoned) = (seen.segments.into_inner(), seen.abandoned.into_inner());
    let heads = service.heads_started();
    println!(
        "{VIEWERS} viewers, {} s: {segments} segments, {abandoned} abandoned, {heads} heads; the longest wait for a \
         segment {:.1} s",
        length.as_secs(),
        longest.as_secs_f32()
    );
    // Segments that were in demand stay in memory for ten seconds.
    let before = samples[0].1;
    let at_rest = until(|| {
        let now = service.usage();
        let rests = now.threads <= before.threads + THREADS
            && now.descriptors <= before.descriptors + THREADS
            && now.resident_kib <= IDLE_KIB;
        rests.then_some(())
    });
    samples.push((begin.elapsed(), service.usage()));
    table(&samples);
    if at_rest.is_none() {
        problems.push(format!("before {before:?}, afterwards {:?}", service.usage()));
    }
    if longest > LONGEST_WAIT && samples.len() >= JUDGED_SAMPLES {
        problems.push(format!("somebody waited {longest:?} for a segment"));
    }
    if service.log().contains("panicked") {
        problems.push("a panic in the log".into());
    }
    problems.extend(growth(&samples));
    assert!(segments > 0 && problems.is_empty(), "\n  {}\n", problems.join("\n  "));
}

fn film(service: &Service, id: &str) -> Film {
    let (picture, sound) = service.presentation(id).into_iter().partition(|rendition| rendition.video);
    Film { picture, sound }
}

/// One viewer from coming to going.
fn watch(client: &mut Client, film: &Film, random: &mut Random, seen: &Seen, end: Instant) {
    let picture = &film.picture[random.below(film.picture.len())];
    let sound = &film.sound[random.below(film.sound.len())];
    let mut place = random.below(1000) as f64 / 1000.0;
    for _ in 0..1 + random.below(12) {
        if Instant::now() >= end {
            return;
        }
        let segment = |rendition: &Listed| {
            let n = (place * rendition.segments() as f64) as usize;
            rendition.segment(n.min(rendition.segments() - 1))
        };
        match random.below(20) {
            // Leaves in the middle.
            0 | 1 => {
                seen.abandoned.fetch_add(1, Ordering::Relaxed);
                return drop(client.abandon(&segment(picture), 1 + random.below(50_000)));
            }
            // Seeks.
            2 | 3 => place = random.below(1000) as f64 / 1000.0,
            // Reads slowly.
            4 => {
                let read = client.sip(&segment(picture), 16_384, || rest(Duration::from_millis(20)));
                note(read.map(|_| 200), Duration::ZERO, seen);
            }
            _ => {
                let begin = Instant::now();
                for rendition in [picture, sound] {
                    let asked = Instant::now();
                    let answer = client.get(&segment(rendition)).map(|answer| answer.status);
                    note(answer, asked.elapsed(), seen);
                }
                place = (place + 1.0 / picture.segments() as f64).min(1.0);
                // At the speed of the film, about: its segments are of two seconds.
                rest(Duration::from_secs(2).saturating_sub(begin.elapsed()).min(end - begin.min(end)));
            }
        }
    }
}

fn note(status: std::io::Result<u16>, waited: Duration, seen: &Seen) {
    match status {
        Ok(200) => drop(seen.segments.fetch_add(1, Ordering::Relaxed)),
        other => seen.problems.lock().expect("no panic").push(format!("a segment: {other:?}")),
    }
    let mut longest = seen.longest.lock().expect("no panic");
    *longest = waited.max(*longest);
}

type Column = (&'static str, fn(&Usage) -> u64);

const COLUMNS: [Column; 4] = [
    ("memory KiB", |usage| usage.resident_kib),
    ("descriptors", |usage| usage.descriptors),
    ("threads", |usage| usage.threads),
    ("workers", |usage| usage.workers),
];

/// About a dozen rows, and at the end one of the idle service.
fn table(samples: &[(Duration, Usage)]) {
    println!("| minute | {} |", COLUMNS.map(|(name, _)| name).join(" | "));
    println!("|---|---|---|---|---|");
    let step = samples.len().div_ceil(12);
    let last = samples.len() - 1;
    for (at, (time, usage)) in samples.iter().enumerate() {
        if at % step == 0 || at == last {
            let row = COLUMNS.map(|(_, value)| value(usage).to_string()).join(" | ");
            println!(
                "| {:.1}{} | {row} |",
                time.as_secs_f32() / 60.0,
                if at == last { ", idle" } else { "" }
            );
        }
    }
}

fn median(samples: &[(Duration, Usage)], of: fn(&Usage) -> u64) -> u64 {
    let mut values: Vec<u64> = samples.iter().map(|(_, usage)| of(usage)).collect();
    values.sort_unstable();
    values[values.len() / 2]
}

/// Compares the medians of the second sixth of the time (the first fills caches and pools) and of the last.
fn growth(samples: &[(Duration, Usage)]) -> Vec<String> {
    if samples.len() < JUDGED_SAMPLES {
        return Vec::new();
    }
    let sixth = samples.len() / 6;
    let early = &samples[sixth..2 * sixth];
    let late = &samples[samples.len() - sixth..samples.len() - 1];
    let limits = [MEMORY_KIB, DESCRIPTORS, THREADS];
    let grown = COLUMNS.iter().zip(limits).filter_map(|((name, of), limit)| {
        let (before, after) = (median(early, *of), median(late, *of));
        println!("{name}: median {before} in the second sixth, {after} in the last");
        (after > before + limit).then(|| format!("{name} grew from {before} to {after}"))
    });
    grown.collect()
}

#[test]
fn growth_is_seen_where_there_is_some() {
    let usage = |resident_kib, descriptors| Usage { resident_kib, descriptors, threads: 20, workers: 4 };
    let soak = |slope: u64, descriptors: u64| -> Vec<(Duration, Usage)> {
        let sample =
            |n: u64| (SAMPLES_EVERY * n as u32, usage(40_000 + n * slope, 60 + n * descriptors / 10));
        (0..180).map(sample).collect()
    };
    assert_eq!(growth(&soak(10, 0)), [""; 0]);
    assert_eq!(growth(&soak(200, 0)).len(), 1);
    assert_eq!(growth(&soak(0, 3)).len(), 1);
}
