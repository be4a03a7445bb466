//! `MPD`, ISO/IEC 23009-1 section 5.3.1: the root element.

use quick_xml::events::{BytesDecl, Event};

use super::xs_duration::XsDuration;
use super::{Content, Document, Scope, Written, live, period};
use crate::manifest::audio_track::AudioTrack;
use crate::manifest::text_track::TextTrack;
use crate::manifest::{CopySelection, LiveEdge};
use crate::rendition::Presentation;
use crate::timeline::{NANOS_PER_SECOND, nanos_from_ticks};

const NAMESPACE: &str = "urn:mpeg:dash:schema:mpd:2011";
const PROFILES: &str = "urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019";
const LIVE_PROFILES: &str = "urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019,\
    http://www.dashif.org/guidelines/low-latency-live-v5";
/// A client learns of a segment when it has begun: half a segment later at the most.
const MINIMUM_UPDATE_PERIOD: &str = "PT1S";
/// Players buffer at least this much before the picture: the shortest segment's length.
const MIN_BUFFER_TIME: &str = "PT1S";
const INDENT: usize = 2;

/// Served as `/dash/{file}/manifest.mpd`. Static: complete from the first moment, although segments are made
/// on demand.
pub fn mpd(presentation: &Presentation, file: &str, copy: CopySelection) -> String {
    print(presentation, Scope { file, edge: None }, copy)
}

/// Served as `/live/{file}/manifest.mpd`: dynamic, and static once the edge has come to the end of the file.
pub fn live_mpd(presentation: &Presentation, file: &str, copy: CopySelection, edge: &LiveEdge) -> String {
    print(presentation, Scope { file, edge: Some(edge).filter(|edge| !edge.ended) }, copy)
}

fn print(presentation: &Presentation, scope: Scope<'_>, copy: CopySelection) -> String {
    let videos = copy.videos(presentation);
    let tracks = AudioTrack::all(presentation);
    let mut document = Document::new_with_indent(Vec::new(), b' ', INDENT);
    let whole = XsDuration::floor(presentation.duration_ns, NANOS_PER_SECOND as u32);
    let texts = TextTrack::all(presentation);
    // Sheets of pictures that stand for a minute each cannot keep up with an edge.
    let images = presentation.images.as_deref().filter(|_| scope.edge.is_none());
    let content = Content { videos: &videos, tracks: &tracks, texts: &texts, images };
    match write(&mut document, whole, content, scope) {
        Ok(()) => String::from_utf8_lossy(&document.into_inner()).into_owned(),
        Err(error) => unreachable!("memory takes every byte: {error}"),
    }
}

fn write(document: &mut Document, whole: XsDuration, content: Content<'_>, scope: Scope<'_>) -> Written {
    let Content { videos, tracks, .. } = content;
    let of_tracks = tracks.iter().flat_map(|track| &track.renditions).map(|entry| entry.rendition);
    let cuts = || videos.iter().copied().chain(of_tracks.clone()).map(|rendition| &rendition.cuts);
    // "@mediaPresentationDuration [...] shall be present when neither the attribute MPD@minimumUpdatePeriod
    // nor the Period@duration of the last Period is present." What is listed decides, not what the container
    // says.
    let end = cuts().map(|cuts| XsDuration::floor(cuts.end(), cuts.timescale)).max().unwrap_or(whole);
    let longest = cuts().map(|cuts| XsDuration::ceil(cuts.longest_ticks(), cuts.timescale));
    let sheet = content.images.map(|images| XsDuration::ceil(images.sheet_ns(), NANOS_PER_SECOND as u32));
    let longest = longest.chain(sheet).max();

    document.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let mut element = document.create_element("MPD").with_attribute(("xmlns", NAMESPACE));
    element = match scope.edge {
        None => element
            .with_attribute(("profiles", PROFILES))
            .with_attribute(("type", "static"))
            .with_attribute(("mediaPresentationDuration", end.to_string().as_str())),
        Some(edge) => {
            // What changes it is a segment that has begun.
            let begun = cuts().map(|cuts| cuts.segment_at(edge.position_ns)).zip(cuts());
            let begun_ns =
                begun.filter_map(|(segment, cuts)| Some((cuts.range(segment)?.start, cuts.timescale)));
            let begun_ns = begun_ns.map(|(start, scale)| nanos_from_ticks(start, scale)).max().unwrap_or(0);
            let depth = XsDuration::ceil(edge.window_ns, NANOS_PER_SECOND as u32);
            element
                .with_attribute(("profiles", LIVE_PROFILES))
                .with_attribute(("type", "dynamic"))
                .with_attribute(("availabilityStartTime", live::availability_start_time(edge).as_str()))
                .with_attribute(("publishTime", live::time_of_day(edge, begun_ns).as_str()))
                .with_attribute(("minimumUpdatePeriod", MINIMUM_UPDATE_PERIOD))
                .with_attribute(("timeShiftBufferDepth", depth.to_string().as_str()))
                .with_attribute(("suggestedPresentationDelay", live::PRESENTATION_DELAY))
        }
    };
    element = element.with_attribute(("minBufferTime", MIN_BUFFER_TIME));
    if let Some(longest) = longest {
        // "specifies the maximum duration of any Segment in any Representation in the Media Presentation".
        element = element.with_attribute(("maxSegmentDuration", longest.to_string().as_str()));
    }
    element.write_inner_content(|document| {
        if scope.edge.is_some() {
            live::service_description(document)?;
        }
        period::write(document, content, scope)?;
        if scope.edge.is_some() {
            live::utc_timing(document)?;
        }
        Ok(())
    })?;
    document.get_mut().push(b'\n');
    Ok(())
}
