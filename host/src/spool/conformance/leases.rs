//! What is leased is leased once, and a commit that a look has decided succeeds only if its premise still holds.

use super::support::*;
use crate::message::{Task, Todo};
use crate::spool::{Finish, Hold, LEASE, Settlement};

async fn leased(spool: &dyn Spool, to: &str) -> Vec<OutgoingId> {
    let found = spool.lease(&peer(to), NOW, 100).await.unwrap();
    found.iter().map(|outgoing| outgoing.id).collect()
}

pub(super) async fn what_goes_out_of_a_commit_belongs_to_who_commits_it(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    spool.commit(relayed(number, "bytes")).await.unwrap();
    assert_eq!(leased(&*spool, "operator-b").await, []);
    spool.give_back(Leased::Outgoing(id(number, 1)));
    assert_eq!(leased(&*spool, "operator-b").await, [id(number, 1)]);
}

/// Also when the answer had been sent, and nobody had looked at it.
pub(super) async fn what_a_commit_leases_to_somebody_who_has_gone_is_free(stage: &dyn Stage) {
    let spool = stage.open();
    let (number, next) = (spool.next_id(), spool.next_id());
    let mut commit = spool.commit(relayed(number, "bytes"));
    tokio::select! {
        biased;
        // A store that answers at once keeps nobody waiting.
        _ = &mut commit => return,
        () = std::future::ready(()) => {}
    }
    // This one is answered behind it.
    spool.commit(message(next, "bytes")).await.unwrap();
    drop(commit);
    assert_eq!(leased(&*spool, "operator-b").await, [id(number, 1)]);
}

pub(super) async fn what_is_leased_is_leased_once_until_it_is_given_back(stage: &dyn Stage) {
    let spool = stage.open();
    let ids = [spool.next_id(), spool.next_id()];
    for number in ids {
        spool.commit(relayed(number, "bytes")).await.unwrap();
        spool.give_back(Leased::Outgoing(id(number, 1)));
    }
    let one = spool.lease(&peer("operator-b"), NOW, 1).await.unwrap();
    assert_eq!(one[0].id, id(ids[0], 1));
    assert_eq!(leased(&*spool, "operator-b").await, [id(ids[1], 1)]);
    assert_eq!(leased(&*spool, "operator-b").await, []);
    spool.give_back(Leased::Outgoing(id(ids[0], 1)));
    assert_eq!(leased(&*spool, "operator-b").await, [id(ids[0], 1)]);
}

pub(super) async fn leases_are_over_when_the_relay_begins_anew(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    spool.commit(relayed(number, "bytes")).await.unwrap();
    spool.close().await;
    let spool = stage.open();
    assert_eq!(leased(&*spool, "operator-b").await, [id(number, 1)]);
}

pub(super) async fn what_is_overdue_is_leased_too(stage: &dyn Stage) {
    let spool = stage.open();
    let numbers = [spool.next_id(), spool.next_id()];
    for number in numbers {
        let mut acceptance = relayed(number, "bytes");
        acceptance.outgoing[0].expires_at = Some(NOW);
        spool.commit(acceptance).await.unwrap();
    }
    spool.give_back(Leased::Outgoing(id(numbers[1], 1)));
    let early = Timestamp(0);
    let over = spool.lease_overdue(&peer("operator-b"), NOW, early, 10).await.unwrap();
    assert_eq!(
        over.iter().map(|outgoing| outgoing.id).collect::<Vec<_>>(),
        [id(numbers[1], 1)]
    );
    assert_eq!(leased(&*spool, "operator-b").await, []);
}

