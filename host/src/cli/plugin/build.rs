//! `mm4relay plugin build`: cargo, with the right target, profile and folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

const TARGET: &str = "wasm32-wasip2";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folders of plug-ins, each with a Cargo.toml
    #[arg(required = true)]
    folders: Vec<PathBuf>,
    /// Put the components here, under their folders' names; default: target/plugins of their workspace
    #[arg(long)]
    out: Option<PathBuf>,
}

/// A component that was built.
#[derive(Debug)]
pub struct Built {
    pub name: String,
    pub wasm: PathBuf,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    for folder in &args.folders {
        let built = build(folder, args.out.as_deref())?;
        let size = std::fs::metadata(&built.wasm)?.len();
        println!("{}: {} ({} KiB)", built.name, built.wasm.display(), size.div_ceil(1024));
    }
    Ok(())
}

/// Builds the plug-in in `folder`. The component is put in place by rename, so that a running relay that watches the
/// file never sees half of it.
pub fn build(folder: &Path, out: Option<&Path>) -> anyhow::Result<Built> {
    let manifest = folder.join("Cargo.toml");
    ensure!(
        manifest.exists(),
        "{} is not a plug-in's folder: it has no Cargo.toml",
        folder.display()
    );
    add_target()?;
    let name = folder_name(folder)?;
    let workspace = Workspace::of(&manifest)?;
    let target_dir = workspace.target_directory.join("plugins");
    let artifact = cargo_build(&manifest, &target_dir, workspace.profile()?)?;
    let out = out.unwrap_or(&target_dir);
    std::fs::create_dir_all(out).with_context(|| format!("folder {} cannot be made", out.display()))?;
    let wasm = out.join(format!("{name}.wasm"));
    let half = wasm.with_extension("wasm.new");
    std::fs::copy(&artifact, &half).with_context(|| format!("{} cannot be written", half.display()))?;
    std::fs::rename(&half, &wasm).with_context(|| format!("{} cannot be written", wasm.display()))?;
    Ok(Built { name, wasm })
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

/// What cargo knows of the workspace that a plug-in belongs to.
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

    /// `plugin` where the workspace has such a profile, as ours does; elsewhere `release`.
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

/// A line of cargo's JSON output, as far as we look at it.
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

/// A plug-in goes by the name of its folder.
fn folder_name(folder: &Path) -> anyhow::Result<String> {
    let path = folder
        .canonicalize()
        .with_context(|| format!("folder {} cannot be found", folder.display()))?;
    let name = path
        .file_name()
        .with_context(|| format!("{} has no name", folder.display()))?;
    Ok(name.to_string_lossy().into_owned())
}
