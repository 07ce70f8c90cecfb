//! The operators around the relay: what each has taken, what each has to say, and how each behaves. They outlive the relay.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use super::mail::{self, Seen};
use super::net::Net;
use super::story::{Answers, Does, Letter, Stage, Way};
use super::wire::Trail;
use super::world::{World, held};
use super::{client, server};
use crate::message::Timestamp;

pub(super) struct Operators {
    pub(super) world: Arc<World>,
    /// What is due at one time is said over one connection.
    together: bool,
    each: Mutex<Vec<Operator>>,
    /// Something may have to be said.
    said: Notify,
}

pub(super) struct Operator {
    pub(super) letter: char,
    rules: VecDeque<(Stage, Does, u32)>,
    answers: VecDeque<(Answers, u32)>,
    /// How often it has said a code of 500 or above.
    pub(super) refusals: u32,
    pub(super) taken: Vec<Taken>,
    pub(super) refused: Vec<Taken>,
    pub(super) outbox: Vec<Mail>,
}

/// A message that an operator took, or refused for good when it had it.
#[derive(Clone)]
pub(super) struct Taken {
    pub(super) at: Timestamp,
    /// When it was begun.
    pub(super) begun: Timestamp,
    pub(super) host: SocketAddr,
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) seen: Seen,
    /// Whether the relay had it in its store by then.
    pub(super) durable: bool,
    /// Of the answer; `None` when none was given.
    pub(super) trail: Option<Trail>,
}

impl Taken {
    /// Whether the relay has heard that it was taken.
    pub(super) fn was_heard(&self) -> bool {
        self.trail.as_ref().is_some_and(Trail::was_heard)
    }
}

/// What an operator has to say.
#[derive(Clone)]
pub(super) struct Mail {
    pub(super) about: About,
    pub(super) from: Option<String>,
    pub(super) to: Vec<String>,
    pub(super) octets: String,
    pub(super) way: Way,
    pub(super) due: Timestamp,
    pub(super) attempts: u32,
    pub(super) at_work: bool,
    pub(super) stands: Stands,
    /// When it was first said whole.
    pub(super) acknowledged: Option<Timestamp>,
    /// Its end was sent once without an answer: nobody knows.
    pub(super) unknown: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    Letter(u32),
    /// The response to it.
    Response(u32),
    Report(u32),
    ReadReply(u32),
    /// The response to that.
    ReadReplyAnswer,
    /// An answer that nobody asked for.
    Meddling(u32),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stands {
    Waits,
    /// By its end; for these recipients.
    Acknowledged(Vec<String>),
    Refused,
    GivenUp,
}

pub(super) const LETTERS: [char; 3] = ['a', 'b', 'c'];

/// Where an operator is reached.
pub(super) fn hosts(operator: char) -> Vec<SocketAddr> {
    match operator {
        'a' => vec![([192, 0, 2, 1], 25).into()],
        'b' => vec![([192, 0, 2, 2], 25).into(), ([192, 0, 2, 12], 25).into()],
        _ => vec![([192, 0, 2, 3], 25).into()],
    }
}

/// Between an operator's tries.
const AGAIN: Duration = Duration::from_secs(15);
const MOST_TRIES: u32 = 40;

impl Operators {
    pub(super) fn new(world: &Arc<World>, together: bool) -> Arc<Self> {
        let operator = |letter| Operator {
            letter,
            rules: VecDeque::new(),
            answers: VecDeque::new(),
            refusals: 0,
            taken: Vec::new(),
            refused: Vec::new(),
            outbox: Vec::new(),
        };
        Arc::new(Self {
            world: Arc::clone(world),
            together,
            each: Mutex::new(LETTERS.map(operator).into()),
            said: Notify::new(),
        })
    }

    pub(super) fn each(&self) -> MutexGuard<'_, Vec<Operator>> {
        held(&self.each)
    }

    /// Lets them serve and speak, in this runtime. What was under way in the last one was lost with it.
    pub(super) fn go_on(self: &Arc<Self>, net: &Arc<Net>) {
        let now = self.world.now();
        for operator in self.each().iter_mut() {
            for mail in operator.outbox.iter_mut().filter(|mail| mail.at_work) {
                (mail.at_work, mail.due) = (false, now.plus(AGAIN));
            }
        }
        for letter in LETTERS {
            for host in hosts(letter) {
                tokio::spawn(server::serve(Arc::clone(self), letter, host, net.listen(host)));
            }
        }
        tokio::spawn(Arc::clone(self).speak(Arc::clone(net)));
    }

