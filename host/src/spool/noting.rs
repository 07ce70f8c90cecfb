//! The audit in the store: entries that are committed with the change that they are about.
//!
//! They are a stream of their own, [`StreamName::AUDIT`](crate::message::StreamName::AUDIT). What stands in an entry is made
//! by whoever lets people in: the store appends it in the transaction of the change, with what that came to.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

/// What a change came to.
#[derive(Clone, Copy, Debug)]
pub enum ChangeMade<'a> {
    /// So many entries of the queue were changed. Where many are, they are changed in several transactions, and each has
    /// its entry.
    Entries(usize),
    /// A plug-in's value.
    Value {
        before: Option<&'a [u8]>,
        after: Option<&'a [u8]>,
    },
}

/// An entry to be written with a change, if it changes anything.
#[derive(Clone)]
pub struct Noting {
    entry: Arc<dyn Fn(ChangeMade<'_>) -> Value + Send + Sync>,
    written: Arc<AtomicBool>,
}

impl Noting {
    pub fn new(entry: impl Fn(ChangeMade<'_>) -> Value + Send + Sync + 'static) -> Self {
        Self {
            entry: Arc::new(entry),
            written: Arc::default(),
        }
    }

    /// Whether a change was made, and its entry is durable with it.
    pub fn is_written(&self) -> bool {
        self.written.load(Ordering::Acquire)
    }

    pub(super) fn entry(&self, made: ChangeMade<'_>) -> Value {
        (self.entry)(made)
    }

    pub(super) fn written(&self) {
        self.written.store(true, Ordering::Release);
    }
}

impl fmt::Debug for Noting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Noting")
    }
}

/// One and the same.
impl PartialEq for Noting {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.written, &other.written)
    }
}

impl Eq for Noting {}
