//! Whole manifests against the files in `tests/golden/`. `UPDATE_GOLDEN=1` writes them anew; read the
//! difference before it is committed.

use std::fs;
use std::path::PathBuf;

/// The file id in every golden address.
pub const FILE: &str = "0123456789abcdef0123";

pub fn check(name: &str, printed: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, printed).expect("the folder can be written");
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        golden == printed,
        "{} differs; UPDATE_GOLDEN=1 rewrites it. Printed:\n{printed}",
        path.display()
    );
}
