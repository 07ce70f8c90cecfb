//! A message's journey, seen from outside.

use base64::Engine as _;

use crate::support::{Conversation, Link, Peer, Relay, config, config_of, own_address, root, sample};

#[test]
fn a_message_leaves_byte_for_byte_as_it_came_but_for_our_trace() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, ""));
    let message = sample::forward_request("k1");
    let answer = relay.offer(&message);
    assert!(answer.starts_with("250 2.0.0 "), "{answer}");
    let taken = &peer.wait_for(1)[0];
    assert_eq!(taken.without_trace(), message);
    assert_eq!(
        (taken.from.as_str(), taken.to.as_slice()),
        (sample::FROM, &[sample::TO.to_owned()][..])
    );
    assert!(
        taken.text().contains("by mm4.hub.example with ESMTP id "),
        "{}",
        taken.text()
    );
}

/// The chain that the README shows.
fn three_plug_ins() -> String {
    format!(
        "{}{}{}",
        Link::bundled("address-rewrite", "country-code = \"999\"\nnational-prefix = \"0\""),
        Link::bundled("content-adapt", ""),
        Link::bundled("charging", "")
    )
}

/// A photo of 160x120 pixels, for a number in national form.
fn photo() -> Vec<u8> {
    let path = root().join("plugins/content-adapt/samples/photo-over-pixel-limit/message.eml");
    let text = String::from_utf8(std::fs::read(path).unwrap()).unwrap();
    let with_national_number = text.replace("To: +15555550199/TYPE=PLMN", "To: 01715550199/TYPE=PLMN");
    assert_ne!(text, with_national_number);
    with_national_number.into_bytes()
}

#[test]
fn three_plug_ins_rewrite_the_address_adapt_the_photo_and_charge() {
    let peer = Peer::start();
    let limits = "max-image-width = 80\nmax-image-height = 60\n";
    let relay = Relay::start(&config(&peer, &format!("{limits}{}", three_plug_ins())));
    let mut client = relay.client();
    let national = "01715550199/TYPE=PLMN@mms.b.example";
    let answer = client.transaction(sample::FROM, &[national], &photo());
    assert!(answer.starts_with("250"), "{answer}");

    let taken = &peer.wait_for(1)[0];
    assert_eq!(taken.to, ["+9991715550199/TYPE=PLMN@mms.b.example"]);
    let text = taken.text();
    assert!(text.contains("\r\nTo: +9991715550199/TYPE=PLMN\r\n"), "{text}");
    assert!(text.contains("\r\nX-Mms-Content-Class: image-basic\r\n"), "{text}");
    assert_eq!(jpeg_size(&only_image(&text)), (80, 60));
    assert!(text.contains("Greetings from the hills"), "the other parts are there");

    let records = relay.wait_for_records(2);
    let field = |name: &str| -> Vec<&str> { records.iter().map(|record| record[name].as_str().unwrap()).collect() };
    assert_eq!(field("record-type"), ["relay-in", "relay-out"]);
    let sequence: Vec<u64> = records
        .iter()
        .map(|record| record["sequence"].as_u64().unwrap())
        .collect();
    assert_eq!(sequence, [1, 2]);
    assert_eq!(field("message-id"), ["\"k1@w.mms.a.example\""; 2]);
    assert_eq!(records[0]["source-peer"], "operator-a");
    assert_eq!(records[1]["destination-peer"], "operator-b");
    // Charged is whom the message went to, not what the sender called them.
    assert_eq!(
        records[0]["recipients"],
        serde_json::json!(["+9991715550199/TYPE=PLMN@mms.b.example"])
    );
}

#[test]
fn sequence_numbers_of_charging_records_have_no_gaps() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, &Link::bundled("charging", "").to_string()));
    std::thread::scope(|scope| {
        for client in 0..4 {
            let relay = &relay;
            scope.spawn(move || {
                let mut conversation = relay.client();
                for number in 0..5 {
                    let message = sample::forward_request(&format!("k{client}-{number}"));
                    let answer = conversation.transaction(sample::FROM, &[sample::TO], &message);
                    assert!(answer.starts_with("250"), "{answer}");
                }
            });
        }
    });
    let records = relay.wait_for_records(40);
    let sequence: Vec<u64> = records
        .iter()
        .map(|record| record["sequence"].as_u64().unwrap())
        .collect();
    assert_eq!(sequence, (1..=40).collect::<Vec<_>>());
    let of_type = |wanted: &str| records.iter().filter(|record| record["record-type"] == wanted).count();
    assert_eq!((of_type("relay-in"), of_type("relay-out")), (20, 20));
}

