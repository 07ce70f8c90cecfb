//! The envelope of a transaction: MAIL, RCPT and DATA, and the fates that their answers decide.

use super::Session;
use super::ending::{Begun, Failure, How};
use crate::delivery::PeerOptions;
use crate::delivery::client::ClientError;
use crate::delivery::fate::{Answer, Fate, Verdict};
use crate::delivery::script::Script;
use crate::message::Envelope;
use crate::protocol::smtp::{Question, Reply, outbound};

impl Session {
    pub(super) fn script(&self, envelope: &Envelope, size: u64, eight_bit: bool) -> Script {
        let mut script = Script::default();
        if self.needs_reset {
            script.add(Question::Rset, |out| out.extend_from_slice(b"RSET\r\n"));
        }
        let size = self.offered.size.map(|_| size);
        script.add(Question::Mail, |out| {
            outbound::mail(out, envelope.sender.as_ref(), size, eight_bit);
        });
        for recipient in &envelope.recipients {
            script.add(Question::Rcpt, |out| outbound::rcpt(out, &recipient.address));
        }
        script.add(Question::Data, |out| out.extend_from_slice(b"DATA\r\n"));
        script
    }

    /// Sends MAIL, RCPT and DATA: in few writes where the server allows it, else one by one.
    pub(super) async fn begin<'a>(
        &mut self,
        envelope: &'a Envelope,
        mut script: Script,
        used_before: bool,
        options: &PeerOptions,
    ) -> Result<Begun<'a>, Failure> {
        let first_recipient = 1 + usize::from(self.needs_reset);
        let mail = self.ask_mail(&mut script, used_before, options).await?;
        let mail_taken = is_taken(&mail);
        let refused_by_mail = || Fate::all(envelope, Verdict::of(&mail), &Answer::to(Question::Mail, &mail));
        if !mail_taken && !self.offered.pipelining {
            return Ok(Begun::Refused(refused_by_mail()));
        }
        let (mut accepted, mut refused, mut is_full) = (Vec::new(), Vec::new(), !mail_taken);
        for (place, recipient) in (first_recipient..).zip(&envelope.recipients) {
            if is_full && !script.was_sent(place) {
                refused.push(Fate::next(recipient));
                continue;
            }
            let reply = self.ask(&mut script, place, options).await?;
            if is_taken(&reply) {
                accepted.push(recipient);
                continue;
            }
            let answer = Answer::to(Question::Rcpt, &reply);
            let no_room = answer.is_about_number() && !accepted.is_empty();
            is_full |= no_room;
            refused.push(match no_room {
                true => Fate::new(recipient, Verdict::Next, &answer),
                false => Fate::new(recipient, Verdict::of_recipient(&reply), &answer),
            });
        }
        let (open, data) = (
            mail_taken && !accepted.is_empty(),
            first_recipient + envelope.recipients.len(),
        );
        if open || script.was_sent(data) {
            match self.ask_data(&mut script, data, open, options).await? {
                None if open => return Ok(Begun::Open { refused, accepted }),
                None => {}
                Some(reply) => {
                    let answer = Answer::to(Question::Data, &reply);
                    refused.extend(accepted.iter().map(|r| Fate::new(r, Verdict::of(&reply), &answer)));
                }
            }
        }
        Ok(Begun::Refused(if mail_taken { refused } else { refused_by_mail() }))
    }

    /// Sends RSET if necessary, and MAIL. A connection that was used before may be gone, which says nothing about the
    /// message.
    async fn ask_mail(
        &mut self,
        script: &mut Script,
        used_before: bool,
        options: &PeerOptions,
    ) -> Result<Reply, Failure> {
        let reset = std::mem::take(&mut self.needs_reset);
        let first = match self.ask(script, 0, options).await {
            Err(Failure::Lost { how, answer }) if used_before && how != How::Silent => {
                let how = How::Stale;
                return Err(Failure::Lost { how, answer });
            }
            asked => asked?,
        };
        match reset {
            true => self.ask(script, 1, options).await,
            false => Ok(first),
        }
    }

    /// Sends DATA. `None` when the server waits for the message, or has been sent an empty one.
    async fn ask_data(
        &mut self,
        script: &mut Script,
        place: usize,
        open: bool,
        options: &PeerOptions,
    ) -> Result<Option<Reply>, Failure> {
        let reply = self.ask(script, place, options).await?;
        match (reply.code == 354, open) {
            (true, true) => Ok(None),
            // RFC 2920, 3.1: a server that accepts DATA without recipients is sent an empty message.
            (true, false) => {
                self.send_nothing(options).await?;
                Ok(None)
            }
            (false, false) => Ok(None),
            (false, true) => {
                self.confirm_refusal(options).await?;
                Ok(Some(reply))
            }
        }
    }

    /// Confirms that DATA was refused. A reply too many shifts the answers: then the refusal was meant for a recipient,
    /// and the server waits for a message by now. RSET shows which, before a message fails for it. A server that hangs
    /// up instead has refused.
    async fn confirm_refusal(&mut self, options: &PeerOptions) -> Result<(), Failure> {
        let limit = options.timeouts.connect.min(options.timeouts.command);
        self.finished = true;
        let asked = match self.client.ask(Question::Rset, b"RSET\r\n", limit).await {
            Ok(()) => self.client.answer(limit).await,
            Err(error) => Err(error),
        };
        match asked {
            Ok(reply) if is_taken(&reply) => {
                self.finished = false;
                Ok(())
            }
            Err(error @ ClientError::Unusable(_)) => Err(error.into()),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Sends a command, unless it was sent with its group, and waits for the answer. 421 ends the session.
    async fn ask(&mut self, script: &mut Script, place: usize, options: &PeerOptions) -> Result<Reply, Failure> {
        let limits = &options.timeouts;
        let limit = match script.question(place) {
            Some(Question::Data) => limits.data,
            _ => limits.command,
        };
        if let Some((octets, questions)) = script.next(place, self.offered.pipelining) {
            let asked = self.client.ask_all(octets, &questions, limits.command).await;
            asked.inspect_err(|_| self.finished = true)?;
        }
        let reply = self.client.answer(limit).await;
        let reply = reply.inspect_err(|_| self.finished = true)?;
        if reply.code == 421 {
            self.finished = true;
            let answer = Answer {
                to: script.question(place),
                ..Answer::of(&reply)
            };
            let how = How::Closing;
            return Err(Failure::Lost { how, answer });
        }
        Ok(reply)
    }

    async fn send_nothing(&mut self, options: &PeerOptions) -> Result<(), ClientError> {
        let limit = options.timeouts.block;
        self.client.ask(Question::EndOfData, b".\r\n", limit).await?;
        self.client.answer(options.timeouts.end_of_data).await.map(drop)
    }
}

fn is_taken(reply: &Reply) -> bool {
    (200..300).contains(&reply.code)
}
