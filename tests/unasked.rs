//! Answers from somebody who was not asked: who may answer what, in every mode. The files under test are
//! `transactions/unasked.rs` and `relay/open_requests.rs`.

use crate::support::{A_SYSTEM, AT_C, B_SYSTEM, Exchange, Peer, Relay, Taken, Terms, sample};

const ACK: &str = "X-Mms-Ack-Request: Yes";
const REPORT: &str = "X-Mms-Delivery-Report: Yes";

const C_SYSTEM: &str = "system@mms.c.example";
const REFUSED: &str = "550 5.7.1 ";

/// Operator C says this, and must hear that it was not asked.
fn refused_of_c(exchange: &Exchange, to: &str, message: &[u8]) {
    let answer = exchange.offer(C_SYSTEM, &[to], message);
    assert!(
        answer.starts_with(REFUSED) && answer.contains(" answers a request that was not asked of you"),
        "{answer}"
    );
}

fn replaced(message: &[u8], old: &str, new: &str) -> Vec<u8> {
    let text = String::from_utf8(message.to_vec()).expect("ASCII");
    assert!(text.contains(old), "{text}");
    text.replace(old, new).into_bytes()
}

/// Everything that an operator could answer to what B was asked.
fn answers(asked: &Taken) -> Vec<Vec<u8>> {
    let response = asked.response("Error-service-denied");
    let id = asked.field("X-Mms-Transaction-ID");
    vec![
        // Without its quotes, which some peers do not send back.
        replaced(&response, &id, id.trim_matches('"')),
        // Either of the IDs identifies the request for the peer that sent it.
        replaced(&response, "X-Mms-Message-Id: \"k1@", "X-Mms-Message-Id: \"mbuni-7@"),
        replaced(
            &response,
            &format!("X-Mms-Transaction-Id: {id}"),
            "X-Mms-Transaction-Id: other",
        ),
        response,
        asked.delivery_report("d1", "Rejected", ""),
        asked.delivery_report("d2", "Rejected", &format!("{ACK}\r\n")),
        asked.read_reply_report("r1", ""),
        asked.bounce(),
    ]
}

#[test]
fn nobody_but_the_one_who_was_asked_answers_in_any_mode() {
    for mode in ["transparent", "pre-acknowledge"] {
        let exchange = Exchange::on(&Terms {
            a: &format!("mode = \"{mode}\""),
            ..Terms::default()
        });
        let at_b = exchange.asked("k1", &[ACK, REPORT]);
        // The relay's own `Ok`, where it takes the request over.
        let heard = usize::from(mode == "pre-acknowledge");
        exchange.a.wait_for(heard);
        for answer in answers(&at_b) {
            refused_of_c(&exchange, sample::FROM, &answer);
            refused_of_c(&exchange, A_SYSTEM, &answer);
        }
        let of_a = replaced(
            &at_b.response("Error-service-denied"),
            &at_b.field("X-Mms-Transaction-ID"),
            "\"k1@mms.a.example\"",
        );
        refused_of_c(&exchange, A_SYSTEM, &of_a);
        assert_eq!(exchange.a.taken().len(), heard, "{mode}: nothing of it reached A");

        // And the peer that was asked is heard.
        exchange.respond(&at_b, "Ok");
        exchange.say(B_SYSTEM, &[sample::FROM], &at_b.delivery_report("d9", "Retrieved", ""));
        let report = exchange.a.wait_for(heard + usize::from(mode == "transparent") + 1);
        assert!(
            report
                .iter()
                .any(|taken| taken.field("X-Mms-MM-Status-Code") == "Retrieved")
        );
        assert!(
            report
                .iter()
                .all(|taken| !taken.text().contains("denied") && !taken.text().contains("Rejected"))
        );
    }
}

#[test]
fn a_refused_answer_is_logged_with_its_peer_and_counted_by_kind() {
    let exchange = Exchange::on(&Terms {
        more: "[monitoring]\nlisten = \"127.0.0.1:0\"\n",
        ..Terms::default()
    });
    let at_b = exchange.asked("k1", &[ACK, REPORT]);
    refused_of_c(&exchange, A_SYSTEM, &at_b.response("Ok"));
    refused_of_c(&exchange, sample::FROM, &at_b.delivery_report("d1", "Rejected", ""));
    refused_of_c(&exchange, sample::FROM, &at_b.bounce());
    exchange.wait_for_log("a bounce answers");
    let log = exchange.relay.process().log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("not asked")).collect();
    assert_eq!(lines.len(), 3, "one for each: {lines:#?}");
    for line in lines {
        assert!(
            line.contains("WARN refused: ") && line.contains("peer=operator-c"),
            "{line}"
        );
    }
    let metrics = exchange.relay.page("/metrics");
    for what in ["response", "report", "bounce"] {
        let count = metrics.lines().find(|line| {
            line.contains("answers_unasked") && line.contains("operator-c") && line.contains(&format!("\"{what}\""))
        });
        assert!(count.is_some_and(|line| line.ends_with(" 1")), "{what}: {metrics}");
    }
}

