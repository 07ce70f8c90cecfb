//! The operator's door: what is asked of a running relay and of one that does not run, by commands and over the socket.

use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    Link, Peer, Relay, ask, config, config_at, eventually, get, id_in, last_of_audit, own_address, post, sample,
};

#[test]
fn status_says_what_runs_and_where_it_was_asked() {
    let peer = Peer::start();
    let mut relay = Relay::start(&config(&peer, &Link::hostile("do = \"pass\"").to_string()));
    let running = relay.command(&["status"]);
    let said = String::from_utf8_lossy(&running.stdout).into_owned();
    assert!(said.starts_with("well: version "), "{said}");
    assert!(said.contains(&format!("listens on {}", relay.address())), "{said}");
    assert!(said.contains("plug-in hostile 6.6.6"), "{said}");
    assert!(running.stderr.is_empty(), "{running:?}");
    let (status, state) = get(&relay, "/v1/status");
    assert_eq!(
        (status, &state["running"]["process"]),
        (200, &json!(relay.process().id()))
    );
    relay.stop();
    let stopped = relay.command(&["status"]);
    let (out, err) = (
        String::from_utf8_lossy(&stopped.stdout),
        String::from_utf8_lossy(&stopped.stderr),
    );
    assert!(out.starts_with("stopped\n"), "{out}");
    assert!(err.contains("no relay runs here"), "{err}");
    assert!(
        !relay.path("spool/control.sock").exists(),
        "the socket goes with the relay"
    );
}

#[test]
fn a_relay_that_was_killed_leaves_a_socket_that_is_in_nobodys_way() {
    let peer = Peer::start();
    let mut relay = Relay::start(&config(&peer, ""));
    relay.kill();
    assert!(relay.path("spool/control.sock").exists());
    assert!(relay.print(&["status"]).starts_with("stopped\n"));
    relay.start_again();
    assert!(relay.print(&["status"]).starts_with("well"));
}

#[test]
fn a_paused_peer_is_sent_nothing_until_it_is_resumed_also_after_a_restart() {
    let peer = Peer::start();
    let mut relay = Relay::start(&config(&peer, ""));
    let said = relay.print(&["peers", "pause", "operator-b", "--reason", "they move house"]);
    assert!(
        said.starts_with("operator-b is paused until somebody resumes it"),
        "{said}"
    );
    assert!(relay.offer(&sample::forward_request("p1")).starts_with("250"));
    let list = relay.wait_for_queue("peer operator-b is paused since");
    assert!(list.contains("they move house"), "{list}");
    relay.stop();
    relay.start_again();
    relay.process().wait_for_log("peer is paused");
    assert!(relay.offer(&sample::forward_request("p2")).starts_with("250"));
    let shown = relay.print(&["peers"]);
    assert!(shown.contains("operator-b  paused  2 waiting"), "{shown}");
    assert!(peer.taken().is_empty());
    relay.print(&["peers", "resume", "operator-b"]);
    assert_eq!(peer.wait_for(2).len(), 2);
    let again = relay.command(&["peers", "resume", "operator-b"]);
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("operator-b is not paused"));
}

#[test]
fn a_pause_ends_by_itself_when_its_time_is_over() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, ""));
    relay.print(&["peers", "pause", "operator-b", "--for", "1s", "--reason", "a moment"]);
    assert!(relay.offer(&sample::forward_request("p3")).starts_with("250"));
    assert_eq!(peer.wait_for(1).len(), 1);
    relay.process().wait_for_log("its pause is over");
    assert!(relay.print(&["peers"]).contains("operator-b  up"));
}

#[test]
fn a_stopped_relay_can_be_told_to_pause_a_peer_when_it_starts() {
    let peer = Peer::start();
    let mut relay = Relay::start(&config(&peer, ""));
    relay.stop();
    relay.print(&["peers", "pause", "operator-b", "--reason", "not before Monday"]);
    relay.start_again();
    assert!(relay.offer(&sample::forward_request("p4")).starts_with("250"));
    assert!(relay.print(&["peers"]).contains("operator-b  paused"));
    assert!(peer.taken().is_empty());
}

