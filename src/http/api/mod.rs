//! `/api`: JSON in and out. What goes over the wire has types of its own here, made from the rooms' types, so
//! that neither changes the other.

pub mod events;
pub mod file;
pub mod files;
pub mod hardware;
pub mod scan;
pub mod stream;
pub mod viewing;

use http::Response;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::body::Body;
use super::problem::{Kind, Problem};
use super::respond::{Answer, Call};
use super::text;

/// Kept by hand; a test compares it with the routes.
pub const DESCRIPTION: &str = include_str!("../openapi.json");
const JSON: &str = "application/json";

pub async fn description(call: &Call<'_>) -> Response<Body> {
    text::current(call.headers, JSON, DESCRIPTION).await
}

pub async fn json(call: &Call<'_>, value: &impl Serialize) -> Answer {
    let json = serde_json::to_vec(value).map_err(Problem::internal)?;
    Ok(text::current(call.headers, JSON, json).await)
}

/// The body as a `T`; without a body, what `T` is by itself.
fn read<T: DeserializeOwned + Default>(call: &Call<'_>) -> Result<T, Problem> {
    match call.body.trim_ascii() {
        b"" => Ok(T::default()),
        body => read_required(body),
    }
}

fn read_required<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // serde would take a list for an object, its members in our order.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::new(Kind::BadRequest, "The body is a JSON object."));
    }
    serde_json::from_slice(body).map_err(|error| Problem::new(Kind::BadRequest, error.to_string()))
}
