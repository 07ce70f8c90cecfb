//! Logging in (RFC 4954): the check of name and password, and the reply.

use tokio::time::Instant;

use super::Session;
use crate::intake::state::{Next, State};
use crate::intake::transaction::Hello;
use crate::intake::wire::Lost;
use crate::intake::{Handler, LoginRefused, Notice, replies};
use crate::protocol::smtp::AuthCredentials;

/// The number of the wrong login that ends a session.
const WRONG_LOGINS: u32 = 3;

impl<H: Handler> Session<H> {
    /// Marks the client as speaking over TLS. For tests.
    #[cfg(test)]
    pub(in crate::intake) fn encrypted(mut self) -> Self {
        self.encrypted = true;
        self
    }

    /// Has the handler check a name and a password, however long that takes.
    pub(super) async fn log_in(&mut self, hello: Hello, credentials: AuthCredentials) -> Result<Next, Lost> {
        self.flush().await?;
        let looked_at = self.handler.log_in(self.remote, credentials).await;
        self.waiting = Instant::now();
        let next = Next::Expect(State::ExpectMail(hello));
        if looked_at.is_err() {
            self.handler.noticed(Notice::LoginRefused);
        }
        Ok(match looked_at {
            Ok(peer) => {
                tracing::debug!(remote = %self.remote, %peer, "logged in");
                self.proof.login = Some(peer);
                self.wire.say(&replies::logged_in());
                next
            }
            Err(LoginRefused::Wrong) => {
                self.wrong_logins += 1;
                tracing::warn!(remote = %self.remote, event = "login-refused", "wrong name or password");
                let last = self.wrong_logins >= WRONG_LOGINS;
                self.wire.say(&match last {
                    true => replies::login_wrong_again(),
                    false => replies::login_wrong(),
                });
                if last { Next::Close } else { next }
            }
            Err(LoginRefused::TooMany) => {
                tracing::warn!(remote = %self.remote, event = "login-refused", "too many wrong logins from its address: not looked at");
                self.wire.say(&replies::too_many_logins());
                Next::Close
            }
        })
    }
}
