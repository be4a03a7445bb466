//! What is stored, and what goes first when room is needed. Pure: the disk and the clock are elsewhere.
//!
//! Two rules make room:
//!
//! - **The cap** (`cache.size`): the least recently used goes first, made counting as used. An init is used whenever
//!   one of its segments is.
//! - **The guard** (`cache.min-free`, or a disk that is full): look-ahead goes before anything that somebody watched,
//!   see [`Worth`]. A new segment that nobody has asked for takes room only from what is worth less than itself, and is
//!   otherwise not stored at all: it would be made only to be dropped.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::key::StoreKey;
use crate::base::ids::FileId;

/// What is known of a piece's readers when it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Somebody has asked for it.
    Watched,
    /// Made ahead of its readers.
    Ahead,
}

/// What a stored piece is worth to the guard; the least goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Worth {
    /// Nobody has read it, and whoever read what is before it in its rendition has not read on for [`GONE`]. The
    /// oldest first.
    Abandoned { made: u64 },
    /// Nobody has read it yet. The farthest from the last segment before it that was read goes first.
    Ahead { distance: Reverse<u32> },
    /// Somebody read it. The least recently used goes first.
    Watched { used: u64 },
}

/// A viewer who has read nothing for so long is not coming: longer than any pause between two segments.
const GONE: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, Debug)]
struct Entry {
    bytes: u64,
    /// Which making of the piece this is: told apart from one removed and made again.
    made: u64,
    used: u64,
    /// When somebody last read it.
    read: Option<Instant>,
    /// Of its bytes, once its file is known to be whole.
    checksum: Option<u32>,
}

/// A piece whose file is known to be whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vouched {
    pub made: u64,
    pub bytes: u64,
    pub checksum: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct LineId(u32);

/// The stored pieces of one rendition.
#[derive(Debug)]
struct Line {
    file: FileId,
    rendition: Arc<str>,
    entries: BTreeMap<Option<u32>, Entry>,
    unread: usize,
}

impl Line {
    fn key(&self, segment: Option<u32>) -> StoreKey {
        StoreKey { file: self.file, rendition: self.rendition.clone(), segment }
    }

    /// What segment `at` is worth while nobody has read it.
    fn worth_unread(&self, at: u32, made: u64, now: Instant) -> Worth {
        let before = self.entries.range(Some(0)..Some(at)).rev();
        let reader = before.filter_map(|(segment, entry)| Some(((*segment)?, entry.read?))).next();
        match reader {
            Some((segment, read)) if now < read + GONE => Worth::Ahead { distance: Reverse(at - segment) },
            _ => Worth::Abandoned { made },
        }
    }
}

/// A pair per piece is all that a large store should cost: names are kept once per rendition.
#[derive(Debug, Default)]
pub struct Index {
    ids: BTreeMap<(FileId, Arc<str>), LineId>,
    lines: HashMap<LineId, Line>,
    next_line: u32,
    /// Least recently used first.
    order: BTreeMap<u64, (LineId, Option<u32>)>,
    uses: u64,
    bytes: u64,
    /// Bytes of pieces on their way to the disk, for which room was made.
    reserved: u64,
}

impl Index {
    pub fn insert(&mut self, key: &StoreKey, bytes: u64, interest: Interest, now: Instant) {
        self.remove(key);
        let id = self.line_id(key);
        self.uses += 1;
        let read = (interest == Interest::Watched || key.segment.is_none()).then_some(now);
        let entry = Entry { bytes, made: self.uses, used: self.uses, read, checksum: None };
        let Some(line) = self.lines.get_mut(&id) else { return };
        line.entries.insert(key.segment, entry);
        line.unread += usize::from(read.is_none());
        self.order.insert(self.uses, (id, key.segment));
        self.bytes += bytes;
    }

    /// The bytes of a piece that is no longer stored.
    pub fn remove(&mut self, key: &StoreKey) -> Option<u64> {
        let id = *self.id(key)?;
        let line = self.lines.get_mut(&id)?;
        let entry = line.entries.remove(&key.segment)?;
        line.unread -= usize::from(entry.read.is_none());
        if line.entries.is_empty() {
            self.ids.remove(&(line.file, line.rendition.clone()));
            self.lines.remove(&id);
        }
        self.order.remove(&entry.used);
        self.bytes -= entry.bytes;
        Some(entry.bytes)
    }

