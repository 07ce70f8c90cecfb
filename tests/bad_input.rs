//! What a broken or hostile client can send: each gets its answer, and the relay goes on working.

use crate::support::{Conversation, Peer, Relay, config, sample};

/// A relay and its next hop, with the checks that every test here ends in.
struct Scene {
    peer: Peer,
    relay: Relay,
}

impl Scene {
    fn new() -> Self {
        Self::with("")
    }

    fn with(more: &str) -> Self {
        let peer = Peer::start();
        let relay = Relay::start(&config(&peer, more));
        Self { peer, relay }
    }

    /// Offers `message`, which must get `answer`, and nothing else may come of it.
    fn refuses(&self, message: &[u8], answer: &str) {
        let said = self.relay.offer(message);
        assert!(said.starts_with(answer), "expected {answer}, got: {said}");
        self.goes_on(&[]);
    }

    /// The relay carries a good message, and behind it the next hop has `others` and that one, and no more.
    fn goes_on(&self, others: &[&[u8]]) {
        let good = sample::forward_request("good");
        let answer = self.relay.offer(&good);
        assert!(answer.starts_with("250"), "{answer}");
        self.relay.wait_until_empty();
        let taken = self.peer.taken();
        let mut bodies: Vec<_> = taken.iter().map(|taken| taken.without_trace()).collect();
        bodies.sort();
        let mut expected = [others, &[&good[..]]].concat();
        expected.sort();
        assert!(
            bodies == expected,
            "the next hop got {} messages: {taken:?}",
            bodies.len()
        );
    }
}

fn without(field: &str) -> Vec<u8> {
    let message = String::from_utf8(sample::forward_request("k1")).unwrap();
    let kept: Vec<&str> = message
        .split_inclusive("\r\n")
        .filter(|line| !line.starts_with(field))
        .collect();
    assert!(kept.len() < message.lines().count(), "{field} was there");
    kept.concat().into_bytes()
}

#[test]
fn what_is_not_mm4_at_all_is_refused() {
    let mail = b"From: ann@mail.example\r\nTo: bob@mail.example\r\nSubject: lunch\r\n\r\nNoon?\r\n";
    Scene::new().refuses(mail, "554 5.6.0 not an MM4 message: it has no X-Mms-Message-Type");
}

#[test]
fn an_unknown_message_type_is_refused_by_name() {
    let message = String::from_utf8(sample::forward_request("k1")).unwrap();
    let unknown = message.replace("MM4_forward.REQ", "MM4_backward.REQ");
    Scene::new().refuses(
        unknown.as_bytes(),
        "554 5.6.0 X-Mms-Message-Type \"MM4_backward.REQ\" is not",
    );
}

#[test]
fn a_missing_message_type_or_transaction_id_is_refused_by_name() {
    let scene = Scene::new();
    scene.refuses(&without("X-Mms-Message-Type"), "554 5.6.0 not an MM4 message");
    let answer = scene.relay.offer(&without("X-Mms-Transaction-ID"));
    assert!(
        answer.starts_with("554 5.6.0 MM4_forward.REQ without X-Mms-Transaction-ID"),
        "{answer}"
    );
}

#[test]
fn nesting_without_end_is_refused_at_the_limit() {
    let nest = "Content-Type: message/rfc822\r\n\r\n".repeat(30_000);
    let message = sample::of_type("message/rfc822", "k1", &[], nest.as_bytes());
    Scene::new().refuses(&message, "554 5.6.0 MIME parts are nested deeper than 100");
}

#[test]
fn multiparts_nested_without_end_are_refused_at_the_limit() {
    let mut body = Vec::new();
    for depth in 0..30_000 {
        let (outer, inner) = (depth, depth + 1);
        body.extend(format!("--{outer}\r\nContent-Type: multipart/mixed; boundary={inner}\r\n\r\n").bytes());
    }
    let message = sample::of_type("multipart/mixed; boundary=0", "k1", &[], &body);
    Scene::new().refuses(&message, "554 5.6.0 MIME parts are nested deeper than 100");
}

#[test]
fn a_header_of_two_megabytes_is_refused_before_it_is_read() {
    let field = format!("X-Bloat: {}", "x".repeat(900));
    let fields = vec![field.as_str(); 2_300];
    let message = sample::with_body("k1", &fields, b"hello\r\n");
    assert!(message.len() > 2_000_000);
    Scene::new().refuses(&message, "552 5.3.4 header larger than 102400 octets");
}

