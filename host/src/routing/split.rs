//! A message's recipients, by next hop.

use super::{Circumstances, Route, Routing};
use crate::message::{PeerName, Recipient, Refusal};

/// One message to a next hop, with its recipients in the order of the envelope. A peer that takes one recipient at a
/// time has a destination for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    pub peer: PeerName,
    pub recipients: Vec<Recipient>,
}

/// A message's recipients, by next hop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// In the order in which the envelope first names each.
    pub destinations: Vec<Destination>,
    /// Recipients that are the relay itself: our own system address, or that with a tag that names no Relay/Server of ours
    /// any more.
    pub system: Vec<Recipient>,
    /// Recipients that are the postmaster of one of our domains.
    pub postmaster: Vec<Recipient>,
    /// Recipients that have no next hop.
    pub unrouted: Vec<(Recipient, Refusal)>,
}

impl Routing {
    /// Groups the recipients of a message from `source` by next hop. `chosen` is the peer that a plug-in routed a
    /// recipient to, if one did; then nothing else is asked. A recipient that was left to plug-ins, and that none of them
    /// took, has no next hop.
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
                // What comes to our own system address goes to the Relay/Server that its tag names.
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
    /// A destination of its own.
    fn add_alone(&mut self, peer: PeerName, recipient: Recipient) {
        let recipients = vec![recipient];
        self.destinations.push(Destination { peer, recipients });
    }

    /// One more recipient for `peer`.
    fn add(&mut self, peer: PeerName, recipient: Recipient) {
        // There are few next hops in one message, mostly one: looking through them costs less than a map.
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
