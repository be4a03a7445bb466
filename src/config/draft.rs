//! A configuration while its layers come in: defaults, file, environment, command line, in this order.

use super::given::{Entry, Given, Origin, Shape};
use super::key::{Key, Slot, TABLES, Table};
use super::library::{Library, LibraryDraft};
use super::problems::Problems;
use super::refusal::Refusal;
use super::{Config, Diagnostic, document, encode, suggest};

pub(super) struct Draft<'a> {
    pub config: Config,
    pub problems: Problems<'a>,
    /// Of each of `config.libraries`.
    pub library_origins: Vec<Origin>,
}

impl<'a> Draft<'a> {
    /// `file` is its text and its name.
    pub fn new(file: Option<(&'a str, &'a str)>) -> Self {
        Self { config: Config::default(), problems: Problems::new(file), library_origins: Vec::new() }
    }

    pub fn read_file(&mut self, text: &str) {
        match document::read(text) {
            Ok(entries) => entries.iter().for_each(|entry| self.read_table(entry)),
            Err((bytes, refusal)) => self.problems.report(&Origin::File(bytes), refusal),
        }
    }

    fn read_table(&mut self, entry: &Entry) {
        let Some(table) = TABLES.into_iter().find(|table| table.name == entry.key) else {
            return self.problems.report(&entry.key_origin, unknown_table(entry));
        };
        let wrong_brackets = || {
            let refusal = Refusal::new(format!("`{}` is not written like this", entry.key));
            refusal.hint(format!("write {}", table.header()))
        };
        match (&entry.value.shape, table.repeated) {
            (Shape::Table(keys), false) => self.read_keys(&table, keys),
            (Shape::List(members), true) => {
                for member in members {
                    match &member.shape {
                        Shape::Table(keys) => self.read_library(&table, keys, &member.origin),
                        _ => self.problems.report(&member.origin, wrong_brackets()),
                    }
                }
            }
            _ => self.problems.report(&entry.key_origin, wrong_brackets()),
        }
    }

    fn read_keys(&mut self, table: &Table, entries: &[Entry]) {
        for entry in entries {
            match table.key(&entry.key) {
                Some(key) => self.set(table, key, &entry.value),
                None => self.problems.report(&entry.key_origin, unknown_key(table, &entry.key)),
            }
        }
    }

    pub fn set(&mut self, table: &Table, key: &Key, given: &Given) {
        let Slot::Config { set, .. } = key.slot else { return };
        self.problems.note(table.name, key.name, given.origin.clone());
        let config = &mut self.config;
        self.problems.hinting(&takes(key), |problems| set(config, given, problems));
    }

    fn read_library(&mut self, table: &Table, entries: &[Entry], origin: &Origin) {
        let mut draft = LibraryDraft::default();
        let mut name_origin = origin;
        for entry in entries {
            let Some(key) = table.key(&entry.key) else {
                self.problems.report(&entry.key_origin, unknown_key(table, &entry.key));
                continue;
            };
            if key.name == "name" {
                name_origin = &entry.value.origin;
            }
            if let Slot::Library(set) = key.slot {
                self.problems.hinting(&takes(key), |problems| set(&mut draft, &entry.value, problems));
            }
        }
        if let Some(library) = draft.finish(origin, &mut self.problems) {
            self.add_library(library, name_origin.clone());
        }
    }

    /// Refused when another has its name.
    pub fn add_library(&mut self, library: Library, origin: Origin) {
        if let Some(other) =
            self.config.libraries.iter().find(|other| other.name.is_like(library.name.as_str()))
        {
            let refusal = Refusal::new(format!("two libraries are called `{}`", other.name));
            let hint =
                format!("the other is {}; upper and lower case make no difference", other.path.display());
            return self.problems.report(&origin, refusal.hint(hint));
        }
        self.config.libraries.push(library);
        self.library_origins.push(origin);
    }

    pub fn finish(mut self) -> Result<Config, Vec<Diagnostic>> {
        encode::check_across(&self.config, &mut self.problems);
        for (index, library) in self.config.libraries.iter().enumerate() {
            if let Some(other) =
                self.config.libraries[..index].iter().find(|other| other.path == library.path)
            {
                let shown = library.path.display();
                let refusal =
                    Refusal::new(format!("`{}` and `{}` are both {shown}", other.name, library.name));
                let hint = "every file would be listed twice";
                self.problems.report(&self.library_origins[index], refusal.hint(hint));
            }
        }
        let problems = self.problems.into_diagnostics();
        if problems.is_empty() { Ok(self.config) } else { Err(problems) }
    }
}

fn takes(key: &Key) -> String {
    format!("`{}` takes {}", key.name, key.accepts)
}

/// Where else a key of this name could have been meant.
fn home_of(name: &str) -> Option<String> {
    let table = TABLES.into_iter().find(|table| table.key(name).is_some())?;
    Some(format!("`{name}` belongs in {}", table.header()))
}

fn unknown_table(entry: &Entry) -> Refusal {
    let name = &entry.key;
    let is_table = matches!(entry.value.shape, Shape::Table(_));
    let hint = match home_of(name) {
        Some(home) if !is_table => home,
        _ => suggest::one_of(name, TABLES.iter().map(|table| table.name)),
    };
    let what = if is_table { "table" } else { "key" };
    Refusal::new(format!("unknown {what} `{name}`")).hint(hint)
}

fn unknown_key(table: &Table, name: &str) -> Refusal {
    let known = table.keys.iter().map(|key| key.name);
    let hint = match (suggest::nearest(name, known.clone()), home_of(name)) {
        (None, Some(home)) => home,
        _ => suggest::one_of(name, known),
    };
    Refusal::new(format!("unknown key `{name}` in {}", table.header())).hint(hint)
}
