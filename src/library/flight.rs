//! Probes under way: whoever asks for a file that is being probed waits for that probe. A probe belongs to
//! nobody who waits: it goes on when they leave.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::error::LibraryError;
use crate::base::ids::FileId;

type Answer = Result<(), LibraryError>;
type Landed = watch::Receiver<Option<Answer>>;

/// Bounded by the callers: each holds at most one.
#[derive(Default)]
pub(super) struct Flights {
    under_way: Arc<Mutex<HashMap<FileId, Landed>>>,
}

impl Flights {
    /// The answer of the probe of `id` that is under way, or else of the one that `start` is to begin. `start`
    /// gets what has to be told the answer; losing that tells the waiters too.
    pub async fn join(&self, id: FileId, start: impl FnOnce(Flight)) -> Answer {
        let mut landed = {
            let mut under_way = lock(&self.under_way);
            match under_way.get(&id) {
                Some(landed) => landed.clone(),
                None => {
                    let (answer, landed) = watch::channel(None);
                    under_way.insert(id, landed.clone());
                    drop(under_way);
                    start(Flight { id, under_way: Arc::clone(&self.under_way), answer });
                    landed
                }
            }
        };
        let answer = landed.wait_for(Option::is_some).await.ok().and_then(|answer| answer.clone());
        answer.unwrap_or(Err(LibraryError::ProbeLost(id)))
    }
}

pub(super) struct Flight {
    id: FileId,
    under_way: Arc<Mutex<HashMap<FileId, Landed>>>,
    answer: watch::Sender<Option<Answer>>,
}

impl Flight {
    pub fn land(self, answer: Answer) {
        self.answer.send_replace(Some(answer));
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        lock(&self.under_way).remove(&self.id);
    }
}

fn lock(under_way: &Mutex<HashMap<FileId, Landed>>) -> MutexGuard<'_, HashMap<FileId, Landed>> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}
