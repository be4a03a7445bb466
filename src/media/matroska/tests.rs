//! Whole files, built element by element.

use proptest::prelude::*;

use super::ebml::tests::{element, id_bytes, unsigned};
use super::sections::{CLUSTER, DOC_TYPE, EBML_HEADER, SEEK, SEEK_HEAD, SEEK_ID, SEEK_POSITION, SEGMENT};
use super::*;
use crate::media::IndexSource;
use crate::media::window::tests::CountingSource;

const SECOND: Nanos = 1_000_000_000;
const CLUSTER_BYTES: usize = 100_000;

fn ebml(doc_type: &str) -> Vec<u8> {
    element(EBML_HEADER, &[&element(DOC_TYPE, &[doc_type.as_bytes()])])
}

fn info() -> Vec<u8> {
    let duration = element(DURATION, &[&20_000f64.to_be_bytes()]);
    element(INFO.id, &[&unsigned(TIMESTAMP_SCALE, 1_000_000), &duration, &element(TITLE, &[b"Film"])])
}

/// A video track with UID 11 and an audio track with UID 12.
fn tracks() -> Vec<u8> {
    let entry = |number, kind, codec: &str| {
        let head = [unsigned(0xd7, number), unsigned(0x83, kind), unsigned(0x73c5, 10 + number)].concat();
        element(0xae, &[&head, &element(0x86, &[codec.as_bytes()])])
    };
    element(TRACKS.id, &[&entry(1, 1, "V_VP9"), &entry(2, 2, "A_OPUS")])
}

fn tags() -> Vec<u8> {
    let body = [
        tags::tests::tag(11, &[("NUMBER_OF_FRAMES", "480"), ("NUMBER_OF_BYTES", "90000")]),
        tags::tests::tag(12, &[("DURATION", "00:00:20.000000000")]),
    ];
    element(TAGS.id, &[&body.concat()])
}

fn chapters() -> Vec<u8> {
    let atoms = [chapters::tests::atom(0, "One", &[]), chapters::tests::atom(9_000_000_000, "Two", &[])];
    element(CHAPTERS.id, &[&chapters::tests::edition(&atoms)])
}

fn cues(positions: &[(u64, u64)]) -> Vec<u8> {
    let points = positions.iter().flat_map(|&(time, at)| cues::tests::cue_point(time, &[(1, at), (2, at)]));
    element(CUES.id, &[&points.collect::<Vec<_>>()])
}

fn attachments(name: &str, media_type: &str) -> Vec<u8> {
    let file = |name: &str, media_type: &str, size: usize| {
        let name = element(attachments::FILE_NAME, &[name.as_bytes()]);
        let media_type = element(attachments::FILE_MEDIA_TYPE, &[media_type.as_bytes()]);
        element(attachments::ATTACHED_FILE, &[&name, &media_type, &element(0x465c, &[&vec![0; size]])])
    };
    element(sections::ATTACHMENTS, &[&file("font.ttf", "font/ttf", 50_000), &file(name, media_type, 30_000)])
}

fn cluster() -> Vec<u8> {
    element(CLUSTER, &[&[0; CLUSTER_BYTES]])
}

/// A SeekHead of fixed size in front of sections; `at` are their positions from the segment's first byte.
fn seek_head(places: &[(Id, u64)]) -> Vec<u8> {
    let seeks = places.iter().flat_map(|&(id, at)| {
        element(SEEK, &[&element(SEEK_ID, &[&id_bytes(id)]), &element(SEEK_POSITION, &[&at.to_be_bytes()])])
    });
    element(SEEK_HEAD, &[&seeks.collect::<Vec<_>>()])
}

/// Info and Tracks in front, two clusters, then the rest, all found by the SeekHead.
fn file(behind: &[(Id, Vec<u8>)]) -> Vec<u8> {
    let ids: Vec<Id> = [INFO.id, TRACKS.id].into_iter().chain(behind.iter().map(|part| part.0)).collect();
    let head_size = seek_head(&ids.iter().map(|&id| (id, 0)).collect::<Vec<_>>()).len() as u64;
    let first_cluster = head_size + (info().len() + tracks().len()) as u64;
    let second_cluster = first_cluster + cluster().len() as u64;
    let mut at = second_cluster + cluster().len() as u64;
    let mut places = vec![(INFO.id, head_size), (TRACKS.id, head_size + info().len() as u64)];
    let mut tail = Vec::new();
    for (id, bytes) in behind {
        let bytes = if bytes.is_empty() {
            cues(&[(0, first_cluster), (10_000, second_cluster)])
        } else {
            bytes.clone()
        };
        places.push((*id, at));
        at += bytes.len() as u64;
        tail.extend(bytes);
    }
    let body = [seek_head(&places), info(), tracks(), cluster(), cluster(), tail].concat();
    [ebml("matroska"), element(SEGMENT, &[&body])].concat()
}

