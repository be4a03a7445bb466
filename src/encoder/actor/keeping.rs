//! Whole segments on their way into the store, and those that the store would not take.

use bytes::Bytes;
use tokio::sync::watch;

use super::{Actor, MAX_UNSTORED_BYTES, Stored};
use crate::encoder::state::RenditionIndex;
use crate::encoder::types::Filling;
use crate::store::Interest;

impl Actor {
    /// Writes a whole segment to the store; it stays in memory until it is there.
    pub(super) fn keep(&mut self, rendition: usize, segment: u32, pieces: Vec<Bytes>) {
        let read =
            self.growing.get(&(rendition, segment)).is_some_and(|filling| filling.receiver_count() > 0);
        self.write(rendition, segment, pieces, if read { Interest::Watched } else { Interest::Ahead });
    }

    /// Somebody reads a segment that only memory holds: look-ahead then, for which there was no room, but now it is
    /// worth more.
    pub(super) fn keep_read(&mut self, rendition: usize, segment: u32) {
        let key = (rendition, segment);
        let unkept = self.unkept_ahead.remove(&key);
        if let Some(filling) = self.growing.get(&key).filter(|_| unkept) {
            let pieces = filling.borrow().fragments.clone();
            self.write(rendition, segment, pieces, Interest::Watched);
        }
    }

    fn write(&mut self, rendition: usize, segment: u32, pieces: Vec<Bytes>, interest: Interest) {
        let bytes = pieces.iter().map(|piece| piece.len() as u64).sum();
        self.writing += bytes;
        let (shared, stored, key) =
            (self.shared.clone(), self.stored.clone(), self.key(rendition, Some(segment)));
        tokio::task::spawn_blocking(move || {
            let written = shared.store.write(&key, &pieces, interest);
            let _actor_gone = stored.send(Stored { rendition, segment, bytes, interest, written });
        });
    }

    pub(super) fn after_write(&mut self, stored: Stored) {
        self.writing -= stored.bytes;
        for key in stored.written.evicted.iter().filter(|key| key.file == self.record.id) {
            let index = self.renditions.iter().position(|rendition| rendition.id.0 == key.rendition);
            if let (Some(index), Some(segment)) = (index, key.segment) {
                self.state.set_stored(RenditionIndex(index), segment, false);
            }
        }
        let key = (stored.rendition, stored.segment);
        self.unstored.retain(|unstored| *unstored != key);
        self.unkept_ahead.remove(&key);
        // Unless it is being made once more.
        let kept = stored.written.kept.is_ok();
        if kept && self.growing.get(&key).is_some_and(|filling| filling.borrow().end.is_some()) {
            self.growing.remove(&key);
        }
        if !kept {
            self.unstored.push_back(key);
            if stored.interest == Interest::Ahead {
                self.unkept_ahead.insert(key);
            }
        }
        let held = |key: &(usize, u32)| self.growing.get(key).map_or(0, bytes_of);
        let mut bytes: u64 = self.unstored.iter().map(held).sum();
        self.state.set_tight(bytes > MAX_UNSTORED_BYTES / 2);
        while bytes > MAX_UNSTORED_BYTES
            && let Some(key) = self.unstored.pop_front()
        {
            bytes -= self.growing.remove(&key).as_ref().map_or(0, bytes_of);
            self.unkept_ahead.remove(&key);
            self.state.set_stored(RenditionIndex(key.0), key.1, false);
        }
    }

    /// Drops the segments that only memory holds; the bytes it freed.
    pub(super) fn drop_unstored(&mut self) -> u64 {
        let mut freed = 0;
        self.unkept_ahead.clear();
        for (rendition, segment) in std::mem::take(&mut self.unstored) {
            if let Some(filling) = self.growing.remove(&(rendition, segment)) {
                freed += bytes_of(&filling);
            }
            self.state.set_stored(RenditionIndex(rendition), segment, false);
        }
        freed
    }

    /// What was thought to be stored is not: other files' segments took its place, or the owner purged it. Heads
    /// must not end where the rest was.
    pub(super) fn look_up_stored(&mut self, rendition: usize) {
        let written = self.shared.store.segments(self.record.id, &self.renditions[rendition].id.0);
        let whole = |filling: &watch::Sender<Filling>| matches!(filling.borrow().end, Some(Ok(())));
        let held = self.growing.iter().filter(|((of, _), filling)| *of == rendition && whole(filling));
        let stored = written.into_iter().chain(held.map(|((_, segment), _)| *segment));
        self.state.reset_stored(RenditionIndex(rendition), stored);
    }
}

fn bytes_of(filling: &watch::Sender<Filling>) -> u64 {
    filling.borrow().fragments.iter().map(|piece| piece.len() as u64).sum()
}
