//! One line: what it is taken for, and whose turn it is behind it.

use crate::intake::Handler;
use crate::intake::replies;
use crate::intake::state::{Desk, Next, State, logging_in};
use crate::protocol::smtp::{Command, Reply};

/// What a line comes to.
pub(super) struct Answer {
    pub(super) reply: Option<Reply>,
    pub(super) next: Next,
    pub(super) turn: Turn,
    /// It was a command that brings no message nearer.
    pub(super) useless: bool,
}

/// Takes a line for a command, or for the response that a login waits for.
pub(super) async fn answer<H: Handler>(line: &[u8], state: State, desk: &Desk<'_, H>, stopping: bool) -> Answer {
    if let State::ExpectResponse(hello, login) = state {
        let (reply, next) = logging_in(hello, login.answer(line));
        return Answer {
            reply,
            next,
            turn: Turn::Login,
            useless: false,
        };
    }
    let command = Command::parse(line);
    if let Ok(Command::Rcpt { to }) = &command
        && let Some(looked_up) = state.look_up(to, desk)
    {
        looked_up.await;
    }
    let (reply, next) = match &command {
        Ok(Command::Mail { .. }) if stopping => (Some(replies::stopping()), Next::Close),
        Ok(command) => state.answer(command, desk),
        Err(error) if error.is_hopeless() => (Some(replies::command_error(error)), Next::Close),
        Err(error) => (Some(replies::command_error(error)), Next::Expect(state)),
    };
    Answer {
        reply,
        next,
        turn: Turn::behind(&command),
        useless: command.as_ref().is_ok_and(Command::brings_no_message),
    }
}

/// Whose turn it is behind a command (RFC 2920, 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// More commands may wait already.
    Any,
    /// The client has to wait for the answer, behind EHLO and HELO.
    Hello,
    /// The same, behind DATA.
    Data,
    /// The same, behind AUTH and each response.
    Login,
    /// The same, behind STARTTLS.
    Tls,
}

impl Turn {
    fn behind<E>(command: &Result<Command<'_>, E>) -> Self {
        match command {
            Ok(Command::Ehlo(_) | Command::Helo(_)) => Self::Hello,
            Ok(Command::Data) => Self::Data,
            Ok(Command::StartTls) => Self::Tls,
            Ok(Command::Auth { .. }) => Self::Login,
            _ => Self::Any,
        }
    }
}