    /// Everything of a file, which is no longer stored; its bytes.
    pub fn remove_file(&mut self, file: FileId) -> u64 {
        let renditions = self.ids.range((file, Arc::from(""))..).take_while(|((of, _), _)| *of == file);
        let ids: Vec<LineId> = renditions.map(|(_, id)| *id).collect();
        let lines: Vec<Line> = ids.iter().filter_map(|id| self.lines.remove(id)).collect();
        let mut bytes = 0;
        for line in lines {
            for entry in line.entries.values() {
                self.order.remove(&entry.used);
                bytes += entry.bytes;
            }
            self.ids.remove(&(file, line.rendition));
        }
        self.bytes -= bytes;
        bytes
    }

    /// Marks a piece, and its init, as read.
    pub fn read(&mut self, key: &StoreKey, now: Instant) {
        let Some(id) = self.id(key).copied() else { return };
        for segment in [None, key.segment] {
            let Some(line) = self.lines.get_mut(&id) else { return };
            let Some(entry) = line.entries.get_mut(&segment) else { continue };
            self.uses += 1;
            self.order.remove(&entry.used);
            self.order.insert(self.uses, (id, segment));
            entry.used = self.uses;
            line.unread -= usize::from(entry.read.is_none());
            entry.read = Some(now);
        }
    }

    /// Which making of a piece is stored.
    pub fn made(&self, key: &StoreKey) -> Option<u64> {
        let line = self.lines.get(self.id(key)?)?;
        Some(line.entries.get(&key.segment)?.made)
    }

    /// A piece's file is whole: it was written by this run of the service, or read and found to be.
    pub fn vouch(&mut self, key: &StoreKey, checksum: u32) {
        self.set_checksum(key, Some(checksum));
    }

    /// A piece's file may not be whole after all.
    pub fn doubt(&mut self, key: &StoreKey) {
        self.set_checksum(key, None);
    }

    pub fn vouched(&self, key: &StoreKey) -> Option<Vouched> {
        let entry = self.lines.get(self.id(key)?)?.entries.get(&key.segment)?;
        Some(Vouched { made: entry.made, bytes: entry.bytes, checksum: entry.checksum? })
    }

    fn set_checksum(&mut self, key: &StoreKey, checksum: Option<u32>) {
        let line = self.id(key).copied().and_then(|id| self.lines.get_mut(&id));
        if let Some(entry) = line.and_then(|line| line.entries.get_mut(&key.segment)) {
            entry.checksum = checksum;
        }
    }

