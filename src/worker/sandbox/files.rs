//! Landlock: which files a worker can open by name. Its input comes as an open descriptor and needs no name.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

use super::SandboxStatus;

/// The newest Landlock whose rights are known here; an older kernel takes those it has.
const NEWEST: ABI = ABI::V9;

/// Read: shared libraries and plugins, and what they read when they are loaded. Debian's places first.
const LIBRARIES: [&str; 9] = [
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/local/lib",
    "/lib",
    "/lib64",
    "/opt/amdgpu",
    "/opt/rocm",
    "/opt/intel",
];
/// Read: data of drivers (device names, profiles of programs) and fonts.
const DATA: [&str; 12] = [
    "/usr/share",
    "/usr/local/share",
    "/etc/ld.so.cache",
    "/etc/drirc",
    "/etc/egl",
    "/etc/fonts",
    "/etc/glvnd",
    "/etc/libva.conf",
    "/etc/nvidia",
    "/etc/OpenCL",
    "/etc/vulkan",
    "/run/udev/data",
];
/// Read: what the kernel tells of this process, the processor, memory and devices.
const KERNEL: [&str; 9] = [
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/devices",
    "/proc/modules",
    "/proc/driver/nvidia",
    "/proc/sys/vm",
    "/sys",
];
const SOURCES_OF_BYTES: [&str; 3] = ["/dev/zero", "/dev/urandom", "/dev/random"];
/// Folders that the owner added for the loader, for GStreamer and for drivers.
const FOLDER_VARIABLES: [&str; 7] = [
    "LD_LIBRARY_PATH",
    "GST_PLUGIN_PATH",
    "GST_PLUGIN_PATH_1_0",
    "GST_PLUGIN_SYSTEM_PATH",
    "GST_PLUGIN_SYSTEM_PATH_1_0",
    "LIBVA_DRIVERS_PATH",
    "LIBGL_DRIVERS_PATH",
];

pub(super) fn restrict(status: &mut SandboxStatus) {
    const REMEDY: &str = "Linux 5.13 or later with `landlock` among its security modules (`lsm=` at boot); in a \
                          container, a runtime that does not refuse the calls";
    match ruleset().and_then(|ruleset| ruleset.restrict_self()) {
        Ok(done) if done.ruleset != RulesetStatus::NotEnforced => {
            if let LandlockStatus::Available { effective_abi, kernel_abi } = done.landlock {
                let abi = kernel_abi.unwrap_or(effective_abi as i32);
                status.landlock_abi = u32::try_from(abi).ok();
            }
        }
        Ok(done) => {
            let reason = match done.landlock {
                LandlockStatus::NotEnabled => "is built into this kernel but not enabled",
                LandlockStatus::NotImplemented => "is not in this kernel, or not allowed here",
                LandlockStatus::Available { .. } => "was not enforced",
            };
            status.miss("Landlock", reason, REMEDY);
        }
        Err(error) => status.miss("Landlock", error, REMEDY),
    }
}

fn ruleset() -> Result<landlock::RulesetCreated, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let use_device = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev | AccessFs::ReadDir;
    let reads = [&LIBRARIES[..], &DATA, &KERNEL, &SOURCES_OF_BYTES].concat();
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .add_rules(path_beneath_rules(reads, read))?
        .add_rules(path_beneath_rules(added_folders(), read))?
        .add_rules(path_beneath_rules(registry(), read))?
        .add_rules(path_beneath_rules(["/dev/null"], AccessFs::ReadFile | AccessFs::WriteFile))?
        .add_rules(path_beneath_rules(devices(), use_device))
}

/// Graphics cards, of which a render node is all that decoding and encoding needs, and codecs behind V4L2. Those have
/// numbers from 10 on: cameras have lower ones.
fn devices() -> Vec<PathBuf> {
    let codec = |name: &str| {
        name.strip_prefix("video")
            .and_then(|number| number.parse().ok())
            .is_some_and(|number: u32| number >= 10)
    };
    let known = |name: &str| name.starts_with("nvidia") || name.starts_with("media") || codec(name);
    let entries = std::fs::read_dir("/dev").into_iter().flatten().flatten();
    let nodes = entries
        .map(|entry| entry.path())
        .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(known));
    nodes.chain(["/dev/dri".into()]).collect()
}

/// Where GStreamer remembers its plugins: a worker that starts inside the sandbox reads it there.
fn registry() -> Vec<PathBuf> {
    let of = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = of("XDG_CACHE_HOME").or_else(|| Some(of("HOME")?.join(".cache")));
    of("GST_REGISTRY").into_iter().chain(cache.map(|cache| cache.join("gstreamer-1.0"))).collect()
}

fn added_folders() -> Vec<PathBuf> {
    let values = FOLDER_VARIABLES.iter().filter_map(std::env::var_os);
    let folders = values.flat_map(|value| std::env::split_paths(&value).collect::<Vec<_>>());
    folders.filter(|folder| is_a_folder_of_its_own(folder)).collect()
}

/// An empty entry means the working directory, which is the root: that would be everything.
fn is_a_folder_of_its_own(folder: &Path) -> bool {
    folder.is_absolute() && std::fs::canonicalize(folder).is_ok_and(|folder| folder.parent().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_added_folder_that_would_be_everything_is_not_added() {
        let folders = ["/usr/lib", "/", "", ".", "/usr/..", "/no/such/folder"];
        let added = folders.map(|folder| is_a_folder_of_its_own(Path::new(folder)));
        assert_eq!(added, [true, false, false, false, false, false]);
    }
}
