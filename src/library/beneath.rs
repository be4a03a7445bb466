//! Opening a path beneath a folder so that nothing in the path leads out of it: no `..`, no absolute or
//! climbing symlink, no swap of a folder for a link while we look.
//!
//! The kernel sees to it (openat2, Linux 5.6). Where it does not, or a link inside the root is written as an
//! absolute path, the path is resolved first and then walked component by component, following no link.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path};

use rustix::fs::{CWD, Dir, Mode, OFlags, ResolveFlags, fcntl_getfl, fcntl_setfl, openat, openat2};
use rustix::io::Errno;

use crate::catalogue::Stamp;

/// The kernel says "again" when a folder on the way was renamed meanwhile.
const RENAME_RACES_BORNE: usize = 8;

#[derive(Debug)]
pub(super) enum NotOpened {
    Missing,
    Refused(&'static str),
    Unreadable(io::Error),
}

pub(super) struct Root<'a> {
    path: &'a Path,
    folder: OwnedFd,
}

impl<'a> Root<'a> {
    pub fn open(path: &'a Path) -> io::Result<Self> {
        let folder = openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { path, folder })
    }

    /// Opens the regular file at `relative` for reading, with the stamp of what was opened.
    pub fn open_file(&self, relative: &Path) -> Result<(File, Stamp), NotOpened> {
        // Not blocking: opening a FIFO would wait for its writer.
        let file = self.resolve(relative, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        let stamp = stamp_of(&file)?;
        let flags = fcntl_getfl(&file).map_err(|errno| NotOpened::Unreadable(errno.into()))?;
        fcntl_setfl(&file, flags - OFlags::NONBLOCK).map_err(|errno| NotOpened::Unreadable(errno.into()))?;
        Ok((file, stamp))
    }

    /// Stamp of the regular file at `relative`, without opening it for reading.
    pub fn stamp(&self, relative: &Path) -> Result<Stamp, NotOpened> {
        stamp_of(&self.resolve(relative, OFlags::PATH)?)
    }

    /// Names in the folder at `relative`; the root's own for an empty path.
    pub fn names(&self, relative: &Path) -> Result<Vec<OsString>, NotOpened> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let folder = match relative.as_os_str().is_empty() {
            true => openat(&self.folder, ".", flags | OFlags::CLOEXEC, Mode::empty())?.into(),
            false => self.resolve(relative, flags)?,
        };
        let mut names = Vec::new();
        for entry in Dir::read_from(&folder)? {
            names.push(OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned());
        }
        Ok(names)
    }

    fn resolve(&self, relative: &Path, flags: OFlags) -> Result<File, NotOpened> {
        let mut components = relative.components().peekable();
        if components.peek().is_none() || !components.all(|part| matches!(part, Component::Normal(_))) {
            return Err(NotOpened::Refused("it is no path beneath the library"));
        }
        let flags = flags | OFlags::CLOEXEC;
        for _ in 0..RENAME_RACES_BORNE {
            let how = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
            match openat2(&self.folder, relative, flags, Mode::empty(), how) {
                Ok(file) => return Ok(file.into()),
                Err(Errno::AGAIN | Errno::INTR) => {}
                // XDEV: a link climbs, or is absolute. NOSYS, PERM: no openat2, or a sandbox forbids it.
                Err(Errno::XDEV | Errno::NOSYS | Errno::PERM) => {
                    return self.resolve_links_first(relative, flags);
                }
                Err(errno) => return Err(errno.into()),
            }
        }
        Err(Errno::AGAIN.into())
    }

    fn resolve_links_first(&self, relative: &Path, flags: OFlags) -> Result<File, NotOpened> {
        let root = self.path.canonicalize()?;
        let target = self.path.join(relative).canonicalize()?;
        match target.strip_prefix(root) {
            Ok(plain) if plain != Path::new("") => self.walk(plain, flags),
            _ => Err(NotOpened::Refused("it leads out of the library")),
        }
    }

    fn walk(&self, plain: &Path, flags: OFlags) -> Result<File, NotOpened> {
        let mut folder: Option<OwnedFd> = None;
        let mut components = plain.components().peekable();
        while let Some(component) = components.next() {
            let Component::Normal(name) = component else {
                return Err(NotOpened::Refused("it is no path beneath the library"));
            };
            let at = folder.as_ref().unwrap_or(&self.folder).as_fd();
            if components.peek().is_none() {
                return Ok(openat(at, name, flags | OFlags::NOFOLLOW, Mode::empty())?.into());
            }
            let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            folder = Some(openat(at, name, step, Mode::empty())?);
        }
        Err(NotOpened::Missing)
    }
}

pub(super) fn stamp_of(file: &File) -> Result<Stamp, NotOpened> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(NotOpened::Refused("it is not a regular file"));
    }
    Ok(stamp(&metadata))
}