/// Found by asking whatever the OpenAPI document allows: the time of the end could not be read back, by nobody any more.
#[test]
fn a_pause_of_longer_than_anybody_lives_is_refused_and_harms_no_other() {
    let peer = Peer::start();
    let mut relay = Relay::start(&config(&peer, ""));
    for verb in ["pause", "drain", "limit"] {
        let path = format!("/v1/peers/operator-b/{verb}");
        let asked = json!({"seconds": 61_568_915_955_620_696_u64, "reason": "r", "rate": "1/s"});
        let asked = match verb {
            "limit" => asked,
            _ => json!({"seconds": asked["seconds"], "reason": "r"}),
        };
        let (status, problem) = post(&relay, &path, asked);
        assert_eq!((status, &problem["type"]), (400, &json!("unreadable")), "{verb}");
    }
    relay.print(&["peers", "pause", "operator-b", "--for", "3650 days", "--reason", "r"]);
    relay.stop();
    relay.start_again();
    relay.print(&["peers", "resume", "operator-b"]);
}

#[test]
fn a_slip_in_a_peers_name_pauses_nobody_and_names_those_that_there_are() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, ""));
    let (status, problem) = post(&relay, "/v1/peers/operator-x/pause", json!({"reason": "r"}));
    assert_eq!((status, &problem["type"]), (404, &json!("unknown-peer")));
    let detail = problem["detail"].as_str().expect("words");
    assert!(detail.contains("there are: operator-a, operator-b"), "{detail}");
}

#[test]
fn every_change_is_in_the_audit_with_who_asked_for_what_and_what_came_of_it() {
    let relay = Relay::start(&config_at(&own_address(), ""));
    let answer = relay.offer(&sample::forward_request("a1"));
    let id = id_in(&answer);
    relay.print(&["queue", "drop", &id]);
    let dropped = last_of_audit(&relay);
    assert_eq!(dropped["did"], "queue-drop");
    assert_eq!(dropped["asked"]["ids"], json!([id]));
    assert_eq!(dropped["changed"], json!({"dropped": 1}));
    assert_eq!(dropped["role"], "administrator");
    assert!(
        dropped["from"]
            .as_str()
            .is_some_and(|from| from.starts_with("socket, process "))
    );
    assert!(!relay.command(&["queue", "drop", &id]).status.success());
    let refused = last_of_audit(&relay);
    assert_eq!(refused["refused"]["type"], "unknown-id");
    assert_eq!(refused["changed"], Value::Null);
    relay.reload();
    relay.process().wait_for_log("configuration reloaded");
    let signal = eventually("the signal is noted", || {
        let last = last_of_audit(&relay);
        (last["who"] == "SIGHUP").then_some(last)
    });
    assert_eq!((&signal["did"], &signal["from"]), (&json!("reload"), &json!("signal")));
    let mine = relay.print(&["audit", "--did=queue-drop"]);
    assert_eq!(mine.matches("  queue-drop  ").count(), 2, "{mine}");
}

#[test]
fn what_is_done_in_the_folder_of_a_stopped_relay_is_in_its_audit_too() {
    let mut relay = Relay::start(&config_at(&own_address(), ""));
    let answer = relay.offer(&sample::forward_request("a2"));
    let id = id_in(&answer);
    relay.stop();
    relay.print(&["queue", "drop", &id]);
    assert_eq!(last_of_audit(&relay)["from"], "command line");
    relay.start_again();
    assert_eq!(
        last_of_audit(&relay)["did"],
        "queue-drop",
        "the relay that runs has the same audit"
    );
}

