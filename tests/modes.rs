//! Who owns a request: in transparent mode the peer that asks, which repeats it; in pre-acknowledge mode the relay.

use crate::support::{Exchange, Link, Taken, Terms, eventually, sample};

const ACK: &str = "X-Mms-Ack-Request: Yes";
const REPORT: &str = "X-Mms-Delivery-Report: Yes";

/// Operator A's mode is another one from now on.
fn change_mode(exchange: &Exchange, from: &str, to: &str, reloads: usize) {
    let relay = &exchange.relay;
    let config = std::fs::read_to_string(relay.path("relay.toml")).expect("what was configured");
    let mode = |mode: &str| format!("mode = \"{mode}\"");
    assert!(config.contains(&mode(from)));
    relay.configure(&config.replace(&mode(from), &mode(to)));
    relay.reload();
    eventually("the configuration is reloaded", || {
        let log = relay.process().log();
        (log.matches("configuration reloaded").count() == reloads).then_some(())
    });
}

/// What operator B has of this message, once it has it so many times.
fn at_b(exchange: &Exchange, id: &str, times: usize) -> Vec<Taken> {
    eventually(&format!("B has {id} {times} times"), || {
        let mut taken = exchange.b.taken();
        taken.retain(|taken| taken.field("X-Mms-Message-ID").contains(id));
        (taken.len() == times).then_some(taken)
    })
}

/// How often it was charged that operator B has taken something.
fn charged_to_b(exchange: &Exchange) -> usize {
    let to_b = |record: &&serde_json::Value| {
        record["record-type"] == "relay-out" && record["destination-peer"] == "operator-b"
    };
    exchange.relay.charging_records().iter().filter(to_b).count()
}

#[test]
fn pre_acknowledge_answers_at_once_asks_in_its_own_name_and_repeats() {
    let charging = Link::bundled("charging", "").to_string();
    let exchange = Exchange::on(&Terms {
        a: "mode = \"pre-acknowledge\"",
        b: "response-within = \"1 s\"\nrepeats = 1",
        more: &charging,
        ..Terms::default()
    });
    let at_b = exchange.asked("k1", &[ACK, REPORT]);
    let heard = exchange.a.wait_for(1)[0].clone();
    assert_eq!((heard.kind(), heard.status()), ("MM4_forward.RES".into(), "Ok".into()));
    assert_eq!(at_b.field("X-Mms-Originator-System"), "mm4relay@mms.hub.example");
    assert_eq!(at_b.field("X-Mms-Ack-Request"), "Yes");
    assert!(at_b.field("X-Mms-Transaction-ID").contains("@mm4.hub.example"));
    assert_eq!(at_b.field("X-Mms-Message-ID"), "\"k1@mms.a.example\"");
    // Nothing is answered: once more, under the same ID, and then it is given up.
    let again = exchange.b.wait_for(2)[1].clone();
    assert_eq!(again.field("X-Mms-Transaction-ID"), at_b.field("X-Mms-Transaction-ID"));
    let report = exchange.a.wait_for(2)[1].clone();
    assert_eq!(
        (report.kind(), report.field("X-Mms-MM-Status-Code")),
        ("MM4_delivery_report.REQ".into(), "Indeterminate".into())
    );
    exchange.relay.wait_until_empty();
    assert_eq!((exchange.a.taken().len(), exchange.b.taken().len()), (2, 2));
    // A repeat is not charged; what the relay said itself is, under its own name.
    let records = exchange.relay.charging_records();
    let to_b = records
        .iter()
        .filter(|record| record["record-type"] == "relay-out" && record["destination-peer"] == "operator-b");
    assert_eq!(to_b.count(), 1, "{records:?}");
    let own = records.iter().filter(|record| record["source-peer"] == "mm4relay");
    assert!(own.count() >= 2, "{records:?}");
}

