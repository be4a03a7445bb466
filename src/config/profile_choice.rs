//! Which pipeline profile encodes: the best that works, or one by name. Whether there is one of that name only
//! `pipeline` knows.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::refusal::Refusal;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ProfileChoice {
    #[default]
    Auto,
    /// The name of a file in `pipelines/`, without its extension.
    Named(Arc<str>),
}

impl FromStr for ProfileChoice {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let spelled = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        if !text.is_empty() && text.bytes().all(spelled) {
            return Ok(Self::Named(text.into()));
        }
        let refusal = Refusal::new(format!("`{text}` is not the name of a profile"));
        Err(match text.strip_suffix(".toml") {
            Some(name) => refusal.hint(format!("did you mean \"{name}\"?")),
            None => refusal.hint("\"auto\", or a name in small letters, as \"software\""),
        })
    }
}

impl fmt::Display for ProfileChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Named(name) => name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_reads_back_as_it_was_printed() {
        for text in ["auto", "software", "my-odd_card2"] {
            assert_eq!(text.parse::<ProfileChoice>().map(|choice| choice.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("auto".parse(), Ok(ProfileChoice::Auto));
    }

    #[test]
    fn what_cannot_be_a_profile_is_refused() {
        for (text, hint) in [
            ("nvidia.toml", "did you mean \"nvidia\"?"),
            ("", "\"auto\", or"),
            ("../x", "\"auto\", or"),
            ("Auto", "\"auto\", or"),
        ] {
            let refusal = text.parse::<ProfileChoice>().unwrap_err();
            assert!(refusal.hint.unwrap_or_default().starts_with(hint), "{text:?}");
        }
    }
}
