//! Requests and their fate: opened, found, changed, kept for, forgotten.

use super::*;
use crate::message::{
    Answer, BareId, Change, Leg, LegState, MessageType, Mode, Place, RepeatKey, Task, Todo, Transaction,
    TransactionChange, TransactionKey, Wants,
};
use crate::spool::sqlite::{schema, stored};
use crate::spool::{Event, Finish, Hold, SpoolError};
use crate::spool::{Filter, QueueState, Selection};

const FORGET: Timestamp = Timestamp(NOW.0 + 3 * 86_400_000);

fn at(ordinal: u32, to: &str) -> Place {
    Place::Destination {
        ordinal: Ordinal::new(ordinal).unwrap(),
        peer: peer(to),
    }
}

/// A request with the IDs `NUMBER`, asked of operator-b at ordinal 1.
pub(super) fn request(id: MessageId, number: u64) -> Transaction {
    let leg = Leg::new(at(1, "operator-b"), envelope(2).recipients, LegState::Waiting);
    Transaction {
        id,
        kind: MessageType::ForwardRequest,
        source: peer("operator-a"),
        transaction_id: format!("\"t-{number}\"").into(),
        message_id: format!("m-{number}@mms.a.example").into(),
        version: Some("6.3.0".into()),
        answer_to: None,
        sender: envelope(1).sender,
        originator: None,
        wants: Wants {
            response: true,
            ..Wants::default()
        },
        mode: Mode::Transparent,
        received_at: NOW,
        forget_at: FORGET,
        repeat: RepeatKey(number),
        body: 7,
        like: None,
        legs: vec![leg],
        answer: None,
        again: false,
        next: None,
    }
}

/// A message for operator-b that opens [`request`].
pub(super) fn asking(id: MessageId, number: u64) -> Acceptance {
    Acceptance {
        opens: Some(request(id, number)),
        ..relayed(id, "bytes")
    }
}

/// The same, taken over by the relay.
fn taken_over(id: MessageId, number: u64) -> Acceptance {
    let mut acceptance = asking(id, number);
    if let Some(opens) = &mut acceptance.opens {
        opens.mode = Mode::PreAcknowledge;
    }
    acceptance
}

pub(super) fn asked(number: u64) -> TransactionKey {
    TransactionKey::Asked {
        peer: peer("operator-b"),
        kind: MessageType::ForwardRequest,
        transaction_id: format!("t-{number}").into(),
    }
}

fn leg(id: MessageId, state: LegState) -> Vec<TransactionChange> {
    let change = Change::Leg {
        ordinal: Ordinal::FIRST,
        state,
    };
    vec![TransactionChange { id, change }]
}

fn ok() -> Answer {
    Answer::ok(NOW)
}

/// A delivery, with what it means for the transaction.
fn handed_over(number: MessageId) -> Outcome {
    Outcome {
        attempts: 1,
        changes: leg(number, LegState::Delivered { at: NOW }),
        ..delivered(id(number, 1))
    }
}

async fn found(spool: &SqliteSpool, key: &TransactionKey) -> Vec<MessageId> {
    let found = spool.find(key).await.unwrap();
    found.iter().map(|transaction| transaction.id).collect()
}

async fn only(spool: &SqliteSpool, key: &TransactionKey) -> Transaction {
    let mut found = spool.find(key).await.unwrap();
    assert_eq!(found.len(), 1, "{key:?}");
    found.remove(0)
}

fn rows(folder: &Path, table: &str) -> u64 {
    let db = schema::open_existing(folder).unwrap();
    let sql = format!("SELECT count(*) FROM {table}");
    db.query_row(&sql, (), |row| row.get::<_, i64>(0)).unwrap() as u64
}

fn hashes(folder: &Path) -> u64 {
    rows(folder, "lookup") + rows(folder, "lookup_new")
}

fn history(folder: &Path, of: MessageId) -> Vec<Event> {
    let db = schema::open_existing(folder).unwrap();
    let mut query = db
        .prepare("SELECT event FROM history WHERE request = ?1 ORDER BY place")
        .unwrap();
    let events = query.query_map([of.0 as i64], |row| row.get::<_, String>(0)).unwrap();
    events
        .map(|event| stored::read_event(&event.unwrap()).unwrap())
        .collect()
}

