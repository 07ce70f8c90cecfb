//! Two relays on one store: whoever speaks to either speaks to both, and what one leaves behind the other takes up.

mod carried;
mod failover;
mod field;
mod nodes;
mod pauses;
mod rollout;
mod seen;
mod store;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::support::postgres::{Care, Postgres, USER};
use crate::support::{B_SYSTEM, Conversation, Peer, Relay, eventually, sample};

const ACK: &str = "X-Mms-Ack-Request: Yes";

/// Longer than a relay may be silent before others take its work over.
const TAKEN_OVER: Duration = Duration::from_secs(120);

struct Cluster {
    one: Relay,
    two: Relay,
    a: Peer,
    b: Peer,
    server: Postgres,
}

impl Cluster {
    fn start() -> Option<Self> {
        let server = Postgres::start(Care::Flushes)?;
        let (a, b) = (Peer::start(), Peer::start());
        let relay = |node| Relay::stopped(&config(node, server.port, &a, &b, "durability = \"single-machine\""));
        let (mut one, mut two) = (relay("one"), relay("two"));
        let made = one.print(&["cluster", "init"]);
        assert_eq!(made, "the tables are there\n");
        one.start_again();
        two.start_again();
        Some(Self { one, two, a, b, server })
    }
}

fn config(node: &str, port: u16, a: &Peer, b: &Peer, spool: &str) -> String {
    config_at(node, &[("127.0.0.1", port)], a, b, &format!("tls = false\n{spool}"))
}

fn config_at(node: &str, hosts: &[(&str, u16)], a: &Peer, b: &Peer, spool: &str) -> String {
    let hosts: Vec<String> = hosts.iter().map(|(host, port)| format!("{host}:{port}")).collect();
    let operator = |letter: &str, peer: &Peer| {
        format!(
            "[[peer]]\nname = \"operator-{letter}\"\ndomains = [\"mms.{letter}.example\"]\nfrom = [\"127.0.0.1\"]\n\
             hosts = [\"{}\"]\nretry = {{ first = \"50 ms\", longest = \"200 ms\" }}\n",
            peer.address()
        )
    };
    format!(
        "\n[relay]\nname = \"mm4-{node}.hub.example\"\ndomains = [\"mms.hub.example\"]\nlisten = [\"127.0.0.1:0\"]\n\
         node = \"{node}\"\n[spool]\nbackend = \"postgres\"\nhosts = {hosts:?}\nuser = \"{USER}\"\n\
         database = \"postgres\"\n{spool}\n{}{}",
        operator("a", a),
        operator("b", b),
    )
}

fn say(relay: &Relay, from: &str, to: &str, message: &[u8]) {
    let answer = relay.client().transaction(from, &[to], message);
    assert!(answer.starts_with("250"), "{answer}");
}

#[test]
fn a_request_that_one_relay_took_is_answered_at_the_other_and_heard_once() {
    let Some(Cluster {
        one,
        two,
        a,
        b,
        server: _server,
    }) = Cluster::start()
    else {
        return;
    };
    say(
        &one,
        sample::FROM,
        sample::TO,
        &sample::with_body("k1", &[ACK], b"hello\r\n"),
    );
    let at_b = b.wait_for(1)[0].clone();
    let (response, system) = (at_b.response("Ok"), at_b.field("X-Mms-Originator-System"));
    say(&two, B_SYSTEM, &system, &response);
    assert_eq!(a.wait_for(1)[0].without_trace(), response);
    say(&one, B_SYSTEM, &system, &response);
    one.process().wait_for_log("a second response");
    assert_eq!(a.taken().len(), 1);
    say(
        &two,
        sample::FROM,
        sample::TO,
        &sample::with_body("k1", &[ACK], b"hello\r\n"),
    );
    for relay in [&one, &two] {
        relay.wait_until_empty();
        let traced = relay.print(&["trace", "k1@mms.a.example"]);
        assert!(traced.contains("operator-b") && traced.contains("Ok"), "{traced}");
    }
    assert_eq!(b.taken().len(), 1, "the copy was recognised at the other relay");
    assert_eq!(
        a.wait_for(2)[1].status(),
        "Ok",
        "whoever asks again hears the answer again"
    );
    let status = two.print(&["cluster", "status"]);
    assert!(
        status.contains("one  number 0  lives") && status.contains("two  number 1  lives"),
        "{status}"
    );
    assert!(status.contains("says the configuration"), "{status}");
}

