//! Requests and responses: the originating peer receives each response once and unchanged.

use crate::support::{A_SYSTEM, AT_C, B_SYSTEM, Exchange, Taken, Terms, sample};

const ACK: &str = "X-Mms-Ack-Request: Yes";
const REPORT: &str = "X-Mms-Delivery-Report: Yes";

/// As a request to subscribers of both B and C, who hear of it under IDs of the relay's own.
fn asked_two_ways(exchange: &Exchange, id: &str, more: &[&str]) -> (Taken, Taken) {
    let (at_b, at_c) = (exchange.b.taken().len(), exchange.c.taken().len());
    let message = sample::with_body(id, more, b"hello\r\n");
    exchange.say(sample::FROM, &[sample::TO, AT_C], &message);
    (
        exchange.b.wait_for(at_b + 1)[at_b].clone(),
        exchange.c.wait_for(at_c + 1)[at_c].clone(),
    )
}

/// Operator C answers.
fn respond_as_c(exchange: &Exchange, to: &Taken, status: &str) {
    let system = to.field("X-Mms-Originator-System");
    exchange.say("system@mms.c.example", &[&system], &to.response(status));
}

#[test]
fn a_asks_b_answers_and_a_hears_the_response_byte_for_byte() {
    let exchange = Exchange::start();
    let at_b = exchange.asked("k1", &[ACK]);
    assert_eq!(at_b.without_trace(), sample::with_body("k1", &[ACK], b"hello\r\n"));
    let response = exchange.respond(&at_b, "Ok");
    let heard = &exchange.a.wait_for(1)[0];
    assert_eq!(heard.without_trace(), response);
    assert_eq!(
        (heard.from.as_str(), heard.to.as_slice()),
        (B_SYSTEM, &[A_SYSTEM.to_owned()][..])
    );
}

#[test]
fn a_response_finds_whoever_asked_whatever_address_it_comes_with() {
    let exchange = Exchange::start();
    let at_b = exchange.asked("k1", &[ACK]);
    let response = at_b.response("Error-service-denied");
    exchange.say(B_SYSTEM, &["mm4relay@mms.hub.example"], &response);
    let heard = &exchange.a.wait_for(1)[0];
    assert_eq!(
        (heard.to.as_slice(), heard.without_trace()),
        (&[A_SYSTEM.to_owned()][..], &response[..])
    );
}

#[test]
fn a_second_response_is_not_forwarded() {
    let exchange = Exchange::start();
    let at_b = exchange.asked("k1", &[ACK]);
    exchange.respond(&at_b, "Ok");
    exchange.respond(&at_b, "Error-unspecified");
    exchange.wait_for_log("a second response");
    let marker = exchange.asked("k2", &[ACK]);
    exchange.respond(&marker, "Ok");
    let heard = exchange.a.wait_for(2);
    let mut ids: Vec<String> = heard.iter().map(|h| h.field("X-Mms-Transaction-ID")).collect();
    ids.sort();
    assert_eq!(ids, ["\"k1@mms.a.example\"", "\"k2@mms.a.example\""]);
}

#[test]
fn two_copies_of_a_response_at_the_same_time_are_one() {
    let exchange = Exchange::start();
    let at_b = exchange.asked("k1", &[ACK]);
    let (response, system) = (at_b.response("Ok"), at_b.field("X-Mms-Originator-System"));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| exchange.say(B_SYSTEM, &[&system], &response));
        }
    });
    exchange.relay.wait_until_empty();
    assert_eq!(exchange.a.taken().len(), 1);
}

#[test]
fn a_response_is_paired_after_a_kill_between_request_and_response() {
    let mut exchange = Exchange::start();
    let at_b = exchange.asked("k1", &[ACK]);
    exchange.relay.wait_until_empty();
    exchange.relay.kill();
    exchange.relay.start_again();
    let response = at_b.response("Ok");
    exchange.say(B_SYSTEM, &["mm4relay@mms.hub.example"], &response);
    assert_eq!(exchange.a.wait_for(1)[0].without_trace(), response);
    exchange.relay.wait_until_empty();
    exchange.relay.kill();
    exchange.relay.start_again();
    exchange.say(B_SYSTEM, &["mm4relay@mms.hub.example"], &response);
    exchange.wait_for_log("a second response");
    assert_eq!(exchange.a.taken().len(), 1);
}

