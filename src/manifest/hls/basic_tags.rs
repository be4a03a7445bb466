//! Tags that may open both kinds of playlist: `EXTM3U`, `EXT-X-VERSION` (RFC 8216 section 4.3.1) and
//! `EXT-X-INDEPENDENT-SEGMENTS` (4.3.5.1).

/// Section 7: "A Media Playlist MUST indicate an EXT-X-VERSION of 6 or higher if it contains the EXT-X-MAP
/// tag in a Media Playlist that does not contain EXT-X-I-FRAMES-ONLY"; 7 is what fragmented MP4 is served
/// with in practice. No tag of a later version is used, so the oldest players stay in.
const VERSION: u32 = 7;

/// Opens a playlist. `independent`: of every segment of every playlist that this one stands for.
pub fn open(out: &mut String, independent: bool) {
    open_version(out, VERSION, independent);
}

/// The same for a playlist whose tags need a later version.
pub fn open_version(out: &mut String, version: u32, independent: bool) {
    // "It MUST be the first line of every Media Playlist and every Master Playlist."
    out.push_str("#EXTM3U\n");
    // "A Playlist file MUST NOT contain more than one EXT-X-VERSION tag."
    out.push_str(&format!("#EXT-X-VERSION:{version}\n"));
    // "If the EXT-X-INDEPENDENT-SEGMENTS tag appears in a Master Playlist, it applies to every Media Segment
    // in every Media Playlist in the Master Playlist."
    if independent {
        out.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn independence_is_claimed_only_where_it_holds() {
        for (independent, expected) in [
            (true, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n"),
            (false, "#EXTM3U\n#EXT-X-VERSION:7\n"),
        ] {
            let mut out = String::new();
            open(&mut out, independent);
            assert_eq!(out, expected);
        }
    }
}
