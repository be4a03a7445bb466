//! What only the live edge says: which clock it goes by and how late a client may be (ISO/IEC 23009-1 sections 5.8.5.7,
//! 5.12 and K.3; DASH-IF IOP part 9, low-latency modes).

use super::adaptation_set::SetId;
use super::{Document, Scope, Written};
use crate::manifest::{LiveEdge, date_time};
use crate::rendition::Rendition;
use crate::timeline::Nanos;

const HTTP_XSDATE: &str = "urn:mpeg:dash:utc:http-xsdate:2014";
/// Of the server's own clock, relative to the MPD: players otherwise ask somebody on the internet.
const CLOCK: &str = "../../live/time";
/// Milliseconds behind the edge at which a client plays.
const TARGET_LATENCY_MS: u32 = 1500;
/// For clients that go by the end of the list and not by the clock (Shaka): the segment that is being made is listed, so
/// they take the present for up to a segment later than it is.
pub const PRESENTATION_DELAY: &str = "PT3S";
const MIN_LATENCY_MS: u32 = 750;
const MAX_LATENCY_MS: u32 = 6000;

/// The edge's own clock: presentation time 0 exists for everybody at that time of day. Where the edge has waited, as it
/// goes since then.
pub fn availability_start_time(edge: &LiveEdge) -> String {
    date_time::utc(edge.clock.unix_ns_at(0))
}

/// When the edge is at `position_ns`, by its present pace.
pub fn time_of_day(edge: &LiveEdge, position_ns: Nanos) -> String {
    date_time::utc(edge.clock.unix_ns_at(position_ns))
}

pub fn service_description(document: &mut Document) -> Written {
    document.create_element("ServiceDescription").with_attribute(("id", "0")).write_inner_content(
        |document| {
            document
                .create_element("Latency")
                .with_attribute(("referenceId", "0"))
                .with_attribute(("target", TARGET_LATENCY_MS.to_string().as_str()))
                .with_attribute(("max", MAX_LATENCY_MS.to_string().as_str()))
                .with_attribute(("min", MIN_LATENCY_MS.to_string().as_str()))
                .write_empty()?;
            document
                .create_element("PlaybackRate")
                .with_attributes([("max", "1.04"), ("min", "0.96")])
                .write_empty()?;
            Ok(())
        },
    )?;
    Ok(())
}

pub fn utc_timing(document: &mut Document) -> Written {
    document
        .create_element("UTCTiming")
        .with_attributes([("schemeIdUri", HTTP_XSDATE), ("value", CLOCK)])
        .write_empty()?;
    Ok(())
}

/// When what is shown was made: the reference of `Latency`. Nothing in a whole file's description.
pub fn producer_reference_time(document: &mut Document, set: SetId, scope: Scope<'_>) -> Written {
    let Some(edge) = scope.edge else { return Ok(()) };
    document
        .create_element("ProducerReferenceTime")
        .with_attribute(("id", set.0.to_string().as_str()))
        .with_attribute(("type", "encoder"))
        .with_attribute(("wallClockTime", availability_start_time(edge).as_str()))
        .with_attribute(("presentationTime", "0"))
        .write_inner_content(utc_timing)?;
    Ok(())
}

/// "Resync [...] @dT: the maximum difference of the earliest presentation times of any two consecutive resynchronization
/// points": a client may join at any part of a segment.
pub fn resync(document: &mut Document, rendition: &Rendition, scope: Scope<'_>) -> Written {
    if scope.edge.is_none() {
        return Ok(());
    }
    document
        .create_element("Resync")
        .with_attribute(("type", "0"))
        .with_attribute(("dT", rendition.fragments.longest_part().to_string().as_str()))
        .write_empty()?;
    Ok(())
}
