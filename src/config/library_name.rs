//! The name of a library, as the page shows it and as `--library NAME=PATH` and `MILLRACE_LIBRARY_…` say it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::refusal::Refusal;

/// Compares as written; [`LibraryName::is_like`] is what decides whether two libraries collide.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LibraryName(Arc<str>);

/// A heading on a page, not a paragraph.
const MAX_CHARS: usize = 64;

impl LibraryName {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Same name but for case.
    pub fn is_like(&self, other: &str) -> bool {
        self.0.to_lowercase() == other.to_lowercase()
    }

    /// The name as the end of an environment variable: `TV Shows` is `TV_SHOWS`.
    pub fn variable_suffix(&self) -> String {
        let fold = |c: char| if c.is_alphanumeric() { c } else { '_' };
        self.0.to_uppercase().chars().map(fold).collect()
    }
}

impl FromStr for LibraryName {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refuse = |why: &str| Err(Refusal::new(format!("the library name {text:?} {why}")));
        if text.is_empty() {
            refuse("is empty")
        } else if text.chars().count() > MAX_CHARS {
            refuse(&format!("is longer than {MAX_CHARS} characters"))
        } else if text.trim() != text {
            refuse("begins or ends with a space")
        } else if text.chars().any(char::is_control) {
            refuse("holds a control character")
        } else if text.contains(['/', '=']) {
            refuse("holds `/` or `=`, which part name and path on the command line")
        } else {
            Ok(Self(text.into()))
        }
    }
}

impl fmt::Display for LibraryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_a_person_would_write() {
        for text in ["Films", "TV Shows", "Vidéos d’été", "映画", "..", "4K"] {
            assert_eq!(text.parse::<LibraryName>().map(|name| name.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn a_name_that_would_confuse_is_refused() {
        let long = "x".repeat(MAX_CHARS + 1);
        for (text, why) in [
            ("", "is empty"),
            (" Films", "begins or ends with a space"),
            ("Films\n", "begins or ends with a space"),
            ("Fi\tlms", "control character"),
            ("a/b", "part name and path"),
            ("a=b", "part name and path"),
            (&long, "longer than 64"),
        ] {
            let refusal = text.parse::<LibraryName>().unwrap_err();
            assert!(refusal.message.contains(why), "{}", refusal.message);
        }
    }

    #[test]
    fn names_meet_without_regard_to_case() -> Result<(), Refusal> {
        let name: LibraryName = "TV Shows (été)".parse()?;
        assert!(name.is_like("tv shows (ÉTÉ)"));
        assert!(!name.is_like("TV_Shows"));
        assert_eq!(name.variable_suffix(), "TV_SHOWS__ÉTÉ_");
        Ok(())
    }
}
