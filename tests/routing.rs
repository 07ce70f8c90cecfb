//! The next hop of each recipient, and messages that have none.

use crate::support::{Link, Peer, Relay, config, config_of, sample};

#[test]
fn a_recipient_goes_by_domain_and_in_our_own_domain_by_the_longest_prefix() {
    let (b, c) = (Peer::start(), Peer::start());
    let routes = r#"
[[route]]
prefix = "+1555"
peer = "operator-b"
[[route]]
prefix = "+15557"
peer = "operator-c"
"#;
    let operators = [("a", "127.0.0.1:9"), ("b", b.address()), ("c", c.address())];
    let relay = Relay::start(&config_of(&operators, routes));
    let (by_short, by_long, by_domain) = (
        "+15555550199/TYPE=PLMN@mms.hub.example",
        "+15557550199/TYPE=PLMN@mms.hub.example",
        // The domain decides, whatever the number.
        "+15555550188/TYPE=PLMN@MMS.C.example",
    );
    let mut client = relay.client();
    let answer = client.transaction(
        sample::FROM,
        &[by_short, by_long, by_domain],
        &sample::forward_request("k1"),
    );
    assert!(answer.starts_with("250"), "{answer}");
    assert_eq!(b.wait_for(1)[0].to, [by_short]);
    assert_eq!(c.wait_for(1)[0].to, [by_long, by_domain]);
}

#[test]
fn an_unknown_recipient_is_refused_by_itself_and_the_others_get_the_message() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, ""));
    let mut client = relay.client();
    client.say(&format!("MAIL FROM:<{}>", sample::FROM)).expect("250");
    for (nobody, code) in [
        ("+15555550188/TYPE=PLMN@mms.nobody.example", "550 5.1.2 "),
        ("+15555550188/TYPE=PLMN@mms.hub.example", "550 5.1.2 "),
        ("+15555550188", "550 5.1.1 "),
    ] {
        let reply = client.say(&format!("RCPT TO:<{nobody}>")).reply();
        assert_eq!(
            reply,
            format!("{code}no route to <{nobody}>; send it to its own network")
        );
    }
    client.say("DATA").expect("554 5.5.1 no valid recipients");
    client.say(&format!("RCPT TO:<{}>", sample::TO)).expect("250");
    client.say("RCPT TO:<+15555550177@mms.nobody.example>").expect("550");
    client.say("DATA").expect("354");
    let answer = client.data(&sample::forward_request("k1"));
    assert!(answer.starts_with("250"), "{answer}");
    assert_eq!(peer.wait_for(1)[0].to, [sample::TO]);
}

#[test]
fn a_number_that_is_left_to_plug_ins_goes_where_they_say() {
    let peer = Peer::start();
    let more = format!(
        "[[route]]\nprefix = \"+1555\"\nplugins = true\n[[table]]\nname = \"ported\"\nfile = \"ported.csv\"\n{}",
        Link::bundled("address-rewrite", "portability-table = \"ported\"")
    );
    let mut relay = Relay::stopped(&config(&peer, &more));
    std::fs::write(relay.path("ported.csv"), "+15555550199,mms.b.example\n").unwrap();
    relay.start_again();
    let mut client = relay.client();
    let ported = "+15555550199/TYPE=PLMN@mms.hub.example";
    let answer = client.transaction(sample::FROM, &[ported], &sample::forward_request("k1"));
    assert!(answer.starts_with("250"), "{answer}");
    assert_eq!(peer.wait_for(1)[0].to, ["+15555550199/TYPE=PLMN@mms.b.example"]);

    // No next hop exists for this recipient: the sender has the answer while it still holds the message.
    let not_ported = "+15555550188/TYPE=PLMN@mms.hub.example";
    let answer = client.transaction(sample::FROM, &[not_ported], &sample::forward_request("k2"));
    assert!(answer.starts_with("550 5.1.2 no route to"), "{answer}");
    relay.wait_until_empty();
}

#[test]
fn a_message_that_we_have_received_three_times_before_is_refused_as_a_loop() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, ""));
    let ours = "Received: from mms.b.example ([192.0.2.1])\r\n\tby MM4.hub.example with ESMTP id 1;\r\n\tSat, 21 Nov 2026 22:00:00 +0000\r\n";
    let passed = |times: usize, id: &str| [ours.repeat(times).into_bytes(), sample::forward_request(id)].concat();
    // A Relay/Server of our own may send on what came to it through us.
    let answer = relay.offer(&passed(2, "k1"));
    assert!(answer.starts_with("250"), "{answer}");
    let answer = relay.offer(&passed(3, "k2"));
    assert!(answer.starts_with("554 5.4.6 the message loops"), "{answer}");
    assert!(
        answer.contains("mm4.hub.example has received this message 3 times before"),
        "{answer}"
    );
    peer.wait_for(1);
    relay.wait_until_empty();
}

/// Some peers delete `Received`: a loop is recognised by the message's ID, its recipients and its destination.
#[test]
fn a_message_that_goes_round_without_a_trace_is_refused_after_as_many_passes_as_the_limit() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, ""));
    let pass = |number: usize| {
        let text = String::from_utf8(sample::forward_request("k1")).unwrap();
        // A relay that sends it on gives it a transaction ID of its own.
        let own = text.replacen(
            "X-Mms-Transaction-ID: \"k1",
            &format!("X-Mms-Transaction-ID: \"t{number}"),
            1,
        );
        relay.offer(own.as_bytes())
    };
    for number in 1..=3 {
        let answer = pass(number);
        assert!(answer.starts_with("250"), "{answer}");
    }
    let answer = pass(4);
    assert!(answer.starts_with("554 5.4.6 the message loops"), "{answer}");
    assert!(answer.contains("k1@mms.a.example"), "it is named: {answer}");
    assert!(answer.contains("to the same recipients 3 times before"), "{answer}");
    assert_eq!(peer.wait_for(3).len(), 3);
}

#[test]
fn a_message_may_have_as_many_hops_as_the_limit_and_not_one_more() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, ""));
    let with_hops = |hops: usize| {
        let mut message = "Received: from a.example by b.example; Sat, 21 Nov 2026 22:00:00 +0000\r\n".repeat(hops);
        message.push_str(&String::from_utf8(sample::forward_request("k1")).unwrap());
        message.into_bytes()
    };
    let answer = relay.offer(&with_hops(50));
    assert!(answer.starts_with("250"), "{answer}");
    let answer = relay.offer(&with_hops(51));
    assert!(answer.starts_with("554 5.4.6 "), "{answer}");
    peer.wait_for(1);
    relay.wait_until_empty();
    assert_eq!(peer.taken().len(), 1);
}
