//! A session with a next hop: the greeting, then one transaction after another.

mod ending;
mod envelope;

use std::sync::Arc;
use std::time::Duration;

use self::ending::Begun;
use super::PeerOptions;
use super::body::{self, BodyError};
use super::client::{Client, ClientError};
use super::fate::{Answer, Fate, Verdict};
use super::greet::{Unreachable, greet};
use super::running::Running;
use super::written::MayEnd;
use crate::message::{Envelope, Outgoing, Recipient, Rope};
use crate::protocol::smtp::Question;
use crate::protocol::smtp::outbound::Extensions;

pub(super) use self::ending::{Failure, How};

/// A greeted connection, between transactions.
pub(super) struct Session {
    client: Client,
    /// Which of the peer's hosts this is.
    pub host: String,
    offered: Extensions,
    /// The last transaction was broken off, so RSET must come before the next one.
    needs_reset: bool,
    transactions: u32,
    /// The connection must not be used again: after 421, a message that was broken off in the middle, or a reply out of
    /// step.
    finished: bool,
}

/// The result of one transaction.
pub(super) struct Sent {
    pub fates: Vec<Fate>,
    /// How many recipients in one transaction the host takes, if it has shown a limit.
    pub room: Option<usize>,
}

/// How long to wait for the last words of a server that hung up in the middle of a message.
const LAST_WORDS: Duration = Duration::from_secs(1);

impl Session {
    pub async fn open(host: &str, options: &PeerOptions, running: &Arc<Running>) -> Result<Self, Unreachable> {
        let (client, offered) = greet(host, options, running).await?;
        Ok(Self {
            client,
            host: host.to_owned(),
            offered,
            needs_reset: false,
            transactions: 0,
            finished: false,
        })
    }

    /// Whether another message may go over this connection.
    pub fn is_usable(&self, options: &PeerOptions) -> bool {
        !self.finished && self.transactions < options.messages_per_connection
    }

    /// The attempt that this connection serves from now on.
    pub fn serves(&mut self, running: Option<&Arc<Running>>) {
        self.client.watched_by(running.cloned());
    }

    /// Waits until the server ends the connection.
    pub async fn broken(&mut self) {
        self.client.broken().await;
    }

    /// Says QUIT without waiting for the answer, which would change nothing.
    pub async fn quit(mut self, options: &PeerOptions) {
        if !self.finished {
            let limit = options.timeouts.connect;
            let _ = self.client.ask(Question::Quit, b"QUIT\r\n", limit).await;
        }
    }

    /// Runs one transaction with at most `room` of the recipients. Afterwards every recipient has a fate, or none has;
    /// recipients that found no room have [`Verdict::Next`].
    pub async fn send(
        &mut self,
        outgoing: &Outgoing,
        room: Option<usize>,
        options: &PeerOptions,
        may_end: MayEnd<'_>,
    ) -> Result<Sent, Failure> {
        let (rope, eight_bit) = match self.fit(&outgoing.rope, options).await {
            Ok(fitting) => fitting,
            Err((verdict, answer)) => {
                let fates = Fate::all(&outgoing.envelope, verdict, &answer);
                return Ok(Sent { fates, room: None });
            }
        };
        let rooms = [room, self.offered.most_recipients];
        let room = rooms.into_iter().flatten().min().map_or(usize::MAX, |room| room.max(1));
        let (envelope, left) = parted(&outgoing.envelope, room);
        let used_before = self.transactions > 0;
        self.transactions += 1;
        let script = self.script(&envelope, rope.size(), eight_bit);
        let begun = self.begin(&envelope, script, used_before, options).await?;
        let (mut fates, accepted) = match begun {
            Begun::Refused(fates) => {
                match self.client.in_step().await {
                    Err(ClientError::Unusable(fault)) if fault.is_farewell() => self.finished = true,
                    in_step => in_step?,
                }
                self.needs_reset = true;
                (fates, 0)
            }
            Begun::Open { refused, accepted } => {
                let (verdict, answer) = self.body(&rope, options, may_end).await?;
                let decided = accepted.iter().map(|recipient| Fate::new(recipient, verdict, &answer));
                (refused.into_iter().chain(decided).collect(), accepted.len())
            }
        };
        let room = room_learnt(&mut fates, accepted);
        fates.extend(left.iter().map(Fate::next));
        stay_together(&mut fates);
        Ok(Sent { fates, room })
    }

