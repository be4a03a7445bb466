//! What clients are told of what went wrong inside.

use std::path::PathBuf;
use std::sync::Arc;

use super::fixture::{VIDEO, service};
use crate::base::ids::FileId;
use crate::catalogue::CatalogueError;
use crate::encoder::StreamError;
use crate::http::problem::Problem;
use crate::library::LibraryError;

const SECRET: &str = "element x264enc0 at 0xdeadbeef";

#[tokio::test]
async fn every_failure_of_a_stream_has_its_status() {
    let file = FileId::random();
    let service = service();
    let text = || SECRET.to_owned();
    for (error, status, name, retry) in [
        (StreamError::UnknownFile(file), 404, "unknown-file", ""),
        (StreamError::Superseded { file, rendition: text() }, 410, "superseded", ""),
        (StreamError::UnknownRendition { file, rendition: "v1".into() }, 404, "unknown-rendition", ""),
        (StreamError::BeyondEnd { rendition: "v1".into(), segment: 9, count: 3 }, 404, "beyond-the-end", ""),
        (StreamError::Offline("the library Films is offline".into()), 503, "offline", "30"),
        (StreamError::Undecodable("nothing decodes `x`".into()), 422, "unplayable", ""),
        (StreamError::Damaged("it ends at 1:02".into()), 422, "unplayable", ""),
        (StreamError::Encoding(text()), 500, "encoding-failed", ""),
        (StreamError::ShuttingDown, 503, "shutting-down", "5"),
        (StreamError::Internal(text()), 500, "internal", ""),
    ] {
        let told = error.to_string();
        service.fail(error);
        for path in [
            format!("/hls/{file}/index.m3u8"),
            format!("/dash/{file}/manifest.mpd"),
            format!("/media/{file}/{VIDEO}/index.m3u8"),
            format!("/media/{file}/{VIDEO}/init.mp4"),
            format!("/media/{file}/{VIDEO}/0.m4s"),
        ] {
            let reply = service.get(&path).await;
            assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (status, name), "{path}");
            assert_eq!(reply.header("retry-after"), retry, "{path}");
            assert!(!reply.text().contains(SECRET), "{path}");
            assert_eq!(reply.text().contains(&told), !told.contains(SECRET), "{path}");
            assert_eq!(reply.header("access-control-allow-origin"), "*");
        }
    }
}

#[test]
fn every_failure_of_a_library_has_its_status() {
    let (library, path, reason) = ("Films".to_owned(), PathBuf::from("/secret/a.mkv"), SECRET.to_owned());
    let full = CatalogueError::Full { path: path.clone() };
    for (error, status, detail) in [
        (LibraryError::Unknown(FileId::random()), 404, "no file"),
        (LibraryError::Offline { library: library.clone(), reason: reason.clone() }, 503, "Films is offline"),
        (LibraryError::Missing { library, path: path.clone() }, 503, "Films"),
        (LibraryError::Changed { path: path.clone() }, 503, "replaced"),
        (LibraryError::Refused { path: path.clone(), reason: "a link" }, 403, "a link"),
        (LibraryError::Unreadable { path: path.clone(), reason }, 503, "disk"),
        (LibraryError::Broken { path, reason: "codec `x`".into() }, 422, "codec `x`"),
        (LibraryError::ProbeLost(FileId::random()), 500, "log"),
        (LibraryError::ShuttingDown, 503, "shutting down"),
        (LibraryError::Catalogue(Arc::new(full)), 507, "disk"),
        (LibraryError::Catalogue(Arc::new(CatalogueError::ForeignCursor)), 400, "cursor"),
    ] {
        let shown = format!("{error:?}");
        let problem = Problem::from(error);
        assert_eq!(problem.status(), status, "{shown}");
        assert!(problem.detail.contains(detail), "{shown}: {}", problem.detail);
        assert!(!problem.detail.contains("/secret") && !problem.detail.contains(SECRET), "{shown}");
    }
}
