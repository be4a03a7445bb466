//! Segments, whole and growing.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName};
use http_body_util::BodyExt;
use tokio::sync::watch;

use super::fixture::{AUDIO, FakeSegment, Growth, VIDEO, service};
use crate::base::ids::FileId;
use crate::encoder::{SegmentReader, StreamError};
use crate::http::media::{Patience, stream};
use crate::store::{Held, Interest, Limits, SegmentStore, StoreKey};

const FOREVER: &str = "public, max-age=31536000, immutable";
const LONG: Patience = Patience { headers: Duration::from_secs(600), whole: Duration::from_secs(600) };
const NONE: Patience = Patience { headers: Duration::ZERO, whole: Duration::ZERO };

fn headers(headers: &[(&'static str, &str)]) -> HeaderMap {
    headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
}

fn growth(fragments: &[&'static str], end: Option<Result<(), StreamError>>) -> Growth {
    Growth { fragments: fragments.iter().copied().map(Into::into).collect(), end }
}

#[tokio::test]
async fn a_whole_segment_has_a_length_a_tag_and_ranges() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    service.segment(&["abc", "defg", "h"], Some(Ok(())));
    let path = format!("/media/{id}/{VIDEO}/7.m4s");
    let whole = service.get(&path).await;
    assert_eq!((whole.status.as_u16(), whole.text()), (200, "abcdefgh"));
    assert_eq!(*service.streams.segments_asked.lock().unwrap(), [7]);
    for (name, value) in [
        ("content-length", "8"),
        ("content-type", "video/mp4"),
        ("accept-ranges", "bytes"),
        ("cache-control", FOREVER),
    ] {
        assert_eq!(whole.header(name), value);
    }
    let etag = whole.header("etag");
    for (range, expected, content_range) in [
        ("bytes=0-", "abcdefgh", "bytes 0-7/8"),
        ("bytes=2-3", "cd", "bytes 2-3/8"),
        ("bytes=7-", "h", "bytes 7-7/8"),
        ("bytes=-6", "cdefgh", "bytes 2-7/8"),
        ("bytes=1-99", "bcdefgh", "bytes 1-7/8"),
    ] {
        let reply = service.get_with(&path, &[("range", range), ("if-range", etag)]).await;
        assert_eq!((reply.status.as_u16(), reply.text()), (206, expected), "{range}");
        assert_eq!(reply.header("content-range"), content_range);
        assert_eq!(reply.header("content-length"), expected.len().to_string());
        assert_eq!(reply.header("etag"), etag);
    }
    let outside = service.get_with(&path, &[("range", "bytes=8-")]).await;
    assert_eq!((outside.status.as_u16(), outside.problem().as_str()), (416, "range-not-satisfiable"));
    assert_eq!(outside.header("content-range"), "bytes */8");
    for whole in
        [[("range", "bytes=1-2"), ("if-range", "\"other\"")], [("range", "bytes=1-2,4-5"), ("te", "x")]]
    {
        let reply = service.get_with(&path, &whole).await;
        assert_eq!((reply.status.as_u16(), reply.bytes().len()), (200, 8), "{whole:?}");
    }
    let known = service.get_with(&path, &[("if-none-match", etag), ("range", "bytes=1-2")]).await;
    assert_eq!((known.status.as_u16(), known.header("cache-control")), (304, FOREVER));
    service.segment(&["abd", "defg", "h"], Some(Ok(())));
    assert_ne!(service.get(&path).await.header("etag"), etag);
}

#[tokio::test]
async fn sound_is_audio_and_an_init_segment_is_whole() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    service.segment(&["abc"], Some(Ok(())));
    for (rendition, content_type) in [(VIDEO, "video/mp4"), (AUDIO, "audio/mp4")] {
        for file in ["init.mp4", "0.m4s"] {
            let reply = service.get(&format!("/media/{id}/{rendition}/{file}")).await;
            assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, content_type));
            assert_eq!(reply.header("cache-control"), FOREVER);
        }
    }
    let path = format!("/media/{id}/{VIDEO}/init.mp4");
    let reply = service.get_with(&path, &[("range", "bytes=0-3")]).await;
    assert_eq!((reply.status.as_u16(), reply.text()), (206, "init"));
}

