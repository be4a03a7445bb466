//! `SegmentTemplate`, ISO/IEC 23009-1 section 5.3.9.4, and the two attributes that let players play a segment
//! while it is being made.

use std::ops::Range;

use super::{Document, Scope, Written, segment_timeline};
use crate::rendition::Rendition;
use crate::timeline::{CutList, FragmentRule, Rounding, rescale};

const MILLIS_PER_SECOND: u32 = 1000;
/// Segments that are being made.
const GROWING: u32 = 1;
/// Of `availabilityTimeOffset`: players take the smallest of all and leave the mode at zero.
const MIN_OFFSET_MS: i64 = 100;

/// `$RepresentationID$` and `$Number$` are section 5.3.9.4.4's; `S` elements count from `@startNumber`, which
/// is the number in the addresses themselves.
pub fn write(document: &mut Document, rendition: &Rendition, scope: Scope<'_>) -> Written {
    let base = format!("../../media/{}/$RepresentationID$", scope.file);
    let listed = listed(rendition, scope);
    // Before a segment is whole it can be asked for at the live edge. Nowhere else: from a burst, Shaka in this mode
    // appends the first piece of a segment before the last ones of the segment in front of it, which are lost.
    let early = scope.edge.map(|_| ("availabilityTimeOffset", availability_time_offset(rendition)));
    document
        .create_element("SegmentTemplate")
        .with_attribute(("timescale", rendition.cuts.timescale.to_string().as_str()))
        .with_attribute(("initialization", format!("{base}/init.mp4").as_str()))
        .with_attribute(("media", format!("{base}/$Number$.m4s").as_str()))
        .with_attribute(("startNumber", listed.start.to_string().as_str()))
        .with_attributes(early.iter().map(|(name, seconds)| (*name, seconds.as_str())))
        // Section 5.3.9.2.2: "specifies if all Segments of all associated Representation are complete at the
        // adjusted availability start time." dash.js appends piece by piece if this is false.
        .with_attribute(("availabilityTimeComplete", "false"))
        .write_inner_content(|document| segment_timeline::write(document, &rendition.cuts, listed))?;
    Ok(())
}

/// All segments; at the live edge what has been made and what is being made. With one more, players that go by the end of
/// the list would take it for the present.
fn listed(rendition: &Rendition, scope: Scope<'_>) -> Range<u32> {
    let count = rendition.cuts.segment_count();
    match scope.edge {
        None => 0..count,
        Some(edge) => {
            let whole = edge.listed(&rendition.cuts, rendition.fragments).segments;
            whole.start..(whole.end + GROWING).min(count)
        }
    }
}

/// How long before its end a segment can be asked for: from its first fragment on. In seconds.
fn availability_time_offset(rendition: &Rendition) -> String {
    let millis = rescale(
        shortest_rest(&rendition.cuts, rendition.fragments),
        rendition.cuts.timescale,
        MILLIS_PER_SECOND,
        Rounding::Floor,
    );
    let millis = millis.max(MIN_OFFSET_MS);
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

/// Ticks behind the first fragment of a segment, of the segment that has the fewest: true for all of them.
fn shortest_rest(cuts: &CutList, fragments: FragmentRule) -> i64 {
    cuts.ranges()
        .map(|segment| segment.end - fragments.fragment_end(&segment, segment.start))
        .min()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::examples;
    use proptest::prelude::*;

    fn offset(boundaries: &[i64], first: i64) -> String {
        let cuts = CutList { timescale: 1000, boundaries: boundaries.to_vec(), independent: true };
        let fragments = FragmentRule::fixed(first, 300);
        availability_time_offset(&Rendition { fragments, ..examples::video("v-1", cuts) })
    }

    #[test]
    fn the_shortest_segment_decides() {
        assert_eq!(offset(&[0, 1000, 2000, 4000], 160), "0.840");
        assert_eq!(offset(&[0, 2000, 4000], 160), "1.840");
    }

    #[test]
    fn a_stump_keeps_the_mode_on() {
        assert_eq!(offset(&[0, 2000, 2100], 160), "0.100");
    }

    proptest! {
        #[test]
        fn what_is_left_is_never_overstated(cuts in examples::cut_lists(), first in 1i64..50_000) {
            let fragments = FragmentRule::fixed(first, first);
            let rest = shortest_rest(&cuts, fragments);
            for segment in cuts.ranges() {
                prop_assert!(rest >= 0 && fragments.ends(&segment)[0] + rest <= segment.end);
            }
        }
    }
}
