//! The profiles for hardware, through real workers with stand-ins for the elements: every text parses that should, every
//! way from a film to segments makes them as promised, and what goes wrong is seen and told.

#[allow(dead_code, reason = "each crate of tests uses a part of it")]
#[path = "support/process.rs"]
mod process;
#[allow(dead_code, reason = "each crate of tests uses a part of it")]
#[path = "support/stand_ins.rs"]
mod stand_ins;
#[allow(dead_code, reason = "each crate of tests uses a part of it")]
mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use millrace::encoder::spec::{self, Stretch, Way};
use millrace::pipeline::{self, OnDevice, ProfileSet, Resolved, VideoGraph, profile};
use millrace::rendition::{Rendition, RenditionMedia};
use millrace::timeline::SegmentIndex;
use millrace::worker::protocol::{Failure, FailureKind, HeadSpec, Report, Request, Trial};
use millrace::worker::{Death, Worker, WorkerError, WorkerPool};
use process::{alive, until};
use stand_ins::orders::{Api, Fault, Orders};
use stand_ins::{Family, StandIns};
use support::{Film, Made, Pictures, RUNTIME, film, folder, made, psnr, samples};

/// The profiles that need hardware.
const HARDWARE: [&str; 4] = ["nvidia", "vaapi", "quicksync", "v4l2"];
/// How elements of hardware begin.
const PREFIXES: [&str; 5] = ["nv", "cuda", "va", "qsv", "v4l2"];
/// Those of other versions and boxes than stand-ins are of.
const ELSEWHERE: [&str; 3] = ["nvvp8sldec", "v4l2slh265dec", "v4l2h265dec"];

/// A box that has hardware of all families.
struct Machine {
    pool: WorkerPool,
    profiles: Vec<Resolved>,
    stand_ins: StandIns,
}

/// For tests that break nothing.
static NEW: LazyLock<Machine> = LazyLock::new(|| Machine::new(Api::V1_26));
static OLD: LazyLock<Machine> = LazyLock::new(|| Machine::new(Api::V1_22));

impl Machine {
    fn new(api: Api) -> Self {
        let stand_ins = StandIns::new(folder(), &Family::ALL, &Orders { api, ..Orders::default() });
        let pool = stand_ins.pool();
        let profiles = tried(&pool).profiles;
        Self { pool, profiles, stand_ins }
    }

    fn profile(&self, name: &str) -> &Resolved {
        named(&self.profiles, name)
    }

    /// A head by the first way of a profile.
    fn job(&self, profile: &str) -> Job<'_> {
        let film = source("h264.mp4");
        let spec = ways(&film, &rendition(&film, "h264"), self.profile(profile), 0).swap_remove(0);
        Job { pool: &self.pool, film, spec }
    }
}

/// What became of the shipped profiles.
struct Tried {
    problems: BTreeMap<String, Option<String>>,
    profiles: Vec<Resolved>,
    reasons: BTreeMap<String, String>,
}

impl Tried {
    fn profile(&self, name: &str) -> &Resolved {
        named(&self.profiles, name)
    }

    fn device(&self, name: &str) -> &OnDevice {
        self.profile(name).device.as_ref().expect("a device")
    }
}

fn named<'p>(profiles: &'p [Resolved], name: &str) -> &'p Resolved {
    profiles.iter().find(|profile| profile.name == name).unwrap_or_else(|| panic!("{name} does not work"))
}

/// Has a worker parse all texts of all shipped profiles.
fn tried(pool: &WorkerPool) -> Tried {
    let set = ProfileSet::load(&[]).expect("the shipped profiles are sound");
    let texts = set.trial_texts();
    let answer = RUNTIME.block_on(pool.ask(&Request::Parse { texts: texts.clone() }, None));
    let Ok(Report::Parsed { problems }) = answer else { panic!("{answer:?}") };
    let problems: BTreeMap<String, Option<String>> = texts.into_iter().zip(problems).collect();
    let (profiles, reasons) = set.resolve(&problems.clone().into_iter().collect());
    Tried { problems, profiles, reasons }
}

fn tried_with(families: &[Family], api: Api, missing: &[&str]) -> Tried {
    let missing = missing.iter().map(|&name| name.to_owned()).collect();
    tried(&StandIns::new(folder(), families, &Orders { api, missing, ..Orders::default() }).pool())
}

