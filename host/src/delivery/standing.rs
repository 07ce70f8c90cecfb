//! The state of a peer and its hosts: which are down, since when, and the last reply. Each change is one log line.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::fate::Answer;
use crate::message::{OutgoingId, PeerName, Timestamp};
use crate::sync::lock;

/// The state of one peer, for the metrics and for `queue list`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStanding {
    pub peer: PeerName,
    /// Set while none of its hosts accepts a session.
    pub down: Option<Down>,
    /// The hosts that accepted no session at their last try.
    pub hosts_down: Vec<HostDown>,
    /// Attempts that have already taken some time.
    pub running: Vec<RunningAttempt>,
    /// Workers, each with a connection or about to have one, and outcomes that are being recorded.
    pub under_way: usize,
}

/// A peer that is down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Down {
    pub since: Timestamp,
    /// The reply of the last host that was tried, or why there was none.
    pub said: String,
    /// When the next message tests the peer; `None` while one does.
    pub again: Option<Timestamp>,
}

/// A host that accepts no session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostDown {
    pub host: String,
    pub since: Timestamp,
    pub said: String,
}

/// An attempt that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningAttempt {
    /// The id as `queue list` prints it.
    pub id: String,
    pub since: Timestamp,
    pub host: Option<String>,
    /// `answer to MAIL`.
    pub waits_for: String,
    pub waits_since: Timestamp,
}

/// What is known about the hosts of one peer.
#[derive(Debug)]
pub(super) struct Standing {
    peer: PeerName,
    hosts: Mutex<BTreeMap<String, Failing>>,
    down: Mutex<Option<Trouble>>,
    /// Why the hosts themselves are not known.
    hostless: Mutex<Option<String>>,
}

#[derive(Debug)]
struct Failing {
    trouble: Trouble,
    /// When the host was last found down.
    last: Instant,
}

#[derive(Debug)]
struct Trouble {
    /// The time for operators.
    since: Timestamp,
    /// The time for measuring how long.
    begun: Instant,
    said: String,
}

/// How long a host that was found down is tried after the others.
const DEAD_FOR: Duration = Duration::from_secs(60);

impl Standing {
    pub fn new(peer: PeerName) -> Self {
        Self {
            peer,
            hosts: Mutex::default(),
            down: Mutex::default(),
            hostless: Mutex::default(),
        }
    }

    /// Forgets hosts that no longer belong to the peer.
    pub fn keep(&self, may_be: impl Fn(&str) -> bool) {
        lock(&self.hosts).retain(|host, _| may_be(host));
    }

    /// Whether a host was found down recently.
    pub fn is_dead(&self, host: &str) -> bool {
        let hosts = lock(&self.hosts);
        hosts.get(host).is_some_and(|failing| failing.last.elapsed() < DEAD_FOR)
    }

    pub fn host_is_down(&self, host: &str, why: &Answer, now: Timestamp) {
        let said = why.with_step();
        let mut hosts = lock(&self.hosts);
        if let Some(known) = hosts.get_mut(host) {
            (known.trouble.said, known.last) = (said, Instant::now());
            return;
        }
        warn!(peer = %self.peer, host, reason = said.as_str(), event = "host-down", "host accepts no session");
        let trouble = Trouble::new(said, now);
        let last = trouble.begun;
        hosts.insert(host.to_owned(), Failing { trouble, last });
    }

    pub fn host_is_up(&self, host: &str) {
        // This runs for each connection, and an entry is hardly ever there.
        let failing = lock(&self.hosts).remove(host);
        if let Some(Failing { trouble, .. }) = failing {
            info!(peer = %self.peer, host, down_s = trouble.begun.elapsed().as_secs(), event = "host-up", "host accepts sessions again");
        }
    }

    /// Records whether the hosts of the peer are known.
    pub fn hosts_known(&self, known: Result<(), &Answer>) {
        let mut hostless = lock(&self.hostless);
        match known {
            Ok(()) if hostless.is_none() => {}
            Ok(()) => {
                *hostless = None;
                info!(peer = %self.peer, event = "hosts-known", "it is known again where the peer's hosts are");
            }
            Err(why) => {
                let why = why.to_string();
                if hostless.as_ref() != Some(&why) {
                    warn!(peer = %self.peer, reason = why, event = "hosts-unknown", "the peer's hosts are unknown");
                    *hostless = Some(why);
                }
            }
        }
    }

    /// Records that none of its hosts accepts a session; the next try is after `wait`.
    pub fn peer_is_down(&self, host: Option<&str>, why: &Answer, now: Timestamp, wait: Duration) {
        let said = why.at(host);
        let mut down = lock(&self.down);
        if let Some(known) = down.as_mut() {
            known.said = said;
            return;
        }
        let again_in_s = wait.as_secs_f64().round();
        warn!(peer = %self.peer, reason = said.as_str(), again_in_s, event = "peer-down", "peer is down: its messages wait");
        *down = Some(Trouble::new(said, now));
    }

    pub fn peer_is_up(&self) {
        if let Some(trouble) = lock(&self.down).take() {
            info!(peer = %self.peer, down_s = trouble.begun.elapsed().as_secs(), event = "peer-up", "peer is up again");
        }
    }

    /// The state to show; `again` is the time of the next try.
    pub fn shown(&self, again: Option<Timestamp>, running: Vec<RunningAttempt>) -> PeerStanding {
        let down = lock(&self.down);
        let down = down.as_ref().map(|trouble| Down {
            since: trouble.since,
            said: trouble.said.clone(),
            again,
        });
        let hosts = lock(&self.hosts);
        let hosts_down = hosts.iter().map(|(host, failing)| HostDown {
            host: host.clone(),
            since: failing.trouble.since,
            said: failing.trouble.said.clone(),
        });
        PeerStanding {
            peer: self.peer.clone(),
            down,
            hosts_down: hosts_down.collect(),
            running,
            under_way: 0,
        }
    }
}

impl Trouble {
    fn new(said: String, now: Timestamp) -> Self {
        Self {
            since: now,
            begun: Instant::now(),
            said,
        }
    }
}

impl RunningAttempt {
    pub(super) fn of(id: OutgoingId, running: &super::running::Running, now: Timestamp) -> Self {
        let place = running.place();
        Self {
            id: id.to_string(),
            since: now.minus(running.age()),
            host: place.host,
            waits_for: place.waits_for.to_owned(),
            waits_since: now.minus(place.since.elapsed()),
        }
    }
}