#[tokio::test]
async fn a_request_is_found_by_each_of_its_keys_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let (one, other) = (spool.next_id(), spool.next_id());
    spool.commit(asking(one, 1)).await.unwrap();
    spool.commit(asking(other, 2)).await.unwrap();
    spool.close().await;
    let spool = open(folder.path());
    let message_id = BareId::from("m-1@mms.a.example");
    let keys = [
        asked(1),
        TransactionKey::Repeat(RepeatKey(1)),
        TransactionKey::Message { message_id },
    ];
    for key in keys {
        assert_eq!(only(&spool, &key).await, request(one, 1), "{key:?}");
    }
    let elsewhere = TransactionKey::Asked {
        peer: peer("operator-c"),
        kind: MessageType::ForwardRequest,
        transaction_id: "t-1".into(),
    };
    assert_eq!(found(&spool, &elsewhere).await, []);
}

#[tokio::test]
async fn every_request_is_found_while_hashes_move_on_and_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let ids: Vec<_> = (0..6000).map(|_| spool.next_id()).collect();
    let requests = |range: std::ops::Range<u64>| {
        let commits = range.map(|number| {
            let spool = spool.clone();
            let acceptance = Acceptance {
                opens: Some(request(ids[number as usize], number)),
                ..message(ids[number as usize], "")
            };
            tokio::spawn(async move { spool.commit(acceptance).await })
        });
        commits.collect::<Vec<_>>()
    };
    let mut known = 0;
    while known < 6000 {
        for commit in requests(known..known + 200) {
            commit.await.unwrap().unwrap();
        }
        known += 200;
        let number = fastrand::u64(0..known);
        assert_eq!(found(&spool, &asked(number)).await, [ids[number as usize]]);
    }
    assert_eq!(hashes(folder.path()), 18_000);
    assert!(
        rows(folder.path(), "lookup_new") < 9000,
        "the table of the new ones stays small"
    );
    for (number, id) in (0..).zip(&ids) {
        assert_eq!(found(&spool, &asked(number)).await, [*id]);
    }
}

#[tokio::test]
async fn requests_that_share_a_key_are_found_newest_first() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let ids = [spool.next_id(), spool.next_id(), spool.next_id()];
    for (number, id) in (1..).zip(ids) {
        let mut acceptance = asking(id, number);
        acceptance.opens.as_mut().unwrap().message_id = "\"the same\"".into();
        spool.commit(acceptance).await.unwrap();
    }
    let message_id = BareId::from("the same");
    let newest_first: Vec<_> = ids.into_iter().rev().collect();
    assert_eq!(
        found(&spool, &TransactionKey::Message { message_id }).await,
        newest_first
    );
}

#[tokio::test]
async fn keys_that_share_a_hash_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let (one, other) = (spool.next_id(), spool.next_id());
    spool.commit(asking(one, 1)).await.unwrap();
    spool.commit(asking(other, 2)).await.unwrap();
    let db = schema::open_existing(folder.path()).unwrap();
    let sql = "INSERT OR IGNORE INTO lookup SELECT hash, ?1 FROM lookup_new WHERE request = ?2";
    db.execute(sql, (other.0 as i64, one.0 as i64)).unwrap();
    assert_eq!(found(&spool, &asked(1)).await, [one]);
    assert_eq!(found(&spool, &asked(2)).await, [other]);
}

#[tokio::test]
async fn the_second_of_two_copies_is_refused_and_nothing_of_it_happens() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let ids: Vec<_> = (0..4).map(|_| spool.next_id()).collect();
    // Together, so that they can share a transaction: the first copy is not durable yet when the second comes.
    let (first, second, third, alone) = tokio::join!(
        spool.commit(asking(ids[0], 1)),
        spool.commit(asking(ids[1], 1)),
        spool.commit(asking(ids[2], 1)),
        spool.commit(asking(ids[3], 2)),
    );
    first.unwrap();
    alone.unwrap();
    for copy in [second, third] {
        assert!(matches!(copy, Err(SpoolError::Repeat(id)) if id == ids[0]), "{copy:?}");
    }
    let waiting: Vec<_> = due(&spool, "operator-b").await.iter().map(|o| o.id.message).collect();
    assert_eq!(waiting, [ids[0], ids[3]]);
    assert_eq!(sequences(folder.path()), [1, 2]);
    assert_eq!(rows(folder.path(), "request"), 2);
}

