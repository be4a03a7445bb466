//! Pictures of high dynamic range on a usual screen: what the table makes of colours, and what workers make of films, beside
//! the tone map that both are to follow and beside what GStreamer's converter makes.

#[allow(dead_code, reason = "each crate of tests uses a part of it")]
#[path = "../support/mod.rs"]
mod support;

mod chart;
mod ciede2000;
mod films;
mod table;
