//! Rules of the house that a reader of the sources can check. `docs/architecture.md` says why.

use std::fs;
use std::path::{Path, PathBuf};

use millrace::config::ROOMS;

/// Rooms and their floors: a room imports from its own floor and those below.
const FLOORS: [(&str, u8); 23] = [
    ("base", 0),
    ("media", 1),
    ("timeline", 1),
    ("isobmff", 1),
    ("mpegts", 1),
    ("text", 1),
    ("subpicture", 1),
    ("colour", 1),
    ("rendition", 2),
    ("manifest", 2),
    ("config", 2),
    ("pipeline", 3),
    ("catalogue", 3),
    ("store", 3),
    ("library", 4),
    ("worker", 4),
    ("encoder", 5),
    ("hardware", 5),
    ("http", 6),
    ("cli", 7),
    ("app", 7),
    ("systemd", 7),
    ("main", 7),
];

/// The highest floor without async and I/O.
const PURE_FLOOR: u8 = 2;

const MAX_LINES: usize = 800;

/// Crates, and the places that may name them.
const CONFINED: [(&[&str], &[&str]); 4] = [
    (
        &["gstreamer", "gstreamer_app", "gstreamer_base", "gstreamer_video", "gstreamer_audio", "gst"],
        &["src/pipeline", "src/worker/child"],
    ),
    (&["rusqlite", "refinery"], &["src/catalogue"]),
    (&["landlock", "seccompiler"], &["src/worker/sandbox"]),
    (
        &["hyper", "hyper_util", "http", "http_body_util"],
        &["src/http", "src/cli", "src/app", "src/app.rs", "src/main.rs"],
    ),
];

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 8] =
    ["util", "utils", "common", "helper", "helpers", "manager", "managers", "misc"];

struct Source {
    /// From the repository's root.
    path: PathBuf,
    text: String,
    /// The text without comments and the insides of strings; lines stay where they are.
    code: String,
    /// `code` without test modules; empty for a file of tests.
    shipped: String,
}

impl Source {
    /// `None` for `lib.rs`, which stands above all rooms.
    fn room(&self) -> Option<&str> {
        let first = self.path.strip_prefix("src").ok()?.iter().next()?.to_str()?;
        Some(first.strip_suffix(".rs").unwrap_or(first)).filter(|room| *room != "lib")
    }

    fn floor(&self) -> Option<u8> {
        self.room().and_then(floor_of)
    }
}

fn floor_of(room: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file under `folder` (from the root), without what tools put there.
fn files(folder: &str) -> Vec<PathBuf> {
    walkdir::WalkDir::new(root().join(folder))
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| entry.file_name() != "node_modules" && entry.file_name() != "dist")
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .filter_map(|entry| entry.path().strip_prefix(root()).ok().map(Path::to_owned))
        .collect()
}

fn read(path: &Path) -> Option<String> {
    String::from_utf8(fs::read(root().join(path)).ok()?).ok()
}

fn sources() -> Vec<Source> {
    let mut sources: Vec<Source> = files("src")
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter_map(|path| {
            let text = read(&path)?;
            let code = code_only(&text);
            let shipped = without_tests(&code);
            Some(Source { path, text, code, shipped })
        })
        .collect();
    assert!(sources.len() > 10, "the sources are where this test looks");
    let tests: Vec<PathBuf> = sources.iter().flat_map(test_files).collect();
    for source in &mut sources {
        if tests.iter().any(|test| source.path.starts_with(test)) {
            source.shipped.clear();
        }
    }
    sources
}

/// Files and folders that `#[cfg(test)] mod name;` brings in.
fn test_files(source: &Source) -> Vec<PathBuf> {
    let folder = match source.path.file_name().and_then(|name| name.to_str()) {
        Some("mod.rs" | "lib.rs" | "main.rs") => source.path.with_file_name(""),
        _ => source.path.with_extension(""),
    };
    let lines: Vec<&str> = source.code.lines().collect();
    lines
        .windows(2)
        .filter(|pair| pair[0].trim() == "#[cfg(test)]")
        .filter_map(|pair| pair[1].trim().strip_prefix("mod ")?.strip_suffix(';'))
        .flat_map(|name| [folder.join(format!("{name}.rs")), folder.join(name)])
        .collect()
}

