//! The web app.

use super::fixture::service;

#[tokio::test]
async fn the_root_is_a_page_that_runs_only_what_is_ours() {
    let service = service();
    for path in ["/", "/index.html"] {
        let reply = service.get(path).await;
        assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, "text/html; charset=utf-8"));
        assert_eq!(reply.header("cache-control"), "no-cache");
        assert!(reply.text().to_lowercase().contains("<title>"));
        let policy = reply.header("content-security-policy");
        for rule in
            ["default-src 'self';", "script-src 'self';", "frame-ancestors 'none';", "base-uri 'none';"]
        {
            assert!(policy.contains(rule), "{policy}");
        }
        assert!(!policy.contains("unsafe"));
    }
}

#[tokio::test]
async fn what_is_not_embedded_is_not_found() {
    let service = service();
    for path in ["/films", "/assets/nothing.js", "/Cargo.toml", "/src/lib.rs"] {
        let reply = service.get(path).await;
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (404, "not-found"), "{path}");
    }
}
