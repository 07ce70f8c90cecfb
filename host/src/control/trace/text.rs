//! A trace for people, in the order in which things happened.

use std::fmt::Write;

use super::{json, time};
use crate::control::counted;
use crate::control::peers::Peer;
use crate::control::queue::Entry;
use crate::message::{Leg, NextHop, OutgoingId, Said, Timestamp, Todo, Transaction, Visible};
use crate::spool::{Arrival, Event, HistoryEntry, QueueEntry, Recorded, Refused, Trace, Traces};

/// Adds a line. Writing to a string cannot fail.
macro_rules! say {
    ($out:ident) => { $out.push('\n') };
    ($out:ident, $($text:tt)*) => {{
        let _ = writeln!($out, $($text)*);
    }};
}

/// Where what happened at a time begins: under the text behind the time.
const INDENT: &str = "                          ";

/// Everything, for people.
pub(super) fn of(traces: &Traces, peers: &[Peer]) -> String {
    let mut out = String::new();
    print(&mut out, traces, peers);
    if let Some(refused) = &traces.refused {
        print_refused(&mut out, refused);
    }
    out
}

fn print(out: &mut String, traces: &Traces, peers: &[Peer]) {
    for (place, trace) in traces.requests.iter().enumerate() {
        if place > 0 {
            say!(out);
        }
        request(out, &trace.transaction);
        for entry in &trace.history {
            happened(out, entry, &trace.charging);
        }
        now(out, trace, peers);
    }
    if !traces.queue.is_empty() {
        say!(out, "no request is known under this id; in the queue:");
    }
    for entry in &traces.queue {
        say!(out, "{}", Entry::of(entry, peers).to_string());
    }
}

fn print_refused(out: &mut String, of: &Refused) {
    let at = time(Timestamp(of.at));
    say!(
        out,
        "{at}  refused {}: {} at {} (said {})",
        of.id,
        of.peer,
        of.remote,
        of.helo
    );
    say!(out, "{INDENT}MAIL FROM:<{}>", of.from);
    lines(out, of.to.iter().map(|to| format!("RCPT TO:<{to}>")));
    let others = of.recipients.saturating_sub(of.to.len() as u64);
    if others > 0 {
        say!(out, "{INDENT}and {}", counted(others, "other recipient"));
    }
    say!(out, "{INDENT}{}", of.reason);
    say!(out, "{INDENT}it heard: {}", of.reply);
}

fn request(out: &mut String, of: &Transaction) {
    say!(out, "{} from {}, {}", of.kind.name(), of.source, of.id);
    let version = of
        .version
        .as_deref()
        .map_or_else(String::new, |version| format!(", version {version}"));
    say!(
        out,
        "    message ID {}, transaction ID {}{version}",
        of.message_id,
        of.transaction_id
    );
    let wants = [
        (of.wants.response, "a response"),
        (of.wants.delivery_report, "a delivery report"),
        (of.wants.read_reply, "a read-reply report"),
    ];
    let wants: Vec<&str> = wants
        .iter()
        .filter(|(wanted, _)| *wanted)
        .map(|(_, what)| *what)
        .collect();
    let wants = if wants.is_empty() {
        "nothing".into()
    } else {
        wants.join(", ")
    };
    say!(out, "    asked for {wants}; handled {}", json::mode(of.mode));
    if let Some(other) = of.like {
        say!(out, "    raised: the same IDs as {other}, and another body");
    }
    say!(out, "    known until {}", time(of.forget_at));
}

fn happened(out: &mut String, entry: &HistoryEntry, charging: &[Recorded]) {
    let at = time(entry.at);
    match &entry.event {
        Event::Accepted(arrival) => arrived(out, &at, "accepted", arrival),
        Event::Finished(arrival) => arrived(out, &at, "through its plug-ins", arrival),
        Event::Later { reason, due } => {
            let reason = Visible(reason);
            say!(out, "{at}  not through its plug-ins: {reason}; again at {}", time(*due));
        }
        Event::Refused { reason, changes, .. } => {
            say!(out, "{at}  refused after it was accepted: {}", Visible(reason));
            lines(out, changes);
        }
        Event::Outcome {
            id,
            became,
            said,
            due,
            changes,
            ..
        } => {
            let said = said
                .as_deref()
                .map_or_else(String::new, |said| format!(": {}", Visible(said)));
            let due = due.map_or_else(String::new, |due| format!("; again at {}", time(due)));
            say!(out, "{at}  {became} {id}{said}{due}");
            lines(out, changes);
        }
        Event::Settled { id, .. } => say!(out, "{at}  the plug-ins have taken the outcome of {id}"),
        Event::Changed { changes, .. } => {
            let mut changes = changes.iter();
            let first = changes
                .next()
                .map_or("it is decided what whoever asked hears", String::as_str);
            say!(out, "{at}  {}", Visible(first));
            lines(out, changes);
        }
        Event::Operator { who, did, id } => {
            let id = id.map_or_else(String::new, |id| format!(" {id}"));
            say!(out, "{at}  {who}: {did}{id}");
        }
    }
    if let Some(node) = &entry.node {
        say!(out, "{INDENT}by relay {node}");
    }
    if let Some((first, last)) = entry.event.charged() {
        let kind = |sequence| {
            charging
                .iter()
                .find(|row| row.sequence == sequence)
                .map(json::record_type)
        };
        let records = (first..=last).map(|sequence| format!("{sequence} {}", kind(sequence).unwrap_or("(purged)")));
        say!(
            out,
            "{INDENT}charging records {}",
            records.collect::<Vec<_>>().join(", ")
        );
    }
}