#[tokio::test]
async fn a_number_that_two_requests_share_by_chance_makes_none_of_them_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    spool.commit(asking(spool.next_id(), 1)).await.unwrap();
    let mut another = asking(spool.next_id(), 2);
    another.opens.as_mut().unwrap().repeat = RepeatKey(1);
    spool.commit(another).await.unwrap();
    assert_eq!(rows(folder.path(), "request"), 2);
}

#[tokio::test]
async fn a_request_that_is_over_is_not_found_and_may_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let mut over = asking(spool.next_id(), 1);
    over.opens.as_mut().unwrap().forget_at = NOW;
    spool.commit(over).await.unwrap();
    assert_eq!(found(&spool, &asked(1)).await, []);
    let again = spool.next_id();
    spool.commit(asking(again, 1)).await.unwrap();
    assert_eq!(found(&spool, &asked(1)).await, [again]);
}

#[tokio::test]
async fn what_an_unfinished_message_comes_to_adds_its_legs_to_the_open_request() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let number = spool.next_id();
    let hold = Hold {
        due: Some(NOW),
        ..Hold::parked("not through")
    };
    let mut first = asking(number, 1);
    first.hold = Some(hold);
    spool.commit(first).await.unwrap();
    spool.record(handed_over(number)).await.unwrap();

    let mut second = message(number, "bytes");
    second.outgoing.push(destination(&second, 2, "operator-c"));
    let mut opens = request(number, 1);
    opens
        .legs
        .push(Leg::new(at(2, "operator-c"), Vec::new(), LegState::Waiting));
    second.opens = Some(opens);
    spool.finish(number, Finish::Done(Box::new(second))).await.unwrap();
    let stored = only(&spool, &asked(1)).await;
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
    assert_eq!(found(&spool, &new_key).await, [number]);
}

#[tokio::test]
async fn a_change_is_durable_with_the_outcome_or_the_message_that_caused_it() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let (number, response) = (spool.next_id(), spool.next_id());
    spool.commit(asking(number, 1)).await.unwrap();
    spool.record(handed_over(number)).await.unwrap();
    assert_eq!(
        only(&spool, &asked(1)).await.legs[0].state,
        LegState::Delivered { at: NOW }
    );
    let answered = Acceptance {
        changes: leg(number, LegState::Answered { answer: ok() }),
        ..message(response, "MM4_forward.RES")
    };
    spool.commit(answered).await.unwrap();
    spool.close().await;
    let spool = open(folder.path());
    assert_eq!(
        only(&spool, &asked(1)).await.legs[0].state,
        LegState::Answered { answer: ok() }
    );
}

#[tokio::test]
async fn a_change_to_nothing_is_none_and_leaves_its_neighbours_alone() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let number = spool.next_id();
    spool.commit(asking(number, 1)).await.unwrap();
    let mut changes = leg(MessageId(1), LegState::Delivered { at: NOW });
    changes.extend(leg(number, LegState::Delivered { at: NOW }));
    changes.extend(leg(number, LegState::Delivered { at: NOW }));
    spool.change(changes).await.unwrap();
    let expected = Event::Changed {
        changes: vec!["destination 1 is delivered".into()],
    };
    assert_eq!(history(folder.path(), number)[1..], [expected]);
}

#[tokio::test]
async fn what_is_due_comes_oldest_first_and_only_then() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
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
        let due = spool
            .transactions_due(Timestamp(NOW.0 + at), limit, except)
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
        .change(ids[..3].iter().copied().map(change).collect())
        .await
        .unwrap();
    assert_eq!(look(3, 10, &[]).await, []);
    assert_eq!(spool.next_transaction_due().await.unwrap(), Some(Timestamp(NOW.0 + 9)));
}

