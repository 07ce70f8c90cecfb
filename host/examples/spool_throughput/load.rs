//! The messages that the measurements are made with.

use std::net::SocketAddr;

use mm4relay::message::{
    ChargingEntry, Content, Envelope, MmsAddress, Origin, Outgoing, OutgoingId, PeerName, Piece, Recipient, Rope,
    Timestamp,
};
use mm4relay::spool::{Acceptance, DeliveryResult, Outcome, Spool};

pub fn acceptance(spool: &dyn Spool, content: &Content) -> anyhow::Result<Acceptance> {
    let id = spool.next_id();
    let recipient = Recipient {
        id: 0,
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
            ordinal: 1,
        },
        peer: PeerName::new("operator-b")?,
        source: peer.clone(),
        received_at,
        envelope: envelope.clone(),
        rope: Rope {
            content: content.clone(),
            pieces: vec![header, Piece::Received(0..content.size())],
        },
        header: None,
        attempts: 0,
    };
    let remote: SocketAddr = ([127, 0, 0, 1], 2525).into();
    Ok(Acceptance {
        id,
        origin: Origin {
            peer,
            remote,
            helo: "mms.a.example".into(),
            extended: true,
            received_at,
        },
        envelope,
        content: content.clone(),
        outgoing: vec![outgoing],
        failed: Vec::new(),
        hold: None,
        charging: vec![charging("relay-in")],
        kv: Vec::new(),
        journey: Vec::new(),
        opens: None,
        changes: Vec::new(),
    })
}

pub fn delivered(id: OutgoingId) -> Outcome {
    Outcome {
        id,
        result: DeliveryResult::Delivered,
        reply: None,
        changes: Vec::new(),
        charging: vec![charging("relay-out")],
        kv: Vec::new(),
        event: None,
    }
}

fn charging(kind: &str) -> ChargingEntry {
    let record = serde_json::json!({"record-type": kind, "originator": "+15555550100", "message-size": 30000});
    ChargingEntry {
        plugin: "charging".into(),
        version: "0.1.0".into(),
        record,
    }
}
