//! The JSON API but for single files.

use serde_json::{Value, json};

use super::fixture::{VIDEO, service};
use crate::base::ids::FileId;

#[tokio::test]
async fn a_listed_file_has_the_fields_of_the_interface() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    let reply = service.get("/api/files").await;
    assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, "application/json"));
    assert_eq!(reply.header("cache-control"), "no-store");
    let expected = json!({
        "files": [{
            "id": id.to_string(),
            "name": "a.mkv",
            "library": "Films",
            "path": service.root.join("a.mkv").to_str().unwrap(),
            "size": 7,
            "modified": "1994-11-06T08:49:37Z",
            "duration_s": 2.0,
            "state": "ready",
            "video": null,
            "audio": [],
            "text": [],
            "views": 0,
            "position_s": 0.0,
        }],
        "next": null,
    });
    assert_eq!(reply.json(), expected);
}

#[tokio::test]
async fn pages_go_on_where_the_one_before_ended() {
    let service = service();
    for name in ["a.mkv", "b.mkv", "c.mkv", "d broken.mkv", "é.mkv"] {
        service.add(name, name);
    }
    service.scan().await;
    for sort in ["name", "-name", "size", "-modified"] {
        let (mut names, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = service.get(&format!("/api/files?limit=2&sort={sort}&cursor={cursor}")).await.json();
            names.extend(page["files"].as_array().unwrap().iter().map(|file| file["name"].to_string()));
            match page["next"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 5, "{sort}");
    }
    let found = |query: &str| {
        let (service, path) = (&service, format!("/api/files?{query}"));
        async move { service.get(&path).await.json()["files"].as_array().unwrap().len() }
    };
    assert_eq!(found("q=%C3%89").await, 2, "É, as in é and broken");
    assert_eq!(found("q=d+broken&library=Films").await, 1);
    assert_eq!(found("library=Other").await, 0);
    assert_eq!(found("q=&library=&sort=&cursor=&limit=").await, 5, "empty is left out");
    assert_eq!(found("limit=1000&unknown=1").await, 5);
    let broken = service.get("/api/files?q=broken").await.json()["files"][0].clone();
    assert_eq!(
        (&broken["state"], &broken["video"], &broken["duration_s"]),
        (&json!("broken"), &Value::Null, &Value::Null)
    );
    assert!(broken["reason"].as_str().unwrap().contains("codec `x`"));
}

#[tokio::test]
async fn a_bad_parameter_of_the_list_is_told() {
    let (service, _) = service().with_file("a.mkv", "content").await;
    service.add("b.mkv", "b");
    service.scan().await;
    let next = service.get("/api/files?limit=1").await.json()["next"].as_str().unwrap().to_owned();
    for query in [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=many",
        "limit=1&limit=2",
        "sort=colour",
        "cursor=zz",
        "cursor=abc",
        "q=%ff",
        &format!("sort=-name&cursor={next}"),
    ] {
        let reply = service.get(&format!("/api/files?{query}")).await;
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (400, "bad-request"), "{query}");
    }
}

#[tokio::test]
async fn a_scan_starts_and_tells_how_far_it_is() {
    let (service, _) = service().with_file("a.mkv", "content").await;
    let status = service.get("/api/scan/status").await.json();
    assert_eq!((&status["state"], &status["candidates"]), (&json!("done"), &json!(1)));
    let started = service.ask("POST", "/api/scan", &[], "").await;
    assert_eq!((started.status.as_u16(), &started.json()["state"]), (202, &json!("scanning")));
    assert_eq!(service.ask("POST", "/api/scan", &[], "{\"full\":true}").await.status, 400);
}

#[tokio::test]
async fn a_stream_starts_with_its_addresses() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    let path = format!("/api/stream/{id}/start");
    let body = json!({ "mode": "ondemand", "at_s": 90.5, "wait": true }).to_string();
    let reply = service.ask("POST", &path, &[], &body).await;
    let expected = json!({
        "hls_url": format!("/hls/{id}/index.m3u8"),
        "dash_url": format!("/dash/{id}/manifest.mpd"),
        "live_hls_url": format!("/live/{id}/index.m3u8"),
        "live_dash_url": format!("/live/{id}/manifest.mpd"),
        "first_fragment_ms": 250,
        "live": null,
    });
    assert_eq!((reply.status.as_u16(), reply.json()), (200, expected));
    assert_eq!(service.ask("POST", &path, &[], "").await.json()["first_fragment_ms"], Value::Null);
    let asked = service.streams.started.lock().unwrap();
    assert_eq!((asked[0].at_ns, asked[0].wait, asked[0].copy), (90_500_000_000, true, true));
    assert_eq!((asked[1].at_ns, asked[1].wait, asked[1].copy), (0, false, true));
}