#[test]
fn pre_acknowledge_keeps_the_far_ends_response_to_itself_and_reports_an_error() {
    let exchange = Exchange::on(&Terms {
        a: "mode = \"pre-acknowledge\"",
        ..Terms::default()
    });
    let good = exchange.asked("k1", &[ACK, REPORT]);
    exchange.respond(&good, "Ok");
    let bad = exchange.asked("k2", &[ACK, REPORT]);
    exchange.respond(&bad, "Error-content-not-accepted");
    let report = eventually("a report", || {
        exchange
            .a
            .taken()
            .into_iter()
            .find(|taken| taken.kind().contains("report"))
    });
    assert_eq!(report.field("X-Mms-MM-Status-Code"), "Rejected");
    assert_eq!(report.field("X-Mms-Message-ID"), "\"k2@mms.a.example\"");
    exchange.relay.wait_until_empty();
    let statuses: Vec<String> = exchange
        .a
        .taken()
        .iter()
        .map(Taken::status)
        .filter(|s| !s.is_empty())
        .collect();
    assert_eq!(statuses, ["Ok", "Ok"], "only the relay's own");
    assert_eq!(exchange.a.taken().len(), 3);
}

#[test]
fn a_repeat_in_pre_acknowledge_mode_is_answered_and_not_forwarded() {
    let exchange = Exchange::on(&Terms {
        a: "mode = \"pre-acknowledge\"",
        ..Terms::default()
    });
    exchange.asked("k1", &[ACK]);
    exchange.a.wait_for(1);
    exchange.ask(&sample::with_body("k1", &[ACK], b"hello\r\n"));
    assert_eq!(exchange.a.wait_for(2)[1].status(), "Ok");
    assert_eq!(exchange.b.taken().len(), 1);
}

#[test]
fn a_repeat_is_forwarded_again_until_it_is_answered_and_then_gets_that_answer_again() {
    let exchange = Exchange::start();
    let message = sample::with_body("k1", &[ACK], b"hello\r\n");
    let at_b = exchange.asked("k1", &[ACK]);
    exchange.relay.wait_until_empty();
    exchange.ask(&message);
    assert_eq!(exchange.b.wait_for(2)[1].without_trace(), message);
    exchange.respond(&at_b, "Error-service-denied");
    exchange.a.wait_for(1);
    exchange.relay.wait_until_empty();
    exchange.ask(&message);
    let heard = exchange.a.wait_for(2)[1].clone();
    assert_eq!(
        (heard.status(), heard.field("X-Mms-Transaction-ID")),
        ("Error-service-denied".into(), "\"k1@mms.a.example\"".into())
    );
    exchange.relay.wait_until_empty();
    assert_eq!((exchange.a.taken().len(), exchange.b.taken().len()), (2, 2));
}

#[test]
fn a_mode_that_changes_while_requests_are_open_holds_for_new_ones_only() {
    let charging = Link::bundled("charging", "").to_string();
    let exchange = Exchange::on(&Terms {
        a: "mode = \"transparent\"",
        b: "response-within = \"1 s\"\nrepeats = 1",
        more: &charging,
        ..Terms::default()
    });
    let request = |id: &str| sample::with_body(id, &[ACK, REPORT], b"hello\r\n");
    exchange.ask(&request("k1"));
    let own = at_b(&exchange, "k1", 1).remove(0);

    change_mode(&exchange, "transparent", "pre-acknowledge", 1);
    exchange.ask(&request("k2"));
    let heard = exchange.a.wait_for(1)[0].clone();
    assert_eq!(
        (heard.status(), heard.field("X-Mms-Message-ID").contains("k2")),
        ("Ok".into(), true)
    );
    let taken_over = at_b(&exchange, "k2", 1).remove(0);
    assert_eq!(taken_over.field("X-Mms-Originator-System"), "mm4relay@mms.hub.example");
    // What was asked before is answered in B's words, and not by the relay.
    let response = exchange.respond(&own, "Error-service-denied");
    assert_eq!(exchange.a.wait_for(2)[1].without_trace(), response);

    change_mode(&exchange, "pre-acknowledge", "transparent", 2);
    exchange.ask(&request("k3"));
    let again = at_b(&exchange, "k3", 1).remove(0);
    assert_eq!(again.without_trace(), request("k3"));
    // What was taken over is still repeated, under its ID, and given up by the relay.
    let repeat = at_b(&exchange, "k2", 2).remove(1);
    assert_eq!(
        repeat.field("X-Mms-Transaction-ID"),
        taken_over.field("X-Mms-Transaction-ID")
    );
    let report = exchange.a.wait_for(3)[2].clone();
    assert_eq!(
        (
            report.field("X-Mms-MM-Status-Code"),
            report.field("X-Mms-Message-ID").contains("k2")
        ),
        ("Indeterminate".into(), true)
    );
    let response = exchange.respond(&again, "Ok");
    assert_eq!(exchange.a.wait_for(4)[3].without_trace(), response);
    exchange.relay.wait_until_empty();
    assert_eq!((exchange.a.taken().len(), exchange.b.taken().len()), (4, 4));
    assert_eq!(
        charged_to_b(&exchange),
        3,
        "a repeat is not charged, whatever the mode is by then"
    );
}

