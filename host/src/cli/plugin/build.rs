//! `mm4relay plugin build`: one command for every language. It prints the commands that it runs, and their errors as
//! they are.

mod imports;
mod rust;
mod script;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::config::{Language, MANIFEST, Manifest};

pub use script::{Tools, tests_of};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folders of plug-ins; the language is that in plugin.toml, or is recognised by the files in the folder
    #[arg(required = true)]
    folders: Vec<PathBuf>,
    /// Put the components here, under their folders' names; default: target/plugins of the folder, or of its workspace
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
/// file never reads half of it.
pub fn build(folder: &Path, out: Option<&Path>) -> anyhow::Result<Built> {
    let name = folder_name(folder)?;
    let manifest = Manifest::read(folder)?;
    let own = || folder.join("target/plugins");
    let (artifact, default_out) = match (&manifest.build[..], &manifest.component) {
        ([program, arguments @ ..], Some(component)) => {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            Tools::of(folder).run(program, &arguments)?;
            (folder.join(component), own())
        }
        _ => match language(folder, &manifest)? {
            Language::Rust => rust::component(folder)?,
            language => (script::component(folder, language)?, own()),
        },
    };
    let out = out.map_or(default_out, Path::to_owned);
    std::fs::create_dir_all(&out).with_context(|| format!("folder {} cannot be made", out.display()))?;
    let wasm = out.join(format!("{name}.wasm"));
    let half = wasm.with_extension("wasm.new");
    std::fs::copy(&artifact, &half)
        .with_context(|| format!("{} cannot be copied to {}", artifact.display(), half.display()))?;
    std::fs::rename(&half, &wasm).with_context(|| format!("{} cannot be written", wasm.display()))?;
    Ok(Built { name, wasm })
}

/// The language of the plug-in, by its manifest, else by the files in its folder.
pub fn language(folder: &Path, manifest: &Manifest) -> anyhow::Result<Language> {
    if let Some(language) = manifest.language {
        return Ok(language);
    }
    let shown = [
        ("Cargo.toml", Language::Rust),
        ("plugin.ts", Language::TypeScript),
        ("plugin.js", Language::JavaScript),
        ("plugin.py", Language::Python),
    ];
    match shown.iter().find(|(file, _)| folder.join(file).exists()) {
        Some((_, language)) => Ok(*language),
        None => bail!(
            "{} is not a plug-in's folder: it has no Cargo.toml, plugin.ts, plugin.js or plugin.py, and no {MANIFEST} that \
             says how it is built",
            folder.display()
        ),
    }
}

/// The plug-in's name is that of its folder.
fn folder_name(folder: &Path) -> anyhow::Result<String> {
    let path = folder
        .canonicalize()
        .with_context(|| format!("folder {} cannot be found", folder.display()))?;
    let name = path
        .file_name()
        .with_context(|| format!("{} has no name", folder.display()))?;
    Ok(name.to_string_lossy().into_owned())
}
