//! The pieces in demand, in memory. Pure: time is an argument.
//!
//! Viewers of one film come by within seconds of each other, and the first of them right behind the head that makes
//! it; whoever comes later is served from the disk. So pieces stay for some seconds after their last use, those that
//! were read and those that were only just made each within their own bound: a head that works ahead fast must not
//! push out what a hundred viewers read. A piece that somebody is still sending stays: dropping it would free nothing,
//! and the next reader would hold a second copy.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::key::StoreKey;
use super::piece::Piece;
use crate::base::ids::FileId;

/// Of pieces that were read: half a minute of several films.
const READ_BYTES: u64 = 48 << 20;
/// Of pieces that nobody has read yet.
const MADE_BYTES: u64 = 16 << 20;
/// After the last use. Players of one audience are a segment or two apart, and segments last up to 10 s.
const KEEP: Duration = Duration::from_secs(10);
/// A use of a piece is news to others so often, and not for each of thousands of readers.
const NEWS_PACE: Duration = Duration::from_millis(250);

/// Where a piece in memory comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    Made,
    Read,
}

#[derive(Debug)]
struct Hot {
    piece: Piece,
    last: Use,
    used: u64,
    at: Instant,
    /// When a reading was last news.
    told: Option<Instant>,
}

#[derive(Debug, Default)]
pub struct HotSet {
    pieces: HashMap<StoreKey, Hot>,
    /// Longest unused first.
    order: BTreeMap<(Use, u64), StoreKey>,
    uses: u64,
    made_bytes: u64,
    read_bytes: u64,
}

/// What is no longer kept: dropped by the caller once its lock is released, for freeing takes a while.
pub type Dropped = Vec<Piece>;

impl HotSet {
    /// The piece, which counts as read, and whether that is news.
    pub fn read(&mut self, key: &StoreKey, now: Instant) -> Option<(Piece, bool)> {
        let hot = self.pieces.get_mut(key)?;
        let news = hot.told.is_none_or(|told| now >= told + NEWS_PACE);
        let piece = hot.piece.clone();
        if news {
            hot.told = Some(now);
            self.used(key, Use::Read, now);
        }
        Some((piece, news))
    }

    pub fn put(&mut self, key: StoreKey, piece: Piece, last: Use, now: Instant) -> Dropped {
        let mut dropped: Dropped = self.remove(&key).into_iter().collect();
        *self.bytes_of(last) += piece.len();
        self.uses += 1;
        let told = (last == Use::Read).then_some(now);
        self.order.insert((last, self.uses), key.clone());
        self.pieces.insert(key, Hot { piece, last, used: self.uses, at: now, told });
        dropped.extend(self.shrink());
        dropped
    }

    pub fn remove(&mut self, key: &StoreKey) -> Option<Piece> {
        let hot = self.pieces.remove(key)?;
        self.order.remove(&(hot.last, hot.used));
        *self.bytes_of(hot.last) -= hot.piece.len();
        Some(hot.piece)
    }

    pub fn remove_file(&mut self, file: FileId) -> Dropped {
        let keys: Vec<StoreKey> = self.pieces.keys().filter(|key| key.file == file).cloned().collect();
        keys.iter().filter_map(|key| self.remove(key)).collect()
    }

    /// Drops what was not used for [`KEEP`] and is not being sent.
    pub fn cool(&mut self, now: Instant) -> Dropped {
        let cold = |hot: &Hot| now >= hot.at + KEEP && hot.piece.bytes.is_unique();
        let keys: Vec<StoreKey> =
            self.pieces.iter().filter(|(_, hot)| cold(hot)).map(|(key, _)| key.clone()).collect();
        keys.iter().filter_map(|key| self.remove(key)).collect()
    }

    pub fn bytes(&self) -> u64 {
        self.made_bytes + self.read_bytes
    }

    fn used(&mut self, key: &StoreKey, last: Use, now: Instant) {
        let Some(hot) = self.pieces.get_mut(key) else { return };
        self.uses += 1;
        self.order.remove(&(hot.last, hot.used));
        self.order.insert((last, self.uses), key.clone());
        let (before, length) = (hot.last, hot.piece.len());
        (hot.last, hot.used, hot.at) = (last, self.uses, now);
        *self.bytes_of(before) -= length;
        *self.bytes_of(last) += length;
    }

    fn shrink(&mut self) -> Dropped {
        let mut dropped = Dropped::new();
        for (last, limit) in [(Use::Made, MADE_BYTES), (Use::Read, READ_BYTES)] {
            while *self.bytes_of(last) > limit {
                let oldest = self.order.range((last, 0)..=(last, u64::MAX)).next();
                let Some(key) = oldest.map(|(_, key)| key.clone()) else { break };
                dropped.extend(self.remove(&key));
            }
        }
        dropped
    }

