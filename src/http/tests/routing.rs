//! Which addresses there are, and with which methods.

use super::fixture::{AUDIO, VIDEO, service};
use crate::http::path;
use crate::http::route::{Cache, Route};

const ID: &str = "0123456789abcdef0123";

fn parse(path: &str) -> Option<Route> {
    Route::parse(&path::parts(path).unwrap())
}

#[test]
fn every_address_finds_its_route() {
    let id = ID.parse().unwrap();
    for (path, expected) in [
        ("/", Route::Page("index.html".into())),
        ("/favicon.svg", Route::Page("favicon.svg".into())),
        ("/assets/app-1a2b.js", Route::Page("assets/app-1a2b.js".into())),
        ("/healthz", Route::Health),
        ("/readyz", Route::Ready),
        ("/metrics", Route::Metrics),
        ("/api/files", Route::Files),
        (&format!("/api/files/{ID}"), Route::File(id)),
        (&format!("/api/files/{ID}/position"), Route::Position(id)),
        (&format!("/api/files/{ID}/view"), Route::View(id)),
        ("/api/scan", Route::Scan),
        ("/api/scan/status", Route::ScanStatus),
        (&format!("/api/stream/{ID}/start"), Route::StreamStart(id)),
        (&format!("/api/stream/{ID}/stop"), Route::StreamStop(id)),
        ("/api/streams", Route::Streams),
        ("/api/events", Route::Events),
        ("/api/hardware", Route::Hardware),
        ("/api/openapi.json", Route::OpenApi),
        (&format!("/hls/{ID}/index.m3u8"), Route::HlsIndex(id)),
        (&format!("/dash/{ID}/manifest.mpd"), Route::DashManifest(id)),
        (&format!("/media/{ID}/{VIDEO}/index.m3u8"), Route::MediaPlaylist(id, VIDEO.into())),
        (&format!("/media/{ID}/{VIDEO}/init.mp4"), Route::Init(id, VIDEO.into())),
        (&format!("/media/{ID}/{AUDIO}/0.m4s"), Route::Segment(id, AUDIO.into(), 0)),
        (&format!("/media/{ID}/{VIDEO}/4294967295.m4s"), Route::Segment(id, VIDEO.into(), u32::MAX)),
        (&format!("/media/{ID}/{VIDEO}/7.0.m4s"), Route::Part(id, VIDEO.to_owned(), 7, 0)),
        (&format!("/ts/{ID}/index.m3u8"), Route::TransportIndex(id)),
        (&format!("/ts/{ID}/{VIDEO}_a0-1/7.ts"), Route::TransportSegment(id, format!("{VIDEO}_a0-1"), 7)),
        (&format!("/ts/{ID}/a0-1/index.m3u8"), Route::TransportPlaylist(id, "a0-1".to_owned())),
        (&format!("/ts/{ID}/t0-1/7.vtt"), Route::TransportText(id, "t0-1".to_owned(), 7)),
        (&format!("/direct/{ID}"), Route::Direct(id)),
        (&format!("/%64irect/{ID}"), Route::Direct(id)),
    ] {
        assert_eq!(parse(path), Some(expected), "{path}");
    }
}

#[test]
fn nothing_else_is_an_address() {
    for path in [
        "/api",
        "/api/",
        "/api/files/",
        "/api/files/x",
        &format!("/api/files/{}", ID.to_uppercase()),
        &format!("/api/files/{ID}/position/"),
        "/api/uploads",
        "/healthz/x",
        &format!("/hls/{ID}"),
        &format!("/hls/{ID}/master.m3u8"),
        &format!("/live/{ID}"),
        &format!("/live/{ID}/{VIDEO}/0.m4s"),
        "/live/now",
        &format!("/ts/{ID}/v-1__a-1/0.ts"),
        &format!("/ts/{ID}/v-1_/index.m3u8"),
        &format!("/ts/{ID}/v-1_t-1/0.vtt"),
        &format!("/ts/{ID}/v-1/0.m4s"),
        &format!("/media/{ID}/{VIDEO}/00.m4s"),
        &format!("/media/{ID}/{VIDEO}/+1.m4s"),
        &format!("/media/{ID}/{VIDEO}/-1.m4s"),
        &format!("/media/{ID}/{VIDEO}/4294967296.m4s"),
        &format!("/media/{ID}/{VIDEO}/1.02.m4s"),
        &format!("/media/{ID}/{VIDEO}/1..m4s"),
        &format!("/media/{ID}/{VIDEO}/.1.m4s"),
        &format!("/media/{ID}/{VIDEO}/1.2.3.m4s"),
        &format!("/media/{ID}/v_1/0.m4s"),
        &format!("/media/{ID}//0.m4s"),
        &format!("/direct/{ID}/"),
        "//etc/passwd",
        "/assets//etc/passwd",
        "/assets/",
    ] {
        assert_eq!(parse(path), None, "{path}");
    }
}

