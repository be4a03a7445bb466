//! Tags of a media playlist as a whole, RFC 8216 section 4.3.3: `EXT-X-TARGETDURATION`,
//! `EXT-X-MEDIA-SEQUENCE`, `EXT-X-PLAYLIST-TYPE`, `EXT-X-ENDLIST`.

use super::extinf::SegmentMicros;
use crate::timeline::CutList;

/// "The EXTINF duration of each Media Segment in the Playlist file, when rounded to the nearest integer, MUST be less
/// than or equal to the target duration". Zero would be legal for a clip of less than half a second, and players divide
/// by it.
pub fn target_duration(cuts: &CutList) -> i64 {
    SegmentMicros::of(cuts).max().map_or(1, SegmentMicros::rounded_seconds).max(1)
}

pub fn write_head(out: &mut String, cuts: &CutList) {
    out.push_str(&format!("#EXT-X-TARGETDURATION:{}\n", target_duration(cuts)));
    // "MUST appear before the first Media Segment in the Playlist." Numbers in URLs are the same numbers.
    out.push_str("#EXT-X-MEDIA-SEQUENCE:0\n");
    // "If the EXT-X-PLAYLIST-TYPE value is VOD, the Playlist cannot change."
    out.push_str("#EXT-X-PLAYLIST-TYPE:VOD\n");
}

/// "Indicates that no more Media Segments will be added to the Media Playlist file."
pub fn write_end(out: &mut String) {
    out.push_str("#EXT-X-ENDLIST\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::examples;
    use proptest::prelude::*;

    fn target(cuts: &CutList) -> i64 {
        let mut out = String::new();
        write_head(&mut out, cuts);
        let line = out.lines().next().and_then(|line| line.strip_prefix("#EXT-X-TARGETDURATION:"));
        line.expect("first").parse().expect("an integer")
    }

    #[test]
    fn a_short_clip_has_a_target_too() {
        assert_eq!(target(&CutList { timescale: 1000, boundaries: vec![0, 40], independent: true }), 1);
    }

    proptest! {
        #[test]
        fn no_segment_rounds_beyond_the_target(cuts in examples::cut_lists()) {
            let target = target(&cuts);
            prop_assert!(SegmentMicros::of(&cuts).all(|duration| duration.rounded_seconds() <= target));
        }
    }
}
