//! `cdr export --mark`: each record leaves in exactly one file.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{Link, Peer, Relay, binary, config, sample};

/// A relay that is at rest, with `count` charging records: two for each message.
fn with_records(count: usize) -> Relay {
    let peer = Peer::start();
    let mut relay = Relay::start(&config(&peer, &Link::bundled("charging", "").to_string()));
    for number in 0..count / 2 {
        let answer = relay.offer(&sample::forward_request(&format!("k{number}")));
        assert!(answer.starts_with("250"), "{answer}");
    }
    relay.wait_for_records(count);
    relay.stop();
    relay
}

fn export(relay: &Relay, more: &[&str]) -> Child {
    Command::new(binary())
        .args(["cdr", "export", "--mark", "--config"])
        .arg(relay.path("relay.toml"))
        .args(more)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts")
}

/// The text of every finished file, by name.
fn files(relay: &Relay) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(relay.folder()).expect("a folder");
    let named = entries.map(|entry| entry.expect("an entry").path());
    let finished = named.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    let read = finished.map(|path| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, std::fs::read_to_string(&path).expect("a readable file"))
    });
    read.collect()
}

fn sequences<'a>(texts: impl IntoIterator<Item = &'a String>) -> Vec<u64> {
    let number = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).expect("whole lines of JSON");
        record["sequence"].as_u64().expect("a number")
    };
    let mut all: Vec<u64> = texts.into_iter().flat_map(|text| text.lines().map(number)).collect();
    all.sort_unstable();
    all
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn exports_at_the_same_time_write_each_record_once() {
    let relay = with_records(40);
    let mut exports = Vec::new();
    for number in 0..4 {
        let file = relay.path(&format!("{number}.jsonl"));
        exports.push(export(&relay, &["--out", text(&file)]));
        exports.push(export(&relay, &[]));
    }
    let mut printed = Vec::new();
    for export in exports {
        let output = export.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        printed.push(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let files = files(&relay);
    assert_eq!(files.len(), 4, "everybody has a file, though most are empty");
    assert_eq!(sequences(files.values().chain(&printed)), (1..=40).collect::<Vec<_>>());
}

#[test]
fn exports_that_are_killed_at_any_time_write_each_record_once() {
    let relay = with_records(40);
    for number in 0..60 {
        let file = relay.path(&format!("{number}.jsonl"));
        let mut killed = export(&relay, &["--out", text(&file)]);
        std::thread::sleep(Duration::from_micros(250 * number));
        killed.kill().expect("it can be killed");
        killed.wait().expect("it ends");
        // What a killed one has begun is put right by the next, and never by looking.
        let seen = sequences(files(&relay).values());
        assert!(seen.windows(2).all(|pair| pair[0] != pair[1]), "twice: {seen:?}");
    }
    let last = export(&relay, &["--out", text(&relay.path("last.jsonl"))]);
    assert!(last.wait_with_output().expect("it ends").status.success());
    assert_eq!(sequences(files(&relay).values()), (1..=40).collect::<Vec<_>>());
}

/// The two moments that a kill hardly meets: a note is there, and the records are marked or not.
#[test]
fn what_an_export_left_behind_is_put_right_by_the_next_one() {
    let relay = with_records(4);
    let (file, unmarked) = (relay.path("1.jsonl"), relay.path("1.jsonl.unmarked"));
    let note = relay.path("spool/export.json");
    let write_note = || {
        let text = serde_json::json!({"file": file, "last": 4}).to_string();
        std::fs::write(&note, text).expect("a writable folder");
    };

    std::fs::write(&unmarked, "half a li").expect("a writable folder");
    write_note();
    relay.print(&["cdr", "export", "--mark", "--out", text(&file)]);
    assert_eq!(
        sequences(files(&relay).values()),
        [1, 2, 3, 4],
        "they had not been marked"
    );
    assert!(!unmarked.exists() && !note.exists());

    std::fs::rename(&file, &unmarked).expect("a rename");
    write_note();
    assert_eq!(relay.print(&["cdr", "export", "--mark"]), "", "they had been marked");
    assert_eq!(sequences(files(&relay).values()), [1, 2, 3, 4]);
    assert!(!unmarked.exists() && !note.exists());

    std::fs::remove_file(&file).expect("it is there");
    write_note();
    let lost = relay.command(&["cdr", "export", "--mark"]);
    let said = String::from_utf8_lossy(&lost.stderr);
    assert!(
        !lost.status.success() && said.contains("1.jsonl, which is not there"),
        "{said}"
    );
}

#[test]
fn a_mark_has_no_other_beginning_than_the_last_one() {
    let relay = with_records(2);
    let both = relay.command(&["cdr", "export", "--mark", "--after", "1"]);
    assert!(!both.status.success() && String::from_utf8_lossy(&both.stderr).contains("--after"));
    let file = relay.path("there.jsonl");
    std::fs::write(&file, "somebody's").expect("a writable folder");
    let there = relay.command(&["cdr", "export", "--mark", "--out", text(&file)]);
    assert!(!there.status.success() && String::from_utf8_lossy(&there.stderr).contains("it exists already"));
    assert_eq!(std::fs::read_to_string(&file).expect("it stays"), "somebody's");
    assert_eq!(
        relay.print(&["cdr", "export", "--mark"]).lines().count(),
        2,
        "nothing was marked"
    );
}
