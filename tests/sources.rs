//! Sources that only the server can read: jobs make the same of them as of a descriptor, and what goes wrong with them
//! is said in bounded time. Through real worker processes.

#[allow(dead_code, reason = "each crate of tests uses a part of it")]
mod support;

use std::future::pending;
use std::io::{Error, Result};
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use millrace::encoder::head::{HeadEvent, HeadId, HeadTask, Order, Stall, drive};
use millrace::encoder::spec::Stretch;
use millrace::library::BoxFuture;
use millrace::rendition::Rendition;
use millrace::timeline::SegmentIndex;
use millrace::worker::protocol::{FailureKind, HeadWork, Report, Request};
use millrace::worker::source::{MAX_READ_BYTES, MAX_READS, READ_DEADLINE};
use millrace::worker::{Launch, ReadRemote, Source, Worker, WorkerError, WorkerPool, WorkerProber};
use support::{Film, POOL, RUNTIME, film, head_spec};
use tokio::sync::{Semaphore, mpsc, watch};

/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a source does with a read.
enum Manner {
    Right,
    Fails,
    /// One byte less than was asked for.
    Short,
    Never,
    /// Answers as many reads as there are permits.
    Held(Semaphore),
}

/// A film in memory that keeps a record of its reads.
struct Memory {
    bytes: Bytes,
    manner: Manner,
    /// Reads that start here are done in that manner, others right.
    range: Range<u64>,
    asked: Mutex<Vec<(u64, u32)>>,
    running: AtomicU64,
    most_running: AtomicU64,
}

impl Memory {
    fn new(film: &Film, manner: Manner, range: Range<u64>) -> Arc<Self> {
        let bytes = std::fs::read(&film.path).expect("the film").into();
        let (running, most_running) = (AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Self { bytes, manner, range, asked: Mutex::default(), running, most_running })
    }
}

impl ReadRemote for Memory {
    fn length(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, length: u32) -> BoxFuture<'_, Result<Bytes>> {
        self.asked.lock().expect("no test panics here").push((offset, length));
        let running = self.running.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_running.fetch_max(running, Ordering::Relaxed);
        let at = offset as usize;
        let bytes = self.bytes.slice(at..at + length as usize);
        Box::pin(async move {
            tokio::task::yield_now().await;
            let outcome = match &self.manner {
                _ if !self.range.contains(&offset) => Ok(bytes),
                Manner::Right => Ok(bytes),
                Manner::Fails => Err(Error::other("the store is on fire")),
                Manner::Short => Ok(bytes.slice(1..)),
                Manner::Never => pending().await,
                Manner::Held(permits) => {
                    permits.acquire().await.expect("open").forget();
                    Ok(bytes)
                }
            };
            self.running.fetch_sub(1, Ordering::Relaxed);
            outcome
        })
    }
}

fn sample(name: &'static str) -> Arc<Film> {
    film(
        name,
        "-f lavfi -i testsrc2=s=640x360:d=12:r=25 -f lavfi -i sine=440:r=48000:d=12 -c:v libx264 -preset ultrafast \
         -b:v 3M -g 50 -pix_fmt yuv420p -c:a aac -ac 2",
    )
}

fn head(film: &Film, rendition: &Rendition, start: u32, until: u32) -> Request {
    let stretch = Stretch { start: SegmentIndex(start), first_part: 0, until: SegmentIndex(until) };
    let mut spec = head_spec(film, rendition, 0, stretch);
    if let HeadWork::EncodeVideo(work) = &mut spec.work {
        // With several threads it makes other bytes every time.
        work.encode = work.encode.replace("x264enc", "x264enc threads=1");
    }
    Request::Head(Box::new(spec))
}

async fn next(worker: &mut Worker) -> std::result::Result<Report, WorkerError> {
    tokio::time::timeout(PATIENCE, worker.next()).await.expect("it hangs")
}

