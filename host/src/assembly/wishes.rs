//! Temporary orders of operators, applied again when a relay starts.

use std::path::Path;

use anyhow::Context;

use crate::control::limits::{Limit, read_limits};
use crate::control::peers::{Pause, read_pauses};
use crate::control::plugins::read_switched_off;
use crate::message::PeerName;
use crate::relay::Relay;

/// Applies the orders that were in force before the relay ended: pauses, limits, plug-ins that are switched off.
pub(crate) fn take_up_wishes(folder: &Path, relay: &Relay) -> anyhow::Result<()> {
    let now = relay.clock.now();
    let pauses = read_pauses(folder).context("it is not known which peers are paused")?;
    for (name, pause) in pauses.iter().filter(|(_, pause)| !pause.is_over(now)) {
        if let Ok(peer) = PeerName::new(name) {
            pause_peer(relay, &peer, pause);
        }
    }
    let limits = read_limits(folder).context("it is not known which peers are limited")?;
    for (name, limit) in limits.iter().filter(|(_, limit)| !limit.is_over(now)) {
        if let Ok(peer) = PeerName::new(name) {
            limit_peer(relay, &peer, limit);
        }
    }
    let off = read_switched_off(folder).context("it is not known which plug-ins are switched off")?;
    for (plugin, off) in &off {
        tracing::warn!(
            plugin,
            by = off.by,
            reason = off.reason,
            event = "plugin-off",
            "plug-in is switched off: no message is shown to it"
        );
    }
    relay.catalogue.switch_off(off.into_keys().collect());
    Ok(())
}

pub(super) fn pause_peer(relay: &Relay, peer: &PeerName, pause: &Pause) {
    let (by, reason, until) = (
        pause.by.as_str(),
        pause.reason.as_str(),
        pause.until.map(|until| until.0),
    );
    match pause.drain {
        true => {
            tracing::warn!(%peer, by, reason, event = "peer-draining", "peer is drained: what is being sent to it is the last");
            relay.delivery.drain(peer, until);
        }
        false => {
            tracing::warn!(%peer, by, reason, event = "peer-paused", "peer is paused: nothing is sent to it");
            relay.delivery.pause(peer, until);
        }
    }
}

pub(super) fn limit_peer(relay: &Relay, peer: &PeerName, limit: &Limit) {
    tracing::warn!(%peer, rate = limit.rate, by = limit.by, reason = limit.reason, event = "peer-limited", "peer is sent to no faster than this");
    let until = limit.until.map(|until| until.0);
    let rate = limit.rate().map(|rate| (rate, until));
    relay.delivery.limit(peer, rate);
}
