//! All profiles together: the shipped ones from the binary, overridden or joined by name from folders; and what
//! of them works on this machine, found by parsing every text in a worker.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rust_embed::RustEmbed;

use super::profile::{Encoder, Profile, ProfileError, ProfileKind, fill};

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/pipelines"]
struct Shipped;

/// Folders whose profiles override the shipped ones of the same file name, later ones first.
pub const OVERRIDE_FOLDERS: [&str; 2] = ["/usr/share/millrace/pipelines", "/etc/millrace/pipelines"];

/// Highest priority first.
#[derive(Clone, Debug)]
pub struct ProfileSet {
    profiles: Vec<Profile>,
}

/// The texts of one profile that parse on this machine.
#[derive(Clone, Debug)]
pub struct Resolved {
    pub name: String,
    pub kind: ProfileKind,
    pub decode: BTreeMap<String, String>,
    pub deinterlace: Option<String>,
    pub rotate: Option<String>,
    pub scale: String,
    pub encode: BTreeMap<String, Encoder>,
}

impl ProfileSet {
    /// Reads the shipped profiles and those in `folders`.
    pub fn load(folders: &[&Path]) -> Result<Self, Vec<ProfileError>> {
        let mut files: BTreeMap<String, (String, String)> = BTreeMap::new();
        for name in Shipped::iter().filter(|name| name.ends_with(".toml")) {
            if let Some(file) = Shipped::get(&name) {
                let text = String::from_utf8_lossy(&file.data).into_owned();
                files.insert(name.to_string(), (format!("pipelines/{name}"), text));
            }
        }
        let mut errors = Vec::new();
        for folder in folders {
            read_folder(folder, &mut files, &mut errors);
        }
        let mut parsed = Vec::new();
        for (path, text) in files.values() {
            match Profile::parse(path, text) {
                Ok(profile) => parsed.push((path.as_str(), profile)),
                Err(error) => errors.push(error),
            }
        }
        let mut names = BTreeSet::new();
        for (_, profile) in &parsed {
            if !names.insert(&profile.name) {
                errors.push(ProfileError::SameName { name: profile.name.clone() });
            }
        }
        let mut profiles = Vec::new();
        for (path, profile) in &parsed {
            match completed(path, profile, &parsed) {
                Ok(profile) => profiles.push(profile),
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        profiles.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| a.name.cmp(&b.name)));
        Ok(Self { profiles })
    }

    pub fn profiles(&self) -> &[Profile] {
        &self.profiles
    }

    /// Every text with sample values in its holes, once: what a worker has to be able to parse.
    pub fn trial_texts(&self) -> Vec<String> {
        let texts: BTreeSet<String> = self.profiles.iter().flat_map(Profile::texts).map(trial_text).collect();
        texts.into_iter().collect()
    }

    /// What works, given why each of [`Self::trial_texts`] does not parse (`None`: it does). A profile without a
    /// usable scaler or encoder is left out, with the reason.
    pub fn resolve(
        &self,
        verdicts: &BTreeMap<String, Option<String>>,
    ) -> (Vec<Resolved>, BTreeMap<String, String>) {
        let problem = |text: &str| match verdicts.get(&trial_text(text)) {
            Some(problem) => problem.clone(),
            None => Some("was never tried".into()),
        };
        let works = |text: &str| problem(text).is_none();
        let scale_text =
            |profile: &Profile| profile.scale.as_ref().map_or(String::new(), |scale| scale.text.clone());
        let mut resolved = Vec::new();
        let mut reasons = BTreeMap::new();
        for profile in &self.profiles {
            let encode: BTreeMap<String, Encoder> = profile
                .encode
                .iter()
                .filter_map(|(codec, encoders)| {
                    Some((codec.clone(), encoders.iter().find(|encoder| works(&encoder.text))?.clone()))
                })
                .collect();
            let scale = scale_text(profile);
            let broken = std::iter::once(scale.as_str())
                .chain(profile.encode.values().flatten().map(|encoder| encoder.text.as_str()))
                .find_map(problem);
            if !works(&scale) || encode.is_empty() {
                reasons.insert(profile.name.clone(), broken.unwrap_or_else(|| "it has no encoder".into()));
                continue;
            }
            let decode = profile
                .decode
                .iter()
                .filter_map(|(codec, texts)| {
                    Some((codec.clone(), texts.iter().find(|text| works(text))?.clone()))
                })
                .collect();
            resolved.push(Resolved {
                name: profile.name.clone(),
                kind: profile.kind,
                decode,
                deinterlace: profile.filter.deinterlace.clone().filter(|text| works(text)),
                rotate: profile.filter.rotate.clone().filter(|text| works(text)),
                scale,
                encode,
            });
        }
        (resolved, reasons)
    }

