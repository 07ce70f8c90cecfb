//! Messages whose last attempt ended in doubt: only the host that may have such a message is asked again.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::message::OutgoingId;
use crate::sync::lock;

/// How long only that host is asked. Afterwards a duplicate is better than a loss.
const DOUBT_FOR: Duration = Duration::from_secs(4 * 3600);

/// The most doubts that are remembered. A further doubtful message may go to another host.
const MAX_DOUBTS: usize = 10_000;

#[derive(Default)]
pub(super) struct Doubts(Mutex<HashMap<OutgoingId, Doubt>>);

struct Doubt {
    host: String,
    since: Instant,
}

impl Doubts {
    /// The host that may have the message, if it still `may_be` a host of the peer. Forgets a doubt that is too old.
    pub fn host_of(&self, id: OutgoingId, may_be: impl FnOnce(&str) -> bool) -> Option<String> {
        let mut doubts = lock(&self.0);
        let doubt = doubts.get(&id)?;
        if doubt.since.elapsed() < DOUBT_FOR && may_be(&doubt.host) {
            return Some(doubt.host.clone());
        }
        doubts.remove(&id);
        None
    }

    /// Remembers the host; the first one that may have the message stays.
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

    /// Forgets the doubt, because the host has answered for the message.
    pub fn settle(&self, id: OutgoingId) {
        lock(&self.0).remove(&id);
    }
}
