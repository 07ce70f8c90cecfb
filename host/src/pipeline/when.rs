//! `when`: the messages that a plug-in may be called for, whatever it asked for itself.
//!
//! It is decided from names and types, before an instance is made: an excluded message costs a few comparisons.

use std::collections::HashSet;
use std::sync::Arc;

use mm4relay_engine::MessageType;

use crate::message::NextHop;

/// The direction of a message. Inside is our own MMSE, outside are other operators.
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

/// An empty field admits every message.
#[derive(Clone, Debug, Default)]
pub struct When {
    /// The peers that the message may come from.
    pub from: HashSet<String>,
    /// The peers that it may go to: one of its next hops is enough.
    pub to: HashSet<String>,
    pub directions: Vec<Direction>,
    pub message_types: Vec<MessageType>,
    /// The peers of our own MMSE, and the relay itself; the same set for all plug-ins of a chain.
    pub inside: Arc<HashSet<String>>,
}

/// The source of a message, and its next hops.
#[derive(Clone, Copy, Debug)]
pub struct Ends<'a> {
    pub source: &'a str,
    /// On arrival those that routing would choose now. Empty when only plug-ins can tell: then no condition on next
    /// hops excludes the message.
    pub next_hops: &'a [NextHop],
}

/// Which ends of a message are inside our own MMSE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sides {
    pub source_inside: bool,
    /// Both ends: the source, and all next hops.
    pub intra_mmse: bool,
}

impl When {
    /// Whether a plug-in may be called for this message.
    pub fn admits(&self, ends: Ends<'_>, kind: MessageType) -> bool {
        let to = |hop: &NextHop| self.to.contains(hop.as_str());
        (self.message_types.is_empty() || self.message_types.contains(&kind))
            && (self.from.is_empty() || self.from.contains(ends.source))
            && (self.to.is_empty() || ends.next_hops.is_empty() || ends.next_hops.iter().any(to))
            && (self.directions.is_empty() || self.goes_one_of_its_ways(ends))
    }

    pub fn sides(&self, ends: Ends<'_>) -> Sides {
        let inside = |peer: &str| self.inside.contains(peer);
        let source_inside = inside(ends.source);
        Sides {
            source_inside,
            // A message without a known next hop is not internal.
            intra_mmse: source_inside
                && !ends.next_hops.is_empty()
                && ends.next_hops.iter().all(|hop| inside(hop.as_str())),
        }
    }

    fn goes_one_of_its_ways(&self, ends: Ends<'_>) -> bool {
        let from = self.inside.contains(ends.source);
        let ends_there = |inside: bool| {
            let mut hops = ends.next_hops.iter();
            ends.next_hops.is_empty() || hops.any(|hop| self.inside.contains(hop.as_str()) == inside)
        };
        let ways = self.directions.iter().map(|direction| direction.sides());
        ways.into_iter().any(|(starts, to)| starts == from && ends_there(to))
    }
}

impl Direction {
    /// The direction by its word in the configuration.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "inbound" => Self::Inbound,
            "outbound" => Self::Outbound,
            "internal" => Self::Internal,
            "transit" => Self::Transit,
            _ => return None,
        })
    }

    /// Whether the message begins, and ends, inside.
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
    use super::*;

    const REQUEST: MessageType = MessageType::ForwardRequest;

    fn set(names: &[&str]) -> HashSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn admits(when: &When, source: &str, next_hops: &[&str]) -> bool {
        let next_hops: Vec<NextHop> = next_hops.iter().map(|name| NextHop::new(name).unwrap()).collect();
        let ends = Ends {
            source,
            next_hops: &next_hops,
        };
        when.admits(ends, REQUEST)
    }

    #[test]
    fn nothing_said_admits_everything() {
        for next_hops in [&[][..], &["b"], &["b", "c"]] {
            assert!(admits(&When::default(), "a", next_hops));
        }
    }

    #[test]
    fn both_ends_must_be_named_and_one_of_several_next_hops_is_enough() {
        let when = When {
            from: set(&["a"]),
            to: set(&["b"]),
            ..When::default()
        };
        for (source, next_hops, admitted) in [
            ("a", &["b"][..], true),
            ("a", &["x", "b"], true),
            ("a", &["x"], false),
            ("x", &["b"], false),
            ("a", &[], true),
            ("x", &[], false),
        ] {
            assert_eq!(admits(&when, source, next_hops), admitted, "{source} to {next_hops:?}");
        }
    }

    #[test]
    fn message_types_select() {
        let when = When {
            message_types: vec![REQUEST],
            ..When::default()
        };
        let ends = Ends {
            source: "a",
            next_hops: &[],
        };
        assert!(when.admits(ends, REQUEST));
        assert!(!when.admits(ends, MessageType::ForwardResponse));
    }

    #[test]
    fn a_direction_is_a_pair_of_sides() {
        let ends = ["rs-1", "a"];
        for (direction, way) in [
            (Direction::Inbound, ("a", "rs-1")),
            (Direction::Outbound, ("rs-1", "a")),
            (Direction::Internal, ("rs-1", "rs-1")),
            (Direction::Transit, ("a", "a")),
        ] {
            let when = When {
                directions: vec![direction],
                inside: Arc::new(set(&["rs-1", "rs-2"])),
                ..When::default()
            };
            for source in ends {
                let starts = way.0 == source;
                assert_eq!(admits(&when, source, &[]), starts, "{direction:?} from {source}");
                assert_eq!(
                    admits(&when, source, &ends),
                    starts,
                    "{direction:?} from {source} to both"
                );
                for to in ends {
                    let admitted = admits(&when, source, &[to]);
                    assert_eq!(admitted, way == (source, to), "{direction:?} from {source} to {to}");
                }
            }
        }
    }

    #[test]
    fn a_message_stays_within_the_mmse_when_both_of_its_ends_are_in_it() {
        let when = When {
            inside: Arc::new(set(&["rs-1", "rs-2"])),
            ..When::default()
        };
        for (source, next_hops, source_inside, intra_mmse) in [
            ("rs-1", &["rs-2"][..], true, true),
            ("rs-1", &["rs-2", "b"], true, false),
            ("rs-1", &["b"], true, false),
            ("rs-1", &[], true, false),
            ("b", &["rs-1"], false, false),
            ("b", &["c"], false, false),
        ] {
            let next_hops: Vec<NextHop> = next_hops.iter().map(|name| NextHop::new(name).unwrap()).collect();
            let ends = Ends {
                source,
                next_hops: &next_hops,
            };
            let sides = Sides {
                source_inside,
                intra_mmse,
            };
            assert_eq!(when.sides(ends), sides, "{source} to {next_hops:?}");
        }
    }
}
