//! Scanning the libraries.

use http::StatusCode;

use super::super::respond::{Answer, Call};
use super::viewing::Nothing;

pub async fn start(call: &Call<'_>) -> Answer {
    super::read::<Nothing>(call)?;
    let status = call.context.libraries.start_scan();
    let mut response = super::json(call, &status).await?;
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

pub async fn status(call: &Call<'_>) -> Answer {
    super::json(call, &call.context.libraries.scan_status()).await
}
