//! Between the spool, memory and the workers.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use super::support::*;
use crate::message::Outgoing;
use crate::spool::DeliveryResult;
use mm4relay_lab::peer::Behaviour;
use mm4relay_lab::peer::behaviour::{Action, Stage};

#[tokio::test(start_paused = true)]
async fn what_the_spool_holds_at_the_start_is_delivered() {
    let peer = TestPeer::start(Behaviour::default()).await;
    let waiting: Vec<Outgoing> = (0..1_000).map(message).collect();
    let mut room = Room::open(options(&[&peer.address]), &waiting);
    for _ in 0..1_000 {
        assert_eq!(room.result().await, DeliveryResult::Delivered);
    }
    assert_eq!(peer.taken(), 1_000);
    assert_eq!(room.spool.len(), 0);
}

#[tokio::test]
async fn each_message_is_sent_once_whichever_way_it_comes() {
    let peer = TestPeer::start(Behaviour::default()).await;
    let mut small = options(&[&peer.address]);
    (small.hot_messages, small.sessions) = (16, 4);
    let waiting: Vec<Outgoing> = (0..500).map(message).collect();
    let mut room = Room::open(small, &waiting);
    // They are leased from the spool, the others handed over; what finds no room goes back, and is leased later.
    for number in 500..1_000 {
        room.enqueue(message(number));
        if number % 50 == 0 {
            tokio::task::yield_now().await;
        }
    }
    for _ in 0..1_000 {
        assert_eq!(room.result().await, DeliveryResult::Delivered);
    }
    let received = peer.received.lock().unwrap();
    let distinct: HashSet<_> = received.iter().map(|message| message.data.clone()).collect();
    assert_eq!((received.len(), distinct.len()), (1_000, 1_000));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_fails_is_made_again_and_the_message_not_sent_again() {
    let peer = TestPeer::start(Behaviour::default()).await;
    let mut room = Room::open(options(&[&peer.address]), &[]);
    room.spool.broken.store(5, Ordering::SeqCst);
    room.enqueue(message(1));
    let outcome = room.outcome().await;
    assert_eq!(outcome.result, DeliveryResult::Delivered);
    assert_eq!(outcome.kv.len(), 1, "what the outcome caused is recorded with it");
    assert_eq!(peer.taken(), 1);
    assert_eq!(room.reports().len(), 1, "and the plug-ins are asked once");
}

#[tokio::test(start_paused = true)]
async fn shutdown_lets_begun_messages_end_and_begins_no_others() {
    let peer = TestPeer::that(Stage::End, Action::Stall, 1).await;
    let mut one = options(&[&peer.address]);
    one.sessions = 1;
    let mut room = Room::open(one, &[]);
    room.enqueue(message(1));
    room.enqueue(message(2));
    while peer.taken() == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    room.shutdown.send(true).unwrap();
    room.delivery.drained().await;
    let outcome = room.outcome().await;
    assert_eq!(
        outcome.id.message.0, 1,
        "its outcome is recorded before drained returns"
    );
    assert_eq!(peer.taken(), 1, "the second is for the next start");
    room.delivery.enqueue(message(3));
    room.delivery.drained().await;
    assert_eq!(peer.taken(), 1);
}

/// Not a claim about this machine: run it with `--ignored --nocapture` to see how fast the room alone is.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn thousands_of_messages_a_second_leave() {
    const MESSAGES: u64 = 40_000;
    for size in [10_000, 30_000, 300_000] {
        let peer = TestPeer::sink().await;
        let mut roomy = options(&[&peer.address]);
        (roomy.hot_messages, roomy.hot_octets) = (usize::MAX, u64::MAX);
        let mut room = Room::open(roomy, &[]);
        let text = bytes::Bytes::from("x".repeat(74) + "\r\n").repeat(size / 76);
        let (text, begun) = (bytes::Bytes::from(text), std::time::Instant::now());
        let messages = MESSAGES * 10_000 / size as u64;
        for number in 0..messages {
            room.enqueue(message_to(
                number,
                &["+15555550199/TYPE=PLMN@mms.b.example"],
                text.clone(),
            ));
        }
        for _ in 0..messages {
            assert_eq!(room.result().await, DeliveryResult::Delivered);
        }
        let rate = messages as f64 / begun.elapsed().as_secs_f64();
        println!(
            "{size} octets: {rate:.0} messages a second over {} connections",
            peer.connections()
        );
        assert!(rate > 500.0, "{rate}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_may_be_another_relays_by_now_is_not_sent_to_its_end() {
    for octets in [100, 3_000_000] {
        let peer = TestPeer::start(Behaviour::default()).await;
        let mut room = Room::open(options(&[&peer.address]), &[]);
        room.spool.uncertain.store(1, Ordering::SeqCst);
        let mut one = message(1);
        one.rope.pieces.push(crate::message::Piece::New(bytes::Bytes::from(
            "0123456\r\n".repeat(octets / 9),
        )));
        room.enqueue(one);
        let outcome = room.outcome().await;
        assert_eq!(outcome.result, DeliveryResult::Delivered);
        assert_eq!(
            (peer.connections(), peer.taken()),
            (2, 1),
            "the first one was broken off before its end"
        );
        assert_eq!(outcome.attempts, 1, "that was no attempt");
    }
}
