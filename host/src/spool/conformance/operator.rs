//! An operator at the queue, while the relay runs.

use serde_json::json;

use super::support::*;
use crate::message::Step;
use crate::spool::Hold;
use crate::spool::{ChangeMade, ContentOf, Filter, Noting, QueueState, Selection};

const CONTENT: &str = "Subject: one\r\nX-Mms-3GPP-MMS-Version: 6.3.0\r\n\r\nbody";

/// A waiting, a failed and a held message, in that order.
async fn three(spool: &dyn Spool) -> [MessageId; 3] {
    let ids = [spool.next_id(), spool.next_id(), spool.next_id()];
    let mut waiting = relayed(ids[0], CONTENT);
    waiting.journey = vec![Step {
        plugin: "rewrite".into(),
        occasion: "arrival".into(),
        did: vec!["pass".into()],
        micros: 12,
        body_octets_read: 0,
    }];
    waiting.outgoing[0].rope.pieces = vec![
        Piece::New("Received: us\r\n".into()),
        Piece::Received(0..CONTENT.len() as u64),
    ];
    spool.commit(waiting).await.unwrap();
    let mut failed = message(ids[1], "bytes");
    failed
        .failed
        .push((destination(&failed, 1, "operator-b"), "no route".into()));
    spool.commit(failed).await.unwrap();
    let held = Acceptance {
        hold: Some(Hold::parked("looks like fraud")),
        ..message(ids[2], CONTENT)
    };
    spool.commit(held).await.unwrap();
    ids
}

pub(super) async fn the_list_shows_what_waits_has_failed_or_is_held(stage: &dyn Stage) {
    let spool = stage.open();
    let ids = three(&*spool).await;
    let operator = stage.operator();
    let all = operator.list(&Filter::default()).unwrap();
    let seen: Vec<_> = all
        .iter()
        .map(|entry| (entry.id, entry.state, entry.reason.as_deref()))
        .collect();
    let expected = [
        (entry(ids[0], 1), QueueState::Waiting, None),
        (entry(ids[1], 1), QueueState::Failed, Some("no route")),
        (entry(ids[2], 0), QueueState::Held, Some("looks like fraud")),
    ];
    assert_eq!(seen, expected);
    assert_eq!(
        (all[0].size, all[0].due, all[0].received_at),
        (CONTENT.len() as u64 + 14, Some(NOW), NOW)
    );
    assert_eq!((all[1].due, &all[2].next_hop), (None, &None));
    assert_eq!(all[0].envelope, envelope(2));
}

pub(super) async fn the_list_can_be_narrowed_and_paged(stage: &dyn Stage) {
    let spool = stage.open();
    let ids = three(&*spool).await;
    let operator = stage.operator();
    let list = |filter: Filter| {
        let entries = operator.list(&filter).unwrap();
        entries.iter().map(|entry| entry.id.message()).collect::<Vec<_>>()
    };
    for (state, expected) in [
        (QueueState::Waiting, ids[0]),
        (QueueState::Failed, ids[1]),
        (QueueState::Held, ids[2]),
    ] {
        assert_eq!(
            list(Filter {
                state: Some(state),
                ..Filter::default()
            }),
            [expected],
            "{state:?}"
        );
    }
    let to = |name| Filter {
        next_hop: Some(peer(name).into()),
        ..Filter::default()
    };
    assert_eq!(list(to("operator-b")), ids[..2]);
    assert_eq!(list(to("operator-c")), []);
    assert_eq!(
        list(Filter {
            state: Some(QueueState::Held),
            ..to("operator-b")
        }),
        []
    );
    let first = Filter {
        limit: 2,
        ..Filter::default()
    };
    assert_eq!(list(first.clone()), ids[..2]);
    assert_eq!(
        list(Filter {
            after: Some(entry(ids[1], 1)),
            ..first
        }),
        ids[2..]
    );
}

pub(super) async fn show_has_the_journey_and_the_header_that_will_be_sent(stage: &dyn Stage) {
    let spool = stage.open();
    let ids = three(&*spool).await;
    let operator = stage.operator();
    let waiting = operator.show(entry(ids[0], 1)).unwrap().unwrap();
    assert_eq!(
        waiting.header,
        "Received: us\r\nSubject: one\r\nX-Mms-3GPP-MMS-Version: 6.3.0\r\n\r\n"
    );
    assert_eq!(waiting.journey[0].plugin, "rewrite");
    assert_eq!(
        (waiting.remote.as_str(), waiting.helo.as_str()),
        ("127.0.0.1:2525", "mms.a.example")
    );
    let held = operator.show(entry(ids[2], 0)).unwrap().unwrap();
    assert_eq!(held.header, "Subject: one\r\nX-Mms-3GPP-MMS-Version: 6.3.0\r\n\r\n");
    assert!(operator.show(entry(ids[0], 0)).unwrap().is_none(), "not held");
    assert!(
        operator.show(entry(ids[0], 2)).unwrap().is_none(),
        "no such destination"
    );
}

