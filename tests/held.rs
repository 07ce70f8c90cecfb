//! Messages that stay: held ones and their release, slow ones, those that are deferred again and again; and the breaker,
//! which decides when a plug-in counts as failed without being asked.

use std::time::{Duration, Instant};

use crate::support::{ALL_GRANTS, Conversation, Peer, Relay, config, config_of, eventually, guest, plugin, sample};

/// The plug-in of many habits, as configured with `more`: `on-failure`, sections. It sees only messages with pictures.
fn hostile(habit: &str, more: &str) -> String {
    format!(
        "[[plugin]]\nname = \"hostile\"\nfile = \"{}\"\ngrants = {ALL_GRANTS:?}\n{more}\n\
         [plugin.settings]\ndo = \"{habit}\"\npart = 2\nmax = 1000\n",
        guest("hostile").display()
    )
}

/// Charges arrivals and deliveries. It stands first in the chain, so that what it asked for is at stake when a later
/// plug-in holds.
fn charging() -> String {
    format!(
        "[[plugin]]\nname = \"charging\"\nfile = \"{}\"\ngrants = [\"charging\"]\n",
        plugin("charging").display()
    )
}

fn picture(id: &str) -> Vec<u8> {
    let text = String::from_utf8(sample::forward_request(id)).expect("ASCII");
    text.replace("text/plain; charset=us-ascii", "image/gif").into_bytes()
}

/// A message with two parts, of which the second can be read.
fn pictures(id: &str) -> Vec<u8> {
    let text = String::from_utf8(picture(id)).expect("ASCII");
    let part = "--x\r\nContent-Type: image/gif\r\n\r\nGIF89a\r\n";
    text.replace("image/gif", "multipart/mixed; boundary=x")
        .replace("hello\r\n", &format!("{part}{part}--x--\r\n"))
        .into_bytes()
}

fn send(relay: &Relay, message: &[u8]) -> String {
    Conversation::open(relay.address())
        .hello()
        .transaction(sample::FROM, &[sample::TO], message)
}

fn send_for_good(relay: &Relay, message: &[u8]) {
    let answer = send(relay, message);
    assert!(answer.starts_with("250 "), "{answer}");
}

/// Puts another configuration in place, which is live when this returns.
fn reconfigure(relay: &Relay, config: &str) {
    let reloads = || relay.process().log().matches("configuration reloaded").count();
    let before = reloads();
    std::fs::write(relay.path("relay.toml"), config).expect("a writable folder");
    relay.reload();
    eventually("the configuration is reloaded", || (reloads() > before).then_some(()));
}

/// Waits until `queue list` shows `text`; returns the whole list.
fn queue_shows(relay: &Relay, text: &str) -> String {
    eventually(&format!("the queue shows {text:?}"), || {
        let list = relay.print(&["queue", "list"]);
        list.contains(text).then_some(list)
    })
}

/// The id of the only entry.
fn only_id(list: &str) -> String {
    let entries: Vec<&str> = list.lines().filter(|line| !line.starts_with(' ')).collect();
    let [entry] = entries.as_slice() else {
        panic!("one entry is expected: {list}")
    };
    entry.split(' ').next().expect("an id").to_owned()
}

/// Waits until the queue is empty, so that every outcome is recorded; then how many records of a kind there are.
fn charged(relay: &Relay) -> (usize, usize) {
    queue_shows(relay, "nothing in the queue");
    let records = relay.charging_records();
    let count = |kind: &str| {
        let records = records.iter().filter(|record| record.to_string().contains(kind));
        records.count()
    };
    (count("\"relay-in\""), count("\"relay-out\""))
}

#[test]
fn a_released_message_goes_through_the_chain_as_it_is_now_and_is_charged_once() {
    let peer = Peer::start();
    let with = |habit: &str| config(&peer, &(charging() + &hostile(habit, "")));
    let relay = Relay::start(&with("occasion"));
    let message = picture("h1");
    send_for_good(&relay, &message);
    let list = queue_shows(&relay, "  held  ");
    assert!(only_id(&list).ends_with("-0"), "{list}");
    assert_eq!(relay.charging_records(), [] as [serde_json::Value; 0]);

    reconfigure(&relay, &with("set-header"));
    let printed = relay.print(&["queue", "release", "--all"]);
    assert!(printed.starts_with("1 released"), "{printed}");
    let taken = &peer.wait_for(1)[0];
    assert_eq!(taken.to, [sample::TO]);
    assert!(taken.text().contains("X-Seen: yes\r\n"), "{}", taken.text());
    let as_received = taken.text().replace("X-Seen: yes\r\n", "");
    assert!(as_received.as_bytes().ends_with(&message), "{as_received}");
    assert!(
        as_received.contains(" with ESMTP id "),
        "as it was received: {as_received}"
    );
    assert_eq!(charged(&relay), (1, 1));
    assert_eq!(peer.taken().len(), 1);
}

