//! What is told of heads that do as the test says.

use tokio::sync::broadcast::Receiver;

use super::*;
use crate::isobmff::Fragment;
use crate::media::Disposition;
use crate::rendition::{AudioForm, Bandwidth, RenditionId, RenditionMedia};
use crate::timeline::{CutList, FragmentRule, SegmentIndex};

const HEAD: HeadId = HeadId(0);

fn rendition() -> Rendition {
    let sound = AudioForm {
        codec: "aac".into(),
        channels: 2,
        objects: false,
        sample_rate: 48_000,
        samples_per_frame: 1024,
        language: None,
        label: "Sound".into(),
        disposition: Disposition::default(),
        kbps: 160,
    };
    Rendition {
        id: RenditionId("a0-aac-3f9a5c0b7e21".into()),
        track: 0,
        copied: false,
        burnt: None,
        cuts: CutList { timescale: 48_000, boundaries: vec![0, 96_000, 192_000], independent: true }.into(),
        keyframes: Vec::new(),
        fragments: FragmentRule::fixed(4096, 16_384),
        bandwidth: Bandwidth::default(),
        codec_string: "mp4a.40.2".into(),
        media: RenditionMedia::Audio(sound),
    }
}

struct Stage {
    telemetry: Arc<Telemetry>,
    observer: Observer,
    told: Receiver<StreamEvent>,
}

impl Stage {
    fn new() -> Self {
        let telemetry = Arc::new(Telemetry::default());
        let told = telemetry.events();
        let observer = Observer::new(telemetry.clone(), FileId::random(), "a.mkv".into());
        Self { telemetry, observer, told }
    }

    fn start(&mut self, head: HeadId, profile: &str, segment: u32) {
        self.observer.started(head, &rendition(), profile, segment);
    }

    /// The encoder shows its heads: one at `segment` in `state`.
    fn see(&mut self, head: HeadId, segment: u32, state: HeadState) {
        let (number, since) = self.observer.identity(head);
        let status = HeadStatus {
            head: number,
            file: self.observer.file,
            name: String::new(),
            rendition: String::new(),
            profile: String::new(),
            segment,
            speed: 2.0,
            waiters: 1,
            state,
            since,
        };
        self.observer.observe(&[(head, status)]);
    }

    fn fragment(&mut self, worked: Duration, last: bool) {
        let (segment, bytes) = (SegmentIndex(0), vec![0; 100]);
        let fragment =
            Fragment { segment, part: 0, start: 0, duration: 48_000, independent: true, last, bytes };
        self.observer.fragment(HEAD, &fragment, worked);
    }

    /// What was told since this was asked last, in short.
    fn news(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.told.try_recv().ok())
            .map(|StreamEvent { change, head }| match change {
                Change::FirstFragment { .. } => format!("first fragment of {}", head.segment),
                Change::Moved { from_profile } => format!("moved from {from_profile} to {}", head.profile),
                Change::Failed(error) => format!("failed: {error}"),
                other => format!("{other:?} {:?}", head.state),
            })
            .collect()
    }
}

#[test]
fn a_life_is_told_in_its_order_and_nothing_twice() {
    let mut stage = Stage::new();
    stage.start(HEAD, "x264", 0);
    assert!(stage.news().is_empty(), "told with how it is, once that is known");
    stage.see(HEAD, 0, HeadState::Starting);
    stage.see(HEAD, 0, HeadState::Starting);
    assert_eq!(stage.news(), ["Started Starting"]);
    stage.fragment(Duration::from_millis(300), false);
    stage.see(HEAD, 0, HeadState::Running);
    stage.fragment(Duration::from_millis(500), true);
    stage.fragment(Duration::from_millis(100), false);
    stage.see(HEAD, 1, HeadState::Running);
    assert_eq!(stage.news(), ["first fragment of 0"]);
    stage.see(HEAD, 1, HeadState::Paused);
    stage.see(HEAD, 1, HeadState::Paused);
    stage.see(HEAD, 1, HeadState::Running);
    assert_eq!(stage.news(), ["Paused Paused", "Resumed Running"]);
    stage.observer.ended(HEAD, EndCause::Idle);
    stage.observer.ended(HEAD, EndCause::Finished);
    assert_eq!(stage.news(), ["Ended(Idle) Ended"]);
    let done = stage.telemetry.work(Work::EncodeAudio);
    assert_eq!((done.started.get(), done.segments.get(), done.bytes.get()), (1, 1, 300));
    assert_eq!((done.media_us.get(), done.first_fragment.distribution().count), (3_000_000, 1));
    assert_eq!(done.busy_us.get(), 600_000, "each segment from its own beginning");
    assert_eq!(EndCause::ALL.map(|cause| stage.telemetry.ended(cause).get()), [0, 0, 1, 0, 0, 0, 0]);
}

