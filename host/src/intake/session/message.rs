//! Messages: reception, hand-over, and the reply.

use tokio::time::Instant;

use super::Session;
use crate::intake::content::{self, Reception};
use crate::intake::state::{Next, State, Upload};
use crate::intake::transaction::Transaction;
use crate::intake::wire::Lost;
use crate::intake::{Handler, RefusedMessage, replies};
use crate::message::{Content, Incoming, MessageId, Origin, Protocol, Refusal};
use crate::protocol::smtp::Reply;

impl<H: Handler> Session<H> {
    /// Receives the message behind DATA and hands it over.
    pub(super) async fn message(&mut self, transaction: Transaction) -> Result<Next, Lost> {
        self.flush().await?;
        let mut reception = Reception::behind_data(&transaction, self.handler.peers(), &self.options);
        reception.bears(self.patience().idle);
        let ended = reception.whole(&mut self.wire).await?;
        self.conclude(transaction, reception, ended).await
    }

    /// Receives a chunk. The message ends with the last chunk, or with one that cannot be taken.
    pub(super) async fn chunk(&mut self, mut upload: Box<Upload>, octets: u64, last: bool) -> Result<Next, Lost> {
        self.flush().await?;
        upload.reception.bears(self.patience().idle);
        let ended = upload.reception.chunk(&mut self.wire, octets).await?;
        if last || upload.reception.is_refused() {
            let Upload { transaction, reception } = *upload;
            return self.conclude(transaction, reception, ended).await;
        }
        self.waiting = Instant::now();
        self.wire.say(&replies::chunk_ok(octets));
        Ok(Next::Expect(State::ExpectChunk(upload)))
    }

    pub(super) async fn pass_over(&mut self, octets: u64, state: State) -> Result<Next, Lost> {
        self.flush().await?;
        content::pass_over(&mut self.wire, octets, &self.options).await?;
        self.waiting = Instant::now();
        Ok(Next::Expect(state))
    }

    /// Hands over a message that is complete, or replies why it cannot be taken. `ended` says that the stream is at a
    /// point from which the session can go on.
    async fn conclude(&mut self, transaction: Transaction, reception: Reception, ended: bool) -> Result<Next, Lost> {
        let id = self.handler.next_id();
        let about = self.about(id, &transaction);
        let hello = transaction.hello.clone();
        let result = match reception.finish().await {
            Ok(content) => {
                let incoming = self.incoming(id, transaction, content);
                self.carry(incoming).await
            }
            Err(refusal) => Err(refusal),
        };
        self.waiting = Instant::now();
        (self.last_message, self.useless) = (self.waiting, 0);
        let next = Next::Expect(State::ExpectMail(hello));
        match result {
            Ok(reply) => {
                self.wire.say(&reply);
                Ok(next)
            }
            Err(refusal) => {
                self.log_refusal(&refusal, Some(id), Some(&about.peer));
                let reply = replies::refused(&refusal, Some(id));
                self.handler.refused(&about, &refusal, &reply);
                self.wire.say(&reply);
                Ok(if ended && !replies::ends_session(&refusal) {
                    next
                } else {
                    Next::Close
                })
            }
        }
    }

    /// What is recorded of the message if it is refused.
    fn about(&self, id: MessageId, transaction: &Transaction) -> RefusedMessage {
        const NAMED: usize = 10;
        let recipients = &transaction.envelope.recipients;
        RefusedMessage {
            id,
            peer: transaction.terms.peer.clone(),
            remote: self.remote,
            helo: transaction.hello.name.clone(),
            from: transaction.envelope.sender.clone(),
            to: recipients
                .iter()
                .take(NAMED)
                .map(|recipient| recipient.address.clone())
                .collect(),
            recipients: recipients.len(),
        }
    }

    fn incoming(&self, id: MessageId, transaction: Transaction, content: Content) -> Incoming {
        let origin = Origin {
            source: transaction.terms.peer.into(),
            remote: self.remote,
            helo: transaction.hello.name,
            protocol: match transaction.hello.extended {
                _ if self.encrypted && self.proof.login.is_some() => Protocol::Esmtpsa,
                _ if self.encrypted => Protocol::Esmtps,
                true => Protocol::Esmtp,
                false => Protocol::Smtp,
            },
            received_at: self.handler.now(),
        };
        let envelope = transaction.envelope;
        Incoming {
            id,
            origin,
            envelope,
            content,
        }
    }

    async fn carry(&self, incoming: Incoming) -> Result<Reply, Refusal> {
        let (octets, recipients) = (incoming.content.size(), incoming.envelope.recipients.len());
        let peer = incoming.origin.source.clone();
        let started = Instant::now();
        let receipt = self.handler.carry(incoming).await?;
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::info!(id = %receipt.id(), %peer, remote = %self.remote, octets, recipients, micros, event = "accepted", "accepted");
        Ok(replies::accepted(&receipt))
    }
}
