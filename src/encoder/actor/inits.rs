//! Init segments: known from the facts, left in the store by an earlier head, or waited for.

use bytes::Bytes;

use super::Actor;
use super::Init;
use crate::encoder::error::StreamError;
use crate::encoder::spec;
use crate::encoder::state::{Event, RenditionIndex};
use crate::isobmff::init_segment;
use crate::store::Interest;

impl Actor {
    /// Init segments that the facts give, or an earlier head left in the store.
    pub(super) async fn load_inits(&mut self) {
        for index in 0..self.renditions.len() {
            let rendition = &self.renditions[index];
            let known = spec::known_entry(&self.presentation.info, rendition)
                .map(|entry| Bytes::from(init_segment(&entry, rendition.cuts.timescale)));
            let init = match known {
                Some(init) => Some(init),
                None => match self.shared.store.read(&self.key(index, None)).await {
                    Some(read) => read.piece.bytes().await.ok(),
                    None => None,
                },
            };
            if let Some(init) = init {
                self.inits[index] = Init::Known(init);
            }
            for segment in self.shared.store.segments(self.record.id, &self.renditions[index].id.0) {
                self.state.set_stored(RenditionIndex(index), segment, true);
            }
        }
    }

    /// An init whose head is gone need not wait for a request that says where to start: that came.
    pub(super) fn seek_headless_init(&mut self, rendition: usize) {
        if std::mem::take(&mut self.lost_head[rendition]) {
            self.seek_init(rendition);
        }
    }

    /// Starts a head for an init segment that somebody waits for, where no head works that would bring it.
    pub(super) fn seek_init(&mut self, rendition: usize) {
        let index = RenditionIndex(rendition);
        let Init::Wanted(waiting) = &mut self.inits[rendition] else { return };
        waiting.retain(|reply| !reply.is_closed());
        if waiting.is_empty() || self.state.has_head(index) {
            return;
        }
        let segment = self.renditions[rendition].cuts.segment_at(self.expected_at).0;
        if let Some(error) = self.refusal(rendition, segment) {
            self.refuse_init(rendition, &error);
        } else if self.state.ticket(index, segment).is_none() {
            self.state.set_stored(index, segment, false);
            self.step(Event::Want { rendition: index, segment });
        }
    }

    pub(super) fn set_init(&mut self, rendition: usize, init: Bytes) {
        let Init::Wanted(waiting) = &mut self.inits[rendition] else {
            // Frozen at its first use: what a later head would write differs in parameter sets at most, and
            // those travel in band.
            return;
        };
        let waiting = std::mem::take(waiting);
        self.inits[rendition] = Init::Known(init.clone());
        waiting.into_iter().for_each(|reply| {
            let _gone = reply.send(Ok(init.clone()));
        });
        let (shared, key) = (self.shared.clone(), self.key(rendition, None));
        tokio::task::spawn_blocking(move || shared.store.write(&key, &[init], Interest::Watched));
    }

    pub(super) fn refuse_init(&mut self, rendition: usize, error: &StreamError) {
        if let Init::Wanted(waiting) = &mut self.inits[rendition] {
            for reply in waiting.drain(..) {
                let _gone = reply.send(Err(error.clone()));
            }
        }
    }
}
