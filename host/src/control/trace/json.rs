//! The same as JSON, with names that last.

use serde_json::{Value, json};

use super::time;
use crate::message::{Holder, Leg, Mode, NextHop, OpaqueId, Ordinal, Transaction};
use crate::spool::{Arrival, Event, HistoryEntry, QueueEntry, Recorded, Trace};

pub(super) fn of(trace: &Trace) -> Value {
    let of = &trace.transaction;
    json!({
        "relay-id": of.id.to_string(),
        "type": of.kind.name(),
        "source": of.source.as_str(),
        "message-id": of.message_id.as_text(),
        "transaction-id": of.transaction_id.as_text(),
        "version": of.version,
        "mode": mode(of.mode),
        "received-at": time(of.received_at),
        "forgotten-at": time(of.forget_at),
        "wants": wants(of),
        "raised-like": of.like.map(|other| other.to_string()),
        "history": trace.history.iter().map(entry).collect::<Vec<_>>(),
        "destinations": of.legs.iter().map(|leg| destination(leg, &trace.state_of(leg))).collect::<Vec<_>>(),
        "answer": of.answer().map(|answer| json!({
            "status": answer.status, "text": answer.text, "at": time(answer.at),
        })),
        "next": of.next.map(|task| json!({"what": task.what.as_str(), "due": time(task.due)})),
        "queue": trace.queue.iter().map(queued).collect::<Vec<_>>(),
        "charging": trace.charging.iter().map(record).collect::<Vec<_>>(),
    })
}

pub(super) fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Transparent => "transparent",
        Mode::PreAcknowledge => "pre-acknowledge",
    }
}

pub(super) fn record_type(row: &Recorded) -> &str {
    row.record["record-type"].as_str().unwrap_or("of no type")
}

fn wants(of: &Transaction) -> Value {
    let wants = of.wants;
    json!({"response": wants.response, "delivery-report": wants.delivery_report, "read-reply": wants.read_reply})
}

fn entry(entry: &HistoryEntry) -> Value {
    let (what, mut value) = match &entry.event {
        Event::Accepted(arrival) => ("accepted", arrived(arrival)),
        Event::Finished(arrival) => ("finished", arrived(arrival)),
        Event::Later { reason, due } => ("later", json!({"reason": reason, "due": time(*due)})),
        Event::Refused { reason, changes, .. } => ("refused", json!({"reason": reason, "changes": changes})),
        Event::Outcome {
            id,
            became,
            said,
            due,
            changes,
            ..
        } => (
            "outcome",
            json!({
                "id": id.to_string(), "became": became, "reply": said, "due": due.map(time), "changes": changes,
            }),
        ),
        Event::Settled { id, .. } => ("outcome-taken", json!({"id": id.to_string()})),
        Event::Changed { changes, .. } => ("changed", json!({"changes": changes})),
        Event::Operator { who, did, id } => {
            let id = id.map(|id| id.to_string());
            ("operator", json!({"who": who, "did": did, "id": id}))
        }
    };
    value["at"] = time(entry.at).into();
    value["by-relay"] = entry.node.clone().into();
    value["event"] = what.into();
    if let Some((first, last)) = entry.event.charged() {
        value["charging-records"] = json!([first, last]);
    }
    value
}

fn arrived(arrival: &Arrival) -> Value {
    let destinations = arrival.destinations.iter();
    let destinations = destinations
        .map(|(ordinal, peer, why)| json!({"ordinal": ordinal.get(), "peer": peer.as_str(), "given-up": why}))
        .collect::<Vec<_>>();
    let plug_ins = arrival.journey.iter().map(|step| {
        json!({
            "plugin": step.plugin,
            "occasion": step.occasion,
            "did": step.did,
            "micros": step.micros,
            "body-octets-read": step.body_octets_read,
            // The earlier name of the same field: see docs/versions.md.
            "body_octets_read": step.body_octets_read,
        })
    });
    let plug_ins = plug_ins.collect::<Vec<_>>();
    json!({
        "relay-id": arrival.id.to_string(),
        "type": arrival.says.as_ref().map(|says| &says.kind),
        "status": arrival.says.as_ref().and_then(|says| says.status.as_ref()),
        "status-text": arrival.says.as_ref().and_then(|says| says.text.as_ref()),
        "source": arrival.source.as_str(),
        "remote": arrival.remote,
        "helo": arrival.helo,
        "octets": arrival.size,
        "from": arrival.from,
        "to": arrival.to,
        "plug-ins": plug_ins,
        "destinations": destinations,
        "held": arrival.hold,
        "held-by": held_by(&arrival.holders),
        "changes": arrival.changes,
    })
}

fn held_by(holders: &[Holder]) -> Vec<Value> {
    let holder = |holder: &Holder| {
        json!({
            "plugin": holder.plugin,
            "rule": holder.rule.as_str(),
            "next-hop": holder.to.as_ref().map(|peer| peer.as_str()),
            "reason": holder.reason,
        })
    };
    holders.iter().map(holder).collect()
}

fn destination(leg: &Leg, state: &str) -> Value {
    let recipients = leg.recipients.iter();
    let recipients: Vec<&str> = recipients.map(|recipient| recipient.address.as_str()).collect();
    json!({
        "ordinal": leg.ordinal().map_or(0, Ordinal::get),
        "peer": leg.next_hop().as_str(),
        "transaction-id": leg.transaction_id.as_ref().map(OpaqueId::as_text),
        "recipients": recipients,
        "state": state,
        "repeats": leg.repeats,
    })
}

fn queued(entry: &QueueEntry) -> Value {
    json!({
        "id": entry.id.to_string(),
        "state": entry.standing(),
        "peer": entry.next_hop.as_ref().map(NextHop::as_str),
        "attempts": entry.attempts,
        "due": entry.due.map(time),
        "reason": entry.reason,
        "held-by": held_by(&entry.holders),
        "released": entry.released,
        "accepted-by": entry.accepted_by,
        "worked-on-by": entry.held_by,
    })
}

fn record(row: &Recorded) -> Value {
    json!({
        "sequence": row.sequence, "id": row.id.to_string(), "plugin": row.plugin, "record-type": record_type(row),
    })
}
