//! The state machine of a transaction: how a change alters it, and what becomes due.

use std::time::Duration;

use super::{
    Answer, Cause, Change, Leg, LegState, Mode, News, Place, ResponseState, Task, Todo, Transaction, WaitingRecord,
};
use crate::message::{Ordinal, PeerName, Recipient, RecipientId, Timestamp};

/// The status of a failure that may pass. A response that covers several recipients reports the worst of their answers;
/// this one ranks between `Ok` and every other.
const MAY_PASS: &str = "Error-network-problem";

/// How much longer a transaction is kept, at least, when something of it is still open at its end.
const GRACE: Duration = Duration::from_secs(3600);

/// A transaction that was known for long is kept longer by this fraction of that time. Each postponement writes the row
/// anew, and a message that waits for a year for an absent peer must not be written every hour.
const GRACE_PART: u32 = 10;

impl Transaction {
    /// Makes the change, and decides what is due after it. A change that was made before, or comes too late, has no
    /// effect.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Leg { ordinal, state } => self.move_leg(*ordinal, state),
            Change::Refused {
                ordinal,
                recipients,
                answer,
                cause,
            } => self.refuse(*ordinal, recipients, answer, *cause),
            Change::Legs { legs } => self.legs.extend(legs.iter().cloned()),
            Change::Told { answer } => self.told(answer),
            Change::Reported { leg, recipients, .. } => {
                if let Some(leg) = self.legs.get_mut(*leg) {
                    leg.told.extend(recipients);
                }
            }
            Change::CameAgain { .. } => self.response.come_again(),
            Change::Repeated { ordinal, .. } => {
                if let Some(leg) = self.leg_mut(*ordinal) {
                    leg.repeats += 1;
                    leg.state = LegState::Waiting;
                }
            }
            Change::Rerouted { ordinal, peer } => self.reroute(*ordinal, peer),
            Change::Await { due } => self.wait_for_responses(*due),
            Change::Next { task } => {
                self.next = *task;
                return;
            }
        }
        self.plan(change.at().unwrap_or(self.received_at));
    }

    /// The transaction as it is stored after changes to `before`: its revision grows unless none of the changes affects
    /// what the asking peer is told. Whoever decided on an answer by an earlier revision must look again.
    pub fn revised(mut self, before: &Self) -> Self {
        self.revision = before.revision + u64::from(!self.tells_as(before));
        self
    }

    /// Whether both lead to the same answer to the asking peer. That a next hop took the request does not affect it.
    fn tells_as(&self, other: &Self) -> bool {
        let alike = |(leg, other): (&Leg, &Leg)| {
            let open = |state: &LegState| matches!(state, LegState::Waiting | LegState::Delivered { .. });
            leg.told == other.told && (leg.state == other.state || open(&leg.state) && open(&other.state))
        };
        (&self.response, self.legs.len()) == (&other.response, other.legs.len())
            && self.legs.iter().zip(&other.legs).all(alike)
    }

    /// Whether the asking peer must be told something.
    pub fn is_telling(&self) -> bool {
        matches!(self.next, Some(Task { what: Todo::Tell, .. }))
    }

    /// Keeps the transaction past its end if the asking peer still has to be told something: the other peer may have
    /// been away for as long as transactions are kept, and its failure is reported all the same.
    pub fn stay_known_to_be_told(&mut self, now: Timestamp) {
        if self.is_telling() {
            self.stay_known(now);
        }
    }

    /// Keeps the transaction past its end.
    pub fn stay_known(&mut self, now: Timestamp) {
        if self.forget_at <= now {
            let part = now.since(self.received_at) / GRACE_PART;
            self.forget_at = now.plus(part.max(GRACE));
        }
    }

    /// What the asking peer must be told now, if anything.
    pub fn news(&self) -> Option<News> {
        match &self.response {
            ResponseState::NotSent if self.wants.response => return self.answer_now().map(News::Answer),
            ResponseState::DueAgain(answer) if self.wants.response => return Some(News::Answer(answer.clone())),
            _ => {}
        }
        (0..).zip(&self.legs).find_map(|(place, leg)| self.untold(place, leg))
    }

    /// Whether the response of the one next hop is passed on as it is. Otherwise the relay makes one response of
    /// several, or has answered already.
    pub fn passes_on(&self) -> bool {
        self.mode == Mode::Transparent && self.answer().is_none() && self.legs.len() == 1
    }

    /// Whether nobody got the request and no response says so: nothing of it is open. A copy of it is then a new
    /// request, which may succeed, and whose sender is told of its fate.
    pub fn came_to_nothing(&self) -> bool {
        !self.wants.response && !self.legs.is_empty() && self.legs.iter().all(|leg| leg.state.has_failed())
    }

    /// Whether the relay must watch for responses, because nobody else would notice that they are missing.
    pub fn awaits_responses(&self) -> bool {
        match self.mode {
            Mode::PreAcknowledge => true,
            // The originator repeats its request, and a lone next hop may answer however late. Only a charging record
            // cannot wait for ever.
            Mode::Transparent => {
                let waits = self.legs.len() > 1 || !self.records.is_empty();
                self.wants.response && self.answer().is_none() && waits
            }
        }
    }

    /// Removes the waiting charging records and returns them, completed with the answer, once that is known.
    pub fn settled(&mut self) -> Vec<WaitingRecord> {
        if self.records.is_empty() {
            return Vec::new();
        }
        self.said_to_whoever_asked()
            .map_or_else(Vec::new, |answer| self.completed(&answer))
    }

    /// Like [`settled`](Self::settled), when the time is over: an answer that never came is recorded as none.
    pub fn settled_at_last(&mut self, now: Timestamp) -> Vec<WaitingRecord> {
        let answer = self.said_to_whoever_asked().unwrap_or_else(|| silence(now));
        self.completed(&answer)
    }

    fn completed(&mut self, answer: &Answer) -> Vec<WaitingRecord> {
        let mut records = std::mem::take(&mut self.records);
        for record in &mut records {
            if let Some(fields) = record.entry.record.as_object_mut() {
                fields.insert("status-code".into(), answer.status.clone().into());
                fields.insert("status-text".into(), answer.text.clone().into());
            }
        }
        records
    }

    /// What the response to the request says, or would say if the request had asked for one.
    fn said_to_whoever_asked(&self) -> Option<Answer> {
        if let Some(answer) = self.answer() {
            return Some(answer.clone());
        }
        if self.mode == Mode::PreAcknowledge {
            return self.answer_now();
        }
        let said = |leg: &Leg| match &leg.state {
            LegState::TimedOut { at } => Some(silence(*at)),
            // This next hop owes no response, so its 250 is the last that is heard of the request.
            LegState::Delivered { at } if !self.wants.response => Some(Answer::ok(*at)),
            state => state.decided(true),
        };
        let said: Option<Vec<Answer>> = self.legs.iter().map(said).collect();
        said.and_then(|said| worst(said.into_iter()))
    }

    /// The legs that were delivered and have no response yet, each with the time of its delivery.
    pub fn unanswered(&self) -> impl Iterator<Item = (&Leg, Timestamp)> {
        self.legs.iter().filter_map(|leg| match leg.state {
            LegState::Delivered { at } => Some((leg, at)),
            _ => None,
        })
    }

    /// Decides the next task. News for the asking peer come first; otherwise the earliest time at which the relay has
    /// to look again stands.
    fn plan(&mut self, now: Timestamp) {
        match (self.news().is_some(), self.is_telling()) {
            (true, false) => {
                self.next = Some(Task {
                    due: now,
                    what: Todo::Tell,
                });
            }
            (false, true) => self.next = None,
            _ => {}
        }
    }

    /// Like [`leg`](Self::leg), mutable.
    fn leg_mut(&mut self, ordinal: Ordinal) -> Option<&mut Leg> {
        self.legs.iter_mut().find(|leg| leg.ordinal() == Some(ordinal))
    }

    fn move_leg(&mut self, ordinal: Ordinal, state: &LegState) {
        if let Some(leg) = self.leg_mut(ordinal)
            && leg.state.may_become(state)
        {
            leg.state = state.clone();
        }
    }

    /// Names another peer for a leg. Recipients that the old peer took, or answered for, stay with it.
    fn reroute(&mut self, ordinal: Ordinal, peer: &PeerName) {
        if let Some(leg) = self.leg_mut(ordinal)
            && matches!(leg.state, LegState::Waiting | LegState::Failed { .. })
        {
            let peer = peer.clone();
            leg.at = Place::Destination { ordinal, peer };
        }
    }

    /// Moves these recipients to a leg of their own, unless the leg has no others.
    fn refuse(&mut self, ordinal: Ordinal, recipients: &[RecipientId], answer: &Answer, cause: Cause) {
        let Some(leg) = self.leg_mut(ordinal) else {
            return;
        };
        let state = LegState::Failed {
            answer: answer.clone(),
            cause,
        };
        let refused = |recipient: &Recipient| recipients.contains(&recipient.id);
        let (gone, left): (Vec<_>, Vec<_>) = leg.recipients.iter().cloned().partition(refused);
        if gone.is_empty() {
        } else if left.is_empty() {
            if leg.state.may_become(&state) {
                leg.state = state;
            }
        } else {
            leg.recipients = left;
            let parted = Leg::aside(leg.next_hop(), gone, state);
            self.legs.push(parted);
        }
    }

    /// Marks every failure so far as told, by this answer.
    fn told(&mut self, answer: &Answer) {
        self.response = ResponseState::Sent(answer.clone());
        if self.mode == Mode::PreAcknowledge && answer.is_ok() {
            return;
        }
        for leg in self.legs.iter_mut().filter(|leg| leg.state.failure().is_some()) {
            leg.told = leg.recipients.iter().map(|recipient| recipient.id).collect();
        }
    }

    fn wait_for_responses(&mut self, due: Timestamp) {
        let sooner = self.next.is_none_or(|next| next.what == Todo::Await && due < next.due);
        if self.awaits_responses() && sooner {
            self.next = Some(Task { due, what: Todo::Await });
        }
    }

    /// The answer to the request, once it is decided.
    fn answer_now(&self) -> Option<Answer> {
        let lone = self.legs.len() == 1;
        let outcomes: Option<Vec<Answer>> = self.legs.iter().map(|leg| leg.state.decided(lone)).collect();
        let worst = outcomes.and_then(|outcomes| worst(outcomes.into_iter()));
        match self.mode {
            Mode::Transparent => worst,
            Mode::PreAcknowledge => {
                let hopeless = !self.legs.is_empty() && self.legs.iter().all(|leg| leg.state.has_failed());
                worst
                    .filter(|_| hopeless)
                    .or_else(|| Some(Answer::ok(self.received_at)))
            }
        }
    }

    fn untold(&self, place: usize, leg: &Leg) -> Option<News> {
        let (answer, cause) = leg.state.failure()?;
        let unknown = |recipient: &&Recipient| !leg.told.contains(&recipient.id);
        let recipients: Vec<Recipient> = leg.recipients.iter().filter(unknown).cloned().collect();
        (!recipients.is_empty()).then_some(News::Failure {
            leg: place,
            recipients,
            answer,
            cause,
        })
    }
}

