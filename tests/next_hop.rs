//! Faults of a next hop. Each message is delivered once, or given up visibly.

use crate::support::{Peer, Relay, config, config_at, eventually, own_address, sample};

/// Retry times for tests: the defaults' minutes become moments.
const IMPATIENT: &str = r#"
timeouts = { connect = "500 ms", greeting = "500 ms", command = "500 ms", data = "500 ms", block = "500 ms", end-of-data = "500 ms" }
"#;

/// Sends one message to a next hop that runs with `flags`; it must arrive once and unchanged.
fn arrives_once(flags: &[&str]) {
    let peer = Peer::told(flags);
    let relay = Relay::start(&config(&peer, IMPATIENT));
    let message = sample::forward_request("k1");
    let answer = relay.offer(&message);
    assert!(answer.starts_with("250"), "{answer}");
    relay.wait_until_empty();
    let taken = peer.taken();
    assert_eq!(taken.len(), 1, "{flags:?}: {taken:?}");
    assert_eq!(taken[0].without_trace(), message);
}

#[test]
fn a_next_hop_that_stalls_is_left_and_asked_again() {
    for stage in ["connect", "helo", "mail", "rcpt", "data", "body"] {
        arrives_once(&["--stall", stage, "--times", "1"]);
    }
}

#[test]
fn a_next_hop_that_hangs_up_is_asked_again() {
    for stage in ["connect", "helo", "mail", "rcpt", "data", "body"] {
        arrives_once(&["--hang-up", stage, "--times", "1"]);
    }
}

#[test]
fn a_next_hop_that_talks_garbage_is_asked_again() {
    for stage in ["connect", "helo", "mail", "rcpt", "data"] {
        arrives_once(&["--garbage", stage, "--times", "1"]);
    }
}

#[test]
fn a_next_hop_that_defers_is_asked_again_until_it_takes_the_message() {
    for stage in ["mail", "rcpt", "data"] {
        arrives_once(&["--defer", stage, "--times", "2"]);
    }
    arrives_once(&["--defer", "helo", "--times", "1"]);
}

#[test]
fn a_message_whose_end_was_not_answered_is_sent_again_rather_than_lost() {
    // RFC 1047: the relay cannot know whether the message was taken. Here it was not; the test peer also keeps messages
    // that it never answered.
    let peer = Peer::told(&["--stall", "end", "--times", "1"]);
    let relay = Relay::start(&config(&peer, IMPATIENT));
    let message = sample::forward_request("k1");
    let answer = relay.offer(&message);
    assert!(answer.starts_with("250"), "{answer}");
    relay.wait_until_empty();
    let taken = peer.taken();
    assert_eq!(taken.len(), 2, "once without an answer, once with one");
    assert_eq!(
        taken[0].bytes, taken[1].bytes,
        "by the same bytes it can be told that they are one message"
    );
}

#[test]
fn each_recipient_is_decided_by_itself() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, ""));
    let (good, refused) = (sample::TO, "refuse-me@mms.b.example");
    let answer = relay
        .client()
        .transaction(sample::FROM, &[good, refused], &sample::forward_request("k1"));
    assert!(answer.starts_with("250"), "{answer}");
    assert_eq!(peer.wait_for(1)[0].to, [good]);
    let list = relay.wait_for_queue("failed");
    assert!(list.contains(refused) && !list.contains(good), "{list}");
}

/// The first id that `queue list` prints.
fn first_id(list: &str) -> String {
    list.split_whitespace().next().expect("an entry").to_owned()
}

#[test]
fn a_message_that_is_refused_for_good_is_shown_retried_and_dropped_by_the_operator() {
    let peer = Peer::told(&["--refuse", "end:554", "--times", "2"]);
    let relay = Relay::start(&config(&peer, ""));
    let message = sample::forward_request("k1");
    assert!(relay.offer(&message).starts_with("250"));
    let list = relay.wait_for_queue("failed");
    assert!(
        list.contains("operator-b") && list.contains(sample::TO) && list.contains("554"),
        "{list}"
    );
    let id = first_id(&list);

    let shown = relay.print(&["queue", "show", &id]);
    for text in [
        "failed",
        "operator-a",
        sample::FROM,
        "X-Mms-Message-ID: \"k1@mms.a.example\"",
    ] {
        assert!(shown.contains(text), "{text} in {shown}");
    }

    // The second attempt is refused as the first was; the third is taken.
    let said = relay.print(&["queue", "retry", &id]);
    assert_eq!(said, "1 will be tried now\n");
    relay.wait_for_queue("failed");
    let said = relay.print(&["queue", "retry", "--peer", "operator-b"]);
    assert_eq!(said, "0 will be tried now\n", "its sender was told that it failed");
    let said = relay.print(&["queue", "retry", "--peer", "operator-b", "--failed"]);
    assert_eq!(said, "1 will be tried now\n");
    relay.wait_until_empty();
    // The test peer keeps refused messages too: the last one is the one that it took.
    let taken = peer.taken();
    assert_eq!(taken.last().unwrap().without_trace(), message);

    let gone = relay.command(&["queue", "show", &id]);
    let text = String::from_utf8_lossy(&gone.stderr).into_owned();
    assert!(
        !gone.status.success() && text.contains(&format!("{id} is not in the queue")),
        "{text}"
    );
}

