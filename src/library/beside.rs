//! Files of subtitles beside a film: found when somebody plays it, by their names, and opened like the film beneath the
//! library's root.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;

use super::beneath::{NotOpened, Root};
use super::candidate::{is_film, is_skipped};
use super::error::LibraryError;
use super::root;
use crate::catalogue::FileRecord;
use crate::media::{TextFile, TextFileName};

/// More texts than any film has.
const MAX_TEXTS: usize = 100;
/// No subtitles are longer; what is, is something else.
const MAX_BYTES: u64 = 16 << 20;

/// The texts beside the film of `record`, by name. Those of a film whose name is longer, `Film.2.mkv`, are not those of
/// `Film.mkv`.
pub(super) fn texts(record: &FileRecord) -> Result<Vec<TextFile>, LibraryError> {
    let offline = |error: &std::io::Error| LibraryError::Offline {
        library: record.library.clone(),
        reason: root::reason(&record.library_root, error),
    };
    let folder = Root::open(&record.library_root).map_err(|error| offline(&error))?;
    let parent = record.relative_path.parent().unwrap_or(Path::new(""));
    let names = folder.names(parent).map_err(|error| unreadable(record, &record.path(), error))?;
    let Some(film) = record.relative_path.file_stem().and_then(OsStr::to_str) else {
        return Ok(Vec::new());
    };
    let longer: Vec<&str> = names
        .iter()
        .filter(|name| is_film(name))
        .filter_map(|name| Path::new(name).file_stem()?.to_str())
        .filter(|other| other.len() > film.len() && other.starts_with(film))
        .collect();
    let mut texts = Vec::new();
    for name in names.iter().filter(|name| !is_skipped(name)) {
        let Some(text) = name.to_str() else { continue };
        let Some(found) = TextFileName::of(film, text) else { continue };
        if longer.iter().any(|other| TextFileName::of(other, text).is_some()) {
            continue;
        }
        let path = parent.join(name);
        match folder.stamp(&path) {
            Ok(stamp) if stamp.size <= MAX_BYTES => {
                texts.push(TextFile { path, size: stamp.size, modified_ns: stamp.modified_ns, name: found });
            }
            Ok(_) | Err(_) => {
                tracing::info!(path = %path.display(), "no file of subtitles, or too long a one")
            }
        }
    }
    texts.sort_by(|a, b| a.path.cmp(&b.path));
    texts.truncate(MAX_TEXTS);
    Ok(texts)
}

/// Opens one of them, if it is still the same.
pub(super) fn open(record: &FileRecord, text: &TextFile) -> Result<File, LibraryError> {
    let path = record.library_root.join(&text.path);
    let folder = Root::open(&record.library_root).map_err(|error| LibraryError::Offline {
        library: record.library.clone(),
        reason: root::reason(&record.library_root, &error),
    })?;
    let (file, stamp) = folder.open_file(&text.path).map_err(|error| unreadable(record, &path, error))?;
    if (stamp.size, stamp.modified_ns) != (text.size, text.modified_ns) {
        return Err(LibraryError::Changed { path });
    }
    Ok(file)
}

fn unreadable(record: &FileRecord, path: &Path, error: NotOpened) -> LibraryError {
    let path = path.to_owned();
    match error {
        NotOpened::Missing => LibraryError::Missing { library: record.library.clone(), path },
        NotOpened::Refused(reason) => LibraryError::Refused { path, reason },
        NotOpened::Unreadable(error) => LibraryError::Unreadable { path, reason: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::*;
    use crate::catalogue::testing;

    fn film(root: &Path, name: &str) -> FileRecord {
        let (catalogue, library) = testing::catalogue();
        FileRecord { library_root: root.to_owned(), ..testing::add(&catalogue, &library, name) }
    }

    fn found(root: &Path, name: &str) -> Vec<PathBuf> {
        texts(&film(root, name)).unwrap().into_iter().map(|text| text.path).collect()
    }

    #[test]
    fn each_film_has_its_own_texts() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("a")).unwrap();
        for name in
            ["Film.mkv", "Film.2.mkv", "Film.srt", "Film.en.srt", "Film.2.en.srt", "Film.jpg", ".Film.srt"]
        {
            fs::write(root.join("a").join(name), name).unwrap();
        }
        fs::write(root.join("Top.vtt"), "").unwrap();
        fs::write(root.join("Top.mp4"), "").unwrap();
        fs::write(folder.path().join("secret.srt"), "secret").unwrap();
        symlink("../../secret.srt", root.join("a/Film.secret.srt")).unwrap();
        fs::create_dir(root.join("a/Film.folder.srt")).unwrap();
        fs::File::create(root.join("a/Film.huge.srt")).unwrap().set_len(MAX_BYTES + 1).unwrap();
        assert_eq!(found(&root, "a/Film.mkv"), [Path::new("a/Film.en.srt"), Path::new("a/Film.srt")]);
        assert_eq!(found(&root, "a/Film.2.mkv"), [Path::new("a/Film.2.en.srt")]);
        assert_eq!(found(&root, "Top.mp4"), [Path::new("Top.vtt")]);
    }

    #[test]
    fn one_that_has_changed_is_not_taken_for_what_it_was() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("Film.srt"), "one").unwrap();
        let record = film(folder.path(), "Film.mkv");
        let text = texts(&record).unwrap().remove(0);
        assert!(open(&record, &text).is_ok());
        fs::write(folder.path().join("Film.srt"), "other").unwrap();
        assert!(matches!(open(&record, &text), Err(LibraryError::Changed { .. })));
        fs::remove_file(folder.path().join("Film.srt")).unwrap();
        assert!(matches!(open(&record, &text), Err(LibraryError::Missing { .. })));
        let away = film(&folder.path().join("away"), "Film.mkv");
        assert!(matches!(texts(&away), Err(LibraryError::Offline { .. })));
    }
}
