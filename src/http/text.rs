//! Text answers: compressed for those who accept it, with a validator where the text is asked for again.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::body::{self, Body};
use super::validators::{ETag, Validators};

/// Below this, headers and packets outweigh what compression saves.
const WORTH_COMPRESSING: usize = 1024;
/// Longer texts take milliseconds to compress, which is for another thread.
const QUICK: usize = 64 << 10;

/// A text that tells what is now: no validator.
pub async fn current(
    headers: &HeaderMap,
    content_type: &'static str,
    text: impl Into<Bytes>,
) -> Response<Body> {
    let text = text.into();
    let gzipped = if wants_gzip(headers, &text) { gzip(text.clone()).await } else { None };
    reply(content_type, text, gzipped)
}

/// A text that clients ask for again: 304 when they have it.
pub async fn revalidated(
    headers: &HeaderMap,
    content_type: &'static str,
    text: impl Into<Bytes>,
) -> Response<Body> {
    let text = text.into();
    let tag = ETag::of_text(&text);
    let gzipped = if wants_gzip(headers, &text) { gzip(text.clone()).await } else { None };
    validated(headers, content_type, &tag, text, gzipped)
}

/// The same with a tag and a compressed form that are known already.
pub fn validated(
    headers: &HeaderMap,
    content_type: &'static str,
    tag: &ETag,
    text: Bytes,
    gzipped: Option<Bytes>,
) -> Response<Body> {
    let forms = [tag.clone(), tag.gzipped()].map(Validators::from);
    let own = usize::from(gzipped.is_some());
    let known = forms.iter().find(|form| form.not_modified(headers));
    let mut response = match known {
        None => reply(content_type, text, gzipped),
        Some(_) => {
            let mut response = Response::new(body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
            response
        }
    };
    known.unwrap_or(&forms[own]).write(response.headers_mut());
    response
}

pub fn wants_gzip(headers: &HeaderMap, text: &[u8]) -> bool {
    text.len() >= WORTH_COMPRESSING && accepts_gzip(headers)
}

/// `Accept-Encoding` (RFC 9110 section 12.5.3): `gzip`, or everything, and not with a weight of nothing.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut anything = false;
    for member in values.flat_map(|value| value.split(',')) {
        let mut parts = member.split(';').map(str::trim);
        let coding = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f32>);
        let accepted = weight.is_ok_and(|weight| weight > 0.0);
        match coding {
            _ if coding.eq_ignore_ascii_case("gzip") => return accepted,
            "*" => anything = accepted,
            _ => {}
        }
    }
    anything
}

/// `None` when it could not be done; the text itself is an answer too.
pub async fn gzip(text: Bytes) -> Option<Bytes> {
    if text.len() <= QUICK {
        return compress(&text).ok();
    }
    tokio::task::spawn_blocking(move || compress(&text).ok()).await.ok().flatten()
}

fn compress(text: &[u8]) -> std::io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), Compression::fast());
    encoder.write_all(text)?;
    Ok(encoder.finish()?.into())
}

fn reply(content_type: &'static str, text: Bytes, gzipped: Option<Bytes>) -> Response<Body> {
    let compressed = gzipped.is_some();
    let bytes = gzipped.unwrap_or(text);
    let length = bytes.len();
    let mut response = Response::new(body::full(bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if compressed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_for_those_who_accept_it() {
        for (value, expected) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("*", true),
            ("*;q=0, gzip", true),
            ("deflate, br", false),
            ("gzip;q=0", false),
            ("gzip; q=0.000, *", false),
            ("gzip;q=many", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, value.parse().unwrap())]);
            assert_eq!(accepts_gzip(&headers), expected, "{value:?}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
