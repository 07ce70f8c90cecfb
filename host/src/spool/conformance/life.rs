//! From acceptance to removal.

use std::io::ErrorKind;

use bytes::Bytes;

use super::support::*;
use crate::message::KvWrite;
use crate::spool::Settlement;

fn pattern(size: u64) -> Vec<u8> {
    (0..size).map(|i| (i % 251) as u8).collect()
}

/// Larger than any store's piece of content.
const CHUNK: u64 = 64 * 1024;

pub(super) async fn an_accepted_message_survives_a_restart_as_it_was(stage: &dyn Stage) {
    let content = pattern(3 * CHUNK + 17);
    let spool = stage.open();
    let number = spool.next_id();
    let mut acceptance = relayed(number, content.clone());
    let pieces = vec![
        Piece::New(Bytes::from_static(b"Received: by hub.example\r\n")),
        Piece::Received(0..CHUNK),
        Piece::New(Bytes::from_static(b"new part")),
        Piece::Received(CHUNK + 5..3 * CHUNK + 17),
    ];
    acceptance.outgoing[0].rope.pieces = pieces;
    let expected = acceptance.outgoing[0].clone();
    assert_eq!(spool.commit(acceptance).await.unwrap().id(), number);
    spool.close().await;

    let spool = stage.open();
    let found = due(&*spool, "operator-b").await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].id, expected.id);
    assert_eq!(
        (&found[0].next_hop, &found[0].source),
        (&expected.next_hop, &expected.source)
    );
    assert_eq!(found[0].envelope, expected.envelope);
    assert_eq!((found[0].received_at, found[0].attempts), (NOW, 0));
    assert_eq!(found[0].rope.to_bytes().unwrap(), expected.rope.to_bytes().unwrap());
}

pub(super) async fn any_range_of_stored_content_reads_as_received(stage: &dyn Stage) {
    let content = pattern(2 * CHUNK + 3);
    let spool = stage.open();
    spool.commit(relayed(spool.next_id(), content.clone())).await.unwrap();
    let stored = due(&*spool, "operator-b").await.remove(0).rope.content;
    let size = content.len() as u64;
    assert_eq!(stored.size(), size);
    assert!(!stored.is_in_memory());
    let edges = [
        0,
        1,
        CHUNK - 1,
        CHUNK,
        CHUNK + 1,
        2 * CHUNK - 1,
        2 * CHUNK,
        size - 1,
        size,
    ];
    for start in edges {
        for end in edges.into_iter().filter(|end| *end >= start) {
            let read = stored.read(start..end).unwrap();
            assert_eq!(read, content[start as usize..end as usize], "{start}..{end}");
        }
    }
    assert_eq!(
        stored.read(size - 1..size + 1).unwrap_err().kind(),
        ErrorKind::UnexpectedEof
    );
}

pub(super) async fn an_empty_message_is_a_message(stage: &dyn Stage) {
    let spool = stage.open();
    spool.commit(relayed(spool.next_id(), "")).await.unwrap();
    assert_eq!(due(&*spool, "operator-b").await[0].rope.to_bytes().unwrap(), "");
}

pub(super) async fn received_bytes_are_stored_once_and_go_with_the_last_destination(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    let mut acceptance = relayed(number, pattern(2 * CHUNK));
    acceptance.outgoing.push(destination(&acceptance, 2, "operator-c"));
    spool.commit(acceptance).await.unwrap();
    assert_eq!(stage.messages(), 1);

    let late = due(&*spool, "operator-c").await.remove(0);
    record(&*spool, delivered(id(number, 1))).await.unwrap();
    assert_eq!(stage.messages(), 1, "operator-c still needs them");
    assert!(due(&*spool, "operator-b").await.is_empty());

    record(&*spool, delivered(id(number, 2))).await.unwrap();
    assert_eq!(stage.messages(), 0);
    assert_eq!(late.rope.content.read(0..1).unwrap_err().kind(), ErrorKind::NotFound);
}

