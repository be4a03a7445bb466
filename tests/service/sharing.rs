//! Many viewers of one film: each sees the same bytes, and together they cost the fewest heads.
//!
//! `SHARING_SECONDS=600` takes a film of ten minutes; without it, two minutes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Barrier;

use crate::boxes;
use crate::films;
use crate::presentation::Listed;
use crate::process::until;
use crate::random::Random;
use crate::server::{self, Started};
use crate::service::{SPARES, Service};

const SHORT_SECONDS: u32 = 120;
const CLIENTS: usize = 30;
/// Segments that each of them reads.
const READS: usize = 25;
/// Viewers at the same place.
const VIEWERS: usize = 10;

fn film() -> PathBuf {
    let seconds = std::env::var("SHARING_SECONDS").ok().map(|text| text.parse().expect("a number"));
    let seconds = seconds.unwrap_or(SHORT_SECONDS);
    films::film(
        &format!("sharing-{seconds}s.mkv"),
        &format!(
            "-f lavfi -i testsrc2=s=320x180:r=24:d={seconds} -f lavfi -i sine=440:r=48000:d={seconds} \
             -c:v libx264 -preset ultrafast -pix_fmt yuv420p -bf 2 -g 48 -c:a ac3 -ac 2"
        ),
    )
}

/// The encoded picture.
fn picture(listed: &[Listed]) -> &Listed {
    listed.iter().find(|rendition| rendition.video && !rendition.copied()).expect("an encoded picture")
}

/// Heads that have been started for a rendition since the service was.
fn started(service: &Service, rendition: &Listed) -> usize {
    service.starts_logged().iter().filter(|head| head.rendition == rendition.id).count()
}

/// Heads of a rendition there are now.
fn heads(service: &Service, rendition: &Listed) -> usize {
    service.heads().iter().filter(|head| head["rendition"] == rendition.id).count()
}

#[test]
fn thirty_clients_at_random_positions_read_what_one_client_reads_afterwards() {
    let service = server::start(&[&film()], &[("ENCODE_LOOK_AHEAD", "6s")]);
    let listed = service.presentation(&service.film());
    let read: Vec<BTreeMap<(usize, usize), Vec<u8>>> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (service, listed) = (&service, &listed);
                scope.spawn(move || zig_zag(service, listed, number as u64))
            })
            .collect();
        clients.into_iter().map(|client| client.join().expect("a client reads to its end")).collect()
    });
    let distinct: BTreeSet<&(usize, usize)> = read.iter().flat_map(BTreeMap::keys).collect();
    println!("{} heads for {} segments", service.heads_started(), distinct.len());
    let mut one = service.client();
    for (index, rendition) in listed.iter().enumerate() {
        for n in 0..rendition.segments() {
            let answer = one.get(&rendition.segment(n)).expect("an answer");
            assert_eq!(answer.status, 200, "{}", answer.text());
            for (number, bytes) in read.iter().enumerate() {
                let same = bytes.get(&(index, n)).is_none_or(|bytes| *bytes == answer.body);
                assert!(same, "client {number} read another segment {n} of {}", rendition.kind());
            }
        }
    }
}

/// A viewer who cannot make up his mind: some segments on, then somewhere else, now and then in another rendition.
fn zig_zag(service: &Service, listed: &[Listed], number: u64) -> BTreeMap<(usize, usize), Vec<u8>> {
    let mut random = Random::new(1000 + number);
    let mut client = service.client();
    let mut read = BTreeMap::new();
    let (mut index, mut n) = (0, 0);
    for at in 0..READS {
        if at % 4 == 0 {
            index = random.below(listed.len());
            n = random.below(listed[index].segments());
        }
        let answer = client.get(&listed[index].segment(n));
        let answer = answer.unwrap_or_else(|error| panic!("client {number}: {error}\n{}", service.log()));
        assert_eq!(answer.status, 200, "client {number}: {}", answer.text());
        let before = read.insert((index, n), answer.body.clone());
        assert!(before.is_none_or(|before| before == answer.body), "client {number}: a segment has changed");
        n = if random.below(3) == 0 { n.saturating_sub(1) } else { n + 1 } % listed[index].segments();
    }
    read
}

