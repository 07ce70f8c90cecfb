//! `mm4relay trace`: the history of a message, and the audit's entry about who read it.

use std::path::Path;

use mm4relay::message::{
    Answer, Append, Change, Content, Envelope, Leg, LegState, MessageId, MessageType, MmsAddress, Mode, Ordinal,
    Origin, Outgoing, OutgoingId, PeerName, Piece, Place, Recipient, RecipientId, RepeatKey, ResponseState, Rope, Step,
    Timestamp, Transaction, TransactionChange, Wants,
};
use mm4relay::spool::sqlite::{Options, SqliteSpool};
use mm4relay::spool::{Acceptance, DeliveryResult, Inbox, Outcome, Queue, Spool};

use crate::support::{Link, Peer, Relay, Said, config, eventually, mm4relay, sample};

const FROM: &str = "+15555550100/TYPE=PLMN@mms.a.example";
const TO: &str = "+15555550199/TYPE=PLMN@mms.b.example";

/// A spool in which one request was accepted, delivered at the second try, and answered; and its relay's id.
fn answered(folder: &Path) -> MessageId {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let spool = SqliteSpool::open(folder, Options::default()).unwrap();
        let id = spool.next_id();
        let now = Timestamp(id.0 / 1000);
        spool.commit(request(id, now)).await.unwrap();
        let later = DeliveryResult::Deferred {
            due: now,
            attempts: 1,
            reason: "192.0.2.10:25: 451 busy".into(),
        };
        spool.record(outcome(id, later, None)).await.unwrap();
        let mut taken = outcome(id, DeliveryResult::Delivered, Some("192.0.2.10:25: 250 taken"));
        taken.changes = change(id, LegState::Delivered { at: now });
        spool.record(taken).await.unwrap();
        let response = spool.next_id();
        let mut response = message(response, "operator-b", now);
        response.changes = change(
            id,
            LegState::Answered {
                answer: Answer::ok(now),
            },
        );
        spool.commit(response).await.unwrap();
        spool.close().await;
        id
    })
}

fn peer(name: &str) -> PeerName {
    PeerName::new(name).unwrap()
}

fn message(id: MessageId, source: &str, now: Timestamp) -> Acceptance {
    let address = |text| MmsAddress::new(text).unwrap();
    let recipient = Recipient {
        id: RecipientId(0),
        address: address(TO),
    };
    Acceptance {
        id,
        origin: Origin {
            source: peer(source).into(),
            remote: ([192, 0, 2, 1], 4711).into(),
            helo: "mms.a.example".into(),
            protocol: mm4relay::message::Protocol::Esmtp,
            received_at: now,
        },
        envelope: Envelope {
            sender: Some(address(FROM)),
            recipients: vec![recipient],
        },
        content: Content::from_bytes("bytes"),
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
        expects: Vec::new(),
    }
}

