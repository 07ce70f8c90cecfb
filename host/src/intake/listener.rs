//! Accepting connections, and an orderly end.

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

/// The pause after a failed accept, mostly for want of descriptors: long enough for sessions to end, short enough for
/// peers.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Descriptors that sessions leave to the rest of the relay: deliveries and the store need some, so that accepted
/// messages still leave. Never more than a quarter of all descriptors.
const LEFT_TO_OTHERS: u64 = 128;

/// Serves SMTP on `listener` until `shutdown` becomes true or its sender is gone. Then it accepts no more connections,
/// answers 421 in sessions without a transaction, and lets the others finish within [`Options::farewell`]. It returns
/// when all sessions have ended. A message without an answer by then still belongs to its sender.
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
        // Replies are written in whole groups, so Nagle's algorithm would only delay them.
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

/// How many descriptors are left, judged by a new connection's number: the system gives out the lowest free one.
enum Descriptors {
    Enough,
    /// The rest is reserved for others.
    Few,
    /// Too few even to tell the client so, because it holds its descriptor until it has heard.
    Last,
}

impl Descriptors {
    fn behind(stream: &TcpStream) -> Self {
        // The number of descriptors is unlimited.
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

/// Waits until the sessions have ended, for at most this long.
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
