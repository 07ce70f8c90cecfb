//! The profile of a peer: what each key changes, as the peer sees it.

use std::time::Duration;

use crate::support::{Conversation, Peer, Relay, answer_as_server, config, config_at, config_of, own_address, sample};

/// Sends one message through a relay with `profile` for operator B, whose test peer runs with `flags`.
fn through(profile: &str, flags: &[&str]) -> (Peer, Relay) {
    let peer = Peer::told(flags);
    let relay = Relay::start(&config(&peer, profile));
    let answer = relay.offer(&sample::forward_request("k1"));
    assert!(answer.starts_with("250"), "{answer}");
    (peer, relay)
}

/// A scripted next hop: answers with `lines`, and returns everything that it received.
fn scripted(profile: &str, message: &[u8], offers: &[&str]) -> (Vec<String>, Relay) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let relay = Relay::start(&config_at(&address, profile));
    let answer = relay.offer(message);
    assert!(answer.starts_with("250"), "{answer}");
    let (stream, _) = listener.accept().expect("the relay connects");
    (answer_as_server(stream, offers), relay)
}

#[test]
fn helo_at_once_for_a_peer_without_ehlo_and_under_the_name_that_it_knows() {
    for quirk in ["quirks = ['no-ehlo']", "hello = 'helo'"] {
        let (heard, _relay) = scripted(
            &format!("{quirk}\nhelo-name = 'gateway.hub.example'\n"),
            &sample::forward_request("k1"),
            &["PIPELINING", "SIZE"],
        );
        assert_eq!(heard[0], "HELO gateway.hub.example");
        assert!(
            heard[1].starts_with("MAIL FROM:<+15555550100/TYPE=PLMN@mms.a.example>"),
            "{heard:?}"
        );
        assert!(!heard[1].contains("SIZE="), "HELO offers nothing: {heard:?}");
    }
}

#[test]
fn a_peer_that_does_not_know_ehlo_is_asked_again_with_helo() {
    let (peer, _relay) = through("", &["--helo-only"]);
    assert_eq!(peer.wait_for(1).len(), 1);
}

#[test]
fn only_the_extensions_of_the_profile_are_used() {
    let offers = ["PIPELINING", "8BITMIME", "SIZE 1000000"];
    let message = sample::with_body("k1", &["Subject: caf\u{e9}"], b"hello\r\n");
    let mail = |profile: &str| {
        let (heard, _relay) = scripted(profile, &message, &offers);
        heard[1].clone()
    };
    assert!(mail("").contains(" SIZE=") && mail("").ends_with(" BODY=8BITMIME"));
    let bare = mail("extensions = []\n");
    assert!(!bare.contains("SIZE=") && !bare.contains("BODY="), "{bare}");
    let size = mail("extensions = ['SIZE']\n");
    assert!(size.contains(" SIZE=") && !size.contains("BODY="), "{size}");
}

#[test]
fn a_peer_that_takes_one_recipient_at_a_time_gets_a_message_for_each() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, "quirks = ['one-recipient-per-transaction']\n"));
    let to = ["+15555550198@mms.b.example", "+15555550199@mms.b.example"];
    let answer = relay
        .client()
        .transaction(sample::FROM, &to, &sample::forward_request("k1"));
    assert!(answer.starts_with("250"), "{answer}");
    let mut taken: Vec<_> = peer.wait_for(2).into_iter().map(|taken| taken.to).collect();
    taken.sort();
    assert_eq!(taken, [[to[0]], [to[1]]]);
}

#[test]
fn a_peer_that_knows_no_types_gets_its_recipients_without() {
    let (peer, _relay) = through("quirks = ['to-without-type']\n", &[]);
    let taken = &peer.wait_for(1)[0];
    assert_eq!(taken.to, ["+15555550199@mms.b.example"]);
    let text = taken.text();
    assert!(text.contains("To: +15555550199\r\n"), "{text}");
    assert!(
        text.contains("From: +15555550100/TYPE=PLMN\r\n"),
        "only its own recipients: {text}"
    );
}

