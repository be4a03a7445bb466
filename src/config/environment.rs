//! The environment's layer, for containers: `MILLRACE_<TABLE>_<KEY>`, lists with commas between, and
//! `MILLRACE_LIBRARY_<NAME>=/path`.

use std::path::Path;

use super::draft::Draft;
use super::given::{Given, Origin};
use super::key::{TABLES, VARIABLE_PREFIX};
use super::library::{self, Library, Watch};
use super::library_name::LibraryName;
use super::refusal::Refusal;
use super::suggest;

/// Variables that are not ours are passed over.
pub(super) fn apply(draft: &mut Draft, variables: impl Iterator<Item = (String, String)>) {
    let mut ours: Vec<_> = variables.filter(|(name, _)| name.starts_with(VARIABLE_PREFIX)).collect();
    ours.sort();
    for (name, value) in ours {
        apply_one(draft, &name, &value);
    }
}

fn apply_one(draft: &mut Draft, name: &str, value: &str) {
    let origin = Origin::Variable(name.to_owned());
    for table in &TABLES {
        if let Some(key) = table.keys.iter().find(|key| table.variable(key).as_deref() == Some(name)) {
            return draft.set(table, key, &Given::text(value, origin));
        }
    }
    match library_suffix(name) {
        Some(suffix) => apply_library(draft, suffix, value, origin),
        None => draft.problems.report(&origin, unknown_variable(name)),
    }
}

fn library_suffix(name: &str) -> Option<&str> {
    let suffix = name.strip_prefix(VARIABLE_PREFIX)?.strip_prefix("LIBRARY_")?;
    (!suffix.is_empty()).then_some(suffix)
}

/// Moves the library that the suffix names, or adds one.
fn apply_library(draft: &mut Draft, suffix: &str, value: &str, origin: Origin) {
    let Some(path) = draft.problems.take(&origin, library::checked_path(Path::new(value))) else { return };
    let wanted = suffix.to_uppercase();
    let libraries = &mut draft.config.libraries;
    let mut matching: Vec<_> =
        libraries.iter_mut().filter(|library| library.name.variable_suffix() == wanted).collect();
    match matching.as_mut_slice() {
        [library] => library.path = path,
        [] => {
            if let Some(name) = draft.problems.take(&origin, suffix.parse::<LibraryName>()) {
                draft.add_library(Library { name, path, watch: Watch::default() }, origin);
            }
        }
        [one, other, ..] => {
            let refusal =
                Refusal::new(format!("this could be the library `{}` or `{}`", one.name, other.name));
            draft.problems.report(&origin, refusal.hint("give one of them another name"));
        }
    }
}

fn unknown_variable(name: &str) -> Refusal {
    let known: Vec<String> = TABLES
        .iter()
        .flat_map(|table| table.keys.iter().filter_map(|key| table.variable(key)))
        .chain([format!("{VARIABLE_PREFIX}LIBRARY_NAME")])
        .collect();
    Refusal::new("no setting goes by this variable")
        .hint(suggest::one_of(name, known.iter().map(String::as_str)))
}