/// A message whose chain ran from the spool is younger than its id says.
pub(super) async fn what_is_too_old_is_found_behind_messages_that_are_younger_than_their_ids(stage: &dyn Stage) {
    let spool = stage.open();
    let young = [spool.next_id(), spool.next_id(), spool.next_id()];
    for number in young {
        let hold = Hold::until(NOW, "not through");
        let held = Acceptance {
            hold: Some(hold),
            ..message(number, "bytes")
        };
        spool.commit(held).await.unwrap();
    }
    let old = spool.next_id();
    spool.commit(relayed(old, "bytes")).await.unwrap();
    spool.give_back(Leased::Outgoing(id(old, 1)));
    stage.pass(std::time::Duration::from_secs(20));
    for unfinished in spool.unfinished(NOW, 10).await.unwrap() {
        let number = unfinished.incoming.id;
        let done = Finish::Done(Box::new(relayed(number, "bytes")));
        spool.finish(number, done).await.unwrap();
        spool.give_back(Leased::Outgoing(id(number, 1)));
    }
    let aged = NOW.plus(std::time::Duration::from_secs(10));
    let over = spool.lease_overdue(&peer("operator-b"), NOW, aged, 2).await.unwrap();
    let over: Vec<OutgoingId> = over.iter().map(|outgoing| outgoing.id).collect();
    assert_eq!(over, [id(old, 1)]);
    assert_eq!(
        leased(&*spool, "operator-b").await.len(),
        3,
        "the others are not taken from their workers"
    );
}

pub(super) async fn only_who_holds_a_message_records_what_became_of_it(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    spool.commit(relayed(number, "bytes")).await.unwrap();
    spool.give_back(Leased::Outgoing(id(number, 1)));
    let charged = Outcome {
        appends: vec![charge("relay-out")],
        ..delivered(id(number, 1))
    };
    let refused = spool.record(charged.clone()).await.unwrap_err();
    assert!(
        matches!(refused, SpoolError::NotOurs(Leased::Outgoing(of)) if of == id(number, 1)),
        "{refused:?}"
    );
    assert_eq!(
        (sequences(&*spool), stage.messages()),
        (vec![1], 1),
        "nothing has happened"
    );
    assert_eq!(leased(&*spool, "operator-b").await, [id(number, 1)]);
    spool.record(charged).await.unwrap();
    assert_eq!((sequences(&*spool), stage.messages()), (vec![1, 2], 0));
}

/// A message whose next hop takes a few recipients at a time is recorded several times.
pub(super) async fn a_lease_goes_on_after_a_record(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    spool.commit(relayed(number, "bytes")).await.unwrap();
    let partly = DeliveryResult::Partly {
        remaining: vec![RecipientId(1)],
        due: NOW,
        attempts: 0,
        reason: "the next transaction".into(),
    };
    spool.record(outcome(id(number, 1), partly)).await.unwrap();
    assert_eq!(leased(&*spool, "operator-b").await, []);
    spool.record(delivered(id(number, 1))).await.unwrap();
    assert_eq!(stage.messages(), 0);
}

pub(super) async fn a_message_whose_chain_is_run_is_given_out_once(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    let hold = Hold::until(NOW, "not through");
    let held = Acceptance {
        hold: Some(hold),
        ..message(number, "bytes")
    };
    spool.commit(held).await.unwrap();
    let look = async || spool.unfinished(NOW, 10).await.unwrap().len();
    assert_eq!((look().await, look().await), (1, 0));
    let again = Finish::Again {
        due: NOW,
        reason: "busy".into(),
    };
    spool.finish(number, again).await.unwrap();
    spool.give_back(Leased::Unfinished(number));
    assert_eq!(look().await, 1);
    let mut through = message(number, "bytes");
    through.outgoing.push(destination(&through, 1, "operator-b"));
    spool.finish(number, Finish::Done(Box::new(through))).await.unwrap();
    assert_eq!(leased(&*spool, "operator-b").await, [], "it belongs to who finished it");
    spool.record(delivered(id(number, 1))).await.unwrap();
}

pub(super) async fn a_request_whose_task_is_due_is_given_out_once(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    let mut acceptance = asking(number, 1);
    acceptance.opens.as_mut().unwrap().next = Some(Task {
        due: NOW,
        what: Todo::Tell,
    });
    spool.commit(acceptance).await.unwrap();
    let look = async || spool.transactions_due(NOW, 10).await.unwrap().len();
    assert_eq!((look().await, look().await), (1, 0));
    spool.give_back(Leased::Request(number));
    assert_eq!(look().await, 1);
}