#[test]
fn reload_waits_for_the_relays_answer_and_prints_each_problem() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, ""));
    assert_eq!(relay.print(&["reload"]), "reloaded\n");
    relay.configure(&config(&peer, "\n[[route]]\nprefix = \"+1555\"\npeer = \"nobody\"\n"));
    let failed = relay.command(&["reload"]);
    let said = String::from_utf8_lossy(&failed.stderr);
    assert!(!failed.status.success());
    assert!(
        said.contains("nobody") && said.contains("the running one stays: 1 problem"),
        "{said}"
    );
    assert_eq!(last_of_audit(&relay)["refused"]["type"], "configuration");
}

#[test]
fn stop_ends_the_relay_well_and_waits_for_that() {
    let peer = Peer::start();
    let mut relay = Relay::start(&config(&peer, ""));
    assert_eq!(relay.print(&["stop"]), "stopped\n");
    assert_eq!(relay.ended(), Some(0));
    let again = relay.command(&["stop"]);
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("no relay runs here"));
}

#[test]
fn messages_are_found_by_number_source_reason_and_time() {
    let relay = Relay::start(&config_at(&own_address(), ""));
    assert!(relay.offer(&sample::forward_request("f1")).starts_with("250"));
    relay.wait_for_queue("  1 attempt  ");
    let number = |digits: &str| relay.print(&["queue", "list", "--number", digits]);
    assert!(number("+15555550199").contains("operator-b"));
    assert!(number("+15555550198").starts_with("no such message in the queue\n"));
    let found = |words: &[&str]| {
        !relay
            .print(&[&["queue", "list"], words].concat())
            .starts_with("no such message")
    };
    assert!(found(&["--from", "operator-a"]));
    assert!(!found(&["--from", "operator-b"]));
    assert!(found(&["--reason", "REFUSED"]), "{}", relay.print(&["queue", "list"]));
    assert!(!found(&["--reason", "mailbox full"]));
    assert!(found(&["--since", "2020-01-01T00:00:00Z"]));
    assert!(!found(&["--before", "2020-01-01T00:00:00Z"]));
    let (status, problem) = get(&relay, "/v1/queue?since=yesterday");
    assert_eq!((status, &problem["type"]), (400, &json!("unreadable")));
}

#[test]
fn a_page_ends_with_where_the_next_one_begins() {
    let relay = Relay::start(&config_at(&own_address(), ""));
    for number in 0..3 {
        assert!(
            relay
                .offer(&sample::forward_request(&format!("n{number}")))
                .starts_with("250")
        );
    }
    let (_, first) = get(&relay, "/v1/queue?limit=2");
    let next = first["next"].as_str().expect("there is one more");
    assert_eq!(first["entries"][1]["id"], json!(next));
    let (_, second) = get(&relay, &format!("/v1/queue?limit=2&after={next}"));
    assert_eq!(second["entries"].as_array().map(Vec::len), Some(1));
    assert_eq!(second["next"], Value::Null);
}

#[test]
fn a_change_that_is_asked_for_again_with_its_key_is_made_once_and_answered_alike() {
    let relay = Relay::start(&config_at(&own_address(), ""));
    let answer = relay.offer(&sample::forward_request("i1"));
    let drop = json!({"ids": [id_in(&answer)]});
    let again = |body: &Value| ask(&relay, "POST", "/v1/queue/drop", Some(body), "Idempotency-Key: k1\r\n");
    assert_eq!(again(&drop), (200, json!({"dropped": 1})));
    assert_eq!(
        again(&drop),
        (200, json!({"dropped": 1})),
        "without the key it would be unknown"
    );
    assert_eq!(post(&relay, "/v1/queue/drop", drop).0, 404);
    let (status, problem) = again(&json!({"ids": ["0000000000001"]}));
    assert_eq!((status, &problem["type"]), (409, &json!("idempotency-key")));
}

