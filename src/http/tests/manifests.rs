//! Playlists and manifests: validators, compression, which videos they list.

use std::io::Read;

use super::fixture::{AUDIO, BURNT, VIDEO, service};

#[tokio::test]
async fn manifests_are_asked_about_again_and_not_sent_twice() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    for (path, content_type, text) in [
        (format!("/hls/{id}/index.m3u8"), "application/vnd.apple.mpegurl", "#EXT-X-STREAM-INF"),
        (format!("/dash/{id}/manifest.mpd"), "application/dash+xml", "<MPD"),
        (format!("/media/{id}/{VIDEO}/index.m3u8"), "application/vnd.apple.mpegurl", "#EXT-X-ENDLIST"),
        (format!("/media/{id}/{AUDIO}/index.m3u8"), "application/vnd.apple.mpegurl", "#EXTINF"),
    ] {
        let reply = service.get(&path).await;
        assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, content_type), "{path}");
        assert!(reply.text().contains(text), "{path}");
        let versioned = path.starts_with("/media/");
        let cache = if versioned { "public, max-age=31536000, immutable" } else { "no-cache" };
        assert_eq!(reply.header("cache-control"), cache, "{path}");
        assert_eq!(reply.header("content-encoding"), "");
        let etag = reply.header("etag");
        assert!(etag.starts_with('"') && etag.len() > 8, "{etag}");
        for known in [etag, "*", &format!("\"other\", {etag}"), &format!("W/{etag}")] {
            let again = service.get_with(&path, &[("if-none-match", known)]).await;
            assert_eq!((again.status.as_u16(), again.bytes().len()), (304, 0), "{path} {known}");
            assert_eq!((again.header("etag"), again.header("cache-control")), (etag, cache));
        }
        assert_eq!(service.get_with(&path, &[("if-none-match", "\"other\"")]).await.status, 200);
    }
}

#[tokio::test]
async fn a_long_playlist_is_compressed_for_those_who_accept_it() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    let path = format!("/media/{id}/{VIDEO}/index.m3u8");
    let plain = service.get(&path).await;
    let gzipped = service.get_with(&path, &[("accept-encoding", "gzip, br")]).await;
    assert_eq!(gzipped.header("content-encoding"), "gzip");
    assert_eq!(gzipped.header("vary"), "accept-encoding");
    assert_eq!(plain.header("vary"), "accept-encoding");
    assert_eq!(gzipped.header("content-length"), gzipped.bytes().len().to_string());
    assert_ne!(gzipped.header("etag"), plain.header("etag"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(&gzipped.bytes()[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, plain.text());
    for reply in [plain, gzipped] {
        let etag = reply.header("etag");
        let known = [("accept-encoding", "gzip"), ("if-none-match", etag)];
        let again = service.get_with(&path, &known).await;
        assert_eq!((again.status.as_u16(), again.header("etag")), (304, etag));
    }
    let short = format!("/hls/{id}/index.m3u8");
    let reply = service.get_with(&short, &[("accept-encoding", "gzip")]).await;
    assert!(reply.header("content-encoding").is_empty() && reply.bytes().len() < 1024);
}

#[tokio::test]
async fn copy_chooses_what_is_listed_and_is_only_or_none() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    for manifest in [format!("/hls/{id}/index.m3u8"), format!("/dash/{id}/manifest.mpd")] {
        for (query, status) in
            [("", 200), ("?copy=only", 200), ("?copy=none", 200), ("?copy=", 200), ("?_HLS_skip=YES", 200)]
        {
            assert_eq!(service.get(&format!("{manifest}{query}")).await.status, status, "{query}");
        }
        for query in ["?copy=all", "?copy=only&copy=none", "?copy=%ff"] {
            let reply = service.get(&format!("{manifest}{query}")).await;
            assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (400, "bad-request"), "{query}");
        }
    }
}

#[tokio::test]
async fn burn_lists_the_pictures_with_a_track_in_them_and_says_which_there_are() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    for manifest in [format!("/hls/{id}/index.m3u8"), format!("/dash/{id}/manifest.mpd")] {
        let plain = service.get(&manifest).await.text().to_owned();
        assert!(plain.contains(VIDEO) && !plain.contains(BURNT), "{plain}");
        for query in ["?burn=1", "?copy=none&burn=1"] {
            let burnt = service.get(&format!("{manifest}{query}")).await.text().to_owned();
            assert!(burnt.contains(BURNT) && burnt.contains(AUDIO) && !burnt.contains(VIDEO), "{burnt}");
        }
        for (query, detail) in [
            ("?burn=0", "text track 0 cannot be drawn into the picture; those that can: 1 (pgs, de)"),
            ("?burn=2", "those that can: 1 (pgs, de)"),
            ("?burn=-1", "`burn`"),
            ("?burn=1&copy=only", "does not go with `copy=only`"),
        ] {
            let reply = service.get(&format!("{manifest}{query}")).await;
            assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (400, "bad-request"), "{query}");
            assert!(reply.text().contains(detail), "{}", reply.text());
        }
    }
    for edge in [format!("/live/{id}/index.m3u8?burn=1"), format!("/live/{id}/manifest.mpd?burn=1")] {
        assert_eq!(service.get(&edge).await.status, 400, "{edge}");
    }
    let list = service.get(&format!("/media/{id}/{BURNT}/index.m3u8")).await;
    assert_eq!(list.status, 200);
}

#[tokio::test]
async fn an_old_version_of_a_rendition_is_gone_and_a_strange_one_unknown() {
    let (service, id) = service().with_file("a.mkv", "content").await;
    for (rendition, status, name) in [
        ("vcopy-000000000000", 410, "superseded"),
        ("a0-aac-000000000000", 410, "superseded"),
        ("v720-3f9a5c0b7e21", 404, "unknown-rendition"),
        ("a9-aac-3f9a5c0b7e21", 404, "unknown-rendition"),
        ("-", 404, "unknown-rendition"),
    ] {
        for (method, file) in [("GET", "index.m3u8"), ("HEAD", "0.m4s")] {
            let reply = service.ask(method, &format!("/media/{id}/{rendition}/{file}"), &[], "").await;
            assert_eq!(reply.status, status, "{rendition} {file}");
            assert!(method == "HEAD" || reply.problem() == name, "{rendition}");
        }
    }
}
