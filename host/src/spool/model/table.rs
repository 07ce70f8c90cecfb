//! The rows of one kind, and which of them have been changed since they were put there.

use std::collections::BTreeMap;
use std::ops::Deref;

/// Reads as the map that it is. Whatever changes a row goes through the verbs below, which remember the row as it was: so
/// no change can be forgotten when what has changed is written down.
#[derive(Clone, Debug)]
pub(in crate::spool) struct Table<K, V> {
    rows: BTreeMap<K, V>,
    before: BTreeMap<K, Option<V>>,
}

/// One row that may have changed. `None` where there was none, or is none.
pub(in crate::spool) struct Changed<'t, K, V> {
    pub(in crate::spool) key: &'t K,
    pub(in crate::spool) before: Option<&'t V>,
    pub(in crate::spool) after: Option<&'t V>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            before: BTreeMap::new(),
        }
    }
}

impl<K, V> Deref for Table<K, V> {
    type Target = BTreeMap<K, V>;

    fn deref(&self) -> &BTreeMap<K, V> {
        &self.rows
    }
}

impl<K: Ord + Clone, V: Clone> Table<K, V> {
    /// Puts a row there as the store has it.
    pub(in crate::spool) fn load(&mut self, key: K, row: V) {
        self.rows.insert(key, row);
    }

    pub(in crate::spool) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.remember(key);
        self.rows.get_mut(key)
    }

    pub(in crate::spool) fn insert(&mut self, key: K, row: V) -> Option<V> {
        self.remember(&key);
        self.rows.insert(key, row)
    }

    pub(in crate::spool) fn remove(&mut self, key: &K) -> Option<V> {
        self.remember(key);
        self.rows.remove(key)
    }

    /// The row, made first where there is none.
    pub(in crate::spool) fn row(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.remember(&key);
        self.rows.entry(key).or_default()
    }

    /// What may have changed, in the order of the keys.
    pub(in crate::spool) fn changed(&self) -> impl Iterator<Item = Changed<'_, K, V>> {
        self.before.iter().map(|(key, before)| Changed {
            key,
            before: before.as_ref(),
            after: self.rows.get(key),
        })
    }

    /// Everything is as it should be: what changes from here on counts.
    #[cfg(test)]
    pub(in crate::spool) fn settle(&mut self) {
        self.before.clear();
    }

    fn remember(&mut self, key: &K) {
        if !self.before.contains_key(key) {
            self.before.insert(key.clone(), self.rows.get(key).cloned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_remembered_as_it_was_before_its_first_change() {
        let mut table = Table::default();
        table.load(1, "one");
        table.load(2, "two");
        table.insert(1, "changed");
        table.insert(1, "again");
        table.insert(3, "new");
        table.remove(&2);
        let changed: Vec<_> = table
            .changed()
            .map(|of| (*of.key, of.before.copied(), of.after.copied()))
            .collect();
        let expected = [
            (1, Some("one"), Some("again")),
            (2, Some("two"), None),
            (3, None, Some("new")),
        ];
        assert_eq!(changed, expected);
        assert_eq!(table.get(&1), Some(&"again"));
    }
}
