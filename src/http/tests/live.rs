//! The live edge over HTTP, at places that the test chooses.

use std::time::{Duration, Instant, SystemTime};

use super::film::{AUDIO, VIDEO};
use super::fixture::{Service, service};
use crate::base::ids::FileId;
use crate::encoder::{LiveEdgeState, LiveStatus, StreamError};
use crate::timeline::NANOS_PER_SECOND;

const SECOND: i64 = NANOS_PER_SECOND;

/// Stands still at `position_ns`, since nothing more is made.
fn at(position_ns: i64) -> LiveEdgeState {
    Some(Ok(status(position_ns)))
}

fn status(position_ns: i64) -> LiveStatus {
    LiveStatus {
        begun_ns: 0,
        position_ns,
        made_ns: position_ns,
        end_ns: 400 * SECOND,
        at: Instant::now(),
        began: (0, SystemTime::UNIX_EPOCH),
        clock: (0, SystemTime::UNIX_EPOCH),
        ended: false,
    }
}

async fn live(status: LiveEdgeState) -> (Service, FileId) {
    let (service, id) = service().with_file("a.mkv", "content").await;
    service.streams.live_edge.send_replace(status);
    (service, id)
}

/// Segment and part that a playlist hints at.
fn hinted(text: &str) -> (&str, &str) {
    let hint = text.lines().find(|line| line.starts_with("#EXT-X-PRELOAD-HINT")).expect("a hint");
    let name = hint.rsplit('/').next().and_then(|name| name.strip_suffix(".m4s\"")).expect("a name");
    name.split_once('.').expect("a part")
}

#[tokio::test]
async fn opening_the_edge_starts_it_and_joining_does_not() {
    let (service, id) = live(None).await;
    let index = service.get(&format!("/live/{id}/index.m3u8")).await;
    assert_eq!((index.status.as_u16(), index.header("content-type")), (200, "application/vnd.apple.mpegurl"));
    assert!(index.text().contains(&format!("\n{VIDEO}/index.m3u8\n")), "{}", index.text());
    assert_eq!(service.streams.started.lock().unwrap().len(), 1);
    assert!(service.streams.started.lock().unwrap()[0].live);
    service.streams.live_edge.send_replace(at(SECOND));
    service.get(&format!("/live/{id}/index.m3u8")).await;
    assert_eq!(service.streams.started.lock().unwrap().len(), 1);
    // Somebody who only looks starts nothing.
    service.streams.live_edge.send_replace(None);
    service.ask("HEAD", &format!("/live/{id}/index.m3u8"), &[], "").await;
    assert_eq!(service.streams.started.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_playlist_ends_where_the_edge_is() {
    let (service, id) = live(at(20 * SECOND)).await;
    let reply = service.get(&format!("/live/{id}/{AUDIO}/index.m3u8")).await;
    let text = reply.text();
    assert_eq!((reply.status.as_u16(), reply.header("cache-control")), (200, "no-cache"), "{text}");
    assert!(text.contains("#EXT-X-PRELOAD-HINT:TYPE=PART,") && !text.contains("ENDLIST"), "{text}");
    assert_eq!(*service.streams.watched.lock().unwrap(), [AUDIO]);
}

#[tokio::test]
async fn a_reload_waits_for_what_it_asks_for() {
    let (service, id) = live(at(20 * SECOND)).await;
    let text = service.get(&format!("/live/{id}/{AUDIO}/index.m3u8")).await.text().to_owned();
    let (segment, part) = hinted(&text);
    let path = format!("/live/{id}/{AUDIO}/index.m3u8?_HLS_msn={segment}&_HLS_part={part}");
    let waiting = service.get(&path);
    tokio::pin!(waiting);
    tokio::time::timeout(Duration::from_millis(50), &mut waiting).await.err().expect("nothing new yet");
    service.streams.live_edge.send_replace(at(21 * SECOND));
    let reply = waiting.await;
    assert!(reply.text().contains(&format!("{segment}.{part}.m4s\",INDEPENDENT=YES")), "{}", reply.text());
}

#[tokio::test]
async fn an_edge_that_moves_by_itself_is_waited_for_by_the_clock() {
    let (service, id) = live(at(20 * SECOND)).await;
    let moving = LiveStatus { made_ns: 60 * SECOND, ..status(20 * SECOND) };
    service.streams.live_edge.send_replace(Some(Ok(moving)));
    let text = service.get(&format!("/live/{id}/{AUDIO}/index.m3u8")).await.text().to_owned();
    let parts = |text: &str| text.matches("#EXT-X-PART:").count();
    let (segment, part) = hinted(&text);
    let path = format!("/live/{id}/{AUDIO}/index.m3u8?_HLS_msn={segment}&_HLS_part={part}");
    let later = service.get(&path).await;
    assert!(parts(later.text()) > parts(&text) || later.text() != text);
}

#[tokio::test]
async fn what_no_client_means_is_refused() {
    let (service, id) = live(at(20 * SECOND)).await;
    for (query, status) in [
        ("_HLS_part=1", 400),
        ("_HLS_msn=4000", 400),
        ("_HLS_msn=99999999999999999999", 400),
        ("_HLS_msn=-1", 400),
        ("_HLS_msn=x&_HLS_part=0", 400),
        ("_HLS_msn=0&_HLS_part=y", 400),
        ("_HLS_msn=0&_HLS_msn=1", 400),
        ("_HLS_msn=0&_HLS_msn=0", 400),
        ("_HLS_msn=4294967295", 400),
        ("_HLS_msn=4294967296", 400),
        ("_HLS_msn=18446744073709551616&_HLS_part=0", 400),
        ("_HLS_msn=1.5", 400),
        ("_HLS_msn=0x1", 400),
        ("_HLS_msn=%201", 400),
        ("_HLS_msn=%", 400),
        ("_HLS_msn=%ff", 400),
        ("_HLS_msn=0&_HLS_part=-1", 400),
        ("_HLS_msn=0&_HLS_part=4294967296", 400),
        ("_HLS_msn=0&_HLS_part=1&_HLS_part=1", 400),
        // Nothing is said, which a part alone cannot be.
        ("_HLS_msn=&_HLS_part=0", 400),
        ("_HLS_msn=&_HLS_part=", 200),
        ("_HLS_msn", 200),
        ("_HLS_skip=perhaps", 400),
        ("_HLS_skip=yes", 400),
        ("_HLS_skip=YES&_HLS_skip=v2", 400),
        ("_HLS_skip=", 200),
        ("_HLS_skip=v2", 200),
        ("_HLS_skip=YES", 200),
        ("_HLS_msn=0&_HLS_part=4294967295", 200),
        ("_HLS_unknown=7", 200),
    ] {
        let reply = service.get(&format!("/live/{id}/{VIDEO}/index.m3u8?{query}")).await;
        assert_eq!(reply.status.as_u16(), status, "{query}: {}", reply.text());
    }
}

#[tokio::test]
async fn where_nobody_watches_a_reload_is_told_so() {
    let (service, id) = live(None).await;
    let reply = service.get(&format!("/live/{id}/{VIDEO}/index.m3u8")).await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (404, "not-live"));
    let unknown = service.get(&format!("/live/{id}/v9-000000000000/index.m3u8")).await;
    assert_eq!(unknown.status.as_u16(), 404);
}

#[tokio::test]
async fn a_live_edge_that_fails_ends_with_an_error() {
    let (service, id) = live(at(20 * SECOND)).await;
    *service.streams.failure.lock().unwrap() = Some(StreamError::Offline("the NAS is away".into()));
    let reply = service.get(&format!("/live/{id}/{VIDEO}/index.m3u8?_HLS_msn=3")).await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (503, "offline"));
}

