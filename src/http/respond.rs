//! One request: who asks, what for, the answer, and the headers that all answers have.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::*;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;

use super::body::{self, Body};
use super::context::Context;
use super::problem::{Kind, Problem};
use super::query::Query;
use super::route::{Access, Route};
use super::{access, api, direct, health, live, manifests, media, metrics, origin, page, path, transport};
use crate::base::ids::fill_random;
use crate::encoder::TextSpan;
use crate::timeline::SegmentIndex;

/// Ours have a few hundred bytes; a cursor is the longest part.
const MAX_URI_BYTES: usize = 8 << 10;
/// For a body of [`Route::body_limit`] to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Nothing but our own files, media through `blob:` as Media Source Extensions need it, and through `data:` the empty text
/// with which Shaka begins a track of subtitles.
const PAGE_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; \
     img-src 'self' data: blob:; media-src 'self' blob: data:; connect-src 'self'; worker-src 'self' blob:; \
     frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// What a handler is given.
pub struct Call<'a> {
    pub context: &'a Arc<Context>,
    /// The body of the answer will be left out.
    pub head: bool,
    pub headers: &'a HeaderMap,
    pub query: Query<'a>,
    /// Empty for routes without a body.
    pub body: Bytes,
}

pub type Answer = Result<Response<Body>, Problem>;

/// Answers `request` of `peer`; never fails, for failures are answers too.
pub async fn respond<B>(context: &Arc<Context>, request: Request<B>, peer: IpAddr) -> Response<Body>
where
    B: hyper::body::Body<Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    let began = Instant::now();
    let id = request_id();
    let (parts, body) = request.into_parts();
    let mut route = None;
    let answer = answer(context, &parts, body, peer, &mut route).await;
    let (mut response, internal) = match answer {
        Ok(response) => (response, None),
        Err(mut problem) => {
            let internal = problem.internal.take();
            (problem.into_response(&id), internal)
        }
    };
    dress(&mut response, route.as_ref(), &id);
    if parts.method == Method::HEAD {
        undress(&mut response);
    }
    let (status, ms) = (response.status().as_u16(), began.elapsed().as_millis() as u64);
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    let route = route.as_ref().map(Route::template);
    match response.status().is_server_error() {
        true => tracing::warn!(id, method, path, route, status, ms, %peer, internal, "request"),
        false => tracing::debug!(id, method, path, route, status, ms, %peer, internal, "request"),
    }
    response
}

async fn answer<B>(
    context: &Arc<Context>,
    parts: &Parts,
    body: B,
    peer: IpAddr,
    routed: &mut Option<Route>,
) -> Answer
where
    B: hyper::body::Body<Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    let uri_bytes = parts.uri.path_and_query().map_or(0, |uri| uri.as_str().len());
    if uri_bytes > MAX_URI_BYTES {
        return Err(Problem::new(Kind::UriTooLong, format!("{MAX_URI_BYTES} bytes are the limit.")));
    }
    let config = Arc::clone(&context.config.borrow());
    let host = origin::own_host(parts, &config)?;
    access::admit(peer, config.access.viewers)?;
    let path =
        path::parts(parts.uri.path()).map_err(|error| Problem::new(Kind::BadRequest, error.to_string()))?;
    let route = &*routed.insert(Route::parse(&path).ok_or_else(Problem::not_found)?);
    if route.access() == Access::OwnPages || !parts.method.is_safe() {
        origin::own_page(parts, &host)?;
    }
    if parts.method == Method::OPTIONS {
        return Ok(options(route));
    }
    if !route.methods().contains(&parts.method) {
        return Err(Problem::method_not_allowed(allowed(route)));
    }
    let body = match route.body_limit() {
        0 => Bytes::new(),
        limit => read(body, limit).await?,
    };
    let head = parts.method == Method::HEAD;
    let query = Query(parts.uri.query().unwrap_or_default());
    dispatch(route, Call { context, head, headers: &parts.headers, query, body }).await
}

