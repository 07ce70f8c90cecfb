//! Messages whose last attempt ended in doubt: the host that may have them is asked again, and no other.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::message::OutgoingId;
use crate::sync::lock;

/// For this long only the host that may have a message is asked to take it again; then a double is better than a loss.
const DOUBT_FOR: Duration = Duration::from_secs(4 * 3600);

/// Doubts that are remembered. Past that, a doubtful message may go to another host.
const MAX_DOUBTS: usize = 10_000;

#[derive(Default)]
pub(super) struct Doubts(Mutex<HashMap<OutgoingId, Doubt>>);

struct Doubt {
    host: String,
    since: Instant,
}

impl Doubts {
    /// The host that may have the message, if it still `may_be` a host of the peer. A doubt that is too old is forgotten.
    pub fn host_of(&self, id: OutgoingId, may_be: impl FnOnce(&str) -> bool) -> Option<String> {
        let mut doubts = lock(&self.0);
        let doubt = doubts.get(&id)?;
        if doubt.since.elapsed() < DOUBT_FOR && may_be(&doubt.host) {
            return Some(doubt.host.clone());
        }
        doubts.remove(&id);
        None
    }

    /// The first host that may have it stays the one.
    pub fn remember(&self, id: OutgoingId, host: &str) {
        let mut doubts = lock(&self.0);
        if doubts.len() >= MAX_DOUBTS {
            doubts.retain(|_, doubt| doubt.since.elapsed() < DOUBT_FOR);
        }
        if doubts.len() < MAX_DOUBTS {
            let (host, since) = (host.to_owned(), Instant::now());
            doubts.entry(id).or_insert(Doubt { host, since });
        }
    }

    /// The host has said what became of the message.
    pub fn settle(&self, id: OutgoingId) {
        lock(&self.0).remove(&id);
    }
}
