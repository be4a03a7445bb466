//! `GET /api/events`: what happens, as it happens.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::super::body;
use super::super::context::Context;
use super::super::feed::{Kind, Kinds, Listener, Refusal};
use super::super::problem::{self, Problem};
use super::super::respond::{Answer, Call};
use crate::encoder::HeadStatus;
use crate::encoder::telemetry::{Change, StreamEvent};

/// Between two events about the scan: it looks at thousands of paths in a second.
const SCAN_PACE: Duration = Duration::from_millis(250);
/// Sent by a client that lost its connection.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// For clients that cannot send headers of their own when they begin.
const LAST_EVENT_ID_QUERY: &str = "last_event_id";
/// Asks nginx not to collect the answer before it passes it on.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

pub async fn listen(call: &Call<'_>) -> Answer {
    let kinds = call.query.parse::<Kinds>("kinds")?.unwrap_or_default();
    let last = match last_event_id(call.headers) {
        None => call.query.get(LAST_EVENT_ID_QUERY)?,
        given => given,
    };
    let body = if call.head {
        body::untold()
    } else {
        let listener = call.context.feed.listen(kinds, last.as_deref())?;
        body::growing(None, listener, async |mut listener: Listener| {
            let text = listener.next().await?;
            Some((listener, Ok(text)))
        })
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

/// None for an empty one, which means the same. What is no text is no number of ours either.
fn last_event_id(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(LAST_EVENT_ID)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned()).filter(|id| !id.is_empty())
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TooMany => {
                Self::new(problem::Kind::TooManyListeners, "Ask again when others have gone.")
            }
            Refusal::Closed => Self::new(problem::Kind::ShuttingDown, "There will be no more events."),
        }
    }
}

/// Passes on what happens below until `shutdown`, and ends everybody's events then. Misses nothing from the moment
/// it is called.
pub fn collect(context: &Arc<Context>, shutdown: CancellationToken) -> impl Future<Output = ()> + use<> {
    let feed = Arc::clone(&context.feed);
    let mut scans = context.libraries.scan_updates();
    let mut streams = context.encoders.telemetry().events();
    async move {
        let scanning = async {
            while scans.changed().await.is_ok() {
                let status = scans.borrow_and_update().clone();
                feed.publish(Kind::Scan, &status);
                tokio::time::sleep(SCAN_PACE).await;
            }
        };
        let streaming = async {
            loop {
                match streams.recv().await {
                    Ok(event) => feed.publish(Kind::Stream, &Turn::from(&event)),
                    Err(RecvError::Lagged(missed)) => {
                        tracing::warn!(missed, "events came faster than they were passed on");
                        feed.lose();
                    }
                    Err(RecvError::Closed) => return,
                }
            }
        };
        shutdown.run_until_cancelled(async { tokio::join!(scanning, streaming) }).await;
        feed.close();
    }
}

/// The data of a `stream` event.
#[derive(Serialize)]
struct Turn<'a> {
    change: &'static str,
    #[serde(flatten)]
    head: &'a HeadStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_profile: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_fragment_ms: Option<u64>,
    /// Why it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
    /// What it failed of, as a request would be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
}

#[derive(Serialize)]
struct Reason {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    detail: String,
}

impl<'a> From<&'a StreamEvent> for Turn<'a> {
    fn from(event: &'a StreamEvent) -> Self {
        let plain = |change| Self {
            change,
            head: &event.head,
            from_profile: None,
            first_fragment_ms: None,
            cause: None,
            reason: None,
        };
        match &event.change {
            Change::Started => plain("started"),
            Change::Moved { from_profile } => Self { from_profile: Some(from_profile), ..plain("moved") },
            Change::FirstFragment { after } => {
                Self { first_fragment_ms: Some(after.as_millis() as u64), ..plain("first-fragment") }
            }
            Change::Paused => plain("paused"),
            Change::Resumed => plain("resumed"),
            Change::Progress => plain("progress"),
            Change::Ended(cause) => Self { cause: Some(cause.name()), ..plain("ended") },
            Change::Failed(error) => {
                let problem = Problem::from(error.clone());
                let (_, name, title) = problem.kind.parts();
                let reason = Reason { kind: format!("/problems/{name}"), title, detail: problem.detail };
                Self { reason: Some(reason), ..plain("failed") }
            }
        }
    }
}
