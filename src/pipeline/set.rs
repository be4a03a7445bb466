//! All profiles together: the shipped ones from the binary, overridden or joined by name from folders; and what
//! of them works on this machine, found by parsing every text in a worker.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rust_embed::RustEmbed;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::profile::{Device, Profile, ProfileKind, Sessions, Text, fill};
use crate::config::{Diagnostic, Place, Refusal};

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/pipelines"]
struct Shipped;

/// Folders whose profiles override the shipped ones of the same file name, later ones first.
pub const OVERRIDE_FOLDERS: [&str; 2] = ["/usr/share/millrace/pipelines", "/etc/millrace/pipelines"];

/// Highest priority first.
#[derive(Clone, Debug)]
pub struct ProfileSet {
    profiles: Vec<Profile>,
    digest: String,
}

/// The texts of one profile that work on this machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resolved {
    pub name: String,
    pub kind: ProfileKind,
    pub priority: i32,
    /// It needs a device.
    pub hardware: bool,
    pub sessions: Sessions,
    pub decode: BTreeMap<String, String>,
    pub label: Option<String>,
    pub deinterlace: Option<String>,
    pub rotate: Option<String>,
    pub scale: String,
    pub convert: Option<String>,
    pub tone_map: Option<String>,
    pub device: Option<OnDevice>,
    pub encode: BTreeMap<String, Encoding>,
}

/// What of [`Device`] works.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OnDevice {
    pub memory: String,
    pub decode: BTreeMap<String, String>,
    pub download: String,
    pub deinterlace: Option<String>,
    pub rotate: Option<String>,
    pub scale: Option<String>,
    pub scale_hdr: Option<String>,
    pub tone_map: Option<String>,
}

/// One encoder's text, and by how many samples what it makes is late (sound only).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encoding {
    pub text: String,
    pub delay: u32,
}

impl Resolved {
    /// Whether it makes pictures or sound of `codec`, wherever.
    pub fn decodes(&self, codec: &str) -> bool {
        let on_device = self.device.as_ref().is_some_and(|device| device.decode.contains_key(codec));
        on_device || self.decode.contains_key(codec)
    }
}

/// A file that a profile was read from.
struct ProfileFile {
    /// As a user knows it.
    path: String,
    text: String,
    shipped: bool,
}