#[test]
fn a_message_that_the_chain_holds_again_stays_held_with_the_new_reason() {
    let peer = Peer::start();
    let with = |habit: &str| config(&peer, &hostile(habit, ""));
    let relay = Relay::start(&with("count"));
    send_for_good(&relay, &picture("h2"));
    let id = only_id(&queue_shows(&relay, "\n    1\n"));
    reconfigure(&relay, &with("occasion"));
    relay.print(&["queue", "release", &id]);
    let list = queue_shows(&relay, "Arrival");
    assert!(list.contains("  held  "), "{list}");
    assert_eq!(only_id(&list), id);
    assert_eq!(peer.taken().len(), 0);
}

#[test]
fn a_message_that_is_refused_after_its_release_is_kept_and_can_be_released_again() {
    let peer = Peer::start();
    let with = |habit: &str| config(&peer, &hostile(habit, ""));
    let relay = Relay::start(&with("occasion"));
    send_for_good(&relay, &picture("h3"));
    let id = only_id(&queue_shows(&relay, "  held  "));
    reconfigure(&relay, &with("refuse"));
    relay.print(&["queue", "release", &id]);
    let list = queue_shows(&relay, "  failed  ");
    assert!(list.contains("refused by hostile: no"), "{list}");
    let shown = relay.print(&["queue", "show", &id]);
    assert!(shown.contains("X-Mms-Message-ID: \"h3@mms.a.example\""), "{shown}");

    reconfigure(&relay, &with("pass"));
    relay.print(&["queue", "release", &id]);
    assert_eq!(peer.wait_for(1)[0].without_trace(), picture("h3"));
    queue_shows(&relay, "nothing in the queue");
}

#[test]
fn a_message_that_is_deferred_after_its_release_waits_and_is_tried_again() {
    let peer = Peer::start();
    let with = |habit: &str| config(&peer, &hostile(habit, ""));
    let relay = Relay::start(&with("occasion"));
    send_for_good(&relay, &picture("h4"));
    queue_shows(&relay, "  held  ");
    reconfigure(&relay, &with("trap"));
    relay.print(&["queue", "release", "--all"]);
    let list = queue_shows(&relay, "plug-in hostile failed (trap");
    assert!(list.contains("  unfinished, due "), "{list}");
    reconfigure(&relay, &with("pass"));
    assert_eq!(peer.wait_for(1)[0].without_trace(), picture("h4"));
    queue_shows(&relay, "nothing in the queue");
}

#[test]
fn what_is_released_while_the_relay_is_down_is_carried_on_when_it_starts() {
    let peer = Peer::start();
    let with = |habit: &str| config(&peer, &(charging() + &hostile(habit, "")));
    let mut relay = Relay::start(&with("occasion"));
    send_for_good(&relay, &picture("h5"));
    queue_shows(&relay, "  held  ");
    relay.kill();
    relay.print(&["queue", "release", "--all"]);
    std::fs::write(relay.path("relay.toml"), with("pass")).expect("a writable folder");
    relay.start_again();
    assert_eq!(peer.wait_for(1)[0].without_trace(), picture("h5"));
    assert_eq!(charged(&relay), (1, 1));
}

#[test]
fn releasing_what_is_not_held_says_so() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, ""));
    let output = relay.command(&["queue", "release", "0000000000001-0"]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("not held: 1 of 1 id"), "{said}");
    assert!(!relay.command(&["queue", "release"]).status.success(), "which ones?");
}

/// Operator B takes small pictures only, operator C takes any. A new picture of more than `output` is held.
fn adapting(b: &Peer, c: &Peer, output: &str) -> String {
    let more = format!(
        "[[peer]]\nname = \"operator-c\"\ndomains = [\"mms.c.example\"]\nhosts = [\"{}\"]\n{}\
         [[plugin]]\nname = \"content-adapt\"\nfile = \"{}\"\ngrants = [\"log\"]\non-failure = \"hold\"\n\
         limits = {{ time = \"20 s\", output = \"{output}\" }}\n",
        c.address(),
        charging(),
        plugin("content-adapt").display()
    );
    config(b, &more).replacen(
        "name = \"operator-b\"",
        "name = \"operator-b\"\nmax-image-width = 64",
        1,
    )
}