/// Everything that a job reports, to its end.
async fn reports(request: &Request, source: &Source) -> std::result::Result<Vec<Report>, WorkerError> {
    let mut worker = POOL.take().await?;
    worker.send(request, Some(source)).await?;
    let mut reports = Vec::new();
    loop {
        let report = next(&mut worker).await?;
        let report = without_chance(report);
        let last = matches!(report, Report::End { .. } | Report::Probed { .. } | Report::Failed(_));
        reports.push(report);
        if last {
            return Ok(reports);
        }
    }
}

/// How many packets a probe has seen when it has seen enough is chance, and so is what it measures on them.
fn without_chance(mut report: Report) -> Report {
    if let Report::Probed { info, .. } = &mut report {
        for track in &mut info.audio {
            (track.bitrate, track.frame_phase_ns) = (0, 0);
        }
    }
    report
}

/// Makes the same of the film in memory as of its descriptor, and asks within reason.
fn the_same_of_both(film: &Film, request: &Request) {
    let memory = Memory::new(film, Manner::Right, 0..0);
    let source = Source::Remote(memory.clone());
    let of_memory = RUNTIME.block_on(reports(request, &source)).expect("reports");
    let of_file = RUNTIME.block_on(reports(request, &film.file)).expect("reports");
    assert!(!matches!(of_file.last(), Some(Report::Failed(_))), "{:?}", of_file.last());
    assert_eq!(of_memory.len(), of_file.len(), "{:?}", of_memory.last());
    for (remote, local) in of_memory.iter().zip(&of_file) {
        let (remote, local) = (format!("{remote:?}"), format!("{local:?}"));
        let differs = remote.bytes().zip(local.bytes()).position(|(a, b)| a != b);
        let at = differs.unwrap_or_default();
        assert!(remote == local, "at {at} of {:.120}: {:?}", remote, remote.get(at..at + 40));
    }
    let asked = memory.asked.lock().expect("no test panics here").clone();
    assert!(!asked.is_empty());
    assert!(asked.iter().all(|(_, length)| *length <= MAX_READ_BYTES), "{asked:?}");
    assert!(memory.most_running.load(Ordering::Relaxed) <= MAX_READS as u64);
    let total: u64 = asked.iter().map(|(_, length)| u64::from(*length)).sum();
    // Beginning and end are looked at, then all of it is read, some of it once more after a seek.
    assert!(total <= 4 * memory.length() + (8 << 20), "{total} bytes of {}: {asked:?}", memory.length());
}

#[test]
fn a_probe_finds_the_same_in_a_remote_source() {
    for name in ["remote.mkv", "remote.mp4", "remote.ts"] {
        the_same_of_both(&sample(name), &Request::Probe);
    }
}

#[test]
fn heads_make_the_same_bytes_of_a_remote_source() {
    for name in ["remote.mkv", "remote.mp4", "remote.ts"] {
        let film = sample(name);
        for rendition in film.plan.renditions() {
            let count = rendition.cuts.segment_count();
            for start in [0, count / 2] {
                the_same_of_both(&film, &head(&film, rendition, start, count));
            }
        }
        let kinds: Vec<bool> = film.plan.renditions().map(|rendition| rendition.copied).collect();
        assert!(kinds.contains(&true) && kinds.contains(&false), "copies and encodes");
    }
}

#[test]
fn reading_on_asks_for_longer_pieces() {
    let film = sample("remote.mp4");
    let memory = Memory::new(&film, Manner::Right, 0..0);
    let copy = film.plan.renditions().find(|rendition| rendition.copied).expect("a copy");
    let request = head(&film, copy, 0, copy.cuts.segment_count());
    RUNTIME.block_on(reports(&request, &Source::Remote(memory.clone()))).expect("reports");
    let asked = memory.asked.lock().expect("no test panics here").clone();
    assert!(asked.iter().any(|(_, length)| *length == MAX_READ_BYTES), "{asked:?}");
    assert!(asked.len() < 24, "{asked:?}");
}