#[test]
fn a_bare_line_feed_is_never_accepted_and_smuggles_nothing() {
    let scene = Scene::new();
    let request = sample::forward_request("outer");
    // What a server that takes LF for a line end would see as the end of data, and a second message behind it.
    for end in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\n\n.\r\n"] {
        let mut client = scene.relay.client();
        client.say(&format!("MAIL FROM:<{}>", sample::FROM)).expect("250");
        client.say(&format!("RCPT TO:<{}>", sample::TO)).expect("250");
        client.say("DATA").expect("354");
        let mut data = request.clone();
        data.extend_from_slice(end.as_bytes());
        data.extend(format!("MAIL FROM:<{}>\r\nRCPT TO:<{}>\r\nDATA\r\n", sample::FROM, sample::TO).bytes());
        data.extend(sample::forward_request("smuggled"));
        data.extend_from_slice(b"\r\n.\r\n");
        client.send(&data);
        let answer = client.expect("550 5.6.11 bare CR or LF");
        assert!(!answer.contains("250"), "{end:?}: {answer}");
        client.expect_end();
    }
    scene.goes_on(&[]);
}

#[test]
fn a_truncated_multipart_is_carried_as_it_came() {
    let scene = Scene::new();
    let body = b"--b1\r\nContent-Type: text/plain\r\n\r\nThe rest of it is miss\r\n";
    let truncated = sample::of_type("multipart/mixed; boundary=b1", "k1", &[], body);
    let answer = scene.relay.offer(&truncated);
    assert!(answer.starts_with("250"), "{answer}");
    scene.goes_on(&[&truncated]);
}

#[test]
fn a_message_without_a_body_is_carried() {
    let scene = Scene::new();
    let empty = sample::with_body("k1", &[], b"");
    let answer = scene.relay.offer(&empty);
    assert!(answer.starts_with("250"), "{answer}");
    scene.goes_on(&[&empty]);
}

#[test]
fn nothing_at_all_is_not_a_message() {
    let scene = Scene::new();
    let mut client = scene.relay.client();
    client.say(&format!("MAIL FROM:<{}>", sample::FROM)).expect("250");
    client.say(&format!("RCPT TO:<{}>", sample::TO)).expect("250");
    client.say("DATA").expect("354");
    client.say(".").expect("554 5.6.0");
    scene.goes_on(&[]);
}

#[test]
fn of_ten_thousand_recipients_a_thousand_are_accepted_and_get_the_message() {
    let scene = Scene::new();
    let mut client = scene.relay.client();
    client.say(&format!("MAIL FROM:<{}>", sample::FROM)).expect("250");
    let address = |number: usize| format!("+1555{number:07}/TYPE=PLMN@mms.b.example");
    let (mut accepted, mut later) = (0, 0);
    for start in (0..10_000).step_by(100) {
        let commands: String = (start..start + 100)
            .map(|n| format!("RCPT TO:<{}>\r\n", address(n)))
            .collect();
        client.send(commands.as_bytes());
        for _ in 0..100 {
            let reply = client.reply();
            match &reply[..3] {
                "250" => accepted += 1,
                "452" => {
                    assert!(reply.starts_with("452 4.5.3 no more than 1000 recipients"), "{reply}");
                    later += 1;
                }
                _ => panic!("{reply}"),
            }
        }
    }
    assert_eq!((accepted, later), (1_000, 9_000));
    client.say("DATA").expect("354");
    let message = sample::forward_request("many");
    let answer = client.data(&message);
    assert!(answer.starts_with("250"), "{answer}");
    let taken = &scene.peer.wait_for(1)[0];
    assert_eq!(taken.to, (0..1_000).map(address).collect::<Vec<_>>());
    scene.goes_on(&[&message]);
}

#[test]
fn a_message_that_says_it_is_too_large_is_refused_before_it_is_sent() {
    let scene = Scene::new();
    let mut client = scene.relay.client();
    client
        .say(&format!("MAIL FROM:<{}> SIZE=5242881", sample::FROM))
        .expect("552 5.3.4 message larger than 5242880");
    client
        .say(&format!("MAIL FROM:<{}> SIZE=5242880", sample::FROM))
        .expect("250");
    scene.goes_on(&[]);
}

#[test]
fn a_message_that_is_too_large_is_refused_whatever_it_said() {
    let scene = Scene::with("[limits]\nmessage-size = \"64 KiB\"\nheader-size = \"16 KiB\"\n");
    let body = "sixty-four octets of a text that goes on and on until it ends.\r\n".repeat(1_100);
    scene.refuses(
        &sample::with_body("k1", &[], body.as_bytes()),
        "552 5.3.4 message larger than 65536 octets",
    );
}

#[test]
fn a_client_from_an_unknown_address_is_not_let_in() {
    let peer = Peer::start();
    let only_others = config(&peer, "").replace("from = [\"127.0.0.1\"]", "from = [\"192.0.2.0/24\"]");
    let relay = Relay::start(&only_others);
    let mut client = Conversation::connect(relay.address());
    client.expect("554 127.0.0.1 is not a peer here");
    client.expect_end();
}

#[test]
fn octets_that_are_no_smtp_end_the_session_and_only_that() {
    let scene = Scene::new();
    let mut client = Conversation::open(scene.relay.address());
    // A TLS client hello, as from a peer that expects another port.
    client.try_send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\x00\r\n\x01\r\n");
    client.expect("500");
    client.hang_up();
    scene.goes_on(&[]);
}