#[tokio::test]
async fn what_was_taken_over_stays_behind_its_delivery_until_its_leg_is_decided() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let number = spool.next_id();
    spool.commit(taken_over(number, 1)).await.unwrap();
    spool.record(handed_over(number)).await.unwrap();
    assert!(due(&spool, "operator-b").await.is_empty());
    assert_eq!(spool.next_due().await.unwrap(), []);
    assert_eq!(stored(folder.path()), (1, 1), "it may have to be sent again");

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
    spool.change(partly.changes).await.unwrap();
    let again = due(&spool, "operator-b").await;
    assert_eq!((again.len(), again[0].id, again[0].attempts), (1, id(number, 1), 0));
    assert_eq!(again[0].rope.to_bytes().unwrap(), "bytes");
    assert_eq!(again[0].envelope, envelope(2));
    spool.record(handed_over(number)).await.unwrap();
    assert_eq!(stored(folder.path()), (1, 1));

    spool
        .change(leg(number, LegState::Answered { answer: ok() }))
        .await
        .unwrap();
    assert_eq!(stored(folder.path()), (0, 0));
    assert_eq!(
        found(&spool, &asked(1)).await,
        [number],
        "the transaction outlives its bytes"
    );
}

#[tokio::test]
async fn a_response_that_overtakes_the_outcome_of_its_request_leaves_nothing_kept() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let number = spool.next_id();
    spool.commit(taken_over(number, 1)).await.unwrap();
    spool
        .change(leg(number, LegState::Answered { answer: ok() }))
        .await
        .unwrap();
    assert_eq!(due(&spool, "operator-b").await.len(), 1, "its delivery is under way");
    spool.record(handed_over(number)).await.unwrap();
    assert_eq!(stored(folder.path()), (0, 0));
}

#[tokio::test]
async fn what_the_peer_that_asked_owns_is_never_kept() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let number = spool.next_id();
    spool.commit(asking(number, 1)).await.unwrap();
    spool.record(handed_over(number)).await.unwrap();
    assert_eq!(stored(folder.path()), (0, 0));
}

#[tokio::test]
async fn recipients_that_were_taken_first_are_asked_again_with_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let number = spool.next_id();
    spool.commit(taken_over(number, 1)).await.unwrap();
    let partly = DeliveryResult::Partly {
        remaining: vec![RecipientId(1)],
        due: NOW,
        attempts: 1,
        reason: "452".into(),
    };
    spool.record(outcome(id(number, 1), partly)).await.unwrap();
    spool.record(handed_over(number)).await.unwrap();
    let change = Change::Repeated {
        ordinal: Ordinal::FIRST,
        at: NOW,
    };
    spool
        .change(vec![TransactionChange { id: number, change }])
        .await
        .unwrap();
    let again = &due(&spool, "operator-b").await[0];
    assert_eq!(again.envelope, envelope(2));
    assert_eq!((again.repeats, again.kind), (1, Some(MessageType::ForwardRequest)));
}

#[tokio::test]
async fn an_operator_sees_what_awaits_a_response_and_may_send_it_or_drop_it() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let number = spool.next_id();
    spool.commit(taken_over(number, 1)).await.unwrap();
    spool.record(handed_over(number)).await.unwrap();
    let operator = Beside::open(folder.path()).unwrap();
    let state = |operator: &Beside, state| {
        let entries = operator.list(&Filter {
            state,
            ..Filter::default()
        });
        entries.unwrap().iter().map(|entry| entry.state).collect::<Vec<_>>()
    };
    for filter in [None, Some(QueueState::Awaiting)] {
        assert_eq!(state(&operator, filter), [QueueState::Awaiting]);
    }
    assert_eq!(state(&operator, Some(QueueState::Waiting)), []);
    let b = peer("operator-b");
    for of_peer in [Selection::WaitingFor(&b), Selection::FailedAt(&b)] {
        let count = operator.retry(of_peer, &by()).unwrap();
        assert_eq!(count, 0, "nothing of that peer's waits or has failed");
    }
    assert_eq!(operator.retry(Selection::Ids(&[entry(number, 1)]), &by()).unwrap(), 1);
    assert_eq!(due(&spool, "operator-b").await.len(), 1);
    spool.record(handed_over(number)).await.unwrap();

    assert_eq!(operator.remove(&[entry(number, 1)], &by()).unwrap(), 1);
    let again = Change::Repeated {
        ordinal: Ordinal::FIRST,
        at: NOW,
    };
    let again = TransactionChange {
        id: number,
        change: again,
    };
    spool.change(vec![again]).await.unwrap();
    assert!(due(&spool, "operator-b").await.is_empty(), "there is nothing to send");
    assert_eq!(stored(folder.path()), (0, 0));
    let done: Vec<_> = history(folder.path(), number)
        .into_iter()
        .filter_map(|event| match event {
            Event::Operator { who, did, .. } => Some((who.is_empty(), did)),
            _ => None,
        })
        .collect();
    assert_eq!(done, [(false, "retry".to_owned()), (false, "drop".to_owned())]);
}