#[test]
fn reports_and_their_responses_are_paired_too_and_a_read_reply_needs_no_message_id() {
    let exchange = Exchange::start();
    let at_b = exchange.asked("k1", &[REPORT]);
    for (number, report) in [
        at_b.delivery_report("\"d1\"", "Retrieved", &format!("{ACK}\r\n")),
        at_b.read_reply_report("r1", &format!("{ACK}\r\n")),
    ]
    .iter()
    .enumerate()
    {
        exchange.say(B_SYSTEM, &[sample::FROM], report);
        let at_a = exchange.a.wait_for(number + 1)[number].clone();
        assert_eq!(at_a.without_trace(), *report);
        let response = at_a.response("Ok");
        exchange.say(A_SYSTEM, &["mm4relay@mms.hub.example"], &response);
        let heard = exchange.b.wait_for(number + 2)[number + 1].clone();
        assert_eq!(
            (heard.without_trace(), heard.to.as_slice()),
            (&response[..], &[B_SYSTEM.to_owned()][..])
        );
    }
}

#[test]
fn a_request_with_two_next_hops_has_one_answer_the_worst() {
    let exchange = Exchange::start();
    let (at_b, at_c) = asked_two_ways(&exchange, "k1", &[ACK]);
    let ids = [&at_b, &at_c].map(|taken| taken.field("X-Mms-Transaction-ID"));
    assert!(
        ids[0] != ids[1] && ids.iter().all(|id| id.contains("@mm4.hub.example")),
        "{ids:?}"
    );
    exchange.respond(&at_b, "Ok");
    respond_as_c(&exchange, &at_c, "Error-content-not-accepted");
    let heard = &exchange.a.wait_for(1)[0];
    assert_eq!(heard.status(), "Error-content-not-accepted");
    assert_eq!(heard.kind(), "MM4_forward.RES");
    for field in ["X-Mms-Transaction-ID", "X-Mms-Message-ID"] {
        assert_eq!(heard.field(field), "\"k1@mms.a.example\"", "as it was asked");
    }
    exchange.relay.wait_until_empty();
    assert_eq!(exchange.a.taken().len(), 1);
}

#[test]
fn a_next_hop_that_never_answers_does_not_keep_the_others_answer_for_ever() {
    let exchange = Exchange::on(&Terms {
        b: "response-within = \"1 s\"",
        ..Terms::default()
    });
    let (at_b, at_c) = asked_two_ways(&exchange, "k1", &[ACK]);
    exchange.respond(&at_b, "Ok");
    let heard = &exchange.a.wait_for(1)[0];
    assert_eq!(heard.status(), "Error-network-problem");
    respond_as_c(&exchange, &at_c, "Ok");
    exchange.relay.wait_until_empty();
    assert_eq!(exchange.a.taken().len(), 1, "late");
}

#[test]
fn a_time_out_that_passed_while_the_relay_was_down_is_heeded_after_the_start() {
    let mut exchange = Exchange::on(&Terms {
        b: "response-within = \"1 s\"",
        ..Terms::default()
    });
    let (at_b, _) = asked_two_ways(&exchange, "k1", &[ACK]);
    exchange.respond(&at_b, "Ok");
    exchange.relay.wait_until_empty();
    exchange.relay.kill();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    exchange.relay.start_again();
    assert_eq!(exchange.a.wait_for(1)[0].status(), "Error-network-problem");
}

#[test]
fn two_relay_servers_that_both_count_from_001_are_told_apart() {
    let exchange = Exchange::start();
    let counted = |id: &str| {
        let text = String::from_utf8(sample::with_body(id, &[ACK], b"hello\r\n")).unwrap();
        let own = format!("X-Mms-Transaction-ID: \"{id}@mms.a.example\"");
        text.replace(&own, "X-Mms-Transaction-ID: 001").into_bytes()
    };
    exchange.ask(&counted("k1"));
    exchange.say("+15555550188@mms.c.example", &[sample::TO], &counted("k2"));
    let asked = exchange.b.wait_for(2);
    let of = |id: &str| {
        asked
            .iter()
            .find(|taken| taken.field("X-Mms-Message-ID").contains(id))
            .unwrap()
    };
    assert_eq!(of("k1").field("X-Mms-Transaction-ID"), "001");
    assert_ne!(of("k2").field("X-Mms-Transaction-ID"), "001");
    exchange.respond(of("k2"), "Error-unspecified");
    exchange.respond(of("k1"), "Ok");
    let (at_a, at_c) = (exchange.a.wait_for(1)[0].clone(), exchange.c.wait_for(1)[0].clone());
    assert_eq!(
        (at_a.status(), at_a.field("X-Mms-Transaction-ID")),
        ("Ok".into(), "001".into())
    );
    assert_eq!(
        (at_c.status(), at_c.field("X-Mms-Transaction-ID")),
        ("Error-unspecified".into(), "001".into())
    );
}

