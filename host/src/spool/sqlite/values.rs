//! Plug-ins' values in memory: a value that was read or written lately is read without the database, and without another
//! thread.
//!
//! What is in memory is what the database has, whenever somebody may ask:
//!
//! - The writer puts in what it wrote, behind the commit and before anybody hears of it.
//! - What a reader found is put in only if no value was committed since it began to read.
//! - What an operator changes through the relay drops everything; so does a change by a command beside it
//!   ([`announced`](super::announced)).

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::announced::Announced;
use crate::sync::lock;

/// Octets of each half of what is kept.
const HALF: usize = 4 << 20;

/// What an entry takes besides its key and its value, roughly.
const ENTRY: usize = 96;

/// A value as it was committed: `None` where there is none.
pub(super) type Value = Option<Vec<u8>>;

/// By plug-in, and by key.
type Values = HashMap<String, HashMap<String, Value>>;

pub(super) struct ValuesInMemory {
    beside: Arc<Announced>,
    kept: Mutex<Kept>,
}

/// The moment at which somebody began to look into the database, or to write into it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    commits: u64,
    beside: Option<u64>,
}

/// A value that a commit has changed.
pub(super) struct Written {
    pub plugin: String,
    pub key: String,
    pub value: Value,
}

#[derive(Default)]
struct Kept {
    /// Commits that changed values.
    commits: u64,
    /// The changes beside the relay that the values below include.
    beside: u64,
    /// What was used lately, and what was used before that: when the first is full, it takes the place of the second.
    lately: Values,
    before: Values,
    /// Octets in `lately`.
    octets: usize,
}

impl ValuesInMemory {
    pub fn new(beside: &Arc<Announced>) -> Self {
        Self {
            beside: Arc::clone(beside),
            kept: Mutex::default(),
        }
    }

    /// The committed value; `None` when it has to be read from the database.
    pub fn get(&self, plugin: &str, key: &str) -> Option<Value> {
        let beside = self.beside.so_far()?;
        let mut kept = lock(&self.kept);
        kept.include(beside);
        kept.get(plugin, key)
    }

    /// To be asked for before the database is looked into.
    pub fn moment(&self) -> Moment {
        Moment {
            beside: self.beside.so_far(),
            commits: lock(&self.kept).commits,
        }
    }

    /// A value that was found in the database by a look that began at this moment.
    pub fn found(&self, since: Moment, found: Written) {
        let mut kept = lock(&self.kept);
        if kept.commits == since.commits
            && let Some(beside) = self.beside.so_far().filter(|beside| since.beside == Some(*beside))
        {
            kept.include(beside);
            kept.put(found);
        }
    }

    /// The values that a commit has changed whose transaction began at this moment.
    pub fn committed(&self, since: Moment, written: Vec<Written>) {
        if written.is_empty() {
            return;
        }
        let mut kept = lock(&self.kept);
        kept.commits += 1;
        match self.beside.so_far().filter(|beside| since.beside == Some(*beside)) {
            Some(beside) => {
                kept.include(beside);
                written.into_iter().for_each(|written| kept.put(written));
            }
            None => kept.clear(),
        }
    }

    /// Values may have changed in ways that are not known here.
    pub fn forget(&self) {
        let mut kept = lock(&self.kept);
        kept.commits += 1;
        kept.clear();
    }
}

impl Kept {
    /// Drops what is older than the changes beside the relay.
    fn include(&mut self, beside: u64) {
        if self.beside != beside {
            self.clear();
            self.beside = beside;
        }
    }

    fn clear(&mut self) {
        self.lately.clear();
        self.before.clear();
        self.octets = 0;
    }

    fn get(&mut self, plugin: &str, key: &str) -> Option<Value> {
        if let Some(value) = self.lately.get(plugin).and_then(|values| values.get(key)) {
            return Some(value.clone());
        }
        let (key, value) = self.before.get_mut(plugin)?.remove_entry(key)?;
        let plugin = plugin.to_owned();
        self.put(Written {
            plugin,
            key,
            value: value.clone(),
        });
        Some(value)
    }

    fn put(&mut self, Written { plugin, key, value }: Written) {
        if let Some(older) = self.before.get_mut(&plugin) {
            older.remove(&key);
        }
        self.octets += key.len() + value.as_ref().map_or(0, Vec::len) + ENTRY;
        self.lately.entry(plugin).or_default().insert(key, value);
        if self.octets > HALF {
            self.before = std::mem::take(&mut self.lately);
            self.octets = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::announced::Announcement;
    use super::*;

    fn value(key: &str, value: &str) -> Written {
        Written {
            plugin: "screen".into(),
            key: key.into(),
            value: Some(value.into()),
        }
    }

    fn kept(memory: &ValuesInMemory, key: &str) -> Option<String> {
        let value = memory.get("screen", key)?;
        Some(String::from_utf8(value.unwrap_or_default()).unwrap())
    }

    fn memory() -> (tempfile::TempDir, ValuesInMemory) {
        let folder = tempfile::tempdir().unwrap();
        let beside = Arc::new(Announced::open(folder.path()).unwrap());
        let memory = ValuesInMemory::new(&beside);
        (folder, memory)
    }

    #[test]
    fn what_was_found_before_a_commit_is_not_kept_behind_it() {
        let (_folder, memory) = memory();
        let since = memory.moment();
        memory.committed(memory.moment(), vec![value("a", "2")]);
        memory.found(since, value("a", "1"));
        assert_eq!(kept(&memory, "a").as_deref(), Some("2"));
        memory.found(since, value("b", "1"));
        assert_eq!(kept(&memory, "b"), None);
        memory.found(memory.moment(), value("b", "1"));
        assert_eq!(kept(&memory, "b").as_deref(), Some("1"));
    }

    #[test]
    fn nothing_is_kept_over_a_change_beside_the_relay() {
        let (folder, memory) = memory();
        memory.found(memory.moment(), value("a", "1"));
        let (reading, writing) = (memory.moment(), memory.moment());
        let change = Announcement::begin(folder.path()).unwrap();
        assert_eq!(kept(&memory, "a"), None);
        drop(change);
        assert_eq!(kept(&memory, "a"), None);
        memory.found(reading, value("a", "1"));
        assert_eq!(kept(&memory, "a"), None);
        memory.committed(writing, vec![value("a", "2")]);
        assert_eq!(kept(&memory, "a"), None);
        memory.found(memory.moment(), value("a", "3"));
        assert_eq!(kept(&memory, "a").as_deref(), Some("3"));
    }

    #[test]
    fn an_operator_through_the_relay_drops_what_is_kept_and_what_is_being_read() {
        let (_folder, memory) = memory();
        memory.found(memory.moment(), value("a", "1"));
        let since = memory.moment();
        memory.forget();
        memory.found(since, value("a", "1"));
        assert_eq!(kept(&memory, "a"), None);
    }

    #[test]
    fn memory_is_bounded_and_what_is_used_stays() {
        let (_folder, memory) = memory();
        let entries = 3 * HALF / ENTRY;
        memory.found(memory.moment(), value("used", "1"));
        for number in 0..entries {
            memory.found(memory.moment(), value(&number.to_string(), ""));
            assert_eq!(kept(&memory, "used").as_deref(), Some("1"), "{number}");
        }
        let is_kept = |number: &usize| kept(&memory, &number.to_string()).is_some();
        let left = (0..entries).filter(is_kept).count();
        assert!(left > 0 && left <= 2 * HALF / ENTRY, "{left} of {entries}");
    }
}
