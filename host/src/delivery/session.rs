//! A session with a next hop: greeting, then one transaction after another.

use super::PeerOptions;
use super::body::{self, BodyError};
use super::client::{Client, ClientError};
use super::fate::{Answer, Fate, Verdict};
use super::greet::{Unreachable, greet};
use crate::message::{Envelope, Outgoing, Recipient, Rope};
use crate::protocol::smtp::outbound::{self, Extensions};
use crate::protocol::smtp::{Enhanced, Reply};

/// A greeted connection, between transactions.
pub(super) struct Session {
    client: Client,
    /// Which of the peer's hosts this is.
    pub host: String,
    offered: Extensions,
    /// The last transaction was broken off: RSET goes before the next one.
    needs_reset: bool,
    transactions: u32,
    /// The connection must not be used again: 421, or a message broken off in the middle.
    finished: bool,
}

/// A transaction that ended without an answer. The session is of no more use.
#[derive(Debug)]
pub(super) enum Failure {
    /// Before the end of data: the server cannot have taken the message.
    Lost {
        reason: String,
        /// A connection that was used before, and was gone when this transaction began.
        stale: bool,
    },
    /// After it: nobody knows.
    Unknown { reason: String },
}

/// Encoded commands, each of which can be sent by itself.
#[derive(Default)]
struct Commands {
    octets: Vec<u8>,
    ends: Vec<usize>,
    /// How many have been asked.
    asked: usize,
    /// RSET is the first.
    reset: bool,
}

