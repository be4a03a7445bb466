//! How far somebody watched, and how often.

use serde::{Deserialize, Serialize};

use super::super::context::Context;
use super::super::problem::{Kind, Problem};
use super::super::respond::{Answer, Call};
use crate::base::ids::FileId;
use crate::library::LibraryError;

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Position {
    position_s: f64,
}

/// A body without fields.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

#[derive(Serialize)]
struct Views {
    views: u64,
}

pub async fn position(call: &Call<'_>, file: FileId) -> Answer {
    let position: Position = super::read_required(&call.body)?;
    if !(position.position_s >= 0.0 && position.position_s.is_finite()) {
        return Err(Problem::new(Kind::BadRequest, "`position_s` is a time in seconds from the start."));
    }
    let keep = move |context: &Context| {
        listed(context, file)?;
        context.catalogue.set_position(file, position.position_s)?;
        Ok::<_, LibraryError>(())
    };
    call.context.blocking(keep).await?;
    super::json(call, &position).await
}

pub async fn view(call: &Call<'_>, file: FileId) -> Answer {
    super::read::<Nothing>(call)?;
    let count = move |context: &Context| {
        listed(context, file)?;
        context.catalogue.add_view(file)?.ok_or(LibraryError::Unknown(file))
    };
    let views = call.context.blocking(count).await?;
    super::json(call, &Views { views }).await
}

/// A file of a library that is no longer configured is not to be reached.
pub fn listed(context: &Context, file: FileId) -> Result<(), LibraryError> {
    context.catalogue.file(file)?.map(drop).ok_or(LibraryError::Unknown(file))
}