#[test]
fn what_is_no_question_is_answered_with_a_problem() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, ""));
    for (method, path, body, status, kind) in [
        ("GET", "/v1/nothing", None, 404, "no-such-verb"),
        ("POST", "/v1/status", None, 405, "no-such-verb"),
        ("GET", "/v1/queue?colour=red", None, 400, "unreadable"),
        ("GET", "/v1/queue/xyz", None, 400, "unreadable"),
        ("GET", "/v1/queue/0000000000001", None, 404, "unknown-id"),
        ("POST", "/v1/queue/drop", Some(json!({"ids": "all"})), 400, "unreadable"),
        ("POST", "/v1/queue/release", Some(json!({})), 400, "unreadable"),
        (
            "POST",
            "/v1/queue/release",
            Some(json!({"all": true, "past": ["x"]})),
            404,
            "unknown-plug-in",
        ),
        (
            "POST",
            "/v1/peers/operator-b/pause",
            Some(json!({"reason": " "})),
            400,
            "unreadable",
        ),
    ] {
        let (answered, problem) = ask(&relay, method, path, body.as_ref(), "");
        assert_eq!(
            (answered, &problem["type"]),
            (status, &json!(kind)),
            "{method} {path}: {problem}"
        );
        assert!(
            problem["detail"].as_str().is_some_and(|words| words.len() > 10),
            "{problem}"
        );
    }
}

#[test]
fn the_openapi_document_describes_every_path_and_refers_to_nothing_that_is_not_in_it() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, ""));
    let (_, document) = get(&relay, "/v1/openapi.json");
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().expect("a pointer");
        assert!(document.pointer(pointer).is_some(), "{pointer} is nowhere");
    }
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.len() >= 12, "{:?}", paths.keys());
    for (path, verbs) in paths {
        let (method, verb) = verbs.as_object().and_then(|verbs| verbs.iter().next()).expect("a verb");
        assert!(verb["summary"].as_str().is_some_and(|text| !text.is_empty()), "{path}");
        if method == "get" {
            let (_, answer) = get(&relay, &path.replace("{id}", "0000000000001"));
            assert_ne!(answer["type"], "no-such-verb", "{path}");
        }
    }
}

#[test]
fn a_state_folder_with_a_long_path_has_a_door_too() {
    let peer = Peer::start();
    let long = "d".repeat(120);
    let text = config(&peer, "").replace("[relay]", &format!("[relay]\nspool = \"{long}\""));
    let relay = Relay::start(&text);
    assert!(relay.print(&["status"]).starts_with("well"));
    assert!(relay.command(&["status"]).stderr.is_empty(), "it was asked at its door");
}

#[test]
fn an_open_connection_does_not_keep_the_relay_from_ending() {
    let peer = Peer::start();
    let mut relay = Relay::start(&config(&peer, ""));
    let idle = UnixStream::connect(relay.path("spool/control.sock")).expect("the door is open");
    let begun = std::time::Instant::now();
    relay.stop();
    assert!(begun.elapsed() < Duration::from_secs(20));
    drop(idle);
}

#[test]
fn a_number_is_explained_as_the_running_relay_sees_it() {
    let relay = Relay::start(&config_at(&own_address(), ""));
    let asked = ["route", "+15555550199@mms.b.example"];
    let up = relay.print(&asked);
    assert!(up.contains("it is        up, as far as is known"), "{up}");
    assert!(relay.offer(&sample::forward_request("r1")).starts_with("250"));
    let down = eventually("the peer is found down", || {
        let said = relay.print(&asked);
        said.contains("it is        down").then_some(said)
    });
    assert!(down.contains("goes to      operator-b"), "{down}");
    let files = relay.print(&["route", "+15555550199@mms.b.example", "--files"]);
    assert!(files.contains("as if all could"), "{files}");
    let (status, answer) = get(
        &relay,
        "/v1/route?recipient=%2B15555550199%40mms.nobody.example&from=operator-a",
    );
    assert_eq!((status, &answer["goes"]), (200, &json!(false)));
}

