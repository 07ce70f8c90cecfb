//! Who must have been told what, when a story is over.

use super::books::{Books, Entry};
use super::check::Ending;
use super::mail::MEDDLED;
use super::operators::{About, Operator, Stands};
use super::story::Letter;
use crate::message::{End, Source};

impl Ending<'_> {
    /// Each request that asked was answered once.
    pub(super) fn answers(&self, books: &Books, operators: &[Operator], wrong: &mut Vec<String>) {
        for letter in self.story.letters() {
            let carried = books
                .entries
                .values()
                .filter(|entry| entry.letter() == Some(letter.number));
            let came = carried.clone().filter(|entry| entry.source != Source::Relay).count();
            let responses = books.entries.values().filter(|entry| {
                entry.seen.is_response() && entry.is_about(letter.number) && entry.goes_to("operator-a")
            });
            let responses = responses.filter(|entry| entry.seen.status != MEDDLED).count();
            if responses > came.max(1) {
                wrong.push(format!(
                    "letter {} came {came} times, and was answered {responses} times",
                    letter.number
                ));
            }
            if responses == 0 && letter.asks.response && self.must_be_answered(letter, books, operators) {
                wrong.push(format!("letter {} asked for a response, and has none", letter.number));
            }
        }
    }

    fn must_be_answered(&self, letter: &Letter, books: &Books, operators: &[Operator]) -> bool {
        let mut carried = books
            .entries
            .iter()
            .filter(|(_, entry)| entry.letter() == Some(letter.number));
        let Some((id, entry)) = carried.next() else {
            return false;
        };
        let is_dropped = books.dropped.iter().any(|dropped| dropped.message() == *id);
        let failed = |end: &End| matches!(end, End::Refused | End::Expired);
        let all_failed = entry.lines.values().all(|line| line.ends.iter().any(failed));
        let lone = entry.lines.keys().all(|(ordinal, _)| *ordinal == 1);
        let answered = Self::mails(operators, About::Response(letter.number))
            .any(|mail| matches!(mail.stands, Stands::Acknowledged(_)));
        // A plug-in sees responses too.
        let is_discarded = |told: &Entry| {
            told.seen.is_response()
                && told.is_about(letter.number)
                && told.source != Source::Relay
                && !told.goes_to("operator-a")
        };
        if lone && books.entries.values().any(is_discarded) {
            return false;
        }
        let came_to_an_end = !entry.lines.is_empty() && (all_failed || !lone || answered);
        !is_dropped && (entry.refused || came_to_an_end)
    }

    /// Whoever is told, is told once; and of what failed somebody is told.
    pub(super) fn told(&self, books: &Books, wrong: &mut Vec<String>) {
        for letter in self.story.letters() {
            let mut carried = books
                .entries
                .iter()
                .filter(|(_, entry)| entry.letter() == Some(letter.number));
            let (Some((id, entry)), None) = (carried.next(), carried.next()) else {
                continue;
            };
            let own = books
                .entries
                .values()
                .filter(|told| told.source == Source::Relay && told.is_about(letter.number))
                .filter(|told| told.goes_to("operator-a") || told.lines.is_empty());
            let own: Vec<&Entry> = own.collect();
            let bounces = own.iter().filter(|told| told.seen.is_bounce()).count();
            let reports = own.iter().filter(|told| told.seen.is_report()).count();
            let failed = |end: &End| matches!(end, End::Refused | End::Expired);
            let failures = entry.lines.values().filter(|line| line.ends.iter().any(failed)).count();
            let failures = failures + if entry.refused { entry.received.len() } else { 0 };
            // What the relay took over, a next hop may still decline, or never answer.
            if bounces + reports > failures && !self.asks_again() {
                wrong.push(format!(
                    "letter {} failed for {failures} recipients, and {reports} reports and {bounces} bounces say so",
                    letter.number
                ));
            }
            let answered = books
                .entries
                .values()
                .any(|told| told.seen.is_response() && told.is_about(letter.number));
            let dropped = books.dropped.iter().any(|dropped| dropped.message() == *id);
            // What a plug-in refuses is not bounced.
            let unbounced = letter.null || self.is_refused_by_plug_in();
            let speechless = unbounced && !letter.asks.report || dropped || entry.refused;
            if failures > 0 && own.is_empty() && !answered && !speechless {
                wrong.push(format!("letter {} failed, and nobody was told", letter.number));
            }
        }
    }
}
