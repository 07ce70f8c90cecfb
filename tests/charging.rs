//! Charging records: every message of `tests/golden/quirks`, on every occasion, in every role of the bundled plug-in; and
//! what a record says of the MM4 message that it is about. The file under test is `plugins/charging/src/rules.rs`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::support::{A_SYSTEM, B_SYSTEM, Exchange, Link, Taken, Terms, eventually, root, sample};

const ROLES: [&str; 3] = ["relay", "originator", "recipient"];
const ACK: &str = "X-Mms-Ack-Request: Yes";
const REPORT: &str = "X-Mms-Delivery-Report: Yes";

/// Operators whose messages of any type pass, and the plug-in once for each role, under the role's name.
fn exchange() -> Exchange {
    exchange_with("")
}

/// As [`exchange`], with plug-ins behind those.
fn exchange_with(more: &str) -> Exchange {
    let link = |role: &&str| {
        Link::bundled("charging", &format!("role = {role:?}"))
            .named(role)
            .to_string()
    };
    let links = ROLES.iter().map(link).collect::<String>() + more;
    Exchange::on(&Terms {
        a: "unknown-types = \"pass\"\nbounces = false",
        // Nobody answers: what asks for a response has its record then.
        b: "response-within = \"1 s\"",
        more: &links,
        ..Terms::default()
    })
}

/// What TS 32.270 wants of a message of that type, by role: on arrival, and when it was delivered. Nothing is an empty
/// name. What is not delivered is `relay-failed`, where its delivery would have made a record.
fn wanted(kind: &str, role: &str) -> (&'static str, &'static str) {
    match (role, kind) {
        ("relay", _) => ("relay-in", "relay-out"),
        ("originator", "MM4_forward.REQ") => ("", "o4frq"),
        ("originator", "MM4_forward.RES") => ("o4frs", ""),
        ("originator", "MM4_delivery_report.REQ") => ("o4d", ""),
        ("originator", "MM4_read_reply_report.REQ") => ("o4r", ""),
        ("recipient", "MM4_forward.REQ") => ("r4f", ""),
        ("recipient", "MM4_delivery_report.REQ") => ("", "r4drq"),
        ("recipient", "MM4_delivery_report.RES") => ("r4drs", ""),
        ("recipient", "MM4_read_reply_report.REQ") => ("", "r4rrq"),
        ("recipient", "MM4_read_reply_report.RES") => ("r4rrs", ""),
        _ => ("", ""),
    }
}

struct Quirk {
    name: String,
    /// As it is written beside the message, in the standard's spelling; `another type` for those that it does not name.
    kind: String,
    message: Vec<u8>,
}

/// Those that are carried.
fn quirks() -> Vec<Quirk> {
    let folder = root().join("tests/golden/quirks");
    let files = std::fs::read_dir(folder)
        .expect("golden messages")
        .map(|entry| entry.expect("a file").path());
    let mut files: Vec<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|is| is == "eml"))
        .collect();
    files.sort();
    let quirk = |path: &PathBuf| {
        let expected = std::fs::read_to_string(path.with_extension("expected")).expect("an expectation");
        let kind = expected
            .lines()
            .find_map(|line| line.strip_prefix("type: "))?
            .to_owned();
        Some(Quirk {
            name: path.file_stem()?.to_string_lossy().into_owned(),
            kind,
            message: std::fs::read(path).expect("a message"),
        })
    };
    files.iter().filter_map(quirk).collect()
}

/// The message under IDs of its own, so that none is a copy of another.
fn alone(message: &[u8], number: usize) -> Vec<u8> {
    let end = message
        .windows(4)
        .position(|octets| octets == b"\r\n\r\n")
        .unwrap_or(message.len());
    let (header, rest) = message.split_at(end);
    let lines = header.split_inclusive(|octet| *octet == b'\n').map(|line| {
        let lower = line.to_ascii_lowercase();
        let is_id = [&b"x-mms-transaction-id"[..], b"x-mms-message-id"]
            .iter()
            .any(|name| lower.starts_with(name));
        let body = line.trim_ascii_end();
        let (id, quote) = body.strip_suffix(b"\"").map_or((body, &b""[..]), |id| (id, b"\""));
        match is_id {
            true => [id, format!("-{number}").as_bytes(), quote, &line[body.len()..]].concat(),
            false => line.to_vec(),
        }
    });
    let mut changed = lines.collect::<Vec<_>>().concat();
    changed.extend_from_slice(rest);
    if !changed.ends_with(b"\r\n") {
        changed.extend_from_slice(b"\r\n");
    }
    changed
}

