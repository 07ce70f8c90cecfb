use super::*;
use crate::delivery::tests::support::message;

fn queue(messages: usize, workers: usize) -> Queue {
    Queue::new(Limits {
        messages,
        octets: 1 << 20,
        workers,
    })
}

fn started(queue: &mut Queue) -> Vec<u64> {
    let next = || match queue.dispatch() {
        Next::Start(job) => Some(job.outgoing.id.message.0),
        Next::Nothing => None,
    };
    std::iter::from_fn(next).collect()
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn as_many_workers_are_started_as_allowed() {
    let mut queue = queue(100, 2);
    for number in 1..=3 {
        queue.hand_over(message(number));
    }
    assert_eq!(started(&mut queue), [1, 2]);
    assert!(matches!(queue.next(true), Turn::Send(job) if job.outgoing.id.message.0 == 3));
    assert!(matches!(queue.next(true), Turn::Wait(_)));
    assert!(matches!(queue.next(false), Turn::Leave));
}

#[test]
fn workers_that_are_too_many_for_a_smaller_share_leave_after_their_message() {
    let mut queue = queue(100, 4);
    for number in 1..=8 {
        queue.hand_over(message(number));
    }
    assert_eq!(started(&mut queue).len(), 4);
    queue.limit(Limits {
        workers: 2,
        ..queue.limits
    });
    for _ in 0..2 {
        assert!(matches!(queue.next(true), Turn::Leave));
        queue.worker_left();
    }
    assert!(matches!(queue.next(true), Turn::Send(_)));
    assert!(started(&mut queue).is_empty(), "two are enough");
}

#[test]
fn the_worker_that_was_busy_last_gets_the_next_message() {
    let mut queue = queue(100, 2);
    queue.workers = 2;
    let (Turn::Wait(mut first), Turn::Wait(mut last)) = (queue.next(true), queue.next(true)) else {
        panic!("both wait");
    };
    queue.hand_over(message(1));
    assert!(started(&mut queue).is_empty());
    assert!(last.try_recv().is_ok());
    assert!(first.try_recv().is_err());
    queue.hand_over(message(2));
    drop(first);
    queue.workers = 1;
    assert_eq!(started(&mut queue), [2], "a worker that has gone is passed over");
}

#[test]
fn what_finds_no_room_waits_in_the_spool() {
    let mut queue = queue(2, 1);
    for number in 1..=3 {
        queue.hand_over(message(number));
    }
    assert_eq!(queue.waiting.len(), 2);
    assert!(queue.more);
    assert!(!queue.wants_refill(), "not while the queue is full");
    queue.take();
    queue.take();
    assert!(queue.wants_refill());
    assert_eq!(queue.take_given_back(), [message(3).id]);
    assert_eq!(queue.begin_refill(), Some(2));
}

#[test]
fn what_the_spool_leases_after_the_circuit_has_opened_is_given_back() {
    let mut queue = queue(100, 1);
    queue.there_is_more();
    let limit = queue.begin_refill().unwrap();
    assert!(queue.begin_refill().is_none(), "it is being asked");
    queue.unreachable(Instant::now(), |_| MINUTE);
    queue.end_refill(limit, Some(vec![message(1)]));
    assert_eq!(queue.take_given_back(), [message(1).id]);
    assert!(queue.take_given_back().is_empty(), "once");
}

#[test]
fn an_operator_may_have_a_settled_message_tried_again() {
    let mut queue = queue(100, 1);
    for _ in 0..2 {
        queue.there_is_more();
        let limit = queue.begin_refill().unwrap();
        queue.end_refill(limit, Some(vec![message(1)]));
        assert!(queue.take().is_some());
        queue.settled(message(1).id);
        assert_eq!(queue.take_given_back(), [message(1).id]);
    }
}

#[test]
fn an_open_circuit_gives_everything_back_to_the_spool() {
    let (mut queue, now) = (queue(100, 4), Instant::now());
    for number in 1..=3 {
        queue.hand_over(message(number));
    }
    queue.unreachable(now, |failures| failures * MINUTE);
    assert!(started(&mut queue).is_empty());
    assert_eq!((queue.octets, queue.in_flight.len(), queue.more), (0, 0, true));
    assert_eq!(queue.take_given_back(), [1, 2, 3].map(|number| message(number).id));
    assert!(queue.begin_refill().is_none(), "nothing is leased meanwhile");
    queue.reach.probe(now + MINUTE);
    queue.hand_over(message(4));
    queue.hand_over(message(5));
    assert_eq!(started(&mut queue), [4], "one tries");
    queue.unreachable(now + MINUTE, |failures| failures * MINUTE);
    assert_eq!(queue.take_given_back(), [message(5).id]);
}

#[test]
fn a_peer_with_enough_sessions_keeps_those_and_gets_no_more() {
    let (mut queue, now) = (queue(100, 4), Instant::now());
    assert!(!queue.reach.is_crowded(now + MINUTE), "nobody is in");
    queue.workers = 2;
    queue.reach.opening();
    queue.reach.opening();
    queue.reach.opened(false);
    assert!(queue.reach.is_crowded(now + MINUTE), "the other may get in");
    queue.reach.opened(true);
    queue.worker_left();
    assert!(queue.reach.is_crowded(now + MINUTE));
    queue.hand_over(message(1));
    assert!(started(&mut queue).is_empty(), "the one inside has to do");
    queue.reach.probe(now + MINUTE);
    assert_eq!(started(&mut queue), [1], "a minute later another one is tried");
}

#[test]
fn a_removed_peer_that_comes_back_does_not_send_what_is_still_being_sent() {
    let mut queue = queue(100, 1);
    queue.hand_over(message(1));
    assert_eq!(started(&mut queue), [1]);
    queue.hand_over(message(2));
    queue.stop();
    queue.hand_over(message(3));
    assert!(started(&mut queue).is_empty(), "nothing is begun");
    queue.go_on(Limits {
        messages: 100,
        octets: 1 << 20,
        workers: 2,
    });
    assert!(queue.begin_refill().is_some(), "the spool is asked at once");
    assert_eq!(
        queue.take_given_back(),
        [2, 3].map(|number| message(number).id),
        "and not the first"
    );
    queue.end_refill(10, Some(vec![message(2), message(3)]));
    assert_eq!(started(&mut queue), [2], "one beside the one that is still at work");
}
