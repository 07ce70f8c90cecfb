//! The structure of the source: which room may use which, what each file and function may be, and texts that must not
//! occur.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

mod circles;

/// Each room, and the rooms that it may call. A room may always call itself; `cli` may call every room.
/// Only `assembly` and `cli` may say `config`: what the operator's file says is translated once, where the rooms are built.
const EDGES: &[(&str, &[&str])] = &[
    ("message", &[]),
    ("protocol", &["message"]),
    ("config", &["message", "passwords", "registry"]),
    ("passwords", &["message"]),
    ("registry", &["outside"]),
    ("clock", &["message"]),
    ("telemetry", &["message"]),
    ("intake", &["protocol", "message", "clock", "spool"]),
    ("pipeline", &["message", "protocol", "clock", "vitals"]),
    ("rehearsal", &["pipeline", "message", "protocol"]),
    ("versions", &["pipeline", "rehearsal", "message", "clock", "vitals"]),
    ("rollout", &["versions", "spool", "message"]),
    ("routing", &["message", "tables"]),
    ("tables", &[]),
    ("numbering", &[]),
    ("outside", &[]),
    ("spool", &["message", "clock"]),
    ("delivery", &["protocol", "spool", "message", "clock", "vitals"]),
    ("transactions", &["protocol", "spool", "message", "clock"]),
    ("charging", &["protocol", "spool", "message", "clock"]),
    ("ledger", &["charging", "spool", "message"]),
    ("monitoring", &[]),
    ("spans", &["message", "spool", "clock"]),
    ("control", &["message", "spool", "clock"]),
    ("pages", &["control", "message", "protocol"]),
    ("alarms", &["message"]),
    ("vitals", &[]),
    ("sync", &[]),
    ("relay", RELAY),
    ("assembly", ASSEMBLY),
];

/// `relay` carries a message through the rooms, and does not know how they were built.
const RELAY: &[&str] = &[
    "message",
    "passwords",
    "protocol",
    "clock",
    "vitals",
    "intake",
    "pipeline",
    "versions",
    "routing",
    "numbering",
    "outside",
    "spool",
    "delivery",
    "transactions",
];

/// `assembly` builds all rooms.
const ASSEMBLY: &[&str] = &[
    "message",
    "protocol",
    "config",
    "clock",
    "telemetry",
    "vitals",
    "intake",
    "pipeline",
    "registry",
    "rehearsal",
    "versions",
    "rollout",
    "routing",
    "tables",
    "numbering",
    "outside",
    "spool",
    "delivery",
    "transactions",
    "charging",
    "monitoring",
    "spans",
    "control",
    "pages",
    "alarms",
    "relay",
];

/// These rooms are no part of a message's way; `simulation` is a test of all the others.
const WALKERS: &[&str] = &["cli", "lib", "simulation"];

/// Locks: a leaf that any room may use.
const EVERYBODYS: &str = "sync";

/// Lines of a file of the product, without its tests, and lines of code in a function.
const LONGEST_FILE: usize = 400;
const LONGEST_FUNCTION: usize = 60;

/// Files that are longer, each with the reason. A file that has become short enough must be removed from this list.
const LONG_FILES: &[(&str, &str)] = &[];

/// Functions that are longer, each with the reason: every one is a single table.
const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[
    (
        "host/src/assembly/start.rs",
        "begin",
        "the order in which a relay starts, one step after the other",
    ),
    (
        "host/src/intake/replies.rs",
        "table",
        "one arm for each refusal, so that none is forgotten",
    ),
    (
        "host/src/charging/ber/layout.rs",
        "fields",
        "one line for each field of a record, in the order of TS 32.298",
    ),
    (
        "host/src/charging/ber/encode.rs",
        "write",
        "one arm for each field of a record",
    ),
];

/// Of the spool, intake may use the receipt that allows it to answer 250, and nothing else.
const INTAKE_TAKES_FROM_SPOOL: &[&str] = &["Receipt", "BoxFuture"];

