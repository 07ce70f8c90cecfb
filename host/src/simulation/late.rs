//! What came too late or too early, came again, or is left, when a story is over.

use std::collections::BTreeSet;
use std::time::Duration;

use super::books::{Books, Entry};
use super::check::{Ending, is_event, named};
use super::operators::{Operator, Taken};
use super::plugin::Whim;
use super::story::What;
use super::world::BEGIN;
use crate::message::{End, MessageId};
use crate::spool::{Filter, Operator as _, QueueState};

/// From the look at a message to its MAIL, at hosts that are slow to greet.
const ON_ITS_WAY: Duration = Duration::from_secs(55);

/// Until a pause is heeded.
const HEEDED: Duration = Duration::from_secs(2);

impl Ending<'_> {
    /// Nothing is sent after its time, or given up before anything was in its way.
    pub(super) fn expired(&self, books: &Books, operators: &[Operator], wrong: &mut Vec<String>) {
        let sets = |what: &What| matches!(what, What::ClockIsSet(_));
        if !self.story.acts.iter().any(|act| sets(&act.what)) {
            for operator in operators {
                self.after_its_expiry(books, operator, wrong);
            }
        }
        for operator in operators {
            self.after_its_refusal(books, operator, wrong);
            self.while_paused(books, operator, wrong);
        }
        if self.story.acts.iter().any(|act| gets_in_the_way(&act.what)) {
            return;
        }
        let expires = |number: u32| {
            let mut letters = self.story.letters();
            letters.any(|letter| letter.number == number && letter.expires.is_some())
        };
        for (id, entry) in &books.entries {
            let given_up = entry.lines.values().any(|line| line.ends.contains(&End::Expired));
            if given_up && !entry.letter().is_some_and(expires) {
                wrong.push(format!(
                    "{} was given up, and nothing was in its way",
                    named(*id, entry)
                ));
            }
        }
    }

    fn after_its_expiry(&self, books: &Books, operator: &Operator, wrong: &mut Vec<String>) {
        for taken in operator.taken.iter().filter(|taken| taken.seen.is_request()) {
            let entry = taken
                .seen
                .id
                .parse()
                .ok()
                .and_then(|id: MessageId| books.entries.get(&id));
            let Some(entry) = entry else { continue };
            let letter = self
                .story
                .letters()
                .find(|letter| entry.letter() == Some(letter.number));
            let expires = letter.and_then(|letter| letter.expires).map(|expires| expires.at());
            // What is useless when it comes already was not meant so.
            let expires = expires.filter(|expires| entry.at < *expires);
            if expires.is_some_and(|expires| taken.begun > expires.plus(ON_ITS_WAY)) {
                wrong.push(format!("{} was sent after its expiry", taken.seen.id));
            }
        }
    }

    fn after_its_refusal(&self, books: &Books, operator: &Operator, wrong: &mut Vec<String>) {
        let lost = self.log.iter().any(|line| is_event(line, "outcome-lost"));
        let asks = |what: &What| matches!(what, What::RetriesAll);
        if lost || self.asks_again() || self.story.acts.iter().any(|act| asks(&act.what)) {
            return;
        }
        let by = operator.letter.to_ascii_uppercase();
        for refused in operator.refused.iter().filter(|refused| refused.was_heard()) {
            let same = |taken: &&Taken| {
                taken.seen.id == refused.seen.id
                    && taken.at > refused.at
                    && taken.to.iter().any(|to| refused.to.contains(to))
            };
            let again = operator.taken.iter().find(same);
            if again.is_some_and(|again| !books.disturbed_between(refused.at, again.at)) {
                wrong.push(format!("{by} was sent {} again, which it had refused", refused.seen.id));
            }
        }
    }

    /// Where nothing delays what was begun before.
    fn while_paused(&self, books: &Books, operator: &Operator, wrong: &mut Vec<String>) {
        let pauses = self.story.acts.iter().filter_map(|act| match &act.what {
            What::Pauses { operator: of, lasts } if *of == operator.letter => Some((BEGIN.plus(act.at), *lasts)),
            _ => None,
        });
        let pauses: Vec<_> = pauses.collect();
        let [(from, lasts)] = pauses[..] else { return };
        if self.story.beside {
            return;
        }
        let delays = |what: &What| {
            !matches!(what, What::Pauses { .. }) && gets_in_the_way(what) || matches!(what, What::Killed { .. })
        };
        if self.story.acts.iter().any(|act| delays(&act.what)) {
            return;
        }
        let until = books
            .healed
            .map_or(from.plus(lasts), |healed| healed.min(from.plus(lasts)));
        let sent = operator.taken.iter().find(|taken| {
            let begun = taken.begun;
            begun > from.plus(HEEDED) && begun < until && !books.started_between(from, begun)
        });
        if let Some(sent) = sent {
            let by = operator.letter.to_ascii_uppercase();
            wrong.push(format!("{by} was sent {} while it was paused", sent.seen.id));
        }
    }

    /// Nothing is discarded that nobody wants to be.
    pub(super) fn discarded(&self, books: &Books, wrong: &mut Vec<String>) {
        let discards = |what: &What| {
            let whim = Whim::Discards;
            matches!(what, What::PlugIn { whim: is, .. } if *is == whim)
        };
        if self.story.acts.iter().any(|act| discards(&act.what)) {
            return;
        }
        for (id, entry) in &books.entries {
            let is_copy =
                |other: &Entry| other.seen.message == entry.seen.message && other.seen.kind == entry.seen.kind;
            let copies = books.entries.values().filter(|other| is_copy(other)).count();
            let discarded = entry.lines.values().any(|line| line.ends.contains(&End::Discarded));
            // Of a request that came before, what was sent then is not sent again.
            if discarded && copies == 1 {
                wrong.push(format!(
                    "{} counts as discarded, and nobody discarded it",
                    named(*id, entry)
                ));
            }
        }
    }

    /// Nothing is kept for an answer that does not come any more, nor for nobody.
    pub(super) fn left_over(&self, wrong: &mut Vec<String>) {
        let filter = Filter {
            limit: usize::MAX,
            ..Filter::default()
        };
        let left = self.store.list(&filter).unwrap();
        for awaiting in left.iter().filter(|entry| entry.state == QueueState::Awaiting) {
            wrong.push(format!(
                "{} is kept, and nobody waits for its answer",
                awaiting.id.message()
            ));
        }
        let needed: BTreeSet<MessageId> = left.iter().map(|entry| entry.id.message()).collect();
        if self.messages != needed.len() {
            let text = format!(
                "{} messages are stored, and {} of them are needed",
                self.messages,
                needed.len()
            );
            wrong.push(text);
        }
    }
}

impl Ending<'_> {
    /// Whether nothing of the story keeps anybody from being heard at once.
    pub(super) fn is_quiet(&self) -> bool {
        let disturbs = |what: &What| {
            gets_in_the_way(what)
                || matches!(
                    what,
                    What::Unsettled(_) | What::Killed { .. } | What::Restarts { .. } | What::SlowDisk(_)
                )
        };
        !self.story.acts.iter().any(|act| disturbs(&act.what))
    }
}

/// Whether a message may not come to its operator for a while.
fn gets_in_the_way(what: &What) -> bool {
    !matches!(
        what,
        What::Sends(_)
            | What::SaysAgain(_)
            | What::Meddles(_)
            | What::Answers { .. }
            | What::Choppy(_)
            | What::SlowDisk(_)
            | What::Unsettled(_)
            | What::Deaf(_)
            | What::ReleasesAll
            | What::RetriesAll
            | What::Reloads(_)
            | What::ClockIsSet(_)
            | What::Killed { .. }
            | What::Restarts { .. }
    )
}