impl ProfileSet {
    /// Reads the shipped profiles and those in `folders`.
    pub fn load(folders: &[&Path]) -> Result<Self, Vec<Diagnostic>> {
        let mut files: BTreeMap<String, ProfileFile> = BTreeMap::new();
        for name in Shipped::iter().filter(|name| name.ends_with(".toml")) {
            if let Some(file) = Shipped::get(&name) {
                let text = String::from_utf8_lossy(&file.data).into_owned();
                files.insert(
                    name.to_string(),
                    ProfileFile { path: format!("pipelines/{name}"), text, shipped: true },
                );
            }
        }
        let mut problems = Vec::new();
        for folder in folders {
            read_folder(folder, &mut files, &mut problems);
        }
        let mut parsed: Vec<(&ProfileFile, Profile)> = Vec::new();
        for file in files.values() {
            match Profile::parse(&file.path, &file.text) {
                Ok(profile) => match parsed.iter().find(|(_, other)| other.name == profile.name) {
                    // Whoever added one can change its name.
                    Some((other, _)) if file.shipped => problems.push(same_name(other, file, &profile.name)),
                    Some((other, _)) => problems.push(same_name(file, other, &profile.name)),
                    None => parsed.push((file, profile)),
                },
                Err(found) => problems.extend(found),
            }
        }
        let mut profiles = Vec::new();
        // What a broken file would give is not missed twice.
        if problems.is_empty() {
            for (file, profile) in &parsed {
                match completed(file, profile, &parsed) {
                    Ok(profile) => profiles.push(profile),
                    Err(problem) => problems.push(problem),
                }
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        profiles.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| a.name.cmp(&b.name)));
        let mut digest = Sha256::new();
        for (name, file) in &files {
            for part in [name, &file.path, &file.text] {
                digest.update((part.len() as u64).to_le_bytes());
                digest.update(part.as_bytes());
            }
        }
        let digest = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { profiles, digest })
    }

    pub fn profiles(&self) -> &[Profile] {
        &self.profiles
    }

    /// Every text with sample values in its holes, once: what a worker has to be able to parse.
    pub fn trial_texts(&self) -> Vec<String> {
        let all = self.profiles.iter().flat_map(Profile::texts);
        let texts: BTreeSet<String> = all.map(|text| trial_text(&text.text)).collect();
        texts.into_iter().collect()
    }

    /// What works, given what is known of each of [`Self::trial_texts`]. A profile without a usable scaler or encoder is
    /// left out, with the reason.
    pub fn resolve(&self, verdicts: &Verdicts) -> (Vec<Resolved>, BTreeMap<String, String>) {
        let mut resolved = Vec::new();
        let mut reasons = BTreeMap::new();
        for profile in &self.profiles {
            match verdicts.resolve(profile) {
                Ok(working) => resolved.push(working),
                Err(reason) => {
                    reasons.insert(profile.name.clone(), reason);
                }
            }
        }
        (resolved, reasons)
    }

    /// Changes with any text, and with what a file is called.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Of the working profiles the one for pictures that the owner names, and those for sound; or why there is
    /// none of that name. Behind hardware comes the processor: it may fail in the middle of a film.
    pub fn chosen(
        &self,
        name: &str,
        mut working: Vec<Resolved>,
        reasons: &BTreeMap<String, String>,
    ) -> Result<Vec<Resolved>, String> {
        let video = || self.profiles.iter().filter(|profile| profile.kind == ProfileKind::Video);
        if !video().any(|profile| profile.name == name) {
            let known: Vec<&str> = video().map(|profile| profile.name.as_str()).collect();
            return Err(format!("there is no such profile; known ones are {}", known.join(", ")));
        }
        let hardware = working.iter().any(|profile| profile.name == name && profile.hardware);
        let stays = |profile: &Resolved| profile.name == name || (hardware && !profile.hardware);
        working.retain(|profile| profile.kind == ProfileKind::Audio || stays(profile));
        match working.iter().any(|profile| profile.name == name) {
            true => Ok(working),
            false => Err(reasons.get(name).cloned().unwrap_or_else(|| "it does not work".into())),
        }
    }
}

/// Of each text with sample values in its holes, why it does not work; `None` where it does, as far as anybody knows.
#[derive(Clone, Debug, Default)]
pub struct Verdicts(BTreeMap<String, Option<String>>);

impl FromIterator<(String, Option<String>)> for Verdicts {
    fn from_iter<T: IntoIterator<Item = (String, Option<String>)>>(verdicts: T) -> Self {
        Self(verdicts.into_iter().collect())
    }
}

impl Verdicts {
    /// Notes that a text of a profile does not work: from now on the next one is taken.
    pub fn fails(&mut self, text: &str, reason: String) {
        self.0.insert(trial_text(text), Some(reason));
    }

    fn problem(&self, text: &Text) -> Option<String> {
        match self.0.get(&trial_text(&text.text)) {
            Some(problem) => problem.clone(),
            None => Some("was never tried".into()),
        }
    }

