//! Where settings and data lie: configuration file, environment, command line, and the XDG folders.

use std::path::{Path, PathBuf};

use super::local::Trouble;
use crate::config::{self, Config, Overrides};
use crate::pipeline::set::OVERRIDE_FOLDERS;

/// Read by `serve` when it is there and no other file is named.
pub const SYSTEM_CONFIG: &str = "/etc/millrace/millrace.toml";

/// The environment as text; variables that are not UTF-8 cannot be ours.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Folders whose profiles override the shipped ones and add to them, later ones first: of packages, of the owner, of the
/// user, and beside the configuration file that is named.
pub fn profile_folders(config: Option<&Path>) -> Vec<PathBuf> {
    let of_user = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".config")))
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join("millrace").join(PROFILES));
    let beside = config.and_then(Path::parent).map(|folder| folder.join(PROFILES));
    let mut folders: Vec<PathBuf> = OVERRIDE_FOLDERS.iter().map(PathBuf::from).collect();
    for folder in of_user.into_iter().chain(beside) {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
}

const PROFILES: &str = "pipelines";

/// The configuration from all its layers. Without a named file the system's is used, where there is one and no
/// library is given on the command line.
pub fn load(file: Option<&Path>, overrides: Overrides) -> Result<Config, Trouble> {
    let system = Path::new(SYSTEM_CONFIG);
    let path = file.or_else(|| (overrides.libraries.is_empty() && system.is_file()).then_some(system));
    let name = path.map(|path| path.display().to_string()).unwrap_or_default();
    let text = match path {
        Some(path) => {
            Some(std::fs::read_to_string(path).map_err(|error| Trouble(format!("{name}: {error}")))?)
        }
        None => None,
    };
    let file = text.as_deref().map(|text| (text, name.as_str()));
    config::load(file, environment(), overrides).map_err(|diagnostics| {
        Trouble(diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n"))
    })
}

/// `NAME=PATH` or `PATH` of `--library`, made absolute.
pub fn library(argument: &str) -> Result<(Option<String>, PathBuf), Trouble> {
    let (name, path) = match argument.split_once('=') {
        Some((name, path)) if !name.contains('/') => (Some(name.to_owned()), path),
        _ => (None, argument),
    };
    let path =
        std::path::absolute(path).map_err(|error| Trouble(format!("--library {argument}: {error}")))?;
    Ok((name, path))
}

/// Where finished segments lie, and what is remembered of the machine.
pub fn cache_folder(given: Option<PathBuf>) -> Result<PathBuf, Trouble> {
    folder(given, "CACHE_DIRECTORY", "XDG_CACHE_HOME", ".cache")
}

/// `given`, else what systemd made for the service, else the XDG folder (base directory specification).
pub fn folder(
    given: Option<PathBuf>,
    systemd: &str,
    xdg: &str,
    below_home: &str,
) -> Result<PathBuf, Trouble> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    // Workers stand elsewhere.
    given
        .and_then(|given| std::path::absolute(given).ok())
        .or_else(|| variable(systemd))
        .or_else(|| Some(variable(xdg)?.join("millrace")))
        .or_else(|| Some(variable("HOME")?.join(below_home).join("millrace")))
        .ok_or_else(|| {
            Trouble(format!("no folder for data: set ${xdg} or $HOME, or name one on the command line"))
        })
}
