//! Connections in, and an orderly end.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use super::guests::Guests;
use super::session::{Session, stopped};
use super::wire::Wire;
use super::{Handler, Options};
use crate::protocol::smtp::Reply;

/// After a failed accept, mostly for want of file descriptors: long enough for sessions to end, short enough for peers.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The same failure is said again after this long.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// Connections that are told at the same time why they are not let in. Past that they are closed without a word: each
/// holds a descriptor until it has been told.
const TURNED_AWAY: usize = 100;

/// Serves SMTP on `listener` until `shutdown` holds true (or its sender is gone). Then no connection is accepted any
/// more, sessions without a transaction hear 421, and the others may finish within [`Options::farewell`]; it returns
/// when all are gone. What had no answer by then, its sender still owns.
pub async fn serve(
    listener: impl Into<Arc<TcpListener>>,
    options: Arc<Options>,
    handler: Arc<impl Handler>,
    mut shutdown: watch::Receiver<bool>,
) {
    let listener = listener.into();
    let (mut failed, mut full) = (Complaint::default(), Complaint::default());
    let door = Arc::new(Semaphore::new(TURNED_AWAY));
    let guests = Guests::default();
    let mut sessions = JoinSet::new();
    let stop = shutdown.clone();
    loop {
        let (stream, remote) = tokio::select! {
            biased;
            () = stopped(&mut shutdown) => break,
            Some(ended) = sessions.join_next(), if !sessions.is_empty() => {
                report(ended);
                continue;
            }
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    if failed.is_due() {
                        tracing::error!(event = "accept-failed", "no connection can be accepted, which is tried again and again: {error}");
                    }
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        // Replies are written in whole groups; waiting for more of one gains nothing.
        let _ = stream.set_nodelay(true);
        match guests.admit(remote.ip(), handler.party(remote), handler.peers(), &options) {
            Ok(guest) => {
                let session = Session::new(stream, remote, Arc::clone(&options), Arc::clone(&handler), stop.clone());
                sessions.spawn(async move {
                    session.run().await;
                    drop(guest);
                });
            }
            Err(reply) => {
                if full.is_due() {
                    tracing::warn!(%remote, event = "client-turned-away", "turned away, and others for a minute without a line here: {reply}");
                }
                if let Ok(place) = Arc::clone(&door).try_acquire_owned() {
                    sessions.spawn(async move {
                        turn_away(stream, reply).await;
                        drop(place);
                    });
                }
            }
        }
    }
    drop(listener);
    farewell(sessions, options.farewell).await;
}

/// Lets sessions finish, for so long.
async fn farewell(mut sessions: JoinSet<()>, patience: Duration) {
    let ended = async {
        while let Some(ended) = sessions.join_next().await {
            report(ended);
        }
    };
    if timeout(patience, ended).await.is_err() {
        tracing::warn!(
            sessions = sessions.len(),
            event = "drain-cut-short",
            "sessions cut off: the farewell is over"
        );
        sessions.shutdown().await;
    }
}

async fn turn_away(stream: TcpStream, reply: Reply) {
    let mut wire = Wire::new(stream);
    wire.say(&reply);
    wire.close().await;
}

/// What is said once a minute at the most: a flood of connections must not become one of lines.
#[derive(Default)]
struct Complaint(Option<Instant>);

impl Complaint {
    fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let due = self.0.is_none_or(|last| now.duration_since(last) >= SAY_AGAIN);
        if due {
            self.0 = Some(now);
        }
        due
    }
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(event = "panic", "a session panicked: {error}");
    }
}
