//! Where a message comes from and where it goes: a peer, or something that is no peer.
//!
//! Stores, plug-ins, logs and exported JSON have one name for either, and `mm4relay` and `no-route` in the place of what is
//! no peer. [`PeerName`] refuses these two names, so no peer can be taken for it.

use std::fmt;

use super::{Illegal, PeerName};

/// Who sent a message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    Peer(PeerName),
    /// The relay itself: a response, a report or a bounce.
    Relay,
}

/// Where recipients of a message go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NextHop {
    Peer(PeerName),
    /// They have none: no route, or a fate that was decided before there was any.
    Nowhere,
}

impl Source {
    /// The name of what is no peer.
    pub const RELAY: &'static str = PeerName::OF_THE_RELAY;

    /// From its name.
    pub fn new(text: &str) -> Result<Self, Illegal> {
        match text {
            Self::RELAY => Ok(Self::Relay),
            peer => PeerName::new(peer).map(Self::Peer),
        }
    }

    /// `None` is the relay itself.
    pub fn peer(&self) -> Option<&PeerName> {
        match self {
            Self::Peer(peer) => Some(peer),
            Self::Relay => None,
        }
    }

    pub fn as_str(&self) -> &str {
        self.peer().map_or(Self::RELAY, PeerName::as_str)
    }
}

impl NextHop {
    /// The name of what is no peer.
    pub const NOWHERE: &'static str = PeerName::OF_NOBODY;

    /// From its name.
    pub fn new(text: &str) -> Result<Self, Illegal> {
        match text {
            Self::NOWHERE => Ok(Self::Nowhere),
            peer => PeerName::new(peer).map(Self::Peer),
        }
    }

    pub fn peer(&self) -> Option<&PeerName> {
        match self {
            Self::Peer(peer) => Some(peer),
            Self::Nowhere => None,
        }
    }

    pub fn as_str(&self) -> &str {
        self.peer().map_or(Self::NOWHERE, PeerName::as_str)
    }
}

impl From<PeerName> for Source {
    fn from(peer: PeerName) -> Self {
        Self::Peer(peer)
    }
}

impl From<PeerName> for NextHop {
    fn from(peer: PeerName) -> Self {
        Self::Peer(peer)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_what_is_no_peer_are_no_peers_names() {
        for name in [Source::RELAY, NextHop::NOWHERE] {
            assert!(PeerName::new(name).is_err(), "{name}");
        }
        assert_eq!(Source::new("mm4relay"), Ok(Source::Relay));
        assert_eq!(NextHop::new("no-route"), Ok(NextHop::Nowhere));
        assert!(Source::new("no-route").is_err() && NextHop::new("mm4relay").is_err());
    }

    #[test]
    fn each_comes_back_from_its_name() {
        let peer = PeerName::new("operator-a").unwrap();
        for source in [Source::Relay, peer.clone().into()] {
            assert_eq!(Source::new(source.as_str()), Ok(source));
        }
        for next_hop in [NextHop::Nowhere, peer.into()] {
            assert_eq!(NextHop::new(next_hop.as_str()), Ok(next_hop));
        }
    }
}