const TOP_LEVEL: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "docs",
    "host",
    "plugins",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "tests",
    "wit",
];

#[test]
fn rooms_call_only_the_rooms_that_they_may() {
    let mut broken = Vec::new();
    for file in files_under("host/src", "rs") {
        let room = room_of(&file);
        let Some(allowed) = allowed(&room) else { continue };
        for call in calls(&product_code(&file)) {
            let whole = allowed.contains(&call.room.as_str()) || call.room == room || call.room == EVERYBODYS;
            let part = room != "intake" || call.room != "spool" || call.names_only(INTAKE_TAKES_FROM_SPOOL);
            if !(whole && part) {
                broken.push(format!("{}:{}: {room} calls {}", shown(&file), call.line, call.path));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn the_rule_about_rooms_would_notice_a_call() {
    let code = "use crate::{message::Header, relay};\nfn f() {\n    crate::spool::sqlite::open();\n}\n// crate::cli\n";
    let found: Vec<(usize, String)> = calls(code).into_iter().map(|call| (call.line, call.room)).collect();
    assert_eq!(
        found,
        [
            (1, "message".to_owned()),
            (1, "relay".to_owned()),
            (3, "spool".to_owned())
        ]
    );
    let two = &calls("use crate::spool::{BoxFuture, Spool};")[0];
    assert!(!two.names_only(INTAKE_TAKES_FROM_SPOOL) && two.names_only(&["BoxFuture", "Spool"]));
    let tested = without_tests("fn a() {}\n#[cfg(test)]\nmod tests {\n    use crate::cli;\n}\nfn b() {}\n");
    assert_eq!(
        tested
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect::<Vec<_>>(),
        ["fn a() {}", "fn b() {}"]
    );
}

/// A state's number in the text of a statement means nothing to its reader: statements use the words in
/// `spool/states.rs`, and `statement!` inserts the numbers. A migration records what a former version did, and stays.
#[test]
fn statements_name_states_by_their_words() {
    let mut found = Vec::new();
    for file in files_under("host/src/spool", "rs") {
        if file.ends_with("sqlite/upgrade.rs") {
            continue;
        }
        for (number, line) in code_lines(&product_code(&file)) {
            let behind = line.split("state ").skip(1);
            let is_number = |rest: &str| {
                let value = rest
                    .trim_start_matches(['=', '<', '>', ' ', '('])
                    .trim_start_matches("IN (");
                value.len() < rest.len() && value.starts_with(|first: char| first.is_ascii_digit())
            };
            if behind.map(|rest| rest.trim_start_matches("NOT ")).any(is_number) {
                found.push(format!("{}:{number}: {line}", shown(&file)));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// The product's code, with the names of its files.
fn product() -> impl Iterator<Item = (String, String)> {
    let files = ["host", "plugins"]
        .into_iter()
        .flat_map(|folder| files_under(folder, "rs"));
    // The bindings of the SDK are generated.
    let written = files.filter(|file| !file.ends_with("plugins/sdk/src/bindings.rs"));
    written.map(|file| (shown(&file), product_code(&file)))
}

#[test]
fn no_file_is_too_long_to_be_read_at_once() {
    let mut wrong = Vec::new();
    for (name, code) in product() {
        // Lines of tests are left, empty: what stands behind them keeps its numbers.
        let lines = code.trim_end().lines().count();
        let may = LONG_FILES.iter().any(|(long, _)| *long == name);
        if (lines > LONGEST_FILE) != may {
            wrong.push(format!("{name}: {lines} lines"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn no_function_is_too_long_to_be_understood_at_once() {
    let mut wrong = Vec::new();
    for (name, code) in product() {
        for (function, lines) in functions(&code) {
            let may = LONG_FUNCTIONS
                .iter()
                .any(|(file, long, _)| *file == name && *long == function);
            if lines > LONGEST_FUNCTION && !may {
                wrong.push(format!("{name}: {function} has {lines} lines"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_rule_about_long_functions_counts_lines_of_code() {
    let code = "    pub(super) async fn a(\n        b: u8,\n    ) {\n        // why\n\n        c();\n        d {\n        }\n    }\n\
                fn e();\nfn f() {}\nconst fn g() -> u8 {\n    1\n}\n";
    let found: Vec<(String, usize)> = functions(code);
    assert_eq!(found, [("a".to_owned(), 3), ("g".to_owned(), 1)]);
}

/// Functions with the lines of code between their braces, as rustfmt writes them.
fn functions(code: &str) -> Vec<(String, usize)> {
    let (mut found, lines) = (Vec::new(), code.lines().collect::<Vec<_>>());
    for (at, line) in lines.iter().enumerate() {
        let (indent, rest) = line.split_at(line.len() - line.trim_start().len());
        let Some((before, name)) = rest.split_once("fn ") else {
            continue;
        };
        let qualifiers = ["pub", "async", "const", "extern", "\"C\"", "unsafe"];
        let is_function = before
            .split_whitespace()
            .all(|word| qualifiers.contains(&word.split('(').next().unwrap_or_default()) || word.ends_with(')'));
        if !is_function {
            continue;
        }
        let name = name.split(['(', '<']).next().unwrap_or_default();
        // The line that opens the body; a signature ends with a semicolon, and an empty body closes at once.
        let opens = lines[at..].iter().position(|line| line.ends_with(['{', ';', '}']));
        let Some(opens) = opens
            .map(|opens| at + opens)
            .filter(|opens| lines[*opens].ends_with('{'))
        else {
            continue;
        };
        let end = format!("{indent}}}");
        let body = lines[opens + 1..].iter().take_while(|line| **line != end);
        let is_code = |line: &&&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
        found.push((name.to_owned(), body.filter(is_code).count()));
    }
    found
}

/// What `host/src/simulation` plays comes to the same each time. Without `biased`, chance decides who of several that are
/// ready comes first, and no seed reaches that chance.
#[test]
fn where_several_may_be_ready_their_order_is_written_down() {
    let mut without = Vec::new();
    for room in ["intake", "relay", "delivery", "transactions", "pipeline"] {
        for file in files_under(&format!("host/src/{room}"), "rs") {
            let code = product_code(&file);
            let lines: Vec<&str> = code.lines().collect();
            for (number, pair) in lines.windows(2).enumerate() {
                if pair[0].trim_end().ends_with("select! {") && pair[1].trim() != "biased;" {
                    without.push(format!("{}:{}", shown(&file), number + 1));
                }
            }
        }
    }
    assert!(without.is_empty(), "select! without biased: {without:?}");
}

/// A room that is not listed would be free to use any other.
#[test]
fn every_room_has_its_rule() {
    let entries = std::fs::read_dir(root().join("host/src"))
        .expect("the host's sources")
        .flatten();
    for entry in entries {
        let room = entry.path().file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(
            WALKERS.contains(&room.as_str()) || allowed(&room).is_some(),
            "host/src/{room} is in no rule of tests/rooms.rs"
        );
    }
}

#[test]
fn only_the_engine_knows_wasmtime() {
    let mut sources = files_under("host/src", "rs");
    sources.extend(files_under("plugins", "rs"));
    sources.extend(manifests());
    for file in sources {
        let engine = root().join("host/engine");
        let named = code_lines(&read(&file)).find(|(_, line)| line.contains("wasmtime"));
        if let (false, Some((number, line))) = (file.starts_with(&engine), named) {
            panic!("{}:{number}: {line}", shown(&file));
        }
    }
}

/// A second kind of store must not meet SQLite outside of its folder: no command, metric or demo opens the database by
/// itself. `open.rs` recognises the kind of a store, and `upgrade.rs` is about the database's format.
#[test]
fn only_the_spool_knows_sqlite() {
    let may = ["mod.rs", "open.rs", "upgrade.rs"].map(|name| root().join("host/src/spool").join(name));
    let sqlite = root().join("host/src/spool/sqlite");
    let mut found = Vec::new();
    for file in files_under("host/src", "rs") {
        if file.starts_with(&sqlite) || may.contains(&file) {
            continue;
        }
        for (number, line) in code_lines(&product_code(&file)) {
            if line.to_lowercase().contains("sqlite") {
                found.push(format!("{}:{number}: {line}", shown(&file)));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// The running relay uses the connections of its store and opens no others, neither for metrics nor for charging files.
#[test]
fn only_commands_open_a_store_beside_the_relay() {
    let may = ["host/src/cli/", "host/src/spool/", "host/src/assembly/prepare.rs"];
    let mut found = Vec::new();
    for file in files_under("host/src", "rs") {
        if may.iter().any(|place| shown(&file).starts_with(place)) {
            continue;
        }
        for (number, line) in code_lines(&product_code(&file)) {
            if line.contains("open_beside") {
                found.push(format!("{}:{number}: {line}", shown(&file)));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// A reader gives access to one stream and to no other, so readers are made only where the store is opened.
#[test]
fn only_those_who_open_the_store_make_readers_of_its_streams() {
    let mut found = Vec::new();
    for file in files_under("host/src", "rs") {
        if ["assembly", "cli", "spool"].contains(&room_of(&file).as_str()) {
            continue;
        }
        for (number, line) in code_lines(&product_code(&file)) {
            if line.contains("StreamReader::new") || line.contains("dyn Streams") {
                found.push(format!("{}:{number}: {line}", shown(&file)));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// Strangers' text is printed by one function, which makes it harmless; a second use of the standard streams would
/// bypass it.
#[test]
fn nothing_prints_but_the_log_and_the_printer_of_commands() {
    // Of the others, the export of records writes to the stream itself, JSON that is made visible; and the process that
    // compiles a plug-in has the relay at the other end of its streams, and nobody else.
    let printers = [
        "host/src/cli/print.rs",
        "host/src/telemetry.rs",
        "host/src/telemetry/outlet.rs",
        "host/src/cli/cdr.rs",
        "host/engine/src/compiler/child.rs",
    ];
    let words = ["stdout()", "stderr()", "std::println", "std::print", "std::eprint"];
    let macros = ["println!", "print!", "eprintln!", "eprint!", "dbg!"];
    let mut found = Vec::new();
    for file in files_under("host/src", "rs")
        .into_iter()
        .chain(files_under("host/engine/src", "rs"))
    {
        let name = shown(&file);
        if printers.contains(&name.as_str()) {
            continue;
        }
        let code = product_code(&file);
        for (number, line) in code_lines(&code) {
            let streams = words.iter().any(|word| line.contains(word));
            // In `cli` these are the printer's own.
            let prints = !name.starts_with("host/src/cli/") && macros.iter().any(|word| line.contains(word));
            if streams || prints {
                found.push(format!("{name}:{number}: {line}"));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_top_level_holds_what_it_should_and_nothing_else() {
    let mut found: Vec<String> = repository()
        .iter()
        .filter_map(|path| path.components().next())
        .map(|first| first.as_os_str().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.'))
        .collect();
    found.sort();
    found.dedup();
    assert_eq!(found, TOP_LEVEL);
}

#[test]
fn links_in_the_documentation_lead_somewhere() {
    let mut broken = Vec::new();
    let pages = repository()
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "md"));
    for page in pages {
        let text = read(&root().join(&page));
        for (number, target) in links(&text) {
            let there = root().join(page.parent().expect("a folder")).join(&target);
            if !there.exists() {
                broken.push(format!("{}:{number}: {target} does not exist", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// `theme::claim` in a page is the test of that name in `tests/theme.rs`.
#[test]
fn tests_that_the_documentation_names_exist() {
    let (mut named, mut missing) = (0, Vec::new());
    for page in files_under("docs", "md") {
        let text = read(&page);
        let claims = text.split('`').filter_map(|word| word.split_once("::"));
        for (theme, claim) in claims {
            let file = root().join(format!("tests/{theme}.rs"));
            if !file.exists() {
                continue;
            }
            named += 1;
            if !read(&file).contains(&format!("\nfn {claim}() {{")) {
                missing.push(format!("{}: {theme}::{claim} is no test", shown(&page)));
            }
        }
    }
    assert!(named > 0 && missing.is_empty(), "\n{}", missing.join("\n"));
}

/// Alerts must not depend on the wording of a line, so each warning and error has a code.
#[test]
fn every_warning_and_error_in_the_log_has_a_code_that_the_documentation_explains() {
    let (mut codes, mut without) = (BTreeSet::new(), Vec::new());
    let mut files = files_under("host/src", "rs");
    files.extend(files_under("host/engine/src", "rs"));
    files.retain(|file| !shown(file).contains("tests"));
    for file in &files {
        let code = product_code(file);
        for call in ["warn!(", "error!("].iter().flat_map(|name| code.split(name).skip(1)) {
            let call = &call[..call.find(");").unwrap_or(call.len())];
            match call.split_once("event = \"").and_then(|(_, rest)| rest.split_once('"')) {
                Some((event, _)) => drop(codes.insert(event.to_owned())),
                None => without.push(format!("{}: {}", shown(file), call.lines().next().unwrap_or_default())),
            }
        }
    }
    // Those of level INFO that have one, and what the log says of itself.
    for file in &files {
        let code = product_code(file);
        let named = code.split("event = \"").skip(1).filter_map(|rest| rest.split_once('"'));
        codes.extend(named.map(|(event, _)| event.to_owned()));
        let spelled = code.split(" event=").skip(1).filter_map(|rest| rest.split_once("\\n"));
        codes.extend(spelled.map(|(event, _)| event.to_owned()));
    }
    assert!(
        without.is_empty(),
        "a line of the log has no `event = \"...\"`: {without:#?}"
    );
    let page = read(&root().join("docs/events.md"));
    let rows = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let explained: BTreeSet<String> = rows.map(|(event, _)| event.to_owned()).collect();
    let unexplained: Vec<_> = codes.difference(&explained).collect();
    assert!(
        unexplained.is_empty(),
        "docs/events.md does not explain {unexplained:?}"
    );
    let unused: Vec<_> = explained.difference(&codes).collect();
    assert!(
        unused.is_empty(),
        "docs/events.md explains what no line says: {unused:?}"
    );
    let is_word = |event: &&String| event.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    assert_eq!(codes.iter().find(|event| !is_word(event)), None, "codes are words");
}

/// Public types that share a name, each with the reason. A type of `config` needs none: it is the configuration of the
/// other.
const SHARED_NAMES: &[(&str, &str)] = &[
    (
        "Answer",
        "a status of MM4, what DNS said, what a recorded call was told: each is the answer of its room",
    ),
    ("Args", "the arguments of a command; one in each file of cli"),
    (
        "Attempt",
        "of a load and in the history of loads: the latter is its stored form",
    ),
    ("Body", "BODY= of SMTP, and the body of a message that the relay writes"),
    (
        "Cause",
        "why recipients did not get a request, why a reply is what it is, why a version changed",
    ),
    ("Client", "asks at the door, and is a session of SMTP"),
    ("Command", "a command of SMTP, and of this program"),
    ("Counts", "what a room counted, for the metrics"),
    (
        "DeliveryReport",
        "what delivery decided, and the MM4 message of that name",
    ),
    ("Depths", "of the store, and the same as the door tells it"),
    ("Destination", "routing's, and the contract's, which plug-ins see"),
    ("Down", "how a peer stands, and the same as the door tells it"),
    ("Entry", "of the queue, and of the audit, as the door tells them"),
    ("FailedRecipient", "in what delivery decided, and in a bounce"),
    ("Field", "of a header, and of a charging record"),
    (
        "Found",
        "what a look found: in a configuration, in a stream of lines, beside a new version",
    ),
    ("Header", "of a message, and of a file of charging records"),
    ("Health", "of a plug-in, and of the relay on its health page"),
    (
        "Heard",
        "a message that goes nowhere, and a call that a listener hears of",
    ),
    ("HostDown", "how a host stands, and the same as the door tells it"),
    ("Kind", "of a finding about the ledger, and of a problem at the door"),
    ("Numbering", "the service of DNS, and the one that plug-ins are given"),
    ("Options", "what a room is opened with; spelled with the room's name"),
    ("Question", "a request that is open, and what a host was asked"),
    ("Record", "of charging, and in the history of loads"),
    ("Reply", "of SMTP, and a response that belongs to a request"),
    ("Response", "the MM4 message, and how one is counted"),
    ("Role", "of a peer in routing, and of whoever asks at the door"),
    ("Route", "where a recipient goes, and the verb that asks for it"),
    (
        "Running",
        "a relay at work, how the door tells of it, and an attempt under way",
    ),
    (
        "Shown",
        "what the console shows, and an entry of the queue with all that is known",
    ),
    ("Step", "of a plug-in's doing, of routing, and of a load"),
    ("Table", "looked into, and the same as the door tells it"),
    ("Tables", "looked into, and the verb that asks for them"),
    (
        "Told",
        "what the relay said, as it is counted, and who hears how a route was found",
    ),
    ("Trace", "what is known of a message, and the verb that asks for it"),
    ("Underway", "a call that is counted, and the same of a whole command"),
    ("Verdict", "of a test of samples, and in the history of loads"),
    ("Version", "of MM4, and of a plug-in"),
    (
        "When",
        "which messages a plug-in is called for, and a time as the door tells it",
    ),
];

/// One name, one type: a reader who meets a type's name must not have to ask which one it is.
#[test]
fn a_public_type_has_a_name_of_its_own_or_a_reason_to_share_it() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in files_under("host/src", "rs") {
        let shown = shown(&file);
        if shown.contains("tests") {
            continue;
        }
        for line in product_code(&file).lines() {
            let mut words = line.split([' ', '<', '(', '{', ';', ':']);
            let is_type =
                words.next() == Some("pub") && matches!(words.next(), Some("struct" | "enum" | "trait" | "type"));
            if let Some(name) = words.next().filter(|_| is_type) {
                places.entry(name.to_owned()).or_default().push(shown.clone());
            }
        }
    }
    places.retain(|_, files| {
        let of_config = usize::from(files.iter().any(|file| file.contains("/config/")));
        files.len() > 1 + of_config
    });
    let listed: Vec<&str> = SHARED_NAMES.iter().map(|(name, _)| *name).collect();
    let unlisted: Vec<_> = places
        .iter()
        .filter(|(name, _)| !listed.contains(&name.as_str()))
        .collect();
    assert!(unlisted.is_empty(), "share a name without a reason: {unlisted:#?}");
    let needless: Vec<_> = listed.iter().filter(|name| !places.contains_key(**name)).collect();
    assert!(needless.is_empty(), "do not share a name any more: {needless:?}");
}

/// A term of the glossary that no code uses would be a word of the documentation only.
#[test]
fn the_terms_of_the_glossary_are_words_of_the_code() {
    let page = read(&root().join("docs/architecture.md"));
    let section = page.split("\n## ").find(|section| section.starts_with("The terms"));
    let rows = section
        .expect("a section on the terms")
        .lines()
        .filter(|line| line.starts_with("| "));
    let terms: Vec<String> = rows
        .skip(1)
        .filter_map(|row| row.split('|').nth(1))
        .map(|term| term.trim().to_lowercase())
        .collect();
    assert!(terms.len() >= 25, "only {} terms", terms.len());
    let code: String = files_under("host/src", "rs")
        .iter()
        .map(|file| read(file).to_lowercase())
        .collect();
    let is_said = |term: &&String| {
        let spellings = [" ", "-", "_", ""].map(|between| term.replace([' ', '-'], between));
        spellings.iter().any(|spelling| code.contains(spelling.as_str()))
    };
    let unknown: Vec<&String> = terms.iter().filter(|term| !is_said(term)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// Tracked files must be true on any machine.
#[test]
fn nothing_names_the_machine_that_it_was_written_on() {
    // Put together, so that this file does not hold them.
    let words = [
        ["/wo", "rk/"].concat(),
        ["/tmp", "/wt"].concat(),
        ["arti", "factory"].concat(),
        ["pypi", ".org"].concat(),
        ["index.", "crates.io"].concat(),
        ["static.", "crates.io"].concat(),
        ["registry.", "npmjs"].concat(),
    ];
    let mut found = Vec::new();
    for path in repository() {
        // Encoded pictures hold any word, sooner or later.
        if path.extension().is_some_and(|end| end == "eml") {
            continue;
        }
        for (number, line) in read(&root().join(&path)).lines().enumerate() {
            let named = words.iter().find(|word| line.contains(word.as_str()));
            found.extend(named.map(|word| format!("{}:{}: {word}", path.display(), number + 1)));
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// One mention of `crate::room`.
struct Call {
    line: usize,
    room: String,
    path: String,
}

impl Call {
    /// Whether the path ends in these names alone: `crate::spool::Receipt`, `crate::spool::{Receipt, BoxFuture}`.
    fn names_only(&self, names: &[&str]) -> bool {
        let rest = self.path.split_once("::").map_or("", |(_, rest)| rest);
        let listed = rest
            .trim_start_matches('{')
            .trim_end_matches('}')
            .split(',')
            .map(str::trim);
        let mut listed = listed.filter(|name| !name.is_empty()).peekable();
        listed.peek().is_some() && listed.all(|name| names.contains(&name))
    }
}

/// Every mention of another room in code, whether in a `use` or within a line.
fn calls(code: &str) -> Vec<Call> {
    let code: String = code
        .lines()
        .map(|line| without_comment(line).to_owned() + "\n")
        .collect();
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        // `$crate::` and `mycrate::` are others.
        if code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == '$') {
            continue;
        }
        let line = code[..at].lines().count().max(1) + usize::from(code[..at].ends_with('\n'));
        let paths = split_group(&code[at + "crate::".len()..]);
        found.extend(paths.into_iter().map(|path| Call {
            line,
            room: path.split("::").next().unwrap_or_default().to_owned(),
            path,
        }));
    }
    found
}

/// The paths behind `crate::`: one, or those of a group, each with what is nested in it.
fn split_group(rest: &str) -> Vec<String> {
    let Some(group) = rest.strip_prefix('{') else {
        return vec![path(rest)];
    };
    let (mut depth, mut start, mut paths) = (0, 0, Vec::new());
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                paths.push(path(group[start..at].trim()));
                start = at + 1;
                if character == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    paths.retain(|path| !path.is_empty());
    paths
}

/// The path that `text` begins with, without line breaks; a group at its end goes with it.
fn path(text: &str) -> String {
    let mut end = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
        .unwrap_or(text.len());
    if text[end..].starts_with('{') {
        end += text[end..].find('}').map_or(0, |close| close + 1);
    }
    text[..end].split_whitespace().collect::<Vec<_>>().join(" ")
}

fn allowed(room: &str) -> Option<&'static [&'static str]> {
    EDGES
        .iter()
        .find(|(name, _)| *name == room)
        .map(|(_, allowed)| *allowed)
}

/// The first part of the path under `host/src`.
fn room_of(file: &Path) -> String {
    let inside = file.strip_prefix(root().join("host/src")).expect("a file of the host");
    let first = inside.components().next().expect("a name").as_os_str();
    Path::new(first)
        .file_stem()
        .expect("a name")
        .to_string_lossy()
        .into_owned()
}

/// A file's code without what is compiled for tests only, which may look anywhere. Line numbers stay.
fn product_code(file: &Path) -> String {
    let name = file.to_string_lossy();
    // Modules of tests, by the names that they have in this house.
    if [
        "/tests/",
        "/spool/conformance/",
        "/spool/memory/",
        "/simulation/",
        "/two_relays.rs",
    ]
    .iter()
    .any(|part| name.contains(part))
        || name.ends_with("tests.rs")
        || name.ends_with("/samples.rs")
    {
        return String::new();
    }
    without_tests(&read(file))
}

/// Drops each item behind `#[cfg(test)]`: up to the brace in the first column, or to the end of its statement.
fn without_tests(code: &str) -> String {
    let (mut kept, mut lines) = (String::new(), code.lines());
    while let Some(line) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            kept.push_str(line);
            kept.push('\n');
            continue;
        }
        let indent = &line[..line.len() - line.trim_start().len()];
        kept.push('\n');
        for skipped in lines.by_ref() {
            kept.push('\n');
            let ends_block = skipped.strip_prefix(indent).is_some_and(|rest| rest.starts_with('}'));
            if ends_block
                || skipped.ends_with(';') && skipped.starts_with(indent) && !skipped[indent.len()..].starts_with(' ')
            {
                break;
            }
        }
    }
    kept
}

fn code_lines(text: &str) -> impl Iterator<Item = (usize, String)> {
    let lines: Vec<(usize, String)> = text
        .lines()
        .enumerate()
        .map(|(number, line)| {
            (
                number + 1,
                without_comment(line).split(" # ").next().unwrap_or_default().to_owned(),
            )
        })
        .filter(|(_, line)| !line.trim_start().starts_with('#') || line.trim_start().starts_with("#["))
        .collect();
    lines.into_iter()
}

/// Sufficient here: no string of the host contains two slashes and a room's path.
fn without_comment(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// Links to files in Markdown, with their lines. Code between fences is not looked at.
fn links(text: &str) -> Vec<(usize, String)> {
    let (mut found, mut fenced) = (Vec::new(), false);
    for (number, line) in text.lines().enumerate() {
        fenced ^= line.trim_start().starts_with("```");
        if fenced {
            continue;
        }
        for (at, _) in line.match_indices("](") {
            let target = line[at + 2..].split(')').next().unwrap_or_default();
            let file = target.split('#').next().unwrap_or_default();
            if !file.is_empty() && !file.contains("://") && !file.starts_with("mailto:") {
                found.push((number + 1, file.to_owned()));
            }
        }
    }
    found
}

fn manifests() -> Vec<PathBuf> {
    let all = repository().into_iter().map(|path| root().join(path));
    all.filter(|path| path.ends_with("Cargo.toml")).collect()
}

fn files_under(folder: &str, extension: &str) -> Vec<PathBuf> {
    let all = repository().into_iter().filter(|path| path.starts_with(folder));
    all.filter(|path| path.extension().is_some_and(|end| end == extension))
        .map(|path| root().join(path))
        .collect()
}

/// Every file that belongs to the repository, committed or about to be, relative to its top.
fn repository() -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git runs");
    let names = String::from_utf8(listed.stdout).expect("names in UTF-8");
    let files: Vec<PathBuf> = names
        .lines()
        .map(PathBuf::from)
        .filter(|path| root().join(path).is_file())
        .collect();
    assert!(files.len() > 100, "this is not the repository: {}", root().display());
    files
}

fn root() -> PathBuf {
    crate::support::root()
}

fn read(file: &Path) -> String {
    let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    String::from_utf8_lossy(&bytes).into_owned()
}

fn shown(file: &Path) -> String {
    file.strip_prefix(root()).unwrap_or(file).display().to_string()
}
