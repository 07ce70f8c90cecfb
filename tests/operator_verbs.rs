//! Changes by operators to messages, peers, plug-ins and values: hold, reroute, limit, switch off.

use serde_json::json;

use crate::support::{
    Link, Peer, Relay, config, config_at, config_of, get, id_in, last_of_audit, own_address, post, sample,
};

/// Operators A, B (who is away) and C.
fn with_a_way_round(a: &Peer, c: &Peer) -> Relay {
    Relay::start(&config_of(
        &[("a", a.address()), ("b", &own_address()), ("c", c.address())],
        "",
    ))
}

#[test]
fn what_is_held_back_is_not_sent_until_it_is_released() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, ""));
    relay.print(&["peers", "pause", "operator-b", "--reason", "to hold one"]);
    let held = id_in(&relay.offer(&sample::forward_request("h1")));
    assert!(relay.offer(&sample::forward_request("h2")).starts_with("250"));
    let said = relay.print(&["queue", "hold", &held, "--reason", "the police asked"]);
    assert!(said.starts_with("1 held"), "{said}");
    relay.print(&["peers", "resume", "operator-b"]);
    assert!(peer.wait_for(1)[0].field("X-Mms-Message-ID").contains("h2@"));
    let list = relay.print(&["queue", "list", "--state", "held"]);
    assert!(list.contains(&held) && list.contains("the police asked"), "{list}");
    assert!(relay.print(&["status"]).contains("1 held"));
    let retried = relay.command(&["queue", "retry", &format!("{held}-1")]);
    assert!(
        String::from_utf8_lossy(&retried.stderr).contains("is held"),
        "{retried:?}"
    );
    let balance = relay.print(&["ledger", "check"]);
    assert!(!balance.contains("lost"), "{balance}");
    relay.print(&["queue", "release", &held]);
    assert_eq!(peer.wait_for(2).len(), 2);
    relay.wait_until_empty();
    let again = relay.command(&["queue", "hold", &held, "--reason", "too late"]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("is not in the queue"));
}

#[test]
fn what_waits_for_b_goes_through_c_instead_and_c_answers_for_it() {
    let (a, c) = (Peer::start(), Peer::start());
    let relay = with_a_way_round(&a, &c);
    let request = sample::with_body("r1", &["X-Mms-Ack-Request: Yes"], b"hello\r\n");
    let id = id_in(&relay.offer(&request));
    relay.wait_for_queue("  1 attempt  ");
    let said = relay.print(&["queue", "reroute", "--peer", "operator-b", "--to", "operator-c"]);
    assert_eq!(said, "1 destination to operator-c now\n");
    let taken = c.wait_for(1)[0].clone();
    assert_eq!(
        taken.to,
        [sample::TO],
        "the address is what it was: C has to know the way"
    );
    let response = taken.response("Ok");
    let to = taken.field("X-Mms-Originator-System");
    let answer = relay.client().transaction("system@mms.c.example", &[&to], &response);
    assert!(answer.starts_with("250"), "{answer}");
    assert_eq!(a.wait_for(1)[0].status(), "Ok");
    relay.wait_until_empty();
    let trace = relay.print(&["trace", &id]);
    assert!(trace.contains("re-route to operator-c"), "{trace}");
    assert_eq!(last_of_audit(&relay)["did"], "queue-reroute");
    let nothing = relay.command(&["queue", "reroute", &id, "--to", "operator-x"]);
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("there are: operator-a, operator-b, operator-c"));
}

#[test]
fn what_was_given_up_goes_another_way_too() {
    let (a, c) = (Peer::start(), Peer::start());
    let refusing = Peer::told(&["--refuse", "rcpt"]);
    let relay = Relay::start(&config_of(
        &[("a", a.address()), ("b", refusing.address()), ("c", c.address())],
        "",
    ));
    let id = id_in(&relay.offer(&sample::forward_request("r2")));
    relay.wait_for_queue("failed");
    let (status, done) = post(&relay, "/v1/queue/reroute", json!({"ids": [id], "to": "operator-c"}));
    assert_eq!((status, done), (200, json!({"rerouted": 1})));
    assert_eq!(c.wait_for(1).len(), 1);
    relay.wait_until_empty();
}

#[test]
fn a_message_can_be_had_octet_for_octet_as_received_and_as_sent_and_who_looked_is_noted() {
    let relay = Relay::start(&config_at(&own_address(), ""));
    let message = sample::forward_request("m1");
    let id = id_in(&relay.offer(&message));
    let received = relay.command(&["queue", "message", &id, "--received"]);
    assert_eq!(received.stdout, message);
    let file = relay.path("out.eml");
    relay.print(&["queue", "message", &id, "--out", file.to_str().expect("UTF-8")]);
    let sent = std::fs::read(&file).expect("it was written");
    assert!(
        sent.starts_with(b"Received: ") && sent.ends_with(b"hello\r\n"),
        "{sent:?}"
    );
    let looked = last_of_audit(&relay);
    assert_eq!(
        (&looked["did"], &looked["changed"]),
        (&json!("queue-content"), &json!({}))
    );
    let unknown = relay.path("none.eml");
    let none = relay.command(&[
        "queue",
        "message",
        "0000000000001",
        "--out",
        unknown.to_str().expect("UTF-8"),
    ]);
    assert!(!none.status.success() && !unknown.exists());
}