#[tokio::test]
async fn a_growing_segment_is_sent_fragment_by_fragment() {
    for range in [&[][..], &[("range", "bytes=0-")]] {
        let growing = watch::Sender::new(growth(&["abc"], None));
        let reader = FakeSegment::reading(growing.subscribe());
        let reply = stream(&headers(range), "video/mp4", reader, LONG, String::new).await.unwrap();
        assert_eq!(reply.status(), 200);
        for absent in ["content-length", "etag", "accept-ranges", "content-range"] {
            assert!(!reply.headers().contains_key(absent), "{absent}");
        }
        let mut body = reply.into_body();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "abc");
        growing.send_modify(|growth| growth.fragments.push("de".into()));
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "de");
        growing.send_modify(|growth| growth.end = Some(Ok(())));
        assert!(body.frame().await.is_none());
    }
}

#[tokio::test]
async fn headers_do_not_wait_for_ever_for_the_first_fragment() {
    let growing = watch::Sender::new(growth(&[], None));
    let reader = FakeSegment::reading(growing.subscribe());
    let reply = stream(&HeaderMap::new(), "video/mp4", reader, NONE, String::new).await.unwrap();
    assert_eq!(reply.status(), 200);
    growing.send_replace(growth(&["abc"], Some(Ok(()))));
    assert_eq!(reply.into_body().collect().await.unwrap().to_bytes(), "abc");
}

#[tokio::test]
async fn a_failure_before_the_first_fragment_has_a_status_and_one_behind_it_breaks_off() {
    let undecodable = || Some(Err(StreamError::Undecodable("nothing decodes `x`".to_owned())));
    let failed = watch::Sender::new(growth(&[], undecodable()));
    let reader = FakeSegment::reading(failed.subscribe());
    let problem = stream(&HeaderMap::new(), "video/mp4", reader, LONG, String::new).await.unwrap_err();
    assert_eq!((problem.status().as_u16(), problem.detail.as_str()), (422, "nothing decodes `x`"));

    let failing = watch::Sender::new(growth(&["abc"], None));
    let reader = FakeSegment::reading(failing.subscribe());
    let mut body =
        stream(&HeaderMap::new(), "video/mp4", reader, LONG, String::new).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "abc");
    failing.send_modify(|growth| growth.end = undecodable());
    assert!(body.frame().await.unwrap().is_err());
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn a_range_of_a_growing_segment_waits_until_it_is_whole() {
    for (range, part, content_range) in [
        ("bytes=1-3", "bcd", "bytes 1-3/5"),
        ("bytes=3-", "de", "bytes 3-4/5"),
        ("bytes=-1", "e", "bytes 4-4/5"),
    ] {
        let growing = watch::Sender::new(growth(&["abc"], None));
        let reader = FakeSegment::reading(growing.subscribe());
        let asked = headers(&[("range", range)]);
        let whole = async { growing.send_replace(growth(&["abc", "de"], Some(Ok(())))) };
        let (reply, _) = tokio::join!(stream(&asked, "video/mp4", reader, LONG, String::new), whole);
        let reply = reply.unwrap();
        assert_eq!(
            (reply.status().as_u16(), &reply.headers()["content-range"]),
            (206, &content_range.parse().unwrap())
        );
        assert_eq!(reply.headers()["content-length"], part.len().to_string().as_str());
        assert_eq!(reply.into_body().collect().await.unwrap().to_bytes(), part);
    }
    let growing = watch::Sender::new(growth(&["abc"], None));
    let asked = headers(&[("range", "bytes=1-3")]);
    let late = stream(&asked, "video/mp4", FakeSegment::reading(growing.subscribe()), NONE, String::new)
        .await
        .unwrap_err();
    assert_eq!(late.status(), 503);
}

#[tokio::test]
async fn a_condition_on_a_growing_segment_is_decided_when_it_is_whole() {
    let growing = watch::Sender::new(growth(&["abc"], None));
    let asked = headers(&[("range", "bytes=0-"), ("if-range", "\"other\"")]);
    let whole = async { growing.send_replace(growth(&["abc", "de"], Some(Ok(())))) };
    let reader = FakeSegment::reading(growing.subscribe());
    let (reply, _) = tokio::join!(stream(&asked, "video/mp4", reader, LONG, String::new), whole);
    let reply = reply.unwrap();
    assert_eq!((reply.status().as_u16(), reply.headers()["content-length"].to_str().unwrap()), (200, "5"));
}

