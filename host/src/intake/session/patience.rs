//! How long the relay waits for a client, in each state.

use std::future::pending;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::{Session, stopped};
use crate::intake::state::{Next, State};
use crate::intake::wire::Lost;
use crate::intake::{Handler, Options, replies};

/// How long a client from an unknown address may take to prove who it is.
const STRANGERS: Duration = Duration::from_secs(60);

/// The time-outs for everybody while nearly all places are taken: Postfix's values under stress.
const OVERLOADED: Patience = Patience {
    idle: Duration::from_secs(10),
    command: Duration::from_secs(10),
    before_mail: Duration::from_secs(30),
    errors: 1,
};

/// The time-outs and the number of errors that a client is allowed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// The longest silence.
    pub(super) idle: Duration,
    /// The longest time from the first octet of a command line to its last.
    command: Duration,
    /// The longest time from the greeting, or the last message, to MAIL.
    before_mail: Duration,
    /// The number of the protocol error that ends the session.
    pub(super) errors: u32,
}

impl Patience {
    /// The values of `[limits]`, or stricter ones in overload.
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
    /// Writes the pending replies and waits for octets. A session without a transaction ends here when the relay stops.
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
            // Overload began or ended, so another deadline applies.
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

    /// Ends a session that has sent no MAIL for too long, for example one that is kept open by NOOP.
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

    /// When a client that has not sent MAIL is sent away.
    fn mail_due(&self) -> Instant {
        self.last_message + self.before_mail()
    }

    /// How long a client may take to MAIL. One from an unknown address has a minute to prove who it is.
    fn before_mail(&self) -> Duration {
        let patience = self.patience().before_mail;
        match self.welcome.is_stranger && self.proof.is_empty() {
            true => patience.min(STRANGERS),
            false => patience,
        }
    }
}

/// Waits for a new value; for ever when the sender is gone.
async fn changed(overload: &mut watch::Receiver<bool>) {
    if overload.changed().await.is_err() {
        pending::<()>().await;
    }
}
