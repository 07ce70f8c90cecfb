//! Sorted rows of text in compact form, for look-ups in tables and of number prefixes.
//!
//! All text lies in one arena in the order of the keys; a row is the offset where it begins and the length of its key.
//! Each row also knows its *shelter*: the row whose key is the longest proper prefix of its own. All rows whose keys
//! are prefixes of a text are in the chain of shelters of the greatest row that is not after the text, so finding the
//! longest prefix takes one binary search and a short climb.
//!
//! A binary search through a million texts would miss the cache at every step. Therefore most of it works on numbers:
//! each row's *window* is the eight octets behind the prefix that all keys share, and the windows of every 16th row
//! form an index small enough to stay in the cache. Only rows with the same window as the text are compared as text.
//!
//! Memory: 20 octets a row, 8 more for every 16 rows, and the text.

use std::cmp::Ordering;

/// Rows between two entries of the index: their windows fill two cache lines.
const STRIDE: usize = 16;
/// No row.
const NONE: u32 = u32::MAX;

/// Rows are named by their position in the order of their keys.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// Keys and values: key 0, value 0, key 1, value 1, ...
    arena: Box<str>,
    rows: Box<[Row]>,
    windows: Box<[u64]>,
    /// Every 16th window.
    index: Box<[u64]>,
    /// The number of octets that all keys begin with.
    shared: usize,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    /// Where the key begins in the arena. The value ends where the next row begins.
    start: u32,
    shelter: u32,
    key_length: u8,
}

/// Collects rows in the strictly ascending order of their keys.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    arena: String,
    rows: Vec<Row>,
}

/// There is more text, or there are more rows, than 32 bits can count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Builder {
    pub(crate) fn with_capacity(rows: usize, text: usize) -> Self {
        Self {
            arena: String::with_capacity(text),
            rows: Vec::with_capacity(rows),
        }
    }

    /// Adds a row. Its key must be greater than the last one's, and at most 255 octets long.
    pub(crate) fn push(&mut self, key: &str, value: &str) -> Result<(), Full> {
        let end = self.arena.len() + key.len() + value.len();
        u32::try_from(end).map_err(|_| Full)?;
        self.rows.push(Row {
            // The offset is not beyond `end`, which was checked.
            start: self.arena.len() as u32,
            shelter: NONE,
            key_length: u8::try_from(key.len()).map_err(|_| Full)?,
        });
        self.arena.push_str(key);
        self.arena.push_str(value);
        Ok(())
    }

    pub(crate) fn finish(self) -> Rows {
        let mut rows = Rows {
            arena: self.arena.into_boxed_str(),
            rows: self.rows.into_boxed_slice(),
            ..Rows::default()
        };
        rows.find_shelters();
        rows.shared = rows.shared_beginning();
        rows.windows = (0..rows.len()).map(|row| window(rows.key_tail(row))).collect();
        rows.index = rows.windows.iter().step_by(STRIDE).copied().collect();
        rows
    }
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn key(&self, row: usize) -> &str {
        let Row { start, key_length, .. } = self.rows[row];
        &self.arena[start as usize..start as usize + usize::from(key_length)]
    }

    pub(crate) fn value(&self, row: usize) -> &str {
        let Row { start, key_length, .. } = self.rows[row];
        let end = self
            .rows
            .get(row + 1)
            .map_or(self.arena.len(), |next| next.start as usize);
        &self.arena[start as usize + usize::from(key_length)..end]
    }

    /// The row with exactly this key.
    pub(crate) fn find(&self, key: &str) -> Option<usize> {
        self.last_not_after(key).filter(|row| self.key(*row) == key)
    }

    /// The row whose key is the longest beginning of `text`.
    pub(crate) fn find_longest_beginning(&self, text: &str) -> Option<usize> {
        let mut row = self.last_not_after(text)?;
        while !text.starts_with(self.key(row)) {
            row = match self.rows[row].shelter {
                NONE => return None,
                shelter => shelter as usize,
            };
        }
        Some(row)
    }

    /// Octets in memory.
    pub(crate) fn memory(&self) -> usize {
        self.arena.len() + size_of_val(&*self.rows) + size_of_val(&*self.windows) + size_of_val(&*self.index)
    }

    /// The greatest row whose key is not greater than `text`.
    fn last_not_after(&self, text: &str) -> Option<usize> {
        let first = self.rows.first()?.start as usize;
        let (shared, rest) = text.as_bytes().split_at(self.shared.min(text.len()));
        match shared.cmp(&self.arena.as_bytes()[first..first + self.shared]) {
            Ordering::Less => return None,
            Ordering::Greater => return Some(self.len() - 1),
            Ordering::Equal => {}
        }
        let sought = window(rest);
        let low = self.index.partition_point(|window| *window < sought).saturating_sub(1) * STRIDE;
        let high = (low + STRIDE + 1).min(self.len());
        let same = low + self.windows[low..high].partition_point(|window| *window < sought);
        // Usually no row or one has this window; otherwise the text decides.
        let count = match self.windows[same..] {
            [a, b, ..] if a == sought && b == sought => self.windows[same..].partition_point(|w| *w == sought),
            [a, ..] => usize::from(a == sought),
            [] => 0,
        };
        let after = partition(same, same + count, |row| self.key_tail(row) <= rest);
        after.checked_sub(1)
    }

    /// The octets of a key behind the prefix that all keys share.
    fn key_tail(&self, row: usize) -> &[u8] {
        &self.key(row).as_bytes()[self.shared..]
    }

    fn find_shelters(&mut self) {
        let mut open: Vec<u32> = Vec::new();
        for row in 0..self.len() {
            while open
                .last()
                .is_some_and(|above| !self.key(row).starts_with(self.key(*above as usize)))
            {
                open.pop();
            }
            self.rows[row].shelter = open.last().copied().unwrap_or(NONE);
            // There are at most as many rows as octets in the arena, plus one for the empty key, so the number fits.
            open.push(row as u32);
        }
    }

    /// In a sorted list, all keys share what the first and the last one share.
    fn shared_beginning(&self) -> usize {
        let Some(last) = self.len().checked_sub(1) else {
            return 0;
        };
        let pairs = self.key(0).bytes().zip(self.key(last).bytes());
        pairs.take_while(|(a, b)| a == b).count()
    }
}

/// The first eight octets as a number with the same order; zeros stand for missing octets.
fn window(octets: &[u8]) -> u64 {
    let mut first = [0; 8];
    let length = octets.len().min(8);
    first[..length].copy_from_slice(&octets[..length]);
    u64::from_be_bytes(first)
}

/// The first row in `low..high` for which `holds` is false, if all rows for which it is true come first.
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
        builder.finish()
    }

    fn naive<'a>(rows: &'a BTreeMap<String, String>, text: &str) -> Option<(&'a str, &'a str)> {
        let beginnings = rows.iter().filter(|(key, _)| text.starts_with(key.as_str()));
        beginnings
            .max_by_key(|(key, _)| key.len())
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// A small alphabet makes keys nest; long lists reach behind the first entry of the index.
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

        /// Long runs of rows with one window, beside rows of others.
        #[test]
        fn keys_that_differ_late_are_told_apart(
            rows in prop::collection::btree_map("x(0{9,12}|1)?[01]{0,5}", "[a-z]", 0..120),
            texts in prop::collection::vec("x?(0{8,13}|1)?[012]{0,7}", 1..20),
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
