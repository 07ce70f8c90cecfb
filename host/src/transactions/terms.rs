//! The operator's terms for transactions, and the profiles of peers.

use std::collections::HashMap;
use std::time::Duration;

use crate::message::{MmsAddress, Mode, PeerName, RefuseWith, ResponseSender, SystemAddress};

/// The part of the configuration that concerns transactions.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The relay's host name, which is part of the IDs that it makes.
    pub name: String,
    /// The relay's system address.
    pub system: SystemAddress,
    /// The part of the system address that says which relay of the MMSE asked.
    pub node: String,
    /// How long a request is stored at least; longer if its message lives longer.
    pub keep: Duration,
    /// How often one message may go to the same recipients at the same next hop.
    pub pass_limit: usize,
    pub peers: HashMap<PeerName, Profile>,
}

/// How MM4 is spoken with a peer: see `[[peer]]` in the configuration.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The mode in which requests of this peer are handled.
    pub mode: Mode,
    pub refuse_with: RefuseWith,
    /// How long the peer may take for a response that the relay needs.
    pub response_within: Duration,
    /// How often the relay repeats a request that it sent in its own name.
    pub repeats: u32,
    pub response_sender: ResponseSender,
    /// Responses get a line of text as their body.
    pub response_body: bool,
    pub bounces: bool,
    pub version: Option<String>,
    /// IDs that the relay mints for the peer are quoted.
    pub ids_quoted: bool,
    /// The peer is an MMS Relay/Server of our own MMSE: outside, its requests carry our system address.
    pub inside: bool,
    /// Whether anything can be sent to the peer.
    pub takes_messages: bool,
}

impl Default for Profile {
    /// The profile of a peer that is no longer configured: nothing can be sent to it, and nothing is expected from it.
    fn default() -> Self {
        Self {
            mode: Mode::Transparent,
            refuse_with: RefuseWith::Reply,
            response_within: Duration::from_secs(5 * 60),
            repeats: 0,
            response_sender: ResponseSender::System,
            response_body: false,
            bounces: false,
            version: None,
            ids_quoted: false,
            inside: false,
            takes_messages: false,
        }
    }
}

impl Terms {
    pub fn peer(&self, name: &PeerName) -> Profile {
        self.peers.get(name).cloned().unwrap_or_default()
    }

    pub(super) fn system_address(&self) -> Option<MmsAddress> {
        MmsAddress::new(&self.system.plain()).ok()
    }
}