    fn first<'t>(&self, texts: impl IntoIterator<Item = &'t Text>) -> Option<String> {
        texts.into_iter().find(|text| self.problem(text).is_none()).map(|text| text.text.clone())
    }

    fn codecs(&self, decode: &BTreeMap<String, Vec<Text>>) -> BTreeMap<String, String> {
        decode.iter().filter_map(|(codec, texts)| Some((codec.clone(), self.first(texts)?))).collect()
    }

    /// What of a profile works, or why nothing does.
    pub fn resolve(&self, profile: &Profile) -> Result<Resolved, String> {
        if let Some(missing) = profile.needs.iter().find_map(|element| self.problem(element)) {
            return Err(missing);
        }
        let encode: BTreeMap<String, Encoding> = profile
            .encode
            .iter()
            .filter_map(|(codec, encoders)| {
                let works = encoders.iter().find(|encoder| self.problem(&encoder.text).is_none())?;
                Some((codec.clone(), Encoding { text: works.text.text.clone(), delay: works.delay }))
            })
            .collect();
        let scale = self.first(&profile.scale.text);
        let encoders = profile.encode.values().flatten().map(|encoder| &encoder.text);
        let broken = profile.scale.text.iter().chain(encoders).find_map(|text| self.problem(text));
        let device = profile.device.as_ref().and_then(|device| self.device(device));
        // There are cards that only decode.
        let of_use = !encode.is_empty() || device.as_ref().is_some_and(|device| !device.decode.is_empty());
        let Some(scale) = scale.filter(|_| of_use) else {
            return Err(broken.unwrap_or_else(|| "it has no encoder".into()));
        };
        Ok(Resolved {
            name: profile.name.clone(),
            kind: profile.kind,
            priority: profile.priority,
            hardware: !profile.devices.is_empty(),
            sessions: profile.limits.sessions,
            decode: self.codecs(&profile.decode),
            label: self.first(&profile.filter.label),
            deinterlace: self.first(&profile.filter.deinterlace),
            rotate: self.first(&profile.filter.rotate),
            scale,
            convert: self.first(&profile.scale.convert),
            tone_map: self.first(&profile.scale.tone_map),
            device,
            encode,
        })
    }

    /// `None` where frames would not come out of its memory: what is not done there could not be done at all.
    fn device(&self, device: &Device) -> Option<OnDevice> {
        Some(OnDevice {
            memory: device.memory.text.clone(),
            decode: self.codecs(&device.decode),
            download: self.first(&device.download)?,
            deinterlace: self.first(&device.deinterlace),
            rotate: self.first(&device.rotate),
            scale: self.first(&device.scale),
            scale_hdr: self.first(&device.scale_hdr),
            tone_map: self.first(&device.tone_map),
        })
    }
}

fn same_name(file: &ProfileFile, other: &ProfileFile, name: &str) -> Diagnostic {
    let at = file.text.find("name").unwrap_or(0);
    let line = file.text[at..].lines().next().map_or(0, str::len);
    let refusal = Refusal::new(format!("{} is called `{name}` too", other.path))
        .hint("to override a profile, give the file the same name; to add one, give it another `name`");
    Diagnostic::new(Place::in_file(&file.path, &file.text, at..at + line), refusal)
}

/// `profile` with what it inherits, from what that inherits, and so on.
fn completed(
    file: &ProfileFile,
    profile: &Profile,
    all: &[(&ProfileFile, Profile)],
) -> Result<Profile, Diagnostic> {
    let place = profile.inherits_in(&file.path, &file.text);
    let refused = |refusal: Refusal| Diagnostic::new(place.clone(), refusal);
    let mut whole = profile.clone();
    let mut line = vec![profile.name.as_str()];
    let mut next = profile.inherits.as_ref();
    while let Some(parent) = next {
        let name = parent.text.as_str();
        let Some((_, found)) = all.iter().find(|(_, other)| other.name == name) else {
            let known: Vec<&str> = all.iter().map(|(_, profile)| profile.name.as_str()).collect();
            let refusal = Refusal::new(format!("there is no profile `{name}`"));
            return Err(refused(refusal.hint(format!("known ones are {}", known.join(", ")))));
        };
        if found.kind != profile.kind {
            return Err(refused(Refusal::new(format!("`{name}` is of another kind"))));
        }
        if line.contains(&name) {
            line.push(name);
            return Err(refused(Refusal::new(format!("it inherits itself: {}", line.join(" → ")))));
        }
        line.push(name);
        whole.inherit(found);
        next = found.inherits.as_ref();
    }
    if whole.scale.text.is_none() {
        return Err(refused(
            Refusal::new("neither it nor what it inherits says how to scale")
                .hint("write `[scale]` with a `text`, or `inherits = \"software\"`"),
        ));
    }
    Ok(whole)
}

