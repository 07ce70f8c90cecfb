//! Circles of files: none of these can be understood before the others. There are few, each by name and with its reason.
//!
//! A file uses another one when it says a path that leads to something that is written there, whatever page hands it on. A
//! page (`mod.rs`, or `x.rs` beside a folder `x`) may use the files below it: to put them together is what a page is for.

use std::collections::{BTreeMap, BTreeSet};

use super::{files_under, product_code, root, without_comment};

/// The files of each, and why it does no harm. A name that ends with `/` stands for all files right in that folder.
const HARMLESS: &[(&[&str], &str)] = &[
    (
        &[
            "protocol/mm4/headers",
            "protocol/mm4/status",
            "protocol/mm4/unverified",
            "protocol/mm4/values",
        ],
        "`unverified` is the one page with everything that is not verified against the standard: rows of the tables in the \
         others, in their words",
    ),
    (
        &[
            "spool/sqlite/history",
            "spool/sqlite/ledger",
            "spool/sqlite/rows",
            "spool/sqlite/streams",
            "spool/sqlite/transactions",
            "spool/sqlite/unit",
        ],
        "one `Unit` of work over several files, each with what it does to some of the tables",
    ),
    (
        &["control/"],
        "every verb is answered with a `Desk`, and the desk has a `Live` relay, which speaks in the verbs' words",
    ),
];

type Module = Vec<String>;

#[test]
fn files_go_in_no_circle_but_in_those_that_do_no_harm() {
    let found = House::read().circles();
    let is_of = |circle: &[String], files: &[&str]| circle.iter().all(|file| files.iter().any(|of| is_in(file, of)));
    let is_listed = |circle: &&Vec<String>| HARMLESS.iter().any(|(files, _)| is_of(circle, files));
    let harmful: Vec<_> = found.iter().filter(|circle| !is_listed(circle)).collect();
    assert!(harmful.is_empty(), "cut them, or say why they do no harm: {harmful:#?}");
    let is_gone = |files: &&[&str]| !found.iter().any(|circle| is_of(circle, files));
    let gone: Vec<_> = HARMLESS.iter().map(|(files, _)| *files).filter(is_gone).collect();
    assert!(gone.is_empty(), "these are none any more: {gone:#?}");
    assert!(
        HARMLESS.len() <= 3,
        "more than three circles are a plan that nobody can follow"
    );
}

/// Whether a file is the one that is named, or right in that folder.
fn is_in(file: &str, name: &str) -> bool {
    let within = name.ends_with('/').then(|| file.strip_prefix(name)).flatten();
    file == name || within.is_some_and(|rest| !rest.contains('/'))
}

#[test]
fn the_rule_about_circles_would_notice_one_behind_a_page_and_none_through_it() {
    let house = House::of(&[
        (
            "room",
            "mod a;\nmod b;\npub use a::First;\nfn f() { b::second() }\npub struct Own;",
        ),
        ("room/a", "use super::b::second;\npub struct First;"),
        ("room/b", "use super::{First, Own};\npub fn second() {}"),
        ("other", "fn f() { crate::room::b::second() }"),
    ]);
    assert_eq!(house.circles(), [["room/a", "room/b"]]);
    let straight = House::of(&[
        ("room", "mod a;\nmod b;\npub use a::First;\npub struct Own;"),
        ("room/a", "use super::Own;\npub struct First;"),
        ("room/b", "use super::First;\n"),
    ]);
    assert_eq!(straight.circles(), Vec::<Vec<String>>::new());
}

/// Each file, with the paths that it says and those that it hands on under a name.
#[derive(Default)]
struct House {
    says: BTreeMap<Module, Vec<Module>>,
    hands_on: BTreeMap<Module, BTreeMap<String, Module>>,
}

impl House {
    fn read() -> Self {
        let top = root().join("host/src");
        let files = files_under("host/src", "rs").into_iter().filter_map(|file| {
            let code = product_code(&file);
            // Files of tests are none of the product's.
            let inside = file.strip_prefix(&top).ok()?.with_extension("");
            let inside = inside.to_string_lossy().into_owned();
            let name = inside.strip_suffix("/mod").unwrap_or(&inside).to_owned();
            (!code.is_empty()).then_some((name, code))
        });
        let files: Vec<(String, String)> = files.collect();
        Self::of(
            &files
                .iter()
                .map(|(name, code)| (name.as_str(), code.as_str()))
                .collect::<Vec<_>>(),
        )
    }

    fn of(files: &[(&str, &str)]) -> Self {
        let module = |name: &str| match name {
            "lib" => Module::new(),
            name => name.split('/').map(str::to_owned).collect(),
        };
        let mut house = Self::default();
        for (name, _) in files {
            house.says.insert(module(name), Vec::new());
        }
        for (name, code) in files {
            house.enter(&module(name), code);
        }
        house
    }

