//! The `AdaptationSet` of sheets of small pictures (DASH-IF IOP 4.3 section 6.2.6).

use super::adaptation_set::SetId;
use super::{Document, Scope, Written, descriptor};
use crate::rendition::ImageRendition;
use crate::timeline::NANOS_PER_SECOND;

const MIME_TYPE: &str = "image/jpeg";
const MILLIS: u32 = 1000;

pub fn write(document: &mut Document, id: SetId, images: &ImageRendition, scope: Scope<'_>) -> Written {
    let set = document
        .create_element("AdaptationSet")
        .with_attribute(("id", id.0.to_string().as_str()))
        .with_attribute(("contentType", "image"))
        .with_attribute(("mimeType", MIME_TYPE));
    set.write_inner_content(|document| {
        let duration = images.sheet_ns() / (NANOS_PER_SECOND / i64::from(MILLIS));
        document
            .create_element("SegmentTemplate")
            .with_attribute(("timescale", MILLIS.to_string().as_str()))
            .with_attribute(("duration", duration.to_string().as_str()))
            .with_attribute(("startNumber", "0"))
            .with_attribute((
                "media",
                format!("../../media/{}/$RepresentationID$/$Number$.jpg", scope.file).as_str(),
            ))
            .write_empty()?;
        let (width, height) = images.size();
        let representation = document
            .create_element("Representation")
            .with_attribute(("id", images.id.to_string().as_str()))
            .with_attribute(("bandwidth", images.bandwidth().to_string().as_str()))
            .with_attribute(("width", width.to_string().as_str()))
            .with_attribute(("height", height.to_string().as_str()));
        representation.write_inner_content(|document| {
            descriptor::thumbnail_tile(document, images.columns, images.rows)
        })?;
        Ok(())
    })?;
    Ok(())
}
