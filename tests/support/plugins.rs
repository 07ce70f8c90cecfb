//! Components for tests, each built once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use super::binary;

/// A bundled plug-in by the name of its folder.
pub fn plugin(name: &str) -> PathBuf {
    built(&root().join("plugins").join(name))
}

/// A plug-in of `tests/guests`.
pub fn guest(name: &str) -> PathBuf {
    built(&root().join("tests/guests").join(name))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
        .to_owned()
}

/// Builds through `mm4relay plugin build`, as a user would.
fn built(folder: &Path) -> PathBuf {
    static BUILT: OnceLock<Mutex<HashMap<PathBuf, PathBuf>>> = OnceLock::new();
    // A build that failed in one test must fail in the next one too, not deadlock it.
    let mut known = BUILT
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(wasm) = known.get(folder) {
        return wasm.clone();
    }
    let out = root().join("target/test-plugins");
    let mut command = Command::new(binary());
    command.args(["plugin", "build", "--out"]).arg(&out).arg(folder);
    let output = command.output().expect("the binary starts");
    assert!(
        output.status.success(),
        "{} does not build: {}",
        folder.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    let wasm = out.join(folder.file_name().expect("a name")).with_extension("wasm");
    known.insert(folder.to_owned(), wasm.clone());
    wasm
}
