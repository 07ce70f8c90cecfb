//! `mm4relay ledger`: every recipient is accounted for, and our records against a partner's. Under test: `host/src/ledger`,
//! `cli/ledger.rs`. What is planted in a spool is found beside the code.

use crate::support::{Link, Peer, Relay, config, mm4relay, sample};

fn code(relay: &Relay, words: &[&str]) -> (Option<i32>, String, String) {
    let output = relay.command(words);
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A hub with the bundled plug-in: relay-in and relay-out of each request.
fn hub(peer: &Peer) -> Relay {
    Relay::start(&config(peer, &Link::bundled("charging", "").to_string()))
}

#[test]
fn what_a_running_relay_has_done_is_balanced_and_said_in_words_and_in_json() {
    let peer = Peer::start();
    let relay = hub(&peer);
    for id in ["l1", "l2", "l3"] {
        assert!(relay.offer(&sample::forward_request(id)).starts_with("250"));
    }
    relay.wait_for_records(6);
    let (ok, text, _) = code(&relay, &["ledger", "check"]);
    assert_eq!(ok, Some(0), "{text}");
    assert!(text.contains("3 delivered\n") && text.ends_with("balanced\n"), "{text}");
    let (ok, text, _) = code(&relay, &["ledger", "check", "--json"]);
    let summary: serde_json::Value = serde_json::from_str(text.trim_end()).expect("one object");
    assert_eq!((ok, &summary["ends"]["delivered"]), (Some(0), &3.into()), "{text}");
    assert_eq!(summary["balanced"], true);
}

#[test]
fn what_cannot_be_checked_is_neither_good_nor_bad() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let nowhere = folder.path().to_str().expect("UTF-8").to_owned();
    let said = std::process::Command::new(crate::support::binary())
        .args(["ledger", "check", "--spool", &nowhere])
        .output()
        .expect("the program");
    assert_eq!(said.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&said.stderr).contains("there is no spool in"));
    let said = mm4relay(&["ledger", "check", "--spool", &nowhere, "--from", "yesterday"]);
    assert!(said.err.contains("2026-11-01"), "{}", said.err);

    let peer = Peer::start();
    let relay = hub(&peer);
    let (ok, _, text) = code(
        &relay,
        &["ledger", "check", "--from", "2026-02-01", "--to", "2026-01-01"],
    );
    assert_eq!(ok, Some(2));
    assert!(text.contains("nothing between --from and --to"), "{text}");
    std::fs::write(relay.path("torn.cdr"), b"\x00\x00\x00\x09abc").expect("a file");
    std::fs::write(relay.path("other.csv"), "record-type,message-id\nr4f,x\n").expect("a file");
    for (file, why) in [
        ("torn.cdr", "no file of TS 32.297"),
        ("other.csv", "it has no column recipients"),
        ("absent.csv", "cannot be read"),
    ] {
        let path = relay.path(file);
        let path = path.to_str().expect("UTF-8");
        let (ok, _, text) = code(&relay, &["ledger", "compare", "--peer", "operator-b", path]);
        assert_eq!(ok, Some(2), "{file}");
        assert!(text.contains(why), "{file}: {text}");
    }
}

/// The partner's file is made of our own export: what we sent, it received.
#[test]
fn a_partners_records_are_set_against_ours_and_each_difference_is_named() {
    let peer = Peer::start();
    let relay = hub(&peer);
    for id in ["c1", "c2", "c3", "c4", "c5"] {
        assert!(relay.offer(&sample::forward_request(id)).starts_with("250"));
    }
    relay.wait_for_records(10);
    let sent: Vec<serde_json::Value> = relay
        .charging_records()
        .into_iter()
        .filter(|record| record["record-type"] == "relay-out")
        .collect();
    assert_eq!(sent.len(), 5);
    let line = |record: &serde_json::Value, size: u64, status: &str| {
        let text = |name: &str| record[name].as_str().expect("a text").replace('"', "\"\"");
        let recipients: Vec<&str> = record["recipients"]
            .as_array()
            .expect("recipients")
            .iter()
            .filter_map(serde_json::Value::as_str)
            .collect();
        format!(
            "r4f,\"{}\",{},{},{size},{status}\r\n",
            text("message-id"),
            recipients.join(" "),
            text("recorded-at"),
        )
    };
    let size = |record: &serde_json::Value| record["message-size"].as_u64().expect("a size");
    let head = "record-type,message-id,recipients,recorded-at,message-size,status-code\r\n";
    let all: String = sent.iter().map(|record| line(record, size(record), "Ok")).collect();
    let path = relay.path("partner.csv");
    std::fs::write(&path, format!("{head}{all}")).expect("a file");
    let file = path.to_str().expect("UTF-8").to_owned();
    let peer_name = sent[0]["destination-peer"].as_str().expect("a name").to_owned();
    let compare = ["ledger", "compare", "--peer", &peer_name, &file];
    let (ok, text, err) = code(&relay, &compare);
    assert_eq!(ok, Some(0), "{text}{err}");
    assert!(text.contains("5 / 5 recipients"), "{text}");

    // One that they do not have, one of another size, one of another status, one that we do not have.
    let mut changed = String::from(head);
    changed += &line(&sent[1], size(&sent[1]) + 7, "Ok");
    changed += &line(&sent[2], size(&sent[2]), "Error-service-denied");
    changed += &line(&sent[3], size(&sent[3]), "Ok");
    changed += &line(&sent[4], size(&sent[4]), "Ok");
    changed += &line(&sent[4], size(&sent[4]), "Ok").replace("@mms.a.example", "@other.example");
    std::fs::write(&path, changed).expect("a file");
    let (ok, text, _) = code(&relay, &[&compare[..], &["--json"]].concat());
    assert_eq!(ok, Some(1), "{text}");
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let named = lines.iter().filter_map(|line| line["difference"].as_str());
    let mut named: Vec<&str> = named.collect();
    named.sort();
    assert_eq!(named, ["only-ours", "only-theirs", "size", "status"], "{text}");
    let settled = lines
        .iter()
        .find_map(|line| line.get("settlement"))
        .expect("a settlement");
    assert_eq!(settled["ours"]["recipients"], 5, "{text}");
    assert_eq!(settled["theirs"]["recipients"], 5, "{text}");
    let (_, text, _) = code(&relay, &[&compare[..], &["--csv"]].concat());
    // Commas between quotes are part of a value.
    let outside = |line: &str| -> String { line.split('"').step_by(2).collect() };
    let widths = text.lines().map(|line| outside(line).matches(',').count());
    assert_eq!(widths.collect::<Vec<_>>(), [13; 6], "{text}");
}