#[tokio::test]
async fn whoever_waits_at_an_edge_that_fails_hears_of_what() {
    let (service, id) = live(at(20 * SECOND)).await;
    let text = service.get(&format!("/live/{id}/{VIDEO}/index.m3u8")).await.text().to_owned();
    let (segment, part) = hinted(&text);
    let path = format!("/live/{id}/{VIDEO}/index.m3u8?_HLS_msn={segment}&_HLS_part={part}");
    let waiting = service.get(&path);
    tokio::pin!(waiting);
    tokio::time::timeout(Duration::from_millis(50), &mut waiting).await.err().expect("nothing new yet");
    let damaged = StreamError::Damaged("a.mkv has nothing to play at 21.0 s".into());
    service.streams.live_edge.send_replace(Some(Err(damaged)));
    let reply = waiting.await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (422, "unplayable"), "{}", reply.text());
    assert!(reply.text().contains("a.mkv has nothing to play at 21.0 s"), "{}", reply.text());
    // Who asks again for what describes it must not start the film anew.
    for path in ["index.m3u8", "manifest.mpd", &format!("{VIDEO}/index.m3u8")] {
        let reply = service.get(&format!("/live/{id}/{path}")).await;
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (422, "unplayable"), "{path}");
    }
    assert!(service.streams.started.lock().unwrap().is_empty());
}

#[tokio::test]
async fn at_the_end_of_the_film_the_list_ends_and_nobody_waits() {
    let ended = LiveStatus { ended: true, ..status(400 * SECOND) };
    let (service, id) = live(Some(Ok(ended))).await;
    let reply = service.get(&format!("/live/{id}/{VIDEO}/index.m3u8?_HLS_msn=9999&_HLS_part=1")).await;
    assert!(reply.text().ends_with("#EXT-X-ENDLIST\n"), "{}", reply.text());
}

#[tokio::test]
async fn the_description_names_our_own_clock() {
    let (service, id) = live(at(20 * SECOND)).await;
    let reply = service.get(&format!("/live/{id}/manifest.mpd")).await;
    assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, "application/dash+xml"));
    assert!(reply.text().contains("type=\"dynamic\"") && reply.text().contains("../../live/time"));
    let time = service.get("/live/time").await;
    assert_eq!((time.status.as_u16(), time.header("cache-control")), (200, "no-store"));
    assert!(time.text().starts_with("20") && time.text().ends_with('Z'), "{}", time.text());
}

#[tokio::test]
async fn text_at_the_edge_has_parts_that_are_there_before_it_comes() {
    let (service, id) = live(None).await;
    let part = service.get(&format!("/media/{id}/t0-1/7.2.vtt")).await;
    assert_eq!(part.text(), "Segment { index: SegmentIndex(7), part: Some(2), origin: 0 } of t0-1");
    for malformed in ["7.02.vtt", "7..vtt", ".2.vtt", "7.2.3.vtt", "7.x.vtt"] {
        let reply = service.get(&format!("/media/{id}/t0-1/{malformed}")).await;
        assert_eq!(reply.status.as_u16(), 404, "{malformed}");
    }
}