#[test]
fn what_happened_to_a_message_is_told_at_the_door_and_who_looked_is_noted() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, ""));
    let answer = relay.offer(&sample::forward_request("t1"));
    let id = &id_in(&answer);
    relay.wait_until_empty();
    let (status, traced) = get(&relay, &format!("/v1/trace/{id}"));
    assert_eq!(status, 200);
    assert_eq!(traced["requests"][0]["relay-id"], json!(id));
    let text = relay.print(&["trace", id]);
    assert!(
        text.contains("  delivered ") && text.matches(": trace").count() >= 1,
        "{text}"
    );
    assert_eq!(get(&relay, "/v1/trace/nobody%2Fknows%40this").1["type"], "unknown-id");
}

#[test]
fn tables_are_shown_and_a_bad_one_is_refused_with_its_row() {
    let peer = Peer::start();
    let more = "[routing]\nportability = \"ported\"\n[[table]]\nname = \"ported\"\nfile = \"ported.csv\"\n";
    let relay = Relay::stopped(&config(&peer, &format!("\n{more}")));
    std::fs::write(relay.path("ported.csv"), "+15551000001,operator-b\n").expect("a writable folder");
    let mut relay = relay;
    relay.start_again();
    let rows = || get(&relay, "/v1/tables").1["tables"][0]["rows"].clone();
    assert_eq!(rows(), json!(1));
    let aside = relay.path("aside.csv");
    std::fs::write(&aside, "+15551000001,operator-b\n+15551000001,operator-a\n").expect("a writable folder");
    std::fs::rename(&aside, relay.path("ported.csv")).expect("a rename");
    let (status, problem) = post(&relay, "/v1/tables/reload", json!({}));
    assert_eq!((status, &problem["type"]), (422, &json!("configuration")), "{problem}");
    assert_eq!(rows(), json!(1), "the running one stays");
    assert_eq!(get(&relay, "/v1/tables").1["tables"][0]["differs"], json!(true));
    std::fs::write(&aside, "+15551000001,operator-b\n+15551000002,operator-a\n").expect("a writable folder");
    std::fs::rename(&aside, relay.path("ported.csv")).expect("a rename");
    assert_eq!(post(&relay, "/v1/tables/reload", json!({})).0, 200);
    assert_eq!(rows(), json!(2));
}

/// Of files of charging records.
#[test]
fn files_of_charging_records_are_listed_closed_and_marked_at_the_door_and_it_is_noted_who_did() {
    let output = "\n[[charging-output]]\nname = \"settlement\"\nfolder = \"cdr\"\nformat = \"csv\"\n";
    let peer = Peer::start();
    let charging = Link::bundled("charging", "").to_string();
    let relay = Relay::start(&config(&peer, &format!("{charging}{output}")));
    assert!(relay.offer(&sample::forward_request("d1")).starts_with("250"));
    relay.wait_for_records(2);
    assert_eq!(get(&relay, "/v1/cdr/files").1["outputs"][0]["files"], json!([]));
    let (status, closed) = post(&relay, "/v1/cdr/close", json!({"outputs": ["settlement"]}));
    let files = closed["closed"][0]["files"].as_array().expect("files").clone();
    assert!(status == 200 && files.len() == 1, "{closed}");
    assert_eq!(closed["closed"][0]["last"], files[0], "{closed}");
    let entry = last_of_audit(&relay);
    assert_eq!(
        (&entry["did"], &entry["changed"]),
        (&json!("cdr-close"), &closed),
        "{entry}"
    );
    let (_, again) = post(&relay, "/v1/cdr/close", json!({}));
    assert_eq!(again["closed"][0]["files"], json!([]), "there is nothing to close");
    let file = |relay: &Relay| get(relay, "/v1/cdr/files?output=settlement").1["outputs"][0]["files"][0].clone();
    assert_eq!(
        (&file(&relay)["name"], &file(&relay)["fetched"]),
        (&json!("settlement-00000001.csv"), &Value::Null)
    );
    let marked = post(&relay, "/v1/cdr/fetched", json!({"files": ["settlement-00000001.csv"]}));
    assert_eq!(marked.1["files"][0]["already"], json!(false), "{marked:?}");
    assert!(file(&relay)["fetched"].is_string());
    // By its path it is the same file.
    let marked = post(&relay, "/v1/cdr/fetched", json!({"files": [files[0]]}));
    assert_eq!(marked.1["files"][0]["already"], json!(true), "{marked:?}");
    assert_eq!(last_of_audit(&relay)["did"], json!("cdr-fetched"));
    for (path, body, kind) in [
        ("/v1/cdr/close", json!({"outputs": ["setlement"]}), "unknown-output"),
        (
            "/v1/cdr/fetched",
            json!({"files": ["settlement-00000002.csv"]}),
            "unknown-id",
        ),
        ("/v1/cdr/fetched", json!({"files": ["/etc/passwd"]}), "unknown-id"),
        (
            "/v1/cdr/fetched",
            json!({"files": ["/etc/settlement-00000001.csv"]}),
            "unknown-id",
        ),
    ] {
        let (status, problem) = post(&relay, path, body);
        assert_eq!((status, &problem["type"]), (404, &json!(kind)), "{problem}");
    }
    let without = Relay::start(&config(&peer, ""));
    assert_eq!(get(&without, "/v1/cdr/files").1["type"], "unknown-output");
}

