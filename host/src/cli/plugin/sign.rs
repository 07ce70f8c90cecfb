//! `mm4relay plugin keygen` and `plugin sign`: keys for signing plug-ins, and signatures.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use anyhow::Context;

use crate::versions::files;
use crate::versions::signing::SecretKey;

#[derive(Debug, clap::Args)]
pub struct KeygenArgs {
    /// The key's name in signatures and in the configuration
    name: String,
    /// Write the secret key here; the file must not exist yet
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

#[derive(Debug, clap::Args)]
pub struct SignArgs {
    /// The component
    file: PathBuf,
    /// The secret key, as `plugin keygen` wrote it
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

/// Writes the secret key, readable by its owner alone, and prints the public one in the form of the configuration.
pub fn keygen(args: &KeygenArgs) -> anyhow::Result<()> {
    let key = SecretKey::generate(&args.name)?;
    let path = &args.key;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("{} cannot be made", path.display()))?;
    file.write_all(key.secret_text().as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("{} cannot be written", path.display()))?;
    println!("{}", key.public());
    eprintln!(
        "keep {} secret; the line above belongs into plugin-signing.keys",
        path.display()
    );
    Ok(())
}

pub fn sign(args: &SignArgs) -> anyhow::Result<()> {
    let (path, file) = (&args.key, &args.file);
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let key: SecretKey = text
        .parse()
        .with_context(|| format!("{} is no key file", path.display()))?;
    let wasm = super::read_component(file)?;
    let signature = files::signature_path(file);
    files::put(&signature, key.sign(&mm4relay_engine::digest(&wasm)).as_bytes(), 0o644)
        .with_context(|| format!("{} cannot be written", signature.display()))?;
    println!("{}: signed by {}", signature.display(), key.public().name());
    Ok(())
}