#[test]
fn every_text_of_the_shipped_profiles_parses_where_the_hardware_has_everything() {
    let tried = tried_with(&Family::ALL, Api::V1_26, &[]);
    let of_hardware = |text: &str| text.split(' ').any(|word| PREFIXES.iter().any(|it| word.starts_with(it)));
    for (text, problem) in tried.problems.iter().filter(|(text, _)| of_hardware(text)) {
        let elsewhere = ELSEWHERE.iter().any(|element| text.contains(element));
        assert_eq!(problem.is_some(), elsewhere, "{text}: {problem:?}");
    }
    for name in HARDWARE {
        assert!(tried.profile(name).hardware, "{name}");
    }
    assert!(tried.reasons.is_empty(), "{:?}", tried.reasons);
    let codecs = |name: &str| -> Vec<&str> {
        tried.profile(name).encode.keys().map(String::as_str).collect::<Vec<_>>()
    };
    assert_eq!(codecs("nvidia"), ["av1", "h264", "h265"]);
    assert_eq!(codecs("vaapi"), ["av1", "h264", "h265"]);
    assert_eq!(codecs("quicksync"), ["h264", "h265"]);
    assert_eq!(codecs("v4l2"), ["h264"]);
    assert!(tried.profile("nvidia").encode["h264"].text.contains("tune=ultra-low-latency"));
    assert_eq!(tried.device("nvidia").decode["vp8"], "nvvp8dec");
}

#[test]
fn the_texts_for_gstreamer_1_22_are_taken_there() {
    let tried = tried_with(&Family::ALL, Api::V1_22, &[]);
    let codecs = |name: &str| tried.profile(name).encode.keys().cloned().collect::<Vec<_>>();
    assert_eq!(codecs("nvidia"), ["h264", "h265"]);
    assert_eq!(codecs("vaapi"), ["h264", "h265"]);
    for codec in ["h264", "h265"] {
        let text = &tried.profile("nvidia").encode[codec].text;
        assert!(text.contains("preset=low-latency-hq") && !text.contains("tune"), "{text}");
    }
    assert_eq!(tried.device("nvidia").decode["vp8"], "nvvp8sldec");
    let problem = tried.problems.iter().find(|(text, _)| text.contains("nvh264enc preset=p4"));
    let problem = problem.and_then(|(_, problem)| problem.as_deref()).expect("it does not parse");
    assert!(problem.contains("\"preset\"") && problem.contains("p4"), "{problem}");
}

#[test]
fn hardware_that_lacks_something_does_the_rest() {
    let missing = ["cudaconvertscale", "vapostproc.hdr-tone-mapping", "vah264enc", "vah265enc", "nvav1enc"];
    let tried = tried_with(&Family::ALL, Api::V1_26, &missing);
    let nvidia = tried.device("nvidia");
    assert_eq!((&nvidia.scale, &nvidia.scale_hdr), (&None, &None));
    assert!(!tried.profile("nvidia").encode.contains_key("av1"));
    let va = tried.device("vaapi");
    assert!(va.tone_map.is_none() && va.scale.is_some() && va.rotate.is_some(), "{va:?}");
    for (codec, element) in [("h264", "vah264lpenc "), ("h265", "vah265lpenc ")] {
        let text = &tried.profile("vaapi").encode[codec].text;
        assert!(text.starts_with(element), "{text}");
    }
}

#[test]
fn a_profile_whose_hardware_is_not_there_is_left_out_with_the_reason() {
    let tried = tried_with(&[Family::Nvidia, Family::QuickSync], Api::V1_26, &["qsvh264enc", "qsvh265enc"]);
    let working: Vec<&str> = tried.profiles.iter().map(|profile| profile.name.as_str()).collect();
    assert_eq!(working, ["nvidia", "audio", "software", "audio-libav", "openh264"]);
    for (profile, element) in [("vaapi", "vaav1enc"), ("quicksync", "qsvh264enc"), ("v4l2", "v4l2convert")] {
        let reason = &tried.reasons[profile];
        assert_eq!(reason, &format!("no element \"{element}\""), "{profile}");
    }
}

