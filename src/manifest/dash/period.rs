//! `Period`, ISO/IEC 23009-1 section 5.3.2: the whole file is one.

use super::adaptation_set::SetId;
use super::{
    Content, Document, Scope, Written, audio_adaptation_set, image_adaptation_set, text_adaptation_set,
    video_adaptation_set,
};

pub fn write(document: &mut Document, content: Content<'_>, scope: Scope<'_>) -> Written {
    let Content { videos, tracks, texts, images } = content;
    let period = document.create_element("Period").with_attributes([("id", "0"), ("start", "PT0S")]);
    period.write_inner_content(|document| {
        let mut ids = (0..).map(SetId);
        for (members, id) in video_adaptation_set::split(videos).iter().zip(ids.by_ref()) {
            video_adaptation_set::write(document, id, members, scope)?;
        }
        let entries =
            tracks.iter().flat_map(|track| track.renditions.iter().map(move |&entry| (track, entry)));
        for ((track, entry), id) in entries.zip(ids.by_ref()) {
            audio_adaptation_set::write(document, id, track, entry, scope)?;
        }
        for (text, id) in texts.iter().zip(ids.by_ref()) {
            text_adaptation_set::write(document, id, text, scope)?;
        }
        for (images, id) in images.into_iter().zip(ids) {
            image_adaptation_set::write(document, id, images, scope)?;
        }
        Ok(())
    })?;
    Ok(())
}
