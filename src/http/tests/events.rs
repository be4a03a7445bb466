//! `GET /api/events`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::fixture::{PEER, Service, head, service, with_feed};
use crate::encoder::telemetry::{Change, EndCause, StreamEvent};
use crate::encoder::{HeadState, StreamError};
use crate::http::api::{DESCRIPTION, events};
use crate::http::body::Body;
use crate::http::feed::{Feed, Kind, Limits};
use crate::http::respond;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a client has been sent, block by block.
struct Events {
    body: Body,
    rest: String,
}

#[derive(Debug, Default, PartialEq)]
struct Block {
    id: Option<u64>,
    event: String,
    data: Value,
    comment: bool,
    retry: Option<u64>,
}

async fn open(service: &Service, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
    let mut request = Request::get(path).header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::<Bytes>::default()).unwrap();
    respond(&service.context, request, PEER.parse().unwrap()).await
}

impl Events {
    async fn of(service: &Service, path: &str, headers: &[(&str, &str)]) -> Self {
        let response = open(service, path, headers).await;
        assert_eq!(response.status(), 200);
        Self { body: response.into_body(), rest: String::new() }
    }

    /// None at the end.
    async fn next(&mut self) -> Option<Block> {
        while !self.rest.contains("\n\n") {
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await.expect("something comes")?;
            self.rest += std::str::from_utf8(&frame.unwrap().into_data().unwrap()).unwrap();
        }
        let (block, rest) = self.rest.split_once("\n\n").unwrap();
        let mut read = Block::default();
        for line in block.lines() {
            match line.split_once(": ").unwrap_or((line, "")) {
                ("id", id) => read.id = Some(id.parse().unwrap()),
                ("event", event) => read.event = event.to_owned(),
                ("data", data) => read.data = serde_json::from_str(data).unwrap(),
                ("retry", ms) => read.retry = Some(ms.parse().unwrap()),
                ("", _) => read.comment = true,
                _ => panic!("{line:?} is no line of an event"),
            }
        }
        self.rest = rest.to_owned();
        Some(read)
    }

    async fn event(&mut self) -> Block {
        self.next().await.expect("an event")
    }
}

fn limited(limits: Limits) -> Service {
    with_feed("", Feed::new(limits, SystemTime::now()))
}

fn tell(service: &Service, state: HeadState, change: Change) {
    service.streams.telemetry.tell(StreamEvent { change, head: head(state) });
}

#[tokio::test]
async fn who_listens_is_told_of_every_turn_in_a_heads_life() {
    let service = service();
    let stop = CancellationToken::new();
    let collecting = tokio::spawn(events::collect(&service.context, stop.clone()));
    let mut events = Events::of(&service, "/api/events", &[]).await;
    let opening = events.event().await;
    assert_eq!((opening.retry, opening.event.as_str()), (Some(2000), ""));
    let changes = [
        (HeadState::Starting, Change::Started, json!({ "change": "started" })),
        (
            HeadState::Starting,
            Change::Moved { from_profile: "vaapi".into() },
            json!({ "change": "moved", "from_profile": "vaapi" }),
        ),
        (
            HeadState::Running,
            Change::FirstFragment { after: Duration::from_millis(210) },
            json!({ "change": "first-fragment", "first_fragment_ms": 210 }),
        ),
        (HeadState::Paused, Change::Paused, json!({ "change": "paused", "state": "paused" })),
        (HeadState::Running, Change::Resumed, json!({ "change": "resumed", "state": "running" })),
        (HeadState::Running, Change::Progress, json!({ "change": "progress", "speed": 7.5, "segment": 3 })),
        (
            HeadState::Ended,
            Change::Ended(EndCause::MetStored),
            json!({ "change": "ended", "cause": "met-stored", "state": "ended" }),
        ),
    ];
    let numbers = opening.id.unwrap() + 1..;
    for (number, (state, change, expected)) in numbers.zip(changes) {
        tell(&service, state, change);
        let event = events.event().await;
        assert_eq!((event.event.as_str(), event.id), ("stream", Some(number)));
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(event.data[field], *value, "{}", event.data);
        }
        assert_eq!((&event.data["name"], &event.data["waiters"]), (&json!("a.mkv"), &json!(1)));
    }
    stop.cancel();
    collecting.await.unwrap();
    assert_eq!(events.next().await, None, "it ends with the service");
    let late = open(&service, "/api/events", &[]).await;
    assert_eq!(late.status(), 503);
}

