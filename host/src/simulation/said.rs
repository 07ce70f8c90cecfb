//! What was said to operators, and whether it was right, when a story is over.

use std::collections::BTreeSet;
use std::time::Duration;

use super::books::{Books, Entry};
use super::check::Ending;
use super::mail::{MEDDLED, Seen};
use super::operators::{About, Operator, Stands, number_of};
use super::story::{Letter, What};
use crate::message::{Answer, End, MessageId, Source};

/// An answer that comes while its request is being taken is looked up before there is one. Longer than any plug-in takes.
const JOURNEY: Duration = Duration::from_secs(15);

/// A letter that came once, and what the relay wrote about it.
struct Told<'a> {
    letter: &'a Letter,
    entry: &'a Entry,
    own: Vec<&'a Entry>,
}

impl Told<'_> {
    fn failures(&self) -> usize {
        let failed = |end: &End| matches!(end, End::Refused | End::Expired);
        let lines = self.entry.lines.values();
        lines.filter(|line| line.ends.iter().any(failed)).count()
    }

    fn notices(&self) -> usize {
        let is_notice = |own: &&&Entry| own.seen.is_report() || own.seen.is_bounce();
        self.own.iter().filter(is_notice).count()
    }

    /// The status of the response that the relay wrote itself.
    fn answered(&self) -> Option<&str> {
        let response = self.own.iter().find(|own| own.seen.is_response());
        response.map(|own| own.seen.status.as_str())
    }
}

impl Ending<'_> {
    /// Each failure is told in the one way that is meant for it, and a copy gets the answer once more.
    pub(super) fn reported(&self, books: &Books, wrong: &mut Vec<String>) {
        if !self.asks_again() {
            for told in self.story.letters().filter_map(|letter| told(books, letter)) {
                told_right(&told, wrong);
                told_for_all(books, &told, wrong);
            }
        }
        for letter in self.story.letters().filter(|letter| letter.asks.response) {
            answered_again(books, letter, wrong);
        }
    }

    /// What operators took is in words that they know, and from whom they asked.
    pub(super) fn said_right(&self, books: &Books, operators: &[Operator], wrong: &mut Vec<String>) {
        let all = operators.iter().flat_map(|operator| &operator.taken);
        for taken in all {
            let seen = &taken.seen;
            if seen.is_bounce() && !taken.from.is_empty() {
                wrong.push(format!("the bounce {} has a sender, {}", seen.id, taken.from));
            }
            let Some(number) = number_of(&seen.message).filter(|_| seen.is_response()) else {
                continue;
            };
            if seen.transaction != format!("\"t{number}@mms.a.example\"") {
                let text = format!(
                    "letter {number} was answered as {}, which A never said",
                    seen.transaction
                );
                wrong.push(text);
            }
            let entry = seen.id.parse().ok().and_then(|id: MessageId| books.entries.get(&id));
            let known = |entry: &Entry| {
                let mut letters = books.entries.values();
                letters.any(|asked| asked.letter() == Some(number) && asked.at.plus(JOURNEY) < entry.at)
            };
            if seen.status == MEDDLED && entry.is_some_and(known) {
                wrong.push(format!(
                    "letter {number} was answered by C, which was not asked to take it"
                ));
            }
        }
    }

    /// Who said that a message was read hears the answer, under the ID that it knows.
    pub(super) fn read_replies(&self, books: &Books, operators: &[Operator], wrong: &mut Vec<String>) {
        let hears = |what: &What| matches!(what, What::PlugIn { .. } | What::DropsOne);
        let comes_in_between = self.story.acts.iter().any(|act| hears(&act.what));
        for answer in Self::mails(operators, About::ReadReplyAnswer).filter(|_| !comes_in_between) {
            let (seen, to) = (Seen::of(answer.octets.as_bytes()), answer.to.first());
            let asked = operators.iter().find(|operator| {
                let system = format!("system@mms.{}.example", operator.letter);
                to.is_some_and(|to| *to == system)
            });
            let (Some(asked), Stands::Acknowledged(_)) = (asked, &answer.stands) else {
                continue;
            };
            let peer = format!("operator-{}", asked.letter);
            let carries = |entry: &Entry| {
                entry.seen.is_answer_to_read_reply()
                    && entry.seen.transaction == seen.transaction
                    && entry.goes_to(&peer)
            };
            if !books.entries.values().any(carries) {
                wrong.push(format!("the answer to {} went nowhere", seen.transaction));
            }
        }
        for operator in operators {
            for taken in operator
                .taken
                .iter()
                .filter(|taken| taken.seen.is_answer_to_read_reply())
            {
                let id = &taken.seen.transaction;
                if !operator.outbox.iter().any(|mail| mail.octets.contains(id.as_str())) {
                    wrong.push(format!("a read reply was answered as {id}, which nobody said"));
                }
            }
        }
    }

    /// Nobody is sent away for good, but by a plug-in; and everybody comes to say what they have to say.
    pub(super) fn sent_away(&self, operators: &[Operator], wrong: &mut Vec<String>) {
        let by_plug_in = self.is_refused_by_plug_in();
        for operator in operators {
            let who = operator.letter.to_ascii_uppercase();
            for mail in &operator.outbox {
                let meddles = matches!(mail.about, About::Meddling(_));
                if mail.attempts > 1 && self.is_quiet() {
                    wrong.push(format!(
                        "{who} had to say {:?} again, and nothing was in the way",
                        mail.about
                    ));
                }
                match mail.stands {
                    Stands::Refused if !by_plug_in && !meddles => {
                        wrong.push(format!("{who} was sent away for good with {:?}", mail.about));
                    }
                    Stands::GivenUp => wrong.push(format!("{who} could not say {:?}", mail.about)),
                    _ => {}
                }
            }
        }
    }
}