    /// Says what is due.
    async fn speak(self: Arc<Self>, net: Arc<Net>) {
        loop {
            let now = self.world.now();
            let (mut due, mut next) = (Vec::new(), None::<Timestamp>);
            for operator in self.each().iter_mut() {
                for (place, mail) in operator.outbox.iter_mut().enumerate() {
                    if mail.at_work || mail.stands != Stands::Waits {
                        continue;
                    }
                    if mail.due <= now {
                        mail.at_work = true;
                        due.push((operator.letter, place));
                    } else {
                        next = Some(next.map_or(mail.due, |next| next.min(mail.due)));
                    }
                }
            }
            let same = |one: &(char, usize), other: &(char, usize)| self.together && one.0 == other.0;
            for due in due.chunk_by(same) {
                let places = due.iter().map(|(_, place)| *place).collect();
                tokio::spawn(client::say(Arc::clone(&self), Arc::clone(&net), due[0].0, places));
            }
            let wait = next.map_or(super::wire::FOR_EVER, |next| next.since(self.world.now()));
            tokio::select! {
                biased;
                () = self.said.notified() => {}
                () = sleep(wait.max(Duration::from_millis(1))) => {}
            }
        }
    }

    pub(super) fn sends(&self, letter: &Letter) {
        let from = mail::subscriber(letter.from, 0);
        let to = letter
            .to
            .iter()
            .map(|(operator, number)| mail::subscriber(*operator, *number));
        let from = (!letter.null).then_some(from);
        let about = About::Letter(letter.number);
        let mail = Mail::new(about, from, to.collect(), mail::request(letter));
        let way = letter.way;
        self.has_to_say(letter.from, Mail { way, ..mail }, self.world.now());
    }

    pub(super) fn meddles(&self, number: u32) {
        let to = vec!["system@mms.a.example".to_owned()];
        let from = Some("system@mms.c.example".to_owned());
        let mail = Mail::new(About::Meddling(number), from, to, mail::meddling(number));
        self.has_to_say('c', mail, self.world.now());
    }

    /// The same once more.
    pub(super) fn says_again(&self, number: u32) {
        let again = {
            let each = self.each();
            let mail = each[0].outbox.iter().find(|mail| mail.about == About::Letter(number));
            mail.map(|mail| Mail {
                way: mail.way,
                ..Mail::new(mail.about, mail.from.clone(), mail.to.clone(), mail.octets.clone())
            })
        };
        if let Some(again) = again {
            self.has_to_say('a', again, self.world.now());
        }
    }

    fn has_to_say(&self, letter: char, mail: Mail, due: Timestamp) {
        let mut each = self.each();
        let operator = each.iter_mut().find(|operator| operator.letter == letter).unwrap();
        operator.outbox.push(Mail { due, ..mail });
        drop(each);
        self.said.notify_one();
    }

    pub(super) fn behaves(&self, letter: char, rule: (Stage, Does, u32)) {
        self.with(letter, |operator| operator.rules.push_back(rule));
    }

    pub(super) fn answers(&self, letter: char, how: Answers, times: u32) {
        self.with(letter, |operator| operator.answers.push_back((how, times)));
    }

    /// From now on they behave.
    pub(super) fn reform(&self) {
        for operator in self.each().iter_mut() {
            operator.rules.clear();
            operator.answers.clear();
        }
    }

    pub(super) fn with<T>(&self, letter: char, change: impl FnOnce(&mut Operator) -> T) -> T {
        let mut each = self.each();
        change(each.iter_mut().find(|operator| operator.letter == letter).unwrap())
    }

    /// What an operator does at this stage, if it misbehaves.
    pub(super) fn misbehaviour(&self, letter: char, stage: Stage) -> Option<Does> {
        self.with(letter, |operator| {
            let rule = operator
                .rules
                .iter_mut()
                .find(|(at, _, times)| *at == stage && *times > 0)?;
            rule.2 -= 1;
            let does = rule.1;
            operator.refusals += u32::from(matches!(does, Does::Says(500..)));
            Some(does)
        })
    }

