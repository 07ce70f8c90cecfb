//! Requests, what was heard of them, and the relay's own messages.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use crate::transactions::{Answers, Noted, Repeat, Response, Told, Transactions, What};

use super::Watched;
use super::form::{Labels, counter};

pub(super) struct Requests(pub Watched<Transactions>);

impl std::fmt::Debug for Requests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Requests")
    }
}

impl Collector for Requests {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let counts = self.0.upgrade().map(|all| all.counts.read()).unwrap_or_default();
        for (name, help, is_of) in FAMILIES {
            let rows = counts.iter().filter(|(noted, _)| is_of(noted.what));
            counter(
                &mut encoder,
                name,
                help,
                rows.map(|(noted, count)| (labels(noted), *count)),
            )?;
        }
        Ok(())
    }
}

type Family = (&'static str, &'static str, fn(What) -> bool);

const FAMILIES: [Family; 9] = [
    ("transactions_opened", "New requests, by the peer that asked", |what| {
        matches!(what, What::Opened)
    }),
    (
        "transactions_raised",
        "Those with the IDs of an earlier request and another body",
        |what| matches!(what, What::Raised),
    ),
    (
        "transaction_repeats",
        "Requests that came again, by the peer that asked and what became of them",
        |what| matches!(what, What::Repeat(_)),
    ),
    (
        "transaction_responses",
        "Responses, by the peer that answered and what became of them",
        |what| matches!(what, What::Response(_)),
    ),
    (
        "answers_unasked",
        "Answers to requests that the peer was not asked, refused, by that peer and what they were",
        |what| matches!(what, What::Unasked(_)),
    ),
    (
        "transaction_timeouts",
        "Responses that the relay waited for and that did not come in time, by the peer that owed them",
        |what| matches!(what, What::TimedOut),
    ),
    (
        "transaction_retries",
        "Requests that the relay asked again in its own name, by the peer that was asked",
        |what| matches!(what, What::AskedAgain),
    ),
    (
        "told",
        "Messages that the relay wrote itself, by the peer that they are for and what they are",
        |what| matches!(what, What::Told(_)),
    ),
    (
        "dead_letters",
        "Messages that did not arrive and of which nobody can be notified, by the peer that sent them",
        |what| matches!(what, What::DeadLetter),
    ),
];

fn labels(noted: &Noted) -> Labels {
    let more = match noted.what {
        What::Repeat(repeat) => Some(("became", of_repeat(repeat))),
        What::Response(response) => Some(("became", of_response(response))),
        What::Told(told) => Some(("what", of_told(told))),
        What::Unasked(answers) => Some(("what", of_answers(answers))),
        _ => None,
    };
    let peer = ("peer", noted.peer.to_string());
    let more = more.map(|(name, word)| (name, word.to_owned()));
    [peer].into_iter().chain(more).collect()
}

fn of_repeat(repeat: Repeat) -> &'static str {
    match repeat {
        Repeat::Answered => "answered",
        Repeat::Forwarded => "forwarded",
        Repeat::TakenOver => "taken-over",
        Repeat::Waiting => "waiting",
        Repeat::Unasked => "unasked",
    }
}

fn of_response(response: Response) -> &'static str {
    match response {
        Response::PassedOn => "passed-on",
        Response::Kept => "kept",
        Response::Late => "late",
        Response::Second => "second",
        Response::Stray => "stray",
    }
}

fn of_answers(answers: Answers) -> &'static str {
    match answers {
        Answers::Response => "response",
        Answers::Report => "report",
        Answers::Bounce => "bounce",
    }
}

fn of_told(told: Told) -> &'static str {
    match told {
        Told::Response => "response",
        Told::DeliveryReport => "delivery-report",
        Told::Bounce => "bounce",
    }
}
