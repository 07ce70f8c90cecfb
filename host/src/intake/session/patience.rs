//! How long a client is waited for, and for what.

use std::future::pending;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::{Session, stopped};
use crate::intake::state::{Next, State};
use crate::intake::wire::Lost;
use crate::intake::{Handler, Options, replies};

/// From the connection to a proof of who it is, for a client from nobody's address.
const STRANGERS: Duration = Duration::from_secs(60);

/// In overload, what is borne of everybody: Postfix's values under stress.
const OVERLOADED: Patience = Patience {
    idle: Duration::from_secs(10),
    command: Duration::from_secs(10),
    before_mail: Duration::from_secs(30),
    errors: 1,
};

/// What is borne of a client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Silence.
    pub(super) idle: Duration,
    /// From the first octet of a command line to its last.
    command: Duration,
    /// From the greeting, or the last message, to MAIL.
    before_mail: Duration,
    /// The protocol error that ends the session.
    pub(super) errors: u32,
}

impl Patience {
    /// What `[limits]` say, and in overload less.
    pub(super) fn of(options: &Options, overloaded: bool) -> Self {
        let usual = Self {
            idle: options.idle,
            command: options.command,
            before_mail: options.before_mail,
            errors: options.errors,
        };
        match overloaded {
            false => usual,
            true => Self {
                idle: usual.idle.min(OVERLOADED.idle),
                command: usual.command.min(OVERLOADED.command),
                before_mail: usual.before_mail.min(OVERLOADED.before_mail),
                errors: usual.errors.min(OVERLOADED.errors),
            },
        }
    }
}

impl<H: Handler> Session<H> {
    /// Writes what is to be said and waits for octets; sessions that do nothing end when the relay stops.
    pub(super) async fn wait(&mut self, state: State) -> Result<Next, Lost> {
        self.flush().await?;
        let idle = state.is_idle();
        let until = self.deadline(&state);
        tokio::select! {
            biased;
            () = stopped(&mut self.shutdown), if idle => {
                self.wire.say(&replies::stopping());
                Ok(Next::Close)
            }
            // There is another deadline now.
            () = changed(&mut self.overload) => Ok(Next::Expect(state)),
            filled = self.wire.fill(until) => match filled {
                Err(Lost::Late) if idle && Instant::now() >= self.mail_due() => Ok(self.without_mail()),
                filled => filled.map(|()| Next::Expect(state)),
            },
        }
    }

    pub(super) fn patience(&self) -> Patience {
        Patience::of(&self.options, *self.overload.borrow())
    }

    /// For whoever keeps a session for later by NOOP and the like.
    fn without_mail(&mut self) -> Next {
        let patience = self.before_mail();
        tracing::warn!(remote = %self.remote, event = "client-misbehaves", "no message for {patience:?}: sent away");
        self.wire.say(&replies::no_mail(patience));
        Next::Close
    }

    fn deadline(&mut self, state: &State) -> Instant {
        let patience = self.patience();
        let command = match self.wire.input.is_empty() && self.begun.is_none() {
            true => self.waiting + patience.idle,
            false => *self.begun.get_or_insert_with(Instant::now) + patience.command,
        };
        match state.transaction_started() {
            Some(started) => command.min(started + self.options.transaction),
            None => command.min(self.mail_due()),
        }
    }

    /// The time at which a client that has not sent MAIL is sent away.
    fn mail_due(&self) -> Instant {
        self.last_message + self.before_mail()
    }

    /// Whoever may be anybody has a minute to say who it is.
    fn before_mail(&self) -> Duration {
        let patience = self.patience().before_mail;
        match self.welcome.is_stranger && self.proof.is_empty() {
            true => patience.min(STRANGERS),
            false => patience,
        }
    }
}

/// Waits for another value, for ever when there will be none.
async fn changed(overload: &mut watch::Receiver<bool>) {
    if overload.changed().await.is_err() {
        pending::<()>().await;
    }
}
