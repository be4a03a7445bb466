//! What `millrace doctor` and `millrace check` tell the owner of a machine, about hardware of which stand-ins have the part.

#[allow(dead_code, reason = "each crate of tests uses a part of it")]
#[path = "support/stand_ins.rs"]
mod stand_ins;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use stand_ins::orders::{Api, Fault, Orders};
use stand_ins::{Family, StandIns};

const PROGRAM: &str = env!("CARGO_BIN_EXE_millrace");

/// A user whose machine has other devices than this one.
struct Owner {
    home: tempfile::TempDir,
    stand_ins: Option<StandIns>,
}

impl Owner {
    fn new() -> Self {
        let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        Self { home, stand_ins: None }
    }

    fn with(families: &[Family], orders: &Orders) -> Self {
        let owner = Self::new();
        let stand_ins = Some(StandIns::new(owner.home.path(), families, orders));
        Self { stand_ins, ..owner }
    }

    /// Where profiles of his own lie.
    fn profiles(&self) -> PathBuf {
        let folder = self.home.path().join("config/millrace/pipelines");
        fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    /// A shipped profile for other devices.
    fn has(self, profile: &str, devices: &Path) -> Self {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("pipelines/{profile}.toml"));
        let text = fs::read_to_string(shipped).expect("a shipped profile");
        let line = text.lines().find(|line| line.starts_with("devices = ")).expect("its devices");
        let text = text.replace(line, &format!("devices = [\"{}\"]", devices.display()));
        fs::write(self.profiles().join(format!("{profile}.toml")), text).expect("written");
        self
    }

    fn run(&self, mut command: Command, arguments: &[&str]) -> Output {
        let at = |name: &str| self.home.path().join(name);
        command.args(arguments).env("XDG_CONFIG_HOME", at("config")).env("XDG_CACHE_HOME", at("cache"));
        command.env_remove("CACHE_DIRECTORY").stdin(Stdio::null());
        command.envs(self.stand_ins.iter().flat_map(StandIns::environment));
        command.output().expect("it runs")
    }

    /// Of each profile, what the doctor says; he found something that encodes.
    fn doctor(&self) -> Value {
        self.doctor_by(Command::new(PROGRAM))
    }

    fn doctor_by(&self, command: Command) -> Value {
        let output = self.run(command, &["doctor", "--json"]);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }
}

