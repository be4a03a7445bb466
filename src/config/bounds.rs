//! The range a value must keep, and why.

use std::fmt::Display;

use super::refusal::Refusal;

pub(super) struct Bounds<T> {
    pub low: T,
    pub high: T,
    /// What goes wrong outside.
    pub reason: &'static str,
}

impl<T: PartialOrd + Display> Bounds<T> {
    pub fn check(&self, value: T) -> Result<T, Refusal> {
        let Self { low, high, reason } = self;
        let hint = || format!("{low} to {high}: {reason}");
        if value < *low {
            Err(Refusal::new(format!("`{value}` is too little")).hint(hint()))
        } else if value > *high {
            Err(Refusal::new(format!("`{value}` is too much")).hint(hint()))
        } else {
            Ok(value)
        }
    }
}
