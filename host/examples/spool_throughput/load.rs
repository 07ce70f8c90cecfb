//! The messages that the measurements are made with.

use std::net::SocketAddr;

use mm4relay::message::{
    Append, Change, Content, End, Envelope, Leg, LegState, MessageId, MessageType, MmsAddress, Mode, Ordinal, Origin,
    Outgoing, OutgoingId, PeerName, Piece, Place, Recipient, RecipientEnd, RecipientId, RepeatKey, ResponseState, Rope,
    StreamName, Timestamp, Transaction, TransactionChange, TransactionKey, Wants,
};
use mm4relay::spool::{Acceptance, DeliveryResult, Inbox, Outcome};

pub fn acceptance(spool: &dyn Inbox, content: &Content) -> anyhow::Result<Acceptance> {
    let id = spool.next_id();
    let recipient = Recipient {
        id: RecipientId(0),
        address: MmsAddress::new("+15555550199/TYPE=PLMN@mms.b.example")?,
    };
    let envelope = Envelope {
        sender: Some(MmsAddress::new("+15555550100/TYPE=PLMN@mms.a.example")?),
        recipients: vec![recipient],
    };
    let received_at = Timestamp(id.0 / 1000);
    let peer = PeerName::new("operator-a")?;
    let header = Piece::New("X-Mms-Originator-System: relay@hub.example\r\n".into());
    let outgoing = Outgoing {
        id: OutgoingId {
            message: id,
            ordinal: Ordinal::FIRST,
        },
        next_hop: PeerName::new("operator-b")?.into(),
        source: peer.clone().into(),
        received_at,
        envelope: envelope.clone(),
        rope: Rope {
            content: content.clone(),
            pieces: vec![header, Piece::Received(0..content.size())],
        },
        kind: Some(MessageType::ForwardRequest),
        repeats: 0,
        header: None,
        parts: None,
        attempts: 0,
        said: None,
        expires_at: None,
    };
    let remote: SocketAddr = ([127, 0, 0, 1], 2525).into();
    Ok(Acceptance {
        id,
        origin: Origin {
            source: peer.into(),
            remote,
            helo: "mms.a.example".into(),
            protocol: mm4relay::message::Protocol::Esmtp,
            received_at,
        },
        envelope,
        content: content.clone(),
        outgoing: vec![outgoing],
        failed: Vec::new(),
        hold: None,
        ended: Vec::new(),
        appends: vec![charging("relay-in")],
        kv: Vec::new(),
        journey: Vec::new(),
        says: None,
        opens: None,
        changes: Vec::new(),
        expects: Vec::new(),
    })
}

/// The same, as a request that can be answered.
pub fn asking(spool: &dyn Inbox, content: &Content) -> anyhow::Result<Acceptance> {
    let mut acceptance = acceptance(spool, content)?;
    acceptance.opens = Some(request(acceptance.id, acceptance.origin.received_at)?);
    Ok(acceptance)
}

/// A request with identifiers as real peers make them, all of them from its number.
pub fn request(id: MessageId, received_at: Timestamp) -> anyhow::Result<Transaction> {
    let number = id.0;
    let recipient = Recipient {
        id: RecipientId(0),
        address: MmsAddress::new("+15555550199/TYPE=PLMN@mms.b.example")?,
    };
    let leg = Leg {
        ..Leg::new(
            Place::Destination {
                ordinal: Ordinal::FIRST,
                peer: PeerName::new("operator-b")?,
            },
            vec![recipient],
            LegState::Waiting,
        )
    };
    Ok(Transaction {
        id,
        kind: MessageType::ForwardRequest,
        source: PeerName::new("operator-a")?,
        transaction_id: format!("\"{}\"", transaction_id(number)).into(),
        message_id: format!("\"{number:016}@mmsc1.mms.a.example\"").into(),
        version: Some("6.10.0".into()),
        answer_to: Some(MmsAddress::new("system-user@mms.a.example")?),
        sender: Some(MmsAddress::new("+15555550100/TYPE=PLMN@mms.a.example")?),
        originator: Some("+15555550100/TYPE=PLMN@mms.a.example".into()),
        wants: Wants {
            response: true,
            delivery_report: true,
            read_reply: false,
        },
        mode: Mode::Transparent,
        received_at,
        forget_at: Timestamp(received_at.0 + 3 * 86_400_000),
        repeat: RepeatKey(scramble(number)),
        body: u128::from(scramble(number + 1)) << 64 | u128::from(scramble(number + 2)),
        like: None,
        legs: vec![leg],
        response: ResponseState::NotSent,
        revision: 0,
        next: None,
        records: Vec::new(),
    })
}

/// What the response to that request brings.
pub fn asked(number: u64) -> anyhow::Result<TransactionKey> {
    Ok(TransactionKey::Asked {
        peer: PeerName::new("operator-b")?,
        kind: MessageType::ForwardRequest,
        transaction_id: transaction_id(number).into(),
    })
}

fn transaction_id(number: u64) -> String {
    format!("{number:016}-{:08x}", scramble(number) as u32)
}

/// As good as random, and the same again (splitmix64).
fn scramble(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Taken by the next hop, and so noted in the transaction.
pub fn handed_over(id: OutgoingId) -> Outcome {
    let at = Timestamp(id.message.0 / 1000);
    Outcome {
        reply: Some("192.0.2.10:25: 250 2.0.0 Ok: queued as 4F1A2B3C4D".into()),
        changes: leg(id.message, LegState::Delivered { at }),
        ..delivered(id)
    }
}

fn leg(id: MessageId, state: LegState) -> Vec<TransactionChange> {
    let change = Change::Leg {
        ordinal: Ordinal::FIRST,
        state,
    };
    vec![TransactionChange { id, change }]
}

pub fn delivered(id: OutgoingId) -> Outcome {
    Outcome {
        id,
        result: DeliveryResult::Delivered,
        reply: None,
        attempts: 1,
        ended: vec![RecipientEnd {
            recipient: RecipientId(0),
            end: End::Delivered,
        }],
        changes: Vec::new(),
        appends: vec![charging("relay-out")],
        kv: Vec::new(),
        event: None,
    }
}

fn charging(kind: &str) -> Append {
    let record = serde_json::json!({"record-type": kind, "originator": "+15555550100", "message-size": 30000});
    Append {
        stream: StreamName::CHARGING,
        plugin: "charging".into(),
        version: "0.1.0".into(),
        record,
        when_answered: false,
    }
}