#[test]
fn two_copies_of_a_request_at_the_same_time_are_one() {
    let exchange = Exchange::start();
    let message = sample::with_body("k1", &[], b"hello\r\n");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| exchange.ask(&message));
        }
    });
    exchange.relay.wait_until_empty();
    assert_eq!(exchange.b.taken().len(), 1);
}

/// As Mbuni does: the IDs, the recipients and the date stay, and the MIME structure is made anew for each try.
#[test]
fn a_request_that_comes_again_in_another_mime_structure_is_a_repeat() {
    let exchange = Exchange::start();
    let try_with = |boundary: &str, encoding: &str, text: &str| {
        let body = format!(
            "--{boundary}\r\nContent-Type: text/plain; charset=utf-8; name=t.txt\r\nContent-Transfer-Encoding: \
             {encoding}\r\n\r\n{text}\r\n--{boundary}--\r\n"
        );
        let media_type = format!("multipart/mixed; boundary=\"{boundary}\"");
        exchange.ask(&sample::of_type(
            &media_type,
            "k1",
            &[ACK, "Subject: Ann"],
            body.as_bytes(),
        ));
    };
    try_with("_boundary_1_1767", "8bit", "gr\u{fc}n");
    let at_b = exchange.b.wait_for(1)[0].clone();
    exchange.respond(&at_b, "Ok");
    exchange.a.wait_for(1);
    let tries = [
        ("_boundary_2_1768", "8bit", "gr\u{fc}n"),
        ("_boundary_3_1769", "base64", "Z3LDvG4="),
        ("_boundary_4_1770", "quoted-printable", "gr=C3=BCn"),
    ];
    for (answered, (boundary, encoding, text)) in (1..).zip(tries) {
        try_with(boundary, encoding, text);
        exchange.a.wait_for(answered + 1);
    }
    for answer in &exchange.a.taken() {
        assert_eq!(
            (answer.status(), answer.field("X-Mms-Transaction-ID")),
            ("Ok".into(), "\"k1@mms.a.example\"".into()),
            "each try hears the one answer"
        );
    }
    exchange.relay.wait_until_empty();
    assert_eq!(exchange.b.taken().len(), 1, "the subscriber gets it once");
    let trace = exchange.relay.print(&["trace", "k1@mms.a.example"]);
    assert!(!trace.contains("raised"), "{trace}");
    try_with("_boundary_5_1771", "8bit", "another text");
    assert!(exchange.b.wait_for(2)[1].text().contains("another text"));
}

#[test]
fn the_same_ids_with_another_body_are_another_message() {
    let exchange = Exchange::start();
    exchange.asked("k1", &[]);
    exchange.ask(&sample::with_body("k1", &[], b"something else\r\n"));
    exchange.wait_for_log("another body");
    assert!(exchange.b.wait_for(2)[1].text().contains("something else"));
    exchange.ask(&sample::with_body("k1", &[], b"something else\r\n"));
    exchange.wait_for_log("a copy of");
    exchange.relay.wait_until_empty();
    assert_eq!(exchange.b.taken().len(), 2, "and has copies of its own");
    let trace = exchange.relay.print(&["trace", "k1@mms.a.example"]);
    assert_eq!(trace.matches("MM4_forward.REQ from operator-a").count(), 2, "{trace}");
    let earlier = trace.strip_prefix("MM4_forward.REQ from operator-a, ").unwrap();
    let (earlier, _) = earlier.split_once('\n').unwrap();
    let raised = format!("    raised: the same IDs as {earlier}, and another body\n");
    assert_eq!(trace.matches("    raised: ").count(), 1, "{trace}");
    assert!(trace.contains(&raised), "{trace}");
    let json = exchange.relay.print(&["trace", "k1@mms.a.example", "--json"]);
    assert!(json.contains(&format!("\"raised-like\":\"{earlier}\"")), "{json}");
}