#[test]
fn ten_viewers_at_the_same_place_share_one_head() {
    let service = server::start(&[&film()], &[("ENCODE_LOOK_AHEAD", "4s")]);
    let listed = service.presentation(&service.film());
    let picture = picture(&listed);
    let together = Barrier::new(VIEWERS);
    std::thread::scope(|scope| {
        for _ in 0..VIEWERS {
            scope.spawn(|| {
                let mut client = service.client();
                for n in 10..20 {
                    together.wait();
                    let answer = client.get(&picture.segment(n)).expect("an answer");
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    assert_eq!(heads(&service, picture), 1);
                }
            });
        }
    });
    assert_eq!(started(&service, picture), 1, "{:?}", service.starts_logged());
}

#[test]
fn two_viewers_of_two_rungs_share_one_decoder() {
    let film = films::film(
        "rungs-60s.mkv",
        "-f lavfi -i testsrc2=s=640x480:r=12:d=60 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -bf 2 -g 36",
    );
    let settings = [("ENCODE_LOOK_AHEAD", "6s"), ("ENCODE_IDLE_TIMEOUT", "5s")];
    let service = server::start(&[&film], &settings);
    let listed = service.presentation(&service.film());
    let rungs: Vec<&Listed> = listed.iter().filter(|rendition| !rendition.copied()).take(2).collect();
    assert_eq!(rungs.len(), 2, "{listed:?}");
    let watch = |rung: &Listed, n: usize| {
        let answer = service.answer(&rung.segment(n));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.body
    };
    let mut seen = [Vec::new(), Vec::new()];
    let mut united = None;
    for n in 0..rungs[0].segments() {
        for (rung, seen) in rungs.iter().zip(&mut seen) {
            seen.push(watch(rung, n));
        }
        // As fast as the heads, the viewers would never be seen to stay behind them.
        let rest = || service.heads().iter().all(|head| head["state"] == "paused").then_some(());
        until(rest).expect("the heads come to their goals");
        united = united.or_else(|| service.starts_logged().into_iter().find(|head| head.joins));
        if united.is_some() {
            let workers = service.usage().workers;
            assert!(workers <= SPARES + 2, "{workers} processes, {:?}", service.heads());
        }
    }
    let united = united.expect("they share");
    let first = united.segment;
    assert!(first + 4 < rungs[0].segments(), "too late to see anything of it: {united:?}");
    let at = rungs.iter().position(|rung| rung.id == united.rendition).expect("one of the two");
    let of_its_own = service.starts_logged().iter().filter(|head| !head.joins).count();
    assert_eq!(of_its_own, 2, "{:?}", service.starts_logged());

    let alone = server::start(&[&film], &[]);
    let listed_alone = alone.presentation(&alone.film());
    let rung = listed_alone.iter().find(|rendition| rendition.id == united.rendition).expect("the same");
    let init = alone.answer(&rung.init()).body;
    assert_eq!(service.answer(&rungs[at].init()).body, init);
    let (mut shared, mut own) = (init.clone(), init);
    for (n, segment) in seen[at].iter().enumerate() {
        let made = alone.answer(&rung.segment(n)).body;
        assert_eq!(times(segment), times(&made), "segment {n}, joined at {first}");
        shared.extend_from_slice(segment);
        own.extend_from_slice(&made);
    }
    let (worst, pictures) = likeness(&shared, &own);
    assert_eq!(pictures, 60 * 12);
    assert!(worst > 30.0, "other pictures: {worst} dB");
}

/// When the samples of a segment are decoded and shown.
fn times(segment: &[u8]) -> Vec<(i64, i64, i64, bool)> {
    let fragments = boxes::fragments(segment).expect("a segment");
    let samples = fragments.into_iter().flat_map(|fragment| fragment.samples);
    samples.map(|sample| (sample.decoded, sample.duration, sample.shown, sample.sync)).collect()
}