#[test]
fn every_quirk_has_its_records_on_every_occasion_in_every_role() {
    let exchange = exchange();
    let quirks = quirks();
    assert!(quirks.len() >= 44, "{} messages: some are missing", quirks.len());
    // By the relay's id: whose record it is, and how it ends.
    let mut sent: BTreeMap<String, (&Quirk, bool)> = BTreeMap::new();
    let mut client = exchange.client();
    for (number, quirk) in quirks.iter().enumerate() {
        for (arrives, to) in [(true, sample::TO), (false, "refuse-me@mms.b.example")] {
            let message = alone(&quirk.message, number * 2 + usize::from(arrives));
            let answer = client.transaction(sample::FROM, &[to], &message);
            assert!(answer.starts_with("250 2.0.0 "), "{}: {answer}", quirk.name);
            let id = answer.split(' ').nth(2).expect("an id").to_owned();
            sent.insert(id, (quirk, arrives));
        }
    }
    let mut expected: Vec<(String, &str, &str, &str)> = Vec::new();
    for (id, (quirk, arrives)) in &sent {
        for role in ROLES {
            let (arrival, delivered) = wanted(&quirk.kind, role);
            let outcome = if *arrives || delivered.is_empty() {
                delivered
            } else {
                "relay-failed"
            };
            let records = [arrival, outcome].into_iter().filter(|record| !record.is_empty());
            expected.extend(records.map(|record| (id.clone(), quirk.name.as_str(), role, record)));
        }
    }
    expected.sort();
    // What the relay says of the failures has records of its own.
    let of_ours = |record: &serde_json::Value| sent.contains_key(&id_of(record));
    let records = eventually("every message has its records", || {
        let mut records = exchange.relay.charging_records();
        records.retain(of_ours);
        (records.len() >= expected.len()).then_some(records)
    });
    let text = |record: &serde_json::Value, name: &str| record[name].as_str().unwrap_or_default().to_owned();
    let mut found: Vec<(String, &str, &str, String)> = Vec::new();
    for record in &records {
        let id = id_of(record);
        let (quirk, arrives) = sent[&id];
        let role = ROLES
            .into_iter()
            .find(|role| record["plugin"] == **role)
            .expect("a role");
        if record["record-type"] == "r4f" {
            assert!(
                answered(quirk, arrives).contains(&text(record, "status-code").as_str()),
                "{record}"
            );
        }
        found.push((id, quirk.name.as_str(), role, text(record, "record-type")));
        if quirk.kind != "another type" {
            assert_eq!(text(record, "message-type"), quirk.kind, "{}", quirk.name);
        }
        for id in ["message-id", "transaction-id"] {
            let unquoted = text(record, id).trim_matches(|c: char| c == '"' || c == ' ').to_owned();
            assert_eq!(text(record, &format!("{id}-unquoted")), unquoted, "{}", quirk.name);
        }
    }
    found.sort();
    let found: Vec<(String, &str, &str, &str)> = found
        .iter()
        .map(|(a, b, c, d)| (a.clone(), *b, *c, d.as_str()))
        .collect();
    assert_eq!(found, expected);
    let of_mm1 = |record: &&serde_json::Value| sent[&id_of(record)].0.name == "17-read-reply-under-the-name-of-mm1";
    let mm1 = records.iter().find(of_mm1).expect("a record");
    assert_eq!(mm1["read-reply-requested"], true, "{mm1}");
}

/// A plug-in behind those that charge, which does this with every request.
fn screen(then: &str) -> String {
    let rule =
        format!("[[plugin.settings.rules]]\nname = \"all\"\nwhen = {{ originators = [\"*\"] }}\nthen = {then:?}\n");
    Link::bundled("screen", &rule).to_string()
}

