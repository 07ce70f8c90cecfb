//! The rules of its settings that a plug-in names: all of them in `configure`, and in a call those that took part.

use std::collections::HashSet;

use crate::text::one_line;

/// The longest name, in octets.
const NAME_MAX: usize = 128;
/// Names in one call.
const CALL_MAX: usize = 1_000;
/// Names in `configure`.
const CONFIGURE_MAX: usize = 10_000;

/// Names in the order in which they came, each once.
pub(crate) struct Named {
    most: usize,
    names: Vec<String>,
    seen: HashSet<String>,
}

impl Named {
    pub fn new(configuring: bool) -> Self {
        Named {
            most: if configuring { CONFIGURE_MAX } else { CALL_MAX },
            names: Vec::new(),
            seen: HashSet::new(),
        }
    }

    pub fn add(&mut self, name: &str) {
        let name = one_line(&name[..name.floor_char_boundary(NAME_MAX)]).into_owned();
        if self.names.len() < self.most && self.seen.insert(name.clone()) {
            self.names.push(name);
        }
    }

    pub fn take(&mut self) -> Vec<String> {
        self.seen.clear();
        std::mem::take(&mut self.names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_named_once_and_in_its_turn() {
        let mut named = Named::new(false);
        for name in ["b", "a", "b", "line\nforged"] {
            named.add(name);
        }
        assert_eq!(named.take(), ["b", "a", "line\\nforged"]);
    }

    #[test]
    fn names_and_their_number_are_bounded() {
        let mut named = Named::new(false);
        for number in 0..2 * CALL_MAX {
            named.add(&format!("{number:0>200}"));
        }
        // Cut to the limit, they are all the same.
        assert_eq!(named.take(), ["0".repeat(NAME_MAX)]);
        for number in 0..2 * CALL_MAX {
            named.add(&number.to_string());
        }
        assert_eq!(named.take().len(), CALL_MAX);
    }
}