#[test]
fn a_message_that_is_too_large_for_a_peer_is_not_sent_to_it() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, "max-message-size = '1 KiB'\n"));
    let large = sample::with_body("k1", &[], "0123456789\r\n".repeat(100).as_bytes());
    assert!(relay.offer(&large).starts_with("250"));
    let queue = relay.wait_for_queue("552");
    assert!(queue.contains("1024"), "{queue}");
    assert!(relay.offer(&sample::forward_request("k2")).starts_with("250"));
    assert!(peer.wait_for(1)[0].text().contains("k2"));
}

#[test]
fn a_peer_may_send_what_its_profile_allows_and_hears_so() {
    let peer = Peer::start();
    let more = "[limits]\nmessage-size = '2 KiB'\nheader-size = '2 KiB'\nline-length = 998\n";
    let operator_a = |lines: &str| config_of(&[("b", peer.address())], &format!("{more}{}", a(lines)));
    let message = sample::with_body("k1", &[], format!("{}\r\n", "x".repeat(3000)).as_bytes());

    let relay = Relay::start(&operator_a(""));
    let mut client = Conversation::open(relay.address());
    assert!(client.say("EHLO a.example").expect("250").contains("SIZE 2048"));
    client.say("MAIL FROM:<1@mms.a.example> SIZE=2049").expect("552");

    let relay = Relay::start(&operator_a("message-size = '10 KiB'\nline-length = 4000\n"));
    let mut client = Conversation::open(relay.address());
    assert!(client.say("EHLO a.example").expect("250").contains("SIZE 10240"));
    client.say("MAIL FROM:<1@mms.a.example> SIZE=10241").expect("552");
    client.say("MAIL FROM:<1@mms.b.example> SIZE=2049").expect("552");
    let answer = client.transaction(sample::FROM, &[sample::TO], &message);
    assert!(answer.starts_with("250"), "{answer}");
}

#[test]
fn a_peer_that_is_known_to_talk_early_is_heard() {
    let peer = Peer::start();
    let message = String::from_utf8(sample::forward_request("k1")).expect("ASCII");
    let all = format!(
        "EHLO a.example\r\nMAIL FROM:<{}>\r\nRCPT TO:<{}>\r\nDATA\r\n{message}.\r\nQUIT\r\n",
        sample::FROM,
        sample::TO
    );
    let relay = Relay::start(&config_of(&[("b", peer.address())], &a("quirks = ['talks-early']\n")));
    let mut client = Conversation::connect(relay.address());
    client.send(all.as_bytes());
    for code in ["220", "250", "250", "250", "354", "250", "221"] {
        client.expect(code);
    }
    let strict = Relay::start(&config_of(&[("b", peer.address())], &a("")));
    let mut client = Conversation::connect(strict.address());
    client.send(all.as_bytes());
    client.expect("220");
    client.expect("554");
}

#[test]
fn a_message_type_that_nobody_knows_is_refused_unless_the_peer_may_send_it() {
    let peer = Peer::start();
    let message = String::from_utf8(sample::forward_request("k1")).expect("ASCII");
    let message = message.replace("MM4_forward.REQ", "MM4_capability_negotiation.REQ");
    let offered = |profile: &str| {
        let relay = Relay::start(&config_of(&[("b", peer.address())], &a(profile)));
        (relay.offer(message.as_bytes()), relay)
    };
    let (answer, _refusing) = offered("");
    assert!(answer.starts_with("554"), "{answer}");
    let (answer, _passing) = offered("unknown-types = 'pass'\n");
    assert!(answer.starts_with("250"), "{answer}");
    assert_eq!(peer.wait_for(1)[0].without_trace(), message.as_bytes());
}