/// Held, and so answered 250; then released, and refused by what the plug-in says by then.
#[test]
fn every_request_that_is_refused_after_its_250_has_the_records_of_its_arrival_in_every_role() {
    let exchange = exchange_with(&screen("hold"));
    let mut quirks = quirks();
    quirks.retain(|quirk| quirk.kind == "MM4_forward.REQ");
    assert!(quirks.len() >= 20, "{} messages: some are missing", quirks.len());
    let mut client = exchange.client();
    let mut sent: BTreeMap<String, &Quirk> = BTreeMap::new();
    for (number, quirk) in quirks.iter().enumerate() {
        let answer = client.transaction(sample::FROM, &[sample::TO], &alone(&quirk.message, number));
        assert!(answer.starts_with("250 2.0.0 "), "{}: {answer}", quirk.name);
        sent.insert(answer.split(' ').nth(2).expect("an id").to_owned(), quirk);
    }
    let asking = quirks.iter().filter(|quirk| asks_for_a_response(quirk)).count();
    // Whoever asks has heard that it was taken.
    exchange.a.wait_for(asking);
    assert!(
        exchange
            .relay
            .charging_records()
            .iter()
            .all(|record| !sent.contains_key(&id_of(record)))
    );
    let path = exchange.relay.path("relay.toml");
    let config = std::fs::read_to_string(&path).expect("a configuration");
    std::fs::write(&path, config.replace("then = \"hold\"", "then = \"refuse\"")).expect("a writable folder");
    exchange.relay.reload();
    exchange.wait_for_log("configuration reloaded");
    exchange.relay.print(&["queue", "release", "--all"]);

    let records = eventually("every message has its records", || {
        let mut records = exchange.relay.charging_records();
        records.retain(|record| sent.contains_key(&id_of(record)));
        (records.len() >= 4 * sent.len()).then_some(records)
    });
    let mut found: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for record in &records {
        let quirk = sent[&id_of(record)];
        let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        let (kind, status) = (text("record-type"), text("status-code"));
        let heard = match (kind.as_str(), asks_for_a_response(quirk)) {
            ("relay-failed", _) => "",
            (_, true) => "Ok",
            (_, false) => "Error-service-denied",
        };
        assert_eq!(status, heard, "{}: {record}", quirk.name);
        assert_eq!(text("message-type"), quirk.kind, "{}", quirk.name);
        assert!(!text("components").is_empty(), "{}: {record}", quirk.name);
        found.entry(id_of(record)).or_default().push((text("plugin"), kind));
    }
    let wanted = [
        ("originator", "relay-failed"),
        ("recipient", "r4f"),
        ("relay", "relay-failed"),
        ("relay", "relay-in"),
    ];
    for (id, mut records) in found {
        records.sort();
        let records: Vec<(&str, &str)> = records
            .iter()
            .map(|(role, kind)| (role.as_str(), kind.as_str()))
            .collect();
        assert_eq!(records, wanted, "{}", sent[&id].name);
    }
}

/// What the originator of a request may hear, when the next hop takes it and never answers, or refuses it.
fn answered(quirk: &Quirk, arrives: bool) -> &'static [&'static str] {
    match (arrives, asks_for_a_response(quirk)) {
        (true, false) => &["Ok"],
        (true, true) => &["Error-network-problem"],
        (false, _) => &[
            "Error-service-denied",
            "Error-unspecified",
            "Error-sending-address-unresolved",
        ],
    }
}

fn asks_for_a_response(quirk: &Quirk) -> bool {
    let text = String::from_utf8_lossy(&quirk.message).to_ascii_lowercase();
    text.lines().any(|line| {
        let name = line.split(':').next().unwrap_or_default().trim();
        name == "x-mms-ack-request" && line.contains("yes")
    })
}

/// The relay's id of the message that a record is about.
fn id_of(record: &serde_json::Value) -> String {
    let id = record["relay-id"].as_str().unwrap_or_default();
    id.split('-').next().unwrap_or_default().to_owned()
}

/// The records of role `relay`: of which type, about which message, from whom to whom.
fn transit(records: &[serde_json::Value], kind: &str) -> Vec<serde_json::Value> {
    let of = |record: &&serde_json::Value| record["plugin"] == "relay" && record["message-type"] == kind;
    records.iter().filter(of).cloned().collect()
}

fn replaced(message: &[u8], old: &str, new: &str) -> Vec<u8> {
    let text = String::from_utf8(message.to_vec()).expect("ASCII");
    assert!(text.contains(old), "{text}");
    text.replace(old, new).into_bytes()
}

