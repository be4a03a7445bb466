//! `config/millrace.toml` against the list of keys.

use crate::config::{Config, REFERENCE, TABLES, Watch, parse};

/// Lines as `#key = value` and `#[[table]]` are settings that are commented out; prose has a space after `#`.
fn uncommented() -> String {
    let is_setting = |rest: &str| rest.starts_with(|c: char| c == '[' || c.is_ascii_lowercase());
    let line = |line: &'static str| line.strip_prefix('#').filter(|rest| is_setting(rest)).unwrap_or(line);
    REFERENCE.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn report(problems: &[super::Diagnostic]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

#[test]
fn the_reference_as_shipped_changes_nothing() {
    let config = parse(REFERENCE, "config/millrace.toml").map_err(|problems| report(&problems));
    assert_eq!(config, Ok(Config::default()));
}

#[test]
fn the_reference_with_every_key_live_holds_the_defaults() {
    let config = parse(&uncommented(), "config/millrace.toml");
    let mut config = config.map_err(|problems| report(&problems)).unwrap();
    let libraries = std::mem::take(&mut config.libraries);
    assert_eq!(config, Config::default());
    assert_eq!(libraries.len(), 1);
    assert_eq!(libraries[0].watch, Watch::default());
}

#[test]
fn the_reference_has_every_key_once_with_its_default_in_the_order_of_the_list() {
    let text = uncommented();
    let settings: Vec<&str> =
        text.lines().filter(|line| !line.is_empty() && !line.starts_with("# ") && *line != "#").collect();
    let mut expected = Vec::new();
    for table in TABLES {
        expected.push(table.header());
        for key in table.keys {
            let default = match key.default {
                "" => continue,
                default => default,
            };
            expected.push(format!("{} = {default}", key.name));
        }
    }
    let required = ["name = \"Films\"", "path = \"/srv/films\""];
    let found: Vec<&str> = settings.into_iter().filter(|line| !required.contains(line)).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_default_text_is_the_default_in_code() {
    for table in TABLES.iter().filter(|table| !table.repeated) {
        for key in table.keys {
            let text = format!("{}\n{} = {}", table.header(), key.name, key.default);
            assert_eq!(
                parse(&text, "f").map_err(|problems| report(&problems)),
                Ok(Config::default()),
                "{text}"
            );
        }
    }
}

#[test]
fn every_key_says_what_it_is_and_what_it_takes() {
    for key in TABLES.iter().flat_map(|table| table.keys) {
        assert!(key.doc.ends_with('.') && !key.accepts.is_empty(), "{}", key.name);
    }
}