    /// The rope in a form that this server accepts, and whether it has octets above 127; or why the server cannot take
    /// it.
    async fn fit(&self, rope: &Rope, options: &PeerOptions) -> Result<(Rope, bool), (Verdict, Answer)> {
        let unreadable = |error| {
            (
                Verdict::Later,
                Answer::ours(format!("the message cannot be read: {error}")),
            )
        };
        let eight_bit = body::has_eight_bit(rope).await.map_err(unreadable)?;
        let rope = match options.convert {
            _ if !eight_bit || self.offered.eight_bit_mime => rope.clone(),
            Some(convert) => {
                let converted = body::convert(rope, convert).await;
                converted.map_err(|why| (Verdict::Never, Answer::conversion(&why)))?
            }
            None => return Err((Verdict::Never, Answer::conversion("no conversion is configured"))),
        };
        let limits = [self.offered.size_limit(), options.max_message_size];
        match limits.into_iter().flatten().min() {
            Some(limit) if rope.size() > limit => {
                let text = format!(
                    "the message of {} octets is larger than the {limit} it takes",
                    rope.size()
                );
                Err((Verdict::Never, Answer::of_size(text)))
            }
            _ => Ok((rope, eight_bit && self.offered.eight_bit_mime)),
        }
    }

    /// Sends the message and its end, and waits for the answer. The end leaves while `may_end` allows it only.
    async fn body(
        &mut self,
        rope: &Rope,
        options: &PeerOptions,
        may_end: MayEnd<'_>,
    ) -> Result<(Verdict, Answer), Failure> {
        match body::write(&mut self.client, rope, &options.timeouts, may_end).await {
            Ok(()) => {}
            Err(BodyError::Client(ClientError::MayNotEnd)) => {
                self.finished = true;
                return Err(Failure::NotOurs);
            }
            Err(BodyError::Client(error)) => return Err(self.broken_off(error).await),
            Err(error @ BodyError::Unreadable(_)) => {
                self.finished = true;
                return Ok((Verdict::Later, Answer::ours(error.to_string())));
            }
            Err(error @ BodyError::Stray(_)) => {
                self.finished = true;
                return Ok((Verdict::Never, Answer::bare_line_end(error.to_string())));
            }
        }
        match self.client.answer(options.timeouts.end_of_data).await {
            Ok(reply) => {
                self.finished |= reply.code == 421 || self.client.in_step().await.is_err();
                Ok((Verdict::of(&reply), Answer::to(Question::EndOfData, &reply)))
            }
            Err(error) => {
                self.finished = true;
                let reason = error.to_string();
                Err(Failure::Unknown { reason })
            }
        }
    }

    /// Handles a server that stopped reading before the end of the message. What it said in the middle is no answer and
    /// decides nothing, but it is shown to operators.
    async fn broken_off(&mut self, error: ClientError) -> Failure {
        self.finished = true;
        let said = match error {
            ClientError::Unusable(_) => None,
            _ => self.client.last_words(LAST_WORDS).await,
        };
        let reason = match said {
            Some(said) => format!("{error}; in the middle of the message the server said \"{said}\""),
            None => format!("{error}, in the middle of the message"),
        };
        Failure::Lost {
            how: How::Gone,
            answer: Answer::ours(reason),
        }
    }
}

/// The first `room` recipients, and the others.
fn parted(envelope: &Envelope, room: usize) -> (Envelope, &[Recipient]) {
    let (now, left) = envelope.recipients.split_at(room.min(envelope.recipients.len()));
    let envelope = Envelope {
        sender: envelope.sender.clone(),
        recipients: now.to_vec(),
    };
    (envelope, left)
}

/// How many recipients the host takes in one transaction, if this transaction has shown it: those that it took before
/// it said that there were too many, or half of those that it took before it refused the message for their number.
fn room_learnt(fates: &mut [Fate], accepted: usize) -> Option<usize> {
    if fates.iter().any(|fate| fate.verdict == Verdict::Next) && accepted > 0 {
        return Some(accepted);
    }
    let of_message = |answer: &Answer| matches!(answer.to, Some(Question::Data | Question::EndOfData));
    let refused_for_number = |fate: &&mut Fate| of_message(&fate.answer) && fate.answer.is_about_number();
    let mut refused: Vec<&mut Fate> = fates.iter_mut().filter(refused_for_number).collect();
    if refused.len() < 2 {
        return None;
    }
    refused.iter_mut().for_each(|fate| fate.verdict = Verdict::Next);
    Some(refused.len() / 2)
}

/// Recipients that found no room go into another transaction only if this one delivered something: otherwise they would
/// find no room there either.
fn stay_together(fates: &mut [Fate]) {
    let waits = fates
        .iter()
        .find(|fate| fate.verdict == Verdict::Later && fate.answer.to != Some(Question::Rcpt));
    let Some(answer) = waits.map(|fate| fate.answer.clone()) else {
        return;
    };
    for fate in fates.iter_mut().filter(|fate| fate.verdict == Verdict::Next) {
        (fate.verdict, fate.answer) = (Verdict::Later, answer.clone());
    }
}

impl Answer {
    fn conversion(why: &str) -> Self {
        let text = format!("octets above 127 for a host without 8BITMIME: {why}");
        Self::ruled(554, (6, 3), text)
    }

    fn of_size(text: String) -> Self {
        Self::ruled(552, (3, 4), text)
    }

    fn bare_line_end(text: String) -> Self {
        Self::ruled(554, (6, 11), text)
    }
}
