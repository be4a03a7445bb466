//! Whole descriptions, against golden files.

use super::mpd;
use crate::manifest::golden::{self, FILE};
use crate::manifest::{CopySelection, examples};

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
fn nothing_to_list_is_still_a_description() {
    golden::check("empty.mpd", &mpd(&examples::empty(), FILE, CopySelection::All));
}

#[test]
fn every_template_of_every_description_lets_players_play_unfinished_segments() {
    for (name, presentation) in examples::all() {
        let text = mpd(&presentation, FILE, CopySelection::All);
        let templates: Vec<&str> = text.lines().filter(|line| line.contains("<SegmentTemplate ")).collect();
        assert_eq!(templates.len(), presentation.renditions().count(), "{name}");
        for template in templates {
            assert!(template.contains("availabilityTimeComplete=\"false\""), "{name}: {template}");
            assert!(!template.contains("availabilityTimeOffset=\"0.000\""), "{name}: {template}");
        }
    }
}