fn read_folder(folder: &Path, files: &mut BTreeMap<String, ProfileFile>, problems: &mut Vec<Diagnostic>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| (entry.file_name(), entry.path())).collect();
    paths.sort();
    for (name, path) in paths {
        let name = name.to_string_lossy().into_owned();
        if !name.ends_with(".toml") || name.starts_with('.') {
            continue;
        }
        let shown = path.display().to_string();
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                files.insert(name, ProfileFile { path: shown, text, shipped: false });
            }
            Err(error) => {
                let refusal =
                    Refusal::new(error.to_string()).hint("every user may read a profile; it is UTF-8");
                problems.push(Diagnostic::new(Place::in_file(&shown, "", 0..0), refusal));
            }
        }
    }
}

/// Values that every element accepts, to parse a text with.
fn trial_text(text: &str) -> String {
    let values = [
        ("width", "320"),
        ("height", "240"),
        ("colorimetry", "bt709"),
        ("kbps", "1000"),
        ("bps", "128000"),
        ("level", "4"),
        ("direction", "identity"),
        ("transfer", "pq"),
        ("peak", "0"),
        ("channels", "2"),
        ("rate", "48000"),
    ];
    fill(text, &values.map(|(name, value)| (name, value.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Elements of hardware that this machine is not to have.
    const HARDWARE: [&str; 5] = ["nv", "cuda", "va", "qsv", "v4l2"];

    /// Nothing of [`HARDWARE`] parses, nor what has one of these in it.
    fn on_a_processor(set: &ProfileSet, missing: &[&str]) -> Verdicts {
        verdicts(set, &[&HARDWARE[..], missing].concat())
    }

    fn verdicts(set: &ProfileSet, missing: &[&str]) -> Verdicts {
        set.trial_texts()
            .into_iter()
            .map(|text| {
                let lacks = missing
                    .iter()
                    .find(|element| text.split(" ! ").any(|stage| stage.trim_start().starts_with(*element)));
                let problem = lacks.map(|element| format!("no element \"{element}\""));
                (text, problem)
            })
            .collect()
    }

    #[test]
    fn the_shipped_profiles_are_right() {
        let set = ProfileSet::load(&[]).expect("shipped profiles load");
        let names: Vec<&str> = set.profiles().iter().map(|profile| profile.name.as_str()).collect();
        assert!(names.contains(&"software") && names.contains(&"audio"), "{names:?}");
    }

    fn names(resolved: &[Resolved], kind: ProfileKind) -> Vec<&str> {
        resolved.iter().filter(|profile| profile.kind == kind).map(|profile| profile.name.as_str()).collect()
    }

    #[test]
    fn every_working_encoder_is_in_the_chain_and_a_missing_one_gives_way_to_the_next() {
        let set = ProfileSet::load(&[]).expect("shipped profiles load");
        let (resolved, _) = set.resolve(&on_a_processor(&set, &[]));
        assert_eq!(names(&resolved, ProfileKind::Video), ["software", "openh264"]);
        assert_eq!(names(&resolved, ProfileKind::Audio), ["audio", "audio-libav"]);
        let (resolved, _) = set.resolve(&verdicts(&set, &[]));
        let all = ["nvidia", "vaapi", "quicksync", "v4l2", "software", "openh264"];
        assert_eq!(names(&resolved, ProfileKind::Video), all);
        let (resolved, reasons) = set.resolve(&on_a_processor(&set, &["x264enc"]));
        assert_eq!(names(&resolved, ProfileKind::Video), ["openh264"]);
        assert!(reasons["software"].contains("no element"), "{reasons:?}");
        let (resolved, reasons) = set.resolve(&on_a_processor(&set, &["x264enc", "openh264enc"]));
        assert!(names(&resolved, ProfileKind::Video).is_empty());
        assert_eq!(reasons.len(), 6, "{reasons:?}");
    }

    #[test]
    fn a_profile_is_of_no_use_without_an_element_that_it_needs() {
        let folder = tempfile::tempdir().expect("a folder");
        let shipped = Shipped::get("openh264.toml").expect("shipped").data;
        let text =
            String::from_utf8_lossy(&shipped).replace("[\"openh264enc\"]", "[\"openh264enc\", \"magic\"]");
        std::fs::write(folder.path().join("openh264.toml"), text).expect("written");
        let set = ProfileSet::load(&[folder.path()]).expect("profiles load");
        let (resolved, reasons) = set.resolve(&on_a_processor(&set, &["magic"]));
        assert_eq!(names(&resolved, ProfileKind::Video), ["software"]);
        assert_eq!(reasons["openh264"], "no element \"magic\"");
    }

    #[test]
    fn what_a_profile_inherits_it_decodes_and_scales_alike_even_where_the_other_cannot_encode() {
        let set = ProfileSet::load(&[]).expect("shipped profiles load");
        let (all, _) = set.resolve(&on_a_processor(&set, &[]));
        let (alone, _) = set.resolve(&on_a_processor(&set, &["x264enc", "avdec_h264"]));
        let of = |resolved: &[Resolved], name: &str| {
            resolved.iter().find(|profile| profile.name == name).expect("it works").clone()
        };
        let (software, openh264) = (of(&all, "software"), of(&all, "openh264"));
        assert_eq!((&openh264.decode, &openh264.scale), (&software.decode, &software.scale));
        assert_eq!((&openh264.deinterlace, &openh264.rotate), (&software.deinterlace, &software.rotate));
        assert_ne!(openh264.encode["h264"].text, software.encode["h264"].text);
        assert_eq!(of(&alone, "openh264").decode["h264"], "h264parse ! openh264dec");
    }

    #[test]
    fn the_owner_names_one_profile_for_pictures_and_hears_which_there_are() {
        let set = ProfileSet::load(&[]).expect("shipped profiles load");
        let choose = |name: &str, missing: &[&str]| {
            let (resolved, reasons) = set.resolve(&on_a_processor(&set, missing));
            set.chosen(name, resolved, &reasons)
        };
        let chosen = choose("openh264", &[]).expect("it works");
        assert_eq!(names(&chosen, ProfileKind::Video), ["openh264"]);
        assert_eq!(names(&chosen, ProfileKind::Audio), ["audio", "audio-libav"]);
        for unknown in ["nvidai", "audio"] {
            let error = choose(unknown, &[]).expect_err("no profile for pictures");
            assert!(
                error.ends_with("known ones are nvidia, vaapi, quicksync, v4l2, software, openh264"),
                "{error}"
            );
        }
        assert!(choose("software", &["x264enc"]).expect_err("missing").contains("no element"));
    }

    #[test]
    fn inheritance_that_leads_nowhere_is_named() {
        let shipped = Shipped::get("openh264.toml").expect("shipped").data;
        let text = String::from_utf8_lossy(&shipped).replace("name = \"openh264\"", "name = \"odd\"");
        for (parent, expected) in [
            ("inherits = \"softwear\"", "there is no profile `softwear`"),
            ("inherits = \"audio\"", "`audio` is of another kind"),
            ("inherits = \"odd\"", "it inherits itself: odd → odd"),
            ("", "how to scale"),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let text = text.replace("inherits = \"software\"", parent);
            std::fs::write(folder.path().join("odd.toml"), text).expect("written");
            let errors = ProfileSet::load(&[folder.path()]).expect_err("a mistake");
            let told = errors[0].to_string();
            assert!(told.contains("odd.toml") && told.contains(expected), "{told}");
        }
    }

    #[test]
    fn a_folder_overrides_by_file_name_and_adds_by_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = Shipped::get("software.toml").expect("shipped").data;
        let text = String::from_utf8_lossy(&text).replace("superfast", "veryslow");
        std::fs::write(folder.path().join("software.toml"), &text).expect("written");
        let other =
            text.replace("name = \"software\"", "name = \"odd\"").replace("priority = 0", "priority = 900");
        std::fs::write(folder.path().join("odd.toml"), other).expect("written");
        let set = ProfileSet::load(&[folder.path()]).expect("profiles load");
        assert_eq!(set.profiles()[0].name, "odd");
        let software = set.profiles().iter().find(|profile| profile.name == "software").expect("software");
        assert!(software.encode["h264"][0].text.text.contains("veryslow"));
    }
}
