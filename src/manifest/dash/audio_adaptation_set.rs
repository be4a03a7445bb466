//! The `AdaptationSet`s of audio: one per rendition, so that a menu shows each form of each track.

use super::adaptation_set::{self, SetId};
use super::{Document, Written, descriptor, representation};
use crate::manifest::audio_track::{AudioRendition, AudioTrack};
use quick_xml::events::BytesText;

/// Children in the schema's order: those of RepresentationBaseType first, then Role.
pub fn write(
    document: &mut Document,
    id: SetId,
    track: &AudioTrack,
    entry: AudioRendition,
    file: &str,
) -> Written {
    let mut element = adaptation_set::begin(document, id, "audio", &[entry.rendition]);
    if let Some(language) = track.language {
        element = element.with_attribute(("lang", language));
    }
    element.write_inner_content(|document| {
        descriptor::audio_channel_configuration(document, entry.form.channels)?;
        document.create_element("Label").write_text_content(BytesText::new(&track.name))?;
        descriptor::role(document, track.default)?;
        representation::write(document, entry.rendition, file)
    })?;
    Ok(())
}
