//! A shadow run: the next messages go through a new version too, beside the running one, and the results are compared.
//!
//! The messages are those that the running version saw. They wait in a bounded lane and are tried one at a time; a
//! message that finds the lane full is missed. Nothing of the new version has an effect: no edit, record, value or log
//! line. The new version gets the same time, rows and values as the running one; what only the new one asks for comes
//! from the live services.

use std::sync::Arc;
use std::time::Duration;

use mm4relay_engine::Plugin;

use crate::message::Masked;

use crate::pipeline::tap::{Ear, Heard, Lane, WantsView};
use crate::pipeline::{Link, Tally};
use crate::rehearsal::account::{account, not_called, occasion};
use crate::rehearsal::player::Player;
use crate::rehearsal::samples::difference;

/// The most messages that wait to be tried, and their octets together.
const WAITING: usize = 16;
const WAITING_OCTETS: u64 = 8 << 20;
/// How many differences are shown; the others are counted.
const SHOWN: usize = 5;

/// The shadow run that the configuration asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShadowTerms {
    /// How many messages are tried; 0 means no shadow run.
    pub messages: u32,
    /// The time after which the run ends with the messages so far.
    pub within: Duration,
    /// Whether a difference keeps the version from going live.
    pub refuse_differences: bool,
}

impl ShadowTerms {
    /// No shadow run.
    pub const NONE: Self = Self {
        messages: 0,
        within: Duration::ZERO,
        refuse_differences: false,
    };
}

/// The result of a shadow run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub compared: u64,
    /// Messages that found the lane full.
    pub missed: u64,
    pub differing: u64,
    /// The calls of the new version, and the calls of the running one that they were compared with.
    pub candidate: Tally,
    pub running: Tally,
    /// The first differences, with numbers masked.
    pub shown: Vec<String>,
}

impl Found {
    /// Whether the new version fails more often than the watch window allows, or always.
    pub fn fails(&self) -> bool {
        let always = self.candidate.calls > 0 && self.candidate.failures == self.candidate.calls;
        self.candidate.is_clearly_worse_than(self.running) || (always && self.running.failures == 0)
    }

    /// A summary for the log and the history.
    pub fn said(&self) -> String {
        let mut text = format!("{} messages compared, {} differ", self.compared, self.differing);
        if self.candidate.failures > 0 {
            text += &format!(", {} of {} calls failed", self.candidate.failures, self.candidate.calls);
        }
        if self.missed > 0 {
            text += &format!(", {} missed", self.missed);
        }
        for shown in &self.shown {
            text.push('\n');
            text += shown;
        }
        text
    }
}

/// Listens to `running` until enough messages were compared, the time is over, or the new version has proved worse.
pub async fn run(terms: &ShadowTerms, running: &Link, candidate: &Plugin) -> Found {
    let (lane, mut heard) = Lane::new(WAITING, WAITING_OCTETS);
    let ear = Arc::new(Ear {
        candidate: candidate.clone(),
        lane,
    });
    running.tap.listen(Some(Arc::clone(&ear)));
    // Listening ends even when this future is dropped.
    let _silence = Silence(running);
    let mut found = Found::default();
    let comparing = async {
        while found.compared < u64::from(terms.messages) && !found.is_decided(terms) {
            let Some(call) = heard.recv().await else { return };
            found.compare(candidate, &call.it).await;
        }
    };
    // When the time is over, the comparisons so far count.
    let _ = tokio::time::timeout(terms.within, comparing).await;
    found.missed = ear.lane.missed();
    found
}

struct Silence<'a>(&'a Link);

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        self.0.tap.listen(None);
    }
}

impl Found {
    fn is_decided(&self, terms: &ShadowTerms) -> bool {
        let enough = self.differing >= SHOWN as u64;
        self.candidate.is_clearly_worse_than(self.running) || (terms.refuse_differences && enough)
    }

    async fn compare(&mut self, candidate: &Plugin, heard: &Heard) {
        let (on, view) = (&heard.occasion, &heard.view);
        let before = heard.called.as_ref().map(|called| account(called, on, view));
        let after = match candidate.wants_view(on, view) {
            false => None,
            true => {
                let services = Arc::new(Player::of(&heard.asked, Some(candidate.services())));
                let called = candidate
                    .process_with(services, on.clone(), Arc::clone(view) as _)
                    .await;
                Some(account(&called, on, view))
            }
        };
        self.compared += 1;
        self.running.count(before.as_ref());
        self.candidate.count(after.as_ref());
        let (before, after) = (shown(before), shown(after));
        if before != after {
            self.differing += 1;
            if self.shown.len() < SHOWN {
                let lines = difference(&before, &after, false);
                let head = format!("message {} on {}:", view.id_text(), occasion(on));
                self.shown.push(format!("{head}\n{}", Masked(lines.trim_end())));
            }
        }
    }
}

impl Tally {
    fn count(&mut self, called: Option<&Result<Vec<String>, String>>) {
        if let Some(called) = called {
            self.calls += 1;
            self.failures += u64::from(called.is_err());
        }
    }
}

fn shown(account: Option<Result<Vec<String>, String>>) -> String {
    let lines = match account {
        None => not_called(),
        Some(Ok(lines)) => lines,
        Some(Err(failure)) => vec![format!("fails: {failure}")],
    };
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(candidate: (u64, u64), running: (u64, u64)) -> Found {
        let tally = |(failures, calls)| Tally { calls, failures };
        Found {
            candidate: tally(candidate),
            running: tally(running),
            ..Found::default()
        }
    }

    #[test]
    fn a_version_that_fails_as_the_watch_window_would_not_let_it_is_found_out() {
        assert!(found((5, 40), (0, 40)).fails());
        assert!(!found((4, 40), (0, 40)).fails());
        assert!(
            !found((5, 40), (5, 40)).fails(),
            "what the running version fails at as well"
        );
        assert!(
            found((2, 2), (0, 2)).fails(),
            "few messages, and none of them went well"
        );
        assert!(!found((0, 0), (0, 0)).fails(), "no traffic proves nothing");
    }
}
