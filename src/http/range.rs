//! `Range` (RFC 9110 section 14): one range of bytes; several at once are answered with the whole, which the
//! RFC allows.

use std::ops::Range;

use bytes::Bytes;
use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::body::{self, Body};
use super::problem::Problem;
use super::validators::Validators;

/// Of an answer, those included that every answer has: room made once instead of while they come.
const HEADERS: usize = 12;

/// What a request asks of something with a length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    Whole,
    Part(Range<u64>),
    Outside,
}

/// Reads the range of `headers` against `length` bytes.
pub fn asked(headers: &HeaderMap, length: u64) -> Asked {
    let Some(spec) = spec(headers) else { return Asked::Whole };
    let Some((first, last)) = spec.split_once('-') else { return Asked::Whole };
    match (number(first), number(last)) {
        (None, Some(suffix)) if first.is_empty() => match suffix.min(length) {
            0 => Asked::Outside,
            suffix => Asked::Part(length - suffix..length),
        },
        (Some(first), None) if last.is_empty() => part(first, length, length),
        (Some(first), Some(last)) if first <= last => part(first, last.saturating_add(1), length),
        _ => Asked::Whole,
    }
}

/// Whether a growing segment answers with what there is: no range, or all of it.
pub fn from_the_start(headers: &HeaderMap) -> bool {
    spec(headers).is_none_or(|spec| spec == "0-")
}

fn spec(headers: &HeaderMap) -> Option<&str> {
    let (unit, spec) = headers.get(RANGE)?.to_str().ok()?.split_once('=')?;
    (unit.trim().eq_ignore_ascii_case("bytes") && !spec.contains(',')).then(|| spec.trim())
}

fn part(first: u64, end: u64, length: u64) -> Asked {
    if first < length { Asked::Part(first..end.min(length)) } else { Asked::Outside }
}

/// Digits only; more than fit are as good as infinite.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// 200, 206, 304 or 416 for content of `length` bytes; `body` makes the body of a part of it.
pub fn respond(
    headers: &HeaderMap,
    content_type: &'static str,
    validators: &Validators,
    length: u64,
    body: impl FnOnce(Range<u64>) -> Body,
) -> Result<Response<Body>, Problem> {
    let mut response = Response::new(body::empty());
    response.headers_mut().reserve(HEADERS);
    validators.write(response.headers_mut());
    if validators.not_modified(headers) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    let asked = if validators.allow_range(headers) { asked(headers, length) } else { Asked::Whole };
    let part = match asked {
        Asked::Outside => return Err(Problem::range_not_satisfiable(length)),
        Asked::Whole => 0..length,
        Asked::Part(part) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let range = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            if let Ok(range) = HeaderValue::try_from(range) {
                response.headers_mut().insert(CONTENT_RANGE, range);
            }
            part
        }
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(part.end - part.start));
    *response.body_mut() = body(part);
    Ok(response)
}

/// The bytes `part` of `pieces` together, without copying them.
pub fn cut(pieces: &[Bytes], part: &Range<u64>) -> Vec<Bytes> {
    let mut start = 0;
    let mut cut = Vec::new();
    for piece in pieces {
        let end = start + piece.len() as u64;
        let (from, to) = (part.start.max(start), part.end.min(end));
        if from < to {
            cut.push(piece.slice((from - start) as usize..(to - start) as usize));
        }
        start = end;
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(range: &str) -> HeaderMap {
        HeaderMap::from_iter([(RANGE, range.parse().unwrap())])
    }

    #[test]
    fn one_range_of_ten_bytes_is_read() {
        for (range, expected) in [
            ("bytes=0-", Asked::Part(0..10)),
            ("bytes=0-0", Asked::Part(0..1)),
            ("bytes=3-5", Asked::Part(3..6)),
            ("Bytes = 3-5", Asked::Part(3..6)),
            ("bytes=3-99", Asked::Part(3..10)),
            ("bytes=9-", Asked::Part(9..10)),
            ("bytes=-3", Asked::Part(7..10)),
            ("bytes=-99", Asked::Part(0..10)),
            ("bytes=0-99999999999999999999999", Asked::Part(0..10)),
            ("bytes=10-", Asked::Outside),
            ("bytes=10-12", Asked::Outside),
            ("bytes=99999999999999999999999-", Asked::Outside),
            ("bytes=-0", Asked::Outside),
            ("bytes=5-3", Asked::Whole),
            ("bytes=-", Asked::Whole),
            ("bytes=", Asked::Whole),
            ("bytes", Asked::Whole),
            ("bytes=a-b", Asked::Whole),
            ("bytes=+1-2", Asked::Whole),
            ("bytes=1 -2", Asked::Whole),
            ("bytes=0-1,3-4", Asked::Whole),
            ("lines=0-1", Asked::Whole),
        ] {
            assert_eq!(asked(&headers(range), 10), expected, "{range}");
        }
        assert_eq!(asked(&HeaderMap::new(), 10), Asked::Whole);
        assert_eq!(asked(&headers("bytes=0-"), 0), Asked::Outside);
    }

    #[test]
    fn only_a_range_from_the_start_to_the_end_is_answered_while_growing() {
        assert!(from_the_start(&HeaderMap::new()));
        for (range, expected) in [
            ("bytes=0-", true),
            ("bytes=0-1,2-3", true),
            ("bytes=0-1", false),
            ("bytes=5-", false),
            ("bytes=-5", false),
        ] {
            assert_eq!(from_the_start(&headers(range)), expected, "{range}");
        }
    }

    #[test]
    fn a_part_is_cut_across_pieces() {
        let pieces: Vec<Bytes> = ["abc", "", "def", "g"].map(Bytes::from).to_vec();
        for start in 0..7 {
            for end in start + 1..=7 {
                let cut = cut(&pieces, &(start..end)).concat();
                assert_eq!(cut, "abcdefg".as_bytes()[start as usize..end as usize]);
            }
        }
    }
}
