//! Segments as transport streams, whole and growing.

use bytes::Bytes;
use http_body_util::BodyExt;

use super::fixture::{AUDIO, Growth, Service, VIDEO, service};
use crate::encoder::StreamError;
use crate::http::respond;
use crate::isobmff::{FragmentSample, fragment_bytes};
use crate::timeline::SegmentIndex;

const PACKET: usize = 188;

/// Fragments of ten frames of sound, which play for 213 ms.
fn sound(parts: std::ops::Range<u32>) -> Vec<Bytes> {
    let frame = FragmentSample { duration: 1024, composition_offset: 0, sync: true, data: vec![7; 300] };
    let fragment = |part: u32| {
        fragment_bytes(SegmentIndex(0), part, i64::from(part) * 10_240, &vec![frame.clone(); 10]).into()
    };
    parts.map(fragment).collect()
}

fn grow(service: &Service, fragments: Vec<Bytes>, end: Option<Result<(), StreamError>>) {
    service.streams.growth.send_replace(Growth { fragments, end });
}

/// Bytes of the elementary stream: those behind the headers of packets with the PID of sound.
fn payload(packets: &[u8]) -> usize {
    let of_sound = |packet: &&[u8]| u16::from_be_bytes([packet[1] & 0x1f, packet[2]]) == 0x101;
    let bytes = |packet: &[u8]| {
        let adapted = if packet[3] & 0x20 == 0 { 0 } else { usize::from(packet[4]) + 1 };
        let header = if packet[1] & 0x40 == 0 { 0 } else { 14 };
        PACKET - 4 - adapted - header
    };
    packets.chunks(PACKET).filter(of_sound).map(bytes).sum()
}

#[tokio::test]
async fn what_is_made_already_has_a_length_a_tag_and_ranges() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    grow(&service, sound(0..3), Some(Ok(())));
    let path = format!("/ts/{id}/{AUDIO}/0.ts");
    let whole = service.get(&path).await;
    assert_eq!((whole.status.as_u16(), whole.header("content-type")), (200, "video/mp2t"));
    assert_eq!(whole.header("content-length"), whole.bytes().len().to_string());
    assert_eq!(whole.bytes().len() % PACKET, 0);
    // Each frame behind seven bytes of its own.
    assert_eq!(payload(whole.bytes()), 30 * 307);
    let again = service.get_with(&path, &[("range", "bytes=188-375")]).await;
    assert_eq!((again.status.as_u16(), again.header("etag")), (206, whole.header("etag")));
    assert_eq!(again.bytes(), &whole.bytes().slice(PACKET..2 * PACKET));
}

#[tokio::test]
async fn a_growing_one_is_sent_as_far_as_it_is_made() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    grow(&service, sound(0..1), None);
    let request = http::Request::get(format!("/ts/{id}/{AUDIO}/0.ts")).header("host", "192.168.1.2:8484");
    let request = request.body(http_body_util::Full::new(Bytes::new())).unwrap();
    let reply = respond(&service.context, request, "192.168.1.9".parse().unwrap()).await;
    assert_eq!(reply.status(), 200);
    assert!(!reply.headers().contains_key("content-length"));
    let mut body = reply.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    // The newest frames wait for those behind them.
    assert!((1..10 * 307).contains(&payload(&first)), "{}", payload(&first));
    grow(&service, sound(0..2), Some(Ok(())));
    let rest = body.collect().await.unwrap().to_bytes();
    assert_eq!(payload(&first) + payload(&rest), 20 * 307);
    assert_eq!((first.len() + rest.len()) % (16 * PACKET), 0);
}

#[tokio::test]
async fn failures_are_told() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    let damaged = || StreamError::Damaged("a.mkv ends here".into());
    grow(&service, Vec::new(), Some(Err(damaged())));
    let first = service.get(&format!("/ts/{id}/{AUDIO}/0.ts")).await;
    assert_eq!(
        first.status.as_u16(),
        service.get(&format!("/media/{id}/{AUDIO}/0.m4s")).await.status.as_u16()
    );
    grow(&service, sound(0..1), Some(Err(damaged())));
    let later = service.get(&format!("/ts/{id}/{AUDIO}/0.ts")).await;
    assert_eq!(later.status.as_u16(), 200);
    assert!(later.body.is_err());
    grow(&service, vec![Bytes::from_static(b"no fragment")], Some(Ok(())));
    assert_eq!(service.get(&format!("/ts/{id}/{AUDIO}/0.ts")).await.status.as_u16(), 500);
    grow(&service, sound(0..1), Some(Ok(())));
    for (path, status, problem) in [
        (format!("/ts/{id}/{AUDIO}/200.ts"), 404, "beyond-the-end"),
        (format!("/ts/{id}/a0-aac-000000000000/0.ts"), 410, "superseded"),
        (format!("/ts/{id}/x-1/0.ts"), 404, "unknown-rendition"),
        // Its configuration is not known, so it cannot be put into packets.
        (format!("/ts/{id}/{VIDEO}/0.ts"), 404, "unknown-rendition"),
        (format!("/ts/{id}/{AUDIO}_{AUDIO}/index.m3u8"), 404, "unknown-rendition"),
        (format!("/ts/{id}/index.m3u8"), 422, "unplayable"),
    ] {
        let reply = service.get(&path).await;
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (status, problem), "{path}");
    }
}

#[tokio::test]
async fn playlists_name_the_segments_and_text_says_where_the_film_begins() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    let playlist = service.get(&format!("/ts/{id}/{AUDIO}/index.m3u8")).await;
    assert!(playlist.text().contains("\n199.ts\n#EXT-X-ENDLIST\n"), "{}", playlist.text());
    let text = service.get(&format!("/ts/{id}/t0-1/7.vtt")).await;
    assert_eq!(text.text(), "Segment { index: SegmentIndex(7), part: None, origin: 90000 } of t0-1");
    assert_eq!(service.ask("HEAD", &format!("/ts/{id}/{AUDIO}/0.ts"), &[], "").await.status.as_u16(), 200);
    assert!(service.streams.segments_asked.lock().unwrap().is_empty());
}
