//! The states of a session, named by what comes next, and the meaning of each command in each (RFC 5321, 4.1.4).

use std::net::SocketAddr;

use tokio::time::Instant;

use super::content::Reception;
use super::transaction::{Hello, Transaction};
use super::{Handler, Options, Proof, SenderTerms, Welcome, replies};
use crate::message::{Envelope, Illegal, MmsAddress, PeerName, Recipient, RecipientId, Refusal};
use crate::protocol::smtp::{AuthCredentials, Command, Login, LoginError, LoginStep, Reply};
use crate::spool::BoxFuture;

/// A transition consumes a state and returns the next, so no state of one message can survive into another.
#[derive(Debug)]
#[expect(clippy::enum_variant_names, reason = "each is named by what comes next")]
pub(super) enum State {
    ExpectGreeting,
    ExpectMail(Hello),
    /// The client is logging in and owes a response.
    ExpectResponse(Hello, Login),
    /// MAIL was accepted, and no recipient yet.
    ExpectRcpt(Transaction),
    /// At least one recipient was accepted; more may follow.
    ExpectData(Transaction),
    /// Chunks of the message have arrived; more will follow.
    ExpectChunk(Box<Upload>),
}

/// What the session does after a command.
#[derive(Debug)]
pub(super) enum Next {
    Expect(State),
    /// Receive the message behind DATA.
    Content(Transaction),
    /// Receive so many octets of the message.
    Chunk {
        upload: Box<Upload>,
        octets: u64,
        last: bool,
    },
    /// Read and drop so many octets that belong to no message, and then go on as given.
    PassOver {
        octets: u64,
        state: State,
    },
    /// Do the TLS handshake, after which nothing from before counts.
    Secure,
    /// Check these credentials, and then expect MAIL.
    LogIn(Hello, AuthCredentials),
    Close,
}

/// A message of which some chunks have arrived (RFC 3030).
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) transaction: Transaction,
    pub(super) reception: Reception,
}

/// What a state needs for its answer: the options, the handler, and what is known of the client.
pub(super) struct Desk<'a, H> {
    pub(super) options: &'a Options,
    pub(super) handler: &'a H,
    pub(super) remote: SocketAddr,
    pub(super) welcome: Welcome,
    pub(super) encrypted: bool,
    pub(super) proof: &'a Proof,
}

impl State {
    /// Answers a command. A chunk gets no reply before all of it has arrived, and a login none before it was checked.
    pub(super) fn answer<H: Handler>(self, command: &Command<'_>, desk: &Desk<'_, H>) -> (Option<Reply>, Next) {
        match command {
            Command::Bdat { octets, last } => return self.bdat(*octets, *last, desk),
            Command::Auth { mechanism, initial } => return self.auth(command, mechanism, *initial, desk),
            _ => {}
        }
        let (reply, next) = self.answer_at_once(command, desk);
        (Some(reply), next)
    }

    fn answer_at_once<H: Handler>(self, command: &Command<'_>, desk: &Desk<'_, H>) -> (Reply, Next) {
        let reply = match command {
            Command::Quit => return (replies::bye(), Next::Close),
            Command::Ehlo(name) => return Self::greeted(name, true, desk.ehlo()),
            Command::Helo(name) => return Self::greeted(name, false, replies::helo(desk.options)),
            Command::Mail { from, size, .. } => return self.mail(command, *from, *size, desk),
            Command::Rcpt { to } => return self.rcpt(command, to, desk),
            Command::Data | Command::Bdat { .. } | Command::Auth { .. } => return self.data(command),
            Command::StartTls => return self.secure(command, desk),
            Command::Rset => return (replies::ok(), Next::Expect(self.reset())),
            Command::Noop => replies::ok(),
            Command::Vrfy => replies::vrfy(),
            Command::Help => replies::help(desk.offers_tls()),
        };
        (reply, Next::Expect(self))
    }

    /// The look-up that has to be awaited before this recipient can be answered.
    pub(super) fn look_up<'a, H: Handler>(&'a self, to: &str, desk: &Desk<'a, H>) -> Option<BoxFuture<'a, ()>> {
        match self {
            Self::ExpectRcpt(transaction) | Self::ExpectData(transaction) => {
                desk.handler.look_up(&transaction.terms.peer, to)
            }
            _ => None,
        }
    }

    /// Whether the session could end here without anybody losing a message.
    pub(super) fn is_idle(&self) -> bool {
        matches!(
            self,
            Self::ExpectGreeting | Self::ExpectMail(_) | Self::ExpectResponse(..)
        )
    }

