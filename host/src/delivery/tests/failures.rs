//! What goes wrong, and whom it costs what.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::support::*;
use crate::delivery::{Addresses, PeerOptions};
use crate::message::{Content, Piece, ReadAt, RecipientId, Rope, Timestamp};
use crate::spool::{BoxFuture, DeliveryResult};
use mm4relay_lab::peer::Behaviour;
use mm4relay_lab::peer::behaviour::{Action, Rule, Stage};

const WITHIN: [Stage; 5] = [Stage::Mail, Stage::Rcpt, Stage::Data, Stage::Body, Stage::End];
const BEFORE_THE_END: [Stage; 4] = [Stage::Mail, Stage::Rcpt, Stage::Data, Stage::Body];
const MINUTE: Duration = Duration::from_secs(60);

fn deferred(result: DeliveryResult) -> (Timestamp, u32, String) {
    match result {
        DeliveryResult::Deferred { due, attempts, reason } => (due, attempts, reason),
        other => panic!("deferred is expected, not {other:?}"),
    }
}

/// With and without PIPELINING, one peer of each kind.
async fn both_kinds(stage: Stage, action: Action, times: u64) -> [TestPeer; 2] {
    let rules = || vec![Rule::new(stage, action, Some(times))];
    let no_extensions = true;
    let plain = Behaviour {
        rules: rules(),
        no_extensions,
        ..Behaviour::default()
    };
    [TestPeer::that(stage, action, times).await, TestPeer::start(plain).await]
}

