//! The movie's own tags: title and cover, in the iTunes list (`meta` `ilst`) or QuickTime's user data.

use super::boxes::{Boxes, Mp4Box, text};

/// Longest title that is kept, in bytes.
const MAX_TITLE: usize = 1024;
/// `data` type of UTF-8 text.
const UTF_8: u32 = 1;
/// QuickTime's key of the title in a `meta` box with a `keys` list.
const TITLE_KEY: &[u8] = b"com.apple.quicktime.title";

pub fn title(moov: Mp4Box<'_>) -> Option<String> {
    let udta = moov.optional(b"udta");
    udta.and_then(|udta| itunes_item(udta, b"\xa9nam"))
        .and_then(text_of)
        .or_else(|| moov.optional(b"meta").and_then(keyed_title))
        .or_else(|| udta.and_then(international_text))
}

/// Whether the user data holds a front cover.
pub fn has_cover(udta: Mp4Box<'_>) -> bool {
    itunes_item(udta, b"covr").and_then(|covr| covr.optional(b"data")).is_some_and(|data| data.body.len() > 8)
}

fn itunes_item<'a>(udta: Mp4Box<'a>, kind: &[u8; 4]) -> Option<Mp4Box<'a>> {
    let mut meta = meta_children(udta.optional(b"meta")?).intact();
    meta.find(|found| found.kind == *b"ilst")?.optional(kind)
}

/// `meta` is a full box in ISO files and a plain one in QuickTime, where `hdlr` comes first.
fn meta_children(meta: Mp4Box<'_>) -> Boxes<'_> {
    let plain = meta.body.get(4..8) == Some(b"hdlr");
    meta.children_after(if plain { 0 } else { 4 })
}

/// `keys` names the items of `ilst` by number, from one.
fn keyed_title(meta: Mp4Box<'_>) -> Option<String> {
    let keys = meta_children(meta).intact().find(|found| found.kind == *b"keys")?;
    let items = meta_children(meta).intact().find(|found| found.kind == *b"ilst")?;
    let position = keys.children_after(8).intact().position(|key| key.body == TITLE_KEY)?;
    text_of(items.optional(&u32::try_from(position + 1).ok()?.to_be_bytes())?)
}

fn text_of(item: Mp4Box<'_>) -> Option<String> {
    let mut fields = item.optional(b"data")?.fields("data");
    let form = fields.u32().ok()?;
    fields.skip(4).ok()?;
    (form == UTF_8).then(|| text(fields.rest(), MAX_TITLE)).flatten()
}

/// `©nam` of QuickTime's user data: length, Macintosh language, text.
fn international_text(udta: Mp4Box<'_>) -> Option<String> {
    let mut fields = udta.optional(b"\xa9nam")?.fields("name");
    let length = usize::from(fields.u16().ok()?);
    fields.skip(2).ok()?;
    text(fields.take(length).ok()?, MAX_TITLE)
}