fn arrived(out: &mut String, at: &str, what: &str, arrival: &Arrival) {
    let Arrival { id, source, size, .. } = arrival;
    say!(
        out,
        "{at}  {what} {id}: {source} at {} (said {}), {}",
        arrival.remote,
        arrival.helo,
        counted(*size, "octet")
    );
    lines(out, arrival.says.iter().map(said));
    say!(
        out,
        "{INDENT}MAIL FROM:<{}>",
        arrival.from.as_deref().unwrap_or_default()
    );
    lines(out, arrival.to.iter().map(|to| format!("RCPT TO:<{to}>")));
    for step in &arrival.journey {
        let (plugin, occasion, micros) = (&step.plugin, &step.occasion, step.micros);
        say!(
            out,
            "{INDENT}plug-in {plugin} on {occasion}, {micros} us: {}",
            Visible(&step.did.join("; "))
        );
    }
    for (ordinal, peer, given_up) in &arrival.destinations {
        let given_up = given_up
            .as_deref()
            .map_or_else(String::new, |why| format!(", given up: {}", Visible(why)));
        say!(
            out,
            "{INDENT}to {peer} as {}{given_up}",
            OutgoingId {
                message: arrival.id,
                ordinal: *ordinal
            }
        );
    }
    lines(
        out,
        arrival.hold.iter().map(|reason| format!("stays as received: {reason}")),
    );
    lines(out, arrival.holders.iter().map(|holder| format!("held by {holder}")));
    lines(out, &arrival.changes);
}

/// As it came from outside: [`lines`] makes it visible.
fn said(said: &Said) -> String {
    let status = said
        .status
        .as_deref()
        .map_or_else(String::new, |status| format!(": {status}"));
    let text = said.text.as_deref().filter(|text| !text.is_empty());
    let text = text.map_or_else(String::new, |text| format!(" ({text})"));
    format!("{}{status}{text}", said.kind)
}

fn lines(out: &mut String, texts: impl IntoIterator<Item = impl std::fmt::Display>) {
    for text in texts {
        say!(out, "{INDENT}{}", Visible(&text.to_string()));
    }
}

fn now(out: &mut String, trace: &Trace, peers: &[Peer]) {
    let of = &trace.transaction;
    say!(out, "now");
    for leg in &of.legs {
        say!(out, "    {}", destination(leg, &trace.state_of(leg)));
    }
    match of.answer() {
        Some(answer) => {
            // What the relay wrote to the peer that asked is a message of its own, and may wait like any other.
            let is_for_it = |entry: &&QueueEntry| {
                entry.next_hop.as_ref().and_then(NextHop::peer) == Some(&of.source) && entry.id.message() != of.id
            };
            let waits = trace.queue.iter().find(is_for_it);
            let waits = waits.map_or_else(String::new, |entry| format!("; not delivered yet: {} waits", entry.id));
            say!(
                out,
                "    {} was answered {answer} at {}{waits}",
                of.source,
                time(answer.at)
            );
        }
        None if of.wants.response => say!(out, "    {} was not answered", of.source),
        None => {}
    }
    if let Some(task) = of.next {
        let what = match task.what {
            Todo::Tell => "tells the sender",
            Todo::Await => "looks whether responses have come",
        };
        say!(out, "    the relay {what} at {}", time(task.due));
    }
    for entry in &trace.queue {
        say!(
            out,
            "    in the queue: {}",
            Entry::of(entry, peers).to_string().replace('\n', "\n    ")
        );
    }
}

fn destination(leg: &Leg, state: &str) -> String {
    let asked_with = leg.transaction_id.as_ref();
    let asked_with = asked_with.map_or_else(String::new, |id| format!(" asked with {id}"));
    let repeats = match leg.repeats {
        0 => String::new(),
        1 => ", asked again once".to_owned(),
        times => format!(", asked again {times} times"),
    };
    let to: Vec<&str> = leg
        .recipients
        .iter()
        .map(|recipient| recipient.address.as_str())
        .collect();
    let next_hop = leg.next_hop();
    format!("{next_hop}{asked_with} {state}{repeats}: {}", to.join(", "))
}
