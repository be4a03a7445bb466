//! Who is answered.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use super::fixture::{configured, service};

fn request(path: &str) -> Request<Full<Bytes>> {
    Request::get(path).header("host", "localhost").body(Full::default()).unwrap()
}

#[tokio::test]
async fn a_foreign_host_name_is_refused_everywhere() {
    let service = service();
    for path in ["/", "/healthz", "/api/files", "/nothing", "/api/scan"] {
        let reply = service.get_with(path, &[("host", "evil.example:8484")]).await;
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (421, "foreign-host"), "{path}");
    }
    assert_eq!(service.get_with("/healthz", &[("host", "millrace.local")]).await.status, 200);
}

#[tokio::test]
async fn a_name_that_the_owner_adds_is_answered() {
    let service = configured("[access]\nhosts = [\"media.example.org\"]\n");
    assert_eq!(service.get_with("/healthz", &[("host", "media.example.org")]).await.status, 200);
}

#[tokio::test]
async fn a_foreign_page_may_read_media_and_nothing_else() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    let foreign = [("origin", "https://evil.example")];
    for (method, path) in [
        ("GET", "/api/files".to_owned()),
        ("GET", "/api/openapi.json".to_owned()),
        ("POST", "/api/scan".to_owned()),
        ("OPTIONS", "/api/scan".to_owned()),
        ("POST", format!("/api/files/{id}/view")),
        ("POST", format!("/direct/{id}")),
    ] {
        let reply = service.ask(method, &path, &foreign, "").await;
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (403, "foreign-origin"), "{path}");
    }
    assert_eq!(service.files()[0].views, 0);
    assert_eq!(service.get_with(&format!("/direct/{id}"), &foreign).await.status, 200);
    let own = [("origin", "http://192.168.1.2:8484")];
    assert_eq!(service.ask("POST", "/api/scan", &own, "").await.status, 202);
}

#[tokio::test]
async fn strangers_are_answered_when_the_owner_says_so() {
    let lan = service();
    for path in ["/", "/healthz", "/api/files", "/nothing"] {
        let reply = lan.answer(request(path), "8.8.8.8").await;
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (403, "not-on-the-lan"), "{path}");
    }
    assert_eq!(lan.answer(request("/healthz"), "::ffff:127.0.0.1").await.status, 200);
    let anyone = configured("[access]\nviewers = \"anyone\"\n");
    assert_eq!(anyone.answer(request("/healthz"), "8.8.8.8").await.status, 200);
}

#[tokio::test]
async fn a_path_that_climbs_or_hides_something_is_refused() {
    let service = service();
    for path in [
        "/assets/../../etc/passwd",
        "/assets/%2e%2e/%2e%2e/etc/passwd",
        "/assets/..%2f..%2fetc%2fpasswd",
        "/assets/%00",
        "/direct/%2e%2e",
        "/%c0%ae%c0%ae/",
        "/api/files/..%5c",
        "/%",
    ] {
        let reply = service.get(path).await;
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (400, "bad-request"), "{path}");
    }
    let reply = service.get(&format!("/{}", "a".repeat(9000))).await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (414, "uri-too-long"));
}

#[tokio::test]
async fn every_answer_is_marked_and_guarded() {
    let service = service();
    let mut ids = Vec::new();
    for path in ["/", "/healthz", "/api/files", "/nothing", "/api/files?limit=0"] {
        let reply = service.get(path).await;
        let id = reply.header("x-request-id").to_owned();
        assert!(id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{path}: {id}");
        ids.push(id);
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(reply.header("referrer-policy"), "no-referrer", "{path}");
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);
}
