//! `[[library]]`: a folder of media, under a name.

use std::path::{Path, PathBuf};

use super::given::Origin;
use super::key::{Key, Slot, Table};
use super::library_name::LibraryName;
use super::problems::Problems;
use super::refusal::Refusal;

#[derive(Clone, Debug, PartialEq)]
pub struct Library {
    pub name: LibraryName,
    /// Absolute. Not looked at: a folder may be away.
    pub path: PathBuf,
    pub watch: Watch,
}

/// How changes in the folder are noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Watch {
    /// Events where they work, else polling.
    #[default]
    Auto,
    Inotify,
    Poll,
    /// Only by a scan that was asked for.
    Off,
}

const WATCHES: [(&str, Watch); 4] =
    [("auto", Watch::Auto), ("inotify", Watch::Inotify), ("poll", Watch::Poll), ("off", Watch::Off)];

/// A library while its keys come in.
#[derive(Default)]
pub(super) struct LibraryDraft {
    name: Option<LibraryName>,
    path: Option<PathBuf>,
    watch: Watch,
    /// Given, though perhaps refused: not missing.
    named: bool,
    placed: bool,
}

pub(super) const TABLE: Table = Table {
    name: "library",
    doc: "A folder of media; as many as wanted.",
    repeated: true,
    keys: &[
        Key {
            name: "name",
            default: "",
            accepts: "a text of up to 64 characters, as \"Films\"",
            doc: "What the page calls it; different for each library.",
            slot: Slot::Library(|draft, given, problems| {
                draft.named = true;
                draft.name = problems.take(&given.origin, given.parse());
            }),
        },
        Key {
            name: "path",
            default: "",
            accepts: "an absolute path, as \"/srv/films\"",
            doc: "The folder; everything beneath it is looked at.",
            slot: Slot::Library(|draft, given, problems| {
                draft.placed = true;
                let read = given.as_text().and_then(|text| checked_path(Path::new(text)));
                draft.path = problems.take(&given.origin, read);
            }),
        },
        Key {
            name: "watch",
            default: r#""auto""#,
            accepts: "\"auto\", \"inotify\", \"poll\" or \"off\"",
            doc: "How changes in the folder are noticed.",
            slot: Slot::Library(|draft, given, problems| {
                problems.keep(&mut draft.watch, given, given.choose(&WATCHES));
            }),
        },
    ],
};

impl LibraryDraft {
    /// `origin` is the table's.
    pub fn finish(self, origin: &Origin, problems: &mut Problems) -> Option<Library> {
        for (given, key) in [(self.named, "name"), (self.placed, "path")] {
            if !given {
                let missing = Refusal::new(format!("this library has no `{key}`"));
                let example = TABLE.key(key).map_or("", |key| key.accepts);
                problems.report(origin, missing.hint(format!("`{key}` takes {example}")));
            }
        }
        Some(Library { name: self.name?, path: self.path?, watch: self.watch })
    }
}

/// Absolute paths only: what a relative one means would depend on where the service was started.
pub(super) fn checked_path(path: &Path) -> Result<PathBuf, Refusal> {
    let shown = path.display();
    if path.starts_with("~") {
        let why = "`~` is a shell's word for the home of whoever types it; the service runs as its own user";
        Err(Refusal::new(format!("`{shown}` starts with `~`")).hint(format!("write the path in full: {why}")))
    } else if !path.is_absolute() {
        Err(Refusal::new(format!("`{shown}` is not an absolute path")).hint("it must begin with `/`"))
    } else if shown.to_string().contains('\0') {
        Err(Refusal::new("the path holds a NUL character").hint("no file system can store it"))
    } else {
        Ok(path.to_owned())
    }
}