    pub fn segments(&self, file: FileId, rendition: &str) -> Vec<u32> {
        let line = self.ids.get(&(file, rendition.into())).and_then(|id| self.lines.get(id));
        line.map_or_else(Vec::new, |line| line.entries.keys().copied().flatten().collect())
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn pieces(&self) -> u64 {
        self.order.len() as u64
    }

    pub fn reserved(&self) -> u64 {
        self.reserved
    }

    pub fn reserve(&mut self, bytes: u64) {
        self.reserved += bytes;
    }

    pub fn unreserve(&mut self, bytes: u64) {
        self.reserved -= bytes;
    }

    /// What has to go so that `bytes` more fit below the cap `size`; `None` when they never do.
    pub fn over_cap(&self, bytes: u64, size: u64) -> Option<Vec<StoreKey>> {
        let over = (self.bytes + self.reserved + bytes).saturating_sub(size);
        let (freed, keys) = self.enough(over, self.order.values().copied());
        (freed >= over).then_some(keys)
    }

    /// What goes so that `bytes` more are free on the disk, for a new piece of that interest; `Err` with what may go
    /// when that is not enough.
    pub fn for_guard(
        &self,
        bytes: u64,
        new: &StoreKey,
        interest: Interest,
        now: Instant,
    ) -> Result<Vec<StoreKey>, Vec<StoreKey>> {
        let limit = match (new.segment, interest) {
            (Some(segment), Interest::Ahead) => {
                let line = self.id(new).and_then(|id| self.lines.get(id));
                // The newest of all, should it be abandoned already.
                line.map_or(Worth::Abandoned { made: u64::MAX }, |line| {
                    line.worth_unread(segment, u64::MAX, now)
                })
            }
            _ => Worth::Watched { used: u64::MAX },
        };
        let mut candidates = self.unread(now);
        candidates.sort_unstable();
        let unread = candidates.into_iter().filter(|(worth, _)| *worth < limit).map(|(_, place)| place);
        let watched = self.order.iter().filter(|(used, place)| {
            Worth::Watched { used: **used } < limit && self.entry(**place).is_some_and(|e| e.read.is_some())
        });
        let (freed, keys) = self.enough(bytes, unread.chain(watched.map(|(_, place)| *place)));
        if freed < bytes { Err(keys) } else { Ok(keys) }
    }

    /// Every segment that nobody has read.
    fn unread(&self, now: Instant) -> Vec<(Worth, (LineId, Option<u32>))> {
        let mut unread = Vec::new();
        for (id, line) in self.lines.iter().filter(|(_, line)| line.unread > 0) {
            let entries = line.entries.iter().filter(|(_, entry)| entry.read.is_none());
            for (segment, entry) in entries {
                let worth = line.worth_unread(segment.unwrap_or(0), entry.made, now);
                unread.push((worth, (*id, *segment)));
            }
        }
        unread
    }

    /// As many of `places` as hold `bytes`, and what they hold.
    fn enough(
        &self,
        bytes: u64,
        places: impl Iterator<Item = (LineId, Option<u32>)>,
    ) -> (u64, Vec<StoreKey>) {
        let (mut freed, mut keys) = (0, Vec::new());
        for place in places {
            if freed >= bytes {
                break;
            }
            let (Some(line), Some(entry)) = (self.lines.get(&place.0), self.entry(place)) else { continue };
            freed += entry.bytes;
            keys.push(line.key(place.1));
        }
        (freed, keys)
    }

    fn entry(&self, (id, segment): (LineId, Option<u32>)) -> Option<&Entry> {
        self.lines.get(&id)?.entries.get(&segment)
    }

    fn id(&self, key: &StoreKey) -> Option<&LineId> {
        self.ids.get(&(key.file, key.rendition.clone()))
    }

    fn line_id(&mut self, key: &StoreKey) -> LineId {
        if let Some(id) = self.id(key) {
            return *id;
        }
        let id = LineId(self.next_line);
        self.next_line = self.next_line.wrapping_add(1);
        let (file, rendition) = (key.file, key.rendition.clone());
        self.ids.insert((file, rendition.clone()), id);
        self.lines.insert(id, Line { file, rendition, entries: BTreeMap::new(), unread: 0 });
        id
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn key(file: FileId, segment: u32) -> StoreKey {
        StoreKey { file, rendition: "v720-0123456789ab".into(), segment: Some(segment) }
    }

    fn segments(keys: &[StoreKey]) -> Vec<u32> {
        keys.iter().filter_map(|key| key.segment).collect()
    }

    /// A viewer has read up to `read`; the head is at `made`.
    fn viewer(index: &mut Index, file: FileId, read: u32, made: u32, now: Instant) {
        (0..=read).for_each(|n| index.insert(&key(file, n), 10, Interest::Watched, now));
        (read + 1..=made).for_each(|n| index.insert(&key(file, n), 10, Interest::Ahead, now));
    }

    #[test]
    fn the_cap_drops_the_least_recently_used() {
        let (mut index, file, now) = (Index::default(), FileId::random(), Instant::now());
        viewer(&mut index, file, 3, 5, now);
        index.read(&key(file, 0), now);
        assert_eq!(segments(&index.over_cap(10, 60).expect("enough")), [1]);
        assert_eq!(segments(&index.over_cap(21, 60).expect("enough")), [1, 2, 3]);
        index.reserve(30);
        assert_eq!(segments(&index.over_cap(10, 70).expect("enough")), [1, 2, 3]);
        assert_eq!(index.over_cap(31, 60), None, "there is nothing more to drop");
        index.unreserve(30);
        assert_eq!(segments(&index.over_cap(10, 70).expect("enough")), [] as [u32; 0]);
    }

    #[test]
    fn the_guard_drops_the_farthest_look_ahead_first_and_then_what_was_watched() {
        let (mut index, now) = (Index::default(), Instant::now());
        let (file, other) = (FileId::random(), FileId::random());
        viewer(&mut index, file, 2, 5, now);
        viewer(&mut index, other, 10, 12, now);
        index.read(&key(file, 0), now);
        let wanted = key(file, 50);
        let dropped = |bytes| index.for_guard(bytes, &wanted, Interest::Watched, now);
        assert_eq!(dropped(10).expect("enough"), [key(file, 5)]);
        let all_ahead: BTreeSet<StoreKey> = dropped(50).expect("enough").into_iter().collect();
        let ahead = [key(file, 3), key(file, 4), key(file, 5), key(other, 11), key(other, 12)];
        assert_eq!(all_ahead, ahead.into_iter().collect());
        assert_eq!(dropped(70).expect("enough")[5..], [key(file, 1), key(file, 2)]);
        assert_eq!(dropped(190).expect("enough").last(), Some(&key(file, 0)));
        assert_eq!(dropped(200).expect_err("no more is there").len(), 19);
    }

    #[test]
    fn a_viewer_who_seeks_keeps_what_comes_next_in_both_places() {
        let (mut index, file, now) = (Index::default(), FileId::random(), Instant::now());
        viewer(&mut index, file, 2, 5, now);
        index.insert(&key(file, 80), 10, Interest::Watched, now);
        (81..=84).for_each(|n| index.insert(&key(file, n), 10, Interest::Ahead, now));
        let dropped = index.for_guard(50, &key(file, 81), Interest::Watched, now).expect("enough");
        assert_eq!(segments(&dropped)[0], 84);
        let near: BTreeSet<u32> = segments(&dropped)[1..].iter().copied().collect();
        assert_eq!(near, [83, 82, 5, 4].into());
    }

    #[test]
    fn what_a_viewer_left_behind_goes_before_what_one_waits_for() {
        let (mut index, start) = (Index::default(), Instant::now());
        let (left, watched) = (FileId::random(), FileId::random());
        viewer(&mut index, left, 0, 2, start);
        let now = start + GONE;
        viewer(&mut index, watched, 0, 9, now);
        let dropped = index.for_guard(30, &key(watched, 1), Interest::Watched, now).expect("enough");
        assert_eq!(dropped, [key(left, 1), key(left, 2), key(watched, 9)]);
    }

    #[test]
    fn look_ahead_takes_no_room_from_what_is_nearer_or_was_watched() {
        let (mut index, file, now) = (Index::default(), FileId::random(), Instant::now());
        viewer(&mut index, file, 2, 5, now);
        let new = |segment| index.for_guard(10, &key(file, segment), Interest::Ahead, now);
        assert_eq!(new(6), Err(vec![]));
        assert_eq!(new(5), Err(vec![]));
        assert_eq!(new(4), Ok(vec![key(file, 5)]));
        assert_eq!(new(0), Err(vec![]), "nobody has read what is before it: the least of all");
        let init = StoreKey { segment: None, ..key(file, 0) };
        assert_eq!(index.for_guard(10, &init, Interest::Ahead, now), Ok(vec![key(file, 5)]));
    }

    #[test]
    fn an_init_is_used_when_its_segments_are() {
        let (mut index, file, now) = (Index::default(), FileId::random(), Instant::now());
        index.insert(&key(file, 0).init(), 5, Interest::Ahead, now);
        viewer(&mut index, file, 3, 3, now);
        index.read(&key(file, 0), now);
        assert_eq!(segments(&index.over_cap(30, 45).expect("enough")), [1, 2, 3]);
    }

    #[derive(Clone, Debug)]
    enum Move {
        Write(u8, u32, bool),
        Read(u8, u32),
        Remove(u8, u32),
        Purge(u8),
        Guard(u8, u32, bool, u64),
        Wait(u16),
    }

    fn moves() -> impl Strategy<Value = Vec<Move>> {
        let one = prop_oneof![
            6 => (0..3_u8, 0..20_u32, any::<bool>()).prop_map(|(f, s, a)| Move::Write(f, s, a)),
            4 => (0..3_u8, 0..20_u32).prop_map(|(f, s)| Move::Read(f, s)),
            1 => (0..3_u8, 0..20_u32).prop_map(|(f, s)| Move::Remove(f, s)),
            1 => (0..3_u8).prop_map(Move::Purge),
            2 => (0..3_u8, 0..20_u32, any::<bool>(), 1..200_u64)
                .prop_map(|(f, s, a, b)| Move::Guard(f, s, a, b)),
            1 => (0..200_u16).prop_map(Move::Wait),
        ];
        prop::collection::vec(one, 1..120)
    }

    proptest! {
        #[test]
        fn the_books_agree_in_any_order_of_events(moves in moves()) {
            const CAP: u64 = 150;
            let files = [FileId::random(), FileId::random(), FileId::random()];
            let (mut index, mut now) = (Index::default(), Instant::now());
            let mut stored: BTreeMap<StoreKey, (u64, bool)> = BTreeMap::new();
            let interest = |ahead| if ahead { Interest::Ahead } else { Interest::Watched };
            for step in moves {
                match step {
                    Move::Write(file, segment, ahead) => {
                        let (key, bytes) = (key(files[file as usize], segment), u64::from(segment) + 5);
                        for gone in index.over_cap(bytes, CAP).expect("each fits") {
                            prop_assert_eq!(index.remove(&gone), stored.remove(&gone).map(|(bytes, _)| bytes));
                        }
                        index.insert(&key, bytes, interest(ahead), now);
                        stored.insert(key, (bytes, ahead));
                    }
                    Move::Read(file, segment) => {
                        let key = key(files[file as usize], segment);
                        index.read(&key, now);
                        stored.entry(key).and_modify(|(_, ahead)| *ahead = false);
                    }
                    Move::Remove(file, segment) => {
                        let key = key(files[file as usize], segment);
                        prop_assert_eq!(index.remove(&key), stored.remove(&key).map(|(bytes, _)| bytes));
                    }
                    Move::Purge(file) => {
                        let file = files[file as usize];
                        let bytes: u64 =
                            stored.iter().filter(|(key, _)| key.file == file).map(|(_, (bytes, _))| bytes).sum();
                        stored.retain(|key, _| key.file != file);
                        prop_assert_eq!(index.remove_file(file), bytes);
                    }
                    Move::Guard(file, segment, ahead, bytes) => {
                        let new = key(files[file as usize], segment);
                        let answer = index.for_guard(bytes, &new, interest(ahead), now);
                        let enough = answer.is_ok();
                        let gone = answer.unwrap_or_else(|few| few);
                        let freed: u64 = gone.iter().map(|key| stored[key].0).sum();
                        prop_assert_eq!(enough, freed >= bytes);
                        let watched = |key: &StoreKey| !stored[key].1;
                        // Never something watched while look-ahead is left, and never any for look-ahead.
                        if gone.iter().any(watched) {
                            prop_assert!(!ahead);
                            prop_assert!(stored.iter().all(|(key, (_, ahead))| !ahead || gone.contains(key)));
                        }
                    }
                    Move::Wait(seconds) => now += Duration::from_secs(seconds.into()),
                }
                prop_assert_eq!(index.bytes(), stored.values().map(|(bytes, _)| bytes).sum::<u64>());
                prop_assert!(index.bytes() <= CAP);
                prop_assert_eq!(index.pieces() as usize, stored.len());
                for file in files {
                    let expected: Vec<u32> = segments(
                        &stored.keys().filter(|key| key.file == file).cloned().collect::<Vec<_>>());
                    prop_assert_eq!(index.segments(file, "v720-0123456789ab"), expected);
                }
            }
        }
    }
}