#[test]
fn a_large_message_comes_in_pieces() {
    let relay = Relay::start(&config_at(&own_address(), ""));
    let body = b"0123456789abcdef\r\n".repeat(100_000);
    let message = sample::with_body("m2", &[], &body);
    let id = id_in(&relay.offer(&message));
    let received = relay.command(&["queue", "message", &id, "--received"]);
    assert!(
        received.stdout == message,
        "{} octets of {}",
        received.stdout.len(),
        message.len()
    );
}

#[test]
fn everything_that_one_plug_in_holds_is_released_and_nothing_else() {
    let peer = Peer::start();
    let hold = Link::hostile("do = \"count\"").to_string();
    let relay = Relay::start(&config(&peer, &hold));
    let pictures = sample::picture("p1", &[]);
    assert!(relay.offer(&pictures).starts_with("250"));
    relay.wait_for_queue("held");
    let wrong = relay.command(&["queue", "release", "--plugin", "screen"]);
    assert!(
        String::from_utf8_lossy(&wrong.stderr).contains("there are: hostile"),
        "{wrong:?}"
    );
    let said = relay.print(&["queue", "release", "--plugin", "hostile", "--past", "hostile"]);
    assert!(said.starts_with("1 released past hostile"), "{said}");
    assert_eq!(peer.wait_for(1).len(), 1);
}

#[test]
fn messages_and_requests_to_a_number_are_found_also_when_they_have_arrived() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, ""));
    assert!(relay.offer(&sample::forward_request("n1")).starts_with("250"));
    relay.wait_until_empty();
    let found = relay.print(&["requests", "--to=+15555550199"]);
    assert!(found.contains("MM4_forward.REQ  from operator-a"), "{found}");
    assert!(found.contains("at operator-b: is delivered"), "{found}");
    let sender = relay.command(&["requests", "--to=15555550100"]);
    assert!(sender.stdout.is_empty(), "that is who sent it: {sender:?}");
    assert!(
        relay
            .print(&["requests", "--number=15555550100"])
            .contains("MM4_forward.REQ")
    );
    let (status, page) = get(&relay, "/v1/requests?peer=operator-b&state=open&limit=1");
    assert_eq!((status, page["requests"].as_array().map(Vec::len)), (200, Some(1)));
    assert_eq!(get(&relay, "/v1/requests?state=lost").1["type"], "unreadable");
}

#[test]
fn a_peer_is_sent_no_more_than_an_operator_wants_also_after_a_restart() {
    let peer = Peer::start();
    let mut relay = Relay::start(&config(&peer, ""));
    let said = relay.print(&["peers", "limit", "operator-b", "1/min", "--reason", "they asked for it"]);
    assert_eq!(said, "operator-b is sent no more than 1/min until somebody lifts it\n");
    for id in ["l1", "l2", "l3"] {
        assert!(relay.offer(&sample::forward_request(id)).starts_with("250"));
    }
    assert_eq!(peer.wait_for(1).len(), 1);
    relay.stop();
    relay.start_again();
    relay.process().wait_for_log("event=peer-limited");
    let shown = relay.print(&["peers"]);
    assert!(
        shown.contains("is sent no more than 1/min since") && shown.contains("they asked for it"),
        "{shown}"
    );
    relay.print(&["peers", "unlimit", "operator-b"]);
    assert_eq!(peer.wait_for(3).len(), 3);
    let (status, problem) = post(
        &relay,
        "/v1/peers/operator-b/limit",
        json!({"rate": "fast", "reason": "r"}),
    );
    assert_eq!((status, &problem["type"]), (400, &json!("unreadable")));
}

#[test]
fn a_plug_in_that_is_switched_off_sees_nothing_until_it_is_switched_on() {
    let peer = Peer::start();
    let mut relay = Relay::start(&config(&peer, &Link::hostile("do = \"count\"").to_string()));
    relay.print(&["plugin", "off", "hostile", "--reason", "it holds everything"]);
    assert!(relay.offer(&sample::picture("o1", &[])).starts_with("250"));
    assert_eq!(peer.wait_for(1).len(), 1);
    relay.stop();
    relay.start_again();
    assert!(relay.offer(&sample::picture("o2", &[])).starts_with("250"));
    assert_eq!(peer.wait_for(2).len(), 2, "a restart does not switch it on");
    let (_, plugins) = get(&relay, "/v1/plugins");
    assert_eq!(plugins["plugins"][0]["off"]["reason"], "it holds everything");
    relay.print(&["plugin", "on", "hostile"]);
    assert!(relay.offer(&sample::picture("o3", &[])).starts_with("250"));
    relay.wait_for_queue("held");
    let listed = relay.print(&["plugin", "list"]);
    assert!(
        listed.contains("calls      1 hold; failed: none; not called: 0"),
        "{listed}"
    );
}

