//! The spool's promises, each as a claim. This file has what the claims share.

mod charging;
mod crash;
mod failure;
mod group;
mod ledger;
mod life;
mod operator;
mod transactions;
mod unfinished;
mod upgrade;

use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::{Options, SqliteSpool, Work};
use crate::clock::FixedClock;
use crate::message::{
    Append, Content, Envelope, MessageId, MessageType, MmsAddress, NextHop, Ordinal, Origin, Outgoing, OutgoingId,
    PeerName, Piece, QueueId, Recipient, RecipientId, Rope, StreamName, Timestamp,
};
use crate::spool::sqlite::Beside;
use crate::spool::{
    Acceptance, By, DeliveryResult, Events, Inbox, Mark, NewEvent, Operator, Outcome, Queue, Requests, Spool, Streams,
    Values,
};

const NOW: Timestamp = Timestamp(1_790_000_000_000);

fn options() -> Options {
    Options {
        clock: Arc::new(FixedClock(NOW)),
        forget: None,
        ..Options::default()
    }
}

fn open(folder: &Path) -> Arc<SqliteSpool> {
    SqliteSpool::open(folder, options()).unwrap()
}

fn exported(streams: &dyn Streams) -> u64 {
    let mark = streams.mark(&StreamName::CHARGING, "export").unwrap();
    mark.map_or(0, |mark| mark.sequence)
}

fn mark_exported(streams: &dyn Streams, sequence: u64) {
    let mark = Mark { sequence, file: 0 };
    streams.set_mark(&StreamName::CHARGING, "export", mark).unwrap();
}

/// The operator, now.
fn by() -> By {
    By {
        who: "root".into(),
        at: NOW,
    }
}

fn peer(name: &str) -> PeerName {
    PeerName::new(name).unwrap()
}

fn envelope(recipients: u32) -> Envelope {
    let recipient = |id| {
        let address = format!("+1555555{:04}/TYPE=PLMN@mms.b.example", 200 + id);
        Recipient {
            id: RecipientId(id),
            address: MmsAddress::new(&address).unwrap(),
        }
    };
    Envelope {
        sender: Some(MmsAddress::new("+15555550100/TYPE=PLMN@mms.a.example").unwrap()),
        recipients: (0..recipients).map(recipient).collect(),
    }
}

/// A message that causes nothing yet.
fn message(id: MessageId, content: impl Into<bytes::Bytes>) -> Acceptance {
    Acceptance {
        id,
        origin: Origin {
            source: peer("operator-a").into(),
            remote: ([127, 0, 0, 1], 2525).into(),
            helo: "mms.a.example".into(),
            protocol: crate::message::Protocol::Esmtps,
            received_at: NOW,
        },
        envelope: envelope(2),
        content: Content::from_bytes(content),
        outgoing: Vec::new(),
        failed: Vec::new(),
        hold: None,
        ended: Vec::new(),
        appends: Vec::new(),
        kv: Vec::new(),
        journey: Vec::new(),
        says: None,
        opens: None,
        changes: Vec::new(),
    }
}

/// The destination of `of` with this ordinal: all of its bytes, as received.
fn destination(of: &Acceptance, ordinal: u32, to: &str) -> Outgoing {
    Outgoing {
        id: OutgoingId {
            message: of.id,
            ordinal: Ordinal::new(ordinal).unwrap(),
        },
        next_hop: NextHop::new(to).unwrap(),
        source: of.origin.source.clone(),
        received_at: of.origin.received_at,
        envelope: of.envelope.clone(),
        rope: Rope {
            content: of.content.clone(),
            pieces: vec![Piece::Received(0..of.content.size())],
        },
        kind: Some(MessageType::ForwardRequest),
        repeats: 0,
        header: None,
        attempts: 0,
        said: None,
        expires_at: None,
    }
}

/// A message for `operator-b`, charged once.
fn relayed(id: MessageId, content: impl Into<bytes::Bytes>) -> Acceptance {
    let mut acceptance = message(id, content);
    acceptance.outgoing.push(destination(&acceptance, 1, "operator-b"));
    acceptance.appends.push(charge("relay-in"));
    acceptance
}

fn charge(kind: &str) -> Append {
    Append {
        stream: StreamName::CHARGING,
        plugin: "charging".into(),
        version: "0.1.0".into(),
        record: json!({ "record-type": kind }),
    }
}

fn outcome(id: OutgoingId, result: DeliveryResult) -> Outcome {
    Outcome {
        attempts: 1,
        ended: Vec::new(),
        id,
        result,
        reply: None,
        changes: Vec::new(),
        appends: Vec::new(),
        kv: Vec::new(),
        event: None,
    }
}

fn delivered(id: OutgoingId) -> Outcome {
    outcome(id, DeliveryResult::Delivered)
}

fn event(due: Timestamp) -> Option<NewEvent> {
    Some(NewEvent {
        outcome: r#"{"delivered":true}"#.into(),
        due,
    })
}

fn id(message: MessageId, ordinal: u32) -> OutgoingId {
    OutgoingId {
        message,
        ordinal: Ordinal::new(ordinal).unwrap(),
    }
}

async fn due(spool: &SqliteSpool, to: &str) -> Vec<Outgoing> {
    spool.due(&peer(to), NOW, 1000, &[]).await.unwrap()
}

/// Rows in `message`, and rows in `content`.
fn stored(folder: &Path) -> (u64, u64) {
    let count = |table: &str| {
        let db = super::schema::open_existing(folder).unwrap();
        let sql = format!("SELECT count(*) FROM {table}");
        db.query_row(&sql, (), |row| row.get::<_, i64>(0)).unwrap() as u64
    };
    (count("message"), count("content"))
}

fn sequences(folder: &Path) -> Vec<u64> {
    let rows = Beside::open(folder)
        .unwrap()
        .records(&StreamName::CHARGING, 0, 100_000)
        .unwrap();
    rows.iter().map(|row| row.sequence).collect()
}

/// As an operator names it; 0 is the message as received.
fn entry(message: MessageId, ordinal: u32) -> QueueId {
    QueueId::of(message, ordinal)
}
