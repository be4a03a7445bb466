//! What the answer depends on: GStreamer and its plugins, drivers and their libraries, device nodes and who may use them.
//!
//! GStreamer remembers which elements a plugin has. NVIDIA's plugin has none where the driver is missing, and that is
//! remembered until the plugin itself changes: a driver that is installed later would never be seen. So the memory has a
//! name that changes with all of this.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::devices;

/// A line for everything that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    lines: BTreeSet<String>,
    /// Paths of drivers' libraries.
    libraries: Vec<String>,
    /// By its full name: without one of a version, GStreamer looks for a name that only developers have.
    nvrtc: Option<String>,
}

/// Libraries of drivers, as patterns of a shell. GStreamer's plugins open them by name.
const LIBRARIES: [&str; 8] = [
    "libcuda.so.1",
    "libnvidia-encode.so.1",
    "libnvcuvid.so.1",
    "libnvrtc.so*",
    "libva.so.2",
    "libmfx*.so*",
    "libvpl.so*",
    "dri",
];
/// Where they and GStreamer are, unless this process has it from elsewhere. As patterns.
const FOLDERS: [&str; 4] =
    ["/usr/lib/*-linux-gnu", "/usr/lib64", "/usr/local/cuda/lib64", "/usr/lib/wsl/lib"];
/// Versions of drivers of the kernel.
const VERSIONS: [&str; 2] = ["/proc/driver/nvidia/version", "/sys/module/nvidia/version"];
/// What GStreamer, its plugins and drivers read.
const VARIABLES: [&str; 5] = ["CUDA_", "GST_", "LIBVA_", "LD_LIBRARY_PATH", "NVIDIA_"];
const NVRTC_NAME: &str = "GST_CUDA_NVRTC_LIBNAME";

impl Surroundings {
    /// As they are now. Looks into some folders; waits for no device.
    pub fn look() -> Self {
        let mut lines = BTreeSet::new();
        let (mut libraries, mut nvrtc) = (BTreeSet::new(), Vec::new());
        for folder in library_folders() {
            for pattern in LIBRARIES {
                let found = glob::glob(&format!("{}/{pattern}", folder.display()));
                for path in found.map(|paths| paths.flatten().collect::<Vec<_>>()).unwrap_or_default() {
                    lines.insert(seen(&path));
                    if let Ok(real) = path.canonicalize() {
                        libraries.insert(real.display().to_string());
                    }
                    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    if name.starts_with("libnvrtc.so") {
                        nvrtc.push(name);
                    }
                }
            }
        }
        for folder in plugin_folders() {
            let plugins =
                std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
            let plugins = plugins.filter(|path| path.extension().is_some_and(|end| end == "so"));
            lines.extend(plugins.map(|path| seen(&path)));
        }
        lines.extend(
            VERSIONS
                .iter()
                .filter_map(|file| Some(format!("{file}: {}", std::fs::read_to_string(file).ok()?.trim()))),
        );
        for node in devices::all() {
            let owner =
                Path::new(&node.path).metadata().map(|node| (node.mode(), node.gid())).unwrap_or_default();
            lines.insert(format!("{} {owner:?} {}", node.path, node.usable));
        }
        for path in glob::glob("/sys/class/drm/renderD*/device/driver").into_iter().flatten().flatten() {
            lines.insert(format!("{} {:?}", path.display(), std::fs::read_link(&path).ok()));
        }
        for (name, value) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if VARIABLES.iter().any(|known| name.starts_with(known)) {
                lines.insert(format!("{name}={}", value.to_string_lossy()));
            }
        }
        Self { lines, libraries: libraries.into_iter().collect(), nvrtc: nvrtc_name(&mut nvrtc) }
    }

    /// Of drivers, as far as they are installed.
    pub fn libraries(&self) -> &[String] {
        &self.libraries
    }

    /// Changes with any of it.
    pub fn key(&self) -> String {
        let mut digest = Sha256::new();
        for line in &self.lines {
            digest.update(line.as_bytes());
            digest.update([b'\n']);
        }
        digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// What workers need to find the drivers' libraries.
    pub fn environment(&self) -> Vec<(String, OsString)> {
        let given = std::env::var_os(NVRTC_NAME).is_some();
        let name = self.nvrtc.iter().filter(|_| !given);
        name.map(|name| (NVRTC_NAME.to_owned(), name.into())).collect()
    }

    /// Where GStreamer remembers its plugins here, in this folder.
    pub fn registry(&self, cache: &Path) -> PathBuf {
        cache.join(format!("{REGISTRY}-{}{REGISTRY_END}", self.key()))
    }

    /// Forgets the memories of former surroundings.
    pub fn clean(&self, cache: &Path) {
        let current = self.registry(cache);
        for entry in std::fs::read_dir(cache).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_ours = name.starts_with(REGISTRY) && name.ends_with(REGISTRY_END);
            if is_ours && entry.path() != current {
                // A folder that cannot be written to has none.
                let _was_there = std::fs::remove_file(entry.path());
            }
        }
    }
}

