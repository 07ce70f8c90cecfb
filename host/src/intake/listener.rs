//! Connections in, and an orderly end.

use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};

use super::entrance::{Complaint, Entrance};
use super::session::stopped;
use super::{Handler, Notice, Options};

/// After a failed accept, mostly for want of file descriptors: long enough for sessions to end, short enough for peers.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Descriptors that sessions leave to everybody else, so that what was accepted is delivered when there are no more: for the
/// connections of deliveries, and for the store's files. Never more than a quarter of all.
const LEFT_TO_OTHERS: u64 = 128;

/// Serves SMTP on `listener` until `shutdown` holds true (or its sender is gone). Then no connection is accepted any
/// more, sessions without a transaction hear 421, and the others may finish within [`Options::farewell`]; it returns
/// when all are gone. What had no answer by then, its sender still owns.
pub async fn serve<H: Handler>(
    listener: impl Into<Arc<TcpListener>>,
    options: Arc<Options>,
    handler: Arc<H>,
    mut shutdown: watch::Receiver<bool>,
) {
    let listener = listener.into();
    let mut failed = Complaint::default();
    let entrance = Entrance::new(Arc::clone(&options), Arc::clone(&handler), shutdown.clone());
    let mut overload = entrance.overload();
    let entrance = Arc::new(entrance);
    let mut sessions = JoinSet::new();
    loop {
        let (stream, remote) = tokio::select! {
            biased;
            () = stopped(&mut shutdown) => break,
            Ok(()) = overload.changed() => {
                tell_of_overload(&*handler, *overload.borrow_and_update(), &options);
                continue;
            }
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
        let crowded = match Descriptors::behind(&stream) {
            Descriptors::Enough => false,
            Descriptors::Few => true,
            Descriptors::Last => continue,
        };
        let entrance = Arc::clone(&entrance);
        sessions.spawn(async move { entrance.receive(stream, remote, crowded).await });
    }
    drop(listener);
    farewell(sessions, options.farewell).await;
}

fn tell_of_overload(handler: &impl Handler, overload: bool, options: &Options) {
    let most = options.sessions;
    match overload {
        true => {
            tracing::warn!(
                event = "overload-entered",
                "nine tenths of {most} sessions are there: clients have less time, and are borne fewer mistakes"
            );
        }
        false => {
            tracing::info!(
                event = "overload-left",
                "fewer than seven tenths of {most} sessions are left: clients have their usual time"
            );
        }
    }
    handler.noticed(Notice::Overload(overload));
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

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(event = "panic", "a session panicked: {error}");
    }
}
