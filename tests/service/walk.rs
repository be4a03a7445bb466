//! Films whose segments many heads made in random order, walked from the first sample to the last.
//!
//! `WALK_SECONDS=600` walks ten minutes of every film; without it, forty seconds of three. `WALK_FILM=mkv` walks only those
//! whose names have that in them.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use crate::boxes::{self, Fragment};
use crate::films::{self, Picture, Sound, Source};
use crate::presentation::Listed;
use crate::random::Random;
use crate::server;
use crate::service::Service;
use crate::sound::{self, Heard, Reference};

const SEED: u64 = 20;
const CLIENTS: usize = 3;
const SHORT_SECONDS: u32 = 40;
/// Heads that have to have made a film, and each of its renditions where that has segments enough.
const HEADS: usize = 20;
/// Clocks of containers count milliseconds.
const CLOCK_S: f64 = 0.001_1;
/// The start of a fragment pulls a frame onto it from a quarter of a frame away.
const PULLED_S: f64 = 0.012;

const SHORT: [Source; 3] = [
    Source { container: "mp4", rate: Some((24_000, 1001)), picture: Picture::H264, sound: Sound::Aac },
    Source { container: "mkv", rate: None, picture: Picture::Hevc, sound: Sound::Ac3 },
    Source { container: "ts", rate: Some((30_000, 1001)), picture: Picture::H264, sound: Sound::Ac3 },
];

/// Beside those, so that every container meets every kind of rate, picture and sound.
const LONG: [Source; 6] = [
    Source { container: "mp4", rate: None, picture: Picture::H264, sound: Sound::Ac3 },
    Source { container: "mp4", rate: Some((30_000, 1001)), picture: Picture::Hevc10, sound: Sound::Aac },
    Source { container: "mkv", rate: Some((25, 1)), picture: Picture::Hevc10, sound: Sound::Aac },
    Source { container: "mkv", rate: Some((24_000, 1001)), picture: Picture::H264, sound: Sound::Ac3At44100 },
    Source { container: "ts", rate: Some((25, 1)), picture: Picture::H264, sound: Sound::Aac },
    Source { container: "ts", rate: Some((24_000, 1001)), picture: Picture::Hevc, sound: Sound::Ac3 },
];

/// A rendition as it was read whole.
struct Whole {
    init: Vec<u8>,
    segments: Vec<Vec<u8>>,
    fragments: Vec<Vec<Fragment>>,
}

fn seconds() -> Option<u32> {
    std::env::var("WALK_SECONDS").ok().map(|text| text.parse().expect("WALK_SECONDS is a number"))
}

#[test]
fn heads_in_random_order_make_the_film_that_one_head_makes() {
    let sources = if seconds().is_some() { [&SHORT[..], &LONG[..]].concat() } else { SHORT.to_vec() };
    let wanted = std::env::var("WALK_FILM").unwrap_or_default();
    let mut problems = Vec::new();
    for source in sources.iter().filter(|source| source.name(0).contains(&wanted)) {
        let film = source.film(seconds().unwrap_or(SHORT_SECONDS));
        let found = walk(source, &film);
        println!("{}: {} problems", film.display(), found.len());
        problems.extend(found.into_iter().map(|problem| format!("{}: {problem}", source.name(0))));
    }
    assert!(problems.is_empty(), "\n  {}\n", problems.join("\n  "));
}