#[test]
fn an_operator_closes_a_breaker() {
    let peer = Peer::start();
    let breaker = "\n[plugin.breaker]\nfailures = 1\nfirst = \"1 h\"\nlongest = \"1 h\"\n";
    let link = Link::hostile("do = \"ask\"").on_failure("refuse").to_string();
    let relay = Relay::start(&config(
        &peer,
        &link.replace("\n[plugin.settings]", &format!("{breaker}[plugin.settings]")),
    ));
    assert!(relay.offer(&sample::picture("b1", &["X-Do: trap"])).starts_with("554"));
    let state = || get(&relay, "/v1/plugins").1["plugins"][0].clone();
    assert_eq!(
        state()["breaker-of-peers"],
        json!({"operator-a": "open"}),
        "{}",
        state()
    );
    assert_eq!(state()["failures"]["trap"], json!(1));
    let said = relay.print(&["plugin", "reset", "hostile"]);
    assert!(
        said.contains("hostile is called again") && said.contains("operator-a"),
        "{said}"
    );
    assert_eq!(state()["breaker-of-peers"], json!({}));
    assert_eq!(get(&relay, "/v1/plugins").1["plugins"][0]["not-called"], json!(0));
}

#[test]
fn values_of_plug_ins_are_seen_and_changed_at_the_door_with_before_and_after_in_the_audit() {
    let peer = Peer::start();
    let mut relay = Relay::start(&config(&peer, &Link::hostile("do = \"pass\"").to_string()));
    let (status, done) = post(&relay, "/v1/kv/hostile/a%2Fkey/set", json!({"value": "one"}));
    assert_eq!((status, done), (200, json!({"before": null, "after": {"text": "one"}})));
    relay.print(&["kv", "set", "hostile", "a/key", "two"]);
    let noted = last_of_audit(&relay);
    assert_eq!(noted["did"], "kv-set");
    assert_eq!(
        noted["changed"],
        json!({"before": {"text": "one"}, "after": {"text": "two"}})
    );
    assert_eq!(get(&relay, "/v1/kv/hostile/a%2Fkey").1["value"], json!({"text": "two"}));
    assert_eq!(relay.print(&["kv", "list", "hostile"]), "hostile  a/key = two\n");
    let slip = relay.command(&["kv", "set", "hostil", "a/key", "three"]);
    assert!(
        String::from_utf8_lossy(&slip.stderr).contains("there are: hostile"),
        "{slip:?}"
    );
    relay.stop();
    relay.print(&["kv", "delete", "hostile", "a/key"]);
    let log = relay.print(&["kv", "log"]);
    assert_eq!(log.lines().count(), 3, "{log}");
}

#[test]
fn what_a_reload_would_change_is_said_before_it_is_made() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, ""));
    assert!(relay.print(&["reload", "--dry-run"]).contains("is what runs"));
    relay.configure(&config(&peer, "rate = \"5/s\"\n[limits]\nsessions = 7\n"));
    let (status, compared) = get(&relay, "/v1/configuration/compare");
    assert_eq!(status, 200);
    assert_eq!(
        compared["changes"],
        json!([
            "peer operator-b differs",
            "[limits] differs: that takes a restart, a reload leaves it as it runs"
        ])
    );
    relay.configure(&config(&peer, "\n[[route]]\nprefix = \"+1555\"\npeer = \"nobody\"\n"));
    let wrong = relay.command(&["reload", "--dry-run"]);
    assert!(
        !wrong.status.success() && String::from_utf8_lossy(&wrong.stderr).contains("nobody"),
        "{wrong:?}"
    );
}

#[test]
fn without_a_configuration_every_command_takes_the_one_in_the_folder() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, ""));
    for words in [
        &["status"][..],
        &["queue", "list"],
        &["peers"],
        &["audit"],
        &["check"],
        &["plugin", "list"],
    ] {
        let mut command = std::process::Command::new(crate::support::binary());
        let said = command
            .args(words)
            .current_dir(relay.folder())
            .output()
            .expect("it starts");
        assert!(said.status.success(), "{words:?}: {said:?}");
    }
}

#[test]
fn entries_of_the_audit_go_by_command_and_by_their_age() {
    let mut relay = Relay::start(&config_at(&own_address(), ""));
    relay.print(&["peers", "pause", "operator-b", "--reason", "r"]);
    assert_eq!(
        relay.print(&["audit", "purge", "--older-than", "1 h"]),
        "0 entries removed\n"
    );
    assert!(relay.print(&["audit"]).contains("peer-pause"));
    let removed = relay.print(&["audit", "purge", "--older-than", "1 ms"]);
    assert_eq!(removed, "2 entries removed\n", "the pause, and the purge before");
    let left = relay.print(&["audit"]);
    assert!(left.contains("audit-purge") && !left.contains("peer-pause"), "{left}");
    relay.configure(&config_at(&own_address(), "\n[audit]\nkeep = \"1 s\"\n"));
    relay.stop();
    relay.start_again();
    relay.process().wait_for_log("event=audit-purged");
}
