//! `when`: for which messages a plug-in is called at all, whatever it asked for itself.
//!
//! Decided from names and types, before any instance is made: a message that it excludes costs a few comparisons.

use std::collections::HashSet;
use std::sync::Arc;

use mm4relay_engine::{MessageType, Occasion};

/// The way of a message. Inside is our own MMSE, outside are other operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From outside to inside.
    Inbound,
    /// From inside to outside.
    Outbound,
    /// Between relay/servers of our own.
    Internal,
    /// Between other operators.
    Transit,
}

/// What is empty admits every message.
#[derive(Clone, Debug, Default)]
pub struct When {
    /// Peers that the message comes from.
    pub from: HashSet<String>,
    /// Peers that it goes to. On arrival nobody knows that yet, and nothing is excluded by it.
    pub to: HashSet<String>,
    /// On arrival the side that it comes from decides alone.
    pub directions: Vec<Direction>,
    pub message_types: Vec<MessageType>,
    /// The peers of our own MMSE; the same set for all plug-ins of a chain.
    pub inside: Arc<HashSet<String>>,
}

impl When {
    /// Whether a plug-in may be called for this.
    pub fn admits(&self, source: &str, kind: MessageType, occasion: &Occasion) -> bool {
        let to = match occasion {
            Occasion::Arrival => None,
            Occasion::Departure(destination) => Some(destination.peer.as_str()),
            Occasion::Outcome(outcome) => Some(outcome.peer()),
        };
        (self.message_types.is_empty() || self.message_types.contains(&kind))
            && (self.from.is_empty() || self.from.contains(source))
            && (self.to.is_empty() || to.is_none_or(|to| self.to.contains(to)))
            && (self.directions.is_empty() || self.goes_one_of_its_ways(source, to))
    }

    /// Whether a peer is a relay/server of our own MMSE.
    pub fn is_inside(&self, peer: &str) -> bool {
        self.inside.contains(peer)
    }

    fn goes_one_of_its_ways(&self, source: &str, to: Option<&str>) -> bool {
        let (from, to) = (self.is_inside(source), to.map(|to| self.is_inside(to)));
        let ways = self.directions.iter().map(|direction| direction.sides());
        ways.into_iter()
            .any(|(starts, ends)| starts == from && to.is_none_or(|to| to == ends))
    }
}

impl Direction {
    /// As the configuration calls it.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "inbound" => Self::Inbound,
            "outbound" => Self::Outbound,
            "internal" => Self::Internal,
            "transit" => Self::Transit,
            _ => return None,
        })
    }

    /// Whether it begins, and ends, inside.
    fn sides(self) -> (bool, bool) {
        match self {
            Self::Inbound => (false, true),
            Self::Outbound => (true, false),
            Self::Internal => (true, true),
            Self::Transit => (false, false),
        }
    }
}

#[cfg(test)]
mod tests {
    use mm4relay_engine::{Delivery, Destination, Outcome};

    use super::*;

    const REQUEST: MessageType = MessageType::ForwardRequest;

    fn set(names: &[&str]) -> HashSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn departure(peer: &str) -> Occasion {
        Occasion::Departure(Destination {
            peer: peer.into(),
            ..Destination::default()
        })
    }

    fn outcome(peer: &str) -> Occasion {
        Occasion::Outcome(Outcome::Expired(Delivery {
            peer: peer.into(),
            ..Delivery::default()
        }))
    }

    #[test]
    fn nothing_said_admits_everything() {
        let when = When::default();
        for occasion in [Occasion::Arrival, departure("b"), outcome("b")] {
            assert!(when.admits("a", REQUEST, &occasion));
        }
    }

    #[test]
    fn both_ends_must_be_named_as_far_as_they_are_known() {
        let when = When {
            from: set(&["a"]),
            to: set(&["b"]),
            ..When::default()
        };
        assert!(when.admits("a", REQUEST, &Occasion::Arrival));
        assert!(!when.admits("x", REQUEST, &Occasion::Arrival));
        for (peer, admitted) in [("b", true), ("x", false)] {
            assert_eq!(when.admits("a", REQUEST, &departure(peer)), admitted);
            assert_eq!(when.admits("a", REQUEST, &outcome(peer)), admitted);
        }
    }

    #[test]
    fn message_types_select() {
        let when = When {
            message_types: vec![REQUEST],
            ..When::default()
        };
        assert!(when.admits("a", REQUEST, &Occasion::Arrival));
        assert!(!when.admits("a", MessageType::ForwardResponse, &Occasion::Arrival));
    }

    #[test]
    fn a_direction_is_a_pair_of_sides() {
        let admits = |direction, source: &str, to: Option<&str>| {
            let when = When {
                directions: vec![direction],
                inside: Arc::new(set(&["rs-1", "rs-2"])),
                ..When::default()
            };
            when.admits(source, REQUEST, &to.map_or(Occasion::Arrival, departure))
        };
        let ends = ["rs-1", "a"];
        for (direction, ways) in [
            (Direction::Inbound, [("a", "rs-1")]),
            (Direction::Outbound, [("rs-1", "a")]),
            (Direction::Internal, [("rs-1", "rs-1")]),
            (Direction::Transit, [("a", "a")]),
        ] {
            for source in ends {
                assert_eq!(
                    admits(direction, source, None),
                    ways[0].0 == source,
                    "{direction:?} from {source}"
                );
                for to in ends {
                    assert_eq!(
                        admits(direction, source, Some(to)),
                        ways == [(source, to)],
                        "{direction:?} from {source} to {to}"
                    );
                }
            }
        }
    }
}