const REGISTRY: &str = "gstreamer-registry";
const REGISTRY_END: &str = ".bin";

/// The newest, by name, of those that have a version; none where there is one without.
fn nvrtc_name(found: &mut Vec<String>) -> Option<String> {
    let number = |name: &String| -> Vec<u32> {
        name.trim_start_matches("libnvrtc.so").split('.').filter_map(|part| part.parse().ok()).collect()
    };
    if found.iter().any(|name| name == "libnvrtc.so") {
        return None;
    }
    found.sort_by_key(number);
    found.pop()
}

/// A file or folder, and when it was changed.
fn seen(path: &Path) -> String {
    let metadata = path.metadata();
    let changed = metadata.map(|found| (found.len(), found.mtime(), found.ino())).unwrap_or_default();
    format!("{} {changed:?}", path.display())
}

/// GStreamer is loaded in this process, too, though it is never used here.
fn library_folders() -> Vec<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let loaded = maps.lines().filter_map(|line| line.find('/').map(|at| Path::new(&line[at..])));
    let gstreamer = loaded
        .filter(|path| path.to_string_lossy().contains("/libgstreamer-1.0.so"))
        .filter_map(|path| path.parent().map(Path::to_path_buf));
    let given = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let given: Vec<PathBuf> = std::env::split_paths(&given).collect();
    let usual = FOLDERS.iter().flat_map(|pattern| glob::glob(pattern)).flatten().flatten();
    let all = gstreamer.chain(given).chain(usual);
    let mut folders: Vec<PathBuf> = all.filter(|folder| !folder.as_os_str().is_empty()).collect();
    folders.sort();
    folders.dedup();
    folders
}

fn plugin_folders() -> Vec<PathBuf> {
    let named =
        ["GST_PLUGIN_PATH", "GST_PLUGIN_PATH_1_0", "GST_PLUGIN_SYSTEM_PATH_1_0", "GST_PLUGIN_SYSTEM_PATH"];
    let named = named.iter().filter_map(std::env::var_os);
    let named: Vec<PathBuf> =
        named.flat_map(|paths| std::env::split_paths(&paths).collect::<Vec<_>>()).collect();
    let beside = library_folders().into_iter().map(|folder| folder.join("gstreamer-1.0"));
    named.into_iter().chain(beside.filter(|folder| folder.is_dir())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plugins_of_gstreamer_are_found() {
        let folders = plugin_folders();
        assert!(folders.iter().any(|folder| folder.join("libgstcoreelements.so").is_file()), "{folders:?}");
    }

    #[test]
    fn nothing_changes_where_nothing_changes() {
        let (once, again) = (Surroundings::look(), Surroundings::look());
        assert_eq!(once, again);
        let mut changed = once.clone();
        changed.lines.insert("/dev/nvidia0 (0, 0) true".into());
        assert_ne!(once.key(), changed.key());
    }

    #[test]
    fn the_newest_compiler_of_kernels_is_named_where_nobody_would_find_it() {
        let name = |found: &[&str]| nvrtc_name(&mut found.iter().map(|&name| name.to_owned()).collect());
        assert_eq!(name(&[]), None);
        assert_eq!(
            name(&["libnvrtc.so.9", "libnvrtc.so.12", "libnvrtc.so.11.2"]).as_deref(),
            Some("libnvrtc.so.12")
        );
        assert_eq!(name(&["libnvrtc.so.12", "libnvrtc.so"]), None);
    }

    #[test]
    fn memories_of_former_surroundings_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let here = Surroundings::look();
        let others = ["gstreamer-registry.bin", "gstreamer-registry-0.bin", "segments"];
        for name in others {
            std::fs::write(folder.path().join(name), "").expect("written");
        }
        std::fs::write(here.registry(folder.path()), "").expect("written");
        here.clean(folder.path());
        let mut left: Vec<PathBuf> =
            std::fs::read_dir(folder.path()).expect("a folder").flatten().map(|e| e.path()).collect();
        left.sort();
        assert_eq!(left, [here.registry(folder.path()), folder.path().join("segments")]);
    }
}