#[test]
fn what_an_earlier_version_noted_in_a_file_is_in_the_audit_before_what_is_noted_now() {
    let relay = Relay::start(&config_at(&own_address(), ""));
    let old = json!({
        "at": "2026-11-01T00:00:00.000Z", "who": "ada", "role": "operator", "from": "command line", "did": "queue-drop",
        "asked": {"ids": ["0000000000001"]}, "changed": {"dropped": 1},
    });
    std::fs::write(relay.path("spool/audit.jsonl"), format!("{old}\n{{\"at\": \"cut off")).expect("a writable folder");
    let id = id_in(&relay.offer(&sample::forward_request("e1")));
    relay.print(&["queue", "drop", &id]);
    let (_, audit) = get(&relay, "/v1/audit");
    assert_eq!(audit["entries"][0], old);
    assert_eq!(audit["entries"][1]["asked"]["ids"], json!([id]));
    assert_eq!(audit["entries"][1]["changed"], json!({"dropped": 1}));
    let (_, last) = get(&relay, "/v1/audit?limit=1");
    assert_eq!(
        (&last["entries"][0], &last["more"]),
        (&audit["entries"][1], &json!(true))
    );
}

#[test]
fn a_file_that_was_replaced_is_in_the_audit_with_what_came_of_it() {
    let peer = Peer::start();
    let more = "[routing]\nportability = \"ported\"\n[[table]]\nname = \"ported\"\nfile = \"ported.csv\"\n";
    let mut relay = Relay::stopped(&config(&peer, &format!("\n{more}")));
    let replace = |relay: &Relay, rows: &str| {
        std::fs::write(relay.path("aside.csv"), rows).expect("a writable folder");
        std::fs::rename(relay.path("aside.csv"), relay.path("ported.csv")).expect("a rename");
    };
    replace(&relay, "+15551000001,operator-b\n");
    relay.start_again();
    let noted = |relay: &Relay, count: usize| {
        eventually("the file is noted", || {
            let (_, audit) = get(relay, "/v1/audit?did=tables-reload");
            let entries = audit["entries"].as_array().expect("entries").clone();
            (entries.len() == count).then(|| entries[count - 1].clone())
        })
    };
    replace(&relay, "+15551000001,operator-b\n+15551000002,operator-a\n");
    let taken = noted(&relay, 1);
    assert_eq!(
        (&taken["who"], &taken["changed"]["taken"][0]),
        (&json!("a replaced file"), &json!("ported (2 rows)"))
    );
    replace(&relay, "+15551000001,operator-x\n");
    let refused = noted(&relay, 2);
    assert!(
        refused["refused"]["errors"][0]
            .as_str()
            .is_some_and(|why| why.contains("operator-x")),
        "{refused}"
    );
}
