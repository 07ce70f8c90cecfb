//! What the spool needs to know of the transactions that it keeps, and how their changes read in a history. It knows
//! nothing else about them.

use std::fmt;

use super::{Answer, Change, Leg, LegState, Mode, Ordinal, Transaction};

impl Transaction {
    /// Whether the outgoing message with this ordinal must stay in the spool after its delivery, because it may have to
    /// be sent again: the relay took the request over from the peer that asked, and the next hop has not answered yet.
    pub fn keeps(&self, ordinal: Ordinal) -> bool {
        let open = |state: &LegState| matches!(state, LegState::Waiting | LegState::Delivered { .. });
        self.mode == Mode::PreAcknowledge && self.leg(ordinal).is_some_and(|leg| open(&leg.state))
    }

    /// Adds what a later run of the chain opened under the same id: new legs, and its wait for responses. The state of
    /// the existing legs stays, and so does the answer.
    pub fn join(&mut self, later: Self) {
        let known = |leg: &Leg| leg.ordinal().is_some_and(|ordinal| self.leg(ordinal).is_some());
        let legs: Vec<Leg> = later.legs.into_iter().filter(|leg| !known(leg)).collect();
        self.apply(&Change::Legs { legs });
        if let Some(task) = later.next {
            self.apply(&Change::Await { due: task.due });
        }
    }
}

/// One line, for operators.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leg { ordinal, state } => write!(f, "destination {ordinal} {state}"),
            Self::Refused {
                ordinal,
                recipients,
                answer,
                ..
            } => {
                let count = recipients.len();
                write!(
                    f,
                    "destination {ordinal} will not reach {count} of its recipients: {answer}"
                )
            }
            Self::Legs { legs } => {
                let peers: Vec<String> = legs.iter().map(|leg| leg.next_hop().to_string()).collect();
                write!(f, "more destinations: {}", peers.join(", "))
            }
            Self::Told { answer } => write!(f, "the sender is answered: {answer}"),
            Self::Reported {
                recipients, to_nobody, ..
            } => {
                let (count, told) = (
                    recipients.len(),
                    if *to_nobody {
                        "cannot be reported"
                    } else {
                        "is reported"
                    },
                );
                write!(f, "the failure of {count} recipients {told}")
            }
            Self::CameAgain { .. } => f.write_str("the request came again"),
            Self::Repeated { ordinal, .. } => write!(f, "destination {ordinal} is asked again"),
            Self::Rerouted { ordinal, peer } => write!(f, "destination {ordinal} is to be sent to {peer} instead"),
            Self::Await { .. } => f.write_str("responses are awaited"),
            Self::Next { .. } => f.write_str("another time to look at it"),
        }
    }
}

impl fmt::Display for LegState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting => f.write_str("waits"),
            Self::Delivered { .. } => f.write_str("is delivered"),
            Self::Answered { answer } => write!(f, "answered: {answer}"),
            Self::Failed { answer, .. } => write!(f, "failed: {answer}"),
            Self::TimedOut { .. } => f.write_str("did not answer in time"),
        }
    }
}

/// Text from outside cannot break the line.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status.escape_debug())?;
        match &self.text {
            Some(text) => write!(f, " ({})", text.escape_debug()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        MessageId, MessageType, PeerName, Place, RepeatKey, ResponseState, Task, Timestamp, Todo, Wants,
    };
    use super::*;

    fn leg(ordinal: u32, state: LegState) -> Leg {
        let (ordinal, peer) = (Ordinal::new(ordinal).unwrap(), PeerName::new("operator-b").unwrap());
        Leg::new(Place::Destination { ordinal, peer }, Vec::new(), state)
    }

    fn request(mode: Mode, legs: Vec<Leg>) -> Transaction {
        Transaction {
            id: MessageId(7),
            kind: MessageType::ForwardRequest,
            source: PeerName::new("operator-a").unwrap(),
            transaction_id: "\"t-1\"".into(),
            message_id: "m-1".into(),
            version: None,
            answer_to: None,
            sender: None,
            originator: None,
            wants: Wants::default(),
            mode,
            received_at: Timestamp(1),
            forget_at: Timestamp(2),
            repeat: RepeatKey(u64::MAX),
            body: u128::MAX,
            like: None,
            legs,
            response: ResponseState::NotSent,
            revision: 0,
            next: None,
            records: Vec::new(),
        }
    }

    #[test]
    fn only_what_was_taken_over_and_is_undecided_stays_behind_its_delivery() {
        let at = Timestamp(1);
        let states = [
            (LegState::Waiting, true),
            (LegState::Delivered { at }, true),
            (LegState::Answered { answer: Answer::ok(at) }, false),
            (LegState::TimedOut { at }, false),
        ];
        for (state, stays) in states {
            let legs = vec![leg(1, state)];
            assert_eq!(
                request(Mode::PreAcknowledge, legs.clone()).keeps(Ordinal::FIRST),
                stays,
                "{legs:?}"
            );
            assert!(!request(Mode::Transparent, legs).keeps(Ordinal::FIRST));
        }
    }

    #[test]
    fn a_later_run_adds_its_legs_and_leaves_the_others_as_they_are() {
        let at = Timestamp(1);
        let mut stored = request(Mode::PreAcknowledge, vec![leg(1, LegState::Delivered { at })]);
        let due = Timestamp(9);
        let later = Transaction {
            next: Some(Task { due, what: Todo::Await }),
            ..request(
                Mode::PreAcknowledge,
                vec![leg(1, LegState::Waiting), leg(2, LegState::Waiting)],
            )
        };
        stored.join(later);
        assert_eq!(
            stored.legs,
            [leg(1, LegState::Delivered { at }), leg(2, LegState::Waiting)]
        );
        assert_eq!(stored.next.map(|task| task.due), Some(due));
    }
}