#[tokio::test]
async fn a_failure_is_told_without_what_went_wrong_inside() {
    let service = service();
    let _collecting = tokio::spawn(events::collect(&service.context, CancellationToken::new()));
    let mut events = Events::of(&service, "/api/events?kinds=stream", &[]).await;
    events.event().await;
    tell(&service, HeadState::Failed, Change::Failed(StreamError::Encoding("x264enc0 at 0xdeadbeef".into())));
    let event = events.event().await;
    assert_eq!((&event.data["change"], &event.data["state"]), (&json!("failed"), &json!("failed")));
    assert_eq!(event.data["reason"]["type"], "/problems/encoding-failed");
    assert!(!event.data.to_string().contains("deadbeef"), "{}", event.data);
}

#[tokio::test]
async fn a_scan_is_told_from_its_start_to_its_end() {
    let service = service();
    service.add("a.mkv", "content");
    let _collecting = tokio::spawn(events::collect(&service.context, CancellationToken::new()));
    let mut events = Events::of(&service, "/api/events?kinds=scan", &[]).await;
    service.context.libraries.start_scan();
    let mut told = Vec::new();
    while told.last() != Some(&json!("done")) {
        let event = events.event().await;
        if event.event == "scan" {
            told.push(event.data["state"].clone());
            assert_eq!(event.data.as_object().unwrap().len(), 14, "a whole status");
        }
    }
    assert!(told.len() < 10, "not each path: {told:?}");
}

#[tokio::test]
async fn who_comes_back_is_told_what_happened_meanwhile() {
    let service = service();
    let feed = &service.context.feed;
    let mut events = Events::of(&service, "/api/events", &[]).await;
    let before = events.event().await.id.unwrap();
    drop(events);
    (0..3).for_each(|n| feed.publish(Kind::Stream, &n));
    let (first, second) = ((before + 1).to_string(), (before + 2).to_string());
    for (path, headers, expected) in [
        ("/api/events".to_owned(), vec![("last-event-id", first.as_str())], 1..3),
        (format!("/api/events?last_event_id={before}"), vec![], 0..3),
        (format!("/api/events?last_event_id={before}"), vec![("last-event-id", second.as_str())], 2..3),
        (format!("/api/events?last_event_id={before}"), vec![("last-event-id", "")], 0..3),
    ] {
        let mut events = Events::of(&service, &path, &headers).await;
        assert_eq!(events.event().await, Block { retry: Some(2000), ..Block::default() });
        for n in expected {
            let event = events.event().await;
            assert_eq!((event.id, event.data), (Some(before + 1 + n), json!(n)), "{path} {headers:?}");
        }
    }
}

#[tokio::test]
async fn who_was_away_too_long_or_comes_from_another_run_starts_again() {
    let service = limited(Limits { events: 4, ..Limits::default() });
    let feed = &service.context.feed;
    let mut events = Events::of(&service, "/api/events", &[]).await;
    let before = events.event().await.id.unwrap();
    (0..10).for_each(|n| feed.publish(Kind::Stream, &n));
    let newest = before + 10;
    for (last, reason) in [
        ((before + 5).to_string(), "too-old"),
        ((newest + 1).to_string(), "unknown-id"),
        ((before - 1_000_000).to_string(), "unknown-id"),
        (u64::MAX.to_string(), "unknown-id"),
        ("17-4".to_owned(), "unknown-id"),
    ] {
        let mut events = Events::of(&service, "/api/events?kinds=scan", &[("last-event-id", &last)]).await;
        let reset = events.event().await;
        assert_eq!((reset.event.as_str(), reset.id), ("reset", Some(newest)), "{last}");
        assert_eq!(reset.data, json!({ "reason": reason }), "{last}");
    }
    let mut kept = Events::of(&service, "/api/events", &[("last-event-id", &(before + 6).to_string())]).await;
    kept.event().await;
    assert_eq!(kept.event().await.data, json!(6), "the oldest that is kept");
}

#[tokio::test]
async fn who_is_too_slow_starts_again_and_goes_on() {
    let service = limited(Limits { events: 4, ..Limits::default() });
    let feed = &service.context.feed;
    let mut slow = Events::of(&service, "/api/events", &[]).await;
    let before = slow.event().await.id.unwrap();
    (0..5).for_each(|n| feed.publish(Kind::Scan, &n));
    let reset = slow.event().await;
    assert_eq!((reset.event.as_str(), reset.id), ("reset", Some(before + 5)));
    feed.publish(Kind::Scan, &5);
    assert_eq!(slow.event().await.data, json!(5));
    feed.lose();
    assert_eq!(slow.event().await.event, "reset", "events that were lost below are lost to all");
}