pub(super) fn stamp(metadata: &std::fs::Metadata) -> Stamp {
    let modified_ns = metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
    Stamp { size: metadata.len(), modified_ns }
}

impl From<Errno> for NotOpened {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::NOTDIR => Self::Missing,
            Errno::LOOP => Self::Refused("it is a link that may not be followed"),
            Errno::INVAL => Self::Refused("no file has such a name"),
            errno => Self::Unreadable(errno.into()),
        }
    }
}

impl From<io::Error> for NotOpened {
    fn from(error: io::Error) -> Self {
        Errno::from_io_error(&error).map_or_else(|| Self::Unreadable(error), Self::from)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// A root with `a.mkv`, `sub/b.mkv` and links; beside it `secret.mkv`.
    fn tree() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::write(root.join("a.mkv"), "a").unwrap();
        fs::write(root.join("sub/b.mkv"), "bb").unwrap();
        fs::write(folder.path().join("secret.mkv"), "secret").unwrap();
        symlink("../a.mkv", root.join("sub/inside.mkv")).unwrap();
        symlink(root.join("a.mkv"), root.join("absolute.mkv")).unwrap();
        symlink("../secret.mkv", root.join("climbs.mkv")).unwrap();
        symlink(folder.path().join("secret.mkv"), root.join("outside.mkv")).unwrap();
        symlink("..", root.join("up")).unwrap();
        symlink("loop.mkv", root.join("loop.mkv")).unwrap();
        symlink("/proc/self/exe", root.join("magic.mkv")).unwrap();
        (folder, root)
    }

    type Opener = fn(&Root<'_>, &Path) -> Result<File, NotOpened>;
    const WAYS: [Opener; 2] = [
        |root, path| root.open_file(path).map(|(file, _)| file),
        |root, path| root.resolve_links_first(path, OFlags::RDONLY | OFlags::CLOEXEC),
    ];

    #[test]
    fn files_inside_open_with_and_without_links_and_with_and_without_openat2() {
        let (_folder, path) = tree();
        let root = Root::open(&path).unwrap();
        for way in WAYS {
            for (name, size) in [("a.mkv", 1), ("sub/b.mkv", 2), ("sub/inside.mkv", 1), ("absolute.mkv", 1)] {
                assert_eq!(way(&root, Path::new(name)).unwrap().metadata().unwrap().len(), size, "{name}");
            }
        }
        assert_eq!(root.stamp(Path::new("sub/b.mkv")).unwrap().size, 2);
    }

    #[test]
    fn nothing_outside_opens() {
        let (_folder, path) = tree();
        let root = Root::open(&path).unwrap();
        for way in WAYS {
            for name in
                ["climbs.mkv", "outside.mkv", "up/secret.mkv", "loop.mkv", "magic.mkv", "../secret.mkv"]
            {
                let refused = matches!(way(&root, Path::new(name)), Err(NotOpened::Refused(_)));
                assert!(refused, "{name}");
            }
        }
        for name in ["/etc/passwd", "", ".", "sub/../../secret.mkv", "a\0.mkv"] {
            assert!(matches!(root.open_file(Path::new(name)), Err(NotOpened::Refused(_))), "{name:?}");
        }
    }

    #[test]
    fn a_link_put_in_the_place_of_a_resolved_component_is_not_followed() {
        let (_folder, path) = tree();
        let root = Root::open(&path).unwrap();
        let open = |name: &str| root.walk(Path::new(name), OFlags::RDONLY | OFlags::CLOEXEC);
        assert!(matches!(open("outside.mkv"), Err(NotOpened::Refused(_))));
        assert!(matches!(open("up/secret.mkv"), Err(NotOpened::Missing | NotOpened::Refused(_))));
        assert!(open("sub/b.mkv").is_ok());
    }

    #[test]
    fn what_is_not_there_or_no_regular_file_is_told_apart() {
        let (_folder, path) = tree();
        let root = Root::open(&path).unwrap();
        rustix::fs::mknodat(CWD, path.join("fifo.mkv"), rustix::fs::FileType::Fifo, Mode::RWXU, 0).unwrap();
        for name in ["gone.mkv", "gone/a.mkv", "a.mkv/b.mkv"] {
            assert!(matches!(root.open_file(Path::new(name)), Err(NotOpened::Missing)), "{name}");
        }
        for name in ["fifo.mkv", "sub"] {
            assert!(matches!(root.open_file(Path::new(name)), Err(NotOpened::Refused(_))), "{name}");
        }
    }

    #[test]
    fn an_opened_file_blocks_like_any_other_and_is_not_inherited() {
        let (_folder, path) = tree();
        let (file, _) = Root::open(&path).unwrap().open_file(Path::new("a.mkv")).unwrap();
        assert!(!fcntl_getfl(&file).unwrap().contains(OFlags::NONBLOCK));
        assert!(rustix::io::fcntl_getfd(&file).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
    }
}