/// Six seconds each: some segments.
fn source(name: &'static str) -> Arc<Film> {
    const PICTURE: &str = "-f lavfi -i testsrc2=s=320x180:r=25:d=6";
    const X264: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 50";
    let ten_bits = |transfer: &str| {
        format!(
            "{PICTURE} -pix_fmt yuv420p10le -c:v libx265 -preset ultrafast -x265-params \
             keyint=50:log-level=error:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc"
        )
    };
    let arguments = match name {
        "h264.mp4" => format!("{PICTURE} {X264} -bf 2"),
        "turned.mp4" => {
            source("h264.mp4");
            "-i h264.mp4 -c copy -metadata:s:v rotate=90".into()
        }
        "pq.mkv" => ten_bits("smpte2084"),
        "hlg.mkv" => ten_bits("arib-std-b67"),
        "gamut.mkv" => ten_bits("bt2020-10"),
        "full.mp4" => format!("{PICTURE},scale=out_range=pc {X264} -color_range pc"),
        "interlaced.ts" => {
            format!("{PICTURE} -c:v mpeg2video -flags +ilme+ildct -g 12 -bf 2 -b:v 2M")
        }
        "wide.mkv" => {
            format!("-f lavfi -i testsrc2=s=360x288:r=25:d=6 -vf setsar=16/11 {X264}")
        }
        "vp8.webm" => format!("{PICTURE} -c:v libvpx -deadline realtime -cpu-used 8 -g 50"),
        "vp9.webm" => format!("{PICTURE} -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 50"),
        "av1.mkv" => format!("{PICTURE} -c:v libaom-av1 -usage realtime -cpu-used 8 -g 50"),
        other => panic!("no source {other}"),
    };
    film(name, &arguments)
}

/// The film's first encoded rendition in this codec.
fn rendition(film: &Film, codec: &str) -> Rendition {
    let found = film.plan.video.iter().find(|rendition| !rendition.copied).expect("an encoded one");
    let mut rendition = (**found).clone();
    if let RenditionMedia::Video(form) = &mut rendition.media {
        form.codec = codec.into();
    }
    rendition
}

/// How a profile makes it from segment `start` on, way by way: as it is, and with frames that can be drawn on.
fn ways(film: &Film, rendition: &Rendition, profile: &Resolved, start: u32) -> Vec<HeadSpec> {
    let stretch = Stretch { start: SegmentIndex(start), ..Stretch::whole(rendition) };
    let form = rendition.video().expect("video");
    let mut all: Vec<VideoGraph> = Vec::new();
    for to_draw_on in [false, true] {
        let profiles = std::slice::from_ref(profile);
        let graphs = pipeline::video_graphs(profiles, &film.info.video[0], form, to_draw_on);
        // The processor's frames can be drawn on anyway.
        let others: Vec<VideoGraph> = graphs.into_iter().filter(|graph| !all.contains(graph)).collect();
        all.extend(others);
    }
    assert!(!all.is_empty(), "{} cannot make it", profile.name);
    let spec = |graph| spec::head_spec(&film.info, rendition, &Way::Video(graph), stretch);
    all.into_iter().map(|graph| spec(graph).expect("it is a way to make it")).collect()
}

/// What is wrong with what a head made of a film with these pictures; nothing where it is as promised.
fn faults(
    film: &Film,
    source: &Pictures,
    rendition: &Rendition,
    spec: &HeadSpec,
    made: &Made,
) -> Vec<String> {
    let mut faults = Vec::new();
    let cuts = &rendition.cuts;
    let mut at = cuts.range(spec.start).expect("a segment").start;
    for fragment in &made.fragments {
        let place = format!("segment {} part {}", fragment.segment.0, fragment.part);
        let range = cuts.range(fragment.segment).expect("a segment");
        if fragment.start != at || samples(fragment).0 != at {
            faults.push(format!("{place} starts at {}, not {at}", fragment.start));
        }
        if fragment.part == 0 && (fragment.start != range.start || !fragment.independent) {
            faults.push(format!("{place} is no keyframe at {}", range.start));
        }
        at += fragment.duration;
        if fragment.last != (at == range.end) {
            faults.push(format!("{place} ends at {at} of {}", range.end));
        }
    }
    if made.early || at != cuts.end() {
        faults.push(format!("ends at {at} of {}", cuts.end()));
    }
    let shown = Pictures::of(made.movie(&made.fragments).path());
    let count: usize = made.fragments.iter().map(|fragment| samples(fragment).1.len()).sum();
    if shown.count() != count || !shown.complaints.is_empty() {
        faults.push(format!("{} pictures of {count}: {}", shown.count(), shown.complaints));
    }
    let (track, form) = (&film.info.video[0], rendition.video().expect("video"));
    let begin = cuts.range(spec.start).expect("a segment").start - cuts.start();
    let before = (begin / form.frame_rate.frame_ticks()) as usize;
    // Tones are mapped on purpose.
    let comparable = if track.colour.hdr.is_none() { count } else { 0 };
    for n in (0..comparable).step_by(29) {
        let expected = before + n;
        let near = (expected.saturating_sub(2)..expected + 3)
            .filter_map(|m| Some((m, psnr(shown.picture(n)?, source.picture(m)?))));
        let best = near.max_by(|a, b| a.1.total_cmp(&b.1));
        // A device that makes a picture of each field may show the later one of the picture before.
        let early = usize::from(track.interlaced).min(expected);
        if !best.is_some_and(|(m, alike)| (expected - early..=expected).contains(&m) && alike > 20.0) {
            faults.push(format!("picture {n} is most like {best:?} of the source, not {expected}"));
        }
    }
    faults
}

