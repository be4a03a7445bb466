//! The web app, embedded in the binary.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use rust_embed::Embed;

use super::body;
use super::problem::Problem;
use super::respond::{Answer, Call};
use super::text;
use super::validators::ETag;

#[derive(Embed)]
#[folder = "$CARGO_MANIFEST_DIR/web/dist"]
#[allow_missing = true]
struct Dist;

pub const INDEX: &str = "index.html";
const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Millrace</title>\
     <h1>The page was not built</h1><p>This binary was built without the web app. <code>make build</code> \
     builds both; the API and the streams work without it.</p></html>\n";

/// Compressed files, by the tag of the plain ones. Bounded by what is embedded.
static GZIPPED: LazyLock<Mutex<HashMap<String, Bytes>>> = LazyLock::new(Mutex::default);

pub async fn file(call: &Call<'_>, name: &str) -> Answer {
    let Some(file) = Dist::get(name) else {
        return if name == INDEX { Ok(not_built()) } else { Err(Problem::not_found()) };
    };
    let bytes = Bytes::from(file.data.into_owned());
    let hash: String = file.metadata.sha256_hash().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let (content_type, is_text) = content_type(name);
    let gzipped = match is_text && text::wants_gzip(call.headers, &bytes) {
        true => compressed(&hash, &bytes).await,
        false => None,
    };
    Ok(text::validated(call.headers, content_type, &ETag::new(hash), bytes, gzipped))
}

async fn compressed(hash: &str, bytes: &Bytes) -> Option<Bytes> {
    let cache = || GZIPPED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = cache().get(hash) {
        return Some(known.clone());
    }
    let made = text::gzip(bytes.clone()).await?;
    // A development build reads the folder as it is now; versions that are gone are not kept.
    let mut cache = cache();
    if cache.len() >= Dist::iter().count() {
        cache.clear();
    }
    cache.insert(hash.to_owned(), made.clone());
    Some(made)
}

fn not_built() -> Response<body::Body> {
    let mut response = Response::new(body::full(NOT_BUILT));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// And whether compressing it pays.
fn content_type(name: &str) -> (&'static str, bool) {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => ("text/html; charset=utf-8", true),
        "js" | "mjs" => ("text/javascript; charset=utf-8", true),
        "css" => ("text/css; charset=utf-8", true),
        "svg" => ("image/svg+xml", true),
        "json" | "map" => ("application/json", true),
        "webmanifest" => ("application/manifest+json", true),
        "txt" => ("text/plain; charset=utf-8", true),
        "wasm" => ("application/wasm", true),
        "png" => ("image/png", false),
        "jpg" | "jpeg" => ("image/jpeg", false),
        "webp" => ("image/webp", false),
        "ico" => ("image/vnd.microsoft.icon", false),
        "woff2" => ("font/woff2", false),
        _ => ("application/octet-stream", false),
    }
}
