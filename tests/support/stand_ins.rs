//! The stand-ins for hardware of `tests/stand_ins`, in a folder of their own: for the workers of a pool, or for a service
//! with [`StandIns::environment`].

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use millrace::worker::{Launch, WorkerPool};

#[path = "../stand_ins/orders.rs"]
pub mod orders;

use orders::{Fault, ORDERS, Orders, SESSIONS};

const PROGRAM: &str = env!("CARGO_BIN_EXE_millrace");
/// Beside the plugins' folder.
const REGISTRY: &str = "registry.bin";
const PLUGINS: &str = "plugins";

/// Whose elements there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Nvidia,
    Va,
    QuickSync,
    V4l2,
}

impl Family {
    pub const ALL: [Self; 4] = [Self::Nvidia, Self::Va, Self::QuickSync, Self::V4l2];

    /// The name of GStreamer's plugin.
    fn plugin(self) -> &'static str {
        match self {
            Self::Nvidia => "nvcodec",
            Self::Va => "va",
            Self::QuickSync => "qsv",
            Self::V4l2 => "video4linux2",
        }
    }
}

pub struct StandIns {
    folder: tempfile::TempDir,
}

impl StandIns {
    /// In a folder beneath `parent`.
    pub fn new(parent: &Path, families: &[Family], orders: &Orders) -> Self {
        let folder = tempfile::tempdir_in(parent).expect("a folder");
        let stand_ins = Self { folder };
        fs::create_dir(stand_ins.plugins()).expect("a folder in it");
        stand_ins.order(orders);
        let mut file = LIBRARY.clone();
        for family in families {
            let link = stand_ins.plugins().join(format!("libgst{}.so", family.plugin()));
            fs::hard_link(&file, &link).or_else(|_| fs::copy(&file, &link).map(drop)).expect("it is there");
            // One file by several names is loaded once.
            file = link;
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stand_ins/worker");
        for (target, name) in [(script.as_path(), "worker"), (Path::new(PROGRAM), "millrace")] {
            symlink(target, stand_ins.folder.path().join(name)).expect("a link");
        }
        stand_ins
    }

    /// From now on, in all processes.
    pub fn order(&self, orders: &Orders) {
        let text = toml::to_string(orders).expect("orders");
        let (new, file) = (self.plugins().join("new"), self.plugins().join(ORDERS));
        fs::write(&new, text).and_then(|()| fs::rename(new, file)).expect("written");
    }

    /// The one thing that goes wrong from now on, or that nothing does.
    pub fn fault(&self, fault: impl Into<Option<(&'static str, Fault)>>) {
        let told = fs::read_to_string(self.plugins().join(ORDERS)).expect("orders");
        let told: Orders = toml::from_str(&told).expect("orders");
        let faults = fault.into().map(|(element, fault)| (element.to_owned(), fault));
        self.order(&Orders { faults: faults.into_iter().collect(), ..told });
    }

    /// So many sessions of encoders at once from now on; those at work keep theirs.
    pub fn limit_sessions(&self, count: usize) {
        let folder = self.plugins().join(SESSIONS);
        fs::create_dir_all(&folder).expect("a folder");
        let there = fs::read_dir(&folder).expect("a folder").flatten();
        let mut there: Vec<PathBuf> = there.map(|file| file.path()).collect();
        there.sort();
        for beyond in there.iter().skip(count) {
            fs::remove_file(beyond).expect("removed");
        }
        for number in there.len()..count {
            fs::write(folder.join(format!("{number:03}")), "").expect("a file");
        }
    }

    /// For a process that uses GStreamer: a service, whose workers get it from there, or a tool of GStreamer's.
    pub fn environment(&self) -> [(&'static str, PathBuf); 2] {
        let registry = self.folder.path().join(REGISTRY);
        [("GST_PLUGIN_PATH", self.plugins()), ("GST_REGISTRY", registry)]
    }

    /// Workers that have the stand-ins.
    pub fn pool(&self) -> WorkerPool {
        let program = self.folder.path().join("worker");
        WorkerPool::with_launch(Launch::new(program, None)).expect("a pool of workers")
    }

    fn plugins(&self) -> PathBuf {
        self.folder.path().join(PLUGINS)
    }
}

/// The plugin as its sources are now: `cargo test` builds it, but not where it is told to run some of the tests.
static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let built = Path::new(PROGRAM).parent().expect("a folder of a profile");
    let target = built.parent().expect("the target folder");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--locked", "--quiet", "--example", "stand_ins", "--manifest-path"]);
    cargo.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).arg("--target-dir").arg(target);
    if built.ends_with("release") {
        cargo.arg("--release");
    }
    let output = cargo.stdin(Stdio::null()).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    built.join("examples/libstand_ins.so")
});
