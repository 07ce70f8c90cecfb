//! Requests and their fate: opened, found, changed, kept for.

use super::support::*;
use crate::message::{News, Task, Todo};
use crate::spool::{Event, Filter, Finish, Hold, QueueState, Selection};

pub(super) async fn a_request_is_found_by_each_of_its_keys_after_a_restart(stage: &dyn Stage) {
    let spool = stage.open();
    let (one, other) = (spool.next_id(), spool.next_id());
    spool.commit(asking(one, 1)).await.unwrap();
    spool.commit(asking(other, 2)).await.unwrap();
    spool.close().await;
    let spool = stage.open();
    let message_id = BareId::from("m-1@mms.a.example");
    let keys = [
        asked(1),
        TransactionKey::Repeat(RepeatKey(1)),
        TransactionKey::Message { message_id },
    ];
    for key in keys {
        assert_eq!(only(&*spool, &key).await, request(one, 1), "{key:?}");
    }
    let elsewhere = TransactionKey::Asked {
        peer: peer("operator-c"),
        kind: MessageType::ForwardRequest,
        transaction_id: "t-1".into(),
    };
    assert_eq!(found(&*spool, &elsewhere).await, []);
}

pub(super) async fn requests_that_share_a_key_are_found_newest_first(stage: &dyn Stage) {
    let spool = stage.open();
    let ids = [spool.next_id(), spool.next_id(), spool.next_id()];
    for (number, id) in (1..).zip(ids) {
        let mut acceptance = asking(id, number);
        acceptance.opens.as_mut().unwrap().message_id = "\"the same\"".into();
        spool.commit(acceptance).await.unwrap();
    }
    let message_id = BareId::from("the same");
    let newest_first: Vec<_> = ids.into_iter().rev().collect();
    assert_eq!(
        found(&*spool, &TransactionKey::Message { message_id }).await,
        newest_first
    );
}

pub(super) async fn a_request_that_is_over_is_not_found_and_may_come_again(stage: &dyn Stage) {
    let spool = stage.open();
    let mut over = asking(spool.next_id(), 1);
    over.opens.as_mut().unwrap().forget_at = NOW;
    spool.commit(over).await.unwrap();
    assert_eq!(found(&*spool, &asked(1)).await, []);
    let again = spool.next_id();
    spool.commit(asking(again, 1)).await.unwrap();
    assert_eq!(found(&*spool, &asked(1)).await, [again]);
}

pub(super) async fn the_end_of_what_waited_beyond_its_requests_time_is_told_all_the_same(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    let mut over = asking(number, 1);
    over.opens.as_mut().unwrap().forget_at = NOW;
    spool.commit(over).await.unwrap();
    assert_eq!(spool.transactions_due(NOW, 10).await.unwrap(), []);
    spool.record(given_up(number)).await.unwrap();
    let due = spool.transactions_due(NOW, 10).await.unwrap();
    let due: Vec<_> = due.iter().map(|of| (of.id, of.news())).collect();
    assert_eq!(due, [(number, Some(News::Answer(no())))]);
}

pub(super) async fn what_an_unfinished_message_comes_to_adds_its_legs_to_the_open_request(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    let hold = Hold::until(NOW, "not through");
    let mut first = asking(number, 1);
    first.hold = Some(hold);
    spool.commit(first).await.unwrap();
    record(&*spool, handed_over(number)).await.unwrap();

    let mut second = message(number, "bytes");
    second.outgoing.push(destination(&second, 2, "operator-c"));
    let mut opens = request(number, 1);
    opens
        .legs
        .push(Leg::new(at(2, "operator-c"), Vec::new(), LegState::Waiting));
    second.opens = Some(opens);
    spool.finish(number, Finish::Done(Box::new(second))).await.unwrap();
    let stored = only(&*spool, &asked(1)).await;
    let states: Vec<_> = stored
        .legs
        .iter()
        .map(|leg| (leg.ordinal().map(Ordinal::get), &leg.state))
        .collect();
    let expected = [
        (Some(1), &LegState::Delivered { at: NOW }),
        (Some(2), &LegState::Waiting),
    ];
    assert_eq!(states, expected);
    let new_key = stored.asked(&peer("operator-c"), None);
    assert_eq!(found(&*spool, &new_key).await, [number]);
}