#[tokio::test]
async fn a_refusal_from_the_spool_is_known_to_the_request_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let number = spool.next_id();
    let mut held = asking(number, 1);
    held.hold = Some(Hold {
        due: Some(NOW),
        ..Hold::parked("not through")
    });
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
        spool.transactions_due(NOW, 10, &[]).await.unwrap().len(),
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
        },
    ];
    assert_eq!(history(folder.path(), number)[1..], expected);
}

#[tokio::test]
async fn a_damaged_request_stops_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let ids = [spool.next_id(), spool.next_id()];
    for (number, id) in (1..).zip(ids) {
        let mut acceptance = asking(id, number);
        let opens = acceptance.opens.as_mut().unwrap();
        opens.message_id = "m".into();
        opens.next = Some(Task {
            due: NOW,
            what: Todo::Tell,
        });
        spool.commit(acceptance).await.unwrap();
    }
    let db = schema::open_existing(folder.path()).unwrap();
    let damage = "UPDATE request SET state = substr(state, 9), forget_at = ?2 WHERE id = ?1";
    db.execute(damage, (ids[0].0 as i64, NOW.0 as i64 + 1)).unwrap();
    let message_id = BareId::from("m");
    assert_eq!(found(&spool, &TransactionKey::Message { message_id }).await, [ids[1]]);
    let due = spool.transactions_due(NOW, 1, &[]).await.unwrap();
    assert_eq!(due.iter().map(|t| t.id).collect::<Vec<_>>(), [ids[1]]);
    let mut changes = leg(ids[0], LegState::Delivered { at: NOW });
    changes.extend(leg(ids[1], LegState::Delivered { at: NOW }));
    spool.change(changes).await.unwrap();
    assert_eq!(
        only(&spool, &asked(2)).await.legs[0].state,
        LegState::Delivered { at: NOW }
    );
    spool.commit(asking(spool.next_id(), 1)).await.unwrap();
    spool.close().await;

    let clock = Arc::new(FixedClock(Timestamp(NOW.0 + 1)));
    let spool = SqliteSpool::open(folder.path(), Options { clock, ..options() }).unwrap();
    spool.forget_now().await;
    assert_eq!(spool.counts().forgotten, 1, "what is damaged is forgotten too");
    assert_eq!(rows(folder.path(), "request"), 2);
}

#[tokio::test]
async fn what_is_over_is_forgotten_with_everything_that_was_kept_for_it_alone() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let (kept, waits, lives) = (spool.next_id(), spool.next_id(), spool.next_id());
    spool.commit(taken_over(kept, 1)).await.unwrap();
    spool.record(handed_over(kept)).await.unwrap();
    spool.commit(asking(waits, 2)).await.unwrap();
    let mut later = asking(lives, 3);
    later.opens.as_mut().unwrap().forget_at = Timestamp(FORGET.0 + 1);
    spool.commit(later).await.unwrap();
    spool.close().await;

    let clock = Arc::new(FixedClock(FORGET));
    let spool = SqliteSpool::open(folder.path(), Options { clock, ..options() }).unwrap();
    spool.forget_now().await;
    assert_eq!(spool.counts().forgotten, 2);
    assert_eq!(found(&spool, &asked(3)).await, [lives]);
    assert_eq!(hashes(folder.path()), 3, "of the one that lives");
    assert_eq!(rows(folder.path(), "history"), 1);
    let queue: Vec<_> = due(&spool, "operator-b").await.iter().map(|o| o.id.message).collect();
    assert_eq!(queue, [waits, lives], "what waits for its next hop still does");
    assert_eq!(stored(folder.path()).0, 2);
}