#[test]
fn a_failed_message_that_is_dropped_is_gone() {
    let peer = Peer::told(&["--refuse", "rcpt"]);
    let relay = Relay::start(&config(&peer, ""));
    assert!(relay.offer(&sample::forward_request("k1")).starts_with("250"));
    let id = first_id(&relay.wait_for_queue("failed"));
    assert_eq!(relay.print(&["queue", "drop", &id]), "1 dropped\n");
    assert_eq!(relay.print(&["queue", "list"]), "nothing in the queue\n");
    let again = relay.command(&["queue", "drop", &id]);
    assert!(!again.status.success());
    assert!(peer.taken().is_empty());
}

#[test]
fn a_next_hop_that_is_down_gets_everything_when_it_comes_up() {
    let address = own_address();
    let relay = Relay::start(&config_at(&address, ""));
    for number in 0..3 {
        let answer = relay.offer(&sample::forward_request(&format!("k{number}")));
        assert!(answer.starts_with("250"), "{answer}");
    }
    relay.process().wait_for_log("host accepts no session");
    let list = relay.print(&["queue", "list", "--state", "waiting"]);
    assert_eq!(list.matches("  operator-b  waiting").count(), 3, "{list}");
    let list = eventually("the peer is shown as down", || {
        let list = relay.print(&["queue", "list"]);
        list.contains("peer operator-b is down since").then_some(list)
    });
    assert!(
        list.contains(&format!("host {address} of operator-b is down since")),
        "{list}"
    );
    assert_eq!(
        list.matches("\n    its peer is down since 20").count(),
        3,
        "each says why it waits: {list}"
    );
    let shown = relay.print(&["queue", "show", &first_id(&list)]);
    assert!(shown.contains("\n    its peer is down since 20"), "{shown}");
    let peer = Peer::at(&address, &[]);
    relay.wait_until_empty();
    assert_eq!(peer.taken().len(), 3);
    relay.process().wait_for_log("peer is up again");
    let log = relay.process().log();
    for line in [
        "host accepts no session",
        "peer is down",
        "host accepts sessions again",
        "peer is up again",
    ] {
        assert_eq!(log.matches(line).count(), 1, "one line at each change: {line} in {log}");
    }
}

#[test]
fn a_recipient_that_is_named_twice_gets_the_message_once() {
    for quirks in ["", "quirks = [\"one-recipient-per-transaction\"]\n"] {
        let peer = Peer::start();
        let relay = Relay::start(&config(&peer, quirks));
        let answer =
            relay
                .client()
                .transaction(sample::FROM, &[sample::TO, sample::TO], &sample::forward_request("k1"));
        assert!(answer.starts_with("250"), "{answer}");
        relay.wait_until_empty();
        let taken = peer.taken();
        assert_eq!((taken.len(), taken[0].to.len()), (1, 1), "{quirks}");
    }
}

#[test]
fn a_next_hop_that_greets_with_a_refusal_makes_no_message_fail() {
    let peer = Peer::told(&["--refuse", "connect:554", "--times", "2"]);
    let relay = Relay::start(&config(&peer, ""));
    for number in 0..5 {
        assert!(
            relay
                .offer(&sample::forward_request(&format!("k{number}")))
                .starts_with("250")
        );
    }
    relay.wait_until_empty();
    assert_eq!(peer.taken().len(), 5);
    let log = relay.process().log();
    assert!(log.contains("peer is down") && !log.contains(" failed id="), "{log}");
}

