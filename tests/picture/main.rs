//! What becomes of pictures, pixel by pixel: films with something to measure in them go through real workers.

#[allow(dead_code, reason = "each crate of tests uses a part of it")]
#[path = "../colour/ciede2000.rs"]
mod ciede2000;
#[allow(dead_code, reason = "each crate of tests uses a part of it")]
#[path = "../support/mod.rs"]
mod support;

mod chart;
mod colours;
mod depth;
mod fields;
mod made;
mod rates;
mod shapes;