/// How alike two films are, picture by picture: the worst PSNR in dB, and how many there are.
fn likeness(one: &[u8], other: &[u8]) -> (f64, usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let [first, second, report] = ["one.mp4", "other.mp4", "psnr.txt"].map(|name| folder.path().join(name));
    std::fs::write(&first, one).expect("written");
    std::fs::write(&second, other).expect("written");
    let status = std::process::Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(&first)
        .arg("-i")
        .arg(&second)
        .args(["-lavfi", &format!("psnr=stats_file={}", report.display()), "-f", "null", "-"])
        .status();
    assert!(status.expect("ffmpeg runs").success());
    let report = std::fs::read_to_string(&report).expect("a report");
    let values = report.lines().filter_map(|line| {
        let value = line.split("psnr_avg:").nth(1)?.split(' ').next()?;
        Some(value.parse().unwrap_or(f64::INFINITY))
    });
    let values: Vec<f64> = values.collect();
    (values.iter().copied().fold(f64::INFINITY, f64::min), values.len())
}

#[test]
fn two_far_viewers_have_a_head_each_until_they_leave() {
    let settings = [("ENCODE_LOOK_AHEAD", "4s"), ("ENCODE_IDLE_TIMEOUT", "5s")];
    let service = server::start(&[&film()], &settings);
    let listed = service.presentation(&service.film());
    let picture = picture(&listed);
    let middle = picture.segments() / 2;
    let mut client = service.client();
    let mut watch = |n: usize| assert_eq!(client.get(&picture.segment(n)).expect("an answer").status, 200);
    // Both go on until both heads are seen at once.
    let both = (3..middle - 10).find(|near| {
        watch(*near);
        watch(near + middle);
        heads(&service, picture) == 2
    });
    let near = both.expect("a head for each");
    let started_for_both = started(&service, picture);
    let one = until(|| {
        watch(near);
        (heads(&service, picture) == 1).then_some(())
    });
    one.expect("the head of the viewer who left ends");
    let left = service.heads();
    assert!(left[0]["segment"].as_u64().is_some_and(|at| at < middle as u64), "{left:?}");
    until(|| service.heads().is_empty().then_some(())).expect("the last head ends");
    assert_eq!(started(&service, picture), started_for_both, "nobody asked for more");
}

#[test]
fn a_restart_keeps_what_is_made_and_a_second_pass_starts_no_head() {
    let mut service = server::start(&[&film()], &[("ENCODE_LOOK_AHEAD", "4s")]);
    let film = service.film();
    let listed = service.presentation(&film);
    let mut random = Random::new(5);
    let mut read = BTreeMap::new();
    for _ in 0..listed.len() * 12 {
        let index = random.below(listed.len());
        let n = random.below(listed[index].segments());
        read.insert((index, n), service.answer(&listed[index].segment(n)).body);
    }
    let store = service.folder().join("cache/segments").join(&film);
    let kept = |(index, n): &(usize, usize)| store.join(&listed[*index].id).join(format!("{n}.m4s")).exists();
    until(|| read.keys().all(kept).then_some(())).expect("all that was read is stored");
    // It dies while somebody waits for a segment.
    let waiting =
        listed.iter().position(|rendition| rendition.video && !rendition.copied()).expect("encoded");
    let missing = (0..listed[waiting].segments()).find(|n| !kept(&(waiting, *n))).expect("one is not made");
    service.client().abandon(&listed[waiting].segment(missing), 1).expect("it begins");
    service.kill_and_start();
    let again = service.presentation(&film);
    for ((index, n), bytes) in &read {
        assert_eq!(again[*index].id, listed[*index].id);
        let answer = service.answer(&again[*index].segment(*n));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.body == *bytes, "segment {n} of {} has changed", again[*index].kind());
    }
    let needed: Vec<Started> = service.starts_logged().into_iter().filter(|head| !head.ahead).collect();
    assert_eq!(needed, [], "what is stored needs no head");
    let whole_film = |service: &Service| {
        for rendition in &again {
            for n in 0..rendition.segments() {
                assert_eq!(service.answer(&rendition.segment(n)).status, 200);
            }
        }
    };
    whole_film(&service);
    let heads = service.heads_started();
    whole_film(&service);
    assert_eq!(service.heads_started(), heads, "the second pass");
}
