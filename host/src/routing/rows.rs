//! Sorted rows of text, compact: what tables and number prefixes are looked up in.
//!
//! All text lies in one arena in the order of the keys; a row is the place where it begins and the length of its key.
//! Each row also knows its *shelter*: the row whose key is the longest proper beginning of its own. The rows whose keys
//! begin a text are all in the chain of shelters of the greatest row that is not after the text, so that finding the
//! longest takes one binary search and a short climb.
//!
//! A search through a million rows would miss the cache at every step. Therefore it begins in a small index: of every
//! 16th row, the eight octets behind the beginning that all keys share.
//!
//! Memory: 9 octets a row, 8 more for every 16 rows, and the text.

/// Rows between two entries of the index. 16 short rows fill a few cache lines, which one more search is spent on.
const STRIDE: usize = 16;
/// No row.
const NONE: u32 = u32::MAX;

/// See the module. Indexes of rows are positions in the order of their keys.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Keys and values: key 0, value 0, key 1, value 1, ...
    arena: Box<str>,
    /// Where each row begins, and at the end where the last one ends.
    starts: Box<[u32]>,
    key_lengths: Box<[u8]>,
    shelters: Box<[u32]>,
    /// Octets that every key begins with.
    shared: usize,
    index: Box<[u64]>,
}

/// Collects rows in the strictly ascending order of their keys.
#[derive(Debug, Default)]
pub(super) struct Builder {
    arena: String,
    starts: Vec<u32>,
    key_lengths: Vec<u8>,
}

/// More text or rows than 32 bits can count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Builder {
    pub(super) fn with_capacity(rows: usize, text: usize) -> Self {
        Self {
            arena: String::with_capacity(text),
            starts: Vec::with_capacity(rows + 1),
            key_lengths: Vec::with_capacity(rows),
        }
    }

    /// Adds a row. Its key must be greater than the last one's, and at most 255 octets long.
    pub(super) fn push(&mut self, key: &str, value: &str) -> Result<(), Full> {
        let start = u32::try_from(self.arena.len()).map_err(|_| Full)?;
        self.starts.push(start);
        self.key_lengths.push(u8::try_from(key.len()).map_err(|_| Full)?);
        self.arena.push_str(key);
        self.arena.push_str(value);
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Rows, Full> {
        self.starts.push(u32::try_from(self.arena.len()).map_err(|_| Full)?);
        let mut rows = Rows {
            arena: self.arena.into_boxed_str(),
            starts: self.starts.into_boxed_slice(),
            key_lengths: self.key_lengths.into_boxed_slice(),
            ..Rows::default()
        };
        rows.shelters = rows.find_shelters();
        rows.shared = rows.shared_beginning();
        rows.index = (0..rows.len())
            .step_by(STRIDE)
            .map(|row| window(&rows.key(row).as_bytes()[rows.shared..]))
            .collect();
        Ok(rows)
    }
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.key_lengths.len()
    }

    pub(super) fn key(&self, row: usize) -> &str {
        let start = self.starts[row] as usize;
        &self.arena[start..start + usize::from(self.key_lengths[row])]
    }

    pub(super) fn value(&self, row: usize) -> &str {
        let key_end = self.starts[row] as usize + usize::from(self.key_lengths[row]);
        &self.arena[key_end..self.starts[row + 1] as usize]
    }

    /// The row with exactly this key.
    pub(super) fn find(&self, key: &str) -> Option<usize> {
        self.last_not_after(key).filter(|row| self.key(*row) == key)
    }

    /// The row whose key is the longest beginning of `text`.
    pub(super) fn find_longest_beginning(&self, text: &str) -> Option<usize> {
        let mut row = self.last_not_after(text)?;
        while !text.starts_with(self.key(row)) {
            row = match self.shelters[row] {
                NONE => return None,
                shelter => shelter as usize,
            };
        }
        Some(row)
    }

    /// Octets in memory.
    pub(super) fn memory(&self) -> usize {
        self.arena.len()
            + self.starts.len() * 4
            + self.key_lengths.len()
            + self.shelters.len() * 4
            + self.index.len() * 8
    }

    /// The greatest row whose key is not greater than `text`.
    fn last_not_after(&self, text: &str) -> Option<usize> {
        if self.len() == 0 {
            return None;
        }
        let (shared, rest) = text.as_bytes().split_at(self.shared.min(text.len()));
        match shared.cmp(&self.arena.as_bytes()[..self.shared]) {
            std::cmp::Ordering::Less => return None,
            std::cmp::Ordering::Greater => return Some(self.len() - 1),
            std::cmp::Ordering::Equal => {}
        }
        // Rows with the same window as the text may stand on either side of it, and only they need a look.
        let sought = window(rest);
        let low = self.index.partition_point(|entry| *entry < sought).saturating_sub(1) * STRIDE;
        let within = self.index[low / STRIDE..].partition_point(|entry| *entry <= sought);
        let high = (low + within * STRIDE).min(self.len());
        let after = partition(low, high, |row| &self.key(row).as_bytes()[self.shared..] <= rest);
        after.checked_sub(1)
    }

    fn find_shelters(&self) -> Box<[u32]> {
        let mut open: Vec<usize> = Vec::new();
        let shelter = |row: usize| {
            while open
                .last()
                .is_some_and(|above| !self.key(row).starts_with(self.key(*above)))
            {
                open.pop();
            }
            let shelter = open.last().map_or(NONE, |above| *above as u32);
            open.push(row);
            shelter
        };
        (0..self.len()).map(shelter).collect()
    }

    /// In a sorted list, what the first and the last key share is shared by all.
    fn shared_beginning(&self) -> usize {
        let Some(last) = self.len().checked_sub(1) else {
            return 0;
        };
        let pairs = self.key(0).bytes().zip(self.key(last).bytes());
        pairs.take_while(|(a, b)| a == b).count()
    }
}