    /// An operator has taken a message: it answers, and reports, what asks for that.
    pub(super) fn took(&self, letter: char, taken: Taken) {
        let seen = taken.seen.clone();
        let what = if seen.kind.is_empty() { "a bounce" } else { &seen.kind };
        let by = letter.to_ascii_uppercase();
        self.world
            .happens(format!("{by} takes {what} {} as {}", seen.message, seen.id));
        let first = taken.to.first().cloned().unwrap_or_default();
        self.with(letter, |operator| operator.taken.push(taken));
        let now = self.world.now();
        if seen.is_read_reply() && seen.asks.response {
            let octets = mail::response(letter, &seen, "Ok");
            let from = format!("system@mms.{letter}.example");
            let answer = Mail::new(About::ReadReplyAnswer, Some(from), vec![seen.system.clone()], octets);
            self.has_to_say(letter, answer, now.plus(self.world.millis(5..3_000)));
        }
        let Some(number) = number_of(&seen.message).filter(|_| seen.is_request()) else {
            return;
        };
        if seen.asks.response {
            let how = self.with(letter, Operator::answers_next);
            let response = |status| {
                let octets = mail::response(letter, &seen, status);
                let from = format!("system@mms.{letter}.example");
                Mail::new(About::Response(number), Some(from), vec![seen.system.clone()], octets)
            };
            let soon = now.plus(self.world.millis(5..3_000));
            match how {
                None => self.has_to_say(letter, response("Ok"), soon),
                Some(Answers::Never) => {}
                Some(Answers::Late) => {
                    let late = now.plus(self.world.millis(40_000..100_000));
                    self.has_to_say(letter, response("Ok"), late);
                }
                Some(Answers::Twice) => {
                    self.has_to_say(letter, response("Ok"), soon);
                    self.has_to_say(letter, response("Ok"), now.plus(self.world.millis(5..3_000)));
                }
                Some(Answers::With(status)) => self.has_to_say(letter, response(status), soon),
            }
        }
        let originator = mail::subscriber('a', 0);
        let serial = self.with(letter, |operator| operator.taken.len()) as u32;
        if seen.asks.read {
            let octets = mail::read_reply(letter, &seen, &first, &originator, serial);
            let from = format!("system@mms.{letter}.example");
            let read = Mail::new(About::ReadReply(number), Some(from), vec![originator.clone()], octets);
            self.has_to_say(letter, read, now.plus(self.world.millis(5_000..30_000)));
        }
        if seen.asks.report {
            let octets = mail::report(letter, &seen, &first, &originator, serial);
            let from = format!("system@mms.{letter}.example");
            let report = Mail::new(About::Report(number), Some(from), vec![originator], octets);
            self.has_to_say(letter, report, now.plus(self.world.millis(500..20_000)));
        }
    }

    /// What became of a try to say something.
    pub(super) fn heard(&self, letter: char, place: usize, heard: client::Heard) {
        let now = self.world.now();
        let about = self.with(letter, |operator| {
            let mail = &mut operator.outbox[place];
            mail.at_work = false;
            mail.attempts += 1;
            match &heard {
                client::Heard::Taken(recipients) => {
                    mail.stands = Stands::Acknowledged(recipients.clone());
                    mail.acknowledged = Some(now);
                }
                client::Heard::Refused(_) => mail.stands = Stands::Refused,
                client::Heard::Later(_) | client::Heard::Lost { .. } if mail.attempts >= MOST_TRIES => {
                    mail.stands = Stands::GivenUp;
                }
                client::Heard::Later(_) | client::Heard::Lost { .. } => mail.due = now.plus(AGAIN),
            }
            mail.unknown |= matches!(heard, client::Heard::Lost { whole: true });
            mail.about
        });
        self.world
            .happens(format!("{} says {about:?}: {heard:?}", letter.to_ascii_uppercase()));
        self.said.notify_one();
    }

    /// Whether anybody has anything left to say.
    pub(super) fn are_quiet(&self) -> bool {
        let each = self.each();
        each.iter()
            .all(|operator| operator.outbox.iter().all(|mail| mail.stands != Stands::Waits))
    }
}

impl Operator {
    fn answers_next(&mut self) -> Option<Answers> {
        let (how, times) = self.answers.front_mut()?;
        let how = *how;
        *times -= 1;
        if *times == 0 {
            self.answers.pop_front();
        }
        Some(how)
    }
}

impl Mail {
    fn new(about: About, from: Option<String>, to: Vec<String>, octets: String) -> Self {
        Self {
            about,
            from,
            to,
            octets,
            way: Way::Plain,
            due: super::world::BEGIN,
            attempts: 0,
            at_work: false,
            stands: Stands::Waits,
            acknowledged: None,
            unknown: false,
        }
    }
}

/// Of the letter with this message id.
pub(super) fn number_of(message: &str) -> Option<u32> {
    message
        .trim_matches(['"', '<', '>'])
        .strip_prefix('m')?
        .split('@')
        .next()?
        .parse()
        .ok()
}