pub(super) async fn an_outcome_that_plug_ins_are_told_is_given_out_once(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    spool.commit(relayed(number, "bytes")).await.unwrap();
    let untold = Outcome {
        event: event(NOW),
        ..delivered(id(number, 1))
    };
    spool.record(untold).await.unwrap();
    let found = spool.pending_events(NOW, 10).await.unwrap();
    assert_eq!(
        (found.len(), spool.pending_events(NOW, 10).await.unwrap().len()),
        (1, 0)
    );
    spool
        .settle_event(found[0].id, Settlement::Again { due: NOW })
        .await
        .unwrap();
    spool.give_back(Leased::Event(found[0].id));
    assert_eq!(spool.pending_events(NOW, 10).await.unwrap()[0].attempts, 1);
}

/// A response to a request, decided by what the request was in `seen`.
fn response(number: MessageId, seen: &Transaction) -> Acceptance {
    let mut response = Acceptance {
        changes: leg(seen.id, LegState::Answered { answer: ok() }),
        expects: vec![Expect::unchanged(seen)],
        ..message(number, "MM4_forward.RES")
    };
    response.outgoing.push(destination(&response, 1, "operator-a"));
    response.appends.push(charge("response"));
    response
}

pub(super) async fn of_two_responses_that_saw_the_same_request_one_is_committed(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    spool.commit(asking(number, 1)).await.unwrap();
    let seen = only(&*spool, &asked(1)).await;
    let (one, other) = tokio::join!(
        spool.commit(response(spool.next_id(), &seen)),
        spool.commit(response(spool.next_id(), &seen)),
    );
    one.unwrap();
    let declined = other.unwrap_err();
    assert!(
        matches!(declined, SpoolError::Moved(of) if of == number),
        "{declined:?}"
    );
    assert_eq!(sequences(&*spool), [1, 2], "nothing of the second has happened");
    assert_eq!(due(&*spool, "operator-a").await.len(), 1);
    let now = only(&*spool, &asked(1)).await;
    assert!(now.revision > seen.revision);
    let again = spool.commit(response(spool.next_id(), &now)).await;
    assert!(again.is_ok(), "who has looked again may commit");
}

pub(super) async fn that_a_next_hop_took_a_request_declines_no_response_to_it(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    spool.commit(asking(number, 1)).await.unwrap();
    let seen = only(&*spool, &asked(1)).await;
    record(&*spool, handed_over(number)).await.unwrap();
    spool.commit(response(spool.next_id(), &seen)).await.unwrap();
}

pub(super) async fn a_change_and_a_finish_are_declined_too_when_the_request_has_moved(stage: &dyn Stage) {
    let spool = stage.open();
    let (number, unfinished) = (spool.next_id(), spool.next_id());
    spool.commit(asking(number, 1)).await.unwrap();
    let hold = Hold::until(NOW, "not through");
    let held = Acceptance {
        hold: Some(hold),
        ..message(unfinished, "MM4_forward.RES")
    };
    spool.commit(held).await.unwrap();
    let seen = only(&*spool, &asked(1)).await;
    let answered = || leg(number, LegState::Answered { answer: ok() });
    spool.change(answered(), vec![Expect::unchanged(&seen)]).await.unwrap();
    let told = Change::Told { answer: ok() };
    let told = vec![TransactionChange {
        id: number,
        change: told,
    }];
    let declined = spool.change(told, vec![Expect::unchanged(&seen)]).await.unwrap_err();
    assert!(matches!(declined, SpoolError::Moved(_)), "{declined:?}");
    assert_eq!(only(&*spool, &asked(1)).await.response, ResponseState::NotSent);
    let finish = Finish::Done(Box::new(response(unfinished, &seen)));
    let declined = spool.finish(unfinished, finish).await.unwrap_err();
    assert!(matches!(declined, SpoolError::Moved(_)), "{declined:?}");
    assert_eq!(
        unfinished_but(&*spool, NOW, 10, &[]).await.unwrap().len(),
        1,
        "it waits still"
    );
    let gone = Expect {
        request: MessageId(7),
        revision: 0,
    };
    let declined = spool.change(Vec::new(), vec![gone]).await.unwrap_err();
    assert!(
        matches!(declined, SpoolError::Moved(MessageId(7))),
        "a request that nobody knows: {declined:?}"
    );
}