pub(super) async fn removing_a_message_leaves_its_neighbours_bytes_alone(stage: &dyn Stage) {
    let spool = stage.open();
    let ids: Vec<_> = (0..3).map(|_| spool.next_id()).collect();
    for number in &ids {
        spool.commit(relayed(*number, number.to_string())).await.unwrap();
    }
    record(&*spool, delivered(id(ids[1], 1))).await.unwrap();
    let left: Vec<_> = due(&*spool, "operator-b").await;
    let bytes: Vec<_> = left.iter().map(|outgoing| outgoing.rope.to_bytes().unwrap()).collect();
    assert_eq!(bytes, [ids[0].to_string(), ids[2].to_string()]);
}

pub(super) async fn a_failed_delivery_stays_with_its_bytes_and_is_not_due(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    spool.commit(relayed(number, "bytes")).await.unwrap();
    let failed = DeliveryResult::Failed {
        reason: "550 no such subscriber".into(),
    };
    record(&*spool, outcome(id(number, 1), failed)).await.unwrap();
    assert!(due(&*spool, "operator-b").await.is_empty());
    assert_eq!(spool.next_due().await.unwrap(), []);
    assert_eq!(stage.messages(), 1);
}

pub(super) async fn a_deferred_delivery_is_due_at_its_time_and_not_before(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    spool.commit(relayed(number, "bytes")).await.unwrap();
    let due = Timestamp(NOW.0 + 60_000);
    let deferred = DeliveryResult::Deferred {
        due,
        attempts: 3,
        reason: "421 later".into(),
    };
    record(&*spool, outcome(id(number, 1), deferred)).await.unwrap();
    let at = async |time| peek(&*spool, &peer("operator-b"), time, 10, &[]).await.unwrap();
    assert!(at(Timestamp(due.0 - 1)).await.is_empty());
    assert_eq!(at(due).await[0].attempts, 3);
    assert_eq!(spool.next_due().await.unwrap(), [(peer("operator-b"), due)]);
}

pub(super) async fn recipients_that_are_done_leave_the_queue_and_the_others_stay(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    spool.commit(relayed(number, "bytes")).await.unwrap();
    let partly = DeliveryResult::Partly {
        remaining: vec![RecipientId(1)],
        due: NOW,
        attempts: 1,
        reason: "452 full".into(),
    };
    record(&*spool, outcome(id(number, 1), partly)).await.unwrap();
    let left = due(&*spool, "operator-b").await.remove(0);
    assert_eq!(left.envelope.recipients, envelope(2).recipients[1..]);
    assert_eq!((left.id, left.attempts), (id(number, 1), 1));
}

pub(super) async fn what_is_due_comes_oldest_first_within_limit_and_without_exceptions(stage: &dyn Stage) {
    let spool = stage.open();
    let mut ids = Vec::new();
    for age in [3, 1, 4, 2] {
        let mut acceptance = relayed(spool.next_id(), "bytes");
        acceptance.outgoing[0].received_at = Timestamp(NOW.0 - age);
        ids.push(acceptance.outgoing[0].id);
        spool.commit(acceptance).await.unwrap();
    }
    let mut elsewhere = message(spool.next_id(), "bytes");
    elsewhere.outgoing.push(destination(&elsewhere, 1, "operator-c"));
    spool.commit(elsewhere).await.unwrap();

    let found = peek(&*spool, &peer("operator-b"), NOW, 2, &[ids[0]]).await.unwrap();
    assert_eq!(
        found.iter().map(|outgoing| outgoing.id).collect::<Vec<_>>(),
        [ids[2], ids[3]]
    );
    let next = spool.next_due().await.unwrap();
    assert_eq!(
        next,
        [(peer("operator-b"), Timestamp(NOW.0 - 4)), (peer("operator-c"), NOW)]
    );
}

pub(super) async fn new_bytes_bound_an_answer_but_never_make_it_empty(stage: &dyn Stage) {
    let spool = stage.open();
    for _ in 0..4 {
        let mut acceptance = relayed(spool.next_id(), "bytes");
        acceptance.outgoing[0].rope.pieces = vec![Piece::New(vec![b'x'; 9 << 20].into())];
        spool.commit(acceptance).await.unwrap();
    }
    assert_eq!(due(&*spool, "operator-b").await.len(), 2);
}

