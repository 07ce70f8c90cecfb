//! What was published, and that today's program still keeps it: the plug-in interface, the fields of exported JSON, the
//! names of metrics. Each version has a folder in `tests/contract`.
//!
//! A component carries the structure of the types that it was built with. Functions and interfaces may be added; records,
//! variants, enums and flags are closed, functions keep their signatures, and the world exports what it exported. See
//! `docs/versions.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::support::{Peer, Relay, config, mm4relay, root};

/// Interfaces and worlds by name, each with its items: by name, with what must not change.
type Package = BTreeMap<String, BTreeMap<String, String>>;

#[test]
fn todays_interface_extends_every_published_one() {
    let today = package_in(&root().join("wit"));
    let published = std::fs::read_dir(root().join("tests/contract")).expect("the published versions");
    let mut versions = 0;
    for version in published {
        let folder = version.expect("a folder").path();
        let then = package_in(&folder);
        assert!(then.contains_key("interface plugin") && then.contains_key("world filter"));
        let broken = broken_promises(&then, &today);
        assert!(broken.is_empty(), "{}:\n{}", folder.display(), broken.join("\n"));
        versions += 1;
    }
    assert!(versions >= 1);
}

/// The bindings of the SDK, the types for JavaScript and `docs/contract.md` are kept as they were made.
#[test]
fn what_is_made_of_the_interface_is_what_todays_makes() {
    let mut make = std::process::Command::new("cargo");
    make.args(["run", "--quiet", "--locked", "--manifest-path"])
        .arg(root().join("tests/bindings/Cargo.toml"));
    make.arg("--target-dir").arg(root().join("target/bindings"));
    let output = make.output().expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// The spool of `tests/fixtures`, read by the program that published the fields and by today's.
#[test]
fn exported_json_has_every_field_that_it_had() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let database = folder.path().join("spool.db");
    std::fs::copy(root().join("tests/fixtures/spool-3/spool.db"), &database).expect("the fixture");
    let spool = folder.path().to_str().expect("UTF-8");
    assert!(mm4relay(&["spool", "upgrade", "--run", "--no-backup", "--spool", spool]).ok);
    // Else its requests are forgotten one day.
    let forget_never = "UPDATE request SET forget_at = 1 << 60, state = json_set(state, '$.x', 1 << 60)";
    let db = rusqlite::Connection::open(&database).expect("the database");
    db.execute(forget_never, ()).expect("requests");
    drop(db);

    let records = mm4relay(&["cdr", "export", "--spool", spool, "--after", "0"]).out;
    assert_eq!(missing("cdr-export.fields", &fields(&records)), nothing());
    let requests = [
        "open", "answered", "denied", "refused", "deferred", "two-ways", "no-way", "held", "values",
    ];
    let traces = requests.map(|id| {
        let said = mm4relay(&["trace", "--spool", spool, &format!("{id}@mms.a.example"), "--json"]);
        assert!(said.ok, "{}", said.err);
        said.out
    });
    let traced = fields(&traces.concat());
    assert_eq!(missing("trace.fields", &traced), nothing());
    // A renamed field has both names for a while; the old one is among those above.
    assert!(traced.contains("history[].plug-ins[].body-octets-read"));
}

#[test]
fn metrics_have_every_name_that_they_had() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, "\n[monitoring]\nlisten = \"127.0.0.1:0\"\n"));
    let page = relay.page("/metrics");
    let names = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    assert_eq!(missing("metrics.names", &names.map(str::to_owned).collect()), nothing());
}

/// The lines of a file of any published version that are not in `today`.
fn missing(file: &str, today: &BTreeSet<String>) -> BTreeSet<String> {
    let versions = std::fs::read_dir(root().join("tests/contract")).expect("the published versions");
    let mut missing = BTreeSet::new();
    for version in versions {
        let published = std::fs::read_to_string(version.expect("a folder").path().join(file)).expect("UTF-8");
        assert!(!published.is_empty());
        let gone = published.lines().filter(|name| !today.contains(*name));
        missing.extend(gone.map(str::to_owned));
    }
    missing
}

fn nothing() -> BTreeSet<String> {
    BTreeSet::new()
}

/// The paths of all fields in lines of JSON: `history[].event`.
fn fields(lines: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in lines.lines() {
        add_fields(&serde_json::from_str(line).expect("JSON lines"), "", &mut found);
    }
    found
}