pub(super) async fn retrying_makes_what_waits_or_failed_due_now(stage: &dyn Stage) {
    let spool = stage.open();
    let ids = three(&*spool).await;
    let later = DeliveryResult::Deferred {
        due: Timestamp(NOW.0 + 9000),
        attempts: 4,
        reason: "421".into(),
    };
    record(&*spool, outcome(id(ids[0], 1), later)).await.unwrap();
    assert!(due(&*spool, "operator-b").await.is_empty());
    assert_eq!(spool.retries_asked().await.unwrap(), []);

    let operator = stage.operator();
    assert_eq!(
        operator
            .retry(
                Selection::Ids(&[entry(ids[1], 1), entry(ids[1], 9), entry(ids[2], 0)]),
                &by()
            )
            .unwrap(),
        1
    );
    let found = due(&*spool, "operator-b").await;
    assert_eq!((found.len(), found[0].id, found[0].attempts), (1, id(ids[1], 1), 0));
    assert_eq!(spool.retries_asked().await.unwrap(), [(peer("operator-b"), 1)]);

    // The failed messages wait again by now.
    let b = peer("operator-b");
    assert_eq!(operator.retry(Selection::FailedAt(&b), &by()).unwrap(), 0);
    assert_eq!(operator.retry(Selection::WaitingFor(&b), &by()).unwrap(), 2);
    let attempts: Vec<_> = due(&*spool, "operator-b")
        .await
        .iter()
        .map(|outgoing| outgoing.attempts)
        .collect();
    assert_eq!(attempts, [4, 0]);
}

pub(super) async fn dropping_removes_every_state_with_its_bytes(stage: &dyn Stage) {
    let spool = stage.open();
    let ids = three(&*spool).await;
    let operator = stage.operator();
    let entries: Vec<_> = operator
        .list(&Filter::default())
        .unwrap()
        .iter()
        .map(|entry| entry.id)
        .collect();
    assert_eq!(operator.remove(&entries, &by()).unwrap(), 3);
    assert_eq!(operator.remove(&entries, &by()).unwrap(), 0);
    assert_eq!(stage.messages(), 0);
    // The relay did not notice, and finishes its delivery.
    let deferred = DeliveryResult::Deferred {
        due: NOW,
        attempts: 1,
        reason: "421".into(),
    };
    record(&*spool, outcome(id(ids[0], 1), deferred)).await.unwrap();
    assert!(due(&*spool, "operator-b").await.is_empty());
}

/// No relay would ever find out that it is due.
pub(super) async fn what_has_no_next_hop_is_never_made_to_wait(stage: &dyn Stage) {
    let spool = stage.open();
    let mut acceptance = message(spool.next_id(), "Subject: one\r\n\r\n");
    let nowhere = destination(&acceptance, 1, NextHop::NOWHERE);
    acceptance.failed.push((nowhere, "no route".into()));
    let failed = entry(acceptance.id, 1);
    spool.commit(acceptance).await.unwrap();
    let operator = stage.operator();
    assert_eq!(operator.retry(Selection::Ids(&[failed]), &by()).unwrap(), 0);
    let state = operator.show(failed).unwrap().map(|details| details.entry.state);
    assert_eq!(state, Some(QueueState::Failed));
    assert_eq!(spool.next_due().await.unwrap(), []);
}

pub(super) async fn what_an_operator_keeps_back_is_not_due_until_it_is_released(stage: &dyn Stage) {
    let spool = stage.open();
    let ids = three(&*spool).await;
    spool.give_back(Leased::Outgoing(id(ids[0], 1)));
    let operator = stage.operator();
    let waits = [entry(ids[0], 1)];
    let all = [waits[0], entry(ids[1], 1), entry(ids[2], 0)];
    assert_eq!(
        operator.hold(&all, "held by root: why", &by()).unwrap(),
        1,
        "only one waits"
    );
    assert!(due(&*spool, "operator-b").await.is_empty());
    let shown = operator.show(waits[0]).unwrap().unwrap().entry;
    assert_eq!(
        (shown.state, shown.reason.as_deref()),
        (QueueState::Held, Some("held by root: why"))
    );
    assert_eq!(operator.depths().unwrap().held, 2);
    assert_eq!(
        operator.retry(Selection::Ids(&waits), &by()).unwrap(),
        0,
        "that takes a release"
    );
    let held = |peer| operator.held(peer, &[]).unwrap().len();
    assert_eq!((held(None), held(Some(&peer("operator-b")))), (2, 1));
    assert_eq!(operator.held(None, &["screen".into()]).unwrap(), [entry(ids[2], 0)]);
    assert_eq!(operator.release(&waits, &[], &by()).unwrap(), 1);
    assert_eq!(due(&*spool, "operator-b").await.len(), 1);
}