#[test]
fn the_prober_and_the_heads_of_the_encoder_take_a_remote_source() {
    let film = sample("remote.mkv");
    let source = Source::Remote(Memory::new(&film, Manner::Right, 0..0));
    let copy = film.plan.renditions().find(|rendition| rendition.copied).expect("a copy");
    let until = copy.cuts.segment_count();
    RUNTIME.block_on(async {
        let (info, index) = WorkerProber::new(POOL.clone()).probe_source(&source).await.expect("probed");
        assert_eq!(info.duration_ns, film.info.duration_ns);
        assert!(!index.keyframes.is_empty());
        let Request::Head(spec) = head(&film, copy, 0, until) else {
            panic!("a head is asked for");
        };
        let (_order, orders) = watch::channel(Order { until, urgent: true });
        let (_nobody, starting) = watch::channel(0);
        let (events, mut happened) = mpsc::channel(4);
        let permit = Arc::new(Semaphore::new(1)).acquire_owned().await.expect("room");
        let (_joins, joining) = mpsc::channel(1);
        tokio::spawn(drive(HeadTask {
            head: HeadId(1),
            pool: POOL.clone(),
            spec: *spec,
            source,
            orders,
            events,
            starting,
            hush: None,
            stall: Stall::default(),
            joins: None,
            joining,
            permit,
        }));
        let mut whole = 0;
        loop {
            match tokio::time::timeout(PATIENCE, happened.recv()).await.expect("it hangs") {
                Some((_, HeadEvent::Fragment(fragment, _))) => whole += u32::from(fragment.last),
                Some((_, HeadEvent::Report(Report::Entry { .. }))) => {}
                Some((_, HeadEvent::Report(Report::End { early: false }))) => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(whole, until);
    });
}

fn failure(film: &Film, request: &Request, manner: Manner, from: u64) -> millrace::worker::protocol::Failure {
    let launch = Launch {
        read_deadline: Duration::from_millis(500),
        ..Launch::new(env!("CARGO_BIN_EXE_millrace").into(), None)
    };
    let pool = WorkerPool::with_launch(launch).expect("a pool");
    let source = Source::Remote(Memory::new(film, manner, from..u64::MAX));
    RUNTIME.block_on(async {
        let mut worker = pool.take().await.expect("a worker");
        worker.send(request, Some(&source)).await.expect("sent");
        loop {
            match next(&mut worker).await.expect("it lives") {
                Report::Failed(failure) => return failure,
                Report::Fragment(_) | Report::Entry { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    })
}

#[test]
fn a_read_that_fails_falls_short_or_never_ends_is_a_failure_of_the_source() {
    assert!(READ_DEADLINE < Duration::from_secs(10), "before the head is taken for hanging");
    let film = sample("remote.mkv");
    let copy = film.plan.renditions().find(|rendition| rendition.copied).expect("a copy");
    let encoded = film.plan.renditions().find(|rendition| !rendition.copied).expect("a rung");
    let middle = std::fs::metadata(&film.path).expect("the film").len() / 2;
    let heads = [copy, encoded].map(|rendition| head(&film, rendition, 0, rendition.cuts.segment_count()));
    for (request, from) in [(&Request::Probe, 0), (&heads[0], 0), (&heads[0], middle), (&heads[1], middle)] {
        for (manner, said) in [
            (Manner::Fails, "the store is on fire"),
            (Manner::Short, "bytes instead of"),
            (Manner::Never, "no answer within"),
        ] {
            let failure = failure(&film, request, manner, from);
            assert_eq!(failure.kind, FailureKind::Source, "{failure}");
            assert!(failure.message.contains(said), "{failure}");
        }
    }
}

#[test]
fn a_slow_read_holds_up_neither_goals_nor_what_was_made_before_it() {
    let film = sample("remote.mkv");
    let copy = film.plan.renditions().find(|rendition| rendition.copied).expect("a copy");
    let length = std::fs::metadata(&film.path).expect("the film").len();
    // The index lies at the end.
    let middle = length / 2..length - length / 8;
    let memory = Memory::new(&film, Manner::Held(Semaphore::new(0)), middle);
    let source = Source::Remote(memory.clone());
    let until = SegmentIndex(copy.cuts.segment_count());
    RUNTIME.block_on(async {
        let mut worker = POOL.take().await.expect("a worker");
        worker.send(&head(&film, copy, 0, 1), Some(&source)).await.expect("sent");
        let first = next(&mut worker).await;
        assert!(matches!(first, Ok(Report::Fragment(_) | Report::Entry { .. })), "{first:?}");
        // More goals than a socket holds, while reads are held.
        for _ in 0..20_000 {
            worker.send(&Request::Goal { until }, None).await.expect("taken");
        }
        if let Manner::Held(permits) = &memory.manner {
            permits.add_permits(1000);
        }
        let mut end = None;
        while end.is_none() {
            match next(&mut worker).await.expect("a report") {
                Report::End { early } => end = Some(early),
                Report::Failed(failure) => panic!("{failure}"),
                _ => {}
            }
        }
        assert_eq!(end, Some(false));
    });
}

#[test]
fn a_goal_that_follows_its_head_at_once_is_not_lost() {
    let film = sample("remote.mkv");
    let copy = film.plan.renditions().find(|rendition| rendition.copied).expect("a copy");
    let until = copy.cuts.segment_count();
    let source = Source::Remote(Memory::new(&film, Manner::Right, 0..u64::MAX));
    RUNTIME.block_on(async {
        for _ in 0..10 {
            let mut worker = POOL.take().await.expect("a worker");
            worker.send(&head(&film, copy, 0, 1), Some(&source)).await.expect("sent");
            worker.send(&Request::Goal { until: SegmentIndex(until) }, None).await.expect("sent");
            loop {
                match next(&mut worker).await.expect("it goes on") {
                    Report::End { early } => break assert!(!early),
                    Report::Failed(failure) => panic!("{failure}"),
                    _ => {}
                }
            }
        }
    });
}

/// A worker that says it is ready, and when it is asked for something asks for these bytes.
fn a_worker_that_asks(offset: u64, length: u32) -> WorkerError {
    let film = sample("remote.mkv");
    let folder = tempfile::tempdir().expect("a folder");
    let frame = |json: String| {
        let length = u32::try_from(json.len() + 1).expect("short").to_le_bytes();
        let bytes = length.into_iter().chain([0]).chain(json.into_bytes());
        bytes.map(|byte| format!("\\{byte:03o}")).collect::<String>()
    };
    let ready = r#"{"ready":{"sandbox":{"landlock_abi":null,"seccomp":false,"no_new_privileges":false,"missing":[]}}}"#;
    let ask = format!(r#"{{"read":{{"id":1,"offset":{offset},"length":{length}}}}}"#);
    let script = format!(
        "#!/bin/sh\nprintf '{}' >&0\nhead -c 1 > /dev/null\nprintf '{}' >&0\ncat > /dev/null\n",
        frame(ready.into()),
        frame(ask)
    );
    let program = folder.path().join("worker");
    std::fs::write(&program, script).expect("written");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let pool = WorkerPool::with_program(program, None).expect("a pool");
    let source = Source::Remote(Memory::new(&film, Manner::Right, 0..0));
    let asked = RUNTIME.block_on(async { pool.ask(&Request::Probe, Some(&source)).await });
    pool.close();
    asked.expect_err("refused")
}

#[test]
fn a_worker_that_asks_beyond_the_end_or_beyond_reason_is_refused() {
    let length = std::fs::metadata(&sample("remote.mkv").path).expect("the film").len();
    for (offset, count) in [(length, 1), (length - 1, 2), (u64::MAX, 1), (0, 0), (0, MAX_READ_BYTES + 1)] {
        let refused = a_worker_that_asks(offset, count);
        assert!(matches!(&refused, WorkerError::Protocol(why) if why.contains("asks for")), "{refused}");
    }
}
