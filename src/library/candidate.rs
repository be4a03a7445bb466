//! Which names of a library are films, and which folders are not looked into. Pure.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Lower case; compared without case.
pub const EXTENSIONS: [&str; 20] = [
    "mkv", "mp4", "m4v", "mov", "webm", "avi", "ts", "m2ts", "mts", "mpg", "mpeg", "vob", "wmv", "asf",
    "flv", "ogv", "3gp", "divx", "mpe", "mxf",
];

/// What file systems and NAS firmware keep in every share.
const SKIPPED_NAMES: [&str; 3] = ["lost+found", "@eaDir", "#recycle"];

pub(super) fn is_film(name: &OsStr) -> bool {
    let Some(extension) = Path::new(name).extension() else { return false };
    EXTENSIONS.iter().any(|known| extension.as_bytes().eq_ignore_ascii_case(known.as_bytes()))
}

/// Hidden names (`.Trash-1000` among them) and those of file systems and firmware.
pub(super) fn is_skipped(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".") || SKIPPED_NAMES.iter().any(|skipped| name == *skipped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_film_is_known_by_its_extension_in_any_case() {
        for name in ["a.mkv", "A.MKV", "a b.Mp4", "a.tar.m2ts", "ü\n.webm"] {
            assert!(is_film(OsStr::new(name)), "{name}");
        }
        assert!(is_film(OsStr::from_bytes(b"\xff.avi")));
        for name in ["mkv", ".mkv", "a.mkv.part", "a.srt", "a.", "a.mkv~", ""] {
            assert!(!is_film(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn hidden_names_and_those_of_the_firmware_are_skipped() {
        for name in [".a.mkv", ".Trash-1000", ".Trashes", "lost+found", "@eaDir", "#recycle"] {
            assert!(is_skipped(OsStr::new(name)), "{name}");
        }
        assert!(!is_skipped(OsStr::new("recycle")));
    }
}
