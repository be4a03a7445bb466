//! The original bytes of a file, with ranges.

use std::path::Path;
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use http::header::CONTENT_DISPOSITION;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::context::Context;
use super::file_body;
use super::range;
use super::respond::{Answer, Call};
use super::validators::{ETag, Validators};
use crate::base::ids::FileId;
use crate::catalogue::FileRecord;
use crate::library::LibraryError;
use crate::media::Container;

/// RFC 8187 section 3.2.1: attr-char.
const NOT_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

pub async fn file(call: &Call<'_>, id: FileId) -> Answer {
    let (record, file) = call.context.blocking(move |context| open(context, id)).await?;
    let nanos = u64::try_from(record.modified_ns).unwrap_or(0);
    let modified = SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos);
    let validators = Validators { etag: ETag::new(record.content_version), modified: Some(modified) };
    let mut response =
        range::respond(call.headers, content_type(&record), &validators, record.size, |part| {
            file_body::part(file, part)
        })?;
    if let Ok(disposition) = HeaderValue::try_from(disposition(&record.name)) {
        response.headers_mut().insert(CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

/// The file as the catalogue knows it, or, when it was replaced, as the catalogue learns by that.
fn open(context: &Context, id: FileId) -> Result<(FileRecord, std::fs::File), LibraryError> {
    let look = || {
        let record = context.catalogue.file(id)?.ok_or(LibraryError::Unknown(id))?;
        context.libraries.open(&record).map(|file| (record, file))
    };
    match look() {
        Err(LibraryError::Changed { .. }) => look(),
        looked => looked,
    }
}

/// What was found in the file counts, else its name.
fn content_type(record: &FileRecord) -> &'static str {
    let extension = Path::new(&record.name).extension().and_then(|extension| extension.to_str());
    let extension = extension.unwrap_or_default().to_ascii_lowercase();
    match record.media.as_ref().map(|media| media.container) {
        Some(Container::Mp4) => "video/mp4",
        Some(Container::Matroska) if extension == "webm" => "video/webm",
        Some(Container::Matroska) => "video/x-matroska",
        Some(Container::MpegTs) => "video/mp2t",
        Some(Container::MpegPs) => "video/mpeg",
        Some(Container::Avi) => "video/x-msvideo",
        Some(Container::Flv) => "video/x-flv",
        Some(Container::Asf) => "video/x-ms-asf",
        Some(Container::Ogg) => "video/ogg",
        None => match extension.as_str() {
            "mp4" | "m4v" | "3gp" => "video/mp4",
            "mov" => "video/quicktime",
            "mkv" => "video/x-matroska",
            "webm" => "video/webm",
            "ts" | "m2ts" | "mts" => "video/mp2t",
            "mpg" | "mpeg" | "mpe" | "vob" => "video/mpeg",
            "avi" | "divx" => "video/x-msvideo",
            "flv" => "video/x-flv",
            "wmv" | "asf" => "video/x-ms-asf",
            "ogv" => "video/ogg",
            _ => "application/octet-stream",
        },
    }
}

/// RFC 6266 section 4.3: the plain name for old clients, the full one for the others.
fn disposition(name: &str) -> String {
    let plain =
        |c: char| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' ' { c } else { '_' };
    let fallback: String = name.chars().map(plain).collect();
    let full = utf8_percent_encode(name, NOT_ATTR_CHAR);
    format!("inline; filename=\"{fallback}\"; filename*=UTF-8''{full}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_to_old_and_new_clients() {
        assert_eq!(
            disposition("Amélie \"2001\"\r\n;.mkv"),
            "inline; filename=\"Am_lie _2001___;.mkv\"; filename*=UTF-8''Am%C3%A9lie%20%222001%22%0D%0A%3B.mkv"
        );
    }
}
