//! Connections in, sessions counted, and an orderly end.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};

use super::session::{Session, stopped};
use super::wire::Wire;
use super::{Handler, Options, replies};
use crate::protocol::smtp::Reply;

/// After a failed accept, mostly for want of file descriptors: long enough for sessions to end, short enough for peers.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves SMTP on `listener` until `shutdown` holds true (or its sender is gone). Then no connection is accepted any
/// more, sessions without a transaction hear 421, and the others may finish within [`Options::farewell`]; it returns
/// when all are gone. What had no answer by then, its sender still owns.
pub async fn serve(
    listener: TcpListener,
    options: Arc<Options>,
    handler: Arc<impl Handler>,
    mut shutdown: watch::Receiver<bool>,
) {
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
                    tracing::warn!("cannot accept a connection: {error}");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        // Replies are written in whole groups; waiting for more of one gains nothing.
        let _ = stream.set_nodelay(true);
        match guests.admit(remote.ip(), &options) {
            Ok(guest) => {
                let session = Session::new(stream, remote, Arc::clone(&options), Arc::clone(&handler), stop.clone());
                sessions.spawn(async move {
                    session.run().await;
                    drop(guest);
                });
            }
            Err(reply) => {
                tracing::warn!(%remote, "turned away: {reply}");
                sessions.spawn(turn_away(stream, reply));
            }
        }
    }
    drop(listener);
    let farewell = async {
        while let Some(ended) = sessions.join_next().await {
            report(ended);
        }
    };
    if timeout(options.farewell, farewell).await.is_err() {
        tracing::warn!(sessions = sessions.len(), "sessions cut off: the farewell is over");
        sessions.shutdown().await;
    }
}

async fn turn_away(stream: TcpStream, reply: Reply) {
    let mut wire = Wire::new(stream);
    wire.say(&reply);
    wire.close().await;
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("a session panicked: {error}");
    }
}

/// Who is here. Clones count the same sessions.
#[derive(Clone, Default)]
struct Guests(Arc<Mutex<Census>>);

#[derive(Default)]
struct Census {
    total: usize,
    by_source: HashMap<IpAddr, usize>,
}

/// One session's place; free again when it is dropped.
struct Guest {
    guests: Guests,
    source: IpAddr,
}

impl Guests {
    fn admit(&self, source: IpAddr, options: &Options) -> Result<Guest, Reply> {
        let source = source.to_canonical();
        let mut census = self.census();
        if census.total >= options.sessions {
            return Err(replies::too_many_sessions(options.sessions));
        }
        let here = census.by_source.get(&source).copied().unwrap_or(0);
        if here >= options.sessions_per_source {
            return Err(replies::too_many_from_source(options.sessions_per_source));
        }
        census.total += 1;
        census.by_source.insert(source, here + 1);
        drop(census);
        let guests = self.clone();
        Ok(Guest { guests, source })
    }

    /// Numbers cannot be left half changed, so a panic elsewhere does not matter here.
    fn census(&self) -> MutexGuard<'_, Census> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut census = self.guests.census();
        census.total -= 1;
        if let Some(here) = census.by_source.get_mut(&self.source) {
            *here -= 1;
            if *here == 0 {
                census.by_source.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_place_is_given_and_not_one_more() {
        let options = Options {
            sessions: 3,
            sessions_per_source: 2,
            ..Options::new("relay.example", "/nonexistent")
        };
        let (a, b): (IpAddr, IpAddr) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let mapped = "::ffff:192.0.2.1".parse().unwrap();
        let guests = Guests::default();
        let admit = |source| guests.admit(source, &options).map_err(|reply| reply.to_string());
        let first = admit(a).unwrap();
        let _second = admit(mapped).unwrap();
        assert!(admit(a).is_err_and(|text| text.starts_with("421 4.7.0 more than 2 sessions from your")));
        let _third = admit(b).unwrap();
        assert!(admit(b).is_err_and(|text| text.starts_with("421 4.3.2 more than 3 sessions,")));
        drop(first);
        assert!(admit(a).is_ok());
    }
}
