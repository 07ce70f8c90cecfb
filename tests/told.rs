//! Who is told what: the table of docs/architecture.md, a cell for each line here.
//!
//! A cell is what a request asks for, what goes wrong, and what its sender hears of it. Whoever can be told nothing is a
//! dead letter: the log says so, and an operator finds it in the queue. What fails in part is in `told_in_part`, what time
//! decides in `told_late`.

use crate::support::{B_SYSTEM, Exchange, Link, Taken, Terms, eventually, sample};

pub const ACK: &str = "X-Mms-Ack-Request: Yes";
pub const REPORT: &str = "X-Mms-Delivery-Report: Yes";

/// Recipients that operator B refuses, and that it never takes.
pub const REFUSED: &str = "refuse-me@mms.b.example";
pub const NEVER: &str = "defer-me@mms.b.example";

/// What operator A receives.
#[derive(Debug, PartialEq)]
pub enum Hears {
    Response(&'static str),
    Report(&'static str),
    Bounce,
    Nothing,
}
use Hears::{Bounce, Nothing, Report, Response};

/// What a request asks for, and from whom it comes.
pub type Asks = (&'static [&'static str], &'static str);

pub const FOR_ALL: Asks = (&[ACK, REPORT], sample::FROM);
pub const FOR_A_RESPONSE: Asks = (&[ACK], sample::FROM);
pub const FOR_A_REPORT: Asks = (&[REPORT], sample::FROM);
pub const FOR_NOTHING: Asks = (&[], sample::FROM);
/// The null sender cannot be bounced to.
pub const FROM_NOBODY: Asks = (&[], "");

/// Sends a request for each cell, to the same recipients, and compares what A receives for each.
pub fn told(exchange: &Exchange, to: &[&str], more: &[&str], cells: &[(Asks, Hears)]) {
    for (number, ((asks, sender), expected)) in cells.iter().enumerate() {
        let id = format!("cell{number}-{}", exchange.a.taken().len());
        let lines: Vec<&str> = asks.iter().chain(more).copied().collect();
        let before = (exchange.a.taken().len(), dead_letters(exchange));
        exchange.say(sender, to, &sample::picture(&id, &lines));
        let heard = hears(exchange, before, *expected == Nothing);
        assert_eq!(heard, *expected, "{asks:?} from <{sender}> to {to:?}");
    }
    exchange.relay.process().log();
}

/// What A hears after it had heard `before.0` messages; nothing, once there is another dead letter.
pub fn hears(exchange: &Exchange, before: (usize, usize), nothing: bool) -> Hears {
    if nothing {
        eventually("a dead letter", || (dead_letters(exchange) > before.1).then_some(()));
        assert_eq!(exchange.a.taken().len(), before.0);
        return Nothing;
    }
    word(&exchange.a.wait_for(before.0 + 1)[before.0])
}

pub fn word(taken: &Taken) -> Hears {
    let known = |statuses: &[&'static str], status: &str| *statuses.iter().find(|s| **s == status).unwrap_or(&"?");
    match taken.kind().as_str() {
        "MM4_forward.RES" | "MM4_delivery_report.RES" => Response(known(
            &[
                "Ok",
                "Error-sending-address-unresolved",
                "Error-network-problem",
                "Error-service-denied",
                "Error-content-not-accepted",
                "Error-unspecified",
            ],
            &taken.status(),
        )),
        "MM4_delivery_report.REQ" => Report(known(
            &["Rejected", "Expired", "Unreachable", "Indeterminate"],
            &taken.field("X-Mms-MM-Status-Code"),
        )),
        _ if taken.text().contains("message/delivery-status") => Bounce,
        other => panic!("what is {other:?}? {}", taken.text()),
    }
}

pub fn dead_letters(exchange: &Exchange) -> usize {
    exchange.relay.process().log().matches("dead letter").count()
}

#[test]
fn a_next_hop_that_refuses_after_our_250() {
    let exchange = Exchange::start();
    told(
        &exchange,
        &[REFUSED],
        &[],
        &[
            (FOR_ALL, Response("Error-service-denied")),
            (FOR_A_RESPONSE, Response("Error-service-denied")),
            (FOR_A_REPORT, Report("Rejected")),
            (FOR_NOTHING, Bounce),
            (FROM_NOBODY, Nothing),
        ],
    );
    assert!(
        exchange
            .relay
            .print(&["queue", "list", "--state", "failed"])
            .contains("refuse-me")
    );
}

#[test]
fn a_message_that_expires_on_its_way_is_sent_no_more() {
    let exchange = Exchange::start();
    told(
        &exchange,
        &[NEVER],
        &["X-Mms-Expiry: 1"],
        &[
            (FOR_ALL, Response("Error-network-problem")),
            (FOR_A_REPORT, Report("Expired")),
            (FOR_NOTHING, Bounce),
            (FROM_NOBODY, Nothing),
        ],
    );
}

#[test]
fn a_bounce_returns_the_header_as_it_was_received() {
    let exchange = Exchange::start();
    let lines = [
        "X-Folded: one\r\n two",
        "x-CASE:kept",
        "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=",
    ];
    let request = sample::with_body("k1", &lines, b"hello\r\n");
    exchange.say(sample::FROM, &[REFUSED], &request);
    let bounce = exchange.a.wait_for(1)[0].text();
    let header = String::from_utf8(request).expect("ASCII");
    let header = header.split_inclusive("\r\n\r\n").next().expect("a header").trim_end();
    let (_, returned) = bounce
        .split_once("Content-Type: text/rfc822-headers\r\n\r\n")
        .expect("it returns a header");
    assert!(returned.starts_with(&format!("{header}\r\n\r\n--")), "{bounce}");
}

/// Both were acknowledged.
#[test]
fn a_copy_of_what_came_to_nothing_is_a_request_of_its_own_and_is_told_of_again() {
    for mode in ["transparent", "pre-acknowledge"] {
        let exchange = Exchange::on(&Terms {
            a: &format!("mode = \"{mode}\""),
            ..Terms::default()
        });
        let message = sample::with_body("k1", &[], b"hello\r\n");
        for copies in 1..=2 {
            exchange.say(sample::FROM, &[REFUSED], &message);
            assert_eq!(word(&exchange.a.wait_for(copies)[copies - 1]), Bounce);
        }
        let traced = exchange.relay.print(&["trace", "k1@mms.a.example"]);
        assert_eq!(traced.matches("MM4_forward.REQ from operator-a").count(), 2, "{traced}");
        assert_eq!(
            traced.matches("the failure of 1 recipients is reported").count(),
            2,
            "{traced}"
        );
    }
}

#[test]
fn peers_that_want_no_bounces_get_none() {
    let exchange = Exchange::on(&Terms {
        a: "bounces = false",
        ..Terms::default()
    });
    told(
        &exchange,
        &[REFUSED],
        &[],
        &[(FOR_NOTHING, Nothing), (FOR_A_REPORT, Report("Rejected"))],
    );
    exchange.say(sample::FROM, &[REFUSED], &sample::with_body("k7", &[], b"hello\r\n"));
    eventually("the trace says that nobody is notified", || {
        let traced = exchange.relay.print(&["trace", "k7@mms.a.example"]);
        traced
            .contains("the failure of 1 recipients cannot be reported")
            .then_some(())
    });
}

#[test]
fn pre_acknowledged_requests_are_answered_already() {
    let exchange = Exchange::on(&Terms {
        a: "mode = \"pre-acknowledge\"",
        ..Terms::default()
    });
    told(
        &exchange,
        &[REFUSED],
        &[],
        &[
            (FOR_A_REPORT, Report("Rejected")),
            (FOR_NOTHING, Bounce),
            (FROM_NOBODY, Nothing),
        ],
    );
    // Whoever asked for a response has one by the time, and hears of the failure as well.
    let before = exchange.a.taken().len();
    exchange.say(
        sample::FROM,
        &[NEVER],
        &sample::with_body("k1", &[ACK, REPORT, "X-Mms-Expiry: 1"], b"hello\r\n"),
    );
    let heard = exchange.a.wait_for(before + 2);
    assert_eq!(
        [word(&heard[before]), word(&heard[before + 1])],
        [Response("Ok"), Report("Expired")]
    );
}

#[test]
fn a_far_end_that_answers_with_an_error() {
    // Transparent: its own words, also to those who did not ask for them.
    let exchange = Exchange::start();
    for (number, asks) in [ACK, REPORT].into_iter().enumerate() {
        let at_b = exchange.asked(&format!("k{number}"), &[asks]);
        let response = exchange.respond(&at_b, "Error-content-not-accepted");
        assert_eq!(exchange.a.wait_for(number + 1)[number].without_trace(), response);
    }
    // Pre-acknowledged: no bounce, because nothing bounced.
    let exchange = Exchange::on(&Terms {
        a: "mode = \"pre-acknowledge\"",
        ..Terms::default()
    });
    let mut heard = Vec::new();
    for (id, asks, waits_for) in [("k1", REPORT, 1), ("k2", "X-Nothing: x", 0)] {
        let (at_a, dead) = (exchange.a.taken().len(), dead_letters(&exchange));
        let at_b = exchange.asked(id, &[asks]);
        exchange.respond(&at_b, "Error-content-not-accepted");
        heard.push(hears(&exchange, (at_a, dead), waits_for == 0));
    }
    assert_eq!(heard, [Report("Rejected"), Nothing]);
}

#[test]
fn a_bounce_that_comes_back_is_matched_and_told() {
    let exchange = Exchange::start();
    let bounced = |id: &str, asks: &[&str]| {
        let at_b = exchange.asked(id, asks);
        exchange.relay.wait_until_empty();
        let bounce = at_b.bounce();
        // The null sender is not told apart by its domain: what comes from loopback without one is the first peer's.
        let before = exchange.a.taken().len();
        exchange.say("MAILER-DAEMON@mms.b.example", &[sample::FROM], &bounce);
        word(&exchange.a.wait_for(before + 1)[before])
    };
    assert_eq!(bounced("k1", &[ACK]), Response("Error-sending-address-unresolved"));
    assert_eq!(bounced("k2", &[REPORT]), Report("Unreachable"));
    assert_eq!(bounced("k3", &[]), Bounce);
}

#[test]
fn a_response_that_cannot_be_delivered_is_dropped_and_answered_by_nobody() {
    let exchange = Exchange::on(&Terms {
        a_does: &["--refuse", "rcpt"],
        ..Terms::default()
    });
    let at_b = exchange.asked("k1", &[ACK]);
    let before = exchange.b.taken().len();
    exchange.respond(&at_b, "Ok");
    exchange.relay.wait_until_empty();
    assert_eq!((exchange.b.taken().len(), exchange.a.taken().len()), (before, 0));
    // The relay's own bounce as well.
    exchange.say(sample::FROM, &[REFUSED], &sample::with_body("k2", &[], b"hello\r\n"));
    exchange.wait_for_log("told: a bounce");
    let failed = eventually("only the request has failed", || {
        let list = exchange.relay.print(&["queue", "list"]);
        (list.matches("operator-a").count() <= 1).then_some(list)
    });
    assert!(failed.contains("refuse-me"), "{failed}");
}

#[test]
fn a_report_that_cannot_be_delivered_is_answered_if_it_asked_for_that_and_never_reported() {
    let exchange = Exchange::on(&Terms {
        a_does: &["--refuse", "rcpt"],
        ..Terms::default()
    });
    let at_b = exchange.asked("k1", &[REPORT]);
    let report = at_b.delivery_report("d1", "Retrieved", &format!("{ACK}\r\n"));
    exchange.say(B_SYSTEM, &[sample::FROM], &report);
    let heard = exchange.b.wait_for(2)[1].clone();
    assert_eq!(heard.kind(), "MM4_delivery_report.RES");
    assert!(heard.status().starts_with("Error-"));
    exchange.say(B_SYSTEM, &[sample::FROM], &at_b.delivery_report("d2", "Retrieved", ""));
    eventually("a dead letter", || (dead_letters(&exchange) == 1).then_some(()));
    assert_eq!(exchange.b.taken().len(), 2);
}

/// A plug-in that does what each picture asks for in `X-Do`.
fn with_hostile(a: &str) -> Exchange {
    let hostile = Link::hostile("do = \"ask\"").to_string();
    Exchange::on(&Terms {
        a,
        more: &hostile,
        ..Terms::default()
    })
}

#[test]
fn held_and_discarded_messages_look_taken() {
    let exchange = with_hostile("");
    for what in ["X-Do: count", "X-Do: discard"] {
        told(&exchange, &[sample::TO], &[what], &[(FOR_ALL, Response("Ok"))]);
        let before = exchange.a.taken().len();
        exchange.say(sample::FROM, &[sample::TO], &sample::picture(what, &[REPORT, what]));
        exchange.asked(&format!("marker {what}"), &[]);
        assert_eq!((exchange.a.taken().len(), dead_letters(&exchange)), (before, 0));
    }
}

#[test]
fn a_refusal_before_250_is_a_reply_or_a_response_as_both_agreed() {
    let (reply, response) = (with_hostile(""), with_hostile("refuse-with = \"response\""));
    let refused = |exchange: &Exchange, id: &str, asks: &[&str]| {
        let lines: Vec<&str> = asks.iter().copied().chain(["X-Do: refuse"]).collect();
        exchange.offer(sample::FROM, &[sample::TO], &sample::picture(id, &lines))
    };
    for asks in [&[ACK, REPORT][..], &[REPORT], &[]] {
        assert!(refused(&reply, "k1", asks).starts_with("55"), "{asks:?}");
    }
    // Nothing to answer with: a reply all the same.
    assert!(refused(&response, "k1", &[REPORT]).starts_with("55"));
    assert!(refused(&response, "k2", &[ACK]).starts_with("250"));
    let heard = response.a.wait_for(1)[0].clone();
    assert_eq!(heard.kind(), "MM4_forward.RES");
    assert!(heard.status().starts_with("Error-"), "{}", heard.text());
    response.relay.wait_until_empty();
    assert_eq!((response.a.taken().len(), response.b.taken().len()), (1, 0));
}

#[test]
fn what_is_refused_from_the_spool_is_told() {
    let a = "answer-within = \"100 ms\"";
    let hostile = Link::hostile("do = \"ask\"")
        .limits("time = \"1500 ms\"")
        .on_failure("refuse")
        .to_string();
    let exchange = Exchange::on(&Terms {
        a,
        more: &hostile,
        ..Terms::default()
    });
    // Each run takes longer than A waits; the one from the spool comes to its limit, and refuses.
    told(
        &exchange,
        &[sample::TO],
        &["X-Do: loop"],
        &[
            (FOR_ALL, Response("Error-unspecified")),
            (FOR_A_REPORT, Report("Indeterminate")),
            (FOR_NOTHING, Nothing),
        ],
    );
    assert!(
        exchange
            .relay
            .print(&["queue", "list", "--state", "failed"])
            .contains("hostile")
    );
}
