//! `GET /api/files/{id}`.

use serde_json::json;

use super::fixture::{AUDIO, VIDEO, service};
use crate::base::ids::FileId;
use crate::encoder::StreamError;

#[tokio::test]
async fn a_file_is_shown_with_its_renditions_and_why() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    let file = service.get(&format!("/api/files/{id}")).await.json();
    assert_eq!(
        (&file["name"], &file["container"], &file["state"]),
        (&json!("a.mkv"), &json!("matroska"), &json!("ready"))
    );
    assert_eq!(file["chapters"], json!([{ "start_s": 0.5, "title": "One" }]));
    assert_eq!(file["reasons"], json!({ "vcopy": "browsers decode it" }));
    assert_eq!(file["burn"], json!([1]));
    let video = json!({
        "id": VIDEO,
        "kind": "video",
        "track": 0,
        "copied": true,
        "codec_string": "avc1.640028",
        "width": 1920,
        "height": 1080,
        "frame_rate": 23.976,
        "channels": null,
        "language": null,
        "label": null,
        "bandwidth": 170_000,
        "segments": 200,
        "cut_list": { "segments": 200, "duration_s": 400.4, "independent": true },
        "profile": "copy",
        "reason": "browsers decode it",
    });
    assert_eq!(file["renditions"][0], video);
    let audio = &file["renditions"][1];
    assert_eq!(
        (&audio["id"], &audio["kind"], &audio["width"]),
        (&json!(AUDIO), &json!("audio"), &json!(null))
    );
    assert_eq!(
        (&audio["channels"], &audio["language"], &audio["label"]),
        (&json!(2), &json!("en"), &json!("English"))
    );
}

#[tokio::test]
async fn a_file_is_probed_when_somebody_looks() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    service.add("a.mkv", "replaced content");
    // Opening it shows the replacement, and leaves it unprobed.
    service.get(&format!("/direct/{id}")).await;
    assert_eq!(service.files()[0].state.name(), "unprobed");
    let file = service.get(&format!("/api/files/{id}")).await.json();
    assert_eq!((&file["state"], &file["size"]), (&json!("ready"), &json!(16)));
}

#[tokio::test]
async fn a_file_that_cannot_be_played_is_shown_all_the_same() {
    let (broken, id) = service().with_file("broken.mkv", "content").await;
    let file = broken.get(&format!("/api/files/{id}")).await.json();
    assert_eq!(
        (&file["state"], &file["container"], &file["renditions"]),
        (&json!("broken"), &json!(null), &json!([]))
    );

    let (undecodable, id) = service().with_file("a.mkv", "content").await;
    undecodable.fail(StreamError::Undecodable("nothing decodes `x`".to_owned()));
    let file = undecodable.get(&format!("/api/files/{id}")).await.json();
    assert_eq!((&file["state"], &file["unplayable"]), (&json!("ready"), &json!("nothing decodes `x`")));
    undecodable.fail(StreamError::Internal("lost".to_owned()));
    assert_eq!(undecodable.get(&format!("/api/files/{id}")).await.problem(), "internal");

    let (offline, id) = service().with_file("a.mkv", "content").await;
    std::fs::remove_dir_all(&offline.root).unwrap();
    offline.get(&format!("/direct/{id}")).await;
    let file = offline.get(&format!("/api/files/{id}")).await.json();
    assert_eq!((&file["state"], &file["duration_s"]), (&json!("offline"), &json!(2.0)));
    assert!(!file["reason"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn an_unknown_file_is_404() {
    let reply = service().get(&format!("/api/files/{}", FileId::random())).await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (404, "unknown-file"));
}