fn pictures(film: &Film) -> Pictures {
    Pictures::with(&film.path, "-fps_mode passthrough")
}

/// Every way of every profile for hardware to make a film in these codecs, from the beginnings of these segments.
fn every_way(machine: &Machine, film: &Film, codecs: &[&str], starts: &[u32]) {
    let source = pictures(film);
    let mut problems = Vec::new();
    for profile in HARDWARE.map(|name| machine.profile(name)) {
        for codec in codecs.iter().filter(|&&codec| profile.encode.contains_key(codec)) {
            let rendition = rendition(film, codec);
            for &start in starts {
                for (way, spec) in ways(film, &rendition, profile, start).into_iter().enumerate() {
                    let place = format!("{} {codec} from {start}, way {way}", profile.name);
                    match RUNTIME.block_on(made(&machine.pool, film, &rendition, spec.clone())) {
                        Ok(made) => problems.extend(
                            faults(film, &source, &rendition, &spec, &made)
                                .iter()
                                .map(|it| format!("{place}: {it}")),
                        ),
                        Err(error) => problems.push(format!("{place}: {error}\n    {:?}", spec.work)),
                    }
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}:\n  {}", film.path.display(), problems.join("\n  "));
}

#[test]
fn every_codec_that_hardware_encodes_comes_out_in_segments_as_promised() {
    every_way(&NEW, &source("h264.mp4"), &["h264", "h265"], &[0, 1]);
}

#[test]
fn every_encoder_of_hardware_encodes_a_test_picture() {
    for profile in HARDWARE.map(|name| NEW.profile(name)) {
        for (codec, encoding) in &profile.encode {
            let values = [("kbps", "500"), ("bps", "500000"), ("level", "3")];
            let values = values.map(|(name, value)| (name, value.to_owned()));
            let encode = profile::fill(&encoding.text, &values);
            let trial = Trial { encode, width: 320, height: 180 };
            let report = RUNTIME.block_on(NEW.pool.ask(&Request::Try { trial }, None));
            assert!(matches!(report, Ok(Report::Tried { .. })), "{} {codec}: {report:?}", profile.name);
        }
    }
}

#[test]
fn gstreamer_1_22_makes_segments_as_promised_where_it_hears_of_keyframes() {
    let film = source("h264.mp4");
    let (rendition, source) = (rendition(&film, "h264"), pictures(&film));
    for name in ["nvidia", "vaapi", "quicksync"] {
        for spec in ways(&film, &rendition, OLD.profile(name), 0) {
            let made = RUNTIME.block_on(made(&OLD.pool, &film, &rendition, spec.clone()));
            let made = made.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(faults(&film, &source, &rendition, &spec, &made), [""; 0], "{name}");
        }
    }
    let spec = ways(&film, &rendition, OLD.profile("v4l2"), 0).swap_remove(0);
    let told = RUNTIME.block_on(made(&OLD.pool, &film, &rendition, spec)).err();
    let told = told.expect("no keyframe where a segment begins");
    assert!(told.contains("does not go on with a random access point"), "{told}");
}

#[test]
fn films_of_every_codec_are_decoded_on_hardware_that_can() {
    for name in ["vp8.webm", "vp9.webm", "av1.mkv", "interlaced.ts"] {
        every_way(&NEW, &source(name), &["h264"], &[0]);
    }
}

#[test]
fn pictures_of_other_shapes_and_colours_pass_through_every_profile() {
    for name in ["turned.mp4", "wide.mkv", "pq.mkv", "hlg.mkv", "full.mp4", "gamut.mkv"] {
        every_way(&NEW, &source(name), &["h264"], &[0]);
    }
}

#[test]
fn renditions_share_the_frames_of_one_decoder_on_the_hardware() {
    let film = source("h264.mp4");
    let mut smaller = rendition(&film, "h264");
    if let RenditionMedia::Video(form) = &mut smaller.media {
        (form.width, form.height) = (240, 136);
    }
    for profile in HARDWARE {
        let job = NEW.job(profile);
        // The decoder waits in front of that segment.
        let beside = ways(&film, &smaller, NEW.profile(profile), 3).swap_remove(0);
        let ends = RUNTIME.block_on(async {
            let mut first = job.begin().await;
            let mut second = first.join(&beside).await.expect("it takes what is sent");
            go_on(&mut first, WHOLE).await;
            tokio::join!(outcome(&mut first), outcome(&mut second))
        });
        for (fragments, end) in [ends.0, ends.1] {
            assert!(matches!(end, Ok(Report::End { early: false })), "{profile}: {end:?}");
            assert!(fragments > 0, "{profile}");
        }
    }
}

/// Work for a worker.
struct Job<'p> {
    pool: &'p WorkerPool,
    film: Arc<Film>,
    spec: HeadSpec,
}

impl Job<'_> {
    /// A worker at it, up to the goal.
    async fn start(&self, until: u32) -> Worker {
        let spec = HeadSpec { until: SegmentIndex(until), ..self.spec.clone() };
        let mut worker = self.pool.take().await.expect("a worker");
        let sent = worker.send(&Request::Head(Box::new(spec)), Some(&self.film.file)).await;
        sent.expect("it takes what is sent");
        worker
    }

    /// A worker that has made the first segment and waits.
    async fn begin(&self) -> Worker {
        let mut worker = self.start(1).await;
        loop {
            match worker.next().await {
                Ok(Report::Fragment(fragment)) if fragment.last => return worker,
                Ok(Report::Fragment(_) | Report::Entry { .. }) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// What the whole of it ends with, and after how many fragments.
    async fn end(&self) -> (usize, Result<Report, WorkerError>) {
        outcome(&mut self.start(WHOLE).await).await
    }
}

const WHOLE: u32 = u32::MAX;

async fn go_on(worker: &mut Worker, until: u32) {
    let goal = Request::Goal { until: SegmentIndex(until) };
    worker.send(&goal, None).await.expect("it takes what is sent");
}

/// Takes fragments until the worker says something else; how many it made.
async fn outcome(worker: &mut Worker) -> (usize, Result<Report, WorkerError>) {
    let mut fragments = 0;
    loop {
        match worker.next().await {
            Ok(Report::Fragment(_)) => fragments += 1,
            Ok(Report::Entry { .. }) => {}
            other => return (fragments, other),
        }
    }
}

fn failure(outcome: Result<Report, WorkerError>) -> Failure {
    match outcome {
        Ok(Report::Failed(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_refused_session_fails_before_anything_is_made() {
    const BUSY: &str = "Could not open device '/dev/video11' for reading and writing.";
    const BY_CAPS: &str = "Could not encode stream.";
    let encoder = FailureKind::Encoder;
    for (machine, refusals) in [
        (
            Machine::new(Api::V1_26),
            vec![
                ("nvidia", "nvh264enc", ("nvh264enc", encoder, BY_CAPS)),
                ("quicksync", "qsvh264enc", ("qsvh264enc", encoder, BY_CAPS)),
                // It says nothing itself, and the source of the frames does.
                ("vaapi", "vah264enc", ("appsrc", encoder, "Internal data stream error.")),
                ("v4l2", "v4l2h264enc", ("v4l2h264enc", encoder, BUSY)),
            ],
        ),
        (
            Machine::new(Api::V1_22),
            vec![("nvidia", "nvh264enc", ("nvh264enc", encoder, "Could not initialize supporting library."))],
        ),
    ] {
        for (profile, element, expected) in refusals {
            machine.stand_ins.fault((element, Fault::Refuse));
            let (fragments, outcome) = RUNTIME.block_on(machine.job(profile).end());
            let failure = failure(outcome);
            let told = (failure.element.as_str(), failure.kind, failure.message.as_str());
            assert_eq!((fragments, told), (0, expected), "{profile}");
        }
    }
}

#[test]
fn what_fails_in_the_middle_is_named_and_leaves_what_was_made() {
    let machine = Machine::new(Api::V1_26);
    let job = machine.job("nvidia");
    let (whole, _) = RUNTIME.block_on(job.end());
    for (element, kind) in [
        ("nvh264enc", FailureKind::Encoder),
        ("nvh264dec", FailureKind::Undecodable),
        ("cudaconvertscale", FailureKind::Undecodable),
    ] {
        machine.stand_ins.fault((element, Fault::Fail(60)));
        let (fragments, outcome) = RUNTIME.block_on(job.end());
        assert!((1..whole).contains(&fragments), "{element}: {fragments} of {whole}");
        let failure = failure(outcome);
        assert_eq!((failure.element.as_str(), failure.kind), (element, kind));
    }
    machine.stand_ins.fault(None);
    let (fragments, outcome) = RUNTIME.block_on(job.end());
    assert!(matches!(outcome, Ok(Report::End { early: false })), "{outcome:?}");
    assert_eq!(fragments, whole);
}

#[test]
fn an_encoder_at_work_does_wrong_as_soon_as_it_is_told_to() {
    let machine = Machine::new(Api::V1_26);
    let job = machine.job("vaapi");
    RUNTIME.block_on(async {
        let mut worker = job.begin().await;
        machine.stand_ins.fault(("vah264enc", Fault::Abort(0)));
        go_on(&mut worker, WHOLE).await;
        let (_, outcome) = outcome(&mut worker).await;
        assert!(matches!(outcome, Err(WorkerError::Died)), "{outcome:?}");
    });
    let deaths = machine.pool.status().deaths;
    let crashes = deaths.into_iter().find(|(death, _)| *death == Death::Crashed);
    assert_eq!(crashes, Some((Death::Crashed, 1)));
}

#[test]
fn an_encoder_that_hangs_makes_nothing_and_its_worker_can_be_ended() {
    const LONG_ENOUGH: Duration = Duration::from_secs(1);
    let machine = Machine::new(Api::V1_26);
    let job = machine.job("quicksync");
    RUNTIME.block_on(async {
        let mut worker = job.begin().await;
        machine.stand_ins.fault(("qsvh264enc", Fault::Hang(0)));
        go_on(&mut worker, WHOLE).await;
        let outcome = tokio::time::timeout(LONG_ENOUGH, outcome(&mut worker)).await;
        assert!(outcome.is_err() && worker.lives(), "{outcome:?}");
        gone(worker);
    });
}

#[test]
fn an_encoder_that_does_not_hear_of_keyframes_fails_at_the_next_segment() {
    let machine = Machine::new(Api::V1_26);
    machine.stand_ins.fault(("nvh264enc", Fault::IgnoreKeyframes));
    let (fragments, outcome) = RUNTIME.block_on(machine.job("nvidia").end());
    assert!(fragments > 0);
    let failure = failure(outcome);
    assert_eq!(failure.kind, FailureKind::Encoder);
    assert!(failure.message.contains("random access point"), "{failure}");
}

#[test]
fn sessions_are_counted_over_all_workers_and_those_of_the_dead_are_free() {
    let machine = Machine::new(Api::V1_26);
    machine.stand_ins.limit_sessions(2);
    let job = machine.job("nvidia");
    RUNTIME.block_on(async {
        let first = job.begin().await;
        let mut second = job.begin().await;
        let (fragments, refused) = job.end().await;
        assert_eq!((fragments, failure(refused).element.as_str()), (0, "nvh264enc"));
        gone(first);
        let (_, third) = job.end().await;
        assert!(matches!(third, Ok(Report::End { .. })), "{third:?}");
        go_on(&mut second, WHOLE).await;
        let (_, second) = outcome(&mut second).await;
        assert!(matches!(second, Ok(Report::End { .. })), "{second:?}");
    });
}

/// Ends a worker, and returns when the kernel has done so.
fn gone(worker: Worker) {
    let pid = worker.pid();
    drop(worker);
    until(|| (!alive(pid)).then_some(())).expect("it is killed");
}