async fn dispatch(route: &Route, call: Call<'_>) -> Answer {
    match route {
        Route::Page(name) => page::file(&call, name).await,
        Route::Health => Ok(health::live()),
        Route::Ready => health::ready(&call).await,
        Route::Metrics => Ok(metrics::all(&call).await),
        Route::Files => api::files::list(&call).await,
        Route::File(file) => api::file::one(&call, *file).await,
        Route::Position(file) => api::viewing::position(&call, *file).await,
        Route::View(file) => api::viewing::view(&call, *file).await,
        Route::Scan => api::scan::start(&call).await,
        Route::ScanStatus => api::scan::status(&call).await,
        Route::StreamStart(file) => api::stream::start(&call, *file).await,
        Route::StreamStop(file) => api::stream::stop(&call, *file).await,
        Route::Streams => api::stream::list(&call).await,
        Route::Events => api::events::listen(&call).await,
        Route::Hardware => api::hardware::found(&call).await,
        Route::OpenApi => Ok(api::description(&call).await),
        Route::HlsIndex(file) => manifests::hls(&call, *file).await,
        Route::DashManifest(file) => manifests::dash(&call, *file).await,
        Route::MediaPlaylist(file, rendition) => manifests::media(&call, *file, rendition).await,
        Route::Init(file, rendition) => media::init(&call, *file, rendition).await,
        Route::TextSegment(file, rendition, n) => {
            let span = TextSpan::Segment { index: SegmentIndex(*n), part: None, origin: 0 };
            manifests::text(&call, *file, rendition, span).await
        }
        Route::TextPart(file, rendition, n, part) => {
            let span = TextSpan::Segment { index: SegmentIndex(*n), part: Some(*part), origin: 0 };
            manifests::text(&call, *file, rendition, span).await
        }
        Route::Text(file, rendition) => manifests::text(&call, *file, rendition, TextSpan::All).await,
        Route::Segment(file, rendition, n) => media::segment(&call, *file, rendition, *n).await,
        Route::Sheet(file, rendition, n) => media::sheet(&call, *file, rendition, *n).await,
        Route::Part(file, rendition, n, part) => media::part(&call, *file, rendition, *n, *part).await,
        Route::LiveIndex(file) => live::index(&call, *file).await,
        Route::LivePlaylist(file, rendition) => live::playlist(&call, *file, rendition).await,
        Route::LiveManifest(file) => live::manifest(&call, *file).await,
        Route::LiveTime => Ok(live::time()),
        Route::TransportIndex(file) => transport::index(&call, *file).await,
        Route::TransportPlaylist(file, name) => transport::playlist(&call, *file, name).await,
        Route::TransportSegment(file, name, n) => transport::segment(&call, *file, name, *n).await,
        Route::TransportText(file, rendition, n) => transport::text(&call, *file, rendition, *n).await,
        Route::Direct(file) => direct::file(&call, *file).await,
    }
}

async fn read<B>(body: B, limit: usize) -> Result<Bytes, Problem>
where
    B: hyper::body::Body<Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    let too_large = || Problem::new(Kind::BodyTooLarge, format!("{limit} bytes are the limit."));
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let body = std::pin::pin!(body);
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, limit).collect()).await {
        Err(_) => Err(Problem::new(Kind::SlowRequest, "The body did not arrive.")),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err(Problem::new(Kind::BadRequest, "The body broke off.").because(error)),
        Ok(Ok(body)) => Ok(body.to_bytes()),
    }
}

fn allowed(route: &Route) -> String {
    let methods = route.methods().iter().chain([&Method::OPTIONS]);
    methods.map(Method::as_str).collect::<Vec<_>>().join(", ")
}

fn options(route: &Route) -> Response<Body> {
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Ok(allowed) = HeaderValue::try_from(allowed(route)) {
        let headers = response.headers_mut();
        if route.cors() {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, allowed.clone());
            let conditions = "range, if-range, if-none-match, if-modified-since";
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(conditions));
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
        }
        headers.insert(ALLOW, allowed);
    }
    response
}

/// Headers that depend on the route and not on what the handler found.
fn dress(response: &mut Response<Body>, route: Option<&Route>, request_id: &str) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(X_REQUEST_ID, id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let Some(route) = route else { return };
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static(route.cache().header()));
    if route.is_page() {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    }
    if route.cors() {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        let shown = "content-length, content-range, accept-ranges, etag, x-request-id";
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(shown));
    }
}

/// The headers of the answer without its body.
fn undress(response: &mut Response<Body>) {
    match response.body().size_hint().exact() {
        Some(length) => {
            let no_content = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
            if !no_content {
                response.headers_mut().entry(CONTENT_LENGTH).or_insert(HeaderValue::from(length));
            }
            *response.body_mut() = body::empty();
        }
        None => *response.body_mut() = body::untold(),
    }
}

/// Eight hexadecimal digits, other ones for each request since the service started, and unlike those of its last
/// start: to find a request in the log.
fn request_id() -> String {
    static FIRST: LazyLock<u32> = LazyLock::new(|| {
        let mut bytes = [0; 4];
        fill_random(&mut bytes);
        u32::from_be_bytes(bytes)
    });
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    // An odd factor: no number comes twice before all have come.
    format!("{:08x}", FIRST.wrapping_add(count).wrapping_mul(0x9E37_79B1))
}