pub(super) async fn an_event_waits_with_its_message_until_it_is_settled_once(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    spool.commit(relayed(number, "bytes")).await.unwrap();
    let told_later = Outcome {
        event: event(NOW),
        ..delivered(id(number, 1))
    };
    record(&*spool, told_later).await.unwrap();
    assert!(due(&*spool, "operator-b").await.is_empty(), "it has been delivered");

    let pending = untold(&*spool, NOW, 10).await.unwrap().remove(0);
    assert_eq!((pending.outgoing.id, pending.attempts), (id(number, 1), 0));
    assert_eq!(pending.outcome, r#"{"delivered":true}"#);
    assert_eq!(pending.outgoing.rope.to_bytes().unwrap(), "bytes");

    let later = Timestamp(NOW.0 + 1000);
    spool
        .settle_event(pending.id, Settlement::Again { due: later })
        .await
        .unwrap();
    assert!(untold(&*spool, NOW, 10).await.unwrap().is_empty());
    assert_eq!(untold(&*spool, later, 10).await.unwrap()[0].attempts, 1);

    for _ in 0..2 {
        let done = Settlement::Done {
            appends: vec![charge("relay-out")],
            kv: Vec::new(),
        };
        spool.settle_event(pending.id, done).await.unwrap();
    }
    assert!(untold(&*spool, later, 10).await.unwrap().is_empty());
    assert_eq!(sequences(&*spool), [1, 2], "in once, out once");
    assert_eq!(stage.messages(), 0);
}

pub(super) async fn an_event_settled_late_leaves_a_newer_one_alone(stage: &dyn Stage) {
    let spool = stage.open();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let number = spool.next_id();
        spool.commit(relayed(number, "bytes")).await.unwrap();
        let told_later = Outcome {
            event: event(NOW),
            ..delivered(id(number, 1))
        };
        record(&*spool, told_later).await.unwrap();
        seen.push(untold(&*spool, NOW, 10).await.unwrap()[0].id);
        let done = Settlement::Done {
            appends: Vec::new(),
            kv: Vec::new(),
        };
        spool.settle_event(seen[0], done).await.unwrap();
    }
    let left = untold(&*spool, NOW, 10).await.unwrap();
    assert_eq!(left.iter().map(|event| event.id).collect::<Vec<_>>(), seen[1..]);
}

pub(super) async fn an_event_of_a_part_remembers_every_recipient_of_its_attempt(stage: &dyn Stage) {
    let spool = stage.open();
    let number = spool.next_id();
    spool.commit(relayed(number, "bytes")).await.unwrap();
    let partly = DeliveryResult::Partly {
        remaining: vec![RecipientId(1)],
        due: NOW,
        attempts: 1,
        reason: String::new(),
    };
    record(
        &*spool,
        Outcome {
            event: event(NOW),
            ..outcome(id(number, 1), partly)
        },
    )
    .await
    .unwrap();
    let pending = untold(&*spool, NOW, 10).await.unwrap();
    assert_eq!(pending[0].outgoing.envelope, envelope(2));
}

pub(super) async fn what_plugins_keep_is_kept_with_the_message_that_caused_it(stage: &dyn Stage) {
    let spool = stage.open();
    let (plugin, key) = ("counter", "seen");
    let increment = |by| KvWrite::Increment {
        plugin: plugin.into(),
        key: key.into(),
        by,
    };
    let set = |value: &[u8]| KvWrite::Set {
        plugin: plugin.into(),
        key: key.into(),
        value: value.into(),
    };
    let delete = KvWrite::Delete {
        plugin: plugin.into(),
        key: key.into(),
    };
    let steps: [(Vec<KvWrite>, Option<&[u8]>); 6] = [
        (vec![increment(2)], Some(b"2")),
        (vec![increment(-5), increment(1)], Some(b"-2")),
        (vec![set(b"\0text")], Some(b"\0text")),
        (vec![increment(1)], Some(b"\0text")),
        (
            vec![set(i64::MAX.to_string().as_bytes()), increment(1)],
            Some(b"9223372036854775807"),
        ),
        (vec![delete], None),
    ];
    for (kv, expected) in steps {
        let said = format!("{kv:?}");
        spool
            .commit(Acceptance {
                kv,
                ..message(spool.next_id(), "")
            })
            .await
            .unwrap();
        assert_eq!(spool.kv_get(plugin, key).await.unwrap().as_deref(), expected, "{said}");
    }
    assert_eq!(spool.kv_get("other", key).await.unwrap(), None);
}
