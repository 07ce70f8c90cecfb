//! Messages whose chain is run from the spool.

use super::support::*;
use crate::message::KvWrite;
use crate::spool::{Filter, QueueState, Selection};
use crate::spool::{Finish, Hold, SpoolError, Unfinished};

const CONTENT: &str = "Subject: one\r\n\r\nbody";
const LATER: Timestamp = Timestamp(NOW.0 + 60_000);

/// A message that is held: for an operator, or until `due`.
async fn hold(spool: &dyn Spool, due: Option<Timestamp>) -> MessageId {
    let number = spool.next_id();
    let held = Acceptance {
        hold: Some(match due {
            Some(due) => Hold::until(due, "looks like fraud"),
            None => Hold::parked("looks like fraud"),
        }),
        ..message(number, CONTENT)
    };
    spool.commit(held).await.unwrap();
    number
}

async fn unfinished(spool: &dyn Spool, now: Timestamp) -> Vec<Unfinished> {
    unfinished_but(spool, now, 100, &[]).await.unwrap()
}

async fn numbers(spool: &dyn Spool, now: Timestamp) -> Vec<MessageId> {
    let found = unfinished(spool, now).await;
    found.iter().map(|unfinished| unfinished.incoming.id).collect()
}

/// What a chain makes of a message from the spool: one destination, one record, one value.
fn done(of: &Unfinished) -> Acceptance {
    let incoming = of.incoming.clone();
    let mut acceptance = Acceptance {
        origin: incoming.origin,
        envelope: incoming.envelope,
        content: incoming.content,
        ..message(incoming.id, "")
    };
    let ordinal = of.ordinals.map_or(1, |last| last.get() + 1);
    acceptance
        .outgoing
        .push(destination(&acceptance, ordinal, "operator-b"));
    acceptance.appends.push(charge("relay-in"));
    acceptance.kv.push(KvWrite::Increment {
        plugin: "charging".into(),
        key: "relayed".into(),
        by: 1,
    });
    acceptance
}

fn state(stage: &dyn Stage, number: MessageId) -> Option<(QueueState, u32, Option<String>)> {
    let operator = stage.operator();
    let entries = operator.list(&Filter::default()).unwrap();
    let entry = entries.into_iter().find(|found| found.id == entry(number, 0))?;
    Some((entry.state, entry.attempts, entry.reason))
}

pub(super) async fn a_held_message_waits_for_an_operator_and_is_given_out_when_released(stage: &dyn Stage) {
    let spool = stage.open();
    let held = hold(&*spool, None).await;
    assert_eq!(numbers(&*spool, Timestamp(u64::MAX)).await, []);

    let operator = stage.operator();
    assert_eq!(
        operator.release(&[entry(held, 0), entry(held, 1)], &[], &by()).unwrap(),
        1
    );
    let found = unfinished(&*spool, NOW).await;
    let [released] = found.as_slice() else {
        panic!("{found:?}")
    };
    let original = message(held, CONTENT);
    assert_eq!(released.incoming.id, held);
    assert_eq!(released.incoming.envelope, original.envelope);
    assert_eq!(
        released.incoming.content.read(0..CONTENT.len() as u64).unwrap(),
        CONTENT
    );
    let (is, was) = (&released.incoming.origin, &original.origin);
    assert_eq!(
        (&is.source, is.remote, &is.helo, is.protocol, is.received_at),
        (&was.source, was.remote, &was.helo, was.protocol, was.received_at)
    );
    assert_eq!(
        (released.attempts, released.arrived, released.ordinals),
        (0, false, None)
    );
    assert_eq!(state(stage, held).unwrap().0, QueueState::Unfinished);
}

pub(super) async fn due_messages_come_in_order_but_for_those_that_are_excepted(stage: &dyn Stage) {
    let spool = stage.open();
    let second = hold(&*spool, Some(Timestamp(NOW.0 - 1))).await;
    let first = hold(&*spool, Some(Timestamp(NOW.0 - 2))).await;
    let third = hold(&*spool, Some(LATER)).await;
    assert_eq!(numbers(&*spool, NOW).await, [first, second]);
    assert_eq!(numbers(&*spool, LATER).await, [first, second, third]);
    let found = unfinished_but(&*spool, LATER, 1, &[first]).await.unwrap();
    assert_eq!((found.len(), found[0].incoming.id), (1, second));
}

