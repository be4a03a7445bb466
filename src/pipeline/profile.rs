//! One profile: a TOML file that says how a family of hardware decodes, scales and encodes.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::config::{Diagnostic, Place, Refusal};

/// A `pipelines/*.toml` as it stands in the file, checked. Of each list of texts the first that works is taken.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub name: String,
    pub kind: ProfileKind,
    /// The highest that works is taken first.
    pub priority: i32,
    /// Element factories without which the profile is of no use.
    #[serde(default)]
    pub needs: Vec<Text>,
    /// Device nodes, with `*` and `[…]` as a shell has them: one of them has to be there and usable.
    #[serde(default)]
    pub devices: Vec<String>,
    /// What the owner can do where it does not work.
    pub remedy: Option<String>,
    /// The profile that stands in for what this one does not name: decoders, filters, scaler, device.
    pub inherits: Option<Text>,
    /// Codec → launch texts from coded stream to raw frames in the system's memory.
    #[serde(default)]
    pub decode: BTreeMap<String, Vec<Text>>,
    #[serde(default)]
    pub filter: Filters,
    #[serde(default)]
    pub scale: Scale,
    pub device: Option<Device>,
    /// Codec → encoders. Another encoder for the same codec that may be tried behind this one is another profile, so that
    /// it has a name and a place in the chain.
    #[serde(default)]
    pub encode: BTreeMap<String, Vec<Encoder>>,
    #[serde(default)]
    pub limits: Limits,
}

/// A text of a profile and where it stands in the file, in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "toml::Spanned<String>")]
pub struct Text {
    pub text: String,
    span: Range<usize>,
}

impl From<toml::Spanned<String>> for Text {
    fn from(spanned: toml::Spanned<String>) -> Self {
        let span = spanned.span();
        Self { text: spanned.into_inner(), span }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProfileKind {
    Video,
    Audio,
}

/// Between decoder and scaler, where the picture asks for it; for frames in the system's memory.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filters {
    /// Says what the colours of frames are whose decoder does not.
    pub label: Option<Text>,
    pub deinterlace: Option<Text>,
    pub rotate: Option<Text>,
}

/// For frames in the system's memory.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scale {
    /// To the size, and to the format that the encoder takes.
    pub text: Option<Text>,
    /// Of pictures of another range or matrix to the size; `text` follows.
    pub convert: Option<Text>,
    /// Of pictures of BT.2020 to the size, with the tones and the gamut of a usual screen; `text` follows.
    pub tone_map: Option<Text>,
}

/// Frames in the memory of a device.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Device {
    /// Caps with the feature of that memory.
    pub memory: Text,
    /// Codec → launch texts from coded stream to frames in that memory.
    pub decode: BTreeMap<String, Vec<Text>>,
    /// Into the system's memory. What a device cannot do is done there.
    pub download: Vec<Text>,
    #[serde(default)]
    pub deinterlace: Vec<Text>,
    #[serde(default)]
    pub rotate: Vec<Text>,
    /// To the size, and to the format that the encoder takes.
    #[serde(default)]
    pub scale: Vec<Text>,
    /// Of pictures whose colours are changed behind it to the size, with all of their bits.
    #[serde(default)]
    pub scale_hdr: Vec<Text>,
    /// Of PQ pictures to the size and the format that the encoder takes, with the tones of a usual screen.
    #[serde(default)]
    pub tone_map: Vec<Text>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encoder {
    pub text: Text,
    /// Samples by which the output of the encoder, decoded, lags its input (sound only).
    #[serde(default)]
    pub delay: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    #[serde(default, deserialize_with = "sessions")]
    pub sessions: Sessions,
}

fn sessions<'de, D: serde::Deserializer<'de>>(text: D) -> Result<Sessions, D::Error> {
    SessionsText::deserialize(text).map(Sessions::from)
}

/// How many encoders the hardware has at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sessions {
    #[default]
    Any,
    /// As many as were at work when one more was refused.
    Learn,
    Count(u32),
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a number of sessions, or \"learn\"")]
enum SessionsText {
    Count(u32),
    Word(SessionsWord),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum SessionsWord {
    Learn,
}

impl From<SessionsText> for Sessions {
    fn from(text: SessionsText) -> Self {
        match text {
            SessionsText::Count(count) => Self::Count(count),
            SessionsText::Word(SessionsWord::Learn) => Self::Learn,
        }
    }
}

/// Every hole a text may have.
const HOLES: [&str; 11] = [
    "width",
    "height",
    "colorimetry",
    "kbps",
    "bps",
    "level",
    "direction",
    "transfer",
    "peak",
    "channels",
    "rate",
];

impl Profile {
    /// Reads and checks `text`, the content of `file`.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let problem =
            |span: Range<usize>, refusal| Diagnostic::new(Place::in_file(file, text, span), refusal);
        let profile: Self = toml::from_str(text).map_err(|error| {
            vec![problem(error.span().unwrap_or_default(), Refusal::new(error.message()))]
        })?;
        let problems: Vec<Diagnostic> = profile
            .texts()
            .filter_map(|launch| {
                let (hole, refusal) = hole_problem(&launch.text)?;
                // In the file there may be escapes, but hardly in a hole.
                let written = text.get(launch.span.clone()).and_then(|written| written.find(hole));
                let span = written.map_or(launch.span.clone(), |at| {
                    launch.span.start + at..launch.span.start + at + hole.len()
                });
                Some(problem(span, refusal))
            })
            .collect();
        if problems.is_empty() { Ok(profile) } else { Err(problems) }
    }