/// An operator's retry does not wait for the schedule.
#[test]
fn a_message_that_waits_for_an_hour_is_sent_at_once_when_the_operator_says_so() {
    let address = own_address();
    let patient = config_at(&address, "").replace(
        "first = \"50 ms\", longest = \"200 ms\"",
        "first = \"1 h\", longest = \"1 h\"",
    );
    let relay = Relay::start(&patient);
    for id in ["k1", "k2"] {
        assert!(relay.offer(&sample::forward_request(id)).starts_with("250"));
    }
    relay.process().wait_for_log("host accepts no session");
    relay.wait_for_queue("  1 attempt");
    let peer = Peer::at(&address, &[]);
    relay.print(&["queue", "retry", "--peer", "operator-b"]);
    relay.wait_until_empty();
    assert_eq!(peer.taken().len(), 2);
}

#[test]
fn a_waiting_message_that_is_dropped_is_never_sent() {
    let address = own_address();
    let relay = Relay::start(&config_at(&address, ""));
    for id in ["dropped", "kept"] {
        assert!(relay.offer(&sample::forward_request(id)).starts_with("250"));
    }
    relay.process().wait_for_log("host accepts no session");
    let list = relay.print(&["queue", "list"]);
    relay.print(&["queue", "drop", &first_id(&list)]);
    let peer = Peer::at(&address, &[]);
    relay.wait_until_empty();
    let taken = peer.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].without_trace(), sample::forward_request("kept"));
}

#[test]
fn nothing_is_lost_when_a_next_hop_dies_under_traffic_and_comes_back() {
    let address = own_address();
    let relay = Relay::start(&config_at(&address, ""));
    let messages: Vec<_> = (0..60).map(|n| sample::forward_request(&format!("k{n:02}"))).collect();
    let first = Peer::at(&address, &[]);
    let mut client = relay.client();
    for (number, message) in messages.iter().enumerate() {
        if number == 30 {
            first.process().signal("KILL");
        }
        let answer = client.transaction(sample::FROM, &[sample::TO], message);
        assert!(answer.starts_with("250"), "{answer}");
    }
    let before = first.taken();
    drop(first);
    let second = Peer::at(&address, &[]);
    relay.wait_until_empty();
    let after = second.taken();
    let mut got: Vec<_> = before.iter().chain(&after).map(|taken| taken.without_trace()).collect();
    got.sort();
    // A peer that died between its last octet and its answer may have taken that message, so it is sent again (RFC
    // 1047).
    got.dedup();
    assert_eq!(got, messages);
    assert!(
        !before.is_empty() && after.len() >= 20,
        "{} and {}",
        before.len(),
        after.len()
    );
}

#[test]
fn hosts_are_tried_in_their_order() {
    let (first, second) = (own_address(), Peer::start());
    let both = format!("{first}\", \"{}", second.address());
    let relay = Relay::start(&config_at(&both, ""));
    assert!(relay.offer(&sample::forward_request("k1")).starts_with("250"));
    assert_eq!(second.wait_for(1).len(), 1, "the first is down: the second takes it");

    let (first, second) = (Peer::start(), Peer::start());
    let both = format!("{}\", \"{}", first.address(), second.address());
    let relay = Relay::start(&config_at(&both, ""));
    for number in 0..5 {
        assert!(
            relay
                .offer(&sample::forward_request(&format!("k{number}")))
                .starts_with("250")
        );
    }
    relay.wait_until_empty();
    assert_eq!(
        (first.taken().len(), second.taken().len()),
        (5, 0),
        "both are up: the first takes all"
    );
}

#[test]
fn a_relay_that_is_killed_goes_on_where_it_stopped_and_delivers_once() {
    let address = own_address();
    let mut relay = Relay::start(&config_at(&address, ""));
    let messages: Vec<_> = (0..5)
        .map(|number| sample::forward_request(&format!("k{number}")))
        .collect();
    for message in &messages {
        assert!(relay.offer(message).starts_with("250"));
    }
    relay.kill();
    relay.start_again();
    let list = relay.print(&["queue", "list"]);
    assert_eq!(list.matches("waiting").count(), 5, "{list}");
    let peer = Peer::at(&address, &[]);
    relay.wait_until_empty();
    let taken = peer.taken();
    let mut got: Vec<_> = taken.iter().map(|taken| taken.without_trace()).collect();
    got.sort();
    assert_eq!(got, messages);
    // Another start finds nothing to do.
    relay.stop();
    relay.start_again();
    assert_eq!(relay.print(&["queue", "list"]), "nothing in the queue\n");
    assert_eq!(peer.taken().len(), 5);
}