/// Blanks comments and the insides of strings and character literals.
fn code_only(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let previous = code.chars().next_back().unwrap_or(' ');
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            'r' if !is_word(previous) || previous == 'b' => raw_string_length(rest).unwrap_or(0),
            '"' => quoted_length(rest, '"'),
            '\'' if rest.starts_with("'\\") || rest.chars().nth(2) == Some('\'') => quoted_length(rest, '\''),
            _ => 0,
        };
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.push(' ');
            code.extend(rest[..length].chars().filter(|c| *c == '\n'));
            rest = &rest[length..];
        }
    }
    code
}

fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = true; // the opening quote
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn raw_string_length(text: &str) -> Option<usize> {
    let hashes = text[1..].chars().take_while(|c| *c == '#').count();
    let body = text[1 + hashes..].strip_prefix('"')?;
    let closing = format!("\"{}", "#".repeat(hashes));
    Some(2 + hashes + body.find(&closing)? + closing.len())
}

/// Leaves out `#[cfg(test)]` items: to the closing brace at the same indent, as rustfmt sets it.
fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            kept += line;
        } else {
            let closing = line.replace("#[cfg(test)]", "}");
            let item = lines.by_ref().find(|line| !line.trim_start().starts_with("#["));
            if item.is_some_and(|item| item.trim_end().ends_with('{')) {
                lines.by_ref().find(|line| line.trim_end() == closing);
            }
        }
        kept.push('\n');
    }
    kept
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Byte positions of `name` as a whole word.
fn words<'a>(code: &'a str, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(name).map(|(at, _)| at).filter(move |at| {
        let after = code[at + name.len()..].chars().next();
        !code[..*at].chars().next_back().is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// Whether `code` has `name` as the first word of a path or import.
fn names_crate(code: &str, name: &str) -> bool {
    words(code, name).any(|at| {
        let (before, after) = (&code[..at], &code[at + name.len()..]);
        let root = !before.ends_with("::") || before.trim_end_matches("::").ends_with(char::is_whitespace);
        let imported = before.ends_with("use ") && (after.starts_with(';') || after.starts_with(" as "));
        root && (after.starts_with("::") || imported)
    })
}

/// First words after `crate::` or `millrace::`, in groups too.
fn imported_rooms(code: &str) -> Vec<&str> {
    let leading = |path: &'static str| words(code, path).map(move |at| &code[at + path.len()..]);
    let mut rooms = Vec::new();
    for rest in leading("crate").chain(leading("millrace")).filter_map(|rest| rest.strip_prefix("::")) {
        match rest.strip_prefix('{') {
            Some(group) => rooms.extend(group_heads(group)),
            None => rooms.extend(rest.split(|c| !is_word(c)).next()),
        }
    }
    rooms.retain(|room| !room.is_empty());
    rooms
}

/// First words of the members of a group, from behind its opening brace.
fn group_heads(group: &str) -> Vec<&str> {
    let mut depth = 0;
    let mut start = 0;
    let mut heads = Vec::new();
    for (at, c) in group.char_indices() {
        if depth == 0 && (c == ',' || c == '}') {
            heads.extend(group[start..at].split(|c| !is_word(c)).find(|word| !word.is_empty()));
            start = at + 1;
        }
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            _ => {}
        }
    }
    heads
}

fn assert_none(broken: Vec<String>, rule: &str) {
    assert!(broken.is_empty(), "{rule}:\n{}", broken.join("\n"));
}

#[test]
fn every_room_has_a_floor_and_a_name_in_the_log() {
    let strangers =
        sources().into_iter().filter(|source| source.room().is_some() && source.floor().is_none());
    assert_none(
        strangers.map(|source| source.path.display().to_string()).collect(),
        "a room without a floor",
    );
    assert_eq!(FLOORS.map(|(room, _)| room), ROOMS);
}

#[test]
fn imports_point_down_only() {
    let mut broken = Vec::new();
    for source in sources() {
        let Some(floor) = source.floor() else { continue };
        for room in imported_rooms(&source.code) {
            match floor_of(room) {
                Some(other) if other <= floor => {}
                Some(other) => {
                    broken.push(format!("{}: floor {floor} imports {room} of {other}", source.path.display()))
                }
                None => broken.push(format!("{}: `crate::{room}` is no room", source.path.display())),
            }
        }
    }
    assert_none(broken, "an import that does not point to the same or a lower floor");
}

#[test]
fn a_file_can_be_read_in_one_sitting() {
    let lines = |source: Source| (source.text.lines().count(), source.path);
    let long = sources().into_iter().map(lines).filter(|(count, _)| *count > MAX_LINES);
    assert_none(
        long.map(|(count, path)| format!("{} has {count}", path.display())).collect(),
        "too many lines",
    );
}

#[test]
fn nothing_that_ships_unwraps() {
    let mut broken = Vec::new();
    for source in sources() {
        let lines = source.shipped.lines().enumerate().filter(|(_, line)| line.contains(".unwrap()"));
        broken.extend(lines.map(|(at, _)| format!("{}:{}", source.path.display(), at + 1)));
    }
    assert_none(broken, "`unwrap()` outside tests");
}

#[test]
fn every_name_says_what_is_inside() {
    let empty = files("src").into_iter().filter(|path| {
        path.iter()
            .filter_map(|part| part.to_str())
            .any(|part| EMPTY_NAMES.contains(&part.split('.').next().unwrap_or(part)))
    });
    assert_none(empty.map(|path| path.display().to_string()).collect(), "a name that says nothing");
}

#[test]
fn the_lower_floors_are_pure() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| source.floor().is_some_and(|floor| floor <= PURE_FLOOR)) {
        for word in ["tokio", "gstreamer", "std::fs", "std::net"] {
            if words(&source.shipped, word).next().is_some() {
                broken.push(format!("{}: {word}", source.path.display()));
            }
        }
    }
    assert_none(broken, "async or I/O on a pure floor");
}

