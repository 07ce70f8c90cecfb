//! What a running relay tells those who look after it.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::{
    AT_C, B_SYSTEM, Exchange, Link, Peer, Relay, Terms, config, config_at, eventually, guest, own_address, sample,
    shows,
};

const MONITORING: &str = "\n[monitoring]\nlisten = \"127.0.0.1:0\"\n";

/// The value of a series, as it stands in the text.
fn value<'a>(page: &'a str, series: &str) -> Option<&'a str> {
    page.lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
}

/// Waits until a series has this value; the whole page.
fn wait_for(relay: &Relay, series: &str, expected: &str) -> String {
    eventually(&format!("{series} is {expected}"), || {
        let page = relay.page("/metrics");
        (value(&page, series) == Some(expected)).then_some(page)
    })
}

#[test]
fn metrics_tell_what_became_of_messages_and_name_no_subscriber() {
    let hostile = Link::hostile("do = \"ask\"").on_failure("refuse");
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, &format!("{hostile}{MONITORING}")));
    assert!(relay.offer(&sample::forward_request("text")).starts_with("250"));
    for habit in ["trap", "fault", "set-header-crlf"] {
        let answer = relay.offer(&sample::picture(habit, &[&format!("X-Do: {habit}")]));
        assert!(answer.starts_with("554"), "{answer}");
    }
    // Three pictures on arrival, and the outcome of the text.
    let page = wait_for(&relay, "mm4relay_deliveries_total{peer=\"operator-b\"}", "1");
    let plugin = "plugin=\"hostile\",version=\"6.6.6\"";
    for (series, expected) in [
        ("mm4relay_messages_accepted_total".to_owned(), "1"),
        ("mm4relay_messages_refused_total{blame=\"plugin\"}".to_owned(), "3"),
        ("mm4relay_messages_refused_total{blame=\"peer\"}".to_owned(), "0"),
        (
            format!("mm4relay_plugin_failures_total{{{plugin},class=\"trap\"}}"),
            "1",
        ),
        (
            format!("mm4relay_plugin_failures_total{{{plugin},class=\"fault\"}}"),
            "1",
        ),
        (
            format!("mm4relay_plugin_failures_total{{{plugin},class=\"contract\"}}"),
            "1",
        ),
        (format!("mm4relay_plugin_call_seconds_count{{{plugin}}}"), "4"),
        (format!("mm4relay_plugin_instances{{{plugin}}}"), "0"),
        (format!("mm4relay_plugin_breaker_open{{{plugin}}}"), "0"),
        ("mm4relay_held_messages".to_owned(), "0"),
    ] {
        assert_eq!(value(&page, &series), Some(expected), "{series} in:\n{page}");
    }
    assert!(page.ends_with("# EOF\n"));
    for number in [sample::FROM, sample::TO] {
        assert!(!shows(&page, number), "a subscriber's number in:\n{page}");
    }
}

#[test]
fn what_a_plug_in_counts_is_among_the_metrics_and_what_a_failed_call_counted_is_not() {
    let peer = Peer::start();
    let measuring = Link::hostile("do = \"measure\"");
    let trapping = Link::hostile("do = \"measure\"\nthen = \"trap\"")
        .on_failure("skip")
        .named("trapping");
    let relay = Relay::start(&config(&peer, &format!("{trapping}{measuring}{MONITORING}")));
    assert!(relay.offer(&sample::picture("p", &[])).starts_with("250"));
    let page = wait_for(&relay, "mm4relay_held_messages", "1");
    let series = |family: &str, plugin: &str, name: &str| {
        let series = format!("mm4relay_plugin_own_{family}{{plugin=\"{plugin}\",version=\"6.6.6\",name=\"{name}\"}}");
        value(&page, &series).map(str::to_owned)
    };
    assert_eq!(series("count_total", "hostile", "seen").as_deref(), Some("5"));
    assert_eq!(series("value_count", "hostile", "width").as_deref(), Some("2"));
    assert_eq!(series("value_sum", "hostile", "width").as_deref(), Some("640.5"));
    assert_eq!(series("count_total", "trapping", "seen"), None);
}

#[test]
fn messages_that_wait_and_that_were_given_up_are_counted_by_next_hop() {
    let relay = Relay::start(&config_at(&own_address(), MONITORING));
    assert!(relay.offer(&sample::forward_request("waits")).starts_with("250"));
    wait_for(&relay, "mm4relay_queue_messages{peer=\"operator-b\"}", "1");
}

