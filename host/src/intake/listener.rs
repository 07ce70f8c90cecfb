//! Accepting connections, and an orderly end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};

use super::arriving::{Arrived, Descriptors, Listen};
use super::entrance::{Complaint, Entrance};
use super::session::stopped;
use super::{Handler, Notice, Options};

/// The pause after a failed accept, mostly for want of descriptors: long enough for sessions to end, short enough for
/// peers.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves SMTP on `listener` until `shutdown` becomes true or its sender is gone. Then it accepts no more connections,
/// answers 421 in sessions without a transaction, and lets the others finish within [`Options::farewell`]. It returns
/// when all sessions have ended. A message without an answer by then still belongs to its sender.
pub async fn serve<L: Listen, H: Handler>(
    listener: Arc<L>,
    options: Arc<Options>,
    handler: Arc<H>,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut failed = Complaint::default();
    let entrance = Entrance::new(Arc::clone(&options), Arc::clone(&handler), shutdown.clone());
    let mut overload = entrance.overload();
    let entrance = Arc::new(entrance);
    let mut sessions = JoinSet::new();
    loop {
        let arrived = tokio::select! {
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
                Ok(arrived) => arrived,
                Err(error) => {
                    if failed.is_due() {
                        tracing::error!(event = "accept-failed", "no connection can be accepted, which is tried again and again: {error}");
                    }
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let Arrived { stream, remote, behind } = arrived;
        let crowded = match behind {
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
