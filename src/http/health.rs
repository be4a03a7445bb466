//! Whether the service lives, and whether it can answer.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};

use super::body::{self, Body};
use super::respond::{Answer, Call};

pub fn live() -> Response<Body> {
    say("ok\n")
}

/// Ready is a catalogue that can be read; libraries and encoders come and go.
pub async fn ready(call: &Call<'_>) -> Answer {
    call.context.blocking(|context| context.catalogue.libraries()).await?;
    Ok(say("ready\n"))
}

fn say(word: &'static str) -> Response<Body> {
    let mut response = Response::new(body::full(word));
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}
