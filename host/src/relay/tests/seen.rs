//! What was seen of one case, for people.

use super::house::{Heard, House, Tried, reply, tally};
use crate::delivery::tests::by_hand::Says;
use crate::message::{Header, Leg, MessageType, NextHop, Source, StreamName};
use crate::protocol::mm4::Pdu;
use crate::spool::{Acceptance, By, Event, Filter, GoesOn, Operator as _, Streams as _, Trace};

/// The columns of [`Seen::line`].
pub(super) const HEAD: &str = "| asks for | A hears | accepted | sent | charged | told | the request afterwards |\n\
                               |---|---|---|---|---|---|---|\n";

pub(super) struct Seen {
    /// What operator A heard at the end of its data, each time; and whoever answered, when that was refused.
    hears: String,
    accepted: String,
    /// To operators B and C.
    sent: String,
    charged: String,
    /// Operator A.
    told: String,
    request: String,
}

impl Seen {
    pub(super) fn of(house: &House, heard: &[Heard]) -> Self {
        let traced = traces(house);
        let accepted = house.accepted.0.lock().unwrap();
        let of_a = accepted
            .iter()
            .filter(|acceptance| acceptance.origin.source.as_str() == "operator-a");
        Self {
            hears: heard.iter().map(reply).collect::<Vec<_>>().join(", then "),
            accepted: of_a.map(came_to).collect::<Vec<_>>().join(", then "),
            sent: tally(house.tried.iter().filter(|tried| !tried.is_for_a()).map(sent)),
            charged: charged(house),
            told: told(house, &traced),
            request: afterwards(house, &traced),
        }
    }

    /// For requests that ask for this or that.
    pub(super) fn line(&self) -> String {
        let Self {
            hears,
            accepted,
            sent,
            charged,
            told,
            request,
        } = self;
        format!("{hears} | {accepted} | {sent} | {charged} | {told} | {request}")
    }

    /// Of a quirk, what might be otherwise than of a plain request.
    pub(super) fn of_quirk(&self) -> String {
        format!("{} | {} | {}", self.hears, self.charged, self.told)
    }
}

/// What was to be committed of a message.
fn came_to(acceptance: &Acceptance) -> String {
    let sent = acceptance
        .outgoing
        .iter()
        .map(|outgoing| format!("to {}", to(&outgoing.next_hop)));
    let failed = acceptance
        .failed
        .iter()
        .map(|(outgoing, _)| format!("failed for {}", to(&outgoing.next_hop)));
    let held = acceptance.hold.iter().map(|hold| match hold.goes_on {
        GoesOn::At(_) => "for later".to_owned(),
        GoesOn::WhenReleased { .. } => "held".to_owned(),
    });
    let ended = acceptance
        .ended
        .iter()
        .map(|end| format!("{:?}", end.end).to_lowercase());
    let answered = acceptance.opens.iter().filter_map(|opens| opens.answer());
    let answered = answered.map(|answer| format!("answered {}", answer.status));
    match tally(sent.chain(failed).chain(held).chain(ended).chain(answered)) {
        nothing if nothing.is_empty() => "nothing".into(),
        came_to => came_to,
    }
}

/// B for operator-b.
fn to(next_hop: &NextHop) -> String {
    match next_hop.peer() {
        Some(peer) => letter(peer.as_str()),
        None => "nobody".into(),
    }
}

fn letter(peer: &str) -> String {
    peer.trim_start_matches("operator-").to_uppercase()
}

fn sent(tried: &Tried) -> String {
    let said = match tried.said {
        Says::Yes => "250".to_owned(),
        Says::Reply(code, (subject, detail), _) => format!("{code} {}.{subject}.{detail}", code / 100),
        Says::Nothing => "not reached".into(),
        Says::NoMail => "no mail".into(),
    };
    let recipients = match tried.outgoing.envelope.recipients.len() {
        1 => String::new(),
        many => format!(" for {many}"),
    };
    format!(
        "{} to {}{recipients}: {said}",
        kind(&tried.header),
        to(&tried.outgoing.next_hop)
    )
}