pub(super) async fn a_change_is_durable_with_the_outcome_or_the_message_that_caused_it(stage: &dyn Stage) {
    let spool = stage.open();
    let (number, response) = (spool.next_id(), spool.next_id());
    spool.commit(asking(number, 1)).await.unwrap();
    record(&*spool, handed_over(number)).await.unwrap();
    assert_eq!(
        only(&*spool, &asked(1)).await.legs[0].state,
        LegState::Delivered { at: NOW }
    );
    let answered = Acceptance {
        changes: leg(number, LegState::Answered { answer: ok() }),
        ..message(response, "MM4_forward.RES")
    };
    spool.commit(answered).await.unwrap();
    spool.close().await;
    let spool = stage.open();
    assert_eq!(
        only(&*spool, &asked(1)).await.legs[0].state,
        LegState::Answered { answer: ok() }
    );
}

pub(super) async fn a_change_to_nothing_is_none_and_leaves_its_neighbours_alone(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    spool.commit(asking(number, 1)).await.unwrap();
    let mut changes = leg(MessageId(1), LegState::Delivered { at: NOW });
    changes.extend(leg(number, LegState::Delivered { at: NOW }));
    changes.extend(leg(number, LegState::Delivered { at: NOW }));
    spool.change(changes, Vec::new()).await.unwrap();
    let expected = Event::Changed {
        changes: vec!["destination 1 is delivered".into()],
        charged: None,
    };
    assert_eq!(events(stage, number)[1..], [expected]);
}

pub(super) async fn what_is_due_comes_oldest_first_and_only_then(stage: &dyn Stage) {
    let spool = stage.open();
    assert_eq!(spool.next_transaction_due().await.unwrap(), None);
    let mut ids = Vec::new();
    for (number, after) in (1..).zip([3, 1, 2, 9]) {
        let id = spool.next_id();
        let mut acceptance = asking(id, number);
        let due = Timestamp(NOW.0 + after);
        acceptance.opens.as_mut().unwrap().next = Some(Task { due, what: Todo::Await });
        spool.commit(acceptance).await.unwrap();
        ids.push(id);
    }
    spool.commit(asking(spool.next_id(), 5)).await.unwrap();
    assert_eq!(spool.next_transaction_due().await.unwrap(), Some(Timestamp(NOW.0 + 1)));
    let look = async |at, limit, except: &[MessageId]| {
        let due = transactions_but(&*spool, Timestamp(NOW.0 + at), limit, except)
            .await
            .unwrap();
        due.iter().map(|transaction| transaction.id).collect::<Vec<_>>()
    };
    assert_eq!(look(0, 10, &[]).await, []);
    assert_eq!(look(3, 10, &[]).await, [ids[1], ids[2], ids[0]]);
    assert_eq!(look(3, 1, &ids[1..2]).await, [ids[2]]);
    let nothing_more = Change::Next { task: None };
    let change = |id| TransactionChange {
        id,
        change: nothing_more.clone(),
    };
    spool
        .change(ids[..3].iter().copied().map(change).collect(), Vec::new())
        .await
        .unwrap();
    assert_eq!(look(3, 10, &[]).await, []);
    assert_eq!(spool.next_transaction_due().await.unwrap(), Some(Timestamp(NOW.0 + 9)));
}