#[test]
fn two_reports_that_differ_in_their_status_only_are_two() {
    let exchange = Exchange::start();
    let at_b = exchange.asked("k1", &[REPORT]);
    for status in ["Deferred", "Retrieved", "Retrieved"] {
        exchange.say(B_SYSTEM, &[sample::FROM], &at_b.delivery_report("d1", status, ""));
    }
    exchange.relay.wait_until_empty();
    let heard = exchange.a.taken();
    let mut statuses: Vec<String> = heard.iter().map(|h| h.field("X-Mms-MM-Status-Code")).collect();
    statuses.sort();
    assert_eq!(statuses, ["Deferred", "Retrieved"]);
}

#[test]
fn a_response_to_nobody_is_taken_and_goes_nowhere() {
    let exchange = Exchange::start();
    let at_b = exchange.asked("k1", &[ACK]);
    let stray = String::from_utf8(at_b.response("Ok")).unwrap().replace("k1@", "k9@");
    exchange.say(B_SYSTEM, &["mm4relay@mms.hub.example"], stray.as_bytes());
    exchange.wait_for_log("a response to no request");
    // A response that is addressed to a subscriber is mail like any other.
    exchange.say(B_SYSTEM, &[A_SYSTEM], stray.as_bytes());
    assert_eq!(exchange.a.wait_for(1)[0].without_trace(), stray.as_bytes());
}

#[test]
fn the_trace_says_what_reports_and_responses_said() {
    let exchange = Exchange::start();
    let at_b = exchange.asked("k1", &[ACK, REPORT]);
    exchange.respond(&at_b, "Error- service-denied");
    let ack = format!("{ACK}\r\n");
    exchange.say(
        B_SYSTEM,
        &[sample::FROM],
        &at_b.delivery_report("d1", "Retrieved", &ack),
    );
    exchange.say(B_SYSTEM, &[sample::FROM], &at_b.read_reply_report("r1", ""));
    let at_a = exchange.a.wait_for(3);
    let report = at_a
        .iter()
        .find(|taken| taken.kind() == "MM4_delivery_report.REQ")
        .unwrap();
    exchange.say(A_SYSTEM, &[B_SYSTEM], &report.response("Ok"));
    exchange.b.wait_for(2);
    let traced = exchange.relay.print(&["trace", "k1@mms.a.example"]);
    for said in [
        "    MM4_forward.REQ\n",
        "    MM4_forward.RES: Error- service-denied (as operator B says)\n",
        "    MM4_delivery_report.REQ: Retrieved\n",
        "    MM4_delivery_report.RES: Ok (as operator B says)\n",
        "    MM4_read_reply_report.REQ: Read\n",
    ] {
        assert!(traced.contains(said), "{said:?} in {traced}");
    }
    let json = exchange.relay.print(&["trace", "k1@mms.a.example", "--json"]);
    for said in [
        "\"type\":\"MM4_delivery_report.REQ\"",
        "\"status\":\"Retrieved\"",
        "\"status\":\"Error- service-denied\"",
        "\"type\":\"MM4_forward.RES\"",
    ] {
        assert!(json.contains(said), "{said} in {json}");
    }
}

#[test]
fn a_report_with_two_transaction_ids_is_refused_and_an_id_comes_back_to_the_octet() {
    let exchange = Exchange::start();
    let at_b = exchange.asked("k1", &[REPORT]);
    let report = at_b.delivery_report("d1", "Retrieved", "X-Mms-Transaction-Id: d2\r\n");
    let answer = exchange.offer(B_SYSTEM, &[sample::FROM], &report);
    assert!(
        answer.starts_with("554 5.6.0 ") && answer.contains("two X-Mms-Transaction-ID fields"),
        "{answer}"
    );
    // What the relay answers itself.
    let taken_over = Exchange::on(&Terms {
        a: "mode = \"pre-acknowledge\"",
        ..Terms::default()
    });
    let octets = b"k\xfc\x80\xe41";
    let request = String::from_utf8(sample::with_body("k1", &[ACK], b"hello\r\n")).unwrap();
    let parts: Vec<&[u8]> = request.split("\"k1@").map(str::as_bytes).collect();
    let request = parts.join(&[&b"\""[..], octets, b"@"].concat()[..]);
    taken_over.ask(&request);
    let response = taken_over.a.wait_for(1)[0].bytes.clone();
    for field in ["X-Mms-Transaction-ID: \"", "X-Mms-Message-ID: \""] {
        let expected = [field.as_bytes(), octets, b"@mms.a.example\"\r\n"].concat();
        assert!(
            response.windows(expected.len()).any(|part| part == expected),
            "{}",
            String::from_utf8_lossy(&response)
        );
    }
}