/// Where cues with the right positions go.
const CUES_HERE: (Id, Vec<u8>) = (CUES.id, Vec::new());

fn whole() -> Vec<u8> {
    let cover = attachments("cover.jpg", "image/jpeg");
    file(&[CUES_HERE, (TAGS.id, tags()), (CHAPTERS.id, chapters()), (sections::ATTACHMENTS, cover)])
}

fn facts(bytes: Vec<u8>) -> ContainerFacts {
    read(&mut CountingSource::new(bytes)).expect("facts")
}

#[test]
fn everything_is_found_behind_the_clusters() {
    let all = facts(whole());
    assert_eq!((all.duration_ns, all.title.as_deref()), (Some(20 * SECOND), Some("Film")));
    assert_eq!((all.has_cover, all.fragmented), (true, false));
    let chapters: Vec<_> = all.chapters.iter().map(|c| (c.start_ns, c.title.as_deref())).collect();
    assert_eq!(chapters, [(0, Some("One")), (9 * SECOND, Some("Two"))]);
    let [video, audio] = &all.tracks[..] else { panic!("two tracks") };
    assert_eq!((video.number, video.kind, video.codec_id.as_str()), (1, TrackKind::Video, "V_VP9"));
    assert_eq!((video.frame_count, video.sample_bytes, video.end_ns), (Some(480), Some(90_000), None));
    assert_eq!((audio.kind, audio.end_ns), (TrackKind::Audio, Some(20 * SECOND)));
    assert_eq!(audio.keyframes, None);
    let index = video.keyframes.as_ref().expect("an index");
    assert_eq!((index.source, index.frame_count), (IndexSource::Cues, None));
    let cluster_bytes = cluster().len() as u64;
    let keyframes: Vec<_> = index.keyframes.iter().map(|k| (k.pts_ns, k.closed(), k.bytes)).collect();
    assert_eq!(keyframes, [(0, true, cluster_bytes), (10 * SECOND, true, cluster_bytes)]);
}

#[test]
fn few_and_small_reads_are_enough() {
    for (bytes, reads) in [
        // The head of the file and the cues; what lies close behind those comes with them.
        (file(&[CUES_HERE]), 2),
        (file(&[CUES_HERE, (TAGS.id, tags()), (CHAPTERS.id, chapters())]), 2),
        // Two attachments, the data of the first stepped over.
        (whole(), 3),
    ] {
        let mut source = CountingSource::new(bytes);
        read(&mut source).expect("facts");
        assert_eq!(source.reads, reads);
        assert!(source.bytes_read < 40_000, "{}", source.bytes_read);
    }
}

#[test]
fn without_a_seek_head_what_lies_before_the_first_cluster_is_read() {
    let body = [info(), tags(), tracks(), chapters(), cues(&[(0, 900)]), cluster(), tags()].concat();
    let unknown = [&id_bytes(SEGMENT)[..], &[0xff], &body].concat();
    for segment in [element(SEGMENT, &[&body]), unknown] {
        let all = facts([ebml("webm"), segment].concat());
        assert_eq!(all.chapters.len(), 2);
        assert_eq!(all.tracks[0].frame_count, Some(480));
        assert_eq!(all.tracks[0].keyframes.as_ref().map(|index| index.keyframes.len()), Some(1));
    }
}

#[test]
fn a_live_recording_has_tracks_and_no_index() {
    let live_cluster = [&id_bytes(CLUSTER)[..], &[0x01, 255, 255, 255, 255, 255, 255, 255, 0]].concat();
    let body = [element(INFO.id, &[]), tracks(), live_cluster].concat();
    let bytes = [ebml("webm"), id_bytes(SEGMENT), vec![0xff], body].concat();
    let all = facts(bytes);
    assert_eq!((all.duration_ns, all.tracks.len()), (None, 2));
    assert_eq!(all.tracks[0].keyframes, None);
}

#[test]
fn a_file_cut_short_keeps_what_is_left() {
    let mut bytes = whole();
    bytes.truncate(50_000);
    let all = facts(bytes);
    assert_eq!((all.tracks.len(), all.chapters.len(), all.has_cover), (2, 0, false));
    assert_eq!(all.tracks[0].keyframes, None);
}