#[test]
fn recipients_at_two_peers_are_two_deliveries_and_nobody_unlisted_becomes_listed() {
    let (b, c) = (Peer::start(), Peer::start());
    let operators = [("a", "127.0.0.1:9"), ("b", b.address()), ("c", c.address())];
    let relay = Relay::start(&config_of(&operators, &three_plug_ins()));
    // Of the three, the header lists only B's. The others are blind copies, one of them in national form: it is
    // rewritten in the envelope, and must not appear in the header for that.
    let message = sample::forward_request("k1");
    let (listed, blind, rewritten) = (
        sample::TO,
        "+15555550177/TYPE=PLMN@mms.c.example",
        "01715550166/TYPE=PLMN@mms.c.example",
    );
    let answer = relay
        .client()
        .transaction(sample::FROM, &[listed, blind, rewritten], &message);
    assert!(answer.starts_with("250"), "{answer}");

    let (at_b, at_c) = (&b.wait_for(1)[0], &c.wait_for(1)[0]);
    assert_eq!(at_b.to, [listed]);
    assert_eq!(at_c.to, [blind, "+9991715550166/TYPE=PLMN@mms.c.example"]);
    for taken in [at_b, at_c] {
        assert_eq!(taken.without_trace(), message);
        for number in ["15555550177", "1715550166"] {
            assert!(!taken.text().contains(number), "{number} in {}", taken.text());
        }
    }
    relay.wait_until_empty();
    assert_eq!((b.taken().len(), c.taken().len()), (1, 1));
    // One record for what came in, one for each delivery.
    let mut types: Vec<_> = relay
        .wait_for_records(3)
        .iter()
        .map(|r| r["record-type"].to_string())
        .collect();
    types.sort();
    assert_eq!(types, ["\"relay-in\"", "\"relay-out\"", "\"relay-out\""]);
}

#[test]
fn a_client_and_a_next_hop_that_know_only_helo_are_served() {
    let peer = Peer::told(&["--helo-only"]);
    let relay = Relay::start(&config(&peer, ""));
    let mut client = Conversation::open(relay.address());
    let reply = client.say("HELO old.a.example").expect("250");
    assert_eq!(reply, "250 mm4.hub.example", "no extension for those who do not ask");
    let message = sample::forward_request("k1");
    let answer = client.transaction(sample::FROM, &[sample::TO], &message);
    assert!(answer.starts_with("250"), "{answer}");
    let taken = &peer.wait_for(1)[0];
    assert_eq!(taken.without_trace(), message);
    let trace = "from old.a.example ([127.0.0.1])\r\n\tby mm4.hub.example with SMTP id ";
    assert!(taken.text().contains(trace), "{}", taken.text());
}

#[test]
fn a_response_passes_back_by_domain() {
    let a = Peer::start();
    let relay = Relay::start(&config_of(&[("a", a.address()), ("b", "127.0.0.1:9")], ""));
    let response = "From: system-user@mms.b.example\r\nTo: system@mms.a.example\r\n\
                    Date: Mon, 26 Jan 2026 00:17:45 +0000\r\nMessage-ID: <r1@mms.b.example>\r\n\
                    X-Mms-3GPP-MMS-Version: 6.5.0\r\nX-Mms-Message-Type: MM4_forward.RES\r\n\
                    X-Mms-Transaction-ID: \"k1@mms.a.example\"\r\nX-Mms-Message-ID: \"k1@mms.a.example\"\r\n\
                    X-Mms-Request-Status-Code: Ok\r\n\r\n";
    let to = ["system@mms.a.example"];
    let mut client = relay.client();
    let answer = client.transaction("system-user@mms.b.example", &to, response.as_bytes());
    assert!(answer.starts_with("250"), "{answer}");
    let taken = &a.wait_for(1)[0];
    assert_eq!(taken.to, to);
    assert_eq!(taken.without_trace(), response.as_bytes());
}

#[test]
fn a_request_goes_to_b_and_b_s_response_comes_back_to_a() {
    let a = Peer::start();
    let b_address = own_address();
    let relay = Relay::start(&config_of(&[("a", a.address()), ("b", &b_address)], &three_plug_ins()));
    let _b = Peer::at(&b_address, &["--host", "mms.b.example", "--answer-to", relay.address()]);
    let request = sample::with_body("t 1", &["X-Mms-Ack-Request: Yes"], b"hello\r\n");
    let answer = relay.offer(&request);
    assert!(answer.starts_with("250"), "{answer}");
    let response = &a.wait_for(1)[0];
    assert_eq!(
        (response.from.as_str(), response.to.as_slice()),
        ("system-user@mms.b.example", &["system@mms.a.example".to_owned()][..])
    );
    let text = response.text();
    for line in [
        "X-Mms-Message-Type: MM4_forward.RES",
        // As operator A spelled it, quotes and blank included.
        "X-Mms-Transaction-ID: \"t 1@mms.a.example\"",
        "X-Mms-Request-Status-Code: Ok",
    ] {
        assert!(text.contains(&format!("\r\n{line}\r\n")), "{line} in {text}");
    }
    // Both ways are charged: request in and out, response in and out.
    assert_eq!(relay.wait_for_records(4).len(), 4);
}