#[test]
fn a_mode_that_changed_while_the_relay_was_down_holds_for_new_ones_only() {
    let charging = Link::bundled("charging", "").to_string();
    let mut exchange = Exchange::on(&Terms {
        a: "mode = \"pre-acknowledge\"",
        b: "response-within = \"1 s\"\nrepeats = 1",
        more: &charging,
        ..Terms::default()
    });
    exchange.asked("k1", &[REPORT]);
    exchange.relay.kill();
    let config = std::fs::read_to_string(exchange.relay.path("relay.toml")).expect("what was configured");
    exchange
        .relay
        .configure(&config.replace("pre-acknowledge", "transparent"));
    exchange.relay.start_again();
    at_b(&exchange, "k1", 2);
    let report = exchange.a.wait_for(1)[0].clone();
    assert_eq!(report.field("X-Mms-MM-Status-Code"), "Indeterminate");
    exchange.relay.wait_until_empty();
    assert_eq!(charged_to_b(&exchange), 1);
}

/// The first copy is delivered and never answered; the trace of the request says what becomes of the second.
fn traced_repeat(b_does: &[&str], more: &str, expected: &str) -> (Exchange, String) {
    let exchange = Exchange::on(&Terms {
        b_does,
        ..Terms::default()
    });
    exchange.asked("k1", &[ACK]);
    exchange.relay.wait_until_empty();
    exchange.ask(&sample::with_body("k1", &[ACK, more], b"hello\r\n"));
    let traced = eventually(&format!("the trace says {expected:?}"), || {
        let traced = exchange.relay.print(&["trace", "k1@mms.a.example"]);
        let (_, repeat) = traced.split_once("the request came again")?;
        repeat.contains(expected).then(|| traced.clone())
    });
    (exchange, traced)
}

#[test]
fn what_becomes_of_a_repeat_that_is_forwarded_again_is_in_the_trace_of_its_request() {
    let (exchange, traced) = traced_repeat(&[], "X-Again: yes", ": 250 ");
    assert_eq!(traced.matches("  delivered ").count(), 2, "{traced}");
    // Which of the two copies bounces is not known, and does not matter: nobody else will answer.
    let bounce = exchange.b.wait_for(2)[1].bounce();
    exchange.say("MAILER-DAEMON@mms.b.example", &[sample::FROM], &bounce);
    assert_eq!(exchange.a.wait_for(1)[0].status(), "Error-sending-address-unresolved");
    let traced = exchange.relay.print(&["trace", "k1@mms.a.example"]);
    let refused = "destination 1 will not reach 1 of its recipients: Error-sending-address-unresolved";
    assert!(traced.contains(refused), "{traced}");
    for (b_does, expected) in [
        (["--refuse", "rcpt", "--after", "1"], "  failed "),
        (["--defer", "rcpt", "--after", "1"], "expired after "),
    ] {
        let (exchange, traced) = traced_repeat(&b_does, "X-Mms-Expiry: 1", expected);
        // B has the first copy, and may answer it yet.
        let now = traced.split_once("\nnow\n").expect("how it stands now").1;
        assert!(now.starts_with("    operator-b is delivered"), "{traced}");
        assert!(now.contains("operator-a was not answered\n"), "{traced}");
        assert_eq!(exchange.a.taken().len(), 0);
    }
}