#[test]
fn what_is_held_for_one_destination_goes_there_alone_and_its_arrival_is_charged_once() {
    let (b, c) = (Peer::start(), Peer::start());
    let relay = Relay::start(&adapting(&b, &c, "100 B"));
    let photo = include_str!("../plugins/content-adapt/samples/photo-over-pixel-limit/message.eml");
    // Who asks for a response asks each of two next hops under an ID of the relay's own.
    let message = photo.replace("X-Mms-Ack-Request: Yes", "X-Mms-Ack-Request: No");
    let message = message.as_bytes();
    let at_c = sample::TO.replace("mms.b.example", "mms.c.example");
    let answer = Conversation::open(relay.address())
        .hello()
        .transaction(sample::FROM, &[sample::TO, &at_c], message);
    assert!(answer.starts_with("250 "), "{answer}");
    assert_eq!(c.wait_for(1)[0].without_trace(), message);
    // C has it, but whether the relay has settled that yet is another question.
    let list = eventually("only the destination at B is left", || {
        let list = queue_shows(&relay, "plug-in content-adapt failed");
        (!list.contains("mms.c.example")).then_some(list)
    });
    assert!(
        list.contains("  held  ") && list.contains(&format!("-> {}", sample::TO)),
        "{list}"
    );

    reconfigure(&relay, &adapting(&b, &c, "16 MiB"));
    relay.print(&["queue", "release", "--all"]);
    let taken = &b.wait_for(1)[0];
    assert_eq!(taken.to, [sample::TO]);
    assert_ne!(taken.without_trace(), message, "it has been made smaller");
    assert_eq!(charged(&relay), (1, 2));
    assert_eq!((b.taken().len(), c.taken().len()), (1, 1));
}

/// A chain that takes three seconds, and a sender that is answered after 300 ms.
fn slow(peer: &Peer) -> String {
    let habits = hostile("loop", "on-failure = \"skip\"\nlimits = { time = \"3 s\" }");
    config(peer, &(charging() + &habits)).replacen("hosts =", "answer-within = \"300 ms\"\nhosts =", 1)
}

#[test]
fn a_slow_chain_keeps_nobody_waiting_and_finishes_from_the_spool() {
    let peer = Peer::start();
    let relay = Relay::start(&slow(&peer));
    let started = Instant::now();
    send_for_good(&relay, &picture("w1"));
    let waited = started.elapsed();
    assert!(waited >= Duration::from_millis(300), "{waited:?}");
    assert!(waited < Duration::from_secs(3), "{waited:?}");
    let list = queue_shows(&relay, "  unfinished, due ");
    assert!(list.contains("not done within 300ms"), "{list}");
    assert_eq!(peer.wait_for(1)[0].without_trace(), picture("w1"));
    assert!(started.elapsed() >= Duration::from_secs(3), "the plug-in had its time");
    assert_eq!(charged(&relay), (1, 1));
}

#[test]
fn a_relay_that_is_killed_while_a_chain_runs_from_the_spool_loses_and_doubles_nothing() {
    let peer = Peer::start();
    let mut relay = Relay::start(&slow(&peer));
    for message in ["w2", "w3"] {
        send_for_good(&relay, &picture(message));
        relay.kill();
        relay.start_again();
    }
    let mut taken = peer.wait_for(2);
    assert_eq!(charged(&relay), (2, 2));
    assert_eq!(peer.taken().len(), 2);
    taken.sort_by(|one, other| one.without_trace().cmp(other.without_trace()));
    assert_eq!(taken[0].without_trace(), picture("w2"));
    assert_eq!(taken[1].without_trace(), picture("w3"));
}

#[test]
fn a_message_that_is_deferred_too_often_is_accepted_and_held() {
    let peer = Peer::start();
    let config = config(&peer, &hostile("trap", "")).replacen("listen =", "hold-after-deferrals = 3\nlisten =", 1);
    let relay = Relay::start(&config);
    for _ in 0..2 {
        let answer = send(&relay, &picture("d1"));
        assert!(answer.starts_with("451 4.3.0 "), "{answer}");
    }
    let other = send(&relay, &picture("d2"));
    assert!(other.starts_with("451 "), "each message is counted by itself: {other}");
    send_for_good(&relay, &picture("d1"));
    let list = queue_shows(&relay, "  held  ");
    assert!(
        list.contains("deferred 3 times; the last time: plug-in hostile failed (trap"),
        "{list}"
    );
    only_id(&list);
}

