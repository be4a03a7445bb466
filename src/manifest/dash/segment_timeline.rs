//! `SegmentTimeline`, ISO/IEC 23009-1 section 5.3.9.6: the cut list in its own ticks.

use std::ops::Range;

use super::{Document, Written};
use crate::timeline::CutList;

/// Segments of one length in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    length: i64,
    segments: u64,
}

/// Of the segments `listed`.
pub fn write(document: &mut Document, cuts: &CutList, listed: Range<u32>) -> Written {
    document.create_element("SegmentTimeline").write_inner_content(|document| {
        let boundaries = &cuts.boundaries[listed.start as usize..=listed.end as usize];
        for (index, run) in runs(boundaries).into_iter().enumerate() {
            let start = (index == 0).then(|| boundaries[0]);
            write_s(document, start, run)?;
        }
        Ok(())
    })?;
    Ok(())
}

/// `S@t`, where it is missing: "the value shall be assumed to be the sum of the previous S element's earliest
/// presentation time and contiguous duration": said once, since a cut list has no gaps. `S@r`: "the repeat
/// count of the number of following contiguous Segments with the same duration expressed by the value of @d",
/// one less than the run.
fn write_s(document: &mut Document, start: Option<i64>, run: Run) -> Written {
    let mut element = document.create_element("S");
    if let Some(start) = start {
        element = element.with_attribute(("t", start.to_string().as_str()));
    }
    element = element.with_attribute(("d", run.length.to_string().as_str()));
    if run.segments > 1 {
        element = element.with_attribute(("r", (run.segments - 1).to_string().as_str()));
    }
    element.write_empty()?;
    Ok(())
}

fn runs(boundaries: &[i64]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for pair in boundaries.windows(2) {
        let length = pair[1] - pair[0];
        match runs.last_mut() {
            Some(run) if run.length == length => run.segments += 1,
            _ => runs.push(Run { length, segments: 1 }),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::examples;
    use proptest::prelude::*;
    use quick_xml::Reader;
    use quick_xml::events::{BytesStart, Event};

    /// The boundaries that a client makes of the element.
    fn expand(xml: &str) -> Vec<i64> {
        let attribute = |element: &BytesStart, name: &str| -> Option<i64> {
            let attribute = element.try_get_attribute(name).expect("well-formed")?;
            Some(attribute.value.parse().expect("an integer"))
        };
        let mut boundaries = Vec::new();
        let mut reader = Reader::from_str(xml);
        loop {
            match reader.read_event().expect("well-formed") {
                Event::Empty(element) => {
                    if let Some(start) = attribute(&element, "t") {
                        assert!(boundaries.is_empty(), "only the first segment has a time");
                        boundaries.push(start);
                    }
                    for _ in 0..=attribute(&element, "r").unwrap_or(0) {
                        let last = boundaries[boundaries.len() - 1];
                        boundaries.push(last + attribute(&element, "d").expect("a duration"));
                    }
                }
                Event::Eof => return boundaries,
                _ => {}
            }
        }
    }

    proptest! {
        #[test]
        fn it_expands_to_exactly_the_cut_list(cuts in examples::cut_lists()) {
            let mut document = Document::new(Vec::new());
            write(&mut document, &cuts, 0..cuts.segment_count()).expect("memory");
            let xml = String::from_utf8(document.into_inner()).expect("text");
            prop_assert_eq!(expand(&xml), cuts.boundaries);
        }
    }

    #[test]
    fn equal_lengths_are_one_run() {
        let lengths: Vec<(i64, u64)> =
            runs(&[5, 6, 7, 9, 11, 13, 14]).iter().map(|run| (run.length, run.segments)).collect();
        assert_eq!(lengths, [(1, 2), (2, 3), (1, 1)]);
    }
}
