//! WebVTT as WebM had it before Matroska (`D_WEBVTT/…`, "WebVTT in WebM"): a block is a line with the cue's identifier, a
//! line with its settings, and its text. ffmpeg writes it into Matroska too.

/// Whether a track of this CodecID is text in WebVTT, in Matroska's form or in the older one.
pub fn is_webvtt(codec_id: &str) -> bool {
    codec_id == "S_TEXT/WEBVTT" || is_cues(codec_id)
}

/// Whether it is in the older form, with cues that are shown; chapters and other data come the same way.
pub fn is_cues(codec_id: &str) -> bool {
    matches!(codec_id, "D_WEBVTT/SUBTITLES" | "D_WEBVTT/CAPTIONS")
}

/// A block's text, and what stands before it as Matroska has it beside the block: settings, then the identifier.
pub fn cue(block: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let line = |bytes: &[u8]| -> Option<(Vec<u8>, Vec<u8>)> {
        let end = bytes.iter().position(|&byte| byte == b'\n')?;
        let line = bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]);
        Some((line.to_vec(), bytes[end + 1..].to_vec()))
    };
    let parts = line(block).and_then(|(id, rest)| Some((id, line(&rest)?)));
    // Writers that leave the two lines out mean the text.
    let Some((id, (settings, text))) = parts else { return (block.to_vec(), Vec::new()) };
    (text, [settings, b"\n".to_vec(), id].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_an_identifier_then_settings_then_text() {
        for (block, text, addition) in [
            (
                &b"id\nline:0 align:left\n<i>One</i>\ntwo"[..],
                &b"<i>One</i>\ntwo"[..],
                &b"line:0 align:left\nid"[..],
            ),
            (b"\n\nOne", b"One", b"\n"),
            (b"id\r\nline:0\r\nOne\r\ntwo", b"One\r\ntwo", b"line:0\nid"),
            (b"One", b"One", b""),
            (b"One\ntwo", b"One\ntwo", b""),
            (b"", b"", b""),
        ] {
            assert_eq!(cue(block), (text.to_vec(), addition.to_vec()), "{}", String::from_utf8_lossy(block));
        }
    }

    #[test]
    fn descriptions_and_other_data_are_no_subtitles() {
        let known = ["D_WEBVTT/SUBTITLES", "D_WEBVTT/CAPTIONS", "D_WEBVTT/METADATA", "S_TEXT/WEBVTT", ""];
        assert_eq!(known.map(is_cues), [true, true, false, false, false]);
        assert_eq!(known.map(is_webvtt), [true, true, false, true, false]);
    }
}