/// Nobody is there: what goes through the chain waits, and no outcome calls the plug-in in between.
fn config_to_nobody(plugin: &str) -> String {
    let peer = Peer::start();
    config(&peer, plugin).replace(peer.address(), "127.0.0.1:9")
}

#[test]
fn a_plug_in_that_keeps_failing_is_not_called_and_a_new_version_is() {
    let breaker = "on-failure = \"skip\"\nbreaker = { failures = 3, first = \"1 min\" }";
    let config = config_to_nobody(&hostile("trap", breaker));
    let relay = Relay::start(&config);
    let failures = || relay.process().log().matches("plug-in failed: ").count();
    for number in 0..5 {
        send_for_good(&relay, &picture(&format!("b{number}")));
    }
    assert_eq!(relay.print(&["queue", "list"]).matches(" -> ").count(), 5);
    relay.process().wait_for_log("breaker opened");
    assert_eq!(failures(), 3, "the other two passed it without a call");
    reconfigure(&relay, &config);
    send_for_good(&relay, &picture("b5"));
    eventually("it is called again", || (failures() == 4).then_some(()));
}

#[test]
fn an_open_breaker_is_probed_and_closes_when_the_plug_in_works() {
    // Reading part 2 fails when there is none, and holds what has one.
    let breaker = "on-failure = \"skip\"\nbreaker = { failures = 2, first = \"200 ms\", longest = \"200 ms\" }";
    let relay = Relay::start(&config_to_nobody(&hostile("read", breaker)));
    for number in 0..3 {
        send_for_good(&relay, &picture(&format!("p{number}")));
    }
    relay.process().wait_for_log("breaker opened");
    let mut number = 9;
    eventually("a probe holds a message", || {
        number += 1;
        send_for_good(&relay, &pictures(&format!("p{number}")));
        relay.print(&["queue", "list"]).contains("  held  ").then_some(())
    });
    let log = relay.process().log();
    let places = ["breaker opened", "breaker probing", "breaker closed"].map(|text| log.find(text));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
}

/// The plug-in that holds would hold again: an operator who has looked at the message sends it past that plug-in.
#[test]
fn a_message_is_released_past_the_plug_in_that_holds_it_and_every_other_is_called() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, &(charging() + &hostile("occasion", ""))));
    send_for_good(&relay, &picture("p1"));
    let list = queue_shows(&relay, "  held  ");
    let by = "held by plug-in hostile, by its verdict on arrival";
    assert!(list.contains(by), "{list}");
    let id = only_id(&list);
    assert!(relay.print(&["queue", "show", &id]).contains(by));
    assert!(relay.print(&["trace", "p1@mms.a.example"]).contains(by));
    let json = relay.print(&["trace", "p1@mms.a.example", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let held_by = &json["queue"][0]["held-by"][0];
    assert_eq!(
        (held_by["plugin"].as_str(), held_by["rule"].as_str()),
        (Some("hostile"), Some("verdict"))
    );

    // Through the whole chain it is held again, which says so.
    relay.print(&["queue", "release", &id]);
    let list = queue_shows(&relay, "held again after its release");
    assert!(list.contains(by), "{list}");
    relay.process().wait_for_log("held again after its release: ");
    assert_eq!(peer.taken().len(), 0);

    let printed = relay.print(&["queue", "release", &id, "--past", "hostile"]);
    assert!(printed.starts_with("1 released past hostile"), "{printed}");
    let taken = &peer.wait_for(1)[0];
    assert_eq!(taken.without_trace(), picture("p1"));
    assert_eq!(charged(&relay), (1, 1), "the others are called");
    let trace = relay.print(&["trace", "p1@mms.a.example"]);
    assert!(trace.contains(": release past hostile "), "{trace}");
    assert!(
        trace.contains("not called: an operator released the message past it"),
        "{trace}"
    );
}

#[test]
fn a_plug_in_that_failed_and_holds_is_named_and_passed_by_peer() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, &hostile("trap", "on-failure = \"hold\"")));
    for id in ["f1", "f2"] {
        send_for_good(&relay, &picture(id));
    }
    let list = queue_shows(&relay, "  held  ");
    assert!(
        list.contains("held by plug-in hostile, by on-failure = \"hold\" on arrival"),
        "{list}"
    );
    let none = relay.print(&["queue", "release", "--peer", "operator-b", "--past", "hostile"]);
    assert!(none.starts_with("0 released"), "nothing came from there: {none}");
    let printed = relay.print(&["queue", "release", "--peer", "operator-a", "--past", "hostile"]);
    assert!(printed.starts_with("2 released past hostile"), "{printed}");
    peer.wait_for(2);
    queue_shows(&relay, "nothing in the queue");
}