fn request(id: MessageId, now: Timestamp) -> Acceptance {
    let mut acceptance = message(id, "operator-a", now);
    let leg = Leg {
        transaction_id: Some("minted-7".into()),
        ..Leg::new(
            Place::Destination {
                ordinal: Ordinal::FIRST,
                peer: peer("operator-b"),
            },
            acceptance.envelope.recipients.clone(),
            LegState::Waiting,
        )
    };
    acceptance.outgoing.push(Outgoing {
        id: OutgoingId {
            message: id,
            ordinal: Ordinal::FIRST,
        },
        next_hop: peer("operator-b").into(),
        source: peer("operator-a").into(),
        received_at: now,
        envelope: acceptance.envelope.clone(),
        rope: Rope {
            content: acceptance.content.clone(),
            pieces: vec![Piece::Received(0..5)],
        },
        kind: Some(MessageType::ForwardRequest),
        repeats: 0,
        header: None,
        parts: None,
        attempts: 0,
        said: None,
        expires_at: None,
    });
    acceptance.journey.push(Step {
        plugin: "rewrite".into(),
        occasion: "arrival".into(),
        did: vec!["pass".into()],
        micros: 12,
        body_octets_read: 0,
    });
    acceptance.appends.push(Append {
        stream: mm4relay::message::StreamName::CHARGING,
        plugin: "charging".into(),
        version: "0.1.0".into(),
        record: serde_json::json!({"record-type": "relay-in"}),
        when_answered: false,
    });
    acceptance.opens = Some(Transaction {
        id,
        kind: MessageType::ForwardRequest,
        source: peer("operator-a"),
        transaction_id: "\"t-1\"".into(),
        message_id: "\"m-1@mms.a.example\"".into(),
        version: Some("6.3.0".into()),
        answer_to: None,
        sender: None,
        originator: None,
        wants: Wants {
            response: true,
            ..Wants::default()
        },
        mode: Mode::Transparent,
        received_at: now,
        forget_at: Timestamp(now.0 + 3 * 86_400_000),
        repeat: RepeatKey(1),
        body: 1,
        like: None,
        legs: vec![leg],
        response: ResponseState::NotSent,
        revision: 0,
        next: None,
        records: Vec::new(),
    });
    acceptance
}

fn outcome(message: MessageId, result: DeliveryResult, reply: Option<&str>) -> Outcome {
    Outcome {
        id: OutgoingId {
            message,
            ordinal: Ordinal::FIRST,
        },
        result,
        reply: reply.map(str::to_owned),
        ended: Vec::new(),
        attempts: 1,
        changes: Vec::new(),
        appends: Vec::new(),
        kv: Vec::new(),
        event: None,
    }
}

fn change(id: MessageId, state: LegState) -> Vec<TransactionChange> {
    let change = Change::Leg {
        ordinal: Ordinal::FIRST,
        state,
    };
    vec![TransactionChange { id, change }]
}

/// Each of these comes behind the one before it.
fn in_order(text: &str, expected: &[&str]) {
    let mut rest = text;
    for line in expected {
        let Some((_, behind)) = rest.split_once(line) else {
            panic!("{line:?} is missing, or out of order, in\n{text}")
        };
        rest = behind;
    }
}

fn trace(folder: &Path, words: &[&str]) -> Said {
    let fixed = ["trace", "--spool", folder.to_str().unwrap()];
    mm4relay(&[&fixed[..], words].concat())
}

#[test]
fn a_message_is_traced_by_each_of_its_ids_in_the_order_of_what_happened() {
    let folder = tempfile::tempdir().unwrap();
    let id = answered(folder.path());
    let (own, destination) = (id.to_string(), format!("{id}-1"));
    let ids = [
        "m-1@mms.a.example",
        "\"m-1@mms.a.example\"",
        "t-1",
        "minted-7",
        &own,
        &destination,
    ];
    let user = String::from_utf8(std::process::Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
    for (times, asked) in ids.into_iter().enumerate() {
        let said = trace(folder.path(), &[asked]);
        assert!(said.ok, "{asked}: {}", said.err);
        let expected = [
            "MM4_forward.REQ from operator-a, ",
            "message ID \"m-1@mms.a.example\", transaction ID \"t-1\", version 6.3.0",
            "asked for a response; handled transparent",
            "known until ",
            &format!("accepted {id}: operator-a at 192.0.2.1:4711 (said mms.a.example), 5 octets"),
            &format!("MAIL FROM:<{FROM}>"),
            &format!("RCPT TO:<{TO}>"),
            "plug-in rewrite on arrival, 12 us: pass",
            &format!("to operator-b as {destination}"),
            "charging records 1 relay-in",
            &format!("deferred {destination}: 192.0.2.10:25: 451 busy; again at "),
            &format!("delivered {destination}: 192.0.2.10:25: 250 taken"),
            "destination 1 is delivered",
            ": operator-b at 192.0.2.1:4711",
            "destination 1 answered: Ok",
            "now\n",
            &format!("operator-b asked with minted-7 answered: Ok: {TO}"),
            "the relay tells the sender at ",
        ];
        in_order(&said.out, &expected);
        let looks = said.out.matches(&format!("  {}: trace\n", user.trim())).count();
        assert_eq!(looks, times, "everyone who looked before, by name");
    }
}

#[test]
fn a_trace_as_json_is_one_request_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let id = answered(folder.path());
    let said = trace(folder.path(), &["m-1@mms.a.example", "--json"]);
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines.len(), 1);
    let trace: serde_json::Value = serde_json::from_str(lines[0]).unwrap();
    assert_eq!(trace["relay-id"], id.to_string());
    assert_eq!(trace["destinations"][0]["transaction-id"], "minted-7");
    let events: Vec<&serde_json::Value> = trace["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["event"])
        .collect();
    assert_eq!(events, ["accepted", "outcome", "outcome", "accepted"]);
    assert_eq!(trace["history"][0]["to"], serde_json::json!([TO]));
    assert_eq!(trace["charging"][0]["record-type"], "relay-in");
}