#[test]
fn each_foreign_world_has_one_door() {
    let mut broken = Vec::new();
    for source in sources() {
        for (crates, places) in CONFINED {
            if places.iter().any(|place| source.path.starts_with(place)) {
                continue;
            }
            let named = crates.iter().filter(|name| names_crate(&source.shipped, name));
            broken.extend(named.map(|name| format!("{}: {name}", source.path.display())));
        }
    }
    assert_none(broken, "a crate named outside its rooms");
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    let mut documents = files("docs");
    documents.extend(["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(PathBuf::from));
    documents.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    assert!(documents.len() > 4, "the documents are where this test looks");
    let mut broken = Vec::new();
    for document in documents {
        let text = read(&document).unwrap_or_default();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
        for target in targets.map(|target| target.split('#').next().unwrap_or_default()) {
            let elsewhere = target.is_empty() || target.contains("://") || target.starts_with("mailto:");
            if !elsewhere && !root().join(&document).with_file_name("").join(target).exists() {
                broken.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert_none(broken, "a link to nothing");
}

#[test]
fn nothing_is_left_for_later() {
    let marks =
        [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("to", "do!("), concat!("unimple", "mented!(")];
    let mut broken = Vec::new();
    for path in ["src", "tests", "benches", "web", "pipelines", "tools", "config"].into_iter().flat_map(files)
    {
        // Hashes of packages may spell anything.
        if path.ends_with("package-lock.json") {
            continue;
        }
        let text = read(&path).unwrap_or_default();
        let lines = text.lines().enumerate().filter(|(_, line)| marks.iter().any(|mark| line.contains(mark)));
        broken.extend(lines.map(|(at, line)| format!("{}:{}: {}", path.display(), at + 1, line.trim())));
    }
    assert_none(broken, "a mark of unfinished work");
}

#[test]
fn this_reader_of_sources_reads_what_it_should() {
    let code = code_only("a /* crate::http */ \"crate::\\\"cli\" 'x' '\"' r#\"\"http\"\"# // app\nb<'a>");
    assert_eq!(code.split_whitespace().collect::<Vec<_>>(), ["a", "b<'a>"]);
    assert_eq!(
        imported_rooms("use crate::{media::{A, B}, base::ids};\ncrate::config::x(); my_crate::no"),
        ["media", "base", "config"]
    );
    assert!(names_crate("use http::Request;", "http") && names_crate("use hyper as h;", "hyper"));
    assert!(!names_crate("use crate::http::Request; let http = 1;", "http"));
    let kept = without_tests("a\n#[cfg(test)]\nmod tests {\n    b.unwrap()\n}\nc\n");
    assert_eq!(kept.split_whitespace().collect::<Vec<_>>(), ["a", "c"]);
}