#[tokio::test]
async fn only_the_kinds_that_were_asked_for_are_sent() {
    let service = service();
    let feed = &service.context.feed;
    let mut scans = Events::of(&service, "/api/events?kinds=scan", &[]).await;
    let mut both = Events::of(&service, "/api/events?kinds=stream,%20scan", &[]).await;
    scans.event().await;
    both.event().await;
    feed.publish(Kind::Stream, &1);
    feed.publish(Kind::Scan, &2);
    assert_eq!(scans.event().await.data, json!(2));
    assert_eq!((both.event().await.data, both.event().await.data), (json!(1), json!(2)));
    for (kinds, named) in
        [("scan,job,upload", "no kind `job` and no `upload`"), ("Scan", "`Scan`"), (",", "``")]
    {
        let reply = service.get(&format!("/api/events?kinds={kinds}")).await;
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (400, "bad-request"), "{kinds}");
        let detail = reply.json()["detail"].to_string();
        assert!(detail.contains(named) && detail.contains("scan, stream"), "{detail}");
    }
}

#[tokio::test]
async fn a_quiet_connection_beats_and_keeps_its_number_fresh() {
    let service = limited(Limits { heartbeat: Duration::from_millis(5), ..Limits::default() });
    let mut events = Events::of(&service, "/api/events?kinds=scan", &[]).await;
    let before = events.event().await.id.unwrap();
    service.context.feed.publish(Kind::Stream, &1);
    let beat = events.event().await;
    assert!(beat.comment && beat.event.is_empty() && beat.data.is_null(), "{beat:?}");
    assert_eq!(beat.id, Some(before + 1));
}

#[tokio::test]
async fn a_few_listen_at_once_and_who_leaves_makes_room() {
    let service = limited(Limits { listeners: 2, ..Limits::default() });
    let first = Events::of(&service, "/api/events", &[]).await;
    let _second = Events::of(&service, "/api/events", &[]).await;
    let reply = service.get("/api/events").await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (503, "too-many-listeners"));
    assert_eq!(reply.header("retry-after"), "5");
    assert_eq!(service.ask("HEAD", "/api/events", &[], "").await.status, 200, "HEAD listens to nothing");
    drop(first);
    Events::of(&service, "/api/events", &[]).await;
}

#[tokio::test]
async fn events_are_neither_kept_nor_compressed_and_for_our_own_pages() {
    let service = service();
    let response = open(&service, "/api/events", &[("accept-encoding", "gzip, br")]).await;
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap());
    assert_eq!(header("content-type"), Some("text/event-stream"));
    assert_eq!(header("cache-control"), Some("no-store"));
    assert_eq!((header("content-encoding"), header("content-length")), (None, None));
    for (name, value) in [("origin", "https://evil.example"), ("host", "evil.example")] {
        let reply = service.get_with("/api/events", &[(name, value)]).await;
        assert!(
            matches!(reply.problem().as_str(), "foreign-origin" | "foreign-host" | "bad-request"),
            "{name}"
        );
    }
}

#[test]
fn numbers_increase_from_one_run_to_the_next() {
    let begun = SystemTime::now();
    let first = |now| {
        let feed = Arc::new(Feed::new(Limits::default(), now));
        feed.publish(Kind::Scan, &1);
        feed.newest()
    };
    let (before, after) = (first(begun), first(begun + Duration::from_secs(1)));
    assert!(before < after && after < 1 << 53, "{before} {after}");
}

#[tokio::test]
async fn events_have_the_fields_that_are_described() {
    let description: Value = serde_json::from_str(DESCRIPTION).unwrap();
    let schema = &description["components"]["schemas"]["StreamEvent"];
    let service = service();
    let _collecting = tokio::spawn(events::collect(&service.context, CancellationToken::new()));
    let mut events = Events::of(&service, "/api/events", &[]).await;
    events.event().await;
    let mut changes = vec![
        Change::Started,
        Change::Moved { from_profile: "x".into() },
        Change::FirstFragment { after: PATIENCE },
        Change::Paused,
        Change::Resumed,
        Change::Progress,
        Change::Failed(StreamError::ShuttingDown),
    ];
    changes.extend(EndCause::ALL.into_iter().filter(|cause| *cause != EndCause::Failed).map(Change::Ended));
    for change in changes {
        tell(&service, HeadState::Ended, change);
        let data = events.event().await.data;
        let fields = data.as_object().unwrap();
        for (field, value) in fields {
            let property = &schema["properties"][field];
            assert!(property.is_object(), "{field} is not described");
            if let Some(values) = property["enum"].as_array() {
                assert!(values.contains(value), "{field} {value}");
            }
        }
        for required in schema["required"].as_array().unwrap() {
            assert!(fields.contains_key(required.as_str().unwrap()), "{required} in {data}");
        }
    }
}
