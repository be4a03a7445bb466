//! `EXT-X-MAP`, RFC 8216 section 4.3.2.5: where the init segment is.

use super::attribute_list::AttributeList;

/// Beside the playlist, frozen at its first use: one for all segments, so no discontinuity.
const INIT: &str = "init.mp4";

/// "It applies to every Media Segment that appears after it in the Playlist until the next EXT-X-MAP tag".
pub fn write(out: &mut String) {
    write_at(out, INIT);
}

pub fn write_at(out: &mut String, address: &str) {
    let attributes = AttributeList::default().quoted("URI", address);
    out.push_str(&format!("#EXT-X-MAP:{attributes}\n"));
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_init_segment_lies_beside_the_playlist() {
        let mut out = String::new();
        super::write(&mut out);
        assert_eq!(out, "#EXT-X-MAP:URI=\"init.mp4\"\n");
    }
}
