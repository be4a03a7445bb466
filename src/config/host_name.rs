//! A DNS name without scheme, port or trailing dot, in lower case (RFC 1123, and `_` because container
//! networks use it).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::refusal::Refusal;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(Arc<str>);

/// RFC 1035 section 2.3.4, in characters of the text form.
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

impl HostName {
    /// For names in the source, which the tests read as a user's.
    pub(super) fn constant(name: &'static str) -> Self {
        debug_assert!(is_label(name));
        Self(name.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// One label, without a dot.
    pub fn is_simple(&self) -> bool {
        !self.0.contains('.')
    }
}

fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl FromStr for HostName {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        if text.len() <= MAX_NAME && text.split('.').all(is_label) {
            return Ok(Self(text.to_ascii_lowercase().into()));
        }
        let hint = if text.contains("://") || text.contains('/') {
            "the name alone, without `http://` and path"
        } else if text.contains(':') {
            "the name alone, without the port"
        } else if text.contains('*') {
            "each name in full; there are no wildcards"
        } else {
            "letters, digits and hyphens, with dots between, as in \"media.example.org\""
        };
        Err(Refusal::new(format!("`{text}` is not a host name")).hint(hint))
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_is_kept_in_lower_case() {
        for (text, kept) in
            [("millrace", "millrace"), ("Media.Example.org", "media.example.org"), ("nas_1", "nas_1")]
        {
            let name = text.parse::<HostName>().map(|name| name.to_string());
            assert_eq!(name, Ok(kept.to_owned()));
            assert_eq!(kept.parse::<HostName>().map(|name| name.to_string()), name);
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_likely_mistake() {
        let long = format!("{}.org", "x".repeat(MAX_LABEL + 1));
        for (text, hint) in [
            ("http://media.example.org", "without `http://`"),
            ("media.example.org:8484", "without the port"),
            ("*.example.org", "no wildcards"),
            ("", "letters, digits"),
            ("media..org", "letters, digits"),
            ("-media", "letters, digits"),
            ("médias", "letters, digits"),
            (&long, "letters, digits"),
        ] {
            let refusal = text.parse::<HostName>().unwrap_err();
            assert!(refusal.hint.unwrap_or_default().contains(hint), "{text:?}");
        }
    }
}