fn told<'a>(books: &'a Books, letter: &'a Letter) -> Option<Told<'a>> {
    let mut carried = books
        .entries
        .iter()
        .filter(|(_, entry)| entry.letter() == Some(letter.number));
    let (Some((id, entry)), None) = (carried.next(), carried.next()) else {
        return None;
    };
    let is_dropped = books.dropped.iter().any(|dropped| dropped.message() == *id);
    if is_dropped || entry.refused || entry.held {
        return None;
    }
    let own = books
        .entries
        .values()
        .filter(|told| told.source == Source::Relay && told.is_about(letter.number) && told.goes_to("operator-a"));
    let own = own.collect();
    Some(Told { letter, entry, own })
}

fn told_right(told: &Told<'_>, wrong: &mut Vec<String>) {
    let (number, asks) = (told.letter.number, told.letter.asks);
    let (failures, notices) = (told.failures(), told.notices());
    if asks.report && !asks.response && notices < failures {
        let text = format!("letter {number} failed for {failures} recipients, and {notices} reports say so");
        wrong.push(text);
    }
    let Some(status) = told.answered().filter(|_| asks.response) else {
        return;
    };
    if status == Answer::OK && failures > 0 {
        let text = format!("letter {number} was answered {status}, and failed for {failures} recipients");
        wrong.push(text);
    }
    if status != Answer::OK && notices > 0 {
        let text = format!("letter {number} was answered {status}, and {notices} reports or bounces say the same");
        wrong.push(text);
    }
}

/// Where several next hops were asked, none of them answers for the others.
fn told_for_all(books: &Books, told: &Told<'_>, wrong: &mut Vec<String>) {
    let number = told.letter.number;
    let next_hops: BTreeSet<_> = told
        .entry
        .lines
        .values()
        .filter_map(|line| line.to.as_deref())
        .collect();
    let mut passed = books.entries.values().filter(|entry| {
        let is_theirs = entry.source != Source::Relay && entry.seen.status != MEDDLED;
        is_theirs && entry.seen.is_response() && entry.is_about(number) && entry.goes_to("operator-a")
    });
    if next_hops.len() > 1 && passed.next().is_some() {
        wrong.push(format!(
            "letter {number} went to several operators, and one of them answered for all"
        ));
    }
}

/// Of a letter that was answered.
fn answered_again(books: &Books, letter: &Letter, wrong: &mut Vec<String>) {
    let number = letter.number;
    let about = books.entries.values().filter(|entry| {
        !entry.held
            && entry.seen.is_response()
            && entry.seen.status != MEDDLED
            && entry.is_about(number)
            && entry.goes_to("operator-a")
    });
    let answers: Vec<_> = about.map(|entry| entry.at).collect();
    let copies = books.entries.values().filter(|entry| entry.letter() == Some(number));
    for copy in copies {
        let before = answers.iter().any(|at| *at < copy.at);
        if before && !answers.iter().any(|at| *at >= copy.at) {
            wrong.push(format!("letter {number} came again after its answer, and has no other"));
        }
    }
}
