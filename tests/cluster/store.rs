//! What a relay says to whom while its store cannot keep anything, or has lost something.

use std::time::Instant;

use super::{ACK, config, config_at, say};
use crate::support::postgres::{Care, Postgres};
use crate::support::{Authority, Certificate, Conversation, Peer, Relay, eventually, sample};

fn show(server: &Postgres, shown: &Certificate) {
    server.with_certificate(&shown.certificate, &shown.key);
}

#[test]
fn the_database_is_spoken_to_over_tls_and_only_with_a_certificate_of_its_name_and_authority() {
    let Some(server) = Postgres::start(Care::Flushes) else {
        return;
    };
    let (ours, others) = (Authority::new(), Authority::new());
    let (a, b) = (Peer::start(), Peer::start());
    let trusts = |authority: &Authority| {
        let spool = format!(
            "durability = \"single-machine\"\nca = \"{}\"",
            authority.file().display()
        );
        config_at("one", &[("localhost", server.port)], &a, &b, &spool)
    };
    let mut relay = Relay::stopped(&trusts(&ours));
    let refused = |why: &str| {
        let output = relay.command(&["cluster", "init"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(why), "{why}: {said}");
    };
    refused("TLS");
    show(&server, &others.issue("localhost"));
    refused("certificate");
    show(&server, &ours.issue("db.other.example"));
    refused("certificate");
    show(&server, &ours.issue_expired("localhost"));
    refused("certificate");
    show(&server, &ours.issue("localhost"));
    eventually("the tables are made", || {
        relay.command(&["cluster", "init"]).status.success().then_some(())
    });
    relay.start_again();
    say(
        &relay,
        sample::FROM,
        sample::TO,
        &sample::with_body("m1", &[], b"hello\r\n"),
    );
    b.wait_for(1);
    let encrypted = |ssl: bool| {
        let asked = format!(
            "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
             WHERE application_name LIKE 'mm4relay%' AND ssl = {ssl}"
        );
        server
            .ask(&asked)
            .expect("it is counted")
            .parse::<u32>()
            .expect("a number")
    };
    assert!(encrypted(true) > 0);
    assert_eq!(encrypted(false), 0, "nothing in the clear");
}

#[test]
fn what_a_451_says_of_a_message_is_true_and_nothing_is_sent_before_it_is_known() {
    let Some(server) = Postgres::start(Care::Flushes) else {
        return;
    };
    server
        .ask("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        .expect("it is set");
    let standby = server.standby();
    let (a, b) = (Peer::start(), Peer::start());
    let mut relay = Relay::stopped(&config("one", server.port, &a, &b, ""));
    relay.print(&["cluster", "init"]);
    server.ask("SELECT pg_reload_conf()").expect("it is read again");
    server.wait_for_standby();
    relay.start_again();
    let message = sample::with_body("k1", &[ACK], b"hello\r\n");
    let mut open = relay.client();
    drop(standby);
    let begun = Instant::now();
    let answer = open.transaction(sample::FROM, &[sample::TO], &message);
    println!("answered after {:?}: {answer}", begun.elapsed());
    // Another commit of the relay's may have been waiting already: then this one was not sent to the database.
    let is_unknown = answer.starts_with("451 4.3.0 it is not known yet");
    let is_called_off = answer.starts_with("451 4.3.0 the message cannot be kept now");
    assert!(is_unknown || is_called_off, "{answer}");
    let answer = open.say(&format!("MAIL FROM:<{}>", sample::FROM)).reply();
    assert!(
        answer.starts_with("451 4.3.0 the message cannot be kept now"),
        "the session goes on: {answer}"
    );
    let greeting = Conversation::connect(relay.address()).reply();
    assert!(greeting.starts_with("421"), "{greeting}");
    assert_eq!(b.taken().len(), 0, "what no standby has is not sent");
    let _standby = server.standby();
    eventually("it takes messages again", || {
        let greeting = Conversation::connect(relay.address()).reply();
        greeting.starts_with("220").then_some(())
    });
    if is_called_off {
        say(&relay, sample::FROM, sample::TO, &message);
    }
    b.wait_for(1);
    relay.wait_until_empty();
    assert_eq!(b.taken().len(), 1, "once, whether it was unknown or not there");
}

#[test]
fn a_relay_whose_store_went_back_names_it_and_takes_nothing_until_it_is_started_again() {
    let Some(mut server) = Postgres::start(Care::Flushes) else {
        return;
    };
    let (a, b) = (Peer::start(), Peer::start());
    let mut late = server.follow("late", None, "");
    let hosts = [("127.0.0.1", server.port), ("127.0.0.1", late.port)];
    let spool = "tls = false\ndurability = \"single-machine\"";
    let mut relay = Relay::stopped(&config_at("one", &hosts, &a, &b, spool));
    relay.print(&["cluster", "init"]);
    relay.start_again();
    say(
        &relay,
        sample::FROM,
        sample::TO,
        &sample::with_body("m1", &[], b"hello\r\n"),
    );
    b.wait_for(1);
    relay.wait_until_empty();
    eventually("the standby has it", || {
        let known = |server: &Postgres| server.ask("SELECT max(last_batch) FROM mm4relay.writer");
        (known(&late) == known(&server)).then_some(())
    });
    late.crash();
    b.process().signal("STOP");
    say(
        &relay,
        sample::FROM,
        sample::TO,
        &sample::with_body("m2", &[], b"hello\r\n"),
    );
    server.crash();
    late.start_again();
    late.promote();
    relay.process().wait_for_log("the store went back");
    b.process().signal("CONT");
    let greeting = Conversation::connect(relay.address()).reply();
    assert!(greeting.starts_with("421"), "{greeting}");
    let health = relay.print(&["status"]);
    assert!(health.contains("went back"), "{health}");
    relay.kill();
    relay.start_again();
    say(
        &relay,
        sample::FROM,
        sample::TO,
        &sample::with_body("m3", &[], b"hello\r\n"),
    );
    relay.wait_until_empty();
    let ids: Vec<String> = b.taken().iter().map(|taken| taken.field("X-Mms-Message-ID")).collect();
    assert!(
        ids.len() == 2 && ids[0].contains("m1@") && ids[1].contains("m3@"),
        "the second is lost, and was not sent: {ids:?}"
    );
}
