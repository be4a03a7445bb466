//! The `AdaptationSet`s of video: the copy is one of its own, the encoded rungs are another.

use std::cmp::Ordering;

use super::adaptation_set::{self, SetId};
use super::{Document, Scope, Written, descriptor, live, representation};
use crate::rendition::{Rendition, VideoForm};
use crate::timeline::FrameRate;

/// Renditions between which a client may switch. The copy has the source's cuts and codec and can switch with
/// nobody; `@bitstreamSwitching` is never claimed, each rendition has its own init segment.
pub fn split<'a>(videos: &[&'a Rendition]) -> Vec<Vec<&'a Rendition>> {
    let (copies, rungs): (Vec<&Rendition>, Vec<&Rendition>) =
        videos.iter().copied().partition(|rendition| rendition.copied);
    let mut sets: Vec<Vec<&Rendition>> = copies.into_iter().map(|copy| vec![copy]).collect();
    if !rungs.is_empty() {
        sets.push(rungs);
    }
    sets
}

pub fn write(document: &mut Document, id: SetId, members: &[&Rendition], scope: Scope<'_>) -> Written {
    let forms: Vec<&VideoForm> = members.iter().filter_map(|rendition| rendition.video()).collect();
    let mut element = adaptation_set::begin(document, id, "video", members);
    let largest = |side: fn(&VideoForm) -> u32| forms.iter().map(|form| side(form)).max().unwrap_or(0);
    element = element
        .with_attribute(("maxWidth", largest(|form| form.width).to_string().as_str()))
        .with_attribute(("maxHeight", largest(|form| form.height).to_string().as_str()));
    if let Some(rate) = forms.iter().map(|form| form.frame_rate).max_by(|a, b| compare(*a, *b)) {
        element = element.with_attribute(("maxFrameRate", representation::frame_rate(rate).as_str()));
    }
    element.write_inner_content(|document| {
        // CMAF (ISO/IEC 23000-19) section 7.3.4: one switching set has one transfer function, so the first
        // member speaks for all.
        if let Some(form) = forms.first() {
            descriptor::high_dynamic_range(document, &form.colour)?;
        }
        live::producer_reference_time(document, id, scope)?;
        descriptor::role(document, "main")?;
        members.iter().try_for_each(|rendition| representation::write(document, rendition, scope))
    })?;
    Ok(())
}

fn compare(a: FrameRate, b: FrameRate) -> Ordering {
    let product = |x: u32, y: u32| u64::from(x) * u64::from(y);
    product(a.num, b.den).cmp(&product(b.num, a.den))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{CopySelection, examples};

    #[test]
    fn the_copy_switches_with_nobody() {
        let sizes = |presentation| {
            split(&CopySelection::All.videos(&presentation)).iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(examples::two_languages()), [1, 3]);
        assert_eq!(sizes(examples::hdr_copy()), [1]);
        assert_eq!(sizes(examples::variable_rate()), [1]);
        assert!(sizes(examples::audio_only()).is_empty());
    }

    #[test]
    fn frame_rates_compare_as_fractions() {
        let rate = |num, den| FrameRate { num, den };
        assert_eq!(compare(rate(60_000, 1001), rate(60, 1)), Ordering::Less);
        assert_eq!(compare(rate(25, 1), rate(24_000, 1001)), Ordering::Greater);
    }
}
