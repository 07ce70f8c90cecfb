//! Clients whose sessions led to no message.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::form::{Labels, counter, gauge};
use crate::relay::callers::Callers;

#[derive(Debug)]
pub(super) struct Clients(pub Arc<Callers>);

impl Collector for Clients {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let one = |value| [(Labels::new(), value)];
        counter(
            &mut encoder,
            "sessions_turned_away",
            "Connections for which there was no place",
            one(self.0.turned_away()),
        )?;
        counter(
            &mut encoder,
            "logins_refused",
            "Logins with a wrong name or password, and those that were not looked at",
            one(self.0.logins_refused()),
        )?;
        let too_fast = self.0.too_fast().into_iter().map(|((peer, what), count)| {
            let labels = vec![("peer", peer.to_string()), ("what", what.to_owned())];
            (labels, count)
        });
        counter(
            &mut encoder,
            "rate_refusals",
            "Connections and messages beyond what a peer's section allows, by what there was too much of",
            too_fast,
        )?;
        gauge(
            &mut encoder,
            "listeners_overloaded",
            "Listeners that have hardly any place left",
            [(Labels::new(), self.0.overloaded())],
        )
    }
}
