//! A failing plug-in affects its own step alone; its requests are kept with the message, or not at all.

use std::time::{Duration, Instant};

use crate::support::{Link, Peer, Relay, config, config_at, own_address, root, sample};

/// What the hostile guest does with a picture that tells it to, and how the log calls that.
const HABITS: [(&str, &str); 8] = [
    ("loop", "plug-in failed: time: "),
    ("sleep", "plug-in failed: time: "),
    ("bomb", "plug-in failed: memory: "),
    ("trap", "plug-in failed: trap: "),
    ("recursion", "plug-in failed: trap: "),
    ("set-header-crlf", "plug-in failed: contract: edit 1 (set-header "),
    ("edits", "plug-in failed: contract: 20000 edits in one verdict"),
    ("fault", "plug-in failed: fault: unavailable: the well\\nis dry"),
];

/// A chain of the hostile guest, which is called for each picture, and of charging behind it.
fn scene(policy: &str) -> (Peer, Relay) {
    let hostile = Link::hostile("do = \"ask\"\nedits = 20000")
        .on_failure(policy)
        .limits("memory = \"16 MiB\"\ntime = \"300 ms\"");
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, &format!("{hostile}{}", Link::bundled("charging", ""))));
    (peer, relay)
}

/// A picture that tells the hostile guest what to do.
fn picture(habit: &str) -> Vec<u8> {
    sample::picture(habit, &[&format!("X-Do: {habit}")])
}

/// Offers a picture for every habit; each must get `answer`, and the log must say what happened.
fn offer_all(relay: &Relay, answer: &str) {
    let mut client = relay.client();
    for (habit, logged) in HABITS {
        let before = relay.process().log().matches(logged).count();
        let said = client.transaction(sample::FROM, &[sample::TO], &picture(habit));
        assert!(said.starts_with(answer), "{habit}: {said}");
        let after = || relay.process().log().matches(logged).count();
        crate::support::eventually(&format!("{habit} is logged as {logged}"), || {
            (after() > before).then_some(())
        });
    }
}

/// A message for which the hostile guest is not called passes, and is only charged.
fn others_pass(peer: &Peer, relay: &Relay) {
    let text = sample::forward_request("text");
    let answer = relay.offer(&text);
    assert!(answer.starts_with("250"), "{answer}");
    assert_eq!(peer.wait_for(1)[0].without_trace(), text);
    let records = relay.wait_for_records(2);
    assert!(
        records
            .iter()
            .all(|record| record["message-id"] == "\"text@mms.a.example\""),
        "{records:?}"
    );
    assert_eq!((peer.taken().len(), records.len()), (1, 2));
}

#[test]
fn on_failure_defer_leaves_the_message_with_its_sender() {
    let (peer, relay) = scene("defer");
    offer_all(&relay, "451 4.3.0 the message cannot be processed now");
    assert_eq!(relay.print(&["queue", "list"]), "nothing in the queue\n");
    assert!(relay.charging_records().is_empty());
    others_pass(&peer, &relay);
}

#[test]
fn on_failure_refuse_refuses_for_good() {
    let (peer, relay) = scene("refuse");
    offer_all(
        &relay,
        "554 5.3.0 the message cannot be processed; do not send it again",
    );
    assert_eq!(relay.print(&["queue", "list"]), "nothing in the queue\n");
    assert!(relay.charging_records().is_empty());
    others_pass(&peer, &relay);
}

#[test]
fn on_failure_hold_accepts_the_message_and_parks_it_for_the_operator() {
    let (peer, relay) = scene("hold");
    offer_all(&relay, "250 2.0.0 ");
    let held = relay.print(&["queue", "list", "--state", "held"]);
    assert_eq!(held.matches("  held  ").count(), HABITS.len(), "{held}");
    assert!(held.contains("plug-in hostile failed: trap: "), "{held}");
    // As received: a held message has not been through the chain.
    let id = held.split_whitespace().next().unwrap();
    let shown = relay.print(&["queue", "show", id]);
    assert!(shown.contains("X-Do: loop") && shown.contains(sample::TO), "{shown}");
    assert!(relay.charging_records().is_empty());
    others_pass(&peer, &relay);
}

