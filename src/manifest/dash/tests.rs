//! Whole descriptions, against golden files.

use super::{live_mpd, mpd};
use crate::manifest::golden::{self, FILE};
use crate::manifest::{CopySelection, LiveEdge, examples};
use crate::timeline::NANOS_PER_SECOND;

#[test]
fn presentation_descriptions() {
    for (name, presentation) in examples::all() {
        golden::check(&format!("{name}.mpd"), &mpd(&presentation, FILE, CopySelection::All));
    }
}

#[test]
fn selections() {
    let film = examples::two_languages();
    for (name, copy) in [("copy_only", CopySelection::Only), ("copy_none", CopySelection::None)] {
        golden::check(&format!("{name}.mpd"), &mpd(&film, FILE, copy));
    }
}

#[test]
fn at_the_live_edge() {
    let film = examples::two_languages();
    for (name, position_s, ended) in [("begin", 1, false), ("middle", 7, false), ("end", 15, true)] {
        let position_ns = position_s * NANOS_PER_SECOND + NANOS_PER_SECOND / 10;
        let edge = LiveEdge { ended, ..examples::live_edge(position_ns) };
        golden::check(&format!("live_{name}.mpd"), &live_mpd(&film, FILE, CopySelection::None, &edge));
    }
}

#[test]
fn nothing_to_list_is_still_a_description() {
    golden::check("empty.mpd", &mpd(&examples::empty(), FILE, CopySelection::All));
}

#[test]
fn every_template_lets_dash_js_play_unfinished_segments_and_shaka_whole_ones() {
    for (name, presentation) in examples::all() {
        let text = mpd(&presentation, FILE, CopySelection::All);
        let media = |line: &&str| line.contains("<SegmentTemplate ") && !line.contains(".jpg");
        let templates: Vec<&str> = text.lines().filter(media).collect();
        assert_eq!(templates.len(), presentation.listed().count(), "{name}");
        for template in templates {
            assert!(template.contains("availabilityTimeComplete=\"false\""), "{name}: {template}");
            assert!(!template.contains("availabilityTimeOffset"), "{name}: {template}");
        }
    }
}
