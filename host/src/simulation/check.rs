//! Whether the books balance, when a story is over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::books::{Books, Entry};
use super::house::GIVE_UP;
use super::mail::{self, Seen};
use super::operators::{About, Mail, Operator, Operators, Stands, Taken};
use super::plugin::Whim;
use super::story::{Letter, Story, Terms, What};
use super::world::{World, held};
use crate::message::{End, MessageId, QueueId, Source};
use crate::spool::memory::MemorySpool;
use crate::spool::{Filter, Operator as _, QueueState};

/// All that is known when a story is over.
pub(super) struct Ending<'a> {
    pub(super) story: &'a Story,
    pub(super) world: &'a World,
    pub(super) operators: &'a Operators,
    pub(super) store: &'a MemorySpool,
    pub(super) log: &'a [String],
    /// How many messages are stored.
    pub(super) messages: usize,
}

/// A message that waits needs a moment for its connection, and no more than that.
const PROMPT: Duration = Duration::from_millis(700);

impl Ending<'_> {
    /// What is wrong, in words.
    pub(super) fn complaints(&self) -> Vec<String> {
        let books = held(&self.world.books);
        let operators = self.operators.each();
        let mut wrong = Vec::new();
        self.acknowledged(&books, &operators, &mut wrong);
        self.ends(&books, &operators, &mut wrong);
        self.copies(&books, &operators, &mut wrong);
        self.repetitions(&books, &operators, &mut wrong);
        self.answers(&books, &operators, &mut wrong);
        self.told(&books, &mut wrong);
        self.reported(&books, &mut wrong);
        self.said_right(&books, &operators, &mut wrong);
        self.read_replies(&books, &operators, &mut wrong);
        self.sent_away(&operators, &mut wrong);
        self.expired(&books, &operators, &mut wrong);
        self.discarded(&books, &mut wrong);
        self.left_over(&mut wrong);
        self.refused(&books, &operators, &mut wrong);
        self.charged(&books, &mut wrong);
        self.answers_charged(&books, &mut wrong);
        self.logged(&mut wrong);
        self.prompt(&books, &operators, &mut wrong);
        spread(&books, &mut wrong);
        wrong
    }

    pub(super) fn mails(operators: &[Operator], about: About) -> impl Iterator<Item = &Mail> {
        let all = operators.iter().flat_map(|operator| &operator.outbox);
        all.filter(move |mail| mail.about == about)
    }

    /// Whoever heard 250 has a message in the store.
    fn acknowledged(&self, books: &Books, operators: &[Operator], wrong: &mut Vec<String>) {
        for operator in operators {
            for mail in &operator.outbox {
                let (Stands::Acknowledged(to), Some(at)) = (&mail.stands, mail.acknowledged) else {
                    continue;
                };
                let seen = Seen::of(mail.octets.as_bytes());
                let is_it = |entry: &&Entry| {
                    entry.seen.kind == seen.kind && entry.seen.message == seen.message && entry.source != Source::Relay
                };
                let taken = books.entries.values().filter(is_it).filter(|entry| entry.at <= at);
                let (who, what) = (operator.letter.to_ascii_uppercase(), mail.about);
                match taken.map(Entry::recipients).max() {
                    None => wrong.push(format!("{who} heard 250 for {what:?} before it was in the store")),
                    Some(kept) if kept < to.len() => {
                        wrong.push(format!(
                            "{who} heard 250 for {} recipients of {what:?}, and {kept} are kept",
                            to.len()
                        ));
                    }
                    Some(_) => {}
                }
            }
        }
    }

    /// Each recipient has come to one end, or an operator sees it.
    fn ends(&self, books: &Books, operators: &[Operator], wrong: &mut Vec<String>) {
        let filter = Filter {
            limit: usize::MAX,
            ..Filter::default()
        };
        let queue: BTreeSet<QueueId> = self.store.list(&filter).unwrap().iter().map(|entry| entry.id).collect();
        for (id, entry) in &books.entries {
            let is_seen = |place: QueueId| queue.contains(&place) || books.dropped.contains(&place);
            let as_received = is_seen(QueueId::AsReceived(*id));
            let opened: BTreeSet<_> = entry.lines.keys().map(|(_, recipient)| *recipient).collect();
            if !as_received && !entry.received.is_subset(&opened) {
                wrong.push(format!("a recipient of {} is nowhere", named(*id, entry)));
            }
            for ((ordinal, recipient), line) in &entry.lines {
                let place = queue_id(*id, *ordinal);
                match line.ends.as_slice() {
                    [] if !is_seen(place) => wrong.push(format!(
                        "recipient {} of {} has come to no end",
                        recipient.0,
                        named(*id, entry)
                    )),
                    [] | [_] => {}
                    // What the relay asks again is delivered again.
                    more if self.asks_again() && more.iter().all(|end| *end == End::Delivered) => {}
                    more => wrong.push(format!(
                        "recipient {} of {} has ended {more:?}",
                        recipient.0,
                        named(*id, entry)
                    )),
                }
                let to = line.to.as_deref().and_then(|to| to.chars().last());
                let (Some(to), Some(address), true) = (to, &line.address, line.ends.contains(&End::Delivered)) else {
                    continue;
                };
                let taken = taken_by(operators, to).filter(|taken| taken.seen.id == id.to_string());
                if !taken.flat_map(|taken| &taken.to).any(|to| to == address.as_str()) {
                    let text = format!("{} counts as delivered, and was not taken", named(*id, entry));
                    wrong.push(text);
                }
            }
        }
    }

    /// Whether the relay may have been asked to ask in its own name.
    pub(super) fn asks_again(&self) -> bool {
        let reloaded = |act: &super::story::Act| act.what == What::Reloads(Terms::PreAcknowledge);
        self.story.terms == Terms::PreAcknowledge || self.story.acts.iter().any(reloaded)
    }

    /// Nothing was taken that nobody sent, nor before it was in the store, nor later than it should be tried.
    fn copies(&self, books: &Books, operators: &[Operator], wrong: &mut Vec<String>) {
        let letters: BTreeMap<u32, &Letter> = self.story.letters().map(|letter| (letter.number, letter)).collect();
        for operator in operators {
            let by = operator.letter.to_ascii_uppercase();
            for taken in &operator.taken {
                let what = format!("{} {} that {by} took", taken.seen.kind, taken.seen.message);
                if !taken.durable {
                    wrong.push(format!("{what} was not in the store when it was sent"));
                }
                let entry = taken
                    .seen
                    .id
                    .parse()
                    .ok()
                    .and_then(|id: MessageId| books.entries.get(&id));
                let Some(entry) = entry else {
                    wrong.push(format!("{what} was never accepted"));
                    continue;
                };
                let Some(letter) = entry.letter().and_then(|number| letters.get(&number)) else {
                    continue;
                };
                if taken.seen.body != Seen::of(mail::request(letter).as_bytes()).body {
                    wrong.push(format!("{what} is not as it was sent"));
                }
                let meant = letter.to.iter().filter(|(to, _)| *to == operator.letter);
                let meant: Vec<String> = meant.map(|(to, number)| mail::subscriber(*to, *number)).collect();
                if taken.to.iter().any(|to| !meant.contains(to)) {
                    wrong.push(format!("{what} was for somebody else"));
                }
                let late = entry.at.plus(GIVE_UP + Duration::from_secs(120));
                if !entry.held && !self.asks_again() && !self.is_put_off() && taken.at > late {
                    wrong.push(format!("{what} should have been given up by then"));
                }
            }
        }
    }

    /// Whether an operator of the relay has let messages wait longer than they should.
    fn is_put_off(&self) -> bool {
        let puts_off = |what: &What| {
            matches!(
                what,
                What::Pauses { .. }
                    | What::HoldsAll
                    | What::RetriesAll
                    | What::Full { .. }
                    | What::Killed { .. }
                    | What::Restarts { .. }
                    | What::PlugIn { .. }
                    | What::ClockIsSet(_)
            )
        };
        self.story.acts.iter().any(|act| puts_off(&act.what))
    }

    /// Nobody got anything twice whose first copy the relay knew to be taken.
    fn repetitions(&self, books: &Books, operators: &[Operator], wrong: &mut Vec<String>) {
        if self.asks_again() {
            return;
        }
        // The relay says so when it ends without having recorded what became of a message.
        let lost = self.log.iter().any(|line| is_event(line, "outcome-lost"));
        for operator in operators {
            let mut last: BTreeMap<(&str, &str), &Taken> = BTreeMap::new();
            for taken in &operator.taken {
                for to in &taken.to {
                    let before = last.insert((&taken.seen.id, to), taken);
                    let Some(before) = before else { continue };
                    let by = operator.letter.to_ascii_uppercase();
                    if books.disturbed_between(before.at, taken.at) || lost {
                        continue;
                    }
                    if before.was_heard() {
                        wrong.push(format!("{by} was sent {} again, which it had taken", taken.seen.id));
                    }
                    // What one relay does not know for certain is nothing to the other one.
                    let forgotten = self.story.beside || books.started_between(before.at, taken.at);
                    if before.host != taken.host && !forgotten {
                        wrong.push(format!(
                            "{by} was sent {} at another host than the one that may have it",
                            taken.seen.id
                        ));
                    }
                }
            }
        }
    }

    pub(super) fn is_refused_by_plug_in(&self) -> bool {
        let refuses = |what: &What| {
            let whim = Whim::Refuses;
            matches!(what, What::PlugIn { whim: is, .. } if *is == whim)
        };
        self.story.acts.iter().any(|act| refuses(&act.what))
    }

    /// Nobody is refused whom nobody has refused; and an answer that was refused lies in no queue.
    fn refused(&self, books: &Books, operators: &[Operator], wrong: &mut Vec<String>) {
        let by_plug_in = self.is_refused_by_plug_in();
        for (id, entry) in &books.entries {
            if entry.refused && !by_plug_in && !entry.seen.is_meddling() {
                wrong.push(format!(
                    "{} was refused from the spool, and nobody refused it",
                    named(*id, entry)
                ));
            }
            for line in entry.lines.values().filter(|line| line.ends.contains(&End::Refused)) {
                let to = line.to.as_deref().and_then(|to| to.chars().last());
                let by = operators.iter().find(|operator| Some(operator.letter) == to);
                if !by_plug_in && by.is_some_and(|operator| operator.refusals == 0) {
                    wrong.push(format!(
                        "{} counts as refused, and nobody refused it",
                        named(*id, entry)
                    ));
                }
            }
        }
        let failed = Filter {
            state: Some(QueueState::Failed),
            ..Filter::default()
        };
        for failed in self.store.list(&failed).unwrap() {
            let entry = books.entries.get(&failed.id.message());
            let answers =
                |entry: &&Entry| !entry.refused && (entry.source == Source::Relay || entry.seen.is_response());
            if let Some(entry) = entry.filter(answers) {
                wrong.push(format!(
                    "{} failed, and lies in the queue",
                    named(failed.id.message(), entry)
                ));
            }
        }
    }

    /// In a calm story nothing waits for a clock.
    fn prompt(&self, books: &Books, operators: &[Operator], wrong: &mut Vec<String>) {
        if !self.story.is_calm() {
            return;
        }
        for letter in self.story.letters().filter(|letter| letter.asks.response) {
            let carried = books
                .entries
                .values()
                .find(|entry| entry.letter() == Some(letter.number));
            let told = books
                .entries
                .values()
                .find(|told| told.source == Source::Relay && told.is_about(letter.number));
            let (Some(carried), Some(told), Terms::PreAcknowledge) = (carried, told, self.story.terms) else {
                continue;
            };
            let took = told.at.since(carried.at);
            if took > PROMPT {
                wrong.push(format!(
                    "letter {} was answered after {took:?}, and nothing was in the way",
                    letter.number
                ));
            }
        }
        for operator in operators {
            for taken in &operator.taken {
                let entry = taken
                    .seen
                    .id
                    .parse()
                    .ok()
                    .and_then(|id: MessageId| books.entries.get(&id));
                let Some(entry) = entry else { continue };
                let took = taken.at.since(entry.at);
                if took > PROMPT {
                    wrong.push(format!(
                        "{} {} took {took:?}, and nothing was in its way",
                        taken.seen.kind, taken.seen.id
                    ));
                }
            }
        }
    }
}

/// What has failed together is not tried again together.
fn spread(books: &Books, wrong: &mut Vec<String>) {
    let mut waits = books.first_waits.clone();
    let all = waits.len();
    waits.sort();
    waits.dedup();
    if all >= 4 && waits.len() == 1 {
        wrong.push(format!("{all} messages were put off for the same time, {:?}", waits[0]));
    }
}

pub(super) fn is_event(line: &str, event: &str) -> bool {
    line.split(' ').any(|word| word.strip_prefix("event=") == Some(event))
}

fn taken_by(operators: &[Operator], letter: char) -> impl Iterator<Item = &Taken> {
    let operator = operators.iter().filter(move |operator| operator.letter == letter);
    operator.flat_map(|operator| &operator.taken)
}

pub(super) fn queue_id(id: MessageId, ordinal: u32) -> QueueId {
    QueueId::of(id, ordinal)
}

pub(super) fn named(id: MessageId, entry: &Entry) -> String {
    let kind = if entry.seen.kind.is_empty() {
        "a bounce"
    } else {
        &entry.seen.kind
    };
    format!("{kind} {} ({id})", entry.seen.message)
}
