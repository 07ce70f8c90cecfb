//! Charging records as files that the relay writes itself (`[[charging-output]]`).

use std::path::Path;

use crate::support::{Link, Peer, Relay, config, eventually, mm4relay, sample};

const OUTPUTS: &str = r#"
[[charging-output]]
name = "lines"
folder = "cdr"
format = "json"
max-age = "1 s"

[[charging-output]]
name = "standard"
folder = "cdr"
format = "ber"
max-records = 2

[[charging-output]]
name = "table"
folder = "tables"
format = "csv"
record-types = ["r4f"]
"#;

fn relay(peer: &Peer) -> Relay {
    let charging = Link::bundled("charging", "role = \"recipient\"").to_string();
    Relay::start(&config(
        peer,
        &format!("{charging}{OUTPUTS}\n[monitoring]\nlisten = \"127.0.0.1:0\"\n"),
    ))
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .map(|entries| {
            entries
                .flatten()
                .map(|entry| entry.file_name().into_string().unwrap())
                .collect()
        })
        .unwrap_or_default();
    names.sort();
    names
}

#[test]
fn three_outputs_write_the_same_records_each_in_its_own_way() {
    let peer = Peer::start();
    let mut relay = relay(&peer);
    for id in ["k1", "k2", "k3"] {
        assert!(relay.offer(&sample::forward_request(id)).starts_with("250"));
    }
    relay.wait_for_records(3);
    // By count, while it runs.
    let standard = relay.path("cdr").join("standard-00000001.cdr");
    eventually("a file is closed by count", || standard.exists().then_some(()));
    eventually("a file is closed by age", || {
        relay.path("cdr").join("lines-00000001.jsonl").exists().then_some(())
    });
    let metrics = relay.page("/metrics");
    assert!(
        metrics.contains("mm4relay_charging_output_writes{output=\"standard\"} 1"),
        "{metrics}"
    );
    // The rest, when it stops.
    relay.stop();
    let all = names(&relay.path("cdr"));
    assert!(!all.iter().any(|name| name.ends_with(".part")), "{all:?}");
    let lines: String = all
        .iter()
        .filter(|name| name.starts_with("lines-"))
        .map(|name| std::fs::read_to_string(relay.path("cdr").join(name)).unwrap())
        .collect();
    let sequences: Vec<u64> = lines
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["sequence"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert_eq!(sequences, [1, 2, 3]);
    let table = std::fs::read_to_string(relay.path("tables").join("table-00000001.csv")).unwrap();
    assert_eq!(table.lines().count(), 4, "{table}");

    let second = relay.path("cdr").join("standard-00000002.cdr");
    let said = mm4relay(&["cdr", "decode", standard.to_str().unwrap(), second.to_str().unwrap()]);
    assert!(said.ok, "{}", said.err);
    assert_eq!(said.out.matches(": r4f\n").count(), 3, "{}", said.out);
    assert!(said.out.contains("file 1, 2 records"), "{}", said.out);
    assert!(said.out.contains("closed by count"), "{}", said.out);
    assert!(said.out.contains("file 2, 1 record,"), "{}", said.out);
    assert!(said.out.contains("closed normally"), "{}", said.out);
}

#[test]
fn after_a_kill_every_record_is_in_one_file_and_in_no_second_one() {
    let peer = Peer::start();
    let mut relay = relay(&peer);
    for round in 0..3 {
        for n in 0..3 {
            assert!(
                relay
                    .offer(&sample::forward_request(&format!("k{round}-{n}")))
                    .starts_with("250")
            );
        }
        relay.wait_for_records(3 * (round + 1));
        relay.kill();
        relay.start_again();
    }
    relay.stop();
    let mut sequences = Vec::new();
    for name in names(&relay.path("cdr")).iter().filter(|name| name.ends_with(".cdr")) {
        let path = relay.path("cdr").join(name);
        let said = mm4relay(&["cdr", "decode", path.to_str().unwrap()]);
        assert!(said.ok, "{}", said.err);
        let numbers = said
            .out
            .lines()
            .filter_map(|line| line.trim().strip_prefix("localSequenceNumber"));
        sequences.extend(numbers.map(|number| number.trim().parse::<u64>().unwrap()));
    }
    assert_eq!(sequences, (1..=9).collect::<Vec<_>>());
}

#[test]
fn a_file_that_was_cut_or_is_something_else_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.cdr");
    std::fs::write(
        &file,
        b"not a file of charging records, but long enough to have a header",
    )
    .unwrap();
    let said = mm4relay(&["cdr", "decode", file.to_str().unwrap()]);
    assert!(!said.ok);
    assert!(said.err.contains("is not a whole file of TS 32.297"), "{}", said.err);
    for text in ["{\"sequence\":1}\n", "sequence,recorded-at\r\n"] {
        std::fs::write(&file, text).unwrap();
        let said = mm4relay(&["cdr", "decode", file.to_str().unwrap()]);
        assert!(!said.ok && said.err.contains("is text already"), "{}", said.err);
    }
}

