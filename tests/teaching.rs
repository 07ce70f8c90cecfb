//! What an author reads when something is wrong. Every text names its cause and what to do, and is in
//! `tests/golden/teaching.txt`, as whole as it is printed: `MM4RELAY_BLESS=1` writes that file anew, to be read before it
//! is committed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{ALL_GRANTS, guest, mm4relay, root};

/// A message for which the hostile guest is called.
const PICTURE: &str = "From: +15555550100/TYPE=PLMN\r\nTo: +15555550199/TYPE=PLMN\r\n\
    X-Mms-Message-Type: MM4_forward.REQ\r\nX-Mms-Message-ID: \"m\"\r\nX-Mms-Transaction-ID: \"t\"\r\n\
    Content-Type: image/gif\r\n\r\nGIF89a\r\n";

/// What a plug-in does wrong in a call: what happens, and the settings of the guest that does it.
const CALLS: &[(&str, &str)] = &[
    ("a panic", "do = \"trap\""),
    ("an endless loop", "do = \"loop\""),
    ("more memory than it may have", "do = \"bomb\""),
    ("endless recursion", "do = \"recursion\""),
    ("recursion with large frames", "do = \"wide-recursion\""),
    ("a fault that it reports itself", "do = \"fault\""),
    ("a header value with a line end", "do = \"set-header-crlf\""),
    ("a header value with a NUL", "do = \"set-header-nul\""),
    ("an address with a command in it", "do = \"address-crlf\""),
    ("a media type that is none", "do = \"long-media-type\""),
    ("too many handles", "do = \"many-handles\", handles = 2000"),
    ("one handle in two edits", "do = \"writer-twice\""),
    ("too many edits", "do = \"edits\", edits = 100_000"),
    ("a text that is too large for the host", "do = \"giant-text\""),
];

/// What a plug-in does wrong when it is loaded.
const LOADS: &[(&str, &str)] = &[
    ("settings that it does not take", "configure = \"refuse\""),
    ("a panic in configure", "configure = \"trap\""),
    ("an endless loop in configure", "configure = \"loop\""),
    ("a message asked for in configure", "configure = \"ask-message\""),
    ("a handle kept by configure", "configure = \"handle\""),
    ("a table that is not there", "configure = \"chat\""),
];

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A folder with one case, in which `plugin test` finds the component.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new(grants: &[&str], settings: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let case = folder.path().join("samples/case");
        fs::create_dir_all(&case).expect("a folder");
        fs::write(case.join("message.eml"), PICTURE).expect("a file");
        fs::write(case.join("case.toml"), format!("settings = {{ {settings} }}\n")).expect("a file");
        let manifest = format!("grants = {grants:?}\n[limits]\nconfigure-time = \"1s\"\n");
        fs::write(folder.path().join("plugin.toml"), manifest).expect("a file");
        Self(folder)
    }

    /// What `plugin test` prints of the case, without the lines of the difference's other side.
    fn said(&self, wasm: &Path) -> String {
        let said = mm4relay(&["plugin", "test", text(self.0.path()), "--wasm", text(wasm)]);
        let lines = said.out.lines().filter(|line| !line.starts_with("differs "));
        let lines = lines.filter(|line| !line.contains(" cases, ") && !line.contains(" cost "));
        let lines: Vec<&str> = lines.map(|line| line.trim_start().trim_start_matches("+ ")).collect();
        self.general(&lines.join("\n"))
    }

    fn inspected(&self, wasm: &Path) -> String {
        let said = mm4relay(&["plugin", "inspect", text(wasm)]);
        self.general(&(said.out + &said.err))
    }

    fn file(&self, name: &str, octets: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, octets).expect("a file");
        path
    }

    /// Without what differs from machine to machine.
    fn general(&self, said: &str) -> String {
        said.replace(text(self.0.path()), "FOLDER")
            .replace(text(&root()), "CHECKOUT")
    }
}

/// The component with another text of the same length in it.
fn patched(wasm: &Path, old: &str, new: &str) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let mut octets = fs::read(wasm).expect("a component");
    let is_there = |at: &usize| octets[*at..].starts_with(old.as_bytes());
    let places: Vec<usize> = (0..octets.len()).filter(is_there).collect();
    assert!(!places.is_empty(), "{old} is not in the component");
    for place in places {
        octets[place..place + new.len()].copy_from_slice(new.as_bytes());
    }
    octets
}

/// Everything that is taught, with what happened in front of each text.
fn taught() -> String {
    let hostile = guest("hostile");
    let mut lessons = Vec::new();
    for (what, settings) in CALLS.iter().chain(LOADS) {
        lessons.push(((*what).to_owned(), Bench::new(&ALL_GRANTS, settings).said(&hostile)));
    }
    let bench = Bench::new(&[], "do = \"pass\"");
    lessons.push(("grants that are missing".to_owned(), bench.said(&hostile)));
    lessons.push((
        "a trap before anybody has called it".to_owned(),
        bench.said(&guest("stillborn")),
    ));

    let files = [
        ("a text instead of a component", b"not WebAssembly".to_vec()),
        ("a module instead of a component", b"\0asm\x01\0\0\0".to_vec()),
        ("a component that exports nothing", b"\0asm\x0d\0\x01\0".to_vec()),
        (
            "a component for another version of the contract",
            patched(&guest("noop"), "@0.1.0", "@0.2.0"),
        ),
        (
            "a component for a function that this relay does not know",
            patched(&guest("hostile"), "mm4:filter/config", "mm4:filter/clever"),
        ),
    ];
    for (what, octets) in files {
        let path = bench.file("component.wasm", &octets);
        lessons.push((what.to_owned(), bench.inspected(&path)));
    }
    lessons
        .into_iter()
        .map(|(what, said)| format!("== {what}\n{}\n\n", said.trim_end()))
        .collect()
}

#[test]
fn every_error_that_an_author_can_make_is_told_with_its_cause_and_its_remedy() {
    let golden = root().join("tests/golden/teaching.txt");
    let taught = taught();
    if std::env::var_os("MM4RELAY_BLESS").is_some() {
        fs::write(&golden, &taught).expect("the golden file can be written");
    }
    let expected = fs::read_to_string(&golden).unwrap_or_default();
    assert_eq!(taught, expected, "MM4RELAY_BLESS=1 accepts what is said now");
}