    /// Where in `file`, with the content `text`, it says what it inherits.
    pub fn inherits_in(&self, file: &str, text: &str) -> Place {
        Place::in_file(file, text, self.inherits.as_ref().map_or(0..0, |parent| parent.span.clone()))
    }

    /// Takes over what `parent` has and this profile lacks.
    pub fn inherit(&mut self, parent: &Self) {
        for (codec, texts) in &parent.decode {
            self.decode.entry(codec.clone()).or_insert_with(|| texts.clone());
        }
        let or = |own: &mut Option<Text>, other: &Option<Text>| *own = own.take().or_else(|| other.clone());
        or(&mut self.filter.label, &parent.filter.label);
        or(&mut self.filter.deinterlace, &parent.filter.deinterlace);
        or(&mut self.filter.rotate, &parent.filter.rotate);
        or(&mut self.scale.text, &parent.scale.text);
        or(&mut self.scale.convert, &parent.scale.convert);
        or(&mut self.scale.tone_map, &parent.scale.tone_map);
        self.device = self.device.take().or_else(|| parent.device.clone());
    }

    /// Every launch text of the profile.
    pub fn texts(&self) -> impl Iterator<Item = &Text> {
        let on_device = self.device.iter().flat_map(|device| {
            let lists = [
                &device.download,
                &device.deinterlace,
                &device.rotate,
                &device.scale,
                &device.scale_hdr,
                &device.tone_map,
            ];
            device.decode.values().chain(lists)
        });
        let Filters { label, deinterlace, rotate } = &self.filter;
        let Scale { text, convert, tone_map } = &self.scale;
        let single = [label, deinterlace, rotate, text, convert, tone_map];
        self.decode
            .values()
            .chain(on_device)
            .flatten()
            .chain(single.into_iter().flatten())
            .chain(self.encode.values().flatten().map(|encoder| &encoder.text))
            .chain(&self.needs)
    }
}

/// The first hole that is none, as it is written, and why.
fn hole_problem(launch: &str) -> Option<(&str, Refusal)> {
    let mut rest = launch;
    while let Some(start) = rest.find('{') {
        let Some(length) = rest[start..].find('}') else {
            return Some((&rest[start..], Refusal::new("a `{` without `}`")));
        };
        let written = &rest[start..=start + length];
        let hole = &written[1..length];
        if !HOLES.contains(&hole) {
            let known = HOLES.map(|hole| format!("{{{hole}}}")).join(", ");
            let refusal = Refusal::new(format!("no hole is called `{written}`"));
            return Some((written, refusal.hint(format!("known ones are {known}"))));
        }
        rest = &rest[start + length + 1..];
    }
    None
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
[device]
memory = "video/x-raw(memory:X)"
download = ["down"]
[device.decode]
h265 = ["xdec", "otherdec"]
[[encode.h264]]
text = "enc"
"#;

    #[test]
    fn a_profile_is_read() {
        let profile = Profile::parse("x.toml", SMALL).expect("a profile");
        assert_eq!((profile.name.as_str(), profile.priority), ("x", 1));
        let texts: Vec<&str> = profile.texts().map(|text| text.text.as_str()).collect();
        assert_eq!(texts, ["dec", "xdec", "otherdec", "down", "scale w={width}", "enc"]);
        assert_eq!(profile.limits.sessions, Sessions::Any);
    }

    #[test]
    fn sessions_are_counted_or_learned() {
        for (text, expected) in
            [("\"learn\"", Some(Sessions::Learn)), ("3", Some(Sessions::Count(3))), ("\"many\"", None)]
        {
            let read = Profile::parse("x.toml", &format!("{SMALL}[limits]\nsessions = {text}\n"));
            assert_eq!(read.ok().map(|profile| profile.limits.sessions), expected);
        }
    }

    #[test]
    fn mistakes_are_named_with_their_places() {
        for (from, to, place, expected) in [
            ("priority = 1", "priority = 1\nprio = 2", "x.toml:5:1", "prio"),
            ("{width}", "{widht}", "x.toml:8:17", "no hole is called `{widht}`"),
            ("{width}", "{width", "x.toml:8:17", "a `{` without `}`"),
            ("priority = 1", "priority = \"1\"", "x.toml:4:12", "invalid type"),
            ("name = \"x\"", "", "x.toml:1:1", "name"),
        ] {
            let problems = Profile::parse("x.toml", &SMALL.replacen(from, to, 1)).expect_err("a mistake");
            let told = problems[0].to_string();
            assert!(told.starts_with(place) && told.contains(expected), "{told}");
        }
        let both = SMALL.replace("\"dec\"", "\"dec {a}\"").replace("\"enc\"", "\"enc {b}\"");
        assert_eq!(Profile::parse("x.toml", &both).expect_err("two mistakes").len(), 2);
    }

    #[test]
    fn holes_are_filled() {
        assert_eq!(fill("a={width} {peak} b", &[("width", "640".into())]), "a=640  b");
    }
}
