//! What is planted in a spool is named, and nothing else is.

mod files;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use super::{CheckSummary, Finding, Kind, Period, check};
use crate::clock::SystemClock;
use crate::message::{
    Append, Content, End, Envelope, MessageId, MessageType, MmsAddress, Ordinal, Origin, Outgoing, OutgoingId,
    PeerName, Piece, Protocol, QueueId, Recipient, RecipientEnd, RecipientId, Rope, StreamName, Timestamp,
};
use crate::spool::{self, Acceptance, By, DeliveryResult, Hold, Node, Options, Outcome, Selection, Spool};

const AT: Timestamp = Timestamp(1_790_000_000_000);

fn open(folder: &Path) -> Arc<dyn Spool> {
    let options = Options {
        clock: Arc::new(SystemClock),
        node: Node::default(),
        reserve: 0,
        ledger: Duration::from_secs(40 * 86_400),
    };
    spool::open(folder, options).unwrap()
}

fn charge(kind: &str) -> Append {
    Append {
        stream: StreamName::CHARGING,
        plugin: "charging".into(),
        version: "0.1.0".into(),
        record: serde_json::json!({
            "record-type": kind, "message-type": "MM4_forward.REQ", "message-id": "k1@mms.a.example", "message-size": 4,
        }),
        when_answered: false,
    }
}

fn recipient(id: u32) -> Recipient {
    Recipient {
        id: RecipientId(id),
        address: MmsAddress::new(&format!("+1555555{id:04}/TYPE=PLMN@mms.b.example")).unwrap(),
    }
}

/// A message for two recipients of operator B, charged once.
fn message(id: MessageId) -> Acceptance {
    let content = Content::from_bytes("body");
    let envelope = Envelope {
        sender: None,
        recipients: vec![recipient(1), recipient(2)],
    };
    let peer = |name| PeerName::new(name).unwrap();
    let outgoing = Outgoing {
        id: first(id),
        next_hop: peer("operator-b").into(),
        source: peer("operator-a").into(),
        received_at: AT,
        envelope: envelope.clone(),
        rope: Rope {
            content: content.clone(),
            pieces: vec![Piece::Received(0..4)],
        },
        kind: Some(MessageType::ForwardRequest),
        repeats: 0,
        header: None,
        parts: None,
        attempts: 0,
        said: None,
        expires_at: None,
    };
    Acceptance {
        id,
        origin: Origin {
            source: peer("operator-a").into(),
            remote: ([127, 0, 0, 1], 2525).into(),
            helo: "mms.a.example".into(),
            protocol: Protocol::Esmtp,
            received_at: AT,
        },
        envelope,
        content,
        outgoing: vec![outgoing],
        failed: Vec::new(),
        hold: None,
        ended: Vec::new(),
        appends: vec![charge("relay-in")],
        kv: Vec::new(),
        journey: Vec::new(),
        says: None,
        opens: None,
        expects: Vec::new(),
        changes: Vec::new(),
    }
}

fn first(message: MessageId) -> OutgoingId {
    let ordinal = Ordinal::FIRST;
    OutgoingId { message, ordinal }
}

fn ended(id: MessageId, result: DeliveryResult, end: End, record: &str) -> Outcome {
    Outcome {
        id: first(id),
        result,
        reply: None,
        attempts: 1,
        ended: RecipientEnd::all(&[recipient(1), recipient(2)], end),
        changes: Vec::new(),
        appends: vec![charge(record)],
        kv: Vec::new(),
        event: None,
    }
}

fn delivered(id: MessageId) -> Outcome {
    ended(id, DeliveryResult::Delivered, End::Delivered, "relay-out")
}

fn failed(id: MessageId) -> Outcome {
    let reason = "550 no".to_owned();
    ended(id, DeliveryResult::Failed { reason }, End::Refused, "relay-failed")
}

fn by() -> By {
    By {
        who: "somebody".into(),
        at: AT,
        noting: None,
    }
}

fn all() -> Period {
    Period {
        from: MessageId(0),
        to: MessageId((1 << 51) - 1),
    }
}