#[test]
fn a_film_has_the_same_facts_however_often_it_is_probed() {
    let film = SHORT[1].film(SHORT_SECONDS);
    let facts = || {
        let mut probe = Command::new(env!("CARGO_BIN_EXE_millrace"));
        let output = probe.args(["probe", "--json"]).arg(&film).output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let first = facts();
    for _ in 0..7 {
        assert_eq!(facts(), first);
    }
}

fn walk(source: &Source, film: &Path) -> Vec<String> {
    let look_ahead = format!("{}s", (seconds().unwrap_or(0) / 75).max(2));
    let many = server::start(&[film], &[("ENCODE_LOOK_AHEAD", &look_ahead), ("ENCODE_MAX_HEADS", "4")]);
    let one = server::start(&[film], &[("ENCODE_LOOK_AHEAD", "1h")]);
    let listed = many.presentation(&many.film());
    let mut problems = Vec::new();
    let first = in_random_order(&many, &listed, &mut problems);
    problems.extend(enough_heads(&many, &listed));
    let mut counts = Vec::new();
    for (index, rendition) in listed.iter().enumerate() {
        let joined = whole(&many, rendition);
        let other = &one.presentation(&one.film())[index];
        if (&other.id[..], &other.cuts) != (&rendition.id[..], &rendition.cuts) {
            problems.push(format!("{}: another service lists {}", rendition.id, other.id));
            continue;
        }
        let uninterrupted = whole(&one, other);
        for (n, segment) in joined.segments.iter().enumerate() {
            if first.get(&(index, n)).is_some_and(|before| before != segment) {
                problems.push(format!("{} segment {n} has changed", rendition.kind()));
            }
        }
        problems.extend(differences(rendition, &joined, &uninterrupted));
        problems.extend(boxes::problems(rendition, &joined.fragments, frame(source, rendition)));
        if rendition.video {
            counts.push(problems_of_picture(source, film, rendition, &joined, &mut problems));
        } else {
            problems.extend(problems_of_sound(&many, film, rendition, &joined, &uninterrupted));
        }
    }
    problems.extend(one_head_each(&one, &listed));
    println!("{}: {} heads, decoded frames {counts:?}", film.display(), many.heads_started());
    problems
}

/// Asks for every segment of every rendition, in an order that makes heads start all over the film.
fn in_random_order(
    service: &Service,
    listed: &[Listed],
    problems: &mut Vec<String>,
) -> BTreeMap<(usize, usize), Vec<u8>> {
    let all = listed.iter().enumerate();
    let mut order: Vec<(usize, usize)> =
        all.flat_map(|(index, rendition)| (0..rendition.segments()).map(move |n| (index, n))).collect();
    Random::new(SEED).shuffle(&mut order);
    let order = Mutex::new(VecDeque::from(order));
    let read = Mutex::new(BTreeMap::new());
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = service.client();
                loop {
                    let next = order.lock().expect("no panic").pop_front();
                    let Some((index, n)) = next else { break };
                    match client.get(&listed[index].segment(n)) {
                        Ok(answer) if answer.status == 200 => {
                            read.lock().expect("no panic").insert((index, n), answer.body);
                        }
                        other => {
                            let what = format!("{} segment {n}: {other:?}", listed[index].kind());
                            let heads = service.heads();
                            failed.lock().expect("no panic").push(format!("{what:.400}; heads: {heads:?}"));
                        }
                    }
                }
            });
        }
    });
    problems.append(&mut failed.into_inner().expect("no panic"));
    read.into_inner().expect("no panic")
}

fn enough_heads(service: &Service, listed: &[Listed]) -> Vec<String> {
    let started = service.starts_logged();
    let mut problems = Vec::new();
    if started.len() < HEADS {
        problems.push(format!("only {} heads", started.len()));
    }
    for rendition in listed {
        let count = started.iter().filter(|head| head.rendition == rendition.id).count();
        if count < HEADS.min(rendition.segments() / 5) {
            problems.push(format!("only {count} heads of {}", rendition.kind()));
        }
    }
    problems
}

/// The service that is only read from start to end starts one head per rendition: it is the uninterrupted one.
fn one_head_each(service: &Service, listed: &[Listed]) -> Option<String> {
    let expected = service.heads_started() == listed.len();
    (!expected).then(|| format!("the uninterrupted film had the heads {:?}", service.starts_logged()))
}

fn whole(service: &Service, rendition: &Listed) -> Whole {
    let mut client = service.client();
    let mut get = |path: &str| {
        let answer = client.get(path).unwrap_or_else(|error| panic!("{path}: {error}\n{}", service.log()));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.body
    };
    let segments: Vec<Vec<u8>> = (0..rendition.segments()).map(|n| get(&rendition.segment(n))).collect();
    let init = get(&rendition.init());
    let fragments = segments.iter().enumerate().map(|(n, segment)| {
        boxes::fragments(segment).unwrap_or_else(|error| panic!("{} segment {n}: {error}", rendition.kind()))
    });
    Whole { fragments: fragments.collect(), init, segments }
}

/// Ticks of one frame, where all are equally long.
fn frame(source: &Source, rendition: &Listed) -> Option<i64> {
    match source.rate {
        _ if !rendition.video && rendition.copied() => Some(source.sound.samples_per_frame()),
        _ if !rendition.video => Some(sound::BLOCK as i64),
        Some((num, den)) => Some(i64::from(rendition.timescale) * den / num),
        None => None,
    }
}

/// Heads from anywhere have to make what one head makes: the same init, times and counts; of copies every byte.
fn differences(rendition: &Listed, joined: &Whole, uninterrupted: &Whole) -> Vec<String> {
    let mut problems = Vec::new();
    if joined.init != uninterrupted.init {
        problems.push(format!("{}: another init", rendition.kind()));
    }
    if boxes::timescale(&joined.init) != Some(rendition.timescale) {
        problems.push(format!("{}: an init of another timescale", rendition.kind()));
    }
    // All but the sizes, which are the encoder's business.
    let times = |fragments: &[Fragment]| -> Vec<Fragment> {
        let mut fragments = fragments.to_vec();
        fragments.iter_mut().flat_map(|fragment| &mut fragment.samples).for_each(|sample| sample.size = 0);
        fragments
    };
    for n in 0..joined.segments.len() {
        if times(&joined.fragments[n]) != times(&uninterrupted.fragments[n]) {
            problems.push(format!("{} segment {n}: other samples than one head's", rendition.kind()));
        }
        if rendition.copied() && joined.segments[n] != uninterrupted.segments[n] {
            problems.push(format!("{} segment {n}: other bytes than one head's", rendition.kind()));
        }
    }
    problems
}

