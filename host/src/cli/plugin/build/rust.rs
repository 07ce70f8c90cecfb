//! A plug-in in Rust: cargo, with the right target, profile and folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

const TARGET: &str = "wasm32-wasip2";

/// Builds the plug-in. Returns the path of the component, and the folder for components of its workspace.
pub fn component(folder: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
    let manifest = folder.join("Cargo.toml");
    add_target()?;
    let workspace = Workspace::of(&manifest)?;
    let target_dir = workspace.target_directory.join("plugins");
    let artifact = cargo_build(&manifest, &target_dir, workspace.profile()?)?;
    Ok((artifact, target_dir))
}

/// Adds the compilation target when the toolchain lacks it, and says so.
fn add_target() -> anyhow::Result<()> {
    let libraries = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .context("rustc cannot be started: plug-ins in Rust need a Rust toolchain, from rustup")?;
    let folder = String::from_utf8_lossy(&libraries.stdout);
    if libraries.status.success() && Path::new(folder.trim()).exists() {
        return Ok(());
    }
    eprintln!("the Rust target {TARGET} is missing; running: rustup target add {TARGET}");
    let added = Command::new("rustup").args(["target", "add", TARGET]).status();
    match added {
        Ok(status) if status.success() => Ok(()),
        _ => bail!("rustup could not add the target {TARGET}; add it by your toolchain's own means and try again"),
    }
}

/// What cargo reports about the workspace of a plug-in.
#[derive(Deserialize)]
struct Workspace {
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

impl Workspace {
    fn of(manifest: &Path) -> anyhow::Result<Self> {
        let output = Command::new("cargo")
            .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"])
            .arg(manifest)
            .stderr(Stdio::inherit())
            .output()
            .context("cargo cannot be started: plug-ins in Rust need a Rust toolchain, from rustup")?;
        ensure!(output.status.success(), "cargo cannot read {}", manifest.display());
        serde_json::from_slice(&output.stdout).context("cargo metadata printed something unexpected")
    }

    /// `plugin` if the workspace has such a profile, as ours does; otherwise `release`.
    fn profile(&self) -> anyhow::Result<&'static str> {
        let root = self.workspace_root.join("Cargo.toml");
        let text = std::fs::read_to_string(&root).with_context(|| format!("{} cannot be read", root.display()))?;
        let table: toml::Table = text
            .parse()
            .with_context(|| format!("{} is not TOML", root.display()))?;
        let has_own = table.get("profile").and_then(|profile| profile.get("plugin")).is_some();
        Ok(if has_own { "plugin" } else { "release" })
    }
}

/// A line of cargo's JSON output, as far as it is read.
#[derive(Deserialize)]
struct CargoMessage {
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

fn cargo_build(manifest: &Path, target_dir: &Path, profile: &str) -> anyhow::Result<PathBuf> {
    let output = Command::new("cargo")
        .args([
            "build",
            "--message-format",
            "json-render-diagnostics",
            "--target",
            TARGET,
            "--profile",
            profile,
        ])
        .arg("--target-dir")
        .arg(target_dir)
        .arg("--manifest-path")
        .arg(manifest)
        .stderr(Stdio::inherit())
        .output()
        .context("cargo cannot be started")?;
    ensure!(output.status.success(), "{} does not compile", manifest.display());
    let own = manifest.canonicalize()?;
    let is_wasm = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "wasm");
    let wasm = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<CargoMessage>(line).ok())
        .filter(|message| message.manifest_path == own)
        .find_map(|message| message.filenames.into_iter().find(is_wasm));
    wasm.with_context(|| {
        format!(
            "{} makes no component: its [lib] needs crate-type = [\"cdylib\"]",
            manifest.display()
        )
    })
}
