//! Ids of messages: a time in microseconds, whose last bits are the number of the node.
//!
//! So nodes that share a store never give the same id, without asking each other. An id of 51 bits lasts until 2041.

/// The bits for the number of the node: 16 nodes, each of which can give 62,500 ids a second. A node that needs more
/// takes ids of the following seconds.
const NODE_BITS: u32 = 4;

/// The number of a relay among those that share a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Node(u64);

impl Node {
    /// `None` for a number above 15.
    pub fn new(number: u64) -> Option<Self> {
        (number < 1 << NODE_BITS).then_some(Self(number))
    }

    /// The number as it is stored.
    pub(super) fn number(self) -> i16 {
        self.0 as i16
    }

    /// The next id of this node: at `micros` or later, and greater than `last`.
    pub(super) fn next(self, last: u64, micros: u64) -> u64 {
        let earliest = micros.max(last.saturating_add(1));
        let step = 1 << NODE_BITS;
        let own = (earliest & !(step - 1)) | self.0;
        if own < earliest { own + step } else { own }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ids_grow_and_are_no_other_nodes(last in 0u64..1 << 50, micros in 0u64..1 << 50, one in 0u64..16, other in 0u64..16) {
            let [one, other] = [one, other].map(|number| Node::new(number).unwrap());
            let (id, others) = (one.next(last, micros), other.next(last, micros));
            prop_assert!(id > last && id >= micros && id < micros.max(last + 1) + 16);
            prop_assert_eq!(id == others, one == other);
            prop_assert!(one.next(id, micros) > id);
        }
    }

    #[test]
    fn there_are_sixteen_nodes() {
        assert!(Node::new(15).is_some() && Node::new(16).is_none());
    }
}