impl LegState {
    /// Whether a leg may change to `next`. A response ends a leg for good, except for an operator's retry; a leg that
    /// was given up can still turn out to have been delivered.
    fn may_become(&self, next: &LegState) -> bool {
        let too_late = matches!(
            (self, next),
            (Self::Answered { .. }, _)
                | (_, Self::Waiting)
                | (Self::TimedOut { .. }, Self::TimedOut { .. } | Self::Delivered { .. })
                | (Self::Failed { .. }, Self::Failed { .. } | Self::TimedOut { .. })
        );
        !too_late
    }

    fn has_failed(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }

    /// What this leg contributes to the response, once that is decided. A lone leg whose response is late contributes
    /// nothing: that response may still come, and is passed on.
    fn decided(&self, lone: bool) -> Option<Answer> {
        match self {
            Self::Answered { answer } | Self::Failed { answer, .. } => Some(answer.clone()),
            Self::TimedOut { at } if !lone => Some(silence(*at)),
            _ => None,
        }
    }

    /// The failure and its cause; `None` while nothing has failed.
    fn failure(&self) -> Option<(Answer, Cause)> {
        match self {
            Self::Failed { answer, cause } => Some((answer.clone(), *cause)),
            Self::Answered { answer } if !answer.is_ok() => Some((answer.clone(), Cause::AnsweredNo)),
            Self::TimedOut { at } => Some((silence(*at), Cause::NoAnswer)),
            _ => None,
        }
    }
}

