//! What a script imports and its world does not name. The tools say of it that something cannot be found, in the words of their
//! language, and not where it would have to be named.

use std::collections::BTreeSet;
use std::path::Path;

use mm4relay_engine::{API_VERSION, Grant};

/// Where a plug-in says what it imports.
const WORLD: &str = "wit/world.wit";

/// Interfaces that need no grant.
const FREE: [&str; 2] = ["message", "config"];

/// What to add, when a build has failed; nothing when the world names all that the scripts import.
pub fn missing(folder: &Path) -> Option<String> {
    let world = std::fs::read_to_string(folder.join(WORLD)).ok()?;
    let named = after(&code(&world), "mm4:filter/");
    scripts(folder).iter().find_map(|(file, text)| {
        let missing: Vec<String> = imported(text).difference(&named).cloned().collect();
        let is_known = |name: &&String| FREE.contains(&name.as_str()) || Grant::NAMES.contains(&name.as_str());
        if let Some(unknown) = missing.iter().find(|name| !is_known(name)) {
            let all = [&FREE[..], &Grant::NAMES].concat().join(", ");
            return Some(format!(
                "{file} imports {unknown}, which is no interface of the relay: there are {all}"
            ));
        }
        (!missing.is_empty()).then(|| what_to_add(file, &missing))
    })
}

fn what_to_add(file: &str, missing: &[String]) -> String {
    let lines = missing
        .iter()
        .map(|name| format!("\n    import mm4:filter/{name}@{API_VERSION};"));
    let lines: String = lines.collect();
    let grants = missing.iter().filter(|name| !FREE.contains(&name.as_str()));
    let grants: Vec<String> = grants.map(|name| format!("{name:?}")).collect();
    let granted = match grants.is_empty() {
        true => String::new(),
        false => format!(
            "\nand to grants, in plugin.toml and in the relay's configuration: {}",
            grants.join(", ")
        ),
    };
    format!("{file} imports what {WORLD} does not name. Add there:{lines}{granted}")
}

/// The files that may import something, by name, and what is in them.
fn scripts(folder: &Path) -> Vec<(String, String)> {
    let is_script = |name: &str| [".js", ".mjs", ".ts", ".py"].iter().any(|end| name.ends_with(end));
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| is_script(name)).collect();
    names.sort();
    let read = |name: String| Some((name.clone(), std::fs::read_to_string(folder.join(name)).ok()?));
    names.into_iter().filter_map(read).collect()
}

/// The interfaces that a script imports, in JavaScript or in Python.
fn imported(text: &str) -> BTreeSet<String> {
    let code = code(text);
    let mut found = after(&code, "mm4:filter/");
    found.extend(after(&code, "wit_world.imports."));
    for list in code.split("from wit_world.imports import").skip(1) {
        found.extend(names(list));
    }
    // What it is made of comes with the others.
    found.remove("types");
    found
}

/// Without lines that are comments.
fn code(text: &str) -> String {
    text.lines()
        .filter(|line| !is_comment(line))
        .collect::<Vec<_>>()
        .join("\n")
}

fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("//") || line.starts_with('#') || line.starts_with('*') || line.starts_with("/*")
}

/// The words that follow this one.
fn after(text: &str, word: &str) -> BTreeSet<String> {
    let rest = text.split(word).skip(1);
    rest.map(|rest| rest.chars().take_while(char::is_ascii_lowercase).collect())
        .filter(|name: &String| !name.is_empty())
        .collect()
}

/// `config, http as web`, to the end of the line; or in parentheses, over several.
fn names(list: &str) -> Vec<String> {
    let list = match list.trim_start().strip_prefix('(') {
        Some(list) => list.split(')').next(),
        None => list.lines().next(),
    };
    let name = |item: &str| Some(item.split_whitespace().next()?.to_owned());
    list.unwrap_or_default().split(',').filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scripts_import_is_found_in_both_languages() {
        let of = |text: &str| imported(text).into_iter().collect::<Vec<_>>();
        let script = "// There is \"mm4:filter/log@0.1.0\" too.\nimport { read } from \"mm4:filter/config@0.1.0\";\n\
                      import * as http from 'mm4:filter/http@0.1.0';\n";
        assert_eq!(of(script), ["config", "http"]);
        let script = "from wit_world.imports import config, http as web\nfrom wit_world.imports.types import Fault\n\
                      from wit_world.imports import (\n    log,\n    tables,\n)\nimport wit_world.imports.clock\n";
        assert_eq!(of(script), ["clock", "config", "http", "log", "tables"]);
    }

    #[test]
    fn a_world_that_names_everything_is_not_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        std::fs::create_dir(folder.path().join("wit")).unwrap();
        write("plugin.js", "import { fetch } from \"mm4:filter/http@0.1.0\";");
        write(
            WORLD,
            "/// import mm4:filter/http@0.1.0;\nworld plugin {\n    import mm4:filter/message@0.1.0;\n}\n",
        );
        let said = missing(folder.path()).unwrap();
        for taught in ["plugin.js", "    import mm4:filter/http@0.1.0;\n", "grants", "\"http\""] {
            assert!(said.contains(taught), "{said}");
        }
        write(WORLD, "world plugin {\n    import mm4:filter/http@0.1.0;\n}\n");
        assert_eq!(missing(folder.path()), None);
    }

    #[test]
    fn a_name_that_is_no_interface_is_said_with_those_that_are() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("wit")).unwrap();
        std::fs::write(folder.path().join("plugin.py"), "from wit_world.imports import htpp\n").unwrap();
        std::fs::write(folder.path().join(WORLD), "world plugin {}\n").unwrap();
        let said = missing(folder.path()).unwrap();
        assert!(
            said.contains("htpp, which is no interface") && said.contains("http"),
            "{said}"
        );
    }
}
