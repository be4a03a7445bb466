//! What a walk sees, compared with what the catalogue knows. Pure.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::catalogue::{KnownFile, Sighting, Stamp};

pub(super) struct Comparison {
    /// Known and not met so far.
    unmet: HashMap<PathBuf, KnownFile>,
    /// Contents that were known when the walk began.
    known_stamps: HashSet<Stamp>,
    /// Unknown paths of known content: moved files, if the old path turns out to be gone.
    held: Vec<(PathBuf, Stamp)>,
    /// Folders and files the walk could not read: nothing is known of what is there.
    unreadable: Vec<PathBuf>,
    present_before: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Unchanged,
    Sighted(Sighting),
    /// Decided by [`Comparison::finish`].
    Held,
}

impl Comparison {
    pub fn new(known: HashMap<PathBuf, KnownFile>) -> Self {
        Self {
            known_stamps: known.values().map(|file| file.stamp).collect(),
            present_before: known.values().filter(|file| !file.missing).count(),
            unmet: known,
            held: Vec::new(),
            unreadable: Vec::new(),
        }
    }

    /// Number of files that were there when last looked for.
    pub fn present_before(&self) -> usize {
        self.present_before
    }

    pub fn see(&mut self, path: &Path, stamp: Stamp) -> Seen {
        match self.unmet.remove(path) {
            Some(known) if known.stamp != stamp => Seen::Sighted(Sighting::Changed { id: known.id, stamp }),
            Some(known) if known.missing => Seen::Sighted(Sighting::Returned { id: known.id }),
            Some(_) => Seen::Unchanged,
            None if self.known_stamps.contains(&stamp) => {
                self.held.push((path.to_owned(), stamp));
                Seen::Held
            }
            None => Seen::Sighted(Sighting::New { path: path.to_owned(), stamp }),
        }
    }

    /// Keeps what is known at and below `path` from being taken for missing; the empty path means everything.
    pub fn cannot_read(&mut self, path: &Path) {
        self.unreadable.push(path.to_owned());
    }

    /// After a whole walk: what became of the files that were not met, and of the held ones. A file counts as
    /// moved only where exactly one old and one new path have its content.
    pub fn finish(mut self) -> Vec<Sighting> {
        let unreadable = self.unreadable;
        self.unmet.retain(|path, _| !unreadable.iter().any(|lost| path.starts_with(lost)));
        let mut gone: HashMap<Stamp, Vec<KnownFile>> = HashMap::new();
        for file in self.unmet.into_values() {
            gone.entry(file.stamp).or_default().push(file);
        }
        let mut arrived: HashMap<Stamp, Vec<PathBuf>> = HashMap::new();
        for (path, stamp) in self.held {
            arrived.entry(stamp).or_default().push(path);
        }
        let mut sightings = Vec::new();
        for (stamp, mut paths) in arrived {
            if let [path] = &mut paths[..]
                && let Some(&[KnownFile { id, .. }]) = gone.get(&stamp).map(Vec::as_slice)
            {
                gone.remove(&stamp);
                sightings.push(Sighting::Moved { id, path: std::mem::take(path) });
                continue;
            }
            sightings.extend(paths.into_iter().map(|path| Sighting::New { path, stamp }));
        }
        let newly_gone = gone.into_values().flatten().filter(|file| !file.missing);
        sightings.extend(newly_gone.map(|file| Sighting::Missing { id: file.id }));
        sightings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::FileId;

    const A: Stamp = Stamp { size: 1, modified_ns: 1 };
    const B: Stamp = Stamp { size: 2, modified_ns: 1 };

    fn known<const N: usize>(files: [(&str, Stamp, bool); N]) -> (Comparison, [FileId; N]) {
        let ids = files.map(|_| FileId::random());
        let known = files
            .iter()
            .zip(ids)
            .map(|(&(path, stamp, missing), id)| (PathBuf::from(path), KnownFile { id, stamp, missing }));
        (Comparison::new(known.collect()), ids)
    }

    #[test]
    fn a_file_is_new_changed_returned_or_unchanged() {
        let (mut comparison, [_, changed, back]) =
            known([("same", A, false), ("changed", A, false), ("back", A, true)]);
        assert_eq!(comparison.see(Path::new("same"), A), Seen::Unchanged);
        let sighting = Sighting::Changed { id: changed, stamp: B };
        assert_eq!(comparison.see(Path::new("changed"), B), Seen::Sighted(sighting));
        assert_eq!(comparison.see(Path::new("back"), A), Seen::Sighted(Sighting::Returned { id: back }));
        let sighting = Sighting::New { path: "new".into(), stamp: B };
        assert_eq!(comparison.see(Path::new("new"), B), Seen::Sighted(sighting));
        assert_eq!(comparison.finish(), []);
    }

    #[test]
    fn a_renamed_file_is_moved() {
        let (mut comparison, [id]) = known([("old", A, false)]);
        assert_eq!(comparison.see(Path::new("new"), A), Seen::Held);
        assert_eq!(comparison.finish(), [Sighting::Moved { id, path: "new".into() }]);
    }

    #[test]
    fn a_copy_is_new() {
        let (mut comparison, _) = known([("old", A, false)]);
        assert_eq!(comparison.see(Path::new("new"), A), Seen::Held);
        assert_eq!(comparison.see(Path::new("old"), A), Seen::Unchanged);
        assert_eq!(comparison.finish(), [Sighting::New { path: "new".into(), stamp: A }]);
    }

    #[test]
    fn two_files_of_one_stamp_are_not_guessed_at() {
        let (mut comparison, [id]) = known([("old", A, false)]);
        comparison.see(Path::new("new"), A);
        comparison.see(Path::new("newer"), A);
        let sightings = comparison.finish();
        assert_eq!(sightings.len(), 3);
        assert_eq!(sightings[2], Sighting::Missing { id });
    }

    #[test]
    fn what_lies_below_an_unreadable_folder_is_neither_missing_nor_moved() {
        let (mut comparison, [_, gone]) = known([("locked/a", A, false), ("lockedb", B, false)]);
        comparison.cannot_read(Path::new("locked"));
        comparison.see(Path::new("new"), A);
        let sightings = comparison.finish();
        assert_eq!(
            sightings,
            [Sighting::New { path: "new".into(), stamp: A }, Sighting::Missing { id: gone }]
        );
    }

    #[test]
    fn a_file_is_reported_missing_once() {
        let (comparison, _) = known([("gone", A, true)]);
        assert_eq!(comparison.present_before(), 0);
        assert_eq!(comparison.finish(), []);
    }
}