fn profile<'r>(report: &'r Value, name: &str) -> &'r Value {
    let all = report["profiles"].as_array().expect("a list");
    all.iter().find(|profile| profile["name"] == name).unwrap_or_else(|| panic!("no {name} in {report}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// A device that everybody may use.
fn anything() -> &'static Path {
    Path::new("/dev/null")
}

#[test]
fn every_shipped_profile_is_told_of_with_a_reason() {
    let owner = Owner::new().has("nvidia", Path::new("/dev/no-such-card*"));
    let report = owner.doctor();
    let shipped = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines")).expect("profiles");
    for file in shipped.flatten() {
        let name = file.path().file_stem().expect("a name").to_string_lossy().into_owned();
        let found = profile(&report, &name);
        assert!(found["works"].is_boolean() && !text(&found["reason"]).is_empty(), "{found}");
    }
    let nvidia = profile(&report, "nvidia");
    assert_eq!(
        (&nvidia["works"], text(&nvidia["reason"])),
        (&json!(false), "this machine has no /dev/no-such-card*")
    );
    assert!(
        text(&nvidia["remedy"]).starts_with("if there is such hardware: install NVIDIA's driver"),
        "{nvidia}"
    );
    let software = profile(&report, "software");
    assert_eq!(software["works"], true);
    assert!(software["encodes"]["h264"]["frames_per_second_360p"].as_f64().is_some_and(|speed| speed > 1.0));
    assert_eq!(software["fails"], json!({}), "everything it is tried at works here");
}

#[test]
fn a_device_that_may_not_be_used_is_named_with_its_group() {
    let owner = Owner::new();
    let node = owner.home.path().join("card0");
    fs::write(&node, "").expect("written");
    fs::set_permissions(&node, fs::Permissions::from_mode(0o000)).expect("its mode");
    let owner = owner.has("vaapi", &node);
    // Root may do everything; in a namespace of users it is root no more.
    let mut command = Command::new("unshare");
    command.args(["--user", PROGRAM]);
    let report = owner.doctor_by(command);
    let found = profile(&report, "vaapi");
    let reason = format!("{} may not be used: Permission denied (os error 13)", node.display());
    assert_eq!((&found["works"], text(&found["reason"])), (&json!(false), reason.as_str()));
    assert!(text(&found["remedy"]).contains("usermod -aG "), "{found}");
}

#[test]
fn hardware_that_does_everything_is_told_with_all_it_does() {
    let owner = Owner::with(&[Family::Nvidia], &Orders::default()).has("nvidia", anything());
    let found = owner.doctor();
    let nvidia = profile(&found, "nvidia");
    assert_eq!((&nvidia["works"], text(&nvidia["reason"])), (&json!(true), "a trial encode succeeded"));
    assert!(nvidia["encodes"]["h264"].is_object() && nvidia["encodes"]["h265"].is_object(), "{nvidia}");
    assert_eq!(nvidia["decodes_on_device"], json!(["av1", "h264", "h265", "mpeg2", "vp8", "vp9"]));
    assert_eq!(nvidia["on_device"], json!(["scale", "scale with ten bits"]));
}

#[test]
fn what_hardware_lacks_or_does_wrong_is_told_and_it_is_used_for_the_rest() {
    let missing = vec!["cudaconvertscale".to_owned()];
    let faults = [("nvh265dec".to_owned(), Fault::Fail(0))].into();
    let orders = Orders { api: Api::V1_22, missing, faults };
    let owner = Owner::with(&[Family::Nvidia], &orders).has("nvidia", anything());
    let found = owner.doctor();
    let nvidia = profile(&found, "nvidia");
    assert_eq!((&nvidia["works"], &nvidia["on_device"]), (&json!(true), &json!([])));
    assert!(nvidia["fails"]["decode h265 on the device"].is_string(), "{nvidia}");
    assert!(!nvidia["decodes_on_device"].as_array().expect("a list").contains(&json!("h265")), "{nvidia}");
    // The processor decodes it, and the card encodes.
    assert!(nvidia["decodes"].as_array().expect("a list").contains(&json!("h265")));
}

#[test]
fn a_card_that_only_decodes_is_used_for_that() {
    let missing = ["nvh264enc", "nvh265enc", "nvav1enc"].map(str::to_owned).to_vec();
    let orders = Orders { missing, ..Orders::default() };
    let owner = Owner::with(&[Family::Nvidia], &orders).has("nvidia", anything());
    let found = owner.doctor();
    let nvidia = profile(&found, "nvidia");
    assert_eq!((&nvidia["works"], &nvidia["encodes"]), (&json!(true), &json!({})));
    assert!(text(&nvidia["reason"]).starts_with("it decodes, but does not encode"), "{nvidia}");
    assert!(nvidia["decodes_on_device"].as_array().expect("a list").contains(&json!("h265")));
}

#[test]
fn an_encoder_that_makes_no_keyframe_where_one_is_asked_for_does_not_work() {
    let orders = Orders { api: Api::V1_22, ..Orders::default() };
    let owner = Owner::with(&[Family::V4l2], &orders).has("v4l2", anything());
    let found = owner.doctor();
    let v4l2 = profile(&found, "v4l2");
    assert_eq!(v4l2["works"], false, "{v4l2}");
    assert!(text(&v4l2["reason"]).contains("random access point"), "{v4l2}");
    assert!(text(&v4l2["remedy"]).contains("GStreamer 1.24"), "{v4l2}");
}

#[test]
fn elements_that_there_are_not_are_named() {
    let owner = Owner::new();
    let text_of = |text: &str| {
        format!(
            "name = \"odd\"\nkind = \"video\"\npriority = 5\ninherits = \"software\"\n[[encode.h264]]\ntext = \"{text}\"\n"
        )
    };
    for (encoder, expected) in [
        ("magicenc bitrate={kbps}", "no element \"magicenc\""),
        ("x264enc magic=1", "no property \"magic\" in element \"x264enc\""),
        ("x264enc ! ! x", "syntax error"),
        // Nothing makes these pictures into what it takes.
        ("capsfilter caps=video/x-raw,format=GRAY16_LE ! x264enc ! video/x-h264,profile=main", ""),
    ] {
        fs::write(owner.profiles().join("odd.toml"), text_of(encoder)).expect("written");
        let found = owner.doctor();
        let odd = profile(&found, "odd");
        assert_eq!(odd["works"], false, "{odd}");
        assert!(text(&odd["reason"]).contains(expected) && !text(&odd["reason"]).is_empty(), "{odd}");
    }
}

#[test]
fn mistakes_in_profiles_are_told_with_their_places() {
    let owner = Owner::new();
    let config = owner.home.path().join("millrace.toml");
    fs::write(&config, "[server]\nname = \"box\"\n").expect("written");
    let beside = owner.home.path().join("pipelines");
    fs::create_dir(&beside).expect("a folder");
    let arguments = ["check", "--config", config.to_str().expect("a name")];
    let check = || owner.run(Command::new(PROGRAM), &arguments);
    assert!(check().status.success());
    let good = "name = \"odd\"\nkind = \"video\"\npriority = 5\ninherits = \"software\"\n";
    for (text, place, expected) in [
        (format!("{good}prio = 2\n"), "5:1", "prio"),
        (format!("{good}[scale]\ntext = \"x {{widht}}\"\n"), "6:11", "no hole is called `{widht}`"),
        (format!("{good}[limits\n"), "5:", "unclosed"),
        (good.replace("odd", "software"), "1:1", "is called `software` too"),
    ] {
        fs::write(beside.join("odd.toml"), text).expect("written");
        let output = check();
        let told = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(2), "{told}");
        let place = format!("{}:{place}", beside.join("odd.toml").display());
        assert!(told.contains(&place) && told.contains(expected), "{place} {expected}: {told}");
    }
}