#[test]
fn of_a_request_with_two_next_hops_each_answers_for_its_own_recipients() {
    let exchange = Exchange::start();
    exchange.say(
        sample::FROM,
        &[sample::TO, AT_C],
        &sample::with_body("k1", &[REPORT], b"hello\r\n"),
    );
    let (at_b, at_c) = (exchange.b.wait_for(1)[0].clone(), exchange.c.wait_for(1)[0].clone());
    let about = |taken: &Taken, id: &str, whom: &str| {
        let report = taken.delivery_report(id, "Retrieved", "");
        let from = format!("From: {}", taken.field("To"));
        replaced(&report, &from, &format!("From: {whom}"))
    };
    // C about B's recipient, as the header has it, and bare.
    for (id, whom) in [
        ("d1", sample::TO),
        ("d2", "+15555550199/TYPE=PLMN"),
        ("d3", "15555550199"),
    ] {
        refused_of_c(&exchange, sample::FROM, &about(&at_c, id, whom));
    }
    let answer = exchange.offer(B_SYSTEM, &[sample::FROM], &about(&at_b, "d4", AT_C));
    assert!(answer.starts_with(REFUSED), "{answer}");
    exchange.say(B_SYSTEM, &[sample::FROM], &about(&at_b, "d5", sample::TO));
    exchange.say(C_SYSTEM, &[sample::FROM], &about(&at_c, "d6", AT_C));
    // One that reports in the name of its host.
    exchange.say(C_SYSTEM, &[sample::FROM], &about(&at_c, "d7", "mms.c.example"));
    let mut ids: Vec<String> = exchange
        .a
        .wait_for(3)
        .iter()
        .map(|taken| taken.field("X-Mms-Transaction-ID"))
        .collect();
    ids.sort();
    assert_eq!(ids, ["d5", "d6", "d7"]);
}

#[test]
fn the_response_to_a_report_comes_from_whom_it_went_to() {
    let exchange = Exchange::start();
    let at_b = exchange.asked("k1", &[REPORT]);
    exchange.say(
        B_SYSTEM,
        &[sample::FROM],
        &at_b.delivery_report("d1", "Retrieved", &format!("{ACK}\r\n")),
    );
    let at_a = exchange.a.wait_for(1)[0].clone();
    refused_of_c(&exchange, B_SYSTEM, &at_a.response("Error-message-not-found"));
    exchange.say(A_SYSTEM, &[B_SYSTEM], &at_a.response("Ok"));
    assert_eq!(exchange.b.wait_for(2)[1].status(), "Ok");
}

#[test]
fn an_answer_comes_from_any_address_of_the_peer_and_an_unknown_one_goes_by_its_recipient() {
    let (a, b, c) = (Peer::start(), Peer::start(), Peer::start());
    let operator = |letter: &str, from: &str, peer: &Peer| {
        format!(
            "[[peer]]\nname = \"operator-{letter}\"\ndomains = [\"mms.{letter}.example\"]\nfrom = [{from}]\nhosts = [\"{}\"]\n",
            peer.address()
        )
    };
    let relay = Relay::start(&format!(
        "\n[relay]\nname = \"mm4.hub.example\"\ndomains = [\"mms.hub.example\"]\nlisten = [\"127.0.0.1:0\"]\n{}{}{}",
        operator("a", "\"127.0.0.11\"", &a),
        operator("b", "\"127.0.0.12\", \"127.0.0.13\"", &b),
        operator("c", "\"127.0.0.14\"", &c),
    ));
    let say = |host: &str, from: &str, to: &str, message: &[u8]| {
        crate::support::Conversation::open_from(host, relay.address())
            .hello()
            .transaction(from, &[to], message)
    };
    let request = sample::with_body("k1", &[ACK], b"hello\r\n");
    assert!(say("127.0.0.11", sample::FROM, sample::TO, &request).starts_with("250"));
    let at_b = b.wait_for(1)[0].clone();
    // C, in its own name, in B's, and in nobody's.
    for from in [C_SYSTEM, B_SYSTEM, ""] {
        let answer = say("127.0.0.14", from, A_SYSTEM, &at_b.response("Error-service-denied"));
        assert!(answer.starts_with("550 5.7.1 "), "<{from}>: {answer}");
    }
    // B, from its other address, and without a sender.
    assert!(say("127.0.0.13", "", A_SYSTEM, &at_b.response("Ok")).starts_with("250"));
    assert_eq!(a.wait_for(1)[0].status(), "Ok");
    // Nobody here knows k9: C may be answering something that went another way.
    let stray = replaced(&at_b.response("Ok"), "k1@", "k9@");
    assert!(say("127.0.0.14", C_SYSTEM, A_SYSTEM, &stray).starts_with("250"));
    a.wait_for(2);
}

/// Whoever asked may be less strict about an ID than the relay.
#[test]
fn an_id_is_known_in_every_spelling_that_the_asker_may_take_for_its_own() {
    let exchange = Exchange::on(&Terms::default());
    let at_b = exchange.asked("k1", &[ACK, REPORT]);
    let (transaction, message) = (at_b.field("X-Mms-Transaction-ID"), at_b.field("X-Mms-Message-ID"));
    for (before, behind) in [
        ("<", ">"),
        ("\"<", ">\""),
        ("'", "'"),
        ("\"\\", "\""),
        ("", ";"),
        ("", " (x)"),
        ("\"< ", " >\""),
    ] {
        let spelled =
            |answer: &[u8], id: &str| replaced(answer, id, &format!("{before}{}{behind}", id.trim_matches('"')));
        for answer in [
            spelled(&at_b.response("Error-service-denied"), &transaction),
            spelled(&at_b.delivery_report("d1", "Rejected", ""), &message),
            spelled(&at_b.read_reply_report("r1", ""), &message),
        ] {
            refused_of_c(&exchange, sample::FROM, &answer);
        }
    }
    assert!(exchange.a.taken().is_empty());
}
