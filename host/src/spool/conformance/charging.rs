//! Records for charging: in the same commit as what caused them, numbered without gaps.

use super::super::{Finish, Hold, Recorded};
use super::support::*;
use crate::message::{Answer, Change, LegState, Ordinal, Piece, TransactionChange};

pub(super) async fn a_discarded_message_leaves_its_record_and_nothing_else(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    spool
        .commit(Acceptance {
            appends: vec![charge("relay-in")],
            ..message(number, "bytes")
        })
        .await
        .unwrap();
    assert_eq!(stage.messages(), 0);
    let rows = stage.operator().records(&StreamName::CHARGING, 0, 10).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (rows[0].sequence, rows[0].id, rows[0].recorded_at),
        (1, entry(number, 0), NOW)
    );
    assert_eq!(rows[0].record, charge("relay-in").record);
}

pub(super) async fn an_outcome_of_a_dropped_message_is_charged_all_the_same(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    spool.commit(relayed(number, "bytes")).await.unwrap();
    let operator = stage.operator();
    assert_eq!(operator.remove(&[entry(number, 1)], &by()).unwrap(), 1);
    let charged = Outcome {
        appends: vec![charge("relay-out")],
        ..delivered(id(number, 1))
    };
    record(&*spool, charged).await.unwrap();
    assert_eq!(sequences(&*spool), [1, 2]);
}

pub(super) async fn a_request_that_failed_leaves_no_gap_in_the_sequence(stage: &dyn Stage) {
    let spool = stage.open();
    spool.commit(relayed(spool.next_id(), "bytes")).await.unwrap();
    let mut bad = relayed(spool.next_id(), "bytes");
    bad.outgoing.push(Outgoing {
        id: id(bad.id, 1),
        ..destination(&bad, 2, "operator-c")
    });
    spool.commit(bad).await.unwrap_err();
    let mut outside = relayed(spool.next_id(), "bytes");
    outside.outgoing[0].rope.pieces = vec![Piece::Received(0..6)];
    spool.commit(outside).await.unwrap_err();
    let mut foreign = relayed(spool.next_id(), "bytes");
    foreign.outgoing[0].id.message = spool.next_id();
    spool.commit(foreign).await.unwrap_err();
    spool.commit(relayed(spool.next_id(), "bytes")).await.unwrap();
    assert_eq!(sequences(&*spool), [1, 2]);
}

pub(super) async fn the_sequence_goes_on_after_everything_was_exported_and_forgotten(stage: &dyn Stage) {
    let spool = stage.open();
    for _ in 0..3 {
        spool.commit(relayed(spool.next_id(), "bytes")).await.unwrap();
    }
    let operator = stage.operator();
    mark_exported(&*operator, 2);
    mark_exported(&*operator, 1);
    assert_eq!(exported(&*operator), 2, "never goes back");
    assert_eq!(
        operator.purge(&StreamName::CHARGING, NOW).unwrap(),
        0,
        "not older than now"
    );
    assert_eq!(operator.purge(&StreamName::CHARGING, Timestamp(NOW.0 + 1)).unwrap(), 2);
    mark_exported(&*operator, 99);
    assert_eq!(exported(&*operator), 3, "never beyond the last record");
    assert_eq!(operator.purge(&StreamName::CHARGING, Timestamp(NOW.0 + 1)).unwrap(), 1);
    mark_exported(&*operator, 99);
    assert_eq!(exported(&*operator), 3);
    spool.close().await;

    let spool = stage.open();
    spool.commit(relayed(spool.next_id(), "bytes")).await.unwrap();
    assert_eq!(sequences(&*spool), [4]);
    assert_eq!(operator.records(&StreamName::CHARGING, 4, 10).unwrap(), []);
}

fn answered(number: MessageId) -> TransactionChange {
    let answer = Answer {
        status: "Error-service-denied".into(),
        text: Some("not here".into()),
        at: NOW,
        host: None,
    };
    let state = LegState::Answered { answer };
    TransactionChange {
        id: number,
        change: Change::Leg {
            ordinal: Ordinal::new(1).unwrap(),
            state,
        },
    }
}

/// The record is durable from the commit of the message on, and gets its number once its status is known.
pub(super) async fn a_record_that_waits_is_numbered_once_when_its_request_is_answered(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    let mut request = asking(number, 1);
    request.appends = vec![Append {
        when_answered: true,
        ..charge("r4f")
    }];
    spool.commit(request).await.unwrap();
    spool.commit(relayed(spool.next_id(), "bytes")).await.unwrap();
    spool.close().await;
    let spool = stage.open();
    assert_eq!(sequences(&*spool), [1], "the other message's");
    spool.change(vec![answered(number)], Vec::new()).await.unwrap();
    spool.change(vec![answered(number)], Vec::new()).await.unwrap();
    let rows = spool.records(&StreamName::CHARGING, 1, 10).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].sequence, rows[0].id), (2, entry(number, 0)));
    assert_eq!(rows[0].record["record-type"], "r4f");
    assert_eq!(rows[0].record["status-code"], "Error-service-denied");
    assert_eq!(rows[0].record["status-text"], "not here");
}

/// The sender was answered with 250, and no record of the arrival was kept.
pub(super) async fn a_record_of_what_was_refused_late_has_the_answer_to_its_request(stage: &dyn Stage) {
    let spool = stage.open();
    let (number, told) = (spool.next_id(), spool.next_id());
    for (number, transaction) in [(number, 1), (told, 2)] {
        let mut held = asking(number, transaction);
        held.appends.clear();
        held.hold = Some(Hold::until(NOW, "not through"));
        spool.commit(held).await.unwrap();
    }
    let heard = Change::Told { answer: ok() };
    let heard = TransactionChange {
        id: told,
        change: heard,
    };
    spool.change(vec![heard], Vec::new()).await.unwrap();
    for number in [number, told] {
        let failed = Finish::Failed {
            reason: "no".into(),
            changes: vec![answered(number)],
            appends: vec![
                charge("relay-failed"),
                Append {
                    when_answered: true,
                    ..charge("r4f")
                },
            ],
            kv: Vec::new(),
        };
        spool.finish(number, failed).await.unwrap();
    }
    let rows = spool.records(&StreamName::CHARGING, 0, 10).unwrap();
    let shown = |row: &Recorded| {
        (
            row.id,
            row.record["record-type"].clone(),
            row.record["status-code"].clone(),
        )
    };
    let none = serde_json::Value::Null;
    assert_eq!(
        rows.iter().map(shown).collect::<Vec<_>>(),
        [
            (entry(number, 0), "relay-failed".into(), none.clone()),
            (entry(number, 0), "r4f".into(), "Error-service-denied".into()),
            (entry(told, 0), "relay-failed".into(), none),
            (entry(told, 0), "r4f".into(), "Ok".into()),
        ],
        "whoever heard Ok before has heard that"
    );
}

/// A plug-in may ask for it although there is nothing to wait for.
pub(super) async fn a_record_that_would_wait_for_no_request_does_not(stage: &dyn Stage) {
    let spool = stage.open();
    let waiting = Append {
        when_answered: true,
        ..charge("relay-in")
    };
    spool
        .commit(Acceptance {
            appends: vec![waiting],
            ..message(spool.next_id(), "bytes")
        })
        .await
        .unwrap();
    assert_eq!(sequences(&*spool), [1]);
}