fn add_fields(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                add_fields(value, &path, found);
                found.insert(path);
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| add_fields(item, &format!("{path}[]"), found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn what_would_break_a_compiled_plug_in_is_noticed_and_what_would_not_is_allowed() {
    let then = "package a:b@0.1.0;
        interface host { record pair { a: u32, b: string, } get: func() -> pair; /// Said.
            resource writer { constructor(x: string); write: func(o: list<u8>); } }
        interface plugin { run: func(); }
        world filter { import host; export plugin; }";
    let broken = |from: &str, to: &str| {
        let today = then.replace(from, to);
        assert_ne!(today, then, "{from}");
        broken_promises(&package(then), &package(&today))
    };
    let nothing: [&str; 0] = [];
    assert_eq!(broken("/// Said.", "/// Said otherwise."), nothing);
    assert_eq!(broken("get: func()", "more: func(); get: func()"), nothing);
    assert_eq!(broken("write: func", "flush: func(); write: func"), nothing);
    assert_eq!(broken("import host;", "import host; import other;"), nothing);
    assert_eq!(
        broken("interface plugin", "interface other { f: func(); } interface plugin"),
        nothing
    );
    for (from, to, what) in [
        ("b: string,", "", "interface host: record pair"),
        ("b: string,", "b: string, c: u8,", "interface host: record pair"),
        ("get: func() -> pair;", "", "interface host: get"),
        ("get: func()", "get: func(x: u8)", "interface host: get"),
        ("write: func(o: list<u8>);", "", "interface host: resource writer write"),
        ("import host;", "", "world filter: import host"),
        (
            "export plugin;",
            "export plugin; export more;",
            "world filter: export more",
        ),
        // A plug-in exports what its own version names: one function more is one that it lacks.
        ("run: func();", "run: func(); stop: func();", "interface plugin: stop"),
    ] {
        let found = broken(from, to);
        assert!(
            found.iter().any(|line| line.starts_with(what)),
            "{from:?} to {to:?}: {found:?}"
        );
    }
}

/// What a plug-in that was built with `then` would miss in `today`, a line each.
fn broken_promises(then: &Package, today: &Package) -> Vec<String> {
    let mut broken = Vec::new();
    let exported = |name: &str| {
        let export = format!("export {}", name.trim_start_matches("interface "));
        then.iter()
            .any(|(world, items)| world.starts_with("world ") && items.contains_key(&export))
    };
    for (name, items) in then {
        let nothing = BTreeMap::new();
        let now = today.get(name).unwrap_or(&nothing);
        for (item, text) in items {
            match now.get(item) {
                Some(same) if same == text => {}
                Some(other) => broken.push(format!("{name}: {item} was `{text}` and is `{other}`")),
                None => broken.push(format!("{name}: {item} is gone")),
            }
        }
        let added = now.keys().filter(|item| !items.contains_key(*item));
        let of_the_plugin = |item: &&String| item.starts_with("export ") || exported(name);
        broken.extend(added.filter(of_the_plugin).map(|item| format!("{name}: {item} is new")));
    }
    broken
}

fn package_in(folder: &Path) -> Package {
    let mut all = Package::new();
    for file in std::fs::read_dir(folder).expect("a folder with WIT files") {
        let path = file.expect("a file").path();
        if path.extension().is_none_or(|end| end != "wit") {
            continue;
        }
        all.extend(package(&std::fs::read_to_string(&path).expect("UTF-8")));
    }
    all
}

fn package(text: &str) -> Package {
    let mut blocks = Package::new();
    for item in items(&tokens(text)) {
        if let Some((head, body)) = block(&item) {
            assert!(head.starts_with("interface ") || head.starts_with("world "), "{head}");
            let mut inside = BTreeMap::new();
            for item in items(body) {
                take_apart(&item, &mut inside);
            }
            blocks.insert(head, inside);
        }
    }
    blocks
}

/// Adds an item of an interface or a world under its name; a resource as its functions, of which there may be more.
fn take_apart(item: &[String], into: &mut BTreeMap<String, String>) {
    match (item[0].as_str(), block(item)) {
        ("resource", Some((head, body))) => {
            into.insert(head.clone(), String::new());
            for method in items(body) {
                into.insert(format!("{head} {}", method[0]), method.join(" "));
            }
        }
        (_, Some((head, _))) => {
            into.insert(head, item.join(" "));
        }
        ("use" | "import" | "export", None) => {
            // What is used is seen in the signatures.
            if item[0] != "use" {
                into.insert(item.join(" "), String::new());
            }
        }
        ("type", None) => {
            into.insert(item[..2].join(" "), item.join(" "));
        }
        (name, None) => {
            into.insert(name.to_owned(), item.join(" "));
        }
    }
}

/// `record pair { ... }` as `record pair` and what is between the braces.
fn block(item: &[String]) -> Option<(String, &[String])> {
    let open = item.iter().position(|token| token == "{")?;
    let is_block = item.last().is_some_and(|last| last == "}") && item[0] != "use";
    is_block.then(|| (item[..open].join(" "), &item[open + 1..item.len() - 1]))
}

/// Splits at the `;` and closing braces of the outermost level.
fn items(tokens: &[String]) -> Vec<Vec<String>> {
    let (mut items, mut item, mut depth) = (Vec::new(), Vec::new(), 0);
    for token in tokens {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        let is_use = item.first().is_some_and(|first: &String| first == "use");
        let ends = depth == 0 && (token == ";" || token == "}" && !is_use);
        if !(ends && token == ";") {
            item.push(token.clone());
        }
        if ends && !item.is_empty() {
            items.push(std::mem::take(&mut item));
        }
    }
    assert!(item.is_empty(), "not closed: {item:?}");
    items
}

/// Words and marks, without comments; a comma before a closing brace is a matter of taste.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    for line in text.lines() {
        let mut word = String::new();
        for character in line.split("//").next().unwrap_or_default().chars() {
            let is_mark = "{}();,<>:=".contains(character);
            if (is_mark || character.is_whitespace()) && !word.is_empty() {
                tokens.push(std::mem::take(&mut word));
            }
            if is_mark {
                if character == '}' && tokens.last().is_some_and(|last| last == ",") {
                    tokens.pop();
                }
                tokens.push(character.to_string());
            } else if !character.is_whitespace() {
                word.push(character);
            }
        }
        if !word.is_empty() {
            tokens.push(word);
        }
    }
    tokens
}
