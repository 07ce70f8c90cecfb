//! `mm4relay plugin push` and `plugin pull`: components in OCI registries.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use mm4relay_engine::{Limits, read_file};

use crate::assembly::Asking;
use crate::registry::{Artifact, Credentials, Reference};
use crate::versions::files;

/// The largest file with a password, in octets.
const PASSWORD_MAX: u64 = 16 << 10;

#[derive(Debug, clap::Args)]
pub struct PushArgs {
    /// The component; the signature in FILE.sig beside it is pushed too
    file: PathBuf,
    /// The target: oci://HOST/NAME:TAG
    #[arg(value_parser = reference)]
    to: Reference,
    #[command(flatten)]
    asking: AskingArgs,
}

#[derive(Debug, clap::Args)]
pub struct PullArgs {
    /// The source: oci://HOST/NAME:TAG or oci://HOST/NAME@sha256:DIGEST
    #[arg(value_parser = reference)]
    from: Reference,
    /// The file to write [default: the last word of NAME, with .wasm]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    asking: AskingArgs,
}

/// The login at a registry, and the authorities for its certificate.
#[derive(Debug, clap::Args)]
struct AskingArgs {
    /// Authorities for the registry's certificate, as PEM [default: those of the system]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The user to log in as [default: the login that docker, podman or oras has stored]
    #[arg(long, requires = "password_file")]
    user: Option<String>,
    /// A file with the password
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
}

fn reference(text: &str) -> Result<Reference, String> {
    text.parse()
        .map_err(|why| format!("{why}: oci://HOST[:PORT]/NAME[:TAG][@sha256:DIGEST]"))
}

impl AskingArgs {
    fn asking(&self) -> anyhow::Result<Asking<'_>> {
        let credentials = match (&self.user, &self.password_file) {
            (Some(user), Some(file)) => Some(Credentials {
                user: user.clone(),
                password: password(file)?,
            }),
            _ => None,
        };
        Ok(Asking {
            ca: self.ca.as_deref(),
            credentials,
        })
    }
}

fn password(file: &Path) -> anyhow::Result<String> {
    let octets = read_file(file, PASSWORD_MAX).with_context(|| format!("{} cannot be read", file.display()))?;
    let text = String::from_utf8(octets).with_context(|| format!("{} is no text", file.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

pub async fn push(args: &PushArgs) -> anyhow::Result<()> {
    let wasm = super::read_component(&args.file)?;
    // Otherwise only those who pull it would find out that this is no component.
    ensure!(
        wasm.starts_with(b"\0asm"),
        "{} is no WebAssembly: build it first",
        args.file.display()
    );
    let artifact = Artifact {
        wasm: wasm.into(),
        signature: files::read_signature(&args.file)?,
    };
    let digest = args.asking.asking()?.push(&args.to, &artifact).await?;
    let signed = if artifact.signature.is_some() {
        "signed"
    } else {
        "not signed"
    };
    println!(
        "pushed {} octets, {signed}; for the configuration:",
        artifact.wasm.len()
    );
    println!("source = \"{}\"", args.to.pinned(digest));
    Ok(())
}

pub async fn pull(args: &PullArgs) -> anyhow::Result<()> {
    let last = args.from.name.rsplit('/').next().unwrap_or_default();
    let file = args
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from(format!("{last}.wasm")));
    let largest = Limits::default().component_bytes;
    let digest = args.asking.asking()?.pull(&args.from, &file, largest).await?;
    let signature = files::signature_path(&file);
    let signed = match signature.exists() {
        true => format!(", and its signature {}", signature.display()),
        false => ", not signed".to_owned(),
    };
    println!("{}{signed}; for the configuration:", file.display());
    println!("source = \"{}\"", args.from.pinned(digest));
    Ok(())
}
