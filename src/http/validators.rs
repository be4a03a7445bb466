//! Validators and the preconditions that name them (RFC 9110 sections 8.8 and 13).

use std::time::{Duration, SystemTime};

use http::header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};

/// A strong entity tag, with its quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag(String);

/// Of the hash; 64 bits tell versions of one text apart.
const TEXT_BYTES: usize = 8;

impl ETag {
    /// `opaque` has to be printable ASCII without quotes.
    pub fn new(opaque: impl std::fmt::Display) -> Self {
        Self(format!("\"{opaque}\""))
    }

    pub fn of_text(text: &[u8]) -> Self {
        let digest = Sha256::digest(text);
        let hex: String = digest.iter().take(TEXT_BYTES).map(|byte| format!("{byte:02x}")).collect();
        Self::new(hex)
    }

    /// Of media, which is long and read often: the checksum it is stored with. It tells a remade segment from the
    /// one before it, and no more is asked of it.
    pub fn of_media(length: u64, checksum: u32) -> Self {
        Self::new(format_args!("{length:x}-{checksum:08x}"))
    }

    /// "A strong validator is unique across all representations": the compressed form has its own.
    pub fn gzipped(&self) -> Self {
        Self::new(format_args!("{}-gz", self.0.trim_matches('"')))
    }
}

/// What a representation is known by.
#[derive(Clone, Debug)]
pub struct Validators {
    pub etag: ETag,
    pub modified: Option<SystemTime>,
}

impl Validators {
    pub fn write(&self, headers: &mut HeaderMap) {
        let date = self.modified.map(httpdate::fmt_http_date);
        for (name, value) in [(ETAG, Some(self.etag.0.clone())), (LAST_MODIFIED, date)] {
            if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
                headers.insert(name, value);
            }
        }
    }

    /// Whether the client has this one: 304.
    pub fn not_modified(&self, headers: &HeaderMap) -> bool {
        let mut tags = headers.get_all(IF_NONE_MATCH).iter().peekable();
        if tags.peek().is_some() {
            return tags.filter_map(|value| value.to_str().ok()).any(|value| {
                let mut tags = value.split(',').map(str::trim);
                tags.any(|tag| tag == "*" || tag.trim_start_matches("W/") == self.etag.0)
            });
        }
        let since = date(headers.get(IF_MODIFIED_SINCE));
        since.zip(self.modified).is_some_and(|(since, modified)| whole_seconds(modified) <= since)
    }

    /// Whether a range may be answered with a part of this one.
    pub fn allow_range(&self, headers: &HeaderMap) -> bool {
        let Some(condition) = headers.get(IF_RANGE) else { return true };
        let modified = self.modified.map(whole_seconds);
        condition.as_bytes() == self.etag.0.as_bytes()
            || (modified.is_some() && date(Some(condition)) == modified)
    }
}

impl From<ETag> for Validators {
    fn from(etag: ETag) -> Self {
        Self { etag, modified: None }
    }
}

fn date(value: Option<&HeaderValue>) -> Option<SystemTime> {
    httpdate::parse_http_date(value?.to_str().ok()?).ok()
}

/// What an HTTP date can say of a time.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: http::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    fn validators() -> Validators {
        let modified = SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_500);
        Validators { etag: ETag::new("a"), modified: Some(modified) }
    }

    #[test]
    fn a_known_tag_is_not_modified() {
        for (value, expected) in
            [("\"a\"", true), ("\"b\", W/\"a\"", true), ("*", true), ("\"b\"", false), ("a", false)]
        {
            assert_eq!(validators().not_modified(&with(IF_NONE_MATCH, value)), expected, "{value}");
        }
    }

    #[test]
    fn a_date_counts_where_there_is_no_tag() {
        for (value, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", true),
            ("Sun, 06 Nov 1994 08:49:36 GMT", false),
            ("yesterday", false),
        ] {
            let mut headers = with(IF_MODIFIED_SINCE, value);
            assert_eq!(validators().not_modified(&headers), expected, "{value}");
            headers.insert(IF_NONE_MATCH, HeaderValue::from_static("\"b\""));
            assert!(!validators().not_modified(&headers));
        }
    }

    #[test]
    fn a_range_is_for_the_same_content_only() {
        for (value, expected) in [
            ("\"a\"", true),
            ("W/\"a\"", false),
            ("\"b\"", false),
            ("Sun, 06 Nov 1994 08:49:37 GMT", true),
            ("Sun, 06 Nov 1994 08:49:38 GMT", false),
        ] {
            assert_eq!(validators().allow_range(&with(IF_RANGE, value)), expected, "{value}");
        }
        assert!(validators().allow_range(&HeaderMap::new()));
        assert!(!Validators::from(ETag::new("a")).allow_range(&with(IF_RANGE, "nonsense")));
    }

    #[test]
    fn other_bytes_have_another_tag() {
        assert_ne!(ETag::of_media(3, 1), ETag::of_media(3, 2));
        assert_ne!(ETag::of_media(3, 1), ETag::of_media(31, 1));
        assert_ne!(ETag::of_text(b"a"), ETag::of_text(b"b"));
        assert_ne!(ETag::of_text(b"a"), ETag::of_text(b"a").gzipped());
    }
}
