//! The breaker: a plug-in that keeps failing is left alone for a while, and then tried with one message at a time.
//!
//! ```text
//!            so many failures in a row            the pause is over
//!   closed ------------------------------> open -------------------> probing
//!     ^                                      ^                          |
//!     |                                      +----- the probe fails ----+
//!     +------------------------------ the probe succeeds ---------------+
//! ```
//!
//! While it is open or probing, everybody else is told at once that the plug-in is not to be called: what a failure
//! costs (a time budget, say) is then paid by the probes only. The state belongs to one loaded version of a plug-in;
//! another version begins closed.
//!
//! One peer whose messages make a plug-in fail must not take it from the others. So there is one such machine for each
//! peer, which opens by the failures of calls that this peer had a part in, and is asked for such calls only; and one
//! for everybody, which opens when no single peer explains the failures in a row: whichever peer is left out, at least
//! half as many remain as it takes to open. While it is open, a peer that had no part in the failures need not wait for
//! the pause: its message is the next probe.
//!
//! [`machine`] is one machine; this file is the set of them.

mod machine;
mod machines;
mod standing;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::time::Instant;

use machines::{Changed, Machines, Probe};

pub use standing::{BreakerOpen, BreakerOptions, BreakerState};

/// The breaker of one loaded version of a plug-in. Asking it costs one relaxed load while nothing fails.
///
/// The caller names the peers that a call is about: the source of a message, and on an outcome also its next hop. There
/// is a machine for each peer that took part in recent failures, so at most as many as peers.
pub struct Breaker {
    plugin: String,
    /// Closed for everybody, and nothing has failed since the last success, so there is nothing to look up or change.
    /// May be stale while two calls race; a caller that finds it false takes the lock and sees the truth.
    calm: AtomicBool,
    machines: Mutex<Machines>,
    listener: OnceLock<Listener>,
}

/// Receives what is not closed: the peer, or `None` for everybody, with its state.
type Listener = Box<dyn Fn(Vec<(Option<String>, BreakerState)>) + Send + Sync>;

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker")
            .field("plugin", &self.plugin)
            .finish_non_exhaustive()
    }
}

/// Permission for one call of the plug-in. Report the result; a call that is given up says nothing about the plug-in,
/// and if it was a probe, the probe is repeated after the same pause.
#[derive(Debug)]
#[must_use = "the breaker wants to hear how the call went"]
pub struct Permit<'a> {
    breaker: &'a Breaker,
    peers: &'a [&'a str],
    probe: Probe,
}

impl Breaker {
    pub(crate) fn new(plugin: String, options: BreakerOptions) -> Self {
        Breaker {
            plugin,
            calm: AtomicBool::new(true),
            machines: Mutex::new(Machines::new(options)),
            listener: OnceLock::new(),
        }
    }

    /// Sets the listener for every change, for a peer or for everybody. Only the first call has an effect.
    pub fn on_change(&self, listener: impl Fn(Vec<(Option<String>, BreakerState)>) + Send + Sync + 'static) {
        let _ = self.listener.set(Box::new(listener));
    }

    /// Asks for one call that concerns these peers.
    ///
    /// # Errors
    /// [`BreakerOpen`] when the plug-in must be left alone.
    pub fn admit<'a>(&'a self, peers: &'a [&'a str]) -> Result<Permit<'a>, BreakerOpen> {
        let permit = |probe| Permit {
            breaker: self,
            peers,
            probe,
        };
        if self.calm.load(Relaxed) {
            return Ok(permit(Probe::default()));
        }
        let probe = self.lock().admit(peers, Instant::now())?;
        let plugin = self.plugin.as_str();
        if probe.everybody {
            tracing::warn!(
                plugin,
                event = "breaker-probing",
                "breaker probing: the next message is tried with it"
            );
        }
        for peer in &probe.peers {
            tracing::warn!(
                plugin,
                peer,
                event = "breaker-probing",
                "breaker probing: the peer's next message is tried with it"
            );
        }
        Ok(permit(probe))
    }

    /// Closes the breaker at once and for everybody, because an operator wants the plug-in to be called again.
    pub fn reset(&self) {
        self.change(Machines::reset);
    }

    /// The state for everybody, for observers.
    pub fn state(&self) -> BreakerState {
        self.lock().everybody.state().into()
    }

    /// The peers with a state of their own: the breaker is open for them, or probing.
    pub fn open_for(&self) -> Vec<(String, BreakerState)> {
        let machines = self.lock();
        let all = machines.peers.iter();
        all.map(|(peer, machine)| (peer.clone(), machine.state().into()))
            .filter(|(_, state)| *state != BreakerState::Closed)
            .collect()
    }

    /// Applies an event to the machines, then logs what it changed.
    fn change(&self, event: impl FnOnce(&mut Machines) -> Vec<Changed>) {
        let mut machines = self.lock();
        let changes = event(&mut machines);
        self.calm.store(machines.are_calm(), Relaxed);
        drop(machines);
        for changed in &changes {
            changed.log(&self.plugin);
        }
        if let Some(listener) = self.listener.get().filter(|_| !changes.is_empty()) {
            let everybody = Some((None, self.state())).filter(|(_, state)| *state != BreakerState::Closed);
            let peers = self.open_for().into_iter().map(|(peer, state)| (Some(peer), state));
            listener(everybody.into_iter().chain(peers).collect());
        }
    }

    /// Machines change by single assignments, so each is in a valid state even after a panic.
    fn lock(&self) -> MutexGuard<'_, Machines> {
        self.machines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// Reports that the call succeeded.
    pub fn succeeded(mut self) {
        let probe = std::mem::take(&mut self.probe);
        if probe.is_any() || !self.breaker.calm.load(Relaxed) {
            self.breaker.change(|machines| machines.succeeded(self.peers, &probe));
        }
    }

    /// Reports that the call failed, for any reason.
    pub fn failed(mut self) {
        let probe = std::mem::take(&mut self.probe);
        self.breaker
            .change(|machines| machines.failed(self.peers, &probe, Instant::now()));
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        // The caller was stopped and reported nothing. Otherwise the breaker would wait for this probe for ever.
        let probe = std::mem::take(&mut self.probe);
        if probe.is_any() {
            self.breaker.change(|machines| {
                machines.gave_up(&probe, Instant::now());
                Vec::new()
            });
        }
    }
}

#[cfg(test)]
mod tests;