impl Session {
    pub async fn open(host: &str, options: &PeerOptions) -> Result<Self, Unreachable> {
        let (client, offered) = greet(host, options).await?;
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

    /// Waits until the server ends the connection.
    pub async fn broken(&mut self) {
        self.client.broken().await;
    }

    /// Takes leave without waiting for the answer: nothing hangs on it.
    pub async fn quit(mut self, options: &PeerOptions) {
        if !self.finished {
            let _ = self.client.write(b"QUIT\r\n", options.timeouts.connect).await;
        }
    }

    /// One transaction. Every recipient has a fate afterwards, or none has.
    pub async fn send(&mut self, outgoing: &Outgoing, options: &PeerOptions) -> Result<Vec<Fate>, Failure> {
        let envelope = &outgoing.envelope;
        let (rope, eight_bit) = match self.fit(&outgoing.rope, options).await {
            Ok(fitting) => fitting,
            Err((verdict, answer)) => return Ok(Fate::all(envelope, verdict, &answer)),
        };
        let used_before = self.transactions > 0;
        self.transactions += 1;
        let reset = std::mem::take(&mut self.needs_reset);
        let commands = self.commands(envelope, rope.size(), eight_bit, reset);
        let begun = self.begin(envelope, commands, used_before, options).await?;
        match begun {
            Begun::Refused(fates) => {
                self.needs_reset = true;
                Ok(fates)
            }
            Begun::Open { refused, accepted } => {
                let (verdict, answer) = self.body(&rope, options).await?;
                let decided = accepted.iter().map(|recipient| Fate::new(recipient, verdict, &answer));
                Ok(refused.into_iter().chain(decided).collect())
            }
        }
    }

    /// The rope as this server can take it, and whether it has octets above 127; or why it cannot take it.
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

    fn commands(&self, envelope: &Envelope, size: u64, eight_bit: bool, reset: bool) -> Commands {
        let mut commands = Commands {
            reset,
            ..Commands::default()
        };
        if reset {
            commands.add(|out| out.extend_from_slice(b"RSET\r\n"));
        }
        let size = self.offered.size.map(|_| size);
        commands.add(|out| outbound::mail(out, envelope.sender.as_ref(), size, eight_bit));
        for recipient in &envelope.recipients {
            commands.add(|out| outbound::rcpt(out, &recipient.address));
        }
        commands.add(|out| out.extend_from_slice(b"DATA\r\n"));
        commands
    }

    /// MAIL, RCPT and DATA: in one write where the server allows it, else one by one.
    async fn begin<'a>(
        &mut self,
        envelope: &'a Envelope,
        mut commands: Commands,
        used_before: bool,
        options: &PeerOptions,
    ) -> Result<Begun<'a>, Failure> {
        let mail = self.ask_mail(&mut commands, used_before, options).await?;
        let mail_taken = self.is_taken(&mail)?;
        let refused_by_mail = || Fate::all(envelope, Verdict::of(&mail), &Answer::of(&mail));
        if !mail_taken && (!self.offered.pipelining || self.finished) {
            return Ok(Begun::Refused(refused_by_mail()));
        }
        let (mut accepted, mut refused) = (Vec::new(), Vec::new());
        for recipient in &envelope.recipients {
            let reply = self.ask(commands.next(), "answer to RCPT", options).await?;
            match self.is_taken(&reply)? {
                true => accepted.push(recipient),
                false => refused.push(Fate::new(recipient, Verdict::of_recipient(&reply), &Answer::of(&reply))),
            }
            if self.finished {
                return Ok(Begun::Refused(Fate::all(envelope, Verdict::Later, &Answer::of(&reply))));
            }
        }
        let open = mail_taken && !accepted.is_empty();
        if open || self.offered.pipelining {
            match self.ask_data(commands.next(), open, options).await? {
                None if open => return Ok(Begun::Open { refused, accepted }),
                None => {}
                Some(data) => {
                    let answer = Answer::of(&data);
                    refused.extend(accepted.iter().map(|r| Fate::new(r, Verdict::of(&data), &answer)));
                }
            }
        }
        Ok(Begun::Refused(if mail_taken { refused } else { refused_by_mail() }))
    }

    /// RSET where it is due, and MAIL. A connection that was used before may be gone: that says nothing about the message.
    async fn ask_mail(
        &mut self,
        commands: &mut Commands,
        used_before: bool,
        options: &PeerOptions,
    ) -> Result<Reply, Failure> {
        let lost_at_first = |error: ClientError| Failure::Lost {
            stale: used_before && !matches!(error, ClientError::Timeout { .. }),
            reason: error.to_string(),
        };
        if self.offered.pipelining {
            let written = self.client.write(&commands.octets, options.timeouts.command).await;
            written.map_err(lost_at_first)?;
        }
        let mail = if commands.reset {
            let answered = self.ask(commands.next(), "answer to RSET", options).await;
            match answered.map_err(lost_at_first)? {
                reply if reply.code == 421 => reply,
                _ => self.ask(commands.next(), "answer to MAIL", options).await?,
            }
        } else {
            let answered = self.ask(commands.next(), "answer to MAIL", options).await;
            answered.map_err(lost_at_first)?
        };
        if mail.code == 421 && used_before {
            // The server ended an idle connection.
            let reason = mail.to_string();
            return Err(Failure::Lost { reason, stale: true });
        }
        Ok(mail)
    }

    /// DATA; `None` when the server waits for a message, or waited for one that there is not.
    async fn ask_data(&mut self, data: &[u8], open: bool, options: &PeerOptions) -> Result<Option<Reply>, Failure> {
        let reply = self.ask(data, "answer to DATA", options).await?;
        match (reply.code == 354, open) {
            (true, true) | (false, false) => Ok(None),
            // RFC 2920, 3.1: a server that opens data for nobody is given an empty message.
            (true, false) => {
                self.send_nothing(options).await?;
                Ok(None)
            }
            (false, true) => {
                self.is_taken(&reply)?;
                Ok(Some(reply))
            }
        }
    }

    /// Sends one command, unless it went out with its group, and waits for its answer.
    async fn ask(&mut self, command: &[u8], what: &'static str, options: &PeerOptions) -> Result<Reply, ClientError> {
        let limits = &options.timeouts;
        if !self.offered.pipelining {
            self.client.write(command, limits.command).await?;
        }
        let limit = if command == b"DATA\r\n" {
            limits.data
        } else {
            limits.command
        };
        let reply = self.client.reply(what, limit).await?;
        self.finished |= reply.code == 421;
        Ok(reply)
    }

    /// Whether a reply to a command is 2xx. 3xx answers nothing that was asked here.
    fn is_taken(&mut self, reply: &Reply) -> Result<bool, Failure> {
        match reply.code {
            200..300 => Ok(true),
            400..600 => Ok(false),
            _ => {
                self.finished = true;
                Err(Failure::Lost {
                    reason: format!("out of step: {reply}"),
                    stale: false,
                })
            }
        }
    }

    async fn send_nothing(&mut self, options: &PeerOptions) -> Result<(), ClientError> {
        self.client.write(b".\r\n", options.timeouts.block).await?;
        let limit = options.timeouts.end_of_data;
        self.client.reply("answer to an empty message", limit).await.map(drop)
    }

    /// The message and its end, and what the server says to it.
    async fn body(&mut self, rope: &Rope, options: &PeerOptions) -> Result<(Verdict, Answer), Failure> {
        match body::write(&mut self.client, rope, &options.timeouts).await {
            Ok(()) => {}
            Err(BodyError::Client(error)) => return self.early_answer(error, options).await,
            Err(error @ BodyError::Unreadable(_)) => {
                self.finished = true;
                return Ok((Verdict::Later, Answer::ours(error.to_string())));
            }
            Err(error @ BodyError::Stray(_)) => {
                self.finished = true;
                return Ok((Verdict::Never, Answer::bare_line_end(error.to_string())));
            }
        }
        let unknown = |reason: String| Err(Failure::Unknown { reason });
        let limit = options.timeouts.end_of_data;
        match self.client.reply("answer to the end of data", limit).await {
            Ok(reply) if (300..400).contains(&reply.code) => unknown(format!("out of step: {reply}")),
            Ok(reply) => {
                self.finished |= reply.code == 421;
                Ok((Verdict::of(&reply), Answer::of(&reply)))
            }
            Err(error) => unknown(error.to_string()),
        }
    }

    /// A server may refuse in the middle of a message, and hang up. What it said counts, if it said no: a message
    /// without its end cannot have been taken.
    async fn early_answer(&mut self, error: ClientError, options: &PeerOptions) -> Result<(Verdict, Answer), Failure> {
        self.finished = true;
        let limit = options.timeouts.connect;
        match self.client.reply("answer in the middle of a message", limit).await {
            Ok(reply) if reply.code >= 400 => Ok((Verdict::of(&reply), Answer::of(&reply))),
            _ => Err(error.into()),
        }
    }
}

/// How far the envelope came.
enum Begun<'a> {
    /// Nobody is left to send to.
    Refused(Vec<Fate>),
    /// The server waits for the message.
    Open {
        refused: Vec<Fate>,
        accepted: Vec<&'a Recipient>,
    },
}

impl Commands {
    fn add(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        encode(&mut self.octets);
        self.ends.push(self.octets.len());
    }

    fn next(&mut self) -> &[u8] {
        let start = self.asked.checked_sub(1).map_or(0, |before| self.ends[before]);
        let end = self.ends[self.asked];
        self.asked += 1;
        &self.octets[start..end]
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Lost {
            reason: error.to_string(),
            stale: false,
        }
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

    /// Our own ruling in the words of a reply, where the host would have said the same.
    pub(super) fn ruled(code: u16, (subject, detail): (u16, u16), text: String) -> Self {
        Self {
            code: Some(code),
            enhanced: Some(Enhanced { subject, detail }),
            text,
            given_up: false,
        }
    }
}