impl Change {
    /// When the state was reached, where it says so.
    fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Leg { state, .. } => state.at(),
            Self::Refused { answer, .. } | Self::Told { answer } => Some(answer.at),
            Self::Legs { legs } => legs.iter().filter_map(|leg| leg.state.at()).max(),
            Self::CameAgain { at } | Self::Repeated { at, .. } => Some(*at),
            Self::Reported { .. } | Self::Rerouted { .. } | Self::Await { .. } | Self::Next { .. } => None,
        }
    }
}

impl LegState {
    fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Waiting => None,
            Self::Delivered { at } | Self::TimedOut { at } => Some(*at),
            Self::Answered { answer } | Self::Failed { answer, .. } => Some(answer.at),
        }
    }
}

fn silence(at: Timestamp) -> Answer {
    Answer {
        status: MAY_PASS.into(),
        text: Some("no response came in time".into()),
        at,
        host: None,
    }
}

/// The worst of the answers; the first of equals.
fn worst(answers: impl Iterator<Item = Answer>) -> Option<Answer> {
    let badness = |answer: &Answer| match answer {
        ok if ok.is_ok() => 0,
        passing if passing.status.eq_ignore_ascii_case(MAY_PASS) => 1,
        _ => 2,
    };
    answers.reduce(|worst, next| if badness(&next) > badness(&worst) { next } else { worst })
}

#[cfg(test)]
mod tests;