#[test]
fn what_is_unknown_is_said_to_be_with_how_long_things_are_known() {
    let folder = tempfile::tempdir().unwrap();
    answered(folder.path());
    for unknown in ["m-2@mms.a.example", "0000000000001"] {
        let said = trace(folder.path(), &[unknown]);
        assert!(!said.ok && said.out.is_empty(), "{}", said.out);
        assert!(
            said.err.contains(&format!("nothing is known of {unknown}")) && said.err.contains("3 days"),
            "{}",
            said.err
        );
    }
}

#[test]
fn what_an_operator_does_to_a_message_is_in_its_trace() {
    let folder = tempfile::tempdir().unwrap();
    let spool = SqliteSpool::open(folder.path(), Options::default()).unwrap();
    let id = spool.next_id();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime
        .block_on(spool.commit(request(id, Timestamp(id.0 / 1000))))
        .unwrap();
    let destination = format!("{id}-1");
    let path = folder.path().to_str().unwrap();
    let before = trace(folder.path(), &["t-1"]);
    assert!(
        before
            .out
            .contains(&format!("in the queue: {destination}  operator-b  waiting")),
        "{}",
        before.out
    );
    for verb in ["retry", "drop"] {
        assert!(mm4relay(&["queue", verb, "--spool", path, &destination]).ok);
    }
    let said = trace(folder.path(), &["t-1"]);
    for did in ["retry", "drop"] {
        assert!(said.out.contains(&format!(": {did} {destination}\n")), "{}", said.out);
    }
    assert!(!said.out.contains("in the queue"), "{}", said.out);
    // What is gone does not wait.
    assert!(
        before.out.contains("    operator-b asked with minted-7 waits: "),
        "{}",
        before.out
    );
    assert!(
        said.out
            .contains("    operator-b asked with minted-7 was dropped from the queue: "),
        "{}",
        said.out
    );
    runtime.block_on(spool.close());
}

#[test]
fn what_a_relay_relays_is_traced_while_it_runs() {
    let peer = Peer::start();
    let relay = Relay::start(&config(&peer, &Link::bundled("charging", "").to_string()));
    assert!(relay.offer(&sample::forward_request("tr1")).starts_with("250"));
    peer.wait_for(1);
    let traced = eventually("the delivery is in the trace", || {
        let traced = relay.print(&["trace", "tr1@mms.a.example"]);
        traced.contains("destination 1 is delivered").then_some(traced)
    });
    let expected = [
        "MM4_forward.REQ from operator-a, ",
        "transaction ID \"tr1@mms.a.example\", version 6.5.0\n",
        "plug-in charging on arrival, ",
        " us: ",
        "to operator-b as ",
        " relay-in",
        "destination 1 is delivered",
        " relay-out",
    ];
    in_order(&traced, &expected);
}