#[tokio::test]
async fn head_of_a_segment_makes_nothing() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    let reply = service.ask("HEAD", &format!("/media/{id}/{VIDEO}/199.m4s"), &[], "").await;
    assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, "video/mp4"));
    assert_eq!((reply.header("content-length"), reply.bytes().len()), ("", 0));
    let reply = service.ask("HEAD", &format!("/media/{id}/{VIDEO}/200.m4s"), &[], "").await;
    assert_eq!(reply.status, 404);
    assert!(service.streams.segments_asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_part_comes_as_soon_as_it_is_made_whole_or_growing() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    let path = |part: u32| format!("/media/{id}/{VIDEO}/7.{part}.m4s");
    for end in [None, Some(Ok(()))] {
        service.segment(&["a", "bc", "defg"], end);
        // The first part is two fragments, of which the first lets the picture start.
        for (part, text, length) in [(0, "abc", "3"), (1, "defg", "4")] {
            let reply = service.get(&path(part)).await;
            assert_eq!((reply.status.as_u16(), reply.text()), (200, text));
            assert_eq!((reply.header("content-length"), reply.header("cache-control")), (length, FOREVER));
        }
    }
    // One that the source ended before, and one that no segment has.
    for part in [2, 99] {
        let beyond = service.get(&path(part)).await;
        assert_eq!((beyond.status.as_u16(), beyond.problem().as_str()), (404, "beyond-the-end"));
    }
    let asked = service.streams.segments_asked.lock().unwrap().len();
    assert_eq!(service.ask("HEAD", &path(0), &[], "").await.status, 200);
    assert_eq!(service.streams.segments_asked.lock().unwrap().len(), asked, "nothing is made for HEAD");
}

/// A store with segments of a megabyte, more than it keeps in memory.
fn stored_segments(folder: &std::path::Path) -> (Arc<SegmentStore>, StoreKey, Vec<u8>) {
    let store = Arc::new(SegmentStore::open(folder, Limits { size: u64::MAX, min_free: 0 }));
    let key = StoreKey { file: FileId::random(), rendition: VIDEO.into(), segment: Some(0) };
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| (n * 7 % 251) as u8).collect();
    for segment in 0..20 {
        let key = StoreKey { segment: Some(segment), ..key.clone() };
        store.write(&key, &[bytes.clone().into()], Interest::Ahead).kept.expect("kept");
    }
    (store, key, bytes)
}

#[tokio::test]
async fn a_segment_sent_from_its_file_is_the_one_that_was_in_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, key, bytes) = stored_segments(folder.path());
    let newest = StoreKey { segment: Some(19), ..key.clone() };
    let mut tags = Vec::new();
    for (key, in_memory) in [(&key, false), (&newest, true)] {
        for (range, part) in
            [(None, 0..1_000_000), (Some("bytes=3-5"), 3..6), (Some("bytes=-400000"), 600_000..1_000_000)]
        {
            let read = store.read(key).await.expect("stored");
            assert_eq!(matches!(read.piece, Held::Memory(_)), in_memory);
            let asked = headers(&range.map(|range| ("range", range)).into_iter().collect::<Vec<_>>());
            let reader = Box::new(SegmentReader::stored(read));
            let reply = stream(&asked, "video/mp4", reader, LONG, String::new).await.unwrap();
            assert_eq!(reply.status(), if range.is_some() { 206 } else { 200 });
            assert_eq!(reply.headers()["content-length"], part.len().to_string().as_str());
            tags.push(reply.headers()["etag"].clone());
            assert!(reply.into_body().collect().await.unwrap().to_bytes() == bytes[part.clone()], "{part:?}");
        }
    }
    assert!(tags.iter().all(|tag| *tag == tags[0]));
}

#[tokio::test]
async fn a_file_that_ends_too_soon_breaks_the_body_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, key, _) = stored_segments(folder.path());
    let reader = Box::new(SegmentReader::stored(store.read(&key).await.expect("stored")));
    let reply = stream(&HeaderMap::new(), "video/mp4", reader, LONG, String::new).await.unwrap();
    let file =
        walkdir::WalkDir::new(folder.path()).into_iter().flatten().find(|entry| entry.file_name() == "0.m4s");
    let file = std::fs::OpenOptions::new().write(true).open(file.expect("there").path()).expect("opened");
    file.set_len(500_000).expect("cut off");
    reply.into_body().collect().await.unwrap_err();
}
