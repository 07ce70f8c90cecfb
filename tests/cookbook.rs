//! The plug-ins of the cookbook do what their cases say.

use std::path::PathBuf;

use crate::support::{mm4relay, root, tools};

/// The folders that have this file.
fn recipes(file: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("plugins/cookbook")).expect("the cookbook");
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    found.retain(|folder| folder.join(file).is_file() && folder.join("plugin.toml").is_file());
    found.sort();
    found
}

fn each_does_what_its_cases_say(file: &str, at_least: usize) {
    let found = recipes(file);
    assert!(found.len() >= at_least, "{found:?}");
    for folder in found {
        let said = mm4relay(&["plugin", "test", folder.to_str().expect("UTF-8")]);
        assert!(
            said.ok && said.out.contains(" cases, 0 differ"),
            "{}{}",
            said.out,
            said.err
        );
    }
}

#[test]
fn recipes_in_rust_do_what_their_cases_say() {
    each_does_what_its_cases_say("Cargo.toml", 10);
}

#[test]
fn recipes_in_javascript_do_what_their_cases_say() {
    if tools::have_programs(&["node", "npm"]) {
        each_does_what_its_cases_say("plugin.js", 3);
    }
}

#[test]
fn recipes_in_python_do_what_their_cases_say() {
    if tools::have_python(&["venv", "ensurepip"]) {
        each_does_what_its_cases_say("plugin.py", 3);
    }
}
