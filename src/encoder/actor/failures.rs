//! What fails: heads, segments and sources; who hears of it, and when it is tried again.

use std::time::Instant;

use super::{Actor, FORGIVE, Tries};
use crate::encoder::choice::Tried;
use crate::encoder::error::StreamError;
use crate::encoder::state::{Event, HeadId, RenditionIndex};
use crate::encoder::telemetry::EndCause;
use crate::timeline::{SegmentIndex, nanos_from_ticks};
use crate::worker::WorkerError;

impl Actor {
    /// Why a segment is not even tried, if it is not.
    pub(super) fn refusal(&self, rendition: usize, segment: u32) -> Option<StreamError> {
        // Impatient players would otherwise have it tried again and again.
        self.tries.get(&(rendition, segment))?.failed.clone()
    }

    /// The source has nothing more for a head, though the cut list does: it was cut short, or is damaged here and
    /// goes on behind. Who waits for what lies behind gets a head that begins there.
    pub(super) fn source_ended(&mut self, rendition: usize, segment: u32) {
        tracing::warn!(file = %self.record.id, name = %self.record.name, segment, "the source ended early");
        let cuts = &self.renditions[rendition].cuts;
        let range = cuts.range(SegmentIndex(segment));
        let at = range.map_or(0, |range| nanos_from_ticks(range.start, cuts.timescale)) as f64 / 1e9;
        let name = &self.record.name;
        let error = StreamError::Damaged(format!(
            "{name} has nothing to play at {at:.1} s, though its index says so"
        ));
        self.refuse_init(rendition, &error);
        let failed = Tries { tried: Tried::default(), last: Instant::now(), failed: Some(error.clone()) };
        self.tries.insert((rendition, segment), failed);
        self.give_up(rendition, segment, &error);
    }

    /// What failed may be tried again after a while (a disk that came back has what it did not deliver before), counted from the last failure, and not while somebody still
    /// tries: a try that hangs takes longer than the while.
    pub(super) fn forgive(&mut self) {
        let trying: Vec<(usize, u32)> = self
            .heads
            .iter()
            .filter_map(|(head, running)| Some((running.rendition, self.state.frontier(*head)?)))
            .collect();
        self.tries.retain(|key, tries| tries.last.elapsed() < FORGIVE || trying.contains(key));
    }

    /// Hardware that came to grief rests.
    pub(super) fn blame(&self, head: HeadId, error: &WorkerError) {
        if let Some(running) = self.heads.get(&head)
            && let Some(choice) = &running.choice
        {
            let (info, rendition) = (&self.presentation.info, &self.renditions[running.rendition]);
            self.shared.choices.failed(info, rendition, choice, error, running.first_fragment);
        }
    }

    /// A head failed: another try, another way, or the end of trying.
    pub(super) fn failed(&mut self, head: HeadId, error: StreamError) {
        let Some(running) = self.heads.get(&head) else {
            return;
        };
        let (rendition, way) = (running.rendition, running.choice.as_ref().map(|choice| choice.way.clone()));
        self.observer.failed(head, &error);
        let segment = self.state.frontier(head).unwrap_or(0);
        tracing::warn!(file = %self.record.id, segment, %error, head = head.0, "head failed");
        let first = Tries { tried: Tried::default(), last: Instant::now(), failed: None };
        let tries = self.tries.entry((rendition, segment)).or_insert(first);
        way.iter().for_each(|way| tries.tried.again(way));
        tries.last = Instant::now();
        let next =
            self.shared.choices.next(&self.presentation.info, &self.renditions[rendition], &tries.tried);
        if next.is_none() {
            tries.failed = Some(error.clone());
            self.fail(head, segment, error);
        } else {
            self.end_head(head, &error);
        }
    }

    /// Ends a head whose segment cannot be made, and tells everyone who waits for it.
    pub(super) fn fail(&mut self, head: HeadId, segment: u32, error: StreamError) {
        self.observer.failed(head, &error);
        if let Some(rendition) = self.heads.get(&head).map(|running| running.rendition) {
            self.give_up(rendition, segment, &error);
            self.refuse_init(rendition, &error);
        }
        self.end_head(head, &error);
    }

    pub(super) fn give_up(&mut self, rendition: usize, segment: u32, error: &StreamError) {
        if let Some(filling) = self.growing.remove(&(rendition, segment)) {
            filling.send_modify(|filling| filling.end = Some(Err(error.clone())));
        }
        self.step(Event::GiveUp { rendition: RenditionIndex(rendition), segment });
    }

    pub(super) fn end_head(&mut self, head: HeadId, error: &StreamError) {
        self.observer.ended(head, EndCause::Finished);
        if let Some(running) = self.heads.remove(&head) {
            running.task.abort();
            self.lost_head[running.rendition] = true;
            self.drop_torn(running.rendition, error);
        }
        self.step(Event::Ended { head });
    }

    /// Segments that have begun, that no head goes on with and that nobody waits for: what there is of them is
    /// forgotten. Those that somebody waits for are gone on with by the next head.
    pub(super) fn drop_torn(&mut self, rendition: usize, error: &StreamError) {
        let making: Vec<u32> = self
            .heads
            .iter()
            .filter(|(_, running)| running.rendition == rendition)
            .filter_map(|(head, _)| self.state.frontier(*head))
            .collect();
        self.growing.retain(|(of, segment), filling| {
            let torn = {
                let filling = filling.borrow();
                *of == rendition
                    && self.state.ticket(RenditionIndex(rendition), *segment).is_none()
                    && filling.end.is_none()
                    && !filling.fragments.is_empty()
                    && !making.contains(segment)
            };
            if torn {
                filling.send_modify(|filling| filling.end = Some(Err(error.clone())));
            }
            !torn
        });
    }
}