#[test]
fn no_more_messages_leave_in_a_time_than_the_rate_says() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, "rate = '10/s'\n"));
    let begun = std::time::Instant::now();
    for number in 0..15 {
        assert!(
            relay
                .offer(&sample::forward_request(&format!("k{number}")))
                .starts_with("250")
        );
    }
    peer.wait_for(15);
    // One message at once, one saved up at most, and a tenth of a second for each of the others.
    assert!(begun.elapsed() >= Duration::from_millis(1250), "{:?}", begun.elapsed());
}

#[test]
fn a_relay_that_stops_does_not_wait_for_the_rate() {
    let peer = Peer::start();
    let mut relay = Relay::start(&config(&peer, "rate = '1/min'\n"));
    for number in 0..3 {
        assert!(
            relay
                .offer(&sample::forward_request(&format!("k{number}")))
                .starts_with("250")
        );
    }
    peer.wait_for(1);
    relay.stop();
    assert_eq!(peer.taken().len(), 1);
    relay.start_again();
    peer.wait_for(2);
}

#[test]
fn hosts_of_a_lower_priority_come_first_and_the_others_when_it_is_dead() {
    let (near, far) = (Peer::start(), Peer::start());
    let hosts = |first: &str, second: &str| {
        format!("hosts = [{{ host = '{first}', priority = 20 }}, {{ host = '{second}', priority = 10 }}]\n")
    };
    let configured = |first: &str, second: &str| {
        let text = config_of(&[("a", "127.0.0.1:9"), ("b", "HOSTS")], "");
        text.replace("hosts = [\"HOSTS\"]\n", &hosts(first, second))
    };
    let relay = Relay::start(&configured(far.address(), near.address()));
    assert!(relay.offer(&sample::forward_request("k1")).starts_with("250"));
    near.wait_for(1);
    let relay = Relay::start(&configured(far.address(), "127.0.0.1:9"));
    assert!(relay.offer(&sample::forward_request("k2")).starts_with("250"));
    far.wait_for(1);
}

#[test]
fn among_hosts_of_one_priority_the_heavy_one_is_drawn() {
    let (light, heavy) = (Peer::start(), Peer::start());
    let hosts = format!(
        "hosts = [{{ host = '{}', priority = 1, weight = 1 }}, {{ host = '{}', priority = 1, weight = 65535 }}]\n",
        light.address(),
        heavy.address()
    );
    let text = config_of(&[("a", "127.0.0.1:9"), ("b", "HOSTS")], "");
    let relay = Relay::start(&text.replace("hosts = [\"HOSTS\"]\n", &hosts));
    assert!(relay.offer(&sample::forward_request("k1")).starts_with("250"));
    // Once in 65,536 times the two are equal.
    heavy.wait_for(1);
}

#[test]
fn the_peer_answers_and_reports_as_it_is_told() {
    let a = Peer::start();
    let relay_address = own_address();
    let b = Peer::told(&[
        "--answer-to",
        &relay_address,
        "--report",
        "Retrieved",
        "--read",
        "--host",
        "mms.b.example",
    ]);
    let text = config_of(&[("a", a.address()), ("b", b.address())], "");
    let relay = Relay::start(&text.replace("127.0.0.1:0", &relay_address));
    let message = sample::with_body(
        "k1",
        &[
            "X-Mms-Ack-Request: Yes",
            "X-Mms-Delivery-Report: Yes",
            "X-Mms-Read-Reply: Yes",
        ],
        b"hello\r\n",
    );
    assert!(relay.offer(&message).starts_with("250"));
    let mut types: Vec<_> = a
        .wait_for(3)
        .iter()
        .filter_map(|taken| {
            let text = taken.text();
            let line = text.lines().find(|line| line.starts_with("X-Mms-Message-Type: "))?;
            Some(line["X-Mms-Message-Type: ".len()..].to_owned())
        })
        .collect();
    types.sort();
    assert_eq!(
        types,
        [
            "MM4_delivery_report.REQ",
            "MM4_forward.RES",
            "MM4_read_reply_report.REQ"
        ]
    );
}

