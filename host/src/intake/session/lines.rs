//! One command line: what it means in this state, and whose turn it is afterwards.

use crate::intake::Handler;
use crate::intake::replies;
use crate::intake::state::{Desk, Next, State, logging_in};
use crate::protocol::smtp::{Command, Reply};

/// The answer to one line.
pub(super) struct Answer {
    pub(super) reply: Option<Reply>,
    pub(super) next: Next,
    pub(super) turn: Turn,
    /// The command brought no message nearer.
    pub(super) useless: bool,
}

/// Reads a line as a command, or as the response that a login waits for.
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

/// Who may send after a command (RFC 2920, 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The client may have sent further commands already.
    Any,
    /// The client must wait for the answer, to EHLO or HELO.
    Hello,
    /// The client must wait for the answer, to DATA.
    Data,
    /// The client must wait for the answer, to AUTH or a response of it.
    Login,
    /// The client must wait for the answer, to STARTTLS.
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