#[test]
fn on_failure_skip_goes_on_as_if_the_plug_in_were_not_there() {
    let (peer, relay) = scene("skip");
    offer_all(&relay, "250 2.0.0 ");
    let taken = peer.wait_for(HABITS.len());
    for (habit, _) in HABITS {
        let sent = picture(habit);
        assert!(taken.iter().any(|taken| taken.without_trace() == sent), "{habit}");
    }
    let records = relay.wait_for_records(2 * HABITS.len());
    assert!(
        records.iter().all(|record| record["plugin"] == "charging"),
        "{records:?}"
    );
}

#[test]
fn a_loop_is_stopped_at_its_budget_and_others_are_served_meanwhile() {
    const BUDGET: Duration = Duration::from_secs(3);
    let hostile = Link::hostile("do = \"ask\"").limits("time = \"3 s\"");
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, &hostile.to_string()));
    let started = Instant::now();
    std::thread::scope(|scope| {
        let looping = scope.spawn(|| relay.offer(&picture("loop")));
        let mut client = relay.client();
        for number in 0..20 {
            let text = sample::forward_request(&format!("k{number}"));
            let answer = client.transaction(sample::FROM, &[sample::TO], &text);
            assert!(answer.starts_with("250"), "{answer}");
        }
        assert!(
            !looping.is_finished(),
            "twenty messages take less than the budget of one"
        );
        let answer = looping.join().unwrap();
        assert!(answer.starts_with("451"), "{answer}");
    });
    let took = started.elapsed();
    assert!(took >= BUDGET, "the budget is what was set: {took:?}");
    // The machine may be busy; the loop itself would never end.
    assert!(took < BUDGET + Duration::from_secs(3), "{took:?}");
    assert_eq!(peer.wait_for(20).len(), 20);
}

#[test]
fn verdicts_are_carried_out() {
    let (peer, relay) = scene("defer");
    let mut client = relay.client();
    let mut offer = |habit: &str| client.transaction(sample::FROM, &[sample::TO], &picture(habit));
    let refused = offer("refuse");
    assert!(refused.starts_with("554 5.7.1 no"), "{refused}");
    assert!(offer("discard").starts_with("250"));
    relay.process().wait_for_log("discarded: dull");
    assert_eq!(relay.print(&["queue", "list"]), "nothing in the queue\n");
    assert!(offer("set-header").starts_with("250"));
    let text = peer.wait_for(1)[0].text();
    assert!(text.contains("\r\nX-Seen: yes\r\n"), "{text}");
    assert_eq!(peer.taken().len(), 1, "only what passed was sent");
}

#[test]
fn no_message_sees_what_another_left_in_the_sandbox() {
    let (_peer, relay) = scene("defer");
    for number in 0..3 {
        // The guest counts its calls in a static, and holds the message with the count as the reason.
        let message = sample::picture(&format!("k{number}"), &["X-Do: count"]);
        assert!(relay.offer(&message).starts_with("250"));
    }
    let held = relay.print(&["queue", "list", "--state", "held"]);
    let reasons: Vec<&str> = held
        .lines()
        .filter(|line| line.trim().parse::<u32>().is_ok())
        .map(str::trim)
        .collect();
    assert_eq!(reasons, ["1"; 3], "{held}");
}

#[test]
fn a_call_that_fails_leaves_no_record() {
    let charges_then_traps = "do = \"charge\"\nrecords = 1\nlength = 5\nthen = \"trap\"";
    let hostile = Link::hostile(charges_then_traps).on_failure("skip");
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, &hostile.to_string()));
    assert!(relay.offer(&picture("charge")).starts_with("250"));
    peer.wait_for(1);
    // On arrival and on the outcome it charged and then trapped.
    relay.process().wait_for_log("plug-in failed: trap");
    relay.process().wait_for_log("plug-in failed to take an outcome");
    assert!(relay.charging_records().is_empty());
}

#[test]
fn values_of_a_plug_in_survive_a_crash() {
    let hostile = Link::hostile("do = \"tally\"");
    let peer = Peer::start();
    let mut relay = Relay::start(&config(&peer, &hostile.to_string()));
    for tally in 1..=4 {
        if tally == 3 {
            relay.kill();
            relay.start_again();
        }
        assert!(
            relay
                .offer(&sample::picture(&format!("k{tally}"), &[]))
                .starts_with("250")
        );
        let taken = peer.wait_for(tally);
        let expected = format!("\r\nX-Tally: {tally}\r\n");
        assert!(
            taken.iter().any(|taken| taken.text().contains(&expected)),
            "{expected} in {taken:?}"
        );
    }
}