pub(super) async fn what_a_message_comes_to_happens_once(stage: &dyn Stage) {
    let spool = stage.open();
    let held = hold(&*spool, Some(NOW)).await;
    let found = unfinished(&*spool, NOW).await.remove(0);
    let finish = Finish::Done(Box::new(done(&found)));
    spool.finish(held, finish.clone()).await.unwrap();

    // A second run of the same message, whoever made it, comes too late.
    let again = spool.finish(held, finish).await;
    assert!(
        matches!(again, Err(SpoolError::Gone(gone)) if gone == held),
        "{again:?}"
    );
    assert_eq!(sequences(&*spool), [1]);
    assert_eq!(
        spool.kv_get("charging", "relayed").await.unwrap().as_deref(),
        Some(&b"1"[..])
    );
    let waiting = due(&*spool, "operator-b").await;
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].rope.to_bytes().unwrap(), CONTENT);
    assert_eq!(numbers(&*spool, Timestamp(u64::MAX)).await, []);

    record(&*spool, delivered(waiting[0].id)).await.unwrap();
    assert_eq!(stage.messages(), 0, "nothing needs it any more");
}

pub(super) async fn one_message_that_is_gone_does_not_spoil_the_transaction_of_others(stage: &dyn Stage) {
    let spool = stage.open();
    let (one, other) = (hold(&*spool, Some(NOW)).await, hold(&*spool, Some(NOW)).await);
    let found = unfinished(&*spool, NOW).await;
    stage.operator().remove(&[entry(one, 0)], &by()).unwrap();
    let finish = |n: usize| Finish::Done(Box::new(done(&found[n])));
    let (dropped, kept) = tokio::join!(spool.finish(one, finish(0)), spool.finish(other, finish(1)));
    assert!(matches!(dropped, Err(SpoolError::Gone(_))), "{dropped:?}");
    kept.unwrap();
    let waiting: Vec<_> = due(&*spool, "operator-b").await.iter().map(|o| o.id).collect();
    assert_eq!(waiting, [id(other, 1)]);
    assert_eq!(sequences(&*spool), [1]);
}

pub(super) async fn a_message_that_is_held_again_waits_with_the_new_reason(stage: &dyn Stage) {
    let spool = stage.open();
    let held = hold(&*spool, Some(NOW)).await;
    let again = Acceptance {
        hold: Some(Hold::parked("still looks like fraud")),
        ..message(held, CONTENT)
    };
    spool.finish(held, Finish::Done(Box::new(again))).await.unwrap();
    let reason = Some("still looks like fraud".to_owned());
    assert_eq!(state(stage, held), Some((QueueState::Held, 0, reason)));
    assert_eq!(stage.messages(), 1);
}

pub(super) async fn a_deferred_message_waits_until_it_is_due_and_counts_its_runs(stage: &dyn Stage) {
    let spool = stage.open();
    let held = hold(&*spool, Some(NOW)).await;
    let again = Finish::Again {
        due: LATER,
        reason: "busy".into(),
    };
    spool.finish(held, again).await.unwrap();
    assert_eq!(numbers(&*spool, NOW).await, []);
    assert_eq!(unfinished(&*spool, LATER).await[0].attempts, 1);
    let expected = (QueueState::Unfinished, 1, Some("busy".to_owned()));
    assert_eq!(state(stage, held), Some(expected));

    let operator = stage.operator();
    assert_eq!(operator.retry(Selection::Ids(&[entry(held, 0)]), &by()).unwrap(), 1);
    assert_eq!(numbers(&*spool, NOW).await, [held]);
}

