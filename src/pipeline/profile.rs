//! One profile: a TOML file that says how a family of hardware decodes, scales and encodes.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A `pipelines/*.toml` as it stands in the file, checked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub name: String,
    pub kind: ProfileKind,
    /// The highest that works is taken first.
    pub priority: i32,
    /// Element factories without which the profile is of no use.
    #[serde(default)]
    pub needs: Vec<String>,
    /// The profile whose decoders, filters and scaler stand in for those that this one does not name.
    #[serde(default)]
    pub inherits: Option<String>,
    /// Codec → launch texts from coded stream to raw frames; the first that parses is taken.
    #[serde(default)]
    pub decode: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub filter: Filters,
    #[serde(default)]
    pub scale: Option<Scale>,
    /// Codec → encoders; the first whose text parses is taken. Another encoder is another profile, so that it has a
    /// name and a place in the chain.
    pub encode: BTreeMap<String, Vec<Encoder>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProfileKind {
    Video,
    Audio,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filters {
    pub deinterlace: Option<String>,
    pub rotate: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    pub text: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encoder {
    pub text: String,
    /// Samples by which the output of the encoder, decoded, lags its input (sound only).
    #[serde(default)]
    pub delay: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    #[error("{file}: {message}")]
    Toml { file: String, message: String },
    #[error("{file}: unknown hole {{{hole}}} in `{text}`; known ones are {}", HOLES.join(", "))]
    UnknownHole { file: String, hole: String, text: String },
    #[error("{file}: a `{{` without `}}` in `{text}`")]
    OpenHole { file: String, text: String },
    #[error("{file}: inherits `{parent}`: {reason}")]
    Inherits { file: String, parent: String, reason: &'static str },
    #[error("{file}: neither it nor what it inherits says how to scale")]
    NoScale { file: String },
    #[error("two profiles are called `{name}`")]
    SameName { name: String },
}

/// Every hole a text may have.
const HOLES: [&str; 9] = ["width", "height", "kbps", "bps", "level", "direction", "channels", "rate", "mix"];

impl Profile {
    /// Reads and checks `text`, the content of `file`.
    pub fn parse(file: &str, text: &str) -> Result<Self, ProfileError> {
        let profile: Self = toml::from_str(text)
            .map_err(|error| ProfileError::Toml { file: file.into(), message: error.to_string() })?;
        profile.texts().try_for_each(|text| check_holes(file, text))?;
        Ok(profile)
    }

    /// Takes over what `parent` has and this profile lacks.
    pub fn inherit(&mut self, parent: &Self) {
        for (codec, texts) in &parent.decode {
            self.decode.entry(codec.clone()).or_insert_with(|| texts.clone());
        }
        let filter = &mut self.filter;
        filter.deinterlace = filter.deinterlace.take().or_else(|| parent.filter.deinterlace.clone());
        filter.rotate = filter.rotate.take().or_else(|| parent.filter.rotate.clone());
        self.scale = self.scale.take().or_else(|| parent.scale.clone());
    }

    /// Every launch text of the profile.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let filters = [&self.filter.deinterlace, &self.filter.rotate].into_iter().flatten();
        let encoders = self.encode.values().flatten().map(|encoder| &encoder.text);
        self.decode
            .values()
            .flatten()
            .chain(filters)
            .chain(self.scale.iter().map(|scale| &scale.text))
            .chain(encoders)
            .map(String::as_str)
    }
}

fn check_holes(file: &str, text: &str) -> Result<(), ProfileError> {
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let Some(length) = rest[start..].find('}') else {
            return Err(ProfileError::OpenHole { file: file.into(), text: text.into() });
        };
        let hole = &rest[start + 1..start + length];
        if !HOLES.contains(&hole) {
            return Err(ProfileError::UnknownHole {
                file: file.into(),
                hole: hole.into(),
                text: text.into(),
            });
        }
        rest = &rest[start + length..];
    }
    Ok(())
}

/// `text` with its holes filled from `values`; a hole without a value becomes nothing.
pub fn fill(text: &str, values: &[(&str, String)]) -> String {
    let mut filled = text.to_owned();
    for hole in HOLES {
        let value = values.iter().find(|(name, _)| *name == hole).map_or("", |(_, value)| value);
        filled = filled.replace(&format!("{{{hole}}}"), value);
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"
name = "x"
kind = "video"
priority = 1
[decode]
h264 = ["dec"]
[scale]
text = "scale w={width}"
[[encode.h264]]
text = "enc"
"#;

    #[test]
    fn a_profile_is_read() {
        let profile = Profile::parse("x.toml", SMALL).expect("a profile");
        assert_eq!((profile.name.as_str(), profile.priority), ("x", 1));
        assert_eq!(profile.texts().collect::<Vec<_>>(), ["dec", "scale w={width}", "enc"]);
    }

    #[test]
    fn mistakes_are_named() {
        let unknown_key = SMALL.replace("priority = 1", "priority = 1\nprio = 2");
        let unknown_hole = SMALL.replace("{width}", "{widht}");
        let open_hole = SMALL.replace("{width}", "{width");
        for (text, expected) in [(unknown_key, "prio"), (unknown_hole, "{widht}"), (open_hole, "without")] {
            let error = Profile::parse("x.toml", &text).expect_err("a mistake").to_string();
            assert!(error.starts_with("x.toml: ") && error.contains(expected), "{error}");
        }
    }

    #[test]
    fn holes_are_filled() {
        assert_eq!(fill("a={width} {mix} b", &[("width", "640".into())]), "a=640  b");
    }
}
