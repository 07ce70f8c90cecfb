//! The commit from which the program is built, for `mm4relay --version`, so that operators can report it.
//!
//! `MM4RELAY_COMMIT` in the environment names it where there is no repository, as in a package that is built from an
//! archive.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=MM4RELAY_COMMIT");
    let named = std::env::var("MM4RELAY_COMMIT").ok();
    let commit = named.or_else(|| {
        // This file changes with each commit and each checkout, and with nothing else.
        let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
        println!("cargo::rerun-if-changed={log}");
        git(&["rev-parse", "--short=12", "HEAD"])
    });
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let whole = commit.map_or(version.clone(), |commit| format!("{version} ({commit})"));
    println!("cargo::rustc-env=MM4RELAY_VERSION={whole}");
}

/// What git prints; `None` where there is no git or no repository.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let printed = String::from_utf8(output.stdout).ok()?;
    let printed = printed.trim();
    (output.status.success() && !printed.is_empty()).then(|| printed.to_owned())
}