#[test]
fn a_relay_that_takes_messages_is_well() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, MONITORING));
    assert_eq!(relay.page("/health"), "well\n");
}

/// What monitoring answers to these octets.
fn ask(relay: &Relay, request: &str) -> String {
    let mut stream = TcpStream::connect(relay.monitoring()).expect("monitoring listens");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn a_request_under_a_name_that_is_not_the_relays_is_refused() {
    let peer = Peer::start();
    let monitoring = format!("{MONITORING}hosts = [\"relay.ops.example\"]\n");
    let relay = Relay::start(&config(&peer, &monitoring));
    let status = |request: &str| ask(&relay, request).split(' ').nth(1).unwrap_or_default().to_owned();
    for host in ["127.0.0.1:9464", "[::1]", "localhost", "relay.ops.example:9464"] {
        assert_eq!(
            status(&format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n")),
            "200",
            "{host}"
        );
    }
    for host in ["rebound.evil.example", "127.0.0.1.evil.example:9464", "mm4.hub.example"] {
        for page in ["/metrics", "/health", "/nothing"] {
            let answer = ask(&relay, &format!("GET {page} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
            assert!(answer.starts_with("HTTP/1.1 421 "), "{host}{page}: {answer}");
            assert!(!answer.contains("operator-"), "{answer}");
        }
    }
    assert_eq!(status("GET /metrics HTTP/1.1\r\n\r\n"), "400");
    assert_eq!(
        status("GET http://evil.example/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        "421"
    );
    assert_eq!(
        status("POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"),
        "405"
    );
    let answer = relay.visit("/metrics").to_lowercase();
    for header in [
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "content-security-policy: default-src 'none'",
    ] {
        assert!(answer.contains(header), "{header} in {answer}");
    }
}

#[test]
fn half_requests_take_nothing_from_smtp_and_end() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, MONITORING));
    relay.monitoring();
    let open = || {
        std::fs::read_dir(format!("/proc/{}/fd", relay.process().id()))
            .expect("Linux")
            .count()
    };
    let before = open();
    let mut halves: Vec<TcpStream> = (0..500)
        .map(|_| TcpStream::connect(relay.monitoring()).expect("monitoring listens"))
        .collect();
    for half in &mut halves {
        // The relay may have closed it already.
        let _ = half.write_all(b"GET /metrics HTTP/1.1\r\nHost: loc");
    }
    assert!(relay.offer(&sample::forward_request("m")).starts_with("250"));
    // Those that are let in, and what delivery needs.
    assert!(open() < before + 32 + 30, "{} descriptors, {before} before", open());
    // None holds its place for longer than the time for a header, and then others are answered, while all stay.
    eventually("monitoring answers", || {
        let mut stream = TcpStream::connect(relay.monitoring()).ok()?;
        stream.write_all(b"GET /health HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.ends_with("well\n").then_some(())
    });
}

#[test]
fn what_when_excludes_costs_no_call() {
    let peer = Peer::start();
    // The plug-in that wants everything and does nothing, once for each condition.
    let links: String = [
        ("everything", ""),
        ("others", "from = [\"operator-b\"]"),
        ("elsewhere", "to = [\"operator-a\"]"),
        ("reports", "message-types = [\"delivery-report-request\"]"),
        ("inside", "direction = [\"outbound\", \"internal\"]"),
    ]
    .iter()
    .map(|(name, when)| Link::new(name, guest("noop"), &[], "").when(when).to_string())
    .collect();
    let relay = Relay::start(&config(&peer, &format!("{links}{MONITORING}")));
    assert!(relay.offer(&sample::forward_request("m")).starts_with("250"));
    // Arrival, departure, outcome.
    let page = wait_for(&relay, &calls("everything"), "3");
    for excluded in ["others", "elsewhere", "reports", "inside"] {
        assert_eq!(value(&page, &calls(excluded)), Some("0"), "{excluded}");
    }
}

/// The series that counts the calls of the guest `noop` under this name.
fn calls(name: &str) -> String {
    format!("mm4relay_plugin_call_seconds_count{{plugin=\"{name}\",version=\"1\"}}")
}

/// Operators A and B ask, B and C are asked; the plug-in is called for what goes to B, and the metrics say how often.
#[test]
fn on_arrival_a_message_goes_where_routing_would_send_it() {
    let link = |name: &str, when: &str| Link::new(name, guest("noop"), &[], "").when(when).to_string();
    let exchange = Exchange::on(&Terms {
        more: &[
            &link("to-b", "to = [\"operator-b\"]"),
            &link("to-a", "to = [\"operator-a\"]"),
            &link("all", ""),
            MONITORING,
        ]
        .concat(),
        ..Terms::default()
    });
    let called = |all: &str, to_b: &str, to_a: &str| {
        let page = wait_for(&exchange.relay, &calls("all"), all);
        assert_eq!(value(&page, &calls("to-b")), Some(to_b), "to B, of {all}");
        assert_eq!(value(&page, &calls("to-a")), Some(to_a), "to A, of {all}");
    };
    let asked = exchange.asked("k1", &["X-Mms-Ack-Request: Yes"]);
    called("3", "3", "0");
    // The response goes to A, whatever address it came with. Its arrival, its departure and its outcome, and that of the
    // request, which is answered by B.
    exchange.respond(&asked, "Ok");
    exchange.a.wait_for(1);
    called("7", "4", "3");
    // Two next hops: one arrival, and what concerns B.
    exchange.say(sample::FROM, &[sample::TO, AT_C], &sample::forward_request("k2"));
    exchange.b.wait_for(2);
    exchange.c.wait_for(1);
    called("12", "7", "3");
}

#[test]
fn a_message_whose_way_plug_ins_are_to_choose_is_excluded_by_no_destination() {
    let peer = Peer::start();
    let link = Link::new("to-b", guest("noop"), &[], "").when("to = [\"operator-b\"]\ndirection = [\"transit\"]");
    let routes = "[[route]]\nprefix = \"+999\"\nplugins = true\n";
    let relay = Relay::start(&config(&peer, &format!("{link}{routes}{MONITORING}")));
    let mut client = relay.client();
    let answer = client.transaction(sample::FROM, &["+9995550199"], &sample::forward_request("m"));
    assert!(answer.starts_with("550 5.1."), "no plug-in chose: {answer}");
    wait_for(&relay, &calls("to-b"), "1");
}

const ACK: &str = "X-Mms-Ack-Request: Yes";

/// The lines about requests, without those that only explain.
fn of_requests(page: &str) -> Vec<&str> {
    let about = ["mm4relay_transaction", "mm4relay_told", "mm4relay_dead_letters"];
    let lines = page
        .lines()
        .filter(|line| about.iter().any(|name| line.starts_with(name)));
    lines.collect()
}

#[test]
fn what_was_heard_of_requests_and_what_the_relay_told_is_counted() {
    let exchange = Exchange::on(&Terms {
        b: "response-within = \"1 s\"",
        more: MONITORING,
        ..Terms::default()
    });
    let message = |id: &str, more: &[&str], body: &[u8]| sample::with_body(id, more, body);
    // Asked, repeated, answered, repeated, answered twice; a response to nothing.
    let at_b = exchange.asked("k1", &[ACK]);
    exchange.relay.wait_until_empty();
    exchange.ask(&message("k1", &[ACK], b"hello\r\n"));
    exchange.b.wait_for(2);
    exchange.respond(&at_b, "Ok");
    exchange.a.wait_for(1);
    exchange.relay.wait_until_empty();
    exchange.ask(&message("k1", &[ACK], b"hello\r\n"));
    exchange.a.wait_for(2);
    exchange.respond(&at_b, "Ok");
    let stray = String::from_utf8(at_b.response("Ok")).unwrap().replace("k1@", "k9@");
    exchange.say(B_SYSTEM, &["mm4relay@mms.hub.example"], stray.as_bytes());
    // The same IDs and another body, twice.
    exchange.ask(&message("k1", &[], b"something else\r\n"));
    exchange.ask(&message("k1", &[], b"something else\r\n"));
    // To be bounced, to be reported, and a dead letter.
    let refused = ["refuse-me@mms.b.example"];
    exchange.say(sample::FROM, &refused, &message("k2", &[], b"hello\r\n"));
    exchange.say(
        sample::FROM,
        &refused,
        &message("k3", &["X-Mms-Delivery-Report: Yes"], b"hello\r\n"),
    );
    exchange.say("", &refused, &message("k4", &[], b"hello\r\n"));
    // Two next hops: one answers too late, after the relay has answered for it, and the other not at all.
    exchange.say(sample::FROM, &[sample::TO, AT_C], &message("k5", &[ACK], b"hello\r\n"));
    exchange.a.wait_for(5);
    let asked = exchange
        .b
        .taken()
        .into_iter()
        .find(|taken| taken.text().contains("k5@"))
        .unwrap();
    exchange.respond(&asked, "Ok");

    let late = "mm4relay_transaction_responses_total{peer=\"operator-b\",became=\"late\"}";
    wait_for(&exchange.relay, late, "1");
    let page = wait_for(&exchange.relay, "mm4relay_dead_letters_total{peer=\"operator-a\"}", "1");
    assert_eq!(
        of_requests(&page),
        [
            "mm4relay_transactions_opened_total{peer=\"operator-a\"} 6",
            "mm4relay_transactions_raised_total{peer=\"operator-a\"} 1",
            "mm4relay_transaction_repeats_total{peer=\"operator-a\",became=\"answered\"} 1",
            "mm4relay_transaction_repeats_total{peer=\"operator-a\",became=\"forwarded\"} 1",
            "mm4relay_transaction_repeats_total{peer=\"operator-a\",became=\"unasked\"} 1",
            "mm4relay_transaction_responses_total{peer=\"operator-b\",became=\"passed-on\"} 1",
            "mm4relay_transaction_responses_total{peer=\"operator-b\",became=\"late\"} 1",
            "mm4relay_transaction_responses_total{peer=\"operator-b\",became=\"second\"} 1",
            "mm4relay_transaction_responses_total{peer=\"operator-b\",became=\"stray\"} 1",
            "mm4relay_transaction_timeouts_total{peer=\"operator-b\"} 1",
            "mm4relay_transaction_timeouts_total{peer=\"operator-c\"} 1",
            "mm4relay_told_total{peer=\"operator-a\",what=\"response\"} 2",
            "mm4relay_told_total{peer=\"operator-a\",what=\"delivery-report\"} 1",
            "mm4relay_told_total{peer=\"operator-a\",what=\"bounce\"} 1",
            "mm4relay_dead_letters_total{peer=\"operator-a\"} 1",
            "mm4relay_transactions_open 6",
        ]
    );
}

#[test]
fn what_the_relay_took_over_is_counted_where_it_asks_again_and_keeps_the_answer() {
    let exchange = Exchange::on(&Terms {
        a: "mode = \"pre-acknowledge\"",
        b: "response-within = \"2 s\"\nrepeats = 1",
        more: MONITORING,
        ..Terms::default()
    });
    let at_b = exchange.asked("k1", &[ACK]);
    exchange.b.wait_for(2);
    exchange.respond(&at_b, "Ok");
    exchange.ask(&sample::with_body("k1", &[ACK], b"hello\r\n"));
    exchange.a.wait_for(2);
    let told = "mm4relay_told_total{peer=\"operator-a\",what=\"response\"}";
    let page = wait_for(&exchange.relay, told, "2");
    assert_eq!(
        of_requests(&page),
        [
            "mm4relay_transactions_opened_total{peer=\"operator-a\"} 1",
            "mm4relay_transaction_repeats_total{peer=\"operator-a\",became=\"answered\"} 1",
            "mm4relay_transaction_responses_total{peer=\"operator-b\",became=\"kept\"} 1",
            "mm4relay_transaction_retries_total{peer=\"operator-b\"} 1",
            "mm4relay_told_total{peer=\"operator-a\",what=\"response\"} 2",
            "mm4relay_transactions_open 1",
        ]
    );
}

#[test]
fn a_peer_for_whom_nothing_waits_has_a_queue_of_none() {
    let relay = Relay::start(&config_at(&own_address(), MONITORING));
    let page = relay.page("/metrics");
    for series in ["mm4relay_queue_messages", "mm4relay_queue_failed_messages"] {
        let of_b = format!("{series}{{peer=\"operator-b\"}}");
        assert_eq!(value(&page, &of_b), Some("0"), "{page}");
    }
    assert!(relay.offer(&sample::forward_request("k1")).starts_with("250"));
    wait_for(&relay, "mm4relay_queue_messages{peer=\"operator-b\"}", "1");
}