pub(super) async fn two_relays_share_what_is_due_and_neither_has_what_the_other_has(stage: &dyn Stage) {
    let one = stage.open();
    let Some(other) = stage.another() else { return };
    let mut numbers = Vec::new();
    for relay in [&one, &other] {
        for _ in 0..10 {
            let number = relay.next_id();
            relay.commit(relayed(number, "bytes")).await.unwrap();
            relay.give_back(Leased::Outgoing(id(number, 1)));
            numbers.push(id(number, 1));
        }
    }
    let mut all = Vec::new();
    for relay in [&one, &other, &one] {
        let found = relay.lease(&peer("operator-b"), NOW, 7).await.unwrap();
        all.extend(found.iter().map(|outgoing| outgoing.id));
    }
    all.sort();
    numbers.sort();
    assert_eq!(all, numbers, "each message once, and none left out");
    other.give_back(Leased::Outgoing(numbers[0]));
    one.give_back(Leased::Outgoing(numbers[19]));
    let left = leased(&*one, "operator-b").await;
    assert!(left.len() <= 2, "nobody gives back what is another's: {left:?}");
}

pub(super) async fn a_relay_that_is_silent_for_too_long_loses_what_it_had_and_records_nothing(stage: &dyn Stage) {
    let one = stage.open();
    let Some(other) = stage.another() else { return };
    let number = one.next_id();
    one.commit(relayed(number, "bytes")).await.unwrap();
    stage.pass(LEASE / 2);
    one.renew().await.unwrap();
    other.renew().await.unwrap();
    stage.pass(LEASE / 2);
    assert_eq!(leased(&*other, "operator-b").await, [], "it lives");
    other.renew().await.unwrap();
    stage.pass(LEASE / 2);
    assert_eq!(leased(&*other, "operator-b").await, [id(number, 1)]);
    let charged = Outcome {
        appends: vec![charge("relay-out")],
        ..delivered(id(number, 1))
    };
    let refused = one.record(charged.clone()).await.unwrap_err();
    assert!(matches!(refused, SpoolError::NotOurs(_)), "{refused:?}");
    other.record(charged.clone()).await.unwrap();
    other.give_back(Leased::Outgoing(id(number, 1)));
    let lapsed = one.renew().await.unwrap_err();
    assert!(matches!(lapsed, SpoolError::Lapsed), "{lapsed:?}");
    let refused = one.record(charged).await.unwrap_err();
    assert!(
        matches!(refused, SpoolError::NotOurs(_)),
        "what it had before is lost: {refused:?}"
    );
    assert_eq!(sequences(&*one), [1, 2], "charged once");
}

pub(super) async fn of_two_relays_that_finish_one_message_one_does(stage: &dyn Stage) {
    let one = stage.open();
    let Some(other) = stage.another() else { return };
    let number = one.next_id();
    let hold = Hold::until(NOW, "not through");
    let held = Acceptance {
        hold: Some(hold),
        ..message(number, "bytes")
    };
    one.commit(held).await.unwrap();
    let done = || {
        let mut through = message(number, "bytes");
        through.outgoing.push(destination(&through, 1, "operator-b"));
        through.appends.push(charge("relay-in"));
        Finish::Done(Box::new(through))
    };
    one.finish(number, done()).await.unwrap();
    let late = other.finish(number, done()).await.unwrap_err();
    assert!(matches!(late, SpoolError::Gone(of) if of == number), "{late:?}");
    assert_eq!(sequences(&*one), [1]);
}

pub(super) async fn of_two_copies_at_two_relays_one_is_accepted(stage: &dyn Stage) {
    let one = stage.open();
    let Some(other) = stage.another() else { return };
    let numbers = [one.next_id(), other.next_id()];
    one.commit(asking(numbers[0], 1)).await.unwrap();
    let copy = other.commit(asking(numbers[1], 1)).await.unwrap_err();
    assert!(matches!(copy, SpoolError::Repeat(of) if of == numbers[0]), "{copy:?}");
}

pub(super) async fn ids_of_two_relays_never_meet(stage: &dyn Stage) {
    let one = stage.open();
    let Some(other) = stage.another() else { return };
    let mut ids: Vec<_> = (0..1000).flat_map(|_| [one.next_id(), other.next_id()]).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 2000);
}
