//! One session: commands in, replies out in groups, messages handed over, and its end.

mod lines;
mod logins;
mod message;
mod patience;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Buf;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use self::lines::{Answer, Turn, answer};
use super::options::{COMMAND_DRAIN_OCTETS, COMMAND_OCTETS};
use super::state::{Desk, Next, State};

use super::wire::{Lost, Stream, Wire};
use super::{Handler, Options, Proof, Welcome, replies};
use crate::message::{MessageId, PeerName, Refusal};
use crate::protocol::smtp::{Found, LineError, LineReader, Reply};

pub(super) struct Session<H> {
    wire: Wire,
    lines: LineReader,
    options: Arc<Options>,
    handler: Arc<H>,
    remote: SocketAddr,
    shutdown: watch::Receiver<bool>,
    /// Whether nearly all places of the listener are taken.
    overload: watch::Receiver<bool>,
    welcome: Welcome,
    encrypted: bool,
    proof: Proof,
    wrong_logins: u32,
    errors: u32,
    framing_errors: u32,
    /// Commands since the last message that brought no message nearer.
    useless: u32,
    /// The end of the last message, or the beginning of the session.
    last_message: Instant,
    /// When the session began to wait for the present command.
    waiting: Instant,
    /// When the first octets of the present command came.
    begun: Option<Instant>,
}

/// Waits until the relay stops: until the flag is set, or its sender is gone.
pub(super) async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    let _ = shutdown.wait_for(|stop| *stop).await;
}

impl<H: Handler> Session<H> {
    pub(super) fn new(
        stream: impl Stream + 'static,
        remote: SocketAddr,
        options: Arc<Options>,
        handler: Arc<H>,
        shutdown: watch::Receiver<bool>,
        overload: watch::Receiver<bool>,
    ) -> Self {
        Self {
            wire: Wire::new(stream),
            lines: LineReader::new(COMMAND_OCTETS, COMMAND_DRAIN_OCTETS),
            options,
            handler,
            remote,
            shutdown,
            overload,
            welcome: Welcome::default(),
            encrypted: false,
            proof: Proof::default(),
            wrong_logins: 0,
            errors: 0,
            framing_errors: 0,
            useless: 0,
            last_message: Instant::now(),
            waiting: Instant::now(),
            begun: None,
        }
    }

    pub(super) async fn run(mut self) {
        let talked = match self.options.tls_at_once {
            true => self.begin_with_tls().await,
            false => self.talk().await,
        };
        match talked {
            Ok(()) => {}
            Err(lost @ (Lost::Closed | Lost::Broken(_))) => {
                tracing::debug!(remote = %self.remote, "session lost: {lost}");
                return;
            }
            Err(lost @ Lost::Handshake(_)) => {
                tracing::warn!(remote = %self.remote, event = "session-lost", "session lost: {lost}");
                return;
            }
            Err(lost @ Lost::Late) => {
                tracing::debug!(remote = %self.remote, "session ended: {lost}");
                self.wire.say(&replies::too_slow());
            }
        }
        self.wire.close().await;
    }

    /// The TLS handshake comes first, and then the greeting (RFC 8314, 3).
    async fn begin_with_tls(&mut self) -> Result<(), Lost> {
        match self.secure().await? {
            Next::Expect(_) => self.talk().await,
            _ => Ok(()),
        }
    }

    async fn talk(&mut self) -> Result<(), Lost> {
        if let Some(refusal) = self.greet().await? {
            self.wire.say(&refusal);
            return Ok(());
        }
        let mut state = State::ExpectGreeting;
        loop {
            let next = match self.step(state).await? {
                Next::Content(transaction) => self.message(transaction).await?,
                Next::Chunk { upload, octets, last } => self.chunk(upload, octets, last).await?,
                Next::PassOver { octets, state } => self.pass_over(octets, state).await?,
                Next::Secure => self.secure().await?,
                Next::LogIn(hello, credentials) => self.log_in(hello, credentials).await?,
                next => next,
            };
            match next {
                Next::Expect(expected) => state = expected,
                _ => return Ok(()),
            }
            if self.wire.is_full() {
                self.flush().await?;
            }
        }
    }

    /// Greets the client. Returns the reply for a client that is given no session.
    async fn greet(&mut self) -> Result<Option<Reply>, Lost> {
        match self.handler.greet(self.remote) {
            Ok(welcome) => self.welcome = welcome,
            Err(refusal) => {
                self.log_refusal(&refusal, None, None);
                return Ok(Some(replies::unwelcome(&refusal)));
            }
        }
        if !self.options.greet_delay.is_zero() && !self.welcome.talks_early {
            let until = Instant::now() + self.options.idle;
            // A client must be silent until it is greeted. Octets within this time come too early; that the time runs
            // out is the normal case.
            if let Ok(talked) = timeout(self.options.greet_delay, self.wire.fill(until)).await {
                talked?;
                tracing::warn!(remote = %self.remote, event = "client-misbehaves", "talks before the greeting");
                return Ok(Some(replies::too_early()));
            }
        }
        self.wire.say(&replies::greeting(&self.options.host_name));
        Ok(None)
    }