/// Every frame of the source is shown once, in its place. Returns how many frames decode, how many of those are repeats,
/// and how many the source has.
fn problems_of_picture(
    source: &Source,
    film: &Path,
    rendition: &Listed,
    joined: &Whole,
    problems: &mut Vec<String>,
) -> (usize, usize, usize) {
    let kind = rendition.kind();
    let movie = films::movie(&joined.init, &joined.segments);
    let decoded = films::decoded_frames(movie.path()).len();
    let frames = films::decoded_frames(film);
    let samples: usize = joined.fragments.iter().flatten().map(|fragment| fragment.samples.len()).sum();
    if decoded != samples {
        problems.push(format!("{kind}: {decoded} of {samples} samples decode"));
    }
    let repeats = match source.rate {
        None if !rendition.copied() => repeats(rendition, joined, &frames, problems),
        _ => 0,
    };
    if decoded != frames.len() + repeats {
        let count = frames.len();
        problems.push(format!("{kind}: {decoded} frames decode, {repeats} of them repeats, of {count}"));
    }
    (decoded, repeats, frames.len())
}

/// Of a variable rate: a fragment in whose place nothing changes begins with the picture before, shown again, and one
/// that almost begins with a frame has it pulled onto its start. All other frames keep their times. The number of
/// repeats; a frame that is missing, and one that is neither in the source nor such a repeat, is a problem.
fn repeats(rendition: &Listed, joined: &Whole, frames: &[f64], problems: &mut Vec<String>) -> usize {
    let seconds = |tick: i64| (tick - rendition.cuts[0]) as f64 / f64::from(rendition.timescale) + frames[0];
    let near = |list: &[f64], time: f64, by: f64| -> Option<usize> {
        let at = list.partition_point(|other| *other < time - by);
        list.get(at).is_some_and(|other| *other <= time + by).then_some(at)
    };
    let (mut starts, mut inside) = (Vec::new(), Vec::new());
    for fragment in joined.fragments.iter().flatten() {
        let mut times = fragment.samples.iter().map(|sample| seconds(sample.shown));
        starts.extend(times.next());
        inside.extend(times);
    }
    for time in &inside {
        if near(frames, *time, CLOCK_S).is_none() {
            problems.push(format!("{}: a frame at {time:.3} s that the source has not", rendition.kind()));
        }
    }
    for frame in frames.iter().filter(|frame| near(&inside, **frame, CLOCK_S).is_none()) {
        match near(&starts, *frame, CLOCK_S).or_else(|| near(&starts, *frame, PULLED_S)) {
            Some(at) => drop(starts.remove(at)),
            None => problems.push(format!("{}: no frame at {frame:.3} s", rendition.kind())),
        }
    }
    starts.len()
}

fn problems_of_sound(
    service: &Service,
    film: &Path,
    rendition: &Listed,
    joined: &Whole,
    uninterrupted: &Whole,
) -> Vec<String> {
    let decode = |whole: &Whole| sound::decode(films::movie(&whole.init, &whole.segments).path());
    let (one, complaints) = decode(uninterrupted);
    let (many, more) = decode(joined);
    let mut problems = Vec::new();
    if !complaints.is_empty() || !more.is_empty() {
        problems.push(format!("{}: ffmpeg says {complaints}{more}", rendition.kind()));
    }
    if rendition.copied() {
        if one != many {
            problems.push(format!("{}: the copied sound differs from one head's", rendition.kind()));
        }
        return problems;
    }
    let (source, _) = sound::decode(film);
    let starts = service.starts_logged().into_iter().filter(|head| head.rendition == rendition.id);
    let joins: Vec<usize> =
        starts.map(|head| (rendition.cuts[head.segment] - rendition.cuts[0]) as usize).collect();
    let Some(reference) = Reference::new(source, one) else {
        problems.push(format!("{}: one head's sound is nowhere near the source's", rendition.kind()));
        return problems;
    };
    let (heard, found) = reference.compare(&many, &joins);
    let Heard { joins, identical_joins, greatest_difference, rms, peak, second_difference } = heard;
    println!(
        "{} {}: {joins} joins, {identical_joins} of them bit-identical, the others off by up to \
         {greatest_difference:.4}; of the coding error: RMS {:.2}, peak {:.2}, second difference {:.2}",
        film.display(),
        rendition.kind(),
        rms.ratio,
        peak.ratio,
        second_difference.ratio
    );
    problems.extend(found.into_iter().map(|problem| format!("{}: {problem}", rendition.kind())));
    problems
}
