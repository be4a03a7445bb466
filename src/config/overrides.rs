//! The command line's layer.

use core::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::draft::Draft;
use super::given::{Given, Origin, Shape};
use super::key::TABLES;
use super::library::{self, Library, Watch};
use super::library_name::LibraryName;
use super::refusal::Refusal;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// `--library [NAME=]PATH`, with the path made absolute; the name is the folder's where none is given.
    pub libraries: Vec<(Option<String>, PathBuf)>,
    /// `--listen ADDR`; replaces all addresses of the lower layers where it is given.
    pub listen: Vec<SocketAddr>,
}

pub(super) fn apply(draft: &mut Draft, overrides: &Overrides) {
    apply_listen(draft, &overrides.listen);
    let lower = draft.config.libraries.len();
    for (name, path) in &overrides.libraries {
        apply_library(draft, lower, name.as_deref(), path);
    }
}

fn apply_listen(draft: &mut Draft, listen: &[SocketAddr]) {
    if listen.is_empty() {
        return;
    }
    let members = listen
        .iter()
        .map(|address| Given::text(address.to_string(), Origin::Argument(format!("--listen {address}"))));
    let given =
        Given { shape: Shape::List(members.collect()), origin: Origin::Argument("--listen".to_owned()) };
    for table in &TABLES {
        if let (Some(key), "server") = (table.key("listen"), table.name) {
            draft.set(table, key, &given);
        }
    }
}

/// Moves the library of this name among the first `lower`, which other layers gave, or adds one.
fn apply_library(draft: &mut Draft, lower: usize, name: Option<&str>, path: &Path) {
    let shown = path.display();
    let origin = Origin::Argument(match name {
        Some(name) => format!("--library {name}={shown}"),
        None => format!("--library {shown}"),
    });
    let folder = || path.file_name().map(|name| name.to_string_lossy().trim().to_owned());
    let name = name.map(str::to_owned).or_else(folder).ok_or_else(|| {
        Refusal::new(format!("`{shown}` has no name to call the library by"))
            .hint(format!("give one: --library Films={shown}"))
    });
    let name = draft.problems.take(&origin, name.and_then(|name| name.parse::<LibraryName>()));
    let path = draft.problems.take(&origin, library::checked_path(path));
    let (Some(name), Some(path)) = (name, path) else { return };
    let moved =
        draft.config.libraries[..lower].iter_mut().find(|library| library.name.is_like(name.as_str()));
    match moved {
        Some(library) => library.path = path,
        None => draft.add_library(Library { name, path, watch: Watch::default() }, origin),
    }
}
