//! Machines that stand still, and go on: of the database, for longer than anybody waits, and of a relay, for longer than its work
//! is kept for it.

use std::time::{Duration, Instant};

use super::{Cluster, TAKEN_OVER, config_at, say};
use crate::support::postgres::{Care, Postgres};
use crate::support::{Conversation, Peer, Relay, eventually, sample};

/// Longer than a relay may be silent before others take its work over.
const LONG: Duration = Duration::from_secs(75);

fn eventually_takes_messages(relay: &Relay) {
    eventually("it takes messages", || {
        let greeting = Conversation::connect(relay.address()).reply();
        greeting.starts_with("220").then_some(())
    });
}

fn message(id: &str) -> Vec<u8> {
    sample::with_body(id, &[], b"hello\r\n")
}

#[test]
fn relays_whose_database_stood_still_for_longer_than_a_lease_all_go_on_and_send_each_message_once() {
    let Some(Cluster {
        one,
        two,
        a: _a,
        b,
        server,
    }) = Cluster::start()
    else {
        return;
    };
    b.process().signal("STOP");
    for (relay, number) in [(&one, 1), (&two, 2), (&one, 3), (&two, 4)] {
        say(relay, sample::FROM, sample::TO, &message(&format!("m{number}")));
    }
    server.signal("STOP");
    std::thread::sleep(LONG);
    server.signal("CONT");
    b.process().signal("CONT");
    let begun = Instant::now();
    for relay in [&one, &two] {
        eventually_takes_messages(relay);
    }
    println!("both take messages {:?} after it went on", begun.elapsed());
    say(&one, sample::FROM, sample::TO, &message("m5"));
    say(&two, sample::FROM, sample::TO, &message("m6"));
    b.wait_for(6);
    one.wait_until_empty();
    assert_eq!(b.taken().len(), 6, "each once");
    for relay in [&one, &two] {
        let log = relay.process().log();
        assert!(
            !log.contains("taken-over") && !log.contains("were silent"),
            "nobody is taken to be dead: {log}"
        );
    }
}

#[test]
fn a_relay_that_stood_still_for_longer_than_its_work_is_kept_finds_that_others_have_done_it() {
    let Some(Cluster {
        mut one,
        two,
        a: _a,
        b,
        server: _server,
    }) = Cluster::start()
    else {
        return;
    };
    b.process().signal("STOP");
    say(&one, sample::FROM, sample::TO, &message("m1"));
    one.process().signal("STOP");
    let begun = Instant::now();
    b.process().signal("CONT");
    while b.taken().is_empty() {
        assert!(begun.elapsed() < TAKEN_OVER, "nobody has taken it over");
        std::thread::sleep(Duration::from_millis(100));
    }
    println!("sent by the other {:?} after it stood still", begun.elapsed());
    two.wait_until_empty();
    one.process().signal("CONT");
    assert_ne!(one.ended(), Some(0), "it has nothing to go on with");
    assert_eq!(b.taken().len(), 1, "once");
}

#[test]
fn relays_find_the_database_that_writes_behind_one_that_stands_still_and_accepts_connections() {
    let Some(server) = Postgres::start(Care::Flushes) else {
        return;
    };
    let follows = server.follow("follows", None, "");
    server
        .ask("ALTER SYSTEM SET synchronous_standby_names = 'follows'")
        .expect("it is set");
    server.ask("SELECT pg_reload_conf()").expect("it is read again");
    server.wait_for_standby();
    let (a, b) = (Peer::start(), Peer::start());
    let hosts = [("127.0.0.1", server.port), ("127.0.0.1", follows.port)];
    let spool = "tls = false\ndurability = \"single-machine\"";
    let mut relay = Relay::stopped(&config_at("one", &hosts, &a, &b, spool));
    relay.print(&["cluster", "init"]);
    relay.start_again();
    say(&relay, sample::FROM, sample::TO, &message("m1"));
    b.wait_for(1);
    relay.wait_until_empty();
    server.signal("STOP");
    follows.promote();
    let begun = Instant::now();
    eventually("the relay has seen that it is away", || {
        let greeting = Conversation::connect(relay.address()).reply();
        greeting.starts_with("421").then_some(())
    });
    eventually_takes_messages(&relay);
    println!("it takes messages {:?} after the promotion", begun.elapsed());
    say(&relay, sample::FROM, sample::TO, &message("m2"));
    b.wait_for(2);
    relay.wait_until_empty();
    assert_eq!(b.taken().len(), 2);
    server.signal("CONT");
}