#[test]
fn speed_is_told_once_a_second_of_a_head_that_runs() {
    let mut stage = Stage::new();
    stage.start(HEAD, "x264", 0);
    stage.see(HEAD, 0, HeadState::Running);
    stage.news();
    let told = |stage: &mut Stage, ago: Duration, state: HeadState| {
        let observed = stage.observer.heads.get_mut(&HEAD).expect("it lives");
        observed.told = Instant::now().checked_sub(ago).expect("the clock has run for a while");
        stage.see(HEAD, 0, state);
        stage.news()
    };
    assert!(told(&mut stage, Duration::ZERO, HeadState::Running).is_empty());
    assert_eq!(told(&mut stage, PROGRESS_PACE, HeadState::Running), ["Progress Running"]);
    stage.see(HEAD, 0, HeadState::Running);
    assert!(stage.news().is_empty(), "not again within the second");
    stage.see(HEAD, 0, HeadState::Paused);
    stage.news();
    assert!(told(&mut stage, PROGRESS_PACE, HeadState::Paused).is_empty(), "a pause has no speed");
}

#[test]
fn a_segment_that_failed_on_one_profile_is_told_to_move_to_another() {
    let mut stage = Stage::new();
    let error = StreamError::Encoding("no device".into());
    stage.start(HEAD, "vaapi", 7);
    stage.observer.failed(HEAD, &error);
    stage.observer.failed(HEAD, &error);
    stage.observer.ended(HEAD, EndCause::Finished);
    assert_eq!(stage.news(), ["Started Starting", "failed: no device"]);
    stage.start(HeadId(1), "x264", 7);
    stage.see(HeadId(1), 7, HeadState::Starting);
    assert_eq!(stage.news(), ["Started Starting", "moved from vaapi to x264"]);
    stage.observer.failed(HeadId(1), &error);
    stage.start(HeadId(2), "x264", 7);
    stage.start(HeadId(3), "vaapi", 7);
    stage.see(HeadId(2), 7, HeadState::Starting);
    stage.see(HeadId(3), 7, HeadState::Starting);
    let again = ["failed: no device", "Started Starting", "Started Starting"];
    assert_eq!(stage.news(), again, "the same profile once more, and a head that nothing failed before");
    assert_eq!(stage.telemetry.ended(EndCause::Failed).get(), 2);
}

#[test]
fn heads_die_with_their_encoder() {
    let mut stage = Stage::new();
    stage.start(HEAD, "x264", 0);
    stage.see(HEAD, 0, HeadState::Starting);
    stage.news();
    stage.observer = Observer::new(stage.telemetry.clone(), FileId::random(), String::new());
    assert_eq!(stage.news(), ["Ended(Closed) Ended"]);
}

#[test]
fn heads_of_all_files_have_numbers_of_their_own() {
    let mut stage = Stage::new();
    let mut other = Observer::new(stage.telemetry.clone(), FileId::random(), "b.mkv".into());
    stage.start(HEAD, "x264", 0);
    other.started(HEAD, &rendition(), "x264", 0);
    assert_ne!(stage.observer.identity(HEAD).0, other.identity(HEAD).0);
}