/// A month is settled after its records were purged, too.
#[test]
fn what_was_purged_is_checked_and_compared_from_our_own_files() {
    const OUTPUTS: &str = r#"
        [[charging-output]]
        name = "lines"
        folder = "cdr"
        format = "json"
        [[charging-output]]
        name = "standard"
        folder = "cdr"
        format = "ber"
        [[charging-output]]
        name = "table"
        folder = "tables"
        format = "csv"
        "#;
    let peer = Peer::start();
    let charging = Link::bundled("charging", "").to_string();
    let relay = Relay::start(&config(&peer, &format!("{charging}{OUTPUTS}")));
    for id in ["p1", "p2", "p3"] {
        assert!(relay.offer(&sample::forward_request(id)).starts_with("250"));
    }
    let records = relay.wait_for_records(6);
    relay.print(&["cdr", "close"]);
    let sent: Vec<&serde_json::Value> = records
        .iter()
        .filter(|record| record["record-type"] == "relay-out")
        .collect();
    let partner = relay.path("partner.csv");
    let mut rows = String::from("record-type,message-id,recipients,recorded-at,message-size\r\n");
    for record in &sent {
        let text = |name: &str| record[name].as_str().expect("a text").replace('"', "\"\"");
        let recipients: Vec<&str> = record["recipients"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|one| one.as_str())
            .collect();
        rows += &format!(
            "r4f,\"{}\",{},{},{}\r\n",
            text("message-id"),
            recipients.join(" "),
            text("recorded-at"),
            record["message-size"]
        );
    }
    std::fs::write(&partner, &rows).expect("a file");
    let file = partner.to_str().expect("UTF-8").to_owned();
    let peer_name = sent[0]["destination-peer"].as_str().expect("a name").to_owned();
    assert!(
        relay
            .print(&["cdr", "purge", "--days", "0"])
            .starts_with("6 records removed")
    );

    let (ok, text, err) = code(&relay, &["ledger", "check"]);
    assert_eq!(ok, Some(0), "{text}{err}");
    assert!(
        text.contains("of the purged ones 6 are in files as they were written"),
        "{text}"
    );
    let compare = ["ledger", "compare", "--peer", &peer_name, &file];
    let (ok, _, err) = code(&relay, &compare);
    assert!(ok == Some(2) && err.contains("--ours"), "{err}");
    let (cdr, tables) = (relay.path("cdr"), relay.path("tables"));
    let standard = cdr.join("standard-00000001.cdr");
    for ours in [&cdr, &tables, &standard] {
        let ours = ours.to_str().expect("UTF-8");
        let (ok, text, err) = code(&relay, &[&compare[..], &["--ours", ours]].concat());
        assert_eq!(ok, Some(0), "{ours}: {text}{err}");
        assert!(text.contains("3 / 3 recipients"), "{ours}: {text}");
    }

    // A row without a number is named by its line; what both sides doubled is a double.
    let twice = rows.lines().nth(1).expect("a row").to_owned();
    rows += &twice;
    std::fs::write(&partner, &rows).expect("a file");
    let (ok, text, _) = code(
        &relay,
        &[&compare[..], &["--ours", tables.to_str().expect("UTF-8")]].concat(),
    );
    assert!(
        ok == Some(1) && text.contains("double: ") && text.contains("theirs line 5 at "),
        "{text}"
    );

    // Somebody writes into a file, and another one is lost.
    let table = tables.join("table-00000001.csv");
    let changed = std::fs::read_to_string(&table)
        .expect("a file")
        .replacen("relay-out", "relay-in", 1);
    std::fs::write(&table, changed).expect("a file");
    let (ok, text, _) = code(&relay, &["ledger", "check"]);
    assert_eq!(ok, Some(1), "{text}");
    assert!(
        text.contains("file-record-changed: table-00000001.csv, record ") && text.contains("1 file-record-changed"),
        "{text}"
    );
    assert!(relay.offer(&sample::forward_request("p4")).starts_with("250"));
    relay.wait_for_records(2);
    relay.print(&["cdr", "close"]);
    std::fs::remove_file(cdr.join("lines-00000002.jsonl")).expect("it was closed");
    let (_, text, _) = code(&relay, &["ledger", "check"]);
    assert!(text.contains("file-missing: lines-00000002.jsonl"), "{text}");
}
