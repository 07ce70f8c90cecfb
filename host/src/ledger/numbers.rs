//! A set of record numbers. Neighbours form one range, so that a million of them take no more memory than the messages
//! under way.

use std::collections::BTreeMap;

/// A set of numbers, as ranges: first and last.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    ranges: BTreeMap<u64, u64>,
}

impl Numbers {
    /// Adds a number. Returns whether it is new.
    pub(super) fn add(&mut self, number: u64) -> bool {
        if self.has(number) {
            return false;
        }
        let below = number.checked_sub(1).filter(|below| self.has(*below));
        let first = match below {
            Some(_) => self
                .ranges
                .range(..=number)
                .next_back()
                .map_or(number, |(first, _)| *first),
            None => number,
        };
        let last = self.ranges.remove(&(number + 1)).unwrap_or(number);
        self.ranges.insert(first, last);
        true
    }

    pub(super) fn has(&self, number: u64) -> bool {
        let range = self.ranges.range(..=number).next_back();
        range.is_some_and(|(_, last)| *last >= number)
    }

    /// The least and the greatest.
    pub(super) fn bounds(&self) -> Option<(u64, u64)> {
        let (first, _) = self.ranges.first_key_value()?;
        let (_, last) = self.ranges.last_key_value()?;
        Some((*first, *last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_had_once_in_whatever_order_they_come_and_neighbours_are_one_range() {
        let mut numbers = Numbers::default();
        for number in [5, 1, 2, 4, 9, 3] {
            assert!(numbers.add(number), "{number}");
        }
        for number in [1, 3, 5, 9] {
            assert!(!numbers.add(number), "{number}");
        }
        assert_eq!(numbers.ranges, BTreeMap::from([(1, 5), (9, 9)]));
        let had: Vec<u64> = (0..12).filter(|number| numbers.has(*number)).collect();
        assert_eq!(had, [1, 2, 3, 4, 5, 9]);
    }
}
