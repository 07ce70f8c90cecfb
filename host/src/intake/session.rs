//! One session: commands in, replies out in groups, messages handed over, and how it ends.

mod message;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Buf;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::options::{COMMAND_DRAIN_OCTETS, COMMAND_OCTETS};
use super::state::{Desk, Next, State};
use super::wire::{Lost, Stream, Wire};
use super::{Handler, Options, Welcome, replies};
use crate::message::{MessageId, PeerName, Refusal};
use crate::protocol::smtp::{Command, Found, LineError, LineReader, Reply};

pub(super) struct Session<H> {
    wire: Wire,
    lines: LineReader,
    options: Arc<Options>,
    handler: Arc<H>,
    remote: SocketAddr,
    shutdown: watch::Receiver<bool>,
    welcome: Welcome,
    encrypted: bool,
    errors: u32,
    framing_errors: u32,
    /// Commands since the last message that brought none nearer.
    useless: u32,
    /// When the last message ended, or the session began.
    last_message: Instant,
    /// When the session began to wait for the command that it waits for now.
    waiting: Instant,
    /// When the first octets of that command came.
    begun: Option<Instant>,
}

/// Waits until the relay stops, or until nobody is left who could say so.
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
    ) -> Self {
        Self {
            wire: Wire::new(stream),
            lines: LineReader::new(COMMAND_OCTETS, COMMAND_DRAIN_OCTETS),
            options,
            handler,
            remote,
            shutdown,
            welcome: Welcome::default(),
            encrypted: false,
            errors: 0,
            framing_errors: 0,
            useless: 0,
            last_message: Instant::now(),
            waiting: Instant::now(),
            begun: None,
        }
    }

    pub(super) async fn run(mut self) {
        match self.talk().await {
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

    /// Greets, or returns what a client hears that is not let in.
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
            // Octets in time are octets too early; silence is what a client should keep.
            if let Ok(talked) = timeout(self.options.greet_delay, self.wire.fill(until)).await {
                talked?;
                tracing::warn!(remote = %self.remote, event = "client-misbehaves", "talks before the greeting");
                return Ok(Some(replies::too_early()));
            }
        }
        self.wire.say(&replies::greeting(&self.options.host_name));
        Ok(None)
    }

    /// Takes one command line, or waits for more of it.
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
                };
                let command = Command::parse(line);
                let turn = Turn::behind(&command);
                if let Ok(Command::Rcpt { to }) = &command
                    && let Some(looked_up) = state.look_up(to, &desk)
                {
                    looked_up.await;
                }
                let useless = command.as_ref().is_ok_and(Command::brings_no_message);
                let (reply, next) = match &command {
                    Ok(Command::Mail { .. }) if *self.shutdown.borrow() => (Some(replies::stopping()), Next::Close),
                    Ok(command) => state.answer(command, &desk),
                    Err(error) if error.is_hopeless() => (Some(replies::command_error(error)), Next::Close),
                    Err(error) => (Some(replies::command_error(error)), Next::Expect(state)),
                };
                self.line_is_over(consumed);
                self.useless += u32::from(useless);
                if self.useless >= self.options.useless && !matches!(next, Next::Close) {
                    tracing::warn!(remote = %self.remote, commands = self.useless, event = "client-misbehaves", "commands and no message: sent away");
                    self.wire.say(&replies::too_many_useless());
                    return Ok(Next::Close);
                }
                Ok(match reply {
                    Some(reply) => self.reply(reply, next, turn),
                    None => next,
                })
            }
        }
    }

    fn line_is_over(&mut self, consumed: usize) {
        self.wire.input.advance(consumed);
        self.waiting = Instant::now();
        self.begun = None;
    }

    /// Says `reply`, unless the client has said too much already, or too much that was wrong.
    fn reply(&mut self, reply: Reply, next: Next, turn: Turn) -> Next {
        if self.is_too_early(&next, turn) {
            tracing::warn!(remote = %self.remote, event = "client-misbehaves", "talks before its turn");
            self.wire.say(&replies::too_early());
            return Next::Close;
        }
        if replies::is_protocol_error(&reply) {
            tracing::warn!(remote = %self.remote, event = "client-misbehaves", "refused a command: {reply}");
            self.errors += 1;
            if self.errors >= self.options.errors {
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
            // What waits behind a refused DATA may be a message: its lines must not be taken for commands.
            Turn::Hello | Turn::Data => waiting && (refused_data || !self.welcome.talks_early),
            // Whoever put it there, it was not said over TLS (CVE-2011-0411).
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

    /// Writes what is to be said and waits for octets; sessions that do nothing end when the relay stops.
    async fn wait(&mut self, state: State) -> Result<Next, Lost> {
        self.flush().await?;
        let idle = state.is_idle();
        let until = self.deadline(&state);
        tokio::select! {
            biased;
            () = stopped(&mut self.shutdown), if idle => {
                self.wire.say(&replies::stopping());
                Ok(Next::Close)
            }
            filled = self.wire.fill(until) => match filled {
                Err(Lost::Late) if idle && Instant::now() >= self.mail_due() => Ok(self.without_mail()),
                filled => filled.map(|()| Next::Expect(state)),
            },
        }
    }

    /// For whoever keeps a session for later by NOOP and the like.
    fn without_mail(&mut self) -> Next {
        tracing::warn!(remote = %self.remote, event = "client-misbehaves", "no message for {:?}: sent away", self.options.before_mail);
        self.wire.say(&replies::no_mail(self.options.before_mail));
        Next::Close
    }

    fn deadline(&mut self, state: &State) -> Instant {
        let command = match self.wire.input.is_empty() && self.begun.is_none() {
            true => self.waiting + self.options.idle,
            false => *self.begun.get_or_insert_with(Instant::now) + self.options.command,
        };
        match state.transaction_started() {
            Some(started) => command.min(started + self.options.transaction),
            None => command.min(self.mail_due()),
        }
    }

    /// The time at which a client that has not sent MAIL is sent away.
    fn mail_due(&self) -> Instant {
        self.last_message + self.options.before_mail
    }

    /// The handshake behind STARTTLS. The client begins anew: nothing that it said before is known to be its own.
    async fn secure(&mut self) -> Result<Next, Lost> {
        self.flush().await?;
        let Some(tls) = &self.options.tls else {
            return Ok(Next::Close);
        };
        let until = Instant::now() + self.options.command;
        self.wire.secure(tls.load_full(), until).await?;
        self.encrypted = true;
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

/// Whose turn it is behind a command (RFC 2920, 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// More commands may wait already.
    Any,
    /// The client has to wait for the answer, behind EHLO and HELO.
    Hello,
    /// The same, behind DATA.
    Data,
    /// The same, behind STARTTLS.
    Tls,
}

impl Turn {
    fn behind<E>(command: &Result<Command<'_>, E>) -> Self {
        match command {
            Ok(Command::Ehlo(_) | Command::Helo(_)) => Self::Hello,
            Ok(Command::Data) => Self::Data,
            Ok(Command::StartTls) => Self::Tls,
            _ => Self::Any,
        }
    }
}
