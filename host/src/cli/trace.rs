//! `mm4relay trace`: everything that is known about a message, in the order in which it happened.

mod json;

use crate::clock::rfc3339_millis as time;
use crate::message::{Leg, NextHop, OutgoingId, Said, Timestamp, Todo, Transaction, Visible, visible_json};
use crate::spool::{Arrival, Event, HistoryEntry, QueueEntry, Recorded, Refused, Trace, Traces};

use super::queue::{self, PeersNow, SpoolArgs};
use super::{counted, who};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    spool: SpoolArgs,
    /// X-Mms-Message-ID or X-Mms-Transaction-ID, with or without quotes; or an id of the relay, as in its log
    id: String,
    /// As JSON, one request a line
    #[arg(long)]
    json: bool,
}

/// Where what happened at a time begins: under the text behind the time.
const INDENT: &str = "                          ";

pub fn run(args: &Args) -> anyhow::Result<()> {
    let traces = args.spool.open()?.trace(&args.id, &who::me())?;
    if args.json {
        for trace in &traces.requests {
            println!("{}", visible_json(&json::of(trace).to_string()));
        }
    } else {
        print(&traces, &PeersNow::read(&args.spool.folder()?));
    }
    if let Some(refused) = &traces.refused {
        match args.json {
            true => println!("{}", serde_json::json!({"refused": refused})),
            false => print_refused(refused),
        }
    }
    if traces.requests.is_empty() && traces.queue.is_empty() && traces.refused.is_none() {
        anyhow::bail!(
            "nothing is known of {}: a request is forgotten when its message has expired, at the earliest after \
             `[transactions] keep` (3 days unless configured), and what is no request when it has left the queue; what was \
             refused, when ten thousand others have been since",
            args.id
        );
    }
    Ok(())
}

fn print(traces: &Traces, standing: &PeersNow) {
    for (place, trace) in traces.requests.iter().enumerate() {
        if place > 0 {
            println!();
        }
        request(&trace.transaction);
        for entry in &trace.history {
            happened(entry, &trace.charging);
        }
        now(trace, standing);
    }
    if !traces.queue.is_empty() {
        println!("no request is known under this id; in the queue:");
    }
    for entry in &traces.queue {
        println!("{}", queue::line(entry, standing));
    }
}

fn print_refused(of: &Refused) {
    let at = time(Timestamp(of.at));
    println!(
        "{at}  refused {}: {} at {} (said {})",
        of.id, of.peer, of.remote, of.helo
    );
    println!("{INDENT}MAIL FROM:<{}>", of.from);
    lines(of.to.iter().map(|to| format!("RCPT TO:<{to}>")));
    let others = of.recipients.saturating_sub(of.to.len() as u64);
    if others > 0 {
        println!("{INDENT}and {}", counted(others, "other recipient"));
    }
    println!("{INDENT}{}", of.reason);
    println!("{INDENT}it heard: {}", of.reply);
}

