//! `mm4relay plugin new`: a copy of the skeleton under another name, in any of the languages.

mod kit;

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use crate::config::Language;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The plug-in's name, which is also that of its folder and crate: lower-case letters, digits and '-'
    name: String,
    /// Make the folder in this one
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    into: PathBuf,
    /// The language that it is written in
    #[arg(long, value_enum, default_value_t = Lang::Rust)]
    lang: Lang,
    /// Rust: use the SDK in this folder, instead of writing it into the plug-in's own
    #[arg(long, value_name = "FOLDER")]
    sdk: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Lang {
    Rust,
    Js,
    Ts,
    Python,
}

impl From<Lang> for Language {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::Rust => Self::Rust,
            Lang::Js => Self::JavaScript,
            Lang::Ts => Self::TypeScript,
            Lang::Python => Self::Python,
        }
    }
}

/// Settings for the smallest component, as in this workspace's profile for plug-ins.
const PROFILE: &str = r#"
# As a component: small, because each octet is compiled again at every load.
[profile.plugin]
inherits = "release"
opt-level = "s"
lto = true
codegen-units = 1
panic = "abort"
# The names of functions stay: they tell where it went wrong.
strip = "debuginfo"

# It is nobody's member, wherever it stands.
[workspace]
members = ["."]
exclude = ["sdk"]
"#;

/// The SDK's own manifest, in a plug-in's folder.
const SDK_MANIFEST: &str = r#"# Written by `mm4relay plugin new`: write plug-ins for mm4relay in Rust.
[package]
name = "mm4-filter"
version = "0.1.0"
edition = "2024"
rust-version = "1.88"
license = "Apache-2.0"
publish = false

[dependencies]
encoding_rs = { version = "0.8.44", optional = true }
serde = { version = "1", features = ["derive"] }
serde_json = "1"
wit-bindgen = { version = "0.63.0", default-features = false, features = ["bitflags", "realloc"] }

[features]
text = ["dep:encoding_rs"]
"#;

/// Two crates of one name cannot be built together.
const TAKEN: [&str; 7] = ["mm4-filter", "serde", "wit-bindgen", "core", "alloc", "std", "test"];

pub fn run(args: &Args) -> anyhow::Result<()> {
    let name = args.name.as_str();
    ensure!(
        is_name(name),
        "{name:?} is no name for a plug-in: lower-case letters, digits and '-', a letter first"
    );
    ensure!(
        !TAKEN.contains(&name),
        "{name:?} is the name of a crate that every plug-in is built with: choose another one"
    );
    ensure!(
        args.into.is_dir(),
        "there is no folder {}; --into makes the plug-in's folder, and none above it",
        args.into.display()
    );
    let language = Language::from(args.lang);
    ensure!(
        args.sdk.is_none() || language == Language::Rust,
        "--sdk is the SDK for Rust: a plug-in in another language has the contract itself"
    );
    let folder = args.into.join(name);
    ensure!(!folder.exists(), "{} is there already", folder.display());
    for (path, content) in kit::files(language) {
        write(&folder, path, &renamed(content, name))?;
    }
    if language == Language::Rust {
        rust(args, &folder)?;
    }
    println!("{} is ready:", folder.display());
    println!("  mm4relay plugin test {}", folder.display());
    println!("  mm4relay plugin dev {}", folder.display());
    println!("  mm4relay plugin build {} --out PLUGIN-FOLDER", folder.display());
    Ok(())
}

/// Writes the files that cargo needs: the plug-in's manifest, and the SDK.
fn rust(args: &Args, folder: &Path) -> anyhow::Result<()> {
    let sdk = match &args.sdk {
        Some(sdk) => {
            ensure!(
                sdk.join("Cargo.toml").is_file(),
                "{} is not the SDK: it has no Cargo.toml",
                sdk.display()
            );
            sdk.canonicalize().with_context(|| sdk.display().to_string())?
        }
        None => {
            write(folder, "sdk/Cargo.toml", SDK_MANIFEST)?;
            for (path, content) in kit::SDK {
                write(folder, path, content)?;
            }
            PathBuf::from("sdk")
        }
    };
    write(folder, "Cargo.toml", &manifest(&args.name, &sdk))
}

fn write(folder: &Path, path: &str, content: &str) -> anyhow::Result<()> {
    let path = folder.join(path);
    let parent = path.parent().context("a file in a folder")?;
    std::fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
    std::fs::write(&path, content).with_context(|| format!("{} cannot be written", path.display()))
}

fn manifest(name: &str, sdk: &Path) -> String {
    let (edition, sdk) = ("2024", sdk.display().to_string());
    format!(
        r#"[package]
name = "{name}"
version = "0.1.0"
edition = "{edition}"
publish = false

[lib]
# cdylib becomes the component; rlib is for tests and documentation.
crate-type = ["cdylib", "rlib"]

[dependencies]
mm4-filter = {{ path = {sdk:?} }}
serde = {{ version = "1", features = ["derive"] }}
{PROFILE}"#
    )
}

/// The skeleton's text with the names of another plug-in.
fn renamed(content: &str, name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters
            .next()
            .map(|first| first.to_ascii_uppercase())
            .into_iter()
            .chain(letters)
            .collect::<String>()
    };
    let camel: String = name.split('-').map(capital).collect();
    content
        .replace("Skeleton", &camel)
        .replace("\"skeleton\"", &format!("{name:?}"))
        .replace("# skeleton\n", &format!("# {name}\n"))
        .replace("example:skeleton;", &format!("example:{name};"))
        .replace("plugins/skeleton.wasm", &format!("plugins/{name}.wasm"))
}

fn is_name(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=64).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.bytes().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_names_of_crates_and_types() {
        assert_eq!(
            renamed("Skeleton \"skeleton\"", "block-list"),
            "BlockList \"block-list\""
        );
        assert!(is_name("block-list") && is_name("a1"));
        for bad in ["", "1a", "Block", "a_b", "a-", "a/b"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
