//! What a client is told when it does not get what it asked for: RFC 9457, "Problem Details for HTTP APIs".

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, InvalidHeaderValue, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::body::{self, Body};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    BadRequest,
    ForeignOrigin,
    NotOnTheLan,
    Refused,
    NotFound,
    UnknownFile,
    UnknownRendition,
    BeyondTheEnd,
    NotLive,
    MethodNotAllowed,
    SlowRequest,
    Superseded,
    BodyTooLarge,
    UriTooLong,
    RangeNotSatisfiable,
    ForeignHost,
    Unplayable,
    Internal,
    EncodingFailed,
    Offline,
    NotYet,
    TooManyListeners,
    ShuttingDown,
    DiskFull,
}

#[derive(Debug)]
pub struct Problem {
    pub kind: Kind,
    pub detail: String,
    /// For the log only.
    pub internal: Option<String>,
    told: Option<Told>,
}

/// What a header tells besides.
#[derive(Debug)]
enum Told {
    RetryAfterSeconds(u16),
    Allow(String),
    LengthInBytes(u64),
}

#[derive(Serialize)]
struct Details<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    request_id: &'a str,
}

/// Until a library is looked for again; a NAS that wakes up takes about this long.
const OFFLINE_RETRY_S: u16 = 30;
const SHORT_RETRY_S: u16 = 5;

impl Kind {
    /// Status, last part of `type`, title.
    pub fn parts(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::BadRequest => (S::BAD_REQUEST, "bad-request", "The request is malformed"),
            Self::ForeignOrigin => (S::FORBIDDEN, "foreign-origin", "Pages of other origins are refused"),
            Self::NotOnTheLan => (S::FORBIDDEN, "not-on-the-lan", "Only the local network is served"),
            Self::Refused => (S::FORBIDDEN, "refused", "The file may not be read"),
            Self::NotFound => (S::NOT_FOUND, "not-found", "There is nothing at this address"),
            Self::UnknownFile => (S::NOT_FOUND, "unknown-file", "There is no such file"),
            Self::UnknownRendition => (S::NOT_FOUND, "unknown-rendition", "The file has no such rendition"),
            Self::BeyondTheEnd => (S::NOT_FOUND, "beyond-the-end", "The film ends before this"),
            Self::NotLive => (S::NOT_FOUND, "not-live", "Nobody watches this film live"),
            Self::MethodNotAllowed => (S::METHOD_NOT_ALLOWED, "method-not-allowed", "Not with this method"),
            Self::SlowRequest => (S::REQUEST_TIMEOUT, "slow-request", "The request took too long to arrive"),
            Self::Superseded => (S::GONE, "superseded", "The rendition has a newer version"),
            Self::BodyTooLarge => (S::PAYLOAD_TOO_LARGE, "body-too-large", "The body is too large"),
            Self::UriTooLong => (S::URI_TOO_LONG, "uri-too-long", "The address is too long"),
            Self::RangeNotSatisfiable => {
                (S::RANGE_NOT_SATISFIABLE, "range-not-satisfiable", "The range lies outside")
            }
            Self::ForeignHost => (S::MISDIRECTED_REQUEST, "foreign-host", "This host is not served here"),
            Self::Unplayable => (S::UNPROCESSABLE_ENTITY, "unplayable", "The file cannot be played"),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "internal", "Something went wrong inside"),
            Self::EncodingFailed => {
                (S::INTERNAL_SERVER_ERROR, "encoding-failed", "The rendition could not be made")
            }
            Self::Offline => (S::SERVICE_UNAVAILABLE, "offline", "The file cannot be reached now"),
            Self::NotYet => (S::SERVICE_UNAVAILABLE, "not-yet", "This takes longer than it should"),
            Self::TooManyListeners => {
                (S::SERVICE_UNAVAILABLE, "too-many-listeners", "Too many listen to events already")
            }
            Self::ShuttingDown => (S::SERVICE_UNAVAILABLE, "shutting-down", "The service is shutting down"),
            Self::DiskFull => (S::INSUFFICIENT_STORAGE, "disk-full", "The service's disk is full"),
        }
    }

    fn retry_after_s(self) -> Option<u16> {
        match self {
            Self::Offline => Some(OFFLINE_RETRY_S),
            Self::NotYet | Self::TooManyListeners | Self::ShuttingDown => Some(SHORT_RETRY_S),
            _ => None,
        }
    }
}

impl Problem {
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let told = kind.retry_after_s().map(Told::RetryAfterSeconds);
        Self { kind, detail: detail.into(), internal: None, told }
    }

    pub fn internal(error: impl ToString) -> Self {
        Self::new(Kind::Internal, "The log of the service says more, under this request_id.").because(error)
    }

    /// `error` is for the log.
    pub fn because(self, error: impl ToString) -> Self {
        Self { internal: Some(error.to_string()), ..self }
    }

    pub fn not_found() -> Self {
        Self::new(Kind::NotFound, "GET /api/openapi.json lists all addresses.")
    }

    pub fn method_not_allowed(allow: String) -> Self {
        let problem = Self::new(Kind::MethodNotAllowed, format!("Allowed are {allow}."));
        Self { told: Some(Told::Allow(allow)), ..problem }
    }

    pub fn range_not_satisfiable(length: u64) -> Self {
        let problem = Self::new(Kind::RangeNotSatisfiable, format!("There are {length} bytes."));
        Self { told: Some(Told::LengthInBytes(length)), ..problem }
    }

    pub fn status(&self) -> StatusCode {
        self.kind.parts().0
    }

    pub fn into_response(self, request_id: &str) -> Response<Body> {
        let status = self.status();
        let (_, name, title) = self.kind.parts();
        let details = Details {
            kind: format!("/problems/{name}"),
            title,
            status: status.as_u16(),
            detail: &self.detail,
            request_id,
        };
        let json = serde_json::to_vec(&details).unwrap_or_default();
        let mut response = Response::new(body::full(json));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some((name, Ok(value))) = self.told.map(Told::header) {
            headers.insert(name, value);
        }
        response
    }
}

impl Told {
    fn header(self) -> (HeaderName, Result<HeaderValue, InvalidHeaderValue>) {
        match self {
            Self::RetryAfterSeconds(seconds) => (RETRY_AFTER, Ok(seconds.into())),
            Self::Allow(methods) => (ALLOW, methods.try_into()),
            // RFC 9110 section 15.5.17: "a server [...] SHOULD generate a Content-Range header field specifying
            // the current length of the selected representation".
            Self::LengthInBytes(length) => (CONTENT_RANGE, format!("bytes */{length}").try_into()),
        }
    }
}