pub(super) async fn a_refused_message_is_kept_as_failed_and_can_be_released(stage: &dyn Stage) {
    let spool = stage.open();
    let held = hold(&*spool, Some(NOW)).await;
    let failed = Finish::Failed {
        reason: "no".into(),
        changes: Vec::new(),
        appends: Vec::new(),
        kv: Vec::new(),
    };
    spool.finish(held, failed).await.unwrap();
    assert_eq!(numbers(&*spool, Timestamp(u64::MAX)).await, []);
    let expected = (QueueState::Failed, 0, Some("no".to_owned()));
    assert_eq!(state(stage, held), Some(expected));

    let operator = stage.operator();
    let of_state = |operator: &dyn Operator, state| {
        let filter = Filter {
            state: Some(state),
            ..Filter::default()
        };
        operator.list(&filter).unwrap().len()
    };
    assert_eq!(of_state(&*operator, QueueState::Failed), 1);
    assert_eq!(of_state(&*operator, QueueState::Held), 0);
    assert_eq!(release_all(&*operator).unwrap(), 0, "it is not held");
    assert_eq!(operator.release(&[entry(held, 0)], &[], &by()).unwrap(), 1);
    assert_eq!(of_state(&*operator, QueueState::Unfinished), 1);
    assert_eq!(numbers(&*spool, NOW).await, [held]);
}

pub(super) async fn all_held_messages_are_released_at_once(stage: &dyn Stage) {
    let spool = stage.open();
    let one = hold(&*spool, None).await;
    hold(&*spool, Some(LATER)).await;
    let other = hold(&*spool, None).await;
    let operator = stage.operator();
    assert_eq!(release_all(&*operator).unwrap(), 2);
    assert_eq!(numbers(&*spool, NOW).await, [one, other]);
}

pub(super) async fn a_dropped_message_is_not_finished(stage: &dyn Stage) {
    let spool = stage.open();
    let held = hold(&*spool, Some(NOW)).await;
    let found = unfinished(&*spool, NOW).await.remove(0);
    stage.operator().remove(&[entry(held, 0)], &by()).unwrap();
    assert_eq!(stage.messages(), 0);
    let late = spool.finish(held, Finish::Done(Box::new(done(&found)))).await;
    assert!(matches!(late, Err(SpoolError::Gone(_))), "{late:?}");
    assert_eq!(
        (due(&*spool, "operator-b").await.len(), sequences(&*spool).len()),
        (0, 0)
    );
}

pub(super) async fn a_partly_held_message_remembers_its_arrival_and_its_ordinals(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    let mut partly = relayed(number, CONTENT);
    partly.outgoing.push(destination(&partly, 2, "operator-c"));
    partly.envelope.recipients.truncate(1);
    partly.hold = Some(Hold {
        arrived: true,
        ..Hold::parked("one of them")
    });
    spool.commit(partly).await.unwrap();
    for ordinal in [1, 2] {
        record(&*spool, delivered(id(number, ordinal))).await.unwrap();
    }
    assert_eq!(stage.messages(), 1, "it is held for somebody still");

    let operator = stage.operator();
    release_all(&*operator).unwrap();
    let found = unfinished(&*spool, NOW).await.remove(0);
    assert_eq!((found.arrived, found.ordinals), (true, Ordinal::new(2)));
    assert_eq!(found.incoming.envelope.recipients.len(), 1);
    spool
        .finish(number, Finish::Done(Box::new(done(&found))))
        .await
        .unwrap();
    assert_eq!(due(&*spool, "operator-b").await[0].id, id(number, 3));
}

pub(super) async fn time_in_which_a_message_was_held_does_not_count_as_its_age(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    let mut held = message(number, CONTENT);
    held.origin.received_at = Timestamp(NOW.0 - 7 * 86_400_000);
    held.hold = Some(Hold::until(NOW, "an operator was away"));
    spool.commit(held).await.unwrap();
    let found = unfinished(&*spool, NOW).await.remove(0);
    assert_eq!(found.incoming.origin.received_at, Timestamp(NOW.0 - 7 * 86_400_000));
    spool
        .finish(number, Finish::Done(Box::new(done(&found))))
        .await
        .unwrap();
    let waiting = peek(&*spool, &peer("operator-b"), LATER, 10, &[]).await.unwrap();
    assert_eq!(waiting[0].received_at, NOW);
    assert!(spool.next_due().await.unwrap().len() == 1);
}

/// Releases what is held when this is called.
fn release_all(operator: &dyn Operator) -> Result<usize, SpoolError> {
    let held = operator.held(None, &[])?;
    operator.release(&held, &[], &by())
}