    fn enter(&mut self, module: &Module, code: &str) {
        let code: String = code
            .lines()
            .map(|line| without_comment(line).to_owned() + "\n")
            .collect();
        let mut elsewhere = String::new();
        for statement in code.split_inclusive(';') {
            let at = statement.rfind("use ").filter(|at| {
                let before = statement[..*at].rsplit('\n').next().unwrap_or_default().trim();
                before.is_empty() || before.starts_with("pub")
            });
            let Some(at) = at else {
                elsewhere.push_str(statement);
                continue;
            };
            elsewhere.push_str(&statement[..at]);
            let is_handed_on = statement[..at].trim_end().ends_with(['b', ')']);
            for path in flat(statement[at + 4..].trim_end_matches(';')) {
                let Some(path) = self.absolute(module, &path) else {
                    continue;
                };
                match path.last() {
                    Some(name) if is_handed_on => {
                        let names = self.hands_on.entry(module.clone()).or_default();
                        names.insert(name.clone(), path);
                    }
                    _ => self.says.entry(module.clone()).or_default().push(path),
                }
            }
        }
        let said: Vec<Module> = paths(&elsewhere)
            .iter()
            .filter_map(|path| self.absolute(module, path))
            .collect();
        self.says.entry(module.clone()).or_default().extend(said);
    }

    /// The path from the top; `None` when it leads out of the crate.
    fn absolute(&self, module: &Module, path: &str) -> Option<Module> {
        let mut parts: Vec<String> = path.split("::").map(str::to_owned).collect();
        let first = parts.first()?.clone();
        let mut base = module.clone();
        match first.as_str() {
            "crate" => base.clear(),
            "self" => {}
            "super" => {
                while parts.first().is_some_and(|part| part == "super") {
                    base.pop();
                    parts.remove(0);
                }
                parts.insert(0, String::new());
            }
            _ => {
                let below: Module = base.iter().cloned().chain([first]).collect();
                return self.says.contains_key(&below).then(|| {
                    base.extend(parts);
                    base
                });
            }
        }
        base.extend(parts.into_iter().skip(1));
        if base.last().is_some_and(|last| last == "self") {
            base.pop();
        }
        Some(base)
    }

    /// The file in which the end of a path is written.
    fn place_of(&self, path: &[String], steps: usize) -> Option<Module> {
        let length = (0..=path.len())
            .rev()
            .find(|length| self.says.contains_key(&path[..*length]))?;
        let (module, rest) = (path[..length].to_vec(), &path[length..]);
        let handed_on = rest.first().and_then(|name| self.hands_on.get(&module)?.get(name));
        match handed_on {
            Some(to) if steps > 0 => {
                let on: Vec<String> = to.iter().chain(&rest[1..]).cloned().collect();
                self.place_of(&on, steps - 1)
            }
            _ => Some(module),
        }
    }

    fn uses(&self) -> BTreeMap<&Module, BTreeSet<Module>> {
        let of = |(module, said): (&'_ Module, &Vec<Module>)| {
            let places = said.iter().filter_map(|path| self.place_of(path, 6));
            places.filter(|place| !place.starts_with(module)).collect()
        };
        self.says
            .iter()
            .map(|(module, said)| (module, of((module, said))))
            .collect()
    }

    /// Files that lead to each other, in groups.
    fn circles(&self) -> Vec<Vec<String>> {
        let uses = self.uses();
        let reached = |from: &Module| {
            let (mut seen, mut next) = (BTreeSet::new(), vec![from.clone()]);
            while let Some(module) = next.pop() {
                for to in uses.get(&module).into_iter().flatten() {
                    if seen.insert(to.clone()) {
                        next.push(to.clone());
                    }
                }
            }
            seen
        };
        let reach: BTreeMap<&Module, BTreeSet<Module>> = uses.keys().map(|module| (*module, reached(module))).collect();
        let mut circles = BTreeSet::new();
        for (module, there) in &reach {
            let back = there
                .iter()
                .filter(|other| reach.get(other).is_some_and(|from| from.contains(*module)));
            let circle: Vec<String> = back.map(|other| other.join("/")).collect();
            if circle.len() > 1 {
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }
}

/// The paths of a `use`, with groups taken apart and without other names.
fn flat(path: &str) -> Vec<String> {
    let path = path.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some((before, group)) = path.split_once('{') else {
        let plain = path.split(" as ").next().unwrap_or_default();
        return vec![plain.trim().to_owned()];
    };
    let inner = whole_group(group);
    inner
        .iter()
        .flat_map(|one| flat(&format!("{}{one}", before.trim())))
        .collect()
}

/// What stands between the commas of a group whose opening brace is gone.
fn whole_group(group: &str) -> Vec<String> {
    let (mut depth, mut parts, mut part) = (0, Vec::new(), String::new());
    for character in group.chars() {
        match character {
            '}' if depth == 0 => break,
            ',' if depth == 0 => parts.push(std::mem::take(&mut part)),
            _ => {
                depth += i32::from(character == '{') - i32::from(character == '}');
                part.push(character);
            }
        }
    }
    parts.push(part);
    parts
        .into_iter()
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect()
}

/// Paths within lines of code: at least two names with colons between them, the first in lower case.
fn paths(code: &str) -> Vec<String> {
    let is_part = |character: char| character.is_alphanumeric() || character == '_' || character == ':';
    let words = code.split(|character| !is_part(character));
    let is_path = |word: &&str| word.contains("::") && word.starts_with(|first: char| first.is_ascii_lowercase());
    words
        .filter(is_path)
        .map(|word| word.trim_matches(':').to_owned())
        .collect()
}
