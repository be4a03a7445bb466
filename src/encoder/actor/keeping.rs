//! Whole segments on their way into the store, and those that the store would not take.

use bytes::Bytes;
use tokio::sync::watch;

use super::{Actor, MAX_UNSTORED_BYTES, Stored};
use crate::encoder::state::RenditionIndex;
use crate::encoder::types::Filling;

impl Actor {
    /// Writes a whole segment to the store; it stays in memory until it is there.
    pub(super) fn keep(&mut self, rendition: usize, segment: u32, pieces: Vec<Bytes>) {
        let bytes = pieces.iter().map(|piece| piece.len() as u64).sum();
        self.writing += bytes;
        let (shared, stored, key) =
            (self.shared.clone(), self.stored.clone(), self.key(rendition, Some(segment)));
        tokio::task::spawn_blocking(move || {
            let (kept, evicted) = match shared.store.write(&key, &pieces) {
                Ok(evicted) => (true, evicted),
                Err(error) => {
                    tracing::warn!(%error, "a segment is not kept");
                    (false, Vec::new())
                }
            };
            shared.telemetry.evictions.add(evicted.len() as u64);
            let _actor_gone = stored.send(Stored { rendition, segment, bytes, kept, evicted });
        });
    }

    pub(super) fn after_write(&mut self, stored: Stored) {
        self.writing -= stored.bytes;
        for key in stored.evicted.iter().filter(|key| key.file == self.record.id) {
            let index = self.renditions.iter().position(|rendition| rendition.id.0 == key.rendition);
            if let (Some(index), Some(segment)) = (index, key.segment) {
                self.state.set_stored(RenditionIndex(index), segment, false);
            }
        }
        let key = (stored.rendition, stored.segment);
        self.unstored.retain(|unstored| *unstored != key);
        // Unless it is being made once more.
        if stored.kept && self.growing.get(&key).is_some_and(|filling| filling.borrow().end.is_some()) {
            self.growing.remove(&key);
        }
        if !stored.kept {
            self.unstored.push_back(key);
        }
        let held = |key: &(usize, u32)| self.growing.get(key).map_or(0, bytes_of);
        let mut bytes: u64 = self.unstored.iter().map(held).sum();
        self.state.set_tight(bytes > MAX_UNSTORED_BYTES / 2);
        while bytes > MAX_UNSTORED_BYTES
            && let Some(key) = self.unstored.pop_front()
        {
            bytes -= self.growing.remove(&key).as_ref().map_or(0, bytes_of);
            self.state.set_stored(RenditionIndex(key.0), key.1, false);
        }
    }

    /// Drops the segments that only memory holds; the bytes it freed.
    pub(super) fn drop_unstored(&mut self) -> u64 {
        let mut freed = 0;
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
