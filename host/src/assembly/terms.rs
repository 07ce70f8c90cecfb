//! The terms for transactions, from the configuration.

use anyhow::Context;

use crate::config::{self, Config};
use crate::message::Quirk;
use crate::transactions::{Profile, Terms};

pub(crate) fn terms(config: &Config) -> anyhow::Result<Terms> {
    let relay = &config.relay;
    let profile = |peer: &config::Peer| {
        let mm4 = &peer.mm4;
        let profile = Profile {
            mode: mm4.mode,
            refuse_with: mm4.refuse_with,
            response_within: mm4.response_within,
            repeats: mm4.repeats,
            response_sender: mm4.response_sender,
            response_body: mm4.response_body,
            bounces: mm4.bounces,
            version: mm4.version.clone(),
            ids_quoted: peer.has(Quirk::IdsQuoted),
            inside: peer.inside,
            takes_messages: peer.takes_messages(),
        };
        (peer.name.clone(), profile)
    };
    Ok(Terms {
        name: relay.name.clone(),
        system: relay
            .system_address
            .clone()
            .context("the relay has no system address")?,
        node: relay.node.clone(),
        keep: config.transactions.keep,
        pass_limit: relay.pass_limit as usize,
        peers: config.peers.iter().map(profile).collect(),
    })
}