    pub(super) fn transaction_started(&self) -> Option<Instant> {
        match self {
            Self::ExpectRcpt(transaction) | Self::ExpectData(transaction) => Some(transaction.started),
            Self::ExpectChunk(upload) => Some(upload.transaction.started),
            Self::ExpectGreeting | Self::ExpectMail(_) | Self::ExpectResponse(..) => None,
        }
    }

    /// Answers EHLO and HELO, which also reset (RFC 5321, 4.1.4).
    fn greeted(name: &str, extended: bool, reply: Reply) -> (Reply, Next) {
        let name = name.to_owned();
        (reply, Next::Expect(Self::ExpectMail(Hello { name, extended })))
    }

    fn reset(self) -> Self {
        match self {
            Self::ExpectRcpt(transaction) | Self::ExpectData(transaction) => Self::ExpectMail(transaction.hello),
            Self::ExpectChunk(upload) => Self::ExpectMail(upload.transaction.hello),
            idle => idle,
        }
    }

    fn mail<H: Handler>(
        self,
        command: &Command<'_>,
        from: Option<&str>,
        declared: Option<u64>,
        desk: &Desk<'_, H>,
    ) -> (Reply, Next) {
        let hello = match self {
            Self::ExpectMail(hello) => hello,
            Self::ExpectGreeting => return (replies::hello_first(), Next::Expect(self)),
            Self::ExpectChunk(_) => return (replies::in_the_message(), Next::Expect(self)),
            busy => return (replies::out_of_order(command), Next::Expect(busy)),
        };
        let opened = desk.open(from, declared);
        match opened {
            Ok((sender, terms)) => {
                let recipients = Vec::new();
                let transaction = Transaction {
                    hello,
                    terms,
                    envelope: Envelope { sender, recipients },
                    declared,
                    started: Instant::now(),
                };
                (replies::mail_ok(), Next::Expect(Self::ExpectRcpt(transaction)))
            }
            Err(reply) if replies::closes(&reply) => (reply, Next::Close),
            Err(reply) => (reply, Next::Expect(Self::ExpectMail(hello))),
        }
    }

    fn rcpt<H: Handler>(self, command: &Command<'_>, to: &str, desk: &Desk<'_, H>) -> (Reply, Next) {
        let mut transaction = match self {
            Self::ExpectRcpt(transaction) | Self::ExpectData(transaction) => transaction,
            Self::ExpectChunk(_) => return (replies::in_the_message(), Next::Expect(self)),
            idle => return (replies::out_of_order(command), Next::Expect(idle)),
        };
        let reply = match desk.admit(&transaction, to) {
            Ok(recipient) => {
                transaction.envelope.recipients.push(recipient);
                replies::rcpt_ok()
            }
            Err(refusal) => desk.refuse(&refusal, Some(&transaction.terms.peer)),
        };
        let state = match transaction.envelope.recipients.is_empty() {
            true => Self::ExpectRcpt(transaction),
            false => Self::ExpectData(transaction),
        };
        (reply, Next::Expect(state))
    }

    /// STARTTLS (RFC 3207, 4).
    fn secure<H: Handler>(self, command: &Command<'_>, desk: &Desk<'_, H>) -> (Reply, Next) {
        let reply = match self {
            _ if desk.encrypted => replies::tls_already(),
            _ if desk.options.tls.is_none() => replies::tls_not_offered(),
            Self::ExpectMail(_) => return (replies::tls_ready(), Next::Secure),
            Self::ExpectGreeting => replies::hello_first(),
            _ => replies::out_of_order(command),
        };
        (reply, Next::Expect(self))
    }

    /// AUTH (RFC 4954, 4): over TLS, once, and not within a transaction.
    fn auth<H: Handler>(
        self,
        command: &Command<'_>,
        mechanism: &str,
        initial: Option<&str>,
        desk: &Desk<'_, H>,
    ) -> (Option<Reply>, Next) {
        let reply = match self {
            _ if !desk.welcome.logins => replies::login_not_offered(),
            _ if !desk.encrypted => replies::login_needs_tls(),
            _ if desk.proof.login.is_some() => replies::logged_in_already(),
            Self::ExpectMail(hello) => return logging_in(hello, Login::begin(mechanism, initial)),
            Self::ExpectGreeting => replies::hello_first(),
            _ => replies::out_of_order(command),
        };
        (Some(reply), Next::Expect(self))
    }

