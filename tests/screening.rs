//! `screen` in a running relay: what it counts is counted exactly and for good, and what becomes of messages is its rules'.

use crate::support::{Link, Peer, Relay, config, sample};

fn screen(rules: &str) -> (Peer, Relay) {
    let peer = Peer::start();
    let settings = format!("rules = [{rules}]");
    let relay = Relay::start(&config(&peer, &Link::bundled("screen", &settings).to_string()));
    (peer, relay)
}

/// Every counter of the plug-in, from the store of a relay that does not run.
fn counts(relay: &Relay) -> Vec<u64> {
    let db = rusqlite::Connection::open(relay.path("spool/spool.db")).expect("the store");
    let mut query = db
        .prepare("SELECT value FROM kv WHERE plugin = 'screen' AND key NOT LIKE '%/base' ORDER BY key")
        .expect("a query");
    let values = query.query_map((), |row| row.get::<_, Vec<u8>>(0)).expect("rows");
    let number = |value: Vec<u8>| String::from_utf8(value).expect("text").parse().expect("a number");
    values.map(|value| number(value.expect("a value"))).collect()
}

#[test]
fn a_flood_is_refused_and_its_count_survives_a_crash() {
    let (peer, mut relay) = screen(
        r#"{ name = "flood", flood = { more-than = 3, within = "31 days" }, then = "refuse", text = "slow down" }"#,
    );
    let offer = |relay: &Relay, id: &str| relay.offer(&sample::forward_request(id));
    for id in ["one", "two"] {
        assert!(offer(&relay, id).starts_with("250"));
    }
    // What is being delivered when a relay dies is delivered again; here only the counts matter.
    peer.wait_for(2);
    relay.wait_until_empty();
    relay.kill();
    relay.start_again();
    assert!(offer(&relay, "three").starts_with("250"));
    for id in ["four", "five"] {
        let answer = offer(&relay, id);
        assert!(answer.starts_with("554") && answer.contains("slow down"), "{answer}");
    }
    assert_eq!(peer.wait_for(3).len(), 3);
    relay.kill();
    assert_eq!(counts(&relay), [3], "what was refused is not counted");
}

#[test]
fn many_messages_at_once_are_counted_one_by_one() {
    const SENDERS: usize = 8;
    const EACH: usize = 20;
    let (_peer, mut relay) = screen(
        r#"{ name = "copies", duplicates = { more-than = 1000, within = "31 days" }, then = "refuse" },
           { name = "flood", flood = { by = "pair", more-than = 1000, within = "31 days" }, then = "count" }"#,
    );
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let relay = &relay;
            scope.spawn(move || {
                let mut client = relay.client();
                for number in 0..EACH {
                    let message = sample::forward_request(&format!("m{sender}-{number}"));
                    let answer = client.transaction(sample::FROM, &[sample::TO], &message);
                    assert!(answer.starts_with("250"), "{answer}");
                }
            });
        }
    });
    relay.kill();
    assert_eq!(counts(&relay), [(SENDERS * EACH) as u64; 2]);
}

#[test]
fn words_hold_a_message_until_an_operator_lets_it_go() {
    let (peer, relay) =
        screen(r#"{ name = "words", when = { words = ["casino*"] }, then = "hold", text = "gambling" }"#);
    let answer = relay.offer(&sample::with_body("held", &[], b"Win in our CASINOS\r\n"));
    assert!(answer.starts_with("250"), "{answer}");
    let queue = relay.wait_for_queue("gambling");
    assert!(queue.contains("screen"), "{queue}");
    let answer = relay.offer(&sample::with_body(
        "free",
        &[],
        b"Encasinoed, and no word of the list\r\n",
    ));
    assert!(answer.starts_with("250"), "{answer}");
    assert_eq!(peer.wait_for(1).len(), 1);
    relay.print(&["queue", "release", "--past", "screen", "--all"]);
    assert_eq!(peer.wait_for(2).len(), 2);
}
