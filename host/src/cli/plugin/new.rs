//! `mm4relay plugin new`: the skeleton under another name, wherever its author wants it.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The plug-in's name, which is also that of its folder and crate: lower-case letters, digits and '-'
    name: String,
    /// Make the folder in this one
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    into: PathBuf,
    /// The folder of the SDK, mm4-filter; without it, it is looked for above this folder and beside this program
    #[arg(long, value_name = "FOLDER")]
    sdk: Option<PathBuf>,
}

macro_rules! sample {
    ($path:literal) => {
        (
            concat!("samples/", $path),
            include_str!(concat!("../../../../plugins/skeleton/samples/", $path)),
        )
    };
}

/// The skeleton as it was when this program was built: path, content.
const FILES: [(&str, &str); 10] = [
    // Lines of a message end in CRLF, whatever git makes of other texts.
    (".gitattributes", "*.eml -text\n"),
    ("plugin.toml", include_str!("../../../../plugins/skeleton/plugin.toml")),
    ("src/lib.rs", include_str!("../../../../plugins/skeleton/src/lib.rs")),
    (
        "src/rules.rs",
        include_str!("../../../../plugins/skeleton/src/rules.rs"),
    ),
    sample!("stamped/case.toml"),
    sample!("stamped/expected.txt"),
    sample!("stamped/message.eml"),
    sample!("stamped-by-another-relay/case.toml"),
    sample!("stamped-by-another-relay/expected.txt"),
    sample!("stamped-by-another-relay/message.eml"),
];

/// The smallest component: see the workspace's own profile for plug-ins.
const PROFILE: &str = r#"
# As a component: small, because each octet is compiled again at every load.
[profile.plugin]
inherits = "release"
opt-level = "s"
lto = true
codegen-units = 1
panic = "abort"
strip = true

# It is nobody's member, wherever it stands.
[workspace]
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
    let sdk = sdk(args)?;
    let folder = args.into.join(name);
    ensure!(!folder.exists(), "{} is there already", folder.display());
    write(&folder, "Cargo.toml", &manifest(name, &sdk))?;
    for (path, content) in FILES {
        write(&folder, path, &renamed(content, name))?;
    }
    println!("{} is ready:", folder.display());
    println!("  mm4relay plugin test {}", folder.display());
    println!("  mm4relay plugin build {} --out PLUGIN-FOLDER", folder.display());
    Ok(())
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

/// The skeleton's names in another plug-in's words.
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
}

/// The SDK: given, or where a checkout has it, above the new folder or above this program.
fn sdk(args: &Args) -> anyhow::Result<PathBuf> {
    let is_sdk = |folder: &Path| folder.join("Cargo.toml").is_file() && folder.join("src/lib.rs").is_file();
    if let Some(sdk) = &args.sdk {
        ensure!(is_sdk(sdk), "{} is not the SDK: it has no Cargo.toml", sdk.display());
        return sdk.canonicalize().with_context(|| sdk.display().to_string());
    }
    let into = args
        .into
        .canonicalize()
        .with_context(|| format!("folder {} cannot be found", args.into.display()))?;
    let program = std::env::current_exe().unwrap_or_default();
    let above = into.ancestors().chain(program.ancestors());
    match above
        .map(|folder| folder.join("plugins/sdk"))
        .find(|folder| is_sdk(folder))
    {
        Some(sdk) => Ok(sdk),
        None => bail!("the SDK is not found: give its folder with --sdk, plugins/sdk of a checkout of mm4relay"),
    }
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

    #[test]
    fn the_skeleton_is_copied_whole() {
        let skeleton = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/skeleton");
        let mut left = vec![skeleton.clone()];
        while let Some(folder) = left.pop() {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    left.push(path);
                    continue;
                }
                let name = path.strip_prefix(&skeleton).unwrap().to_str().unwrap();
                let known = name == "Cargo.toml" || FILES.iter().any(|(known, _)| *known == name);
                assert!(known, "{name} is not in the program");
            }
        }
    }
}