pub(super) async fn what_was_taken_over_stays_behind_its_delivery_until_its_leg_is_decided(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    spool.commit(taken_over(number, 1)).await.unwrap();
    record(&*spool, handed_over(number)).await.unwrap();
    assert!(due(&*spool, "operator-b").await.is_empty());
    assert_eq!(spool.next_due().await.unwrap(), []);
    assert_eq!(stage.messages(), 1, "it may have to be sent again");

    // Asked again: the same bytes, to the recipients that are left.
    let partly = Outcome {
        changes: vec![TransactionChange {
            id: number,
            change: Change::Repeated {
                ordinal: Ordinal::FIRST,
                at: NOW,
            },
        }],
        ..delivered(id(MessageId(1), 1))
    };
    spool.change(partly.changes, Vec::new()).await.unwrap();
    let again = due(&*spool, "operator-b").await;
    assert_eq!((again.len(), again[0].id, again[0].attempts), (1, id(number, 1), 0));
    assert_eq!(again[0].rope.to_bytes().unwrap(), "bytes");
    assert_eq!(again[0].envelope, envelope(2));
    record(&*spool, handed_over(number)).await.unwrap();
    assert_eq!(stage.messages(), 1);

    spool
        .change(leg(number, LegState::Answered { answer: ok() }), Vec::new())
        .await
        .unwrap();
    assert_eq!(stage.messages(), 0);
    assert_eq!(
        found(&*spool, &asked(1)).await,
        [number],
        "the transaction outlives its bytes"
    );
}

pub(super) async fn a_response_that_overtakes_the_outcome_of_its_request_leaves_nothing_kept(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    spool.commit(taken_over(number, 1)).await.unwrap();
    spool
        .change(leg(number, LegState::Answered { answer: ok() }), Vec::new())
        .await
        .unwrap();
    assert_eq!(due(&*spool, "operator-b").await.len(), 1, "its delivery is under way");
    record(&*spool, handed_over(number)).await.unwrap();
    assert_eq!(stage.messages(), 0);
}

pub(super) async fn what_the_peer_that_asked_owns_is_never_kept(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    spool.commit(asking(number, 1)).await.unwrap();
    record(&*spool, handed_over(number)).await.unwrap();
    assert_eq!(stage.messages(), 0);
}

pub(super) async fn recipients_that_were_taken_first_are_asked_again_with_the_others(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    spool.commit(taken_over(number, 1)).await.unwrap();
    let partly = DeliveryResult::Partly {
        remaining: vec![RecipientId(1)],
        due: NOW,
        attempts: 1,
        reason: "452".into(),
    };
    record(&*spool, outcome(id(number, 1), partly)).await.unwrap();
    record(&*spool, handed_over(number)).await.unwrap();
    let change = Change::Repeated {
        ordinal: Ordinal::FIRST,
        at: NOW,
    };
    spool
        .change(vec![TransactionChange { id: number, change }], Vec::new())
        .await
        .unwrap();
    let again = &due(&*spool, "operator-b").await[0];
    assert_eq!(again.envelope, envelope(2));
    assert_eq!((again.repeats, again.kind), (1, Some(MessageType::ForwardRequest)));
}

pub(super) async fn an_operator_sees_what_awaits_a_response_and_may_send_it_or_drop_it(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    spool.commit(taken_over(number, 1)).await.unwrap();
    record(&*spool, handed_over(number)).await.unwrap();
    let operator = stage.operator();
    let state = |operator: &dyn Operator, state| {
        let entries = operator.list(&Filter {
            state,
            ..Filter::default()
        });
        entries.unwrap().iter().map(|entry| entry.state).collect::<Vec<_>>()
    };
    for filter in [None, Some(QueueState::Awaiting)] {
        assert_eq!(state(&*operator, filter), [QueueState::Awaiting]);
    }
    assert_eq!(state(&*operator, Some(QueueState::Waiting)), []);
    let b = peer("operator-b");
    for of_peer in [Selection::WaitingFor(&b), Selection::FailedAt(&b)] {
        let count = operator.retry(of_peer, &by()).unwrap();
        assert_eq!(count, 0, "nothing of that peer's waits or has failed");
    }
    assert_eq!(operator.retry(Selection::Ids(&[entry(number, 1)]), &by()).unwrap(), 1);
    assert_eq!(due(&*spool, "operator-b").await.len(), 1);
    record(&*spool, handed_over(number)).await.unwrap();

    assert_eq!(operator.remove(&[entry(number, 1)], &by()).unwrap(), 1);
    let again = Change::Repeated {
        ordinal: Ordinal::FIRST,
        at: NOW,
    };
    let again = TransactionChange {
        id: number,
        change: again,
    };
    spool.change(vec![again], Vec::new()).await.unwrap();
    assert!(due(&*spool, "operator-b").await.is_empty(), "there is nothing to send");
    assert_eq!(stage.messages(), 0);
    let done: Vec<_> = events(stage, number)
        .into_iter()
        .filter_map(|event| match event {
            Event::Operator { who, did, .. } => Some((who.is_empty(), did)),
            _ => None,
        })
        .collect();
    assert_eq!(done, [(false, "retry".to_owned()), (false, "drop".to_owned())]);
}

