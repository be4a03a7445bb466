//! Collects what is wrong while reading goes on, so that one run reports all of it.

use std::collections::HashMap;

use super::diagnostic::{Diagnostic, Place};
use super::given::{Given, Origin};
use super::refusal::Refusal;

pub(super) struct Problems<'a> {
    /// Text and name of the file.
    file: (&'a str, &'a str),
    found: Vec<Diagnostic>,
    /// Where each key was last given, for checks across keys: `encode.part` → origin.
    given_at: HashMap<String, Origin>,
}

impl<'a> Problems<'a> {
    pub fn new(file: Option<(&'a str, &'a str)>) -> Self {
        Self { file: file.unwrap_or_default(), found: Vec::new(), given_at: HashMap::new() }
    }

    pub fn report(&mut self, origin: &Origin, refusal: Refusal) {
        let place = match origin {
            Origin::File(bytes) => Place::in_file(self.file.1, self.file.0, bytes.clone()),
            Origin::Variable(name) => Place::Variable { name: name.clone() },
            Origin::Argument(argument) => Place::Argument(argument.clone()),
        };
        self.found.push(Diagnostic::new(place, refusal));
    }

    /// The value, or a report.
    pub fn take<T>(&mut self, origin: &Origin, read: Result<T, Refusal>) -> Option<T> {
        read.map_err(|refusal| self.report(origin, refusal)).ok()
    }

    /// Sets `slot` to the value, or reports and leaves it.
    pub fn keep<T>(&mut self, slot: &mut T, given: &Given, read: Result<T, Refusal>) {
        if let Some(value) = self.take(&given.origin, read) {
            *slot = value;
        }
    }

    /// Runs `read`; what it reports without a hint of its own gets `hint`.
    pub fn hinting(&mut self, hint: &str, read: impl FnOnce(&mut Self)) {
        let before = self.found.len();
        read(self);
        for problem in &mut self.found[before..] {
            problem.hint.get_or_insert_with(|| hint.to_owned());
        }
    }

    pub fn note(&mut self, table: &str, key: &str, origin: Origin) {
        self.given_at.insert(format!("{table}.{key}"), origin);
    }

    /// Reports a clash of several keys at the first of them that was given.
    pub fn report_at(&mut self, keys: &[&str], refusal: Refusal) {
        if let Some(origin) = keys.iter().find_map(|key| self.given_at.get(*key)).cloned() {
            self.report(&origin, refusal);
        }
    }

    /// By place, the file's first.
    pub fn into_diagnostics(mut self) -> Vec<Diagnostic> {
        self.found.sort_by(|one, other| one.place.cmp(&other.place));
        self.found
    }
}