fn checked(folder: &Path) -> (CheckSummary, Vec<Finding>) {
    let beside = spool::open_beside(folder).unwrap();
    let mut findings = Vec::new();
    let checked = check(&*beside, all(), None, &mut |finding| findings.push(finding.clone())).unwrap();
    (checked, findings)
}

/// One after the other, so that the records of neighbours are neighbours.
async fn deliver(spool: &Arc<dyn Spool>, count: usize) -> Vec<MessageId> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let id = spool.next_id();
        spool.commit(message(id)).await.unwrap();
        spool.record(delivered(id)).await.unwrap();
        ids.push(id);
    }
    ids
}

#[tokio::test]
async fn every_way_that_a_message_can_go_is_balanced() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let sent = deliver(&spool, 1200).await;
    assert_eq!(sent.len(), 1200);
    // As a command: verbs of operators block, and this is a runtime.
    let operator = spool::open_beside(folder.path()).unwrap();
    let wait = spool.next_id();
    spool.commit(message(wait)).await.unwrap();
    let twice = spool.next_id();
    spool.commit(message(twice)).await.unwrap();
    spool.record(failed(twice)).await.unwrap();
    operator.retry(Selection::Ids(&[first(twice).into()]), &by()).unwrap();
    spool.record(delivered(twice)).await.unwrap();
    let dropped = spool.next_id();
    spool.commit(message(dropped)).await.unwrap();
    operator.remove(&[first(dropped).into()], &by()).unwrap();
    let late = spool.next_id();
    spool.commit(message(late)).await.unwrap();
    operator.remove(&[first(late).into()], &by()).unwrap();
    spool.record(delivered(late)).await.unwrap();
    let held = spool.next_id();
    let hold = Acceptance {
        outgoing: Vec::new(),
        hold: Some(Hold::parked("for an operator")),
        ..message(held)
    };
    spool.commit(hold).await.unwrap();
    let mut discarded = Acceptance {
        outgoing: Vec::new(),
        ..message(spool.next_id())
    };
    discarded.end_others(&[recipient(1), recipient(2)], End::Discarded);
    spool.commit(discarded).await.unwrap();

    let (checked, findings) = checked(folder.path());
    assert_eq!(findings, []);
    assert!(checked.is_balanced());
    assert_eq!((checked.messages, checked.recipients, checked.here), (1206, 2412, 4));
    let ends = [(End::Delivered, 2404), (End::Discarded, 2), (End::Dropped, 2)];
    assert_eq!(checked.ends, BTreeMap::from(ends));
    spool.close().await;
}