#[test]
fn what_never_changes_under_its_address_is_kept_for_ever() {
    for (path, cache) in [
        ("/", Cache::Revalidate),
        ("/assets/app-1a2b.js", Cache::Immutable),
        (&format!("/media/{ID}/{VIDEO}/0.m4s"), Cache::Immutable),
        (&format!("/media/{ID}/{VIDEO}/init.mp4"), Cache::Immutable),
        (&format!("/media/{ID}/{VIDEO}/index.m3u8"), Cache::Immutable),
        (&format!("/hls/{ID}/index.m3u8"), Cache::Revalidate),
        (&format!("/ts/{ID}/{VIDEO}_a0-1/7.ts"), Cache::Immutable),
        (&format!("/ts/{ID}/index.m3u8"), Cache::Revalidate),
        ("/api/files", Cache::No),
    ] {
        assert_eq!(parse(path).unwrap().cache(), cache, "{path}");
    }
}

#[tokio::test]
async fn an_unknown_address_is_404_and_a_wrong_method_405() {
    let service = service();
    for path in ["/nothing", "/api/nothing", "/api/files/x", "/live/x/index.m3u8"] {
        let reply = service.get(path).await;
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (404, "not-found"), "{path}");
    }
    for (method, path, allow) in [
        ("POST", "/".to_owned(), "GET, HEAD, OPTIONS"),
        ("DELETE", format!("/api/files/{ID}"), "GET, HEAD, OPTIONS"),
        ("GET", "/api/scan".to_owned(), "POST, OPTIONS"),
        ("POST", format!("/api/files/{ID}/position"), "PUT, OPTIONS"),
        ("PUT", format!("/direct/{ID}"), "GET, HEAD, OPTIONS"),
        ("BREW", "/healthz".to_owned(), "GET, HEAD, OPTIONS"),
        ("TRACE", "/healthz".to_owned(), "GET, HEAD, OPTIONS"),
    ] {
        let reply = service.ask(method, &path, &[], "").await;
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (405, "method-not-allowed"), "{path}");
        assert_eq!(reply.header("allow"), allow, "{path}");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    service.segment(&["abc"], Some(Ok(())));
    for path in [
        "/".to_owned(),
        "/healthz".to_owned(),
        "/api/files".to_owned(),
        format!("/hls/{id}/index.m3u8"),
        format!("/media/{id}/{VIDEO}/init.mp4"),
        format!("/direct/{id}"),
    ] {
        let (get, head) = (service.get(&path).await, service.ask("HEAD", &path, &[], "").await);
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.header("content-length"), get.bytes().len().to_string(), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        assert_eq!(head.header("etag"), get.header("etag"), "{path}");
        assert!(head.bytes().is_empty(), "{path}");
    }
}

#[tokio::test]
async fn options_tells_the_methods_and_opens_the_media_to_all_origins() {
    let service = service();
    service.segment(&["abc"], Some(Ok(())));
    let preflight = [("origin", "https://tv.example"), ("access-control-request-method", "GET")];
    for path in [
        format!("/hls/{ID}/index.m3u8"),
        format!("/dash/{ID}/manifest.mpd"),
        format!("/media/{ID}/{VIDEO}/0.m4s"),
        format!("/direct/{ID}"),
    ] {
        let reply = service.ask("OPTIONS", &path, &preflight, "").await;
        assert_eq!(reply.status, 204, "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        assert_eq!(reply.header("access-control-allow-methods"), "GET, HEAD, OPTIONS");
        assert!(reply.header("access-control-allow-headers").contains("range"));
        let reply = service.get_with(&path, &preflight[..1]).await;
        assert_eq!(reply.header("access-control-allow-origin"), "*", "{path} {}", reply.status);
    }
    let reply = service.ask("OPTIONS", "/api/scan", &[], "").await;
    assert_eq!((reply.status.as_u16(), reply.header("allow")), (204, "POST, OPTIONS"));
    for path in ["/", "/api/files", "/healthz", "/metrics"] {
        let reply = service.get(path).await;
        assert!(!reply.headers.keys().any(|name| name.as_str().starts_with("access-control")), "{path}");
    }
}