    /// BDAT. The octets of a chunk follow whatever is replied, so those that cannot be part of a message are read and
    /// dropped (RFC 3030, 4.1).
    fn bdat<H: Handler>(self, octets: u64, last: bool, desk: &Desk<'_, H>) -> (Option<Reply>, Next) {
        let upload = match self {
            Self::ExpectChunk(upload) => upload,
            Self::ExpectData(transaction) => Box::new(Upload {
                reception: Reception::in_chunks(&transaction, desk.handler.peers(), desk.options),
                transaction,
            }),
            state => {
                let reply = match &state {
                    Self::ExpectRcpt(_) => replies::no_recipients(),
                    _ => replies::out_of_order(&Command::Bdat { octets, last }),
                };
                let next = match octets > desk.options.drain {
                    true => Next::Close,
                    false => Next::PassOver { octets, state },
                };
                return (Some(reply), next);
            }
        };
        (None, Next::Chunk { upload, octets, last })
    }

    fn data(self, command: &Command<'_>) -> (Reply, Next) {
        match self {
            Self::ExpectData(transaction) => (replies::go_ahead(), Next::Content(transaction)),
            Self::ExpectRcpt(_) => (replies::no_recipients(), Next::Expect(self)),
            Self::ExpectChunk(_) => (replies::in_the_message(), Next::Expect(self)),
            idle => (replies::out_of_order(command), Next::Expect(idle)),
        }
    }
}

/// The reply to a step of a login, after which another line may follow.
pub(super) fn logging_in(hello: Hello, step: Result<LoginStep, LoginError>) -> (Option<Reply>, Next) {
    match step {
        Ok(LoginStep::Ask { challenge, then }) => {
            let next = Next::Expect(State::ExpectResponse(hello, then));
            (Some(replies::challenge(challenge)), next)
        }
        Ok(LoginStep::Done(credentials)) => (None, Next::LogIn(hello, credentials)),
        Err(error) => (
            Some(replies::login_error(error)),
            Next::Expect(State::ExpectMail(hello)),
        ),
    }
}

impl<H: Handler> Desk<'_, H> {
    fn ehlo(&self) -> Reply {
        let size = self.welcome.message.unwrap_or(self.options.message);
        let logins = self.welcome.logins && self.encrypted && self.proof.login.is_none();
        replies::ehlo(self.options, size, self.offers_tls(), logins)
    }

    fn offers_tls(&self) -> bool {
        self.options.tls.is_some() && !self.encrypted
    }

    fn open(&self, from: Option<&str>, declared: Option<u64>) -> Result<(Option<MmsAddress>, SenderTerms), Reply> {
        let sender = from
            .map(|text| MmsAddress::new(text).map_err(|Illegal(reason)| replies::bad_sender(text, &reason)))
            .transpose()?;
        let terms = self
            .handler
            .sender(self.remote, self.proof, sender.as_ref())
            .map_err(|refusal| self.refuse(&refusal, None))?;
        if terms.tls_required && !self.encrypted {
            tracing::warn!(remote = %self.remote, peer = %terms.peer, event = "message-refused", "refused: its messages are taken over TLS only");
            return Err(replies::tls_first());
        }
        let limit = terms.message.unwrap_or(self.options.message);
        match declared {
            Some(size) if size > limit => Err(self.refuse(&Refusal::TooLarge { limit }, Some(&terms.peer))),
            _ => Ok((sender, terms)),
        }
    }

    fn admit(&self, transaction: &Transaction, to: &str) -> Result<Recipient, Refusal> {
        let limit = self.options.recipients;
        let accepted = u32::try_from(transaction.envelope.recipients.len()).unwrap_or(u32::MAX);
        if accepted >= limit {
            return Err(Refusal::TooManyRecipients { limit });
        }
        let address = MmsAddress::new(to).map_err(|Illegal(reason)| Refusal::BadAddress {
            text: to.to_owned(),
            reason,
        })?;
        self.handler.recipient(&transaction.terms.peer, &address)?;
        let id = RecipientId(accepted + 1);
        Ok(Recipient { id, address })
    }

    /// Logs a refusal and makes its reply. `peer` is not known before MAIL.
    fn refuse(&self, refusal: &Refusal, peer: Option<&PeerName>) -> Reply {
        let peer = peer.map(tracing::field::display);
        match refusal {
            // The spool has logged already that it is full, closed or away, so a line for each refused message would add
            // nothing.
            Refusal::NoSpace | Refusal::StoreFailed | Refusal::StoreAway => {
                tracing::debug!(remote = %self.remote, "refused: {refusal}")
            }
            _ => {
                tracing::warn!(peer, remote = %self.remote, blame = ?refusal.blame(), event = "message-refused", "refused: {refusal}")
            }
        }
        replies::refused(refusal, None)
    }
}
