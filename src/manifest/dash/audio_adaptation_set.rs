//! The `AdaptationSet`s of audio: one per rendition, so that a menu shows each form of each track.

use super::adaptation_set::{self, SetId};
use super::{Document, Scope, Written, descriptor, live, representation};
use crate::manifest::audio_track::{AudioRendition, AudioTrack};
use crate::media::Disposition;
use quick_xml::events::BytesText;

/// A value of the table in section 5.8.5.5: what the track is, seen from the film.
fn role(track: &AudioTrack) -> &'static str {
    match track.disposition {
        Disposition { commentary: true, .. } => "commentary",
        Disposition { visual_impaired: true, .. } => "description",
        _ if track.default => "main",
        _ => "alternate",
    }
}

/// Children in the schema's order: those of RepresentationBaseType first, then Accessibility, Role, ...
pub fn write(
    document: &mut Document,
    id: SetId,
    track: &AudioTrack,
    entry: AudioRendition,
    scope: Scope<'_>,
) -> Written {
    let mut element = adaptation_set::begin(document, id, "audio", &[entry.rendition]);
    if let Some(language) = track.language {
        element = element.with_attribute(("lang", language));
    }
    element.write_inner_content(|document| {
        descriptor::audio_channel_configuration(document, entry.form.channels)?;
        document.create_element("Label").write_text_content(BytesText::new(&track.name))?;
        live::producer_reference_time(document, id, scope)?;
        if track.disposition.visual_impaired {
            descriptor::audio_description(document)?;
        }
        descriptor::role(document, role(track))?;
        representation::write(document, entry.rendition, scope)
    })?;
    Ok(())
}