/// The first eight octets as a number that sorts as they do; zeros stand for missing ones.
fn window(octets: &[u8]) -> u64 {
    let mut first = [0; 8];
    let length = octets.len().min(8);
    first[..length].copy_from_slice(&octets[..length]);
    u64::from_be_bytes(first)
}

/// The first row in `low..high` that does not hold, when all that hold come before all that do not.
fn partition(mut low: usize, mut high: usize, holds: impl Fn(usize) -> bool) -> usize {
    while low < high {
        let middle = low + (high - low) / 2;
        match holds(middle) {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn build(rows: &BTreeMap<String, String>) -> Rows {
        let mut builder = Builder::default();
        for (key, value) in rows {
            builder.push(key, value).unwrap();
        }
        builder.finish().unwrap()
    }

    fn naive<'a>(rows: &'a BTreeMap<String, String>, text: &str) -> Option<(&'a str, &'a str)> {
        let beginnings = rows.iter().filter(|(key, _)| text.starts_with(key.as_str()));
        beginnings
            .max_by_key(|(key, _)| key.len())
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Few letters make keys nest; long lists reach behind the first entry of the index.
        #[test]
        fn look_ups_agree_with_looking_at_every_row(
            rows in prop::collection::btree_map("[+]?[012]{0,9}", "[a-z]{0,3}", 0..200),
            texts in prop::collection::vec("[+]?[0123]{0,12}", 1..20),
        ) {
            let built = build(&rows);
            for text in texts.iter().chain(rows.keys()) {
                let found = built.find_longest_beginning(text).map(|row| (built.key(row), built.value(row)));
                prop_assert_eq!(found, naive(&rows, text), "{}", text);
                let exact = built.find(text).map(|row| built.value(row));
                prop_assert_eq!(exact, rows.get(text).map(String::as_str), "{}", text);
            }
        }

        #[test]
        fn keys_of_any_letters_are_found(
            rows in prop::collection::btree_map("\\PC{0,6}", "\\PC{0,3}", 0..100),
            text in "\\PC{0,8}",
        ) {
            let built = build(&rows);
            for text in rows.keys().chain([&text]) {
                let found = built.find_longest_beginning(text).map(|row| (built.key(row), built.value(row)));
                prop_assert_eq!(found, naive(&rows, text));
            }
        }
    }

    #[test]
    fn many_keys_with_the_same_window_are_told_apart() {
        let rows: BTreeMap<String, String> = (0..1_000)
            .map(|n| (format!("a0123456789{n:04}"), n.to_string()))
            .collect();
        let mut rows = rows;
        rows.insert("b".into(), String::new());
        let built = build(&rows);
        for (key, value) in &rows {
            assert_eq!(
                built.find(key).map(|row| built.value(row)),
                Some(value.as_str()),
                "{key}"
            );
        }
    }

    #[test]
    fn the_empty_key_begins_every_text() {
        let built = build(&BTreeMap::from([(String::new(), "all".to_owned())]));
        assert_eq!(built.find_longest_beginning("x"), Some(0));
        assert_eq!(built.find_longest_beginning(""), Some(0));
        assert_eq!(Rows::default().find_longest_beginning("x"), None);
    }

    #[test]
    fn a_key_of_255_octets_fits_and_a_longer_one_does_not() {
        assert_eq!(Builder::default().push(&"1".repeat(255), ""), Ok(()));
        assert_eq!(Builder::default().push(&"1".repeat(256), ""), Err(Full));
    }
}