#[tokio::test]
async fn a_stream_starts_within_its_film_only() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    let path = format!("/api/stream/{id}/start");
    let reply = service.ask("POST", &path, &[], "{\"at_s\":400.5}").await;
    assert_eq!(reply.status, 200, "the end, rounded, is a position: {}", reply.text());
    let reply = service.ask("POST", &path, &[], "{\"at_s\":401.5}").await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (404, "beyond-the-end"));
    assert_eq!(reply.json()["detail"], "`at_s` is 401.5, and the film has 400.4 s.");
    assert_eq!(service.streams.started.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn nothing_is_stopped_of_a_file_that_is_not_there() {
    let service = service();
    let reply = service.ask("POST", &format!("/api/stream/{}/stop", FileId::random()), &[], "").await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (404, "unknown-file"));
}

#[tokio::test]
async fn a_live_start_says_where_everybody_is() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    let body = json!({ "mode": "live", "at_s": 12.5 }).to_string();
    let reply = service.ask("POST", &format!("/api/stream/{id}/start"), &[], &body).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["live"], json!({ "file": id, "position_s": 12.5, "ended": true }));
    assert!(service.streams.started.lock().unwrap()[0].live);
    let listed = service.get("/api/streams").await.json();
    assert_eq!(listed["live"][0]["position_s"], 90.5);
}

#[tokio::test]
async fn a_body_that_is_not_understood_is_refused() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    for (method, path, bodies) in [
        (
            "POST",
            format!("/api/stream/{id}/start"),
            &[
                "{",
                "[]",
                "{\"speed\":1}",
                "{\"mode\":\"fast\"}",
                "{\"at_s\":-1}",
                "{\"at_s\":\"1\"}",
                "{\"at_s\":1e999}",
            ][..],
        ),
        ("POST", format!("/api/stream/{id}/stop"), &["{\"all\":true}", "{\"purge\":1}"]),
        (
            "PUT",
            format!("/api/files/{id}/position"),
            &["", "{}", "{\"position_s\":-0.1}", "{\"position_s\":null}", "{\"position_s\":1,\"user\":2}"],
        ),
        ("POST", format!("/api/files/{id}/view"), &["{\"views\":7}"]),
    ] {
        for body in bodies {
            let reply = service.ask(method, &path, &[], body).await;
            assert_eq!(
                (reply.status.as_u16(), reply.problem().as_str()),
                (400, "bad-request"),
                "{path} {body}"
            );
        }
        let large = format!("{{{}}}", " ".repeat(64 << 10));
        let reply = service.ask(method, &path, &[], &large).await;
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (413, "body-too-large"), "{path}");
    }
}

#[tokio::test]
async fn a_stream_stops_and_the_heads_are_listed() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    let path = format!("/api/stream/{id}/stop");
    assert_eq!(service.ask("POST", &path, &[], "").await.json(), json!({ "stopped": 2, "freed_bytes": 0 }));
    let purged = service.ask("POST", &path, &[], "{\"purge\":true}").await;
    assert_eq!(purged.json(), json!({ "stopped": 2, "freed_bytes": 7 }));
    let head = service.get("/api/streams").await.json()["streams"][0].clone();
    for (field, value) in [
        ("rendition", json!(VIDEO)),
        ("segment", json!(3)),
        ("state", json!("running")),
        ("waiters", json!(1)),
        ("name", json!("a.mkv")),
        ("since", json!("1994-11-06T08:49:37.5Z")),
    ] {
        assert_eq!(head[field], value);
    }
}

#[tokio::test]
async fn positions_and_views_are_kept() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    let path = format!("/api/files/{id}/position");
    let reply = service.ask("PUT", &path, &[], "{\"position_s\":12.5}").await;
    assert_eq!((reply.status.as_u16(), reply.json()), (200, json!({ "position_s": 12.5 })));
    for views in 1..3 {
        let reply = service.ask("POST", &format!("/api/files/{id}/view"), &[], "").await;
        assert_eq!((reply.status.as_u16(), reply.json()), (200, json!({ "views": views })));
    }
    let file = &service.files()[0];
    assert_eq!((file.position_s, file.views), (12.5, 2));
    let unknown = FileId::random();
    for (method, path) in [("PUT", "position"), ("POST", "view")] {
        let body = if method == "PUT" { "{\"position_s\":1}" } else { "" };
        let reply = service.ask(method, &format!("/api/files/{unknown}/{path}"), &[], body).await;
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (404, "unknown-file"));
    }
}

#[tokio::test]
async fn the_service_tells_how_it_is() {
    let (service, _) = service().with_file("a.mkv", "content").await;
    assert_eq!(service.get("/healthz").await.text(), "ok\n");
    assert_eq!(service.get("/readyz").await.text(), "ready\n");
}

#[tokio::test]
async fn what_hardware_can_do_and_does_is_told() {
    let found = service().get("/api/hardware").await.json();
    assert_eq!((&found["state"], &found["examined_at"]), (&json!("done"), &json!(null)));
    let card = &found["profiles"][0];
    assert_eq!(
        (&card["name"], &card["works"], &card["remedy"]),
        (&json!("card"), &json!(false), &json!("plug one in"))
    );
    assert_eq!(
        found["resting"],
        json!([{ "profile": "card", "combination": null, "why": "worker died", "left_s": 2 }])
    );
    assert_eq!(found["sessions"], json!([{ "profile": "card", "at_work": 1, "limit": 2 }]));
}