#[test]
fn records_of_a_transit_say_which_message_they_are_about() {
    let exchange = exchange();
    let at_b: Taken = exchange.asked("k1", &[ACK, REPORT]);
    // Mbuni answers under a message ID of its own.
    let response = replaced(
        &at_b.response("Ok"),
        "X-Mms-Message-Id: \"k1@mms.a.example\"",
        "X-Mms-Message-Id: \"mbuni-7\"",
    );
    exchange.say(B_SYSTEM, &[A_SYSTEM], &response);
    exchange.say(B_SYSTEM, &[sample::FROM], &at_b.delivery_report("d1", "Retrieved", ""));
    exchange.a.wait_for(2);
    // Three messages, on arrival and delivered, by the relay's records; and those of the other two roles.
    let records = exchange.relay.wait_for_records(6 + 5);
    for record in records.iter().filter(|record| record["plugin"] == "relay") {
        assert_eq!(record["message-id-unquoted"], "k1@mms.a.example", "{record}");
    }
    let responses = transit(&records, "MM4_forward.RES");
    assert_eq!(responses.len(), 2, "{records:?}");
    for response in &responses {
        assert_eq!(response["message-id"], "\"k1@mms.a.example\"", "{response}");
        assert_eq!(response["response-message-id"], "\"mbuni-7\"", "{response}");
        assert_eq!(
            response["recipients"],
            serde_json::json!([]),
            "a response names no parties: {response}"
        );
        assert!(response.get("originator").is_none(), "{response}");
    }
    for report in transit(&records, "MM4_delivery_report.REQ") {
        assert_eq!(
            report["originator"],
            sample::FROM,
            "the originator of the message: {report}"
        );
        assert_eq!(report["recipients"], serde_json::json!([B_SYSTEM]), "{report}");
    }
    let sent_on = |kind: &str| {
        let mut records = transit(&records, kind).into_iter();
        records
            .find(|record| record["record-type"] == "relay-out")
            .expect("it was sent on")
    };
    let response = sent_on("MM4_forward.RES");
    assert_eq!(
        (&response["status-code"], &response["report-status"]),
        (&"250".into(), &"Ok".into()),
        "{response}"
    );
    let requests = transit(&records, "MM4_forward.REQ");
    assert_eq!(requests.len(), 2);
    // What came in and what was sent on has the same parts; so has the record of the originator's side.
    let o4frq = records
        .iter()
        .find(|record| record["record-type"] == "o4frq")
        .expect("a record");
    for request in requests.iter().chain([o4frq]) {
        assert_eq!(request["components"], requests[0]["components"], "{request}");
        assert!(
            request["components"]
                .as_str()
                .is_some_and(|parts| parts.starts_with("text/plain:")),
            "{request}"
        );
    }
}

#[test]
fn the_response_to_a_request_that_was_asked_under_another_id_is_about_its_message_too() {
    let exchange = exchange();
    // Two Relay/Servers count from 001; B is asked under an ID of the relay's for the second.
    let counted = |id: &str| {
        let own = format!("X-Mms-Transaction-ID: \"{id}@mms.a.example\"");
        replaced(
            &sample::with_body(id, &[ACK], b"hello\r\n"),
            &own,
            "X-Mms-Transaction-ID: 001",
        )
    };
    exchange.ask(&counted("k1"));
    exchange.say("+15555550188@mms.c.example", &[sample::TO], &counted("k2"));
    let asked = exchange.b.wait_for(2);
    let second = asked
        .iter()
        .find(|taken| taken.field("X-Mms-Message-ID").contains("k2"))
        .expect("both");
    assert_ne!(second.field("X-Mms-Transaction-ID"), "001");
    let response = replaced(
        &second.response("Ok"),
        "X-Mms-Message-Id: \"k2@mms.a.example\"",
        "X-Mms-Message-Id: other",
    );
    exchange.say(B_SYSTEM, &[A_SYSTEM], &response);
    exchange.c.wait_for(1);
    // Two requests and the response, in and out, of the relay's; o4frq and r4f of each request; o4frs.
    let records = exchange.relay.wait_for_records(6 + 4 + 1);
    let responses = transit(&records, "MM4_forward.RES");
    assert_eq!(responses.len(), 2);
    for response in responses {
        assert_eq!(response["message-id-unquoted"], "k2@mms.a.example", "{response}");
    }
}