#[test]
fn a_seek_head_may_hand_on_to_another() {
    let size = seek_head(&[(TAGS.id, 0)]).len() as u64;
    let second = size + (info().len() + tracks().len() + cluster().len()) as u64;
    let first = seek_head(&[(SEEK_HEAD, second)]);
    let tags_at = second + size;
    let body = [first, info(), tracks(), cluster(), seek_head(&[(TAGS.id, tags_at)]), tags()].concat();
    let all = facts([ebml("matroska"), element(SEGMENT, &[&body])].concat());
    assert_eq!(all.tracks[0].frame_count, Some(480));
}

#[test]
fn a_seek_head_that_leads_astray_is_not_believed() {
    let places = [(CUES.id, 0), (TAGS.id, 1 << 40), (INFO.id, 7), (SEEK_HEAD, 0), (SEEK_HEAD, 3)];
    let body = [seek_head(&places), info(), tracks(), cluster()].concat();
    let all = facts([ebml("matroska"), element(SEGMENT, &[&body])].concat());
    assert_eq!((all.duration_ns, all.tracks.len()), (Some(20 * SECOND), 2));
}

#[test]
fn only_an_image_named_cover_is_one() {
    for (name, media_type, expected) in [
        ("cover.jpg", "image/jpeg", true),
        ("Cover_land.png", "image/png", true),
        ("cover.ttf", "font/ttf", false),
        ("poster.jpg", "image/jpeg", false),
        ("", "", false),
    ] {
        let bytes = file(&[(sections::ATTACHMENTS, attachments(name, media_type))]);
        assert_eq!(facts(bytes).has_cover, expected, "{name}");
    }
}

#[test]
fn errors_name_the_cause_and_the_place() {
    let segment = |parts: &[Vec<u8>]| [ebml("matroska"), element(SEGMENT, &[&parts.concat()])].concat();
    let zero_scale = element(INFO.id, &[&unsigned(TIMESTAMP_SCALE, 0)]);
    let large = [&id_bytes(TRACKS.id)[..], &(1 << 56 | 1u64 << 40).to_be_bytes()].concat();
    for (bytes, expected) in [
        (Vec::new(), "not a Matroska or WebM file"),
        (vec![0x1a; 64], "not a Matroska or WebM file"),
        (ebml("avi"), "not a Matroska or WebM file"),
        (ebml("webm"), "element header at byte 26 is cut short"),
        (segment(&[info()]), "no Tracks in what begins at byte 42"),
        (segment(&[zero_scale, tracks()]), "TimestampScale at byte 0 is malformed"),
        (segment(&[large]), "Tracks at byte 42 has 1099511627776 bytes, the limit is 4194304"),
    ] {
        let error = read(&mut CountingSource::new(bytes)).expect_err("an error");
        assert_eq!(error.to_string(), expected);
    }
}

fn check_bounds(bytes: Vec<u8>) {
    let mut source = CountingSource::new(bytes);
    let length = source.len();
    if let Ok(all) = read(&mut source) {
        let keyframes = all.tracks.iter().filter_map(|track| track.keyframes.as_ref());
        assert!(keyframes.map(|index| index.keyframes.len() as u64).sum::<u64>() <= length);
    }
    assert!(source.reads < 2000, "{} reads", source.reads);
}

/// A small file with something of everything before its cluster.
fn compact() -> Vec<u8> {
    let body = [
        seek_head(&[(SEEK_HEAD, 0), (CUES.id, 500)]),
        info(),
        tracks(),
        tags(),
        chapters(),
        cues(&[(0, 900), (40, 950)]),
        element(sections::ATTACHMENTS, &[&element(attachments::ATTACHED_FILE, &[&[0; 20]])]),
        element(CLUSTER, &[&[0; 100]]),
    ];
    [ebml("webm"), element(SEGMENT, &[&body.concat()])].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        check_bounds(bytes.clone());
        check_bounds([ebml("webm"), element(SEGMENT, &[&tracks(), &bytes])].concat());
        check_bounds([ebml("webm"), element(SEGMENT, &[&tracks(), &element(CUES.id, &[&bytes])])].concat());
    }

    #[test]
    fn a_damaged_file_is_read_without_harm(
        length in 0.0f64..1.3,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
    ) {
        let mut bytes = compact();
        bytes.truncate((length * bytes.len() as f64) as usize);
        if !bytes.is_empty() {
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        check_bounds(bytes);
    }
}
