//! A relay that outgrows its folder: what is in there is carried into a store to share.

use super::{ACK, config, say};
use crate::support::postgres::{Care, Postgres};
use crate::support::{B_SYSTEM, Link, Peer, Relay, sample};

#[test]
fn a_spool_is_carried_into_a_shared_store_with_its_queue_its_requests_and_its_records() {
    let Some(server) = Postgres::start(Care::Flushes) else {
        return;
    };
    let (a, b) = (Peer::start(), Peer::start());
    let charging = Link::bundled("charging", "").to_string();
    let shared = config("one", server.port, &a, &b, "durability = \"single-machine\"") + &charging;
    let own = without_spool(&shared);
    let mut relay = Relay::start(&own);
    let request = sample::with_body("k1", &[ACK], b"hello\r\n");
    say(&relay, sample::FROM, sample::TO, &request);
    let at_b = b.wait_for(1)[0].clone();
    relay.wait_until_empty();
    b.process().signal("STOP");
    let line = "x".repeat(70) + "\r\n";
    let picture = sample::with_body("m1", &[], line.repeat(20_000).as_bytes());
    say(&relay, sample::FROM, sample::TO, &picture);
    let before = relay.charging_records();
    assert!(!before.is_empty());
    let into = |relay: &Relay| {
        let output = relay.command(&["cluster", "import", relay.path("spool").to_str().expect("UTF-8")]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        (output.status.success(), said)
    };
    relay.configure(&shared);
    relay.print(&["cluster", "init"]);
    let (carried, said) = into(&relay);
    assert!(
        !carried && said.contains("another relay uses the spool"),
        "it runs: {said}"
    );
    relay.kill();
    let (carried, said) = into(&relay);
    assert!(carried, "{said}");
    println!("{said}");
    let (again, said) = into(&relay);
    assert!(!again && said.contains("not empty"), "{said}");
    b.process().signal("CONT");
    relay.start_again();
    let large = b.wait_for(2)[1].clone();
    assert_eq!(large.without_trace(), picture, "its octets are what they were");
    say(
        &relay,
        B_SYSTEM,
        &at_b.field("X-Mms-Originator-System"),
        &at_b.response("Ok"),
    );
    assert_eq!(a.wait_for(1)[0].status(), "Ok", "the request is known");
    say(&relay, sample::FROM, sample::TO, &request);
    assert_eq!(a.wait_for(2)[1].status(), "Ok", "and its copy is a repeat");
    relay.wait_until_empty();
    assert_eq!(b.taken().len(), 2);
    let after = relay.charging_records();
    assert_eq!(after[..before.len()], before[..], "records are as they were");
    let numbers: Vec<u64> = after.iter().filter_map(|record| record["sequence"].as_u64()).collect();
    assert!(numbers.iter().copied().eq(1..=after.len() as u64), "{numbers:?}");
    let traced = relay.print(&["trace", "k1@mms.a.example"]);
    assert!(traced.contains("record"), "{traced}");
    assert!(relay.print(&["ledger", "check"]).ends_with("balanced\n"));
}

/// The same relay with a store of its own.
fn without_spool(config: &str) -> String {
    let (before, rest) = config.split_once("[spool]").expect("a section");
    let (_, after) = rest.split_once("[[peer]]").expect("a peer");
    format!("{before}[[peer]]{after}")
}