/// Operator A with further keys; it only sends.
fn a(lines: &str) -> String {
    format!(
        "[[peer]]\nname = \"operator-a\"\ndomains = [\"mms.a.example\"]\nhosts = [\"127.0.0.1:9\"]\nfrom = [\"127.0.0.1\"]\n{lines}"
    )
}

#[test]
fn a_peer_that_sends_more_messages_than_were_agreed_upon_keeps_them_for_a_while() {
    let peer = Peer::start();
    let config = config(&peer, "").replace(
        "name = \"operator-a\"",
        "messages-from = \"1/min\"\nname = \"operator-a\"",
    );
    let relay = Relay::start(&config);
    let mut client = relay.client();
    let mail = format!("MAIL FROM:<{}>", sample::FROM);
    client.say(&mail).expect("250");
    client.say("RSET").expect("250");
    client.say(&mail).expect("451 4.7.0 more messages in a time");
    client.say("NOOP").expect("250");
    client.say("MAIL FROM:<1@mms.b.example>").expect("250");
}

#[test]
fn octets_beyond_what_was_agreed_upon_are_paid_off_before_the_next_message() {
    let peer = Peer::start();
    let config = config(&peer, "").replace(
        "name = \"operator-a\"",
        "octets-from = \"1 KiB/s\"\nname = \"operator-a\"",
    );
    let relay = Relay::start(&config);
    let large = sample::with_body("k1", &[], "0123456789abcdef\r\n".repeat(4_000).as_bytes());
    assert!(relay.offer(&large).starts_with("250"), "a message is taken whole");
    let mut client = relay.client();
    client
        .say(&format!("MAIL FROM:<{}>", sample::FROM))
        .expect("451 4.7.0 more octets in a time");
    assert_eq!(peer.wait_for(1).len(), 1);
}

#[test]
fn connections_beyond_what_was_agreed_upon_are_told_to_come_back() {
    let text = config_of(&[("a", "127.0.0.1:9")], "connections-from = '1/min'\n");
    let relay = Relay::start(&text);
    let mut first = Conversation::open(relay.address());
    let mut second = Conversation::connect(relay.address());
    second.expect("421 4.7.0 more connections in a time");
    second.expect_end();
    first.say("NOOP").expect("250");
}

#[test]
fn bare_line_ends_of_a_peer_that_is_known_for_them_leave_as_crlf_and_end_nothing() {
    let peer = Peer::start();
    let config = config(&peer, "").replace(
        "name = \"operator-a\"",
        "quirks = [\"bare-line-ends\"]\nname = \"operator-a\"",
    );
    let relay = Relay::start(&config);
    let message = sample::with_body("k1", &[], b"one\r\n.\r\nMAIL FROM:<1@mms.a.example>\r\ntwo\r\n");
    let text = String::from_utf8(message.clone()).expect("UTF-8");
    let mut client = relay.client();
    client.say(&format!("MAIL FROM:<{}>", sample::FROM)).expect("250");
    client.say(&format!("RCPT TO:<{}>", sample::TO)).expect("250");
    client.say("DATA").expect("354");
    // As the peer's disk has it, with dots doubled.
    client.send(text.replace("\r\n", "\n").replace("\n.\n", "\n..\n").as_bytes());
    client.send(b"\r\n.\r\n");
    client.expect("250 2.0.0");
    let arrived = peer.wait_for(1)[0].without_trace().to_vec();
    assert_eq!(String::from_utf8_lossy(&arrived).trim_end(), text.trim_end());
    let mut other = relay.client();
    other.say("MAIL FROM:<1@mms.b.example>").expect("250");
    other.say("RCPT TO:<2@mms.b.example>").expect("250");
    other.say("DATA").expect("354");
    other.send(b"A: b\n\nbody\r\n.\r\n");
    other.expect("550 5.6.11");
    other.expect_end();
}