#[tokio::test(start_paused = true)]
async fn a_refusal_fails_the_message_at_once_and_no_other() {
    for stage in WITHIN {
        for peer in both_kinds(stage, Action::Answer(554), 1).await {
            let mut room = Room::open(options(&[&peer.address]), &[]);
            room.enqueue(message(1));
            let result = room.result().await;
            assert!(
                matches!(&result, DeliveryResult::Failed { reason } if reason.contains("554 5.7.1")),
                "{result:?}"
            );
            let report = room.reports().remove(0);
            assert_eq!((report.failed.len(), report.code), (1, Some(554)), "{stage:?}");
            room.enqueue(message(2));
            assert_eq!(room.result().await, DeliveryResult::Delivered, "after {stage:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_deferral_is_tried_again_when_it_is_due() {
    for stage in WITHIN {
        for peer in both_kinds(stage, Action::Answer(451), 2).await {
            let begun = Instant::now();
            let mut room = Room::open(options(&[&peer.address]), &[]);
            room.enqueue(message(1));
            let (_, attempts, reason) = deferred(room.result().await);
            assert!(attempts == 1 && reason.contains("451 4.7.1"), "{stage:?}: {reason}");
            assert_eq!(deferred(room.result().await).1, 2);
            assert_eq!(room.result().await, DeliveryResult::Delivered, "{stage:?}");
            assert!(begun.elapsed() >= 3 * MINUTE, "after one minute and then two");
            assert_eq!(room.reports().len(), 1, "nothing is decided by a deferral");
            assert_eq!(room.reports()[0].attempts, 3);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_costs_one_message_one_wait() {
    for action in [Action::HangUp, Action::Garbage] {
        for stage in BEFORE_THE_END {
            for peer in both_kinds(stage, action, 1).await {
                let mut room = Room::open(options(&[&peer.address]), &[]);
                room.enqueue(long_message(1));
                let (_, attempts, reason) = deferred(room.result().await);
                assert_eq!(attempts, 1, "{action:?} at {stage:?}");
                let step = match (stage, action) {
                    (Stage::Body, _) => "in the middle of the message",
                    // The answers to its group were lost with the connection.
                    (_, Action::HangUp) => "the server hung up; no answer to ",
                    (Stage::Mail, _) => "instead of the answer to MAIL",
                    (Stage::Rcpt, _) => "instead of the answer to RCPT",
                    (_, _) => "instead of the answer to DATA",
                };
                assert!(
                    reason.contains(step) && reason.contains(&peer.address),
                    "{action:?} at {stage:?}: {reason}"
                );
                room.enqueue(message(2));
                assert_eq!(room.result().await, DeliveryResult::Delivered, "the other one");
                assert_eq!(room.result().await, DeliveryResult::Delivered, "the one that waited");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stall_costs_one_message_and_one_session() {
    for stage in [Stage::Mail, Stage::Rcpt, Stage::Data, Stage::End] {
        let peer = TestPeer::that(stage, Action::Stall, 1).await;
        let mut room = Room::open(options(&[&peer.address]), &[]);
        room.enqueue(message(1));
        // The first one holds its session; wait until it has it.
        while peer.connections() == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        sleep(Duration::from_millis(1)).await;
        room.enqueue(message(2));
        let outcome = room.outcome().await;
        assert_eq!(
            (outcome.id.message.0, outcome.result),
            (2, DeliveryResult::Delivered),
            "{stage:?}"
        );
        let (_, attempts, reason) = deferred(room.result().await);
        let step = match stage {
            Stage::Mail => "no answer to MAIL within 300 s",
            Stage::Rcpt => "no answer to RCPT within 300 s",
            Stage::Data => "no answer to DATA within 120 s",
            _ => "it is unknown whether the message was taken: no answer to the end of data within 600 s",
        };
        assert!(attempts == 1 && reason.contains(step), "{stage:?}: {reason}");
        assert_eq!(room.result().await, DeliveryResult::Delivered);
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_stops_reading_is_given_up_within_the_block_time() {
    let peer = TestPeer::that(Stage::Body, Action::Stall, 1).await;
    let mut room = Room::open(options(&[&peer.address]), &[]);
    let begun = Instant::now();
    room.enqueue(message_to(1, &["b@b.example"], "x\r\n".repeat(6 << 20)));
    let (_, _, reason) = deferred(room.result().await);
    // Three minutes for the block, and half of one for an answer that may explain it.
    assert!(begun.elapsed() < 4 * MINUTE, "{reason}");
}

#[tokio::test(start_paused = true)]
async fn each_recipient_has_its_own_fate() {
    let peer = TestPeer::start(Behaviour::default()).await;
    let mut room = Room::open(options(&[&peer.address]), &[]);
    let to = ["refuse@b.example", "ok@b.example", "defer@b.example"];
    room.enqueue(message_to(1, &to, "hello\r\n"));
    let DeliveryResult::Partly {
        remaining, attempts, ..
    } = room.result().await
    else {
        panic!("one of three waits");
    };
    assert_eq!((remaining, attempts), (vec![RecipientId(2)], 1));
    let report = room.reports().remove(0);
    assert_eq!(report.delivered, [RecipientId(1)]);
    assert_eq!(
        (report.failed[0].id, report.failed[0].code),
        (RecipientId(0), Some(550))
    );
    let (_, attempts, reason) = deferred(room.result().await);
    assert!(attempts == 2 && reason.contains("450"), "{reason}");
    assert_eq!(peer.received.lock().unwrap()[0].to, ["ok@b.example"]);
    assert_eq!(peer.taken(), 1, "the delivered one is not sent again");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_partly_failed_is_left_with_its_failed_recipients() {
    let peer = TestPeer::start(Behaviour::default()).await;
    let mut room = Room::open(options(&[&peer.address]), &[]);
    room.enqueue(message_to(1, &["ok@b.example", "refuse@b.example"], "hello\r\n"));
    assert!(matches!(room.result().await, DeliveryResult::Partly { remaining, .. } if remaining == [RecipientId(1)]));
    assert!(matches!(room.result().await, DeliveryResult::Failed { .. }));
    let reports = room.reports();
    assert_eq!((reports[0].delivered.len(), reports[0].failed.len()), (1, 0));
    assert_eq!((reports[1].delivered.len(), reports[1].failed.len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn another_host_is_tried_before_the_final_dot() {
    for stage in [
        Stage::Connect,
        Stage::Helo,
        Stage::Mail,
        Stage::Rcpt,
        Stage::Data,
        Stage::Body,
    ] {
        let first = TestPeer::that(stage, Action::HangUp, 1).await;
        let second = TestPeer::start(Behaviour::default()).await;
        let mut room = Room::open(options(&[&first.address, &second.address]), &[]);
        room.enqueue(long_message(1));
        assert_eq!(room.result().await, DeliveryResult::Delivered, "{stage:?}");
        assert_eq!((first.taken(), second.taken()), (0, 1), "{stage:?}");
        assert_eq!(room.reports()[0].host.as_ref(), Some(&second.address));
    }
}

#[tokio::test(start_paused = true)]
async fn after_the_final_dot_only_the_same_host_is_asked_again() {
    for action in [Action::HangUp, Action::Garbage, Action::Stall] {
        let first = TestPeer::that(Stage::End, action, 1).await;
        let second = TestPeer::start(Behaviour::default()).await;
        let mut room = Room::open(options(&[&first.address, &second.address]), &[]);
        room.enqueue(message(1));
        let (_, _, reason) = deferred(room.result().await);
        assert!(reason.contains("it is unknown"), "{action:?}: {reason}");
        assert_eq!(room.result().await, DeliveryResult::Delivered);
        assert_eq!((first.taken(), second.taken()), (2, 0), "{action:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_down_is_tried_by_one_message_at_a_time() {
    let peer = TestPeer::that(Stage::Connect, Action::HangUp, 3).await;
    let mut few = options(&[&peer.address]);
    few.sessions = 1;
    let mut room = Room::open(few, &[]);
    let begun = Instant::now();
    for number in 0..50 {
        room.enqueue(message(number));
    }
    let mut delivered = 0;
    let mut failures = 0;
    while delivered < 50 {
        match room.result().await {
            DeliveryResult::Delivered => delivered += 1,
            result => {
                deferred(result);
                failures += 1;
            }
        }
    }
    assert_eq!(failures, 3, "the others were not tried, and lost no attempt");
    assert_eq!(peer.connections(), 4);
    assert!(begun.elapsed() >= 8 * MINUTE, "after one, two and five minutes");
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_waits_and_a_peer_that_comes_back_gets_all() {
    let gone = TestPeer::start(Behaviour::default()).await;
    let address = gone.address.clone();
    gone.stop().await;
    let mut room = Room::open(options(&[&address]), &[]);
    room.enqueue(message(1));
    let (_, _, reason) = deferred(room.result().await);
    assert!(reason.contains("cannot be reached"), "{reason}");
    let peer = TestPeer::start_at(&address, Behaviour::default()).await;
    room.enqueue(message(2));
    assert_eq!(room.result().await, DeliveryResult::Delivered);
    assert_eq!(room.result().await, DeliveryResult::Delivered);
    assert_eq!(peer.taken(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_to_talk_refuses_no_message_and_is_the_same_for_all() {
    for (stage, code) in [
        (Stage::Connect, 554),
        (Stage::Connect, 421),
        (Stage::Connect, 450),
        (Stage::Helo, 421),
        (Stage::Helo, 450),
        (Stage::Mail, 421),
        (Stage::Rcpt, 421),
        (Stage::Data, 421),
    ] {
        for peer in both_kinds(stage, Action::Answer(code), 3).await {
            let mut one = options(&[&peer.address]);
            one.sessions = 1;
            let mut room = Room::open(one, &[]);
            let begun = Instant::now();
            for number in 0..20 {
                room.enqueue(message(number));
            }
            let (mut delivered, mut tried) = (0, 0);
            while delivered < 20 {
                match room.result().await {
                    DeliveryResult::Delivered => delivered += 1,
                    result => {
                        let (due, _, reason) = deferred(result);
                        let standing = room.delivery.standings().remove(0);
                        assert!(reason.contains(&code.to_string()), "{stage:?}: {reason}");
                        let down = standing.down.expect("all its hosts refuse to talk");
                        assert!(down.said.contains(&code.to_string()), "{}", down.said);
                        assert_eq!(
                            down.again,
                            Some(due),
                            "the message waits for the peer, and for nothing else"
                        );
                        tried += 1;
                    }
                }
            }
            assert_eq!(tried, 3, "{code} at {stage:?}: one message at a time tries the door");
            assert!(
                begun.elapsed() < 9 * MINUTE,
                "and none waits for longer than the peer was down"
            );
            assert_eq!(room.delivery.standings()[0].down, None);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_is_given_up_at_its_age() {
    let peer = TestPeer::that(Stage::Mail, Action::Answer(451), u64::MAX).await;
    let mut short = options(&[&peer.address]);
    short.give_up_after = 10 * MINUTE;
    let mut room = Room::open(short, &[]);
    room.enqueue(message(1));
    let (begun, mut tries) = (Instant::now(), 0);
    let reason = loop {
        match room.result().await {
            DeliveryResult::Failed { reason } => break reason,
            result => tries = deferred(result).1,
        }
    };
    assert_eq!(tries, 4, "at once, after 1, 3 and 8 minutes");
    assert!(
        reason.contains("given up after 4 attempts in 10 min") && reason.contains("451 4.7.1 told to, at Mail"),
        "what was said last is not forgotten: {reason}"
    );
    let took = begun.elapsed();
    assert!(
        took >= 10 * MINUTE && took < 11 * MINUTE,
        "and not an hour later: {took:?}"
    );
    assert_eq!(room.reports().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_the_peer_ended_meanwhile_costs_no_attempt() {
    for action in [Action::HangUp, Action::Answer(421)] {
        let rules = vec![Rule::new(Stage::Mail, action, Some(1)).after(1)];
        let peer = TestPeer::start(Behaviour {
            rules,
            ..Behaviour::default()
        })
        .await;
        let mut room = Room::open(options(&[&peer.address]), &[]);
        for number in 1..=2 {
            room.enqueue(message(number));
            assert_eq!(room.result().await, DeliveryResult::Delivered, "{action:?}");
        }
        assert_eq!(room.reports()[1].attempts, 1);
        assert_eq!(peer.connections(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_fresh_connection_that_ends_with_421_defers_the_message() {
    let peer = TestPeer::that(Stage::Mail, Action::Answer(421), 1).await;
    let mut room = Room::open(options(&[&peer.address]), &[]);
    room.enqueue(message(1));
    assert_eq!(deferred(room.result().await).1, 1);
    assert_eq!(room.result().await, DeliveryResult::Delivered);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_one_session_gets_everything_over_it() {
    let rules = vec![Rule::new(Stage::Connect, Action::Answer(421), None).after(1)];
    let peer = TestPeer::start(Behaviour {
        rules,
        ..Behaviour::default()
    })
    .await;
    let mut room = Room::open(options(&[&peer.address]), &[]);
    for number in 0..200 {
        room.enqueue(message(number));
    }
    for _ in 0..200 {
        assert_eq!(room.result().await, DeliveryResult::Delivered);
    }
    assert!(
        peer.connections() <= 20,
        "one try for each session allowed: {}",
        peer.connections()
    );
}

#[tokio::test(start_paused = true)]
async fn no_message_fails_for_good_when_every_host_refuses_to_talk() {
    for (first, second) in [(554, 554), (421, 554), (554, 421)] {
        let first = TestPeer::that(Stage::Connect, Action::Answer(first), 1).await;
        let second = TestPeer::that(Stage::Connect, Action::Answer(second), 1).await;
        let mut room = Room::open(options(&[&first.address, &second.address]), &[]);
        room.enqueue(message(1));
        deferred(room.result().await);
        let down = room.delivery.standings().remove(0).hosts_down;
        assert_eq!(down.len(), 2, "{down:?}");
        assert_eq!(room.result().await, DeliveryResult::Delivered);
    }
}

#[tokio::test(start_paused = true)]
async fn what_expires_or_is_too_old_is_given_up_in_time_whatever_keeps_it_waiting() {
    let second = Duration::from_secs(1);
    let down = || TestPeer::that(Stage::Connect, Action::Answer(554), u64::MAX);
    let stalled = || TestPeer::that(Stage::Mail, Action::Stall, u64::MAX);
    let slow = || TestPeer::start(Behaviour::default());
    for (pause, peer) in [
        ("down", down().await),
        ("stalled", stalled().await),
        ("slow", slow().await),
    ] {
        let mut patient = options(&[&peer.address]);
        patient.give_up_after = 10 * MINUTE;
        patient.sessions = 1;
        if pause == "slow" {
            let per = 60 * MINUTE;
            patient.rate = Some(crate::message::Rate { messages: 1, per });
        }
        let mut room = Room::open(patient, &[]);
        let begun = Instant::now();
        room.enqueue(message(1));
        sleep(2 * second).await;
        // One expires, the other is of no use for its age.
        for number in 2..=3 {
            let mut outgoing = message(number);
            outgoing.received_at = Timestamp(BASE).plus(begun.elapsed());
            outgoing.expires_at = (number == 2).then(|| outgoing.received_at.plus(90 * second));
            room.enqueue(outgoing);
        }
        let mut ended = Vec::new();
        while ended.len() < 2 {
            let outcome = room.outcome().await;
            if let DeliveryResult::Failed { reason } = outcome.result
                && outcome.id.message.0 > 1
            {
                ended.push((outcome.id.message.0, begun.elapsed(), reason));
            }
        }
        let (id, at, reason) = &ended[0];
        assert!(*id == 2 && reason.contains("expired after"), "{pause}: {reason}");
        assert!(
            *at >= 92 * second && *at < 95 * second,
            "{pause}: it expires when it does: {at:?}"
        );
        let (id, at, reason) = &ended[1];
        assert!(*id == 3 && reason.contains("given up after"), "{pause}: {reason}");
        let due = 10 * MINUTE + 2 * second;
        assert!(*at >= due && *at < due + 3 * second, "{pause}: {at:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_too_old_when_the_relay_started_is_tried_before_it_is_given_up() {
    let peer = TestPeer::start(Behaviour::default()).await;
    let days_old = |number| {
        let mut outgoing = message(number);
        outgoing.received_at = Timestamp(BASE).minus(5 * 24 * 60 * MINUTE);
        outgoing
    };
    let mut room = Room::open(options(&[&peer.address]), &[days_old(1), days_old(2)]);
    for _ in 1..=2 {
        assert_eq!(
            room.result().await,
            DeliveryResult::Delivered,
            "perhaps only the clock was wrong"
        );
    }
    let address = peer.address.clone();
    peer.stop().await;
    let mut room = Room::open(options(&[&address]), &[days_old(1), days_old(2)]);
    let begun = Instant::now();
    let mut given_up = 0;
    while given_up < 2 {
        given_up += usize::from(matches!(room.result().await, DeliveryResult::Failed { .. }));
    }
    assert!(begun.elapsed() >= 10 * MINUTE && begun.elapsed() < 11 * MINUTE);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_takes_long_says_where_it_is() {
    let peer = TestPeer::that(Stage::Rcpt, Action::Stall, 1).await;
    let mut room = Room::open(options(&[&peer.address]), &[]);
    room.enqueue(message(1));
    sleep(10 * Duration::from_secs(1)).await;
    let running = room.delivery.standings().remove(0).running.remove(0);
    // The answers to its group are in one segment, which is never sent.
    assert!(running.waits_for.starts_with("answer to "), "{running:?}");
    assert_eq!(running.host, Some(peer.address.clone()));
    assert_eq!(running.id, message(1).id.to_string());
    deferred(room.result().await);
    assert!(room.delivery.standings()[0].running.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_peer_is_down_from_the_first_failure_to_the_next_greeting() {
    let first = TestPeer::that(Stage::Connect, Action::Answer(554), 2).await;
    let second = TestPeer::that(Stage::Connect, Action::HangUp, 2).await;
    let mut room = Room::open(options(&[&first.address, &second.address]), &[]);
    room.enqueue(message(1));
    let (due, _, _) = deferred(room.result().await);
    let standing = room.delivery.standings().remove(0);
    let down = standing.down.expect("neither host accepts a session");
    assert!(down.said.contains("the server hung up; no greeting") && down.said.contains(&second.address));
    assert_eq!((down.since, down.again), (Timestamp(BASE), Some(due)));
    let said: Vec<&str> = standing.hosts_down.iter().map(|host| host.said.as_str()).collect();
    assert!(
        said.iter()
            .any(|said| said.contains("554") && said.contains("greeting")),
        "{said:?}"
    );
    deferred(room.result().await);
    let later = room.delivery.standings().remove(0).down.expect("it still is");
    assert_eq!(later.since, down.since);
    assert_eq!(room.result().await, DeliveryResult::Delivered);
    let standing = room.delivery.standings().remove(0);
    assert_eq!(
        (standing.down, standing.hosts_down.len()),
        (None, 1),
        "one host is enough"
    );
}

/// Whoever asks it for an address panics.
#[derive(Debug)]
struct Trapdoor;

impl Addresses for Trapdoor {
    fn of<'a>(&'a self, _: &'a str, _: Duration) -> BoxFuture<'a, Result<Vec<IpAddr>, String>> {
        panic!("planted")
    }
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_always_panics_waits_longer_each_time_says_so_and_is_given_up_in_its_time() {
    let mut room = Room::open(
        PeerOptions {
            addresses: Arc::new(Trapdoor),
            give_up_after: 30 * MINUTE,
            ..options(&["mx.b.example:25"])
        },
        &[],
    );
    let begun = Instant::now();
    room.enqueue(message(1));
    let mut waits = Vec::new();
    let given_up = loop {
        match room.result().await {
            DeliveryResult::Deferred { due, attempts, reason } => {
                assert_eq!(reason, "a bug of the relay: panicked: planted");
                assert_eq!(attempts as usize, waits.len() + 1);
                waits.push(due.since(Timestamp(BASE).plus(begun.elapsed())).as_secs() / 60);
            }
            other => break other,
        }
    };
    assert_eq!(waits, [1, 2, 5, 10, 12], "the last one ends with the message's time");
    assert!(
        matches!(&given_up, DeliveryResult::Failed { reason } if reason.contains("panicked: planted")),
        "{given_up:?}"
    );
    assert_eq!(room.reports().len(), 1, "its sender is told");
}

/// Bytes over which whoever reads them panics.
struct Trap;

impl ReadAt for Trap {
    fn size(&self) -> u64 {
        100
    }

    fn read_at(&self, _: std::ops::Range<u64>) -> std::io::Result<bytes::Bytes> {
        panic!("planted")
    }
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_panics_costs_its_own_message_a_deferral_and_others_are_delivered() {
    let peer = TestPeer::start(Behaviour::default()).await;
    let mut room = Room::open(options(&[&peer.address]), &[]);
    let mut trap = message(1);
    trap.rope = Rope {
        content: Content::Stored(Arc::new(Trap)),
        pieces: vec![Piece::Received(0..100)],
    };
    let trapped = trap.id;
    room.enqueue(trap);
    room.enqueue(message(2));
    let mut delivered = false;
    for _ in 0..2 {
        let outcome = room.outcome().await;
        match outcome.id == trapped {
            true => drop(deferred(outcome.result)),
            false => delivered = outcome.result == DeliveryResult::Delivered,
        }
    }
    assert!(delivered);
}