#[test]
fn what_a_killed_relay_had_is_sent_by_the_other_once() {
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
    for number in 0..20 {
        say(
            &one,
            sample::FROM,
            sample::TO,
            &sample::with_body(&format!("m{number}"), &[], b"hello\r\n"),
        );
    }
    let listed = two.print(&["queue", "list"]);
    assert_eq!(
        listed.matches("operator-b").count(),
        20,
        "either relay shows the whole: {listed}"
    );
    one.kill();
    b.process().signal("CONT");
    let begun = Instant::now();
    while b.taken().len() < 20 {
        assert!(begun.elapsed() < TAKEN_OVER, "{} of 20 have come", b.taken().len());
        std::thread::sleep(Duration::from_millis(100));
    }
    two.process().wait_for_log("were silent for too long");
    println!("taken over {:?} after the kill", begun.elapsed());
    two.wait_until_empty();
    let ids: BTreeSet<String> = b.taken().iter().map(|taken| taken.field("X-Mms-Message-ID")).collect();
    assert_eq!((ids.len(), b.taken().len()), (20, 20), "each once");
    one.start_again();
    say(
        &one,
        sample::FROM,
        sample::TO,
        &sample::with_body("again", &[], b"hello\r\n"),
    );
    b.wait_for(21);
}

#[test]
fn a_relay_that_was_stopped_in_a_session_and_fenced_sends_nothing_when_it_wakes() {
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
    say(
        &one,
        sample::FROM,
        sample::TO,
        &sample::with_body("m1", &[], b"hello\r\n"),
    );
    one.process().signal("STOP");
    let begun = Instant::now();
    let fenced = two.print(&["cluster", "fence", "one"]);
    assert!(
        fenced.starts_with("one writes nothing more\n") && fenced.ends_with("others have its work\n"),
        "{fenced}"
    );
    println!("its work was free {:?} after the fence", begun.elapsed());
    // Its connection to the next hop is open, and the next hop goes on where it was.
    one.process().signal("CONT");
    b.process().signal("CONT");
    assert_ne!(one.ended(), Some(0), "it has nothing to go on with");
    b.wait_for(1);
    two.wait_until_empty();
    assert_eq!(b.taken().len(), 1, "once, from the one that has it now");
}

#[test]
fn a_relay_whose_database_is_away_says_421_and_goes_on_by_itself() {
    let Some(Cluster {
        one,
        two: _two,
        a: _a,
        b,
        mut server,
    }) = Cluster::start()
    else {
        return;
    };
    let greeted = |code: &'static str| {
        eventually(&format!("the relay greets with {code}"), || {
            let greeting = Conversation::connect(one.address()).reply();
            greeting.starts_with(code).then_some(())
        });
    };
    greeted("220");
    server.crash();
    greeted("421");
    server.start_again();
    greeted("220");
    say(
        &one,
        sample::FROM,
        sample::TO,
        &sample::with_body("m1", &[], b"hello\r\n"),
    );
    b.wait_for(1);
    one.wait_until_empty();
}

#[test]
fn a_relay_does_not_start_on_tables_that_are_not_there_and_says_what_makes_them() {
    let Some(server) = Postgres::start(Care::Flushes) else {
        return;
    };
    let (a, b) = (Peer::start(), Peer::start());
    let relay = Relay::stopped(&config("one", server.port, &a, &b, ""));
    for command in [["check"], ["run"]] {
        let output = relay.command(&command);
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(
            !output.status.success() && said.contains("mm4relay cluster init"),
            "{said}"
        );
    }
    relay.print(&["cluster", "init"]);
    relay.print(&["check"]);
    let status = relay.print(&["cluster", "status"]);
    assert!(
        status.contains("NOT SAFE: synchronous_standby_names is empty"),
        "{status}"
    );
}
