//! The recipients of a message, grouped by next hop.

use super::{Circumstances, Route, Routing};
use crate::message::{PeerName, Recipient, Refusal};

/// One message to a next hop, with its recipients in the order of the envelope. A peer that takes one recipient at a
/// time has a destination for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    pub peer: PeerName,
    pub recipients: Vec<Recipient>,
}

/// The result of grouping a message's recipients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// In the order in which the envelope first names each.
    pub destinations: Vec<Destination>,
    /// Recipients that are the relay itself: our own system address, also with a tag that no longer names one of our
    /// Relay/Servers.
    pub system: Vec<Recipient>,
    /// Recipients that are the postmaster of one of our domains.
    pub postmaster: Vec<Recipient>,
    /// Recipients that have no next hop.
    pub unrouted: Vec<(Recipient, Refusal)>,
}

impl Routing {
    /// Groups the recipients of a message from `source` by next hop. `chosen` returns the peer to which a plug-in
    /// routed a recipient; that takes precedence. A recipient that was left to plug-ins, and that none of them routed,
    /// has no next hop.
    pub fn split(
        &self,
        source: Option<&PeerName>,
        recipients: &[Recipient],
        chosen: impl Fn(&Recipient) -> Option<PeerName>,
        now: &dyn Circumstances,
    ) -> Split {
        let mut split = Split::default();
        for recipient in recipients {
            let routed = match chosen(recipient) {
                Some(peer) => Ok(Route::Peer(peer)),
                None => self.admit(source, &recipient.address, now),
            };
            match routed {
                Ok(Route::Peer(peer)) => self.add(&mut split, peer, recipient.clone()),
                // Mail to our own system address goes to the Relay/Server in its tag.
                Ok(Route::System(tag)) => match tag.and_then(|tag| self.home(&tag)) {
                    Some(home) => self.add(&mut split, home, recipient.clone()),
                    None => split.system.push(recipient.clone()),
                },
                Ok(Route::Postmaster) => split.postmaster.push(recipient.clone()),
                Ok(Route::PlugIns) => {
                    let recipient_text = recipient.address.to_string();
                    let refusal = Refusal::NoRoute {
                        recipient: recipient_text,
                    };
                    split.unrouted.push((recipient.clone(), refusal));
                }
                Err(refusal) => split.unrouted.push((recipient.clone(), refusal)),
            }
        }
        split
    }

    fn add(&self, split: &mut Split, peer: PeerName, recipient: Recipient) {
        match self.single.contains(&peer) {
            true => split.add_alone(peer, recipient),
            false => split.add(peer, recipient),
        }
    }
}

impl Split {
    /// Adds a destination for this recipient alone.
    fn add_alone(&mut self, peer: PeerName, recipient: Recipient) {
        let recipients = vec![recipient];
        self.destinations.push(Destination { peer, recipients });
    }

    /// Adds a recipient to the destination of `peer`.
    fn add(&mut self, peer: PeerName, recipient: Recipient) {
        // A message has few next hops, mostly one: a linear search costs less than a map.
        match self
            .destinations
            .iter_mut()
            .find(|destination| destination.peer == peer)
        {
            Some(destination) => destination.recipients.push(recipient),
            None => self.destinations.push(Destination {
                peer,
                recipients: vec![recipient],
            }),
        }
    }
}
