//! Connections in, and an orderly end.

use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use super::guests::Guests;
use super::session::{Session, stopped};
use super::wire::Wire;
use super::{Handler, Options, replies};
use crate::protocol::smtp::Reply;

/// After a failed accept, mostly for want of file descriptors: long enough for sessions to end, short enough for peers.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The same failure is said again after this long.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// Descriptors that sessions leave to everybody else, so that what was accepted is delivered when there are no more: for the
/// connections of deliveries, and for the store's files. Never more than a quarter of all.
const LEFT_TO_OTHERS: u64 = 128;

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
        let admitted = match Descriptors::behind(&stream) {
            Descriptors::Enough => guests.admit(remote.ip(), handler.party(remote), handler.peers(), &options),
            Descriptors::Few => Err(replies::too_few_descriptors()),
            Descriptors::Last => continue,
        };
        match admitted {
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

/// How many descriptors there are behind that of a connection: the system gives the lowest number that is free.
enum Descriptors {
    Enough,
    /// What is left is others'.
    Few,
    /// Not even for telling a client so: that takes its descriptor until it has heard.
    Last,
}

impl Descriptors {
    fn behind(stream: &TcpStream) -> Self {
        // No limit.
        let Some(limit) = getrlimit(Resource::Nofile).current else {
            return Self::Enough;
        };
        let others = LEFT_TO_OTHERS.min(limit / 4);
        let behind = limit.saturating_sub(u64::try_from(stream.as_raw_fd()).unwrap_or_default());
        match behind {
            last if last < others / 2 => Self::Last,
            few if few < others => Self::Few,
            _ => Self::Enough,
        }
    }
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