/// `forward.REQ`.
fn kind(header: &Header) -> String {
    match MessageType::of(header) {
        None | Some(MessageType::Other) => "mail".into(),
        Some(kind) => kind.name().trim_start_matches("MM4_").to_owned(),
    }
}

/// The records, in their order, by the type of the message that they are about.
fn charged(house: &House) -> String {
    let mut by_type: Vec<(String, Vec<String>)> = Vec::new();
    for recorded in house.store.records(&StreamName::CHARGING, 0, 1000).unwrap() {
        let of = |field: &str| recorded.record[field].as_str().unwrap_or_default().to_owned();
        let (kind, mut at) = (of("type"), of("at"));
        for (peer, shown) in [
            ("operator-a", "A"),
            ("operator-b", "B"),
            ("operator-c", "C"),
            ("no-route", "nobody"),
        ] {
            at = at.replace(peer, shown);
        }
        match by_type.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, records)) => records.push(at),
            None => by_type.push((kind, vec![at])),
        }
    }
    let of_type = |(kind, records): (String, Vec<String>)| format!("{kind}: {}", tally(records));
    by_type.into_iter().map(of_type).collect::<Vec<_>>().join("<br>")
}

/// What operator A was told, and how often nobody was there to hear it.
fn told(house: &House, traced: &[Trace]) -> String {
    let said = house.tried.iter().filter(|tried| tried.is_for_a()).map(|tried| {
        let pdu = Pdu::of(&tried.header);
        let words = match MessageType::of(&tried.header) {
            Some(kind) if kind.request().is_some() => {
                format!("response {}", pdu.said(kind).status.unwrap_or_default())
            }
            Some(kind @ MessageType::DeliveryReportRequest) => {
                format!("report {}", pdu.said(kind).status.unwrap_or_default())
            }
            Some(MessageType::Other) | None => "bounce".into(),
            Some(kind) => kind.name().to_owned(),
        };
        match &tried.outgoing.source {
            Source::Relay => words,
            Source::Peer(peer) => format!("{words} (passed on from {})", letter(peer.as_str())),
        }
    });
    let changes = traced
        .iter()
        .flat_map(|trace| &trace.history)
        .flat_map(|entry| match &entry.event {
            Event::Changed { changes, .. } => changes.clone(),
            _ => Vec::new(),
        });
    let unheard = changes.filter(|change| change.contains("cannot be reported"));
    match tally(said.chain(unheard.map(|_| "nobody".to_owned()))) {
        nothing if nothing.is_empty() => "nothing".into(),
        told => told,
    }
}

/// What is known of the requests under the message's ID, and what is left in the queue.
fn afterwards(house: &House, traced: &[Trace]) -> String {
    let leg = |leg: &Leg| format!("{} {}", to(&leg.next_hop()), leg.state);
    let requests = traced.iter().map(|Trace { transaction, .. }| {
        let legs = transaction.legs.iter().map(leg);
        let answer = transaction
            .answer()
            .into_iter()
            .map(|answer| format!("A has {}", answer.status));
        legs.chain(answer).collect::<Vec<_>>().join("; ")
    });
    let requests = requests.collect::<Vec<_>>().join(", then ");
    let queue = house.store.list(&Filter::default()).unwrap();
    match tally(queue.iter().map(|entry| format!("{:?}", entry.state).to_lowercase())) {
        empty if empty.is_empty() => requests,
        left if requests.is_empty() => format!("in the queue: {left}"),
        left => format!("{requests}; in the queue: {left}"),
    }
}

fn traces(house: &House) -> Vec<Trace> {
    let by = By {
        who: "a test".into(),
        noting: None,
        at: house.now(),
    };
    let accepted = house.accepted.0.lock().unwrap();
    let mut ids: Vec<_> = accepted
        .iter()
        .filter(|acceptance| acceptance.opens.is_some())
        .map(|acceptance| acceptance.id)
        .collect();
    ids.dedup();
    let traced = |id: &crate::message::MessageId| house.store.trace(&id.to_string(), &by).unwrap().requests;
    ids.iter().flat_map(traced).collect()
}
