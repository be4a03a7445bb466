//! `AdaptationSet`, ISO/IEC 23009-1 section 5.3.3: what video and audio sets have in common.

use quick_xml::writer::ElementWriter;

use super::Document;
use crate::rendition::Rendition;
use crate::timeline::CutList;

/// Position in the Period; also `AdaptationSet@id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetId(pub usize);

pub fn begin<'a>(
    document: &'a mut Document,
    id: SetId,
    content_type: &str,
    members: &[&Rendition],
) -> ElementWriter<'a, Vec<u8>> {
    let mut element = document
        .create_element("AdaptationSet")
        .with_attribute(("id", id.0.to_string().as_str()))
        .with_attribute(("contentType", content_type))
        .with_attribute(("mimeType", format!("{content_type}/mp4").as_str()))
        // Section 5.3.3.2: "for any two Representations, X and Y, within the same Adaptation Set, the m-th
        // Segment of X and the n-th Segment of Y are non-overlapping [...] whenever m is not equal to n".
        .with_attribute(("segmentAlignment", if are_aligned(members) { "true" } else { "false" }));
    // "@startWithSAP: when present, specifies that in the associated Representations, each Media Segment
    // starts with a SAP of type less than or equal to the value"; absent where a copy's groups are open.
    if members.iter().all(|rendition| rendition.cuts.independent) {
        element = element.with_attribute(("startWithSAP", "1"));
    }
    element
}

fn are_aligned(members: &[&Rendition]) -> bool {
    members.windows(2).all(|pair| same_times(&pair[0].cuts, &pair[1].cuts))
}

/// Equal as fractions of seconds, whatever the timescales.
fn same_times(a: &CutList, b: &CutList) -> bool {
    let scaled = |boundary: i64, by: u32| i128::from(boundary) * i128::from(by);
    a.boundaries.len() == b.boundaries.len()
        && a.boundaries
            .iter()
            .zip(&b.boundaries)
            .all(|(&x, &y)| scaled(x, b.timescale) == scaled(y, a.timescale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alignment_is_a_matter_of_time_not_of_ticks() {
        let list = |timescale, boundaries: &[i64]| CutList {
            timescale,
            boundaries: boundaries.to_vec(),
            independent: true,
        };
        assert!(same_times(&list(24_000, &[0, 24_024]), &list(48_000, &[0, 48_048])));
        assert!(!same_times(&list(24_000, &[0, 24_024]), &list(48_000, &[0, 48_049])));
        assert!(!same_times(&list(1, &[0, 1]), &list(1, &[0, 1, 2])));
    }
}
