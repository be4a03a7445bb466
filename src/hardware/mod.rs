//! Floor 5. What this machine can do: which profiles work on it, found out by doing, and why the others do not. What is
//! found is remembered until the machine changes.
//!
//! What is tried is a real head, on a clip that comes with the program: a keyframe that does not come where it is asked for
//! fails here, and not in a film.

mod clips;
mod devices;
mod examination;
mod finder;
mod kept;
mod report;
mod surroundings;
mod trial;

use std::path::Path;

pub use examination::{Depth, Examined, examine, load};
pub use finder::{Finder, State};
pub use report::{DeviceNode, Encodes, ProfileReport, Report};
pub use surroundings::Surroundings;

use crate::pipeline::ProfileSet;
use crate::worker::{WorkerError, WorkerPool};

/// What was found before under the same circumstances, else what is found now and remembered.
pub async fn known_or_examined(
    pool: &WorkerPool,
    set: &ProfileSet,
    surroundings: &Surroundings,
    cache: Option<&Path>,
) -> Result<Examined, WorkerError> {
    let key = kept::key(&surroundings.key(), set.digest());
    if let Some(known) = cache.and_then(|cache| kept::load(cache, &key)) {
        return Ok(known);
    }
    let examined = examine(pool, set, Depth::All, |_| {}).await?;
    if let Some(cache) = cache.filter(|_| examined.sure) {
        // It is found out again next time.
        let _stored = kept::store(cache, &key, &examined);
    }
    Ok(examined)
}