    fn bytes_of(&mut self, last: Use) -> &mut u64 {
        match last {
            Use::Made => &mut self.made_bytes,
            Use::Read => &mut self.read_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const MIB: usize = 1 << 20;

    fn key(file: FileId, segment: u32) -> StoreKey {
        StoreKey { file, rendition: "v720-0123456789ab".into(), segment: Some(segment) }
    }

    fn piece(bytes: usize) -> Piece {
        Piece { bytes: Bytes::from(vec![7; bytes]), checksum: 0 }
    }

    fn held(hot: &HotSet, file: FileId) -> Vec<u32> {
        let mut segments: Vec<u32> =
            hot.pieces.keys().filter(|key| key.file == file).filter_map(|key| key.segment).collect();
        segments.sort_unstable();
        segments
    }

    #[test]
    fn what_a_fast_head_makes_does_not_push_out_what_viewers_read() {
        let (mut hot, now) = (HotSet::default(), Instant::now());
        let (watched, ahead) = (FileId::random(), FileId::random());
        for n in 0..10 {
            hot.put(key(watched, n), piece(2 * MIB), Use::Made, now);
            hot.read(&key(watched, n), now).expect("just made");
        }
        (0..100).for_each(|n| drop(hot.put(key(ahead, n), piece(2 * MIB), Use::Made, now)));
        assert_eq!(held(&hot, watched), (0..10).collect::<Vec<_>>());
        assert_eq!(held(&hot, ahead), (92..100).collect::<Vec<_>>());
        assert_eq!(hot.bytes(), (36 * MIB) as u64);
    }

    #[test]
    fn memory_stays_within_its_bound_and_the_longest_unread_goes_first() {
        let (mut hot, start, file) = (HotSet::default(), Instant::now(), FileId::random());
        for n in 0..100 {
            let now = start + NEWS_PACE * n;
            hot.put(key(file, n), piece(2 * MIB), Use::Read, now);
            assert!(hot.read(&key(file, 0), now).is_some(), "{n}");
            assert!(hot.bytes() <= READ_BYTES);
        }
        assert_eq!(held(&hot, file).len(), 24);
        // Larger than all of it: not kept.
        hot.put(key(file, 0), piece(READ_BYTES as usize + 1), Use::Read, start);
        assert!(hot.bytes() <= READ_BYTES);
    }

    #[test]
    fn what_nobody_uses_is_dropped_after_some_seconds_unless_somebody_still_sends_it() {
        let (mut hot, start, file) = (HotSet::default(), Instant::now(), FileId::random());
        (0..4).for_each(|n| drop(hot.put(key(file, n), piece(MIB), Use::Made, start)));
        let (sending, _) = hot.read(&key(file, 1), start).expect("there");
        hot.read(&key(file, 2), start + KEEP / 2).expect("there");
        assert!(hot.cool(start + KEEP - Duration::from_nanos(1)).is_empty());
        assert_eq!(hot.cool(start + KEEP).len(), 2);
        assert_eq!(held(&hot, file), [1, 2]);
        assert_eq!(hot.cool(start + KEEP * 2).len(), 1);
        drop(sending);
        assert_eq!(hot.cool(start + KEEP * 2).len(), 1);
        assert_eq!((hot.bytes(), hot.order.len()), (0, 0));
    }

    #[test]
    fn a_reading_is_news_at_first_and_then_now_and_again() {
        let (mut hot, start, file) = (HotSet::default(), Instant::now(), FileId::random());
        hot.put(key(file, 0), piece(10), Use::Made, start);
        let news: Vec<bool> = [0, 1, 249, 250, 260, 499, 500]
            .into_iter()
            .filter_map(|ms| Some(hot.read(&key(file, 0), start + Duration::from_millis(ms))?.1))
            .collect();
        assert_eq!(news, [true, false, false, true, false, false, true]);
    }

    #[test]
    fn a_purged_file_is_not_in_memory() {
        let (mut hot, now) = (HotSet::default(), Instant::now());
        let (gone, other) = (FileId::random(), FileId::random());
        hot.put(key(gone, 0), piece(10), Use::Made, now);
        hot.put(key(other, 0), piece(10), Use::Made, now);
        assert_eq!(hot.remove_file(gone).len(), 1);
        assert!(hot.read(&key(gone, 0), now).is_none() && hot.read(&key(other, 0), now).is_some());
    }
}
