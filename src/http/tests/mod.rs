//! Whole answers, from a request to the last byte, without sockets but for the server's own.

mod admission;
mod api;
mod description;
mod direct;
mod events;
mod file;
mod film;
mod fixture;
mod live;
mod manifests;
mod media;
mod metrics;
mod page;
mod problems;
mod routing;
mod server;
mod transport;
