//! The original bytes.

use std::fs;

use super::fixture::service;
use crate::base::ids::FileId;

const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

#[tokio::test]
async fn a_file_is_sent_as_it_is() {
    // More than one piece, and no whole number of them.
    let content: Vec<u8> = (0..700_001u32).map(|n| (n % 251) as u8).collect();
    let (service, id) = service().with_file("Amélie.mkv", &content).await;
    let path = format!("/direct/{id}");
    let reply = service.get(&path).await;
    assert_eq!((reply.status.as_u16(), reply.bytes().as_ref() == content), (200, true));
    for (name, value) in [
        ("content-length", "700001"),
        ("content-type", "video/x-matroska"),
        ("accept-ranges", "bytes"),
        ("last-modified", MODIFIED),
        ("cache-control", "no-cache"),
        ("content-disposition", "inline; filename=\"Am_lie.mkv\"; filename*=UTF-8''Am%C3%A9lie.mkv"),
    ] {
        assert_eq!(reply.header(name), value);
    }
    for (range, part) in [
        ("bytes=0-0", 0..1),
        ("bytes=262143-262144", 262_143..262_145),
        ("bytes=1-", 1..700_001),
        ("bytes=-5", 699_996..700_001),
    ] {
        let reply = service.get_with(&path, &[("range", range)]).await;
        assert_eq!(reply.status, 206, "{range}");
        assert_eq!(reply.header("content-range"), format!("bytes {}-{}/700001", part.start, part.end - 1));
        assert!(reply.bytes().as_ref() == &content[part], "{range}");
    }
}

#[tokio::test]
async fn a_file_is_not_sent_to_one_who_has_it() {
    let (service, id) = service().with_file("a.mp4", "content").await;
    let path = format!("/direct/{id}");
    let etag = service.get(&path).await.header("etag").to_owned();
    for known in [("if-none-match", etag.as_str()), ("if-modified-since", MODIFIED)] {
        assert_eq!(service.get_with(&path, &[known]).await.status, 304, "{known:?}");
    }
    for (condition, status) in [(etag.as_str(), 206), (MODIFIED, 206), ("\"other\"", 200)] {
        let asked = [("range", "bytes=1-2"), ("if-range", condition)];
        assert_eq!(service.get_with(&path, &asked).await.status, status, "{condition}");
    }
    let outside = service.get_with(&path, &[("range", "bytes=7-")]).await;
    assert_eq!((outside.status.as_u16(), outside.header("content-range")), (416, "bytes */7"));
    let several = service.get_with(&path, &[("range", "bytes=0-1,3-4")]).await;
    assert_eq!((several.status.as_u16(), several.text()), (200, "content"));
}

#[tokio::test]
async fn a_replaced_file_is_sent_as_it_is_now() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    let path = format!("/direct/{id}");
    let before = service.get(&path).await.header("etag").to_owned();
    service.add("a.mkv", "another content");
    let reply = service.get(&path).await;
    assert_eq!((reply.status.as_u16(), reply.text()), (200, "another content"));
    assert_ne!(reply.header("etag"), before);
}

#[tokio::test]
async fn a_file_that_cannot_be_had_says_why() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    let path = format!("/direct/{id}");
    let unknown = service.get(&format!("/direct/{}", FileId::random())).await;
    assert_eq!((unknown.status.as_u16(), unknown.problem().as_str()), (404, "unknown-file"));
    service.add("b.mkv", "b");
    fs::remove_file(service.root.join("a.mkv")).unwrap();
    let missing = service.get(&path).await;
    assert_eq!((missing.status.as_u16(), missing.problem().as_str()), (503, "offline"));
    fs::remove_dir_all(&service.root).unwrap();
    let offline = service.get(&path).await;
    assert_eq!((offline.status.as_u16(), offline.problem().as_str()), (503, "offline"));
    assert!(offline.json()["detail"].as_str().unwrap().contains("Films"));
    assert!(!offline.header("retry-after").is_empty());
}

#[tokio::test]
async fn a_file_that_shrinks_while_it_is_sent_breaks_off() {
    let file = tempfile::tempfile().unwrap();
    file.set_len(10).unwrap();
    let body = crate::http::file_body::part(file, 5..20);
    assert!(http_body_util::BodyExt::collect(body).await.is_err());
}