fn request(of: &Transaction) {
    println!("{} from {}, {}", of.kind.name(), of.source, of.id);
    let version = of
        .version
        .as_deref()
        .map_or_else(String::new, |version| format!(", version {version}"));
    println!(
        "    message ID {}, transaction ID {}{version}",
        of.message_id, of.transaction_id
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
    println!("    asked for {wants}; handled {}", json::mode(of.mode));
    if let Some(other) = of.like {
        println!("    raised: the same IDs as {other}, and another body");
    }
    println!("    known until {}", time(of.forget_at));
}

fn happened(entry: &HistoryEntry, charging: &[Recorded]) {
    let at = time(entry.at);
    match &entry.event {
        Event::Accepted(arrival) => arrived(&at, "accepted", arrival),
        Event::Finished(arrival) => arrived(&at, "through its plug-ins", arrival),
        Event::Later { reason, due } => {
            let reason = Visible(reason);
            println!("{at}  not through its plug-ins: {reason}; again at {}", time(*due));
        }
        Event::Refused { reason, changes } => {
            println!("{at}  refused after it was accepted: {}", Visible(reason));
            lines(changes);
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
            println!("{at}  {became} {id}{said}{due}");
            lines(changes);
        }
        Event::Settled { id, .. } => println!("{at}  the plug-ins have taken the outcome of {id}"),
        Event::Changed { changes } => {
            let mut changes = changes.iter();
            println!("{at}  {}", Visible(changes.next().map_or("", String::as_str)));
            lines(changes);
        }
        Event::Operator { who, did, id } => {
            let id = id.map_or_else(String::new, |id| format!(" {id}"));
            println!("{at}  {who}: {did}{id}");
        }
    }
    if let Some((first, last)) = entry.event.charged() {
        let kind = |sequence| {
            charging
                .iter()
                .find(|row| row.sequence == sequence)
                .map(json::record_type)
        };
        let records = (first..=last).map(|sequence| format!("{sequence} {}", kind(sequence).unwrap_or("(purged)")));
        println!("{INDENT}charging records {}", records.collect::<Vec<_>>().join(", "));
    }
}

fn arrived(at: &str, what: &str, arrival: &Arrival) {
    let Arrival { id, source, size, .. } = arrival;
    println!(
        "{at}  {what} {id}: {source} at {} (said {}), {}",
        arrival.remote,
        arrival.helo,
        counted(*size, "octet")
    );
    lines(arrival.says.iter().map(said));
    println!("{INDENT}MAIL FROM:<{}>", arrival.from.as_deref().unwrap_or_default());
    lines(arrival.to.iter().map(|to| format!("RCPT TO:<{to}>")));
    for step in &arrival.journey {
        let (plugin, occasion, micros) = (&step.plugin, &step.occasion, step.micros);
        println!(
            "{INDENT}plug-in {plugin} on {occasion}, {micros} us: {}",
            Visible(&step.did.join("; "))
        );
    }
    for (ordinal, peer, given_up) in &arrival.destinations {
        let given_up = given_up
            .as_deref()
            .map_or_else(String::new, |why| format!(", given up: {}", Visible(why)));
        println!(
            "{INDENT}to {peer} as {}{given_up}",
            OutgoingId {
                message: arrival.id,
                ordinal: *ordinal
            }
        );
    }
    lines(arrival.hold.iter().map(|reason| format!("stays as received: {reason}")));
    lines(arrival.holders.iter().map(|holder| format!("held by {holder}")));
    lines(&arrival.changes);
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

fn lines(texts: impl IntoIterator<Item = impl std::fmt::Display>) {
    for text in texts {
        println!("{INDENT}{}", Visible(&text.to_string()));
    }
}

fn now(trace: &Trace, standing: &PeersNow) {
    let of = &trace.transaction;
    println!("now");
    for leg in &of.legs {
        println!("    {}", destination(leg, &trace.state_of(leg)));
    }
    match &of.answer {
        Some(answer) => {
            // What the relay wrote to the peer that asked is a message of its own, and may wait like any other.
            let is_for_it = |entry: &&QueueEntry| {
                entry.next_hop.as_ref().and_then(NextHop::peer) == Some(&of.source) && entry.id.message() != of.id
            };
            let waits = trace.queue.iter().find(is_for_it);
            let waits = waits.map_or_else(String::new, |entry| format!("; not delivered yet: {} waits", entry.id));
            println!("    {} was answered {answer} at {}{waits}", of.source, time(answer.at));
        }
        None if of.wants.response => println!("    {} was not answered", of.source),
        None => {}
    }
    if let Some(task) = of.next {
        let what = match task.what {
            Todo::Tell => "tells the sender",
            Todo::Await => "looks whether responses have come",
        };
        println!("    the relay {what} at {}", time(task.due));
    }
    for entry in &trace.queue {
        println!(
            "    in the queue: {}",
            queue::line(entry, standing).replace('\n', "\n    ")
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