/// Held by one plug-in, then by the next: whom it was released past stays past.
#[test]
fn releases_past_one_plug_in_after_another_add_up_and_a_plain_release_forgets_them() {
    let peer = Peer::start();
    let named = |name: &str| hostile("occasion", "").replace("name = \"hostile\"", &format!("name = \"{name}\""));
    let relay = Relay::start(&config(&peer, &(named("first") + &named("second"))));
    send_for_good(&relay, &picture("s1"));
    let id = only_id(&queue_shows(&relay, "held by plug-in first,"));
    relay.print(&["queue", "release", &id, "--past", "first"]);
    queue_shows(&relay, "held by plug-in second,");
    relay.print(&["queue", "release", &id]);
    queue_shows(&relay, "held by plug-in first,");
    // Of what is held, those that the named plug-in holds.
    let printed = relay.print(&["queue", "release", "--all", "--past", "second"]);
    assert!(printed.starts_with("0 released"), "{printed}");
    relay.print(&["queue", "release", "--all", "--past", "first"]);
    queue_shows(&relay, "held by plug-in second,");
    relay.print(&["queue", "release", &id, "--past", "second"]);
    peer.wait_for(1);
    queue_shows(&relay, "nothing in the queue");
}

#[test]
fn a_release_past_a_plug_in_or_of_a_peer_that_is_not_configured_is_refused_and_names_those_that_are() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, &hostile("occasion", "")));
    send_for_good(&relay, &picture("u1"));
    queue_shows(&relay, "  held  ");
    for (flags, told) in [
        (
            ["--all", "--past", "hostil"],
            "there is no plug-in hostil; there are: hostile",
        ),
        (
            ["--past", "hostile", "--peer=operator-x"],
            "there is no peer operator-x; there are: operator-a, operator-b",
        ),
    ] {
        let words: Vec<&str> = ["queue", "release"].into_iter().chain(flags).collect();
        let output = relay.command(&words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(told), "{said}");
    }
    queue_shows(&relay, "  held  ");
}

#[test]
fn a_peer_whose_messages_make_a_plug_in_fail_does_not_take_it_from_the_others() {
    let breaker = "on-failure = \"defer\"\nbreaker = { failures = 3, first = \"1 min\" }";
    let monitoring = "\n[monitoring]\nlisten = \"127.0.0.1:0\"\n";
    let peers = [("a", "127.0.0.1:9"), ("b", "127.0.0.1:9"), ("c", "127.0.0.1:9")];
    let relay = Relay::start(&config_of(&peers, &(hostile("ask", breaker) + monitoring)));
    let send = |from: &str, number: usize, habit: &str| {
        let message = String::from_utf8(picture(&format!("{from}{number}"))).expect("ASCII");
        let message = message
            .replace("mms.a.example", &format!("mms.{from}.example"))
            .replace("MIME-Version", &format!("X-Do: {habit}\r\nMIME-Version"));
        let sender = format!("+15555550100/TYPE=PLMN@mms.{from}.example");
        Conversation::open(relay.address()).hello().transaction(
            &sender,
            &["+15555550199/TYPE=PLMN@mms.b.example"],
            message.as_bytes(),
        )
    };
    for number in 0..10 {
        let answer = send("a", number, "trap");
        assert!(answer.starts_with("451 "), "{answer}");
    }
    let calls = relay.process().log().matches("plug-in failed: ").count();
    assert_eq!(calls, 3, "the other seven were not tried");
    for number in 0..20 {
        let answer = send("c", number, "pass");
        assert!(answer.starts_with("250 "), "{number}: {answer}");
    }
    let metrics = relay.page("/metrics");
    for line in [
        "mm4relay_plugin_breaker_open_for_peer{plugin=\"hostile\",version=\"6.6.6\",peer=\"operator-a\"} 1",
        "mm4relay_plugin_breaker_open{plugin=\"hostile\",version=\"6.6.6\"} 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    eventually("the list says so too", || {
        let listed = relay.print(&["plugin", "list"]);
        listed
            .contains("breaker    open for peer operator-a since ")
            .then_some(())
    });
}