pub(super) async fn what_goes_elsewhere_is_due_there_and_nowhere_else(stage: &dyn Stage) {
    let spool = stage.open();
    let ids = three(&*spool).await;
    spool.give_back(Leased::Outgoing(id(ids[0], 1)));
    let (operator, c) = (stage.operator(), peer("operator-c"));
    let all = [entry(ids[0], 1), entry(ids[1], 1), entry(ids[2], 0)];
    assert_eq!(operator.reroute(Selection::Ids(&all), &c, &by()).unwrap(), 2);
    assert_eq!(operator.reroute(Selection::Ids(&all), &c, &by()).unwrap(), 0);
    assert!(due(&*spool, "operator-b").await.is_empty());
    assert_eq!(due(&*spool, "operator-c").await.len(), 2);
}

pub(super) async fn content_is_read_in_pieces_as_sent_and_as_received(stage: &dyn Stage) {
    let spool = stage.open();
    let ids = three(&*spool).await;
    let operator = stage.operator();
    let sent = format!("Received: us\r\n{CONTENT}");
    for (of, whole) in [
        (ContentOf::Entry(entry(ids[0], 1)), sent.as_str()),
        (ContentOf::Received(ids[0]), CONTENT),
        (ContentOf::Entry(entry(ids[2], 0)), CONTENT),
    ] {
        let mut read = Vec::new();
        loop {
            let (piece, total) = operator.content(of, read.len() as u64, 7).unwrap().unwrap();
            assert_eq!(total, whole.len() as u64);
            if piece.is_empty() {
                break;
            }
            read.extend_from_slice(&piece);
        }
        assert_eq!(String::from_utf8(read).unwrap(), whole);
    }
    let nothing = ContentOf::Entry(entry(ids[0], 2));
    assert!(operator.content(nothing, 0, 7).unwrap().is_none());
}

pub(super) async fn a_change_and_its_entry_in_the_audit_are_one_commit(stage: &dyn Stage) {
    let spool = stage.open();
    let ids = three(&*spool).await;
    let operator = stage.operator();
    operator.note(NOW, json!("before")).unwrap();
    let noting = Noting::new(|made| match made {
        ChangeMade::Entries(number) => json!(number),
        ChangeMade::Value { before, after } => json!([before, after]),
    });
    let by = By {
        noting: Some(noting.clone()),
        ..by()
    };
    assert_eq!(operator.remove(&[entry(ids[0], 9)], &by).unwrap(), 0);
    assert!(!noting.is_written(), "nothing was changed");
    let all = ids.map(|id| operator.entries_of(id).unwrap()).concat();
    assert_eq!(operator.remove(&all, &by).unwrap(), 3);
    assert!(noting.is_written());
    operator.set_value("screen", "key", Some(b"v"), &by).unwrap();
    let noted = operator.noted(0, 10).unwrap();
    let value = json!([null, b"v"]);
    assert_eq!(noted, [(1, json!("before")), (2, json!(3)), (3, value)]);
    assert_eq!(operator.noted(1, 1).unwrap(), [(2, json!(3))]);
}

pub(super) async fn the_audit_forgets_what_is_older_than_asked_and_gives_no_number_again(stage: &dyn Stage) {
    let _spool = stage.open();
    let operator = stage.operator();
    let at = |seconds| NOW.plus(std::time::Duration::from_secs(seconds));
    for seconds in 0..3 {
        operator.note(at(seconds), json!(seconds)).unwrap();
    }
    assert_eq!(operator.forget_noted(at(0)).unwrap(), 0);
    assert_eq!(operator.forget_noted(at(2)).unwrap(), 2);
    assert_eq!(operator.noted(0, 10).unwrap(), [(3, json!(2))]);
    operator.note(at(3), json!(3)).unwrap();
    assert_eq!(operator.noted(3, 10).unwrap(), [(4, json!(3))]);
    assert_eq!(
        operator.forget_noted(at(9)).unwrap(),
        2,
        "also what came since the last time"
    );
}

pub(super) async fn it_is_known_for_whom_something_has_waited_since_a_time(stage: &dyn Stage) {
    let spool = stage.open();
    let ids = three(&*spool).await;
    let operator = stage.operator();
    let since = |id| operator.waiting_since(id).unwrap();
    assert_eq!(since(ids[0]), []);
    assert_eq!(since(ids[1]), [NextHop::from(peer("operator-b"))]);
    operator.hold(&[entry(ids[0], 1)], "not that", &by()).unwrap();
    assert_eq!(since(ids[1]), [], "what is kept back does not wait");
}
