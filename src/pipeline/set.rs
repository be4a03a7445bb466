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
        let mut profiles = Vec::new();
        for (path, text) in files.values() {
            match Profile::parse(path, text) {
                Ok(profile) => profiles.push(profile),
                Err(error) => errors.push(error),
            }
        }
        let mut names = BTreeSet::new();
        for profile in &profiles {
            if !names.insert(&profile.name) {
                errors.push(ProfileError::SameName { name: profile.name.clone() });
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

    /// Every text with sample values in its holes: what a worker has to be able to parse. In the order of
    /// [`Self::resolve`]'s verdicts.
    pub fn trial_texts(&self) -> Vec<String> {
        self.profiles.iter().flat_map(Profile::texts).map(trial_text).collect()
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
            let broken = std::iter::once(profile.scale.text.as_str())
                .chain(profile.encode.values().flatten().map(|encoder| encoder.text.as_str()))
                .find_map(problem);
            if !works(&profile.scale.text) || encode.is_empty() {
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
                scale: profile.scale.text.clone(),
                encode,
            });
        }
        (resolved, reasons)
    }
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

    #[test]
    fn a_missing_encoder_gives_way_to_the_next_and_none_takes_the_profile_out() {
        let set = ProfileSet::load(&[]).expect("shipped profiles load");
        let (resolved, _) = set.resolve(&verdicts(&set, &["x264enc"]));
        let software = resolved.iter().find(|profile| profile.name == "software").expect("software");
        assert!(software.encode["h264"].text.contains("openh264enc"));
        let (resolved, reasons) = set.resolve(&verdicts(&set, &["x264enc", "openh264enc"]));
        assert!(resolved.iter().all(|profile| profile.name != "software"));
        assert!(reasons["software"].contains("no element"), "{reasons:?}");
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