#[test]
fn the_spool_forgets_by_itself_a_few_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let every = std::time::Duration::from_millis(1);
    let options = Options {
        forget: Some(every),
        ..options()
    };
    let spool = SqliteSpool::open(folder.path(), options).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        for number in 0..200 {
            let mut over = asking(spool.next_id(), number);
            over.opens.as_mut().unwrap().forget_at = NOW;
            spool.commit(over).await.unwrap();
        }
    });
    let started = std::time::Instant::now();
    while rows(folder.path(), "request") > 0 {
        assert!(started.elapsed() < std::time::Duration::from_secs(10));
        std::thread::yield_now();
    }
    assert_eq!(hashes(folder.path()), 0);
}

#[tokio::test]
async fn everything_that_happens_to_a_request_is_in_its_history() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let (number, response) = (spool.next_id(), spool.next_id());
    spool.commit(asking(number, 1)).await.unwrap();
    let due = Timestamp(NOW.0 + 1000);
    let deferred = DeliveryResult::Deferred {
        due,
        attempts: 1,
        reason: "127.0.0.1:25: 451 later".into(),
    };
    spool.record(outcome(id(number, 1), deferred)).await.unwrap();
    spool
        .record(Outcome {
            reply: Some("127.0.0.1:25: 250 taken".into()),
            appends: vec![charge("relay-out")],
            ..handed_over(number)
        })
        .await
        .unwrap();
    let mut answered = Acceptance {
        changes: leg(number, LegState::Answered { answer: ok() }),
        ..message(response, "MM4_forward.RES")
    };
    answered.outgoing.push(destination(&answered, 1, "operator-a"));
    spool.commit(answered).await.unwrap();
    spool.record(delivered(id(response, 1))).await.unwrap();

    let told: Vec<String> = history(folder.path(), number)
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
        "request accepted, operator-a to [(1, PeerName(\"operator-b\"), None)] [] charged Some((1, 1))".to_owned(),
        format!("request deferred Some(\"127.0.0.1:25: 451 later\") Some({due:?}) [] charged None"),
        "request delivered Some(\"127.0.0.1:25: 250 taken\") None [\"destination 1 is delivered\"] charged Some((2, 2))".into(),
        "response accepted, operator-a to [(1, PeerName(\"operator-a\"), None)] [\"destination 1 answered: Ok\"] charged None".into(),
        "response delivered None None [] charged None".into(),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_message_without_a_request_has_no_history() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let number = spool.next_id();
    spool.commit(relayed(number, "bytes")).await.unwrap();
    spool.record(delivered(id(number, 1))).await.unwrap();
    assert_eq!(rows(folder.path(), "history"), 0);
}

#[tokio::test]
async fn indexes_are_what_finds_requests() {
    let folder = tempfile::tempdir().unwrap();
    let _spool = open(folder.path());
    let db = schema::open_existing(folder.path()).unwrap();
    let plan = |sql: &str| {
        let mut query = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let lines = query.query_map((), |row| row.get::<_, String>(3)).unwrap();
        lines.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    };
    for (sql, uses) in [
        ("SELECT id FROM request WHERE due <= 1 ORDER BY due, id", "request_due"),
        ("SELECT min(due) FROM request WHERE due IS NOT NULL", "request_due"),
        (
            "SELECT id FROM request WHERE forget_at <= 1 ORDER BY forget_at LIMIT 9",
            "request_forget",
        ),
        (
            "SELECT request FROM lookup WHERE hash = 1 UNION ALL SELECT request FROM lookup_new WHERE hash = 1 ORDER BY 1 DESC",
            "MERGE (UNION ALL)",
        ),
        ("SELECT max(place) FROM history WHERE request = 1", "SEARCH history"),
    ] {
        let plan = plan(sql);
        assert!(plan.contains(uses) && !plan.contains("TEMP B-TREE"), "{sql}: {plan}");
    }
}
