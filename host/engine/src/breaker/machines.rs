//! All machines of one breaker, without clock, lock or log: one for each peer that took part in failures, and one for
//! everybody.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use super::machine::{Change, Machine, State};
use super::standing::{BreakerOpen, BreakerOptions, BreakerState};

/// The machines for which a call is a probe.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Probe {
    pub(super) everybody: bool,
    pub(super) peers: Vec<String>,
}

impl Probe {
    pub(super) fn is_any(&self) -> bool {
        self.everybody || !self.peers.is_empty()
    }

    pub(super) fn is_for(&self, peer: &str) -> bool {
        self.peers.iter().any(|it| it == peer)
    }
}

/// A changed machine: that of a peer, or the one for everybody.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Changed {
    pub(super) peer: Option<String>,
    pub(super) change: Change,
}

impl Changed {
    pub(super) fn log(&self, plugin: &str) {
        let peer = self.peer.as_deref().unwrap_or("all");
        match self.change {
            Change::Closed => tracing::warn!(
                plugin,
                peer,
                event = "breaker-closed",
                "breaker closed: the plug-in works again"
            ),
            Change::Opened { failures, pause } => tracing::warn!(
                plugin,
                peer,
                failures,
                event = "breaker-opened",
                "breaker opened: the plug-in is not called for {pause:?}, and its on-failure applies at once"
            ),
            Change::Reopened { pause } => tracing::warn!(
                plugin,
                peer,
                event = "breaker-opened",
                "breaker stays open: the probe failed, the next one comes in {pause:?}"
            ),
        }
    }
}

/// All machines of one breaker, without clock, lock or log.
#[derive(Debug)]
pub(super) struct Machines {
    pub(super) options: BreakerOptions,
    pub(super) everybody: Machine,
    /// How many of the failures that `everybody` counts each peer took part in.
    pub(super) parts: BTreeMap<String, u32>,
    /// The peers that took part in the failures that opened `everybody`.
    pub(super) blamed: BTreeSet<String>,
    /// The machines of peers with recent failures.
    pub(super) peers: BTreeMap<String, Machine>,
}

impl Machines {
    pub(super) fn new(options: BreakerOptions) -> Self {
        Machines {
            everybody: Machine::default(),
            parts: BTreeMap::new(),
            blamed: BTreeSet::new(),
            peers: BTreeMap::new(),
            options,
        }
    }

    pub(super) fn are_calm(&self) -> bool {
        self.everybody.is_calm() && self.peers.is_empty()
    }

    pub(super) fn admit(&mut self, peers: &[&str], now: Instant) -> Result<Probe, BreakerOpen> {
        let mut probe = Probe::default();
        for peer in peers {
            let Some(machine) = self.peers.get(*peer) else { continue };
            let open = |probe_in| BreakerOpen {
                peer: Some((*peer).to_owned()),
                probe_in,
            };
            match machine.is_due(now) {
                Ok(true) => probe.peers.push((*peer).to_owned()),
                Ok(false) => {}
                Err(probe_in) => return Err(open(probe_in)),
            }
        }
        let unblamed = !peers.is_empty() && peers.iter().all(|peer| !self.blamed.contains(*peer));
        match (self.everybody.is_due(now), self.everybody.state()) {
            (Ok(due), _) => probe.everybody = due,
            (Err(_), State::Open { .. }) if unblamed => probe.everybody = true,
            (Err(probe_in), _) => return Err(BreakerOpen { peer: None, probe_in }),
        }
        for peer in &probe.peers {
            if let Some(machine) = self.peers.get_mut(peer) {
                machine.probe();
            }
        }
        if probe.everybody {
            self.everybody.probe();
        }
        Ok(probe)
    }

    /// Calls that began before a machine opened and end while it is open decide nothing.
    pub(super) fn succeeded(&mut self, peers: &[&str], probe: &Probe) -> Vec<Changed> {
        let mut changes = Vec::new();
        for peer in peers {
            let Some(machine) = self.peers.get_mut(*peer) else {
                continue;
            };
            let change = machine.succeeded(probe.is_for(peer));
            if machine.is_calm() {
                self.peers.remove(*peer);
            }
            changes.extend(of(Some(peer), change));
        }
        changes.extend(of(None, self.everybody.succeeded(probe.everybody)));
        if self.everybody.is_calm() {
            self.parts.clear();
            self.blamed.clear();
        }
        changes
    }

    pub(super) fn failed(&mut self, peers: &[&str], probe: &Probe, now: Instant) -> Vec<Changed> {
        let mut changes = Vec::new();
        let enough = |failures| failures >= self.options.failures.max(1);
        for peer in peers {
            let machine = self.peers.entry((*peer).to_owned()).or_default();
            let change = machine.failed(probe.is_for(peer), now, &self.options, enough);
            changes.extend(of(Some(peer), change));
        }
        if !matches!(self.everybody.state(), State::Closed { .. }) {
            if probe.everybody {
                self.blamed.extend(peers.iter().map(|peer| (*peer).to_owned()));
            }
        } else {
            for peer in peers {
                let part = self.parts.entry((*peer).to_owned()).or_default();
                *part = part.saturating_add(1);
            }
        }
        let most = self.parts.values().copied().max().unwrap_or_default();
        let several = |failures: u32| {
            // Without a peer, only the plug-in can be the cause.
            let others = failures.saturating_sub(most);
            enough(failures) && others >= self.options.failures.div_ceil(2).max(1)
        };
        let change = self.everybody.failed(probe.everybody, now, &self.options, several);
        if matches!(change, Some(Change::Opened { .. })) {
            self.blamed = std::mem::take(&mut self.parts).into_keys().collect();
        }
        changes.extend(of(None, change));
        changes
    }

    /// Closes all machines, whatever has failed before. Calls under way start a new count.
    pub(super) fn reset(&mut self) -> Vec<Changed> {
        let is_open = |machine: &Machine| !matches!(machine.state(), State::Closed { .. });
        let peers = self.peers.iter().filter(|(_, machine)| is_open(machine));
        let closed = |peer| Changed {
            peer,
            change: Change::Closed,
        };
        let mut changes: Vec<Changed> = peers.map(|(peer, _)| closed(Some(peer.clone()))).collect();
        changes.extend(is_open(&self.everybody).then(|| closed(None)));
        *self = Self::new(self.options.clone());
        changes
    }

    pub(super) fn gave_up(&mut self, probe: &Probe, now: Instant) {
        for peer in &probe.peers {
            if let Some(machine) = self.peers.get_mut(peer) {
                machine.gave_up(now);
            }
        }
        if probe.everybody {
            self.everybody.gave_up(now);
        }
    }
}

fn of(peer: Option<&&str>, change: Option<Change>) -> Option<Changed> {
    change.map(|change| Changed {
        peer: peer.map(|peer| (*peer).to_owned()),
        change,
    })
}

impl From<State> for BreakerState {
    fn from(state: State) -> Self {
        match state {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::Probing { .. } => BreakerState::Probing,
        }
    }
}