#[test]
fn a_large_message_goes_through_files_and_arrives_unchanged() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, &three_plug_ins()));
    // Lines that begin with dots are what SMTP has to stuff, and what a careless relay loses.
    let body = ".\r\n..\r\n. a line of a message that does not stay in memory\r\n".repeat(75_000);
    let message = sample::with_body("k1", &[], body.as_bytes());
    assert!(message.len() > 4_000_000);
    let answer = relay.offer(&message);
    assert!(answer.starts_with("250"), "{answer}");
    let taken = &peer.wait_for(1)[0];
    assert!(
        taken.without_trace() == message,
        "{} octets of {}",
        taken.bytes.len(),
        message.len()
    );
    let records = relay.wait_for_records(2);
    assert_eq!(records[0]["message-size"], message.len(), "as it came in");
    assert_eq!(records[1]["message-size"], taken.bytes.len(), "as the next hop got it");
}

#[test]
fn a_report_with_the_null_sender_keeps_it() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, &three_plug_ins()));
    let report = "From: system-user@mms.a.example\r\nTo: +15555550199/TYPE=PLMN\r\n\
                  Date: Mon, 26 Jan 2026 00:17:45 +0000\r\nMessage-ID: <d1@mms.a.example>\r\n\
                  X-Mms-3GPP-MMS-Version: 6.5.0\r\nX-Mms-Message-Type: MM4_delivery_report.REQ\r\n\
                  X-Mms-Transaction-ID: \"d1@mms.a.example\"\r\nX-Mms-Message-ID: \"k1@mms.b.example\"\r\n\
                  X-Mms-MM-Status-Code: Retrieved\r\n\r\n";
    let answer = relay.client().transaction("", &[sample::TO], report.as_bytes());
    assert!(answer.starts_with("250"), "{answer}");
    let taken = &peer.wait_for(1)[0];
    assert_eq!((taken.from.as_str(), taken.without_trace()), ("", report.as_bytes()));
}

/// The only image part, decoded.
fn only_image(message: &str) -> Vec<u8> {
    let part = message
        .split("\r\n------=")
        .find(|part| part.contains("Content-Type: image/jpeg"))
        .expect("an image");
    let (_, body) = part.split_once("\r\n\r\n").expect("a part has a body");
    let base64: String = body.split_whitespace().collect();
    base64::engine::general_purpose::STANDARD
        .decode(base64)
        .expect("base64")
}

/// Width and height, from the frame header (ITU-T T.81, B.2.2).
fn jpeg_size(image: &[u8]) -> (u16, u16) {
    assert_eq!(image[..2], [0xff, 0xd8], "a JPEG");
    let mut at = 2;
    loop {
        let (marker, length) = (image[at + 1], u16::from_be_bytes([image[at + 2], image[at + 3]]));
        if matches!(marker, 0xc0..=0xc2) {
            let number = |at: usize| u16::from_be_bytes([image[at], image[at + 1]]);
            return (number(at + 7), number(at + 5));
        }
        at += 2 + usize::from(length);
    }
}

#[test]
fn a_message_in_chunks_arrives_octet_for_octet_and_what_it_smuggles_is_refused() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, ""));
    let message = sample::with_body("k1", &[], b".\r\n..\r\nQUIT\r\n.\r\nMAIL FROM:<1@mms.a.example>\r\n");
    let mut client = Conversation::open(relay.address());
    assert!(client.say("EHLO client.example").expect("250").contains("CHUNKING"));
    let envelope = format!("MAIL FROM:<{}>\r\nRCPT TO:<{}>\r\n", sample::FROM, sample::TO);
    // All of it at once, as PIPELINING allows, in chunks that end anywhere.
    let mut said = envelope.clone().into_bytes();
    for chunk in message.chunks(600) {
        said.extend_from_slice(format!("BDAT {}\r\n", chunk.len()).as_bytes());
        said.extend_from_slice(chunk);
    }
    said.extend_from_slice(b"BDAT 0 LAST\r\n");
    client.send(&said);
    for _ in 0..2 + message.len().div_ceil(600) {
        client.expect("250");
    }
    assert!(client.reply().ends_with("accepted"));
    assert_eq!(peer.wait_for(1)[0].without_trace(), message);
    client.send(envelope.as_bytes());
    client.expect("250");
    client.expect("250");
    client.send(b"BDAT 28 LAST\r\nA: b\r\n\r\nhello\n.\r\nMAIL FROM:<");
    client.expect("550 5.6.11");
    client.expect_end();
}