/// It would begin anew, and every record would be in two of its files.
#[test]
fn an_output_that_is_still_configured_is_not_forgotten() {
    let peer = Peer::start();
    let mut relay = relay(&peer);
    assert!(relay.offer(&sample::forward_request("k1")).starts_with("250"));
    relay.wait_for_records(1);
    eventually("a file is closed by age", || {
        relay.path("cdr").join("lines-00000001.jsonl").exists().then_some(())
    });
    relay.stop();
    let (file, spool) = (relay.path("relay.toml"), relay.path("spool"));
    let (file, spool) = (file.to_str().unwrap(), spool.to_str().unwrap());
    let said = mm4relay(&["cdr", "forget-output", "--config", file, "lines"]);
    assert!(!said.ok && said.err.contains("is in the configuration"), "{}", said.err);
    let text = std::fs::read_to_string(file).unwrap();
    std::fs::write(file, text.replace("name = \"lines\"", "name = \"rows\"")).unwrap();
    let said = mm4relay(&["cdr", "forget-output", "--config", file, "lines"]);
    assert!(
        said.ok && said.out.contains("output lines is forgotten"),
        "{}",
        said.err
    );
    let said = mm4relay(&["cdr", "forget-output", "--spool", spool, "lines"]);
    assert!(!said.ok && said.err.contains("no output called lines"), "{}", said.err);
}

/// One output without any bound that could close its file by itself.
const OPEN: &str = r#"
[[charging-output]]
name = "settlement"
folder = "cdr"
format = "ber"
max-age = "7 d"
"#;

fn with_open_file(peer: &Peer) -> Relay {
    let charging = Link::bundled("charging", "").to_string();
    let relay = Relay::start(&config(
        peer,
        &format!("{charging}{OPEN}\n[monitoring]\nlisten = \"127.0.0.1:0\"\n"),
    ));
    assert!(relay.offer(&sample::forward_request("k1")).starts_with("250"));
    relay.wait_for_records(2);
    relay
}

#[test]
fn a_file_is_closed_by_command_while_the_relay_runs() {
    let peer = Peer::start();
    let relay = with_open_file(&peer);
    let file = relay.path("relay.toml");
    let said = mm4relay(&["cdr", "close", "--config", file.to_str().unwrap(), "settlement"]);
    assert!(
        said.ok && said.out.contains("closed ") && said.out.contains("settlement-00000001.cdr"),
        "{}{}",
        said.out,
        said.err
    );
    assert_eq!(said.err, "", "it was asked at its door");
    let closed = relay.path("cdr").join("settlement-00000001.cdr");
    let said = mm4relay(&["cdr", "decode", closed.to_str().unwrap()]);
    assert!(said.ok, "{}", said.err);
    assert!(
        said.out.contains("2 records") && said.out.contains("closed by command"),
        "{}",
        said.out
    );
    // Without anything new there is nothing to close, and the command ends all the same.
    let said = mm4relay(&["cdr", "close", "--config", file.to_str().unwrap()]);
    assert!(
        said.ok
            && said.out.contains("nothing was open; the last file is")
            && said.out.contains("settlement-00000001.cdr"),
        "{}{}",
        said.out,
        said.err
    );
    assert_eq!(names(&relay.path("cdr")), ["settlement-00000001.cdr"]);
    let said = mm4relay(&["cdr", "close", "--config", file.to_str().unwrap(), "setlement"]);
    assert!(!said.ok && said.err.contains("there are: settlement"), "{}", said.err);
}

/// As somebody does who has the folder alone.
#[test]
fn a_file_is_closed_when_an_empty_file_asks_for_it() {
    let peer = Peer::start();
    let relay = with_open_file(&peer);
    let request = relay.path("cdr").join("settlement.close");
    eventually("the folder is there", || relay.path("cdr").is_dir().then_some(()));
    std::fs::write(&request, "").unwrap();
    eventually("the request is gone", || (!request.exists()).then_some(()));
    assert_eq!(names(&relay.path("cdr")), ["settlement-00000001.cdr"]);
}

#[test]
fn a_file_is_closed_by_command_when_the_relay_is_gone() {
    let peer = Peer::start();
    let mut relay = with_open_file(&peer);
    relay.kill();
    let file = relay.path("relay.toml");
    let said = mm4relay(&["cdr", "close", "--config", file.to_str().unwrap()]);
    assert!(said.ok && said.err.contains("no relay runs here"), "{}", said.err);
    assert_eq!(names(&relay.path("cdr")), ["settlement-00000001.cdr"]);
    relay.start_again();
    assert!(relay.offer(&sample::forward_request("k2")).starts_with("250"));
    relay.wait_for_records(4);
    relay.stop();
    assert_eq!(
        names(&relay.path("cdr")),
        ["settlement-00000001.cdr", "settlement-00000002.cdr"],
        "the relay goes on with the next number"
    );
}

#[test]
fn a_file_that_was_marked_as_fetched_waits_no_more_and_is_listed_so() {
    let peer = Peer::start();
    let mut relay = with_open_file(&peer);
    relay.stop();
    let closed = relay.path("cdr").join("settlement-00000001.cdr");
    let file = relay.path("relay.toml");
    let list = || mm4relay(&["cdr", "files", "--config", file.to_str().unwrap()]).out;
    assert!(
        list().contains("settlement-00000001.cdr") && list().contains("not fetched"),
        "{}",
        list()
    );
    let said = mm4relay(&["cdr", "fetched", closed.to_str().unwrap()]);
    assert!(said.ok && said.out.contains("is marked as fetched"), "{}", said.err);
    assert!(!list().contains("not fetched"), "{}", list());
    relay.start_again();
    let waiting = "mm4relay_charging_files_waiting{output=\"settlement\"} 0";
    eventually("nothing waits", || {
        relay.page("/metrics").contains(waiting).then_some(())
    });
    let part = relay.path("cdr").join("settlement-00000009.cdr");
    let said = mm4relay(&["cdr", "fetched", part.to_str().unwrap()]);
    assert!(!said.ok && said.err.contains("no closed file"), "{}", said.err);
}