#[test]
fn values_of_a_message_that_was_not_accepted_are_not_kept() {
    // The trap comes behind the tally in the chain: the message is deferred, and its tally with it.
    let tally = Link::hostile("do = \"tally\"");
    let trap = Link::hostile("do = \"ask\"")
        .to_string()
        .replace("name = \"hostile\"", "name = \"trap\"");
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, &format!("{tally}{trap}")));
    for _ in 0..3 {
        assert!(relay.offer(&picture("trap")).starts_with("451"));
    }
    assert!(relay.offer(&picture("pass")).starts_with("250"));
    let text = peer.wait_for(1)[0].text();
    assert!(text.contains("\r\nX-Tally: 1\r\n"), "{text}");
}

/// What each plug-in read of the bodies of the only message in the queue: `("charging on arrival", 0)`.
fn octets_read(relay: &Relay) -> Vec<(String, u64)> {
    let list = relay.wait_for_queue("waiting");
    let shown = relay.print(&["queue", "show", list.split_whitespace().next().unwrap()]);
    let steps = shown.lines().filter_map(|line| line.strip_prefix("plug-in     "));
    let step = |line: &str| {
        let fields: Vec<&str> = line.split(", ").collect();
        let octets = fields[2].strip_suffix(" octets of bodies read").expect("what was read");
        (fields[0].to_owned(), octets.parse().unwrap())
    };
    steps.map(step).collect()
}

#[test]
fn a_body_that_no_plug_in_asks_for_never_enters_a_sandbox() {
    let chain = [
        Link::bundled("address-rewrite", ""),
        Link::bundled("content-adapt", ""),
        Link::bundled("charging", ""),
    ];
    let chain = chain.iter().map(Link::to_string).collect::<String>();
    let limits = "max-image-width = 80\nmax-image-height = 60\n";
    let relay = Relay::start(&config_at(&own_address(), &format!("{limits}{chain}")));
    let long = "a text that nobody needs to read\r\n".repeat(10_000);
    assert!(
        relay
            .offer(&sample::with_body("k1", &[], long.as_bytes()))
            .starts_with("250")
    );
    let read = octets_read(&relay);
    assert!(
        read.len() >= 2 && read.iter().all(|(_, octets)| *octets == 0),
        "{read:?}"
    );

    // The same plug-ins with a photo: the one that adapts it reads it, the others do not.
    let relay = Relay::start(&config_at(&own_address(), &format!("{limits}{chain}")));
    let photo = root().join("plugins/content-adapt/samples/photo-over-pixel-limit/message.eml");
    assert!(relay.offer(&std::fs::read(photo).unwrap()).starts_with("250"));
    let read = octets_read(&relay);
    let adapted = |name: &str| name.starts_with("content-adapt on departure");
    assert!(
        read.iter().any(|(name, octets)| adapted(name) && *octets > 1000),
        "{read:?}"
    );
    assert!(
        read.iter().all(|(name, octets)| adapted(name) || *octets == 0),
        "{read:?}"
    );
}

#[test]
fn an_outcome_is_told_again_until_the_plug_in_takes_it_and_recorded_once() {
    let peer = Peer::start();
    let mut relay = Relay::start(&config(&peer, &Link::hostile("do = \"trap\"").to_string()));
    // A text: the guest looks at pictures on arrival, and at every outcome.
    assert!(relay.offer(&sample::forward_request("k1")).starts_with("250"));
    relay.process().wait_for_log("plug-in failed to take an outcome: trap");
    assert_eq!(peer.wait_for(1).len(), 1, "the message itself is through");
    relay.wait_until_empty();
    assert!(relay.charging_records().is_empty());
    // Outcomes that were not given to plug-ins yet survive a crash.
    relay.kill();
    relay.configure(&config(
        &peer,
        &Link::hostile("do = \"charge\"\nrecords = 1\nlength = 5").to_string(),
    ));
    relay.start_again();
    let records = relay.wait_for_records(1);
    assert_eq!(
        records[0]["message-id"], "iiiii",
        "the plug-in's own record, not the host's substitute"
    );
    relay.stop();
    relay.start_again();
    assert!(relay.offer(&sample::forward_request("k2")).starts_with("250"));
    assert_eq!(relay.wait_for_records(2).len(), 2, "one for each message");
    assert_eq!(peer.taken().len(), 2);
}
