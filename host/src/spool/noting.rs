//! Audit entries in the store, committed with the change that they record.
//!
//! They are a stream of their own, [`StreamName::AUDIT`](crate::message::StreamName::AUDIT). The door makes the content
//! of an entry; the store adds the result of the change, and appends the entry in the same transaction.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

/// The result of a change.
#[derive(Clone, Copy, Debug)]
pub enum ChangeMade<'a> {
    /// The number of changed entries of the queue. Many entries are changed in several transactions, each with an audit
    /// entry of its own.
    Entries(usize),
    /// A plug-in's value.
    Value {
        before: Option<&'a [u8]>,
        after: Option<&'a [u8]>,
    },
}

/// An entry to write with a change, if it changes anything.
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

    /// Whether a change was made, and the entry is durable with it.
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

/// Equal only if they are the same object.
impl PartialEq for Noting {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.written, &other.written)
    }
}

impl Eq for Noting {}