    /// Of the working profiles the one for pictures that the owner names, and those for sound; or why there is
    /// none of that name.
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
        working.retain(|profile| profile.kind == ProfileKind::Audio || profile.name == name);
        match working.iter().any(|profile| profile.name == name) {
            true => Ok(working),
            false => Err(reasons.get(name).cloned().unwrap_or_else(|| "it does not work".into())),
        }
    }
}

/// `profile` with what it inherits. One step: what is inherited from inherits nothing itself.
fn completed(file: &str, profile: &Profile, all: &[(&str, Profile)]) -> Result<Profile, ProfileError> {
    let mut whole = profile.clone();
    if let Some(parent) = &profile.inherits {
        let refused = |reason| ProfileError::Inherits { file: file.into(), parent: parent.clone(), reason };
        let (_, found) =
            all.iter().find(|(_, other)| other.name == *parent).ok_or(refused("there is no such profile"))?;
        if found.kind != profile.kind {
            return Err(refused("it is of another kind"));
        }
        if found.inherits.is_some() {
            return Err(refused("it inherits itself"));
        }
        whole.inherit(found);
    }
    if whole.scale.is_none() {
        return Err(ProfileError::NoScale { file: file.into() });
    }
    Ok(whole)
}

fn read_folder(
    folder: &Path,
    files: &mut BTreeMap<String, (String, String)>,
    errors: &mut Vec<ProfileError>,
) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.ends_with(".toml") || name.starts_with('.') {
            continue;
        }
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                files.insert(name, (path.display().to_string(), text));
            }
            Err(error) => errors
                .push(ProfileError::Toml { file: path.display().to_string(), message: error.to_string() }),
        }
    }
}

/// Values that every element accepts, to parse a text with.
fn trial_text(text: &str) -> String {
    let values = [
        ("width", "320"),
        ("height", "240"),
        ("kbps", "1000"),
        ("bps", "128000"),
        ("level", "4"),
        ("direction", "identity"),
        ("channels", "2"),
        ("rate", "48000"),
    ];
    fill(text, &values.map(|(name, value)| (name, value.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(set: &ProfileSet, missing: &[&str]) -> BTreeMap<String, Option<String>> {
        set.trial_texts()
            .into_iter()
            .map(|text| {
                let lacks = missing.iter().find(|element| text.contains(*element));
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
        let (resolved, _) = set.resolve(&verdicts(&set, &[]));
        assert_eq!(names(&resolved, ProfileKind::Video), ["software", "openh264"]);
        assert_eq!(names(&resolved, ProfileKind::Audio), ["audio", "audio-libav"]);
        let (resolved, reasons) = set.resolve(&verdicts(&set, &["x264enc"]));
        assert_eq!(names(&resolved, ProfileKind::Video), ["openh264"]);
        assert!(reasons["software"].contains("no element"), "{reasons:?}");
        let (resolved, reasons) = set.resolve(&verdicts(&set, &["x264enc", "openh264enc"]));
        assert!(names(&resolved, ProfileKind::Video).is_empty());
        assert_eq!(reasons.len(), 2, "{reasons:?}");
    }

    #[test]
    fn what_a_profile_inherits_it_decodes_and_scales_alike_even_where_the_other_cannot_encode() {
        let set = ProfileSet::load(&[]).expect("shipped profiles load");
        let (all, _) = set.resolve(&verdicts(&set, &[]));
        let (alone, _) = set.resolve(&verdicts(&set, &["x264enc", "avdec_h264"]));
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
            let (resolved, reasons) = set.resolve(&verdicts(&set, missing));
            set.chosen(name, resolved, &reasons)
        };
        let chosen = choose("openh264", &[]).expect("it works");
        assert_eq!(names(&chosen, ProfileKind::Video), ["openh264"]);
        assert_eq!(names(&chosen, ProfileKind::Audio), ["audio", "audio-libav"]);
        for unknown in ["nvidai", "audio"] {
            let error = choose(unknown, &[]).expect_err("no profile for pictures");
            assert!(error.ends_with("known ones are software, openh264"), "{error}");
        }
        assert!(choose("software", &["x264enc"]).expect_err("missing").contains("no element"));
    }

    #[test]
    fn inheritance_that_leads_nowhere_is_named() {
        let shipped = Shipped::get("openh264.toml").expect("shipped").data;
        let text = String::from_utf8_lossy(&shipped).replace("name = \"openh264\"", "name = \"odd\"");
        for (parent, expected) in [
            ("inherits = \"softwear\"", "there is no such profile"),
            ("inherits = \"audio\"", "it is of another kind"),
            ("inherits = \"openh264\"", "it inherits itself"),
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
            text.replace("name = \"software\"", "name = \"odd\"").replace("priority = 0", "priority = 9");
        std::fs::write(folder.path().join("odd.toml"), other).expect("written");
        let set = ProfileSet::load(&[folder.path()]).expect("profiles load");
        assert_eq!(set.profiles()[0].name, "odd");
        let software = set.profiles().iter().find(|profile| profile.name == "software").expect("software");
        assert!(software.encode["h264"][0].text.contains("veryslow"));
    }
}
