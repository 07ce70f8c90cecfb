//! Where a plug-in went wrong: the lines of its source, for engines that look for them.

use std::path::{Path, PathBuf};
use std::process::Command;

use mm4relay_engine::*;

use crate::support::*;

/// `tests/guests/hostile`, with the lines that its functions came from.
fn with_lines() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = root.join("target/guests/with-lines");
    let status = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--release",
            "--package",
            "hostile",
            "--target",
            "wasm32-wasip2",
        ])
        .arg("--manifest-path")
        .arg(root.join("tests/guests/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only")
        .env("CARGO_PROFILE_RELEASE_STRIP", "none")
        .status()
        .expect("cargo starts");
    assert!(status.success(), "the guest does not build");
    target.join("wasm32-wasip2/release/hostile.wasm")
}

#[tokio::test]
async fn a_trap_names_its_line_where_the_component_has_lines_and_the_engine_looks() {
    let wasm = with_lines();
    for (lines, said) in [
        (true, "`hostile::habits::recurse` at hostile/src/habits.rs:"),
        (false, "`hostile::habits::recurse`"),
    ] {
        let engine = Engine::new(EngineOptions {
            max_instances: 2,
            lines,
            ..EngineOptions::default()
        });
        let spec = PluginSpec {
            wasm: wasm.clone(),
            ..spec(habit("recursion"))
        };
        let plugin = engine
            .expect("the engine starts")
            .load(spec, World::new())
            .await
            .expect("it loads");
        let failure = judge(&plugin).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::Trap);
        assert!(failure.text.contains(said), "{failure}");
        assert_eq!(failure.text.contains("habits.rs"), lines, "{failure}");
    }
}
