//! Floor 6. The only room that knows HTTP: accepting connections, who may ask what, and turning what the rooms
//! below say into answers. Bodies, manifests and JSON; nothing here decides what is encoded.
//!
//! Invariants: every address is a variant of [`route::Route`], which has to name its methods, its access, its
//! cache policy, its CORS and its body limit. Every failure is an `application/problem+json` (RFC 9457) made in
//! one place; what went wrong inside goes to the log and not to the client.
//!
//! To add an endpoint: a variant in `route.rs`; the compiler asks for the rest, and a test for `openapi.json`.

mod access;
mod api;
mod body;
mod causes;
mod context;
mod direct;
mod feed;
mod file_body;
mod health;
mod live;
mod manifests;
mod media;
mod metrics;
mod origin;
mod page;
mod path;
mod problem;
mod query;
mod range;
mod respond;
mod route;
mod server;
#[cfg(test)]
mod tests;
mod text;
mod transport;
mod validators;

pub use context::{Context, FragmentedSegment, Hardware, Segment, Streams};
pub use feed::Feed;
pub use respond::respond;
pub use server::serve;