pub(super) async fn a_refusal_from_the_spool_is_known_to_the_request_at_once(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    let mut held = asking(number, 1);
    held.hold = Some(Hold::until(NOW, "not through"));
    spool.commit(held).await.unwrap();
    let busy = "busy".to_owned();
    let again = Finish::Again { due: NOW, reason: busy };
    spool.finish(number, again).await.unwrap();
    let answer = Answer {
        status: "Error-service-denied".into(),
        text: None,
        at: NOW,
        host: None,
    };
    let failed = Finish::Failed {
        reason: "no".into(),
        changes: leg(number, LegState::Answered { answer }),
        appends: Vec::new(),
        kv: Vec::new(),
    };
    spool.finish(number, failed).await.unwrap();
    assert_eq!(
        transactions_but(&*spool, NOW, 10, &[]).await.unwrap().len(),
        1,
        "it is to be told"
    );
    let expected = [
        Event::Later {
            reason: "busy".into(),
            due: NOW,
        },
        Event::Refused {
            reason: "no".into(),
            changes: vec!["destination 1 answered: Error-service-denied".into()],
            charged: None,
        },
    ];
    assert_eq!(events(stage, number)[1..], expected);
}

pub(super) async fn everything_that_happens_to_a_request_is_in_its_history(stage: &dyn Stage) {
    let spool = stage.open();
    let (number, response) = (spool.next_id(), spool.next_id());
    spool.commit(asking(number, 1)).await.unwrap();
    let due = Timestamp(NOW.0 + 1000);
    let deferred = DeliveryResult::Deferred {
        due,
        attempts: 1,
        reason: "127.0.0.1:25: 451 later".into(),
    };
    record(&*spool, outcome(id(number, 1), deferred)).await.unwrap();
    record(
        &*spool,
        Outcome {
            reply: Some("127.0.0.1:25: 250 taken".into()),
            appends: vec![charge("relay-out")],
            ..handed_over(number)
        },
    )
    .await
    .unwrap();
    let mut answered = Acceptance {
        changes: leg(number, LegState::Answered { answer: ok() }),
        ..message(response, "MM4_forward.RES")
    };
    answered.outgoing.push(destination(&answered, 1, "operator-a"));
    spool.commit(answered).await.unwrap();
    record(&*spool, delivered(id(response, 1))).await.unwrap();

    let told: Vec<String> = events(stage, number)
        .iter()
        .map(|event| match event {
            Event::Accepted(arrival) => format!(
                "{} accepted, {} to {:?} {:?} charged {:?}",
                if arrival.id == number { "request" } else { "response" },
                arrival.source,
                arrival.destinations,
                arrival.changes,
                arrival.charged
            ),
            Event::Outcome {
                id,
                became,
                said,
                due,
                changes,
                charged,
            } => format!(
                "{} {became} {said:?} {due:?} {changes:?} charged {charged:?}",
                if id.message == number { "request" } else { "response" }
            ),
            other => format!("{other:?}"),
        })
        .collect();
    let expected = [
        "request accepted, operator-a to [(1, Peer(PeerName(\"operator-b\")), None)] [] charged Some((1, 1))".to_owned(),
        format!("request deferred Some(\"127.0.0.1:25: 451 later\") Some({due:?}) [] charged None"),
        "request delivered Some(\"127.0.0.1:25: 250 taken\") None [\"destination 1 is delivered\"] charged Some((2, 2))".into(),
        "response accepted, operator-a to [(1, Peer(PeerName(\"operator-a\")), None)] [\"destination 1 answered: Ok\"] charged None".into(),
        "response delivered None None [] charged None".into(),
    ];
    assert_eq!(told, expected);
}