    /// Handles one command line, or waits for the rest of it.
    async fn step(&mut self, state: State) -> Result<Next, Lost> {
        match self.lines.next(&self.wire.input) {
            Found::More { consumed } => {
                self.wire.input.advance(consumed);
                self.wait(state).await
            }
            Found::Fault { fault, consumed } => {
                self.line_is_over(consumed);
                Ok(self.misframed(fault, state))
            }
            Found::Line { line, consumed } => {
                let desk = Desk {
                    options: &self.options,
                    handler: &*self.handler,
                    remote: self.remote,
                    welcome: self.welcome,
                    encrypted: self.encrypted,
                    proof: &self.proof,
                };
                let stopping = *self.shutdown.borrow();
                let Answer {
                    reply,
                    next,
                    turn,
                    useless,
                } = answer(line, state, &desk, stopping).await;
                self.line_is_over(consumed);
                self.useless += u32::from(useless);
                if self.useless >= self.options.useless && !matches!(next, Next::Close) {
                    tracing::warn!(remote = %self.remote, commands = self.useless, event = "client-misbehaves", "commands and no message: sent away");
                    self.wire.say(&replies::too_many_useless());
                    return Ok(Next::Close);
                }
                Ok(match reply {
                    Some(reply) => self.reply(reply, next, turn),
                    None => self.unless_too_early(next, turn),
                })
            }
        }
    }

    fn line_is_over(&mut self, consumed: usize) {
        self.wire.input.advance(consumed);
        self.waiting = Instant::now();
        self.begun = None;
    }

    fn unless_too_early(&mut self, next: Next, turn: Turn) -> Next {
        if !self.is_too_early(&next, turn) {
            return next;
        }
        tracing::warn!(remote = %self.remote, event = "client-misbehaves", "talks before its turn");
        self.wire.say(&replies::too_early());
        Next::Close
    }

    /// Queues `reply`, unless the client sent something before its turn, or made too many errors: then the session
    /// ends.
    fn reply(&mut self, reply: Reply, next: Next, turn: Turn) -> Next {
        if self.is_too_early(&next, turn) {
            return self.unless_too_early(next, turn);
        }
        if replies::is_protocol_error(&reply) {
            tracing::warn!(remote = %self.remote, event = "client-misbehaves", "refused a command: {reply}");
            self.errors += 1;
            if self.errors >= self.patience().errors {
                self.wire.say(&replies::too_many_errors());
                return Next::Close;
            }
        }
        self.wire.say(&reply);
        next
    }

    fn is_too_early(&self, next: &Next, turn: Turn) -> bool {
        let waiting = !self.wire.input.is_empty();
        let refused_data = turn == Turn::Data && !matches!(next, Next::Content(_));
        match turn {
            Turn::Any => false,
            // What waits behind a refused DATA may be a message, and its lines must not be taken for commands.
            Turn::Hello | Turn::Data => waiting && (refused_data || !self.welcome.talks_early),
            // What waits behind a login may be a password, or a command that relies on the login (RFC 4954, 4).
            Turn::Login => waiting,
            // These octets were sent in clear and must not count as said over TLS (CVE-2011-0411).
            Turn::Tls => waiting && matches!(next, Next::Secure),
        }
    }

    fn misframed(&mut self, fault: LineError, state: State) -> Next {
        tracing::warn!(remote = %self.remote, event = "client-misbehaves", "refused a command line: {fault}");
        self.framing_errors += 1;
        let hopeless = matches!(fault, LineError::TooLong { .. });
        let next = match hopeless || self.framing_errors >= self.options.framing_errors {
            true => Next::Close,
            false => Next::Expect(state),
        };
        self.reply(replies::line_error(fault), next, Turn::Any)
    }

    /// The handshake behind STARTTLS. Afterwards the session begins anew, because what came in clear may have been
    /// forged.
    async fn secure(&mut self) -> Result<Next, Lost> {
        self.flush().await?;
        let Some(tls) = &self.options.tls else {
            return Ok(Next::Close);
        };
        let until = Instant::now() + self.options.command;
        let shown = self.wire.secure(tls.load_full(), until).await?;
        self.encrypted = true;
        self.proof = Proof {
            login: None,
            certified: self.handler.certified(self.remote, &shown),
        };
        self.lines = LineReader::new(COMMAND_OCTETS, COMMAND_DRAIN_OCTETS);
        self.waiting = Instant::now();
        Ok(Next::Expect(State::ExpectGreeting))
    }

    fn log_refusal(&self, refusal: &Refusal, id: Option<MessageId>, peer: Option<&PeerName>) {
        let (id, peer) = (id.map(tracing::field::display), peer.map(tracing::field::display));
        tracing::warn!(id, peer, remote = %self.remote, blame = ?refusal.blame(), event = "message-refused", "refused: {refusal}");
    }

    async fn flush(&mut self) -> Result<(), Lost> {
        self.wire.flush(Instant::now() + self.options.idle).await
    }
}