/// Twenty of each of twelve kinds, one a message.
#[tokio::test]
async fn two_hundred_and_forty_planted_losses_doubles_and_changes_are_named_and_nothing_else_is() {
    const EACH: usize = 20;
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let mut delivered = deliver(&spool, 1000).await;
    let (mut waiting, mut refused) = (Vec::new(), Vec::new());
    for _ in 0..100 {
        let id = spool.next_id();
        spool.commit(message(id)).await.unwrap();
        waiting.push(id);
        let id = spool.next_id();
        spool.commit(message(id)).await.unwrap();
        spool.record(failed(id)).await.unwrap();
        refused.push(id);
    }
    spool.close().await;
    assert_eq!(checked(folder.path()).1, []);

    let db = Connection::open(folder.path().join("spool.db")).unwrap();
    let second = "SELECT max(sequence) FROM record WHERE message = ?1";
    let plants: [(Kind, char, String); 11] = [
        (Kind::RecipientLost, 'w', "DELETE FROM outgoing WHERE message = ?1".into()),
        (Kind::RecipientLost, 'd', "DELETE FROM ledger WHERE message = ?1 AND what = 10".into()),
        (Kind::RecordMissing, 'd', format!("DELETE FROM record WHERE sequence = ({second})")),
        (
            Kind::RecordChanged,
            'd',
            format!("UPDATE record SET record = json_set(record, '$.message-size', 5) WHERE sequence = ({second})"),
        ),
        (
            Kind::RecordOfAnother,
            'd',
            format!("UPDATE record SET ordinal = 7 WHERE sequence = ({second})"),
        ),
        (
            Kind::RecordUnnamed,
            'd',
            format!(
                "INSERT INTO record SELECT stream, (SELECT max(sequence) + 1 FROM record), message, ordinal, recorded_at,
                     plugin, version, record, NULL FROM record WHERE sequence = ({second})"
            ),
        ),
        (
            Kind::EndedTwice,
            'd',
            "INSERT INTO ledger SELECT message, 9, at, what, ordinal, recipients, peer, NULL, NULL, NULL, NULL FROM ledger
                 WHERE message = ?1 AND what = 10"
                .into(),
        ),
        (Kind::EndedAndHere, 'r', "UPDATE outgoing SET state = 0 WHERE message = ?1".into()),
        (Kind::NeverOpened, 'd', "DELETE FROM ledger WHERE message = ?1 AND what = 0".into()),
        (Kind::NotInLedger, 'w', "DELETE FROM ledger WHERE message = ?1".into()),
        (
            Kind::Damaged,
            'd',
            "UPDATE ledger SET recipients = 'x' WHERE message = ?1 AND what = 10".into(),
        ),
    ];
    let mut expected: BTreeMap<MessageId, Kind> = BTreeMap::new();
    for (kind, of, sql) in &plants {
        let from = match of {
            'w' => &mut waiting,
            'r' => &mut refused,
            _ => &mut delivered,
        };
        // Every second: their neighbours are whole.
        for _ in 0..EACH {
            let id = from.pop().unwrap();
            from.truncate(from.len().saturating_sub(1));
            assert_eq!(db.execute(sql, [id.0 as i64]).unwrap(), 1, "{sql}");
            expected.insert(id, *kind);
        }
    }
    // A record and whatever names it, both gone: only its number is missing.
    let gone: Vec<u64> = delivered[..EACH]
        .iter()
        .map(|id| {
            let sequence: i64 = db.query_row(second, [id.0 as i64], |row| row.get(0)).unwrap();
            db.execute("DELETE FROM record WHERE sequence = ?1", [sequence])
                .unwrap();
            db.execute(
                "UPDATE ledger SET record = NULL, sums = NULL WHERE message = ?1 AND what = 10",
                [id.0 as i64],
            )
            .unwrap();
            sequence as u64
        })
        .collect();

    let (checked, findings) = checked(folder.path());
    let mut named: BTreeMap<MessageId, BTreeSet<Kind>> = BTreeMap::new();
    let mut missing = Vec::new();
    for finding in &findings {
        match finding.id.map(QueueId::message) {
            Some(id) => drop(named.entry(id).or_default().insert(finding.kind)),
            None => missing.extend(finding.record),
        }
    }
    for (id, kind) in &expected {
        let kinds = named.remove(id).unwrap_or_default();
        assert!(kinds.contains(kind), "{id}: planted {kind:?}, named {kinds:?}");
    }
    assert_eq!(named, BTreeMap::new(), "nothing else is named");
    assert_eq!(missing, gone);
    assert!(!checked.is_balanced());
    // Of a hundred messages that wait, twenty are gone, and twenty are not in the ledger.
    assert_eq!(checked.here, 2 * 60, "what is lost is not here");
    assert_eq!(expected.len() + gone.len(), 240);
}

#[tokio::test]
async fn a_period_is_checked_alone() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let ids = deliver(&spool, 30).await;
    spool.close().await;
    let db = Connection::open(folder.path().join("spool.db")).unwrap();
    for id in [ids[5], ids[25]] {
        db.execute("DELETE FROM ledger WHERE message = ?1 AND what = 10", [id.0 as i64])
            .unwrap();
    }
    let beside = spool::open_beside(folder.path()).unwrap();
    let mut named = BTreeSet::new();
    let period = Period {
        from: ids[10],
        to: ids[29],
    };
    let checked = check(&*beside, period, None, &mut |finding| {
        named.extend(finding.id.map(QueueId::message));
    })
    .unwrap();
    assert_eq!((checked.messages, named), (19, BTreeSet::from([ids[25]])));
}
