//! The files that `plugin new` writes: the skeleton in each language, the SDK and the contract, from the time when this
//! program was built. So a new plug-in needs no clone of the relay.

use crate::config::Language;

/// A file: its path in the plug-in's folder, and what is in it.
pub type File = (&'static str, &'static str);

macro_rules! at {
    ($prefix:literal, $root:literal: $($path:literal)*) => {
        &[$((concat!($prefix, $path), include_str!(concat!("../../../../../", $root, $path)))),*]
    };
}

const SAMPLES: &[File] = at!("samples/", "plugins/skeleton/samples/":
    "stamped/case.toml" "stamped/expected.txt" "stamped/message.eml"
    "stamped-by-another-relay/case.toml" "stamped-by-another-relay/expected.txt" "stamped-by-another-relay/message.eml"
);

/// The contract.
pub const CONTRACT: &[File] = at!("wit/deps/mm4-filter/", "wit/": "host.wit" "plugin.wit" "types.wit");

const WORLD: &[File] = at!("wit/", "plugins/templates/": "world.wit");
const TYPES: &[File] = at!("", "plugins/templates/": "mm4-filter.d.ts");

const RUST: &[File] = at!("", "plugins/skeleton/": "plugin.toml" "src/lib.rs" "src/rules.rs");

const RUST_README: &[File] = at!("", "plugins/templates/rust/": "README.md");

/// The SDK for Rust, without its manifest and its tests.
pub const SDK: &[File] = at!("sdk/src/", "plugins/sdk/src/":
    "address.rs" "append.rs" "bindings.rs" "edit.rs" "fault.rs" "lib.rs" "native.rs" "part.rs" "pattern.rs" "plugin.rs" "settings.rs" "smil.rs"
    "text.rs" "testing/bodies.rs" "testing/called.rs" "testing/message.rs" "testing/mime.rs" "testing/mod.rs"
    "testing/state.rs"
);

/// A stand-in for the relay, for tests in Node.js.
const NODE: &[File] = at!("test/", "plugins/templates/javascript/test/": "register.mjs" "relay.mjs" "resolve.mjs");

const JAVASCRIPT: &[File] = at!("", "plugins/templates/javascript/":
    "README.md" "jsconfig.json" "package.json" "plugin.js" "plugin.toml" "rules.js" "test/plugin.test.js"
);

const TYPESCRIPT: &[File] = at!("", "plugins/templates/typescript/":
    "README.md" "package.json" "plugin.toml" "plugin.ts" "rules.ts" "test/plugin.test.ts" "tsconfig.json"
);

const PYTHON: &[File] = at!("", "plugins/templates/python/":
    "README.md" "plugin.py" "plugin.toml" "pyproject.toml" "requirements.txt" "rules.py" "tests/conftest.py"
    "tests/test_plugin.py"
);

/// Message files keep their CRLF line ends in git.
const GIT: &[File] = &[(".gitattributes", "*.eml -text\n")];

const IGNORED_RUST: &[File] = &[(".gitignore", "/target\n")];
const IGNORED_NODE: &[File] = &[(
    ".gitignore",
    include_str!("../../../../../plugins/templates/javascript/gitignore"),
)];
const IGNORED_PYTHON: &[File] = &[(
    ".gitignore",
    include_str!("../../../../../plugins/templates/python/gitignore"),
)];

/// All files except those that depend on the plug-in's name.
pub fn files(language: Language) -> Vec<File> {
    let of_language: &[&[File]] = match language {
        Language::Rust => &[RUST, RUST_README, IGNORED_RUST],
        Language::JavaScript => &[JAVASCRIPT, NODE, TYPES, WORLD, CONTRACT, IGNORED_NODE],
        Language::TypeScript => &[TYPESCRIPT, NODE, TYPES, WORLD, CONTRACT, IGNORED_NODE],
        Language::Python => &[PYTHON, WORLD, CONTRACT, IGNORED_PYTHON],
    };
    [GIT, SAMPLES]
        .iter()
        .chain(of_language)
        .copied()
        .flatten()
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Asserts that the program contains all of a folder, by the paths in it.
    fn is_whole(folder: &str, known: &[&str], files: &[File]) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
        let mut left = vec![root.clone()];
        while let Some(folder) = left.pop() {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    left.push(path);
                    continue;
                }
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
                let is_known = known.contains(&name) || files.iter().any(|(path, _)| path.ends_with(name));
                assert!(
                    is_known,
                    "{folder}: {name} is not in the program",
                    folder = root.display()
                );
            }
        }
    }

    #[test]
    fn everything_that_a_new_plug_in_needs_is_in_the_program() {
        is_whole("plugins/skeleton", &["Cargo.toml"], &files(Language::Rust));
        is_whole("plugins/sdk/src", &[], SDK);
        is_whole("wit", &[], CONTRACT);
        is_whole(
            "plugins/templates/javascript",
            &["gitignore"],
            &files(Language::JavaScript),
        );
        is_whole(
            "plugins/templates/typescript",
            &["gitignore"],
            &files(Language::TypeScript),
        );
        is_whole("plugins/templates/python", &["gitignore"], &files(Language::Python));
        is_whole("plugins/templates/rust", &[], &files(Language::Rust));
    }

    /// Interface and function, in the words of the contract.
    fn functions() -> Vec<(String, String)> {
        let (_, host) = CONTRACT.iter().find(|(path, _)| path.ends_with("host.wit")).unwrap();
        let (mut interface, mut found) = (String::new(), Vec::new());
        for line in host.lines() {
            if let Some(name) = line.strip_prefix("interface ") {
                interface = name.trim_end_matches(" {").to_owned();
            }
            let name = line.trim().split_once(": func(").map(|(name, _)| name);
            found.extend(name.map(|name| (interface.clone(), name.to_owned())));
        }
        found
    }

    fn camel(name: &str) -> String {
        let mut words = name.split('-');
        let first = words.next().unwrap_or_default().to_owned();
        words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
    }

    #[test]
    fn the_stand_ins_for_a_relay_have_every_function_of_the_contract() {
        let text = |files: &[File], name: &str| files.iter().find(|(path, _)| path.ends_with(name)).unwrap().1;
        let (js, python) = (text(NODE, "relay.mjs"), text(PYTHON, "conftest.py"));
        assert!(functions().len() > 25, "{:?}", functions());
        for (interface, function) in functions() {
            let of = |text: &str, begin: &str, next: &str| {
                let found = text
                    .split_once(begin)
                    .unwrap_or_else(|| panic!("no {interface}"))
                    .1
                    .to_owned();
                found.split_once(next).map_or(found.clone(), |(of, _)| of.to_owned())
            };
            let ours = of(js, &format!("\n  {interface}: {{"), "\n  },\n");
            assert!(
                ours.contains(&format!("{}: (", camel(&function))),
                "relay.mjs has no {interface}.{function}"
            );
            let ours = of(
                python,
                &format!("\n            \"{interface}\": {{"),
                "\n            },\n",
            );
            let name = format!("\"{}\":", function.replace('-', "_"));
            assert!(ours.contains(&name), "conftest.py has no {interface}.{function}");
        }
    }
}
