//! The `AdaptationSet`s of texts: one per track, a whole file of WebVTT each, as every player reads it.

use quick_xml::events::BytesText;

use super::adaptation_set::SetId;
use super::{Document, Scope, Written, descriptor};
use crate::manifest::text_track::TextTrack;
use crate::media::Disposition;

const MIME_TYPE: &str = "text/vtt";
/// A line of a hundred bytes every four seconds.
const BANDWIDTH: &str = "256";

/// A value of the table in section 5.8.5.5.
fn role(track: &TextTrack) -> &'static str {
    match track.disposition {
        // "Textual information meant for display when no other text Representation is selected."
        Disposition { forced: true, .. } => "forced-subtitle",
        Disposition { commentary: true, .. } => "commentary",
        Disposition { hearing_impaired: true, .. } => "caption",
        _ => "subtitle",
    }
}

/// Children in the schema's order: those of RepresentationBaseType first, then Accessibility, Role, ...
pub fn write(document: &mut Document, id: SetId, track: &TextTrack, scope: Scope<'_>) -> Written {
    let mut element = document
        .create_element("AdaptationSet")
        .with_attribute(("id", id.0.to_string().as_str()))
        .with_attribute(("contentType", "text"))
        .with_attribute(("mimeType", MIME_TYPE));
    if let Some(language) = track.language {
        element = element.with_attribute(("lang", language));
    }
    element.write_inner_content(|document| {
        document.create_element("Label").write_text_content(BytesText::new(&track.name))?;
        if track.disposition.hearing_impaired {
            descriptor::for_the_deaf(document)?;
        }
        descriptor::role(document, role(track))?;
        let rendition = track.rendition.id.to_string();
        let representation = document
            .create_element("Representation")
            .with_attributes([("id", rendition.as_str()), ("bandwidth", BANDWIDTH)]);
        representation.write_inner_content(|document| {
            let address = format!("../../media/{}/{rendition}/all.vtt", scope.file);
            document.create_element("BaseURL").write_text_content(BytesText::new(&address))?;
            Ok(())
        })?;
        Ok(())
    })?;
    Ok(())
}
