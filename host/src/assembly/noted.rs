//! Audit entries for changes that were not requested at the door: a file was replaced.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::clock::SharedClock;
use crate::control::audit::Entry;
use crate::control::{Problem, Role};
use crate::relay::Relay;
use crate::spool::{Operator, Spool};

#[derive(Clone)]
pub(crate) struct Notes {
    store: Arc<dyn Operator>,
    clock: SharedClock,
    /// Of the relays that share a store, this one.
    node: Option<String>,
}

impl Notes {
    pub(super) fn of(relay: &Relay, database: &Arc<dyn Spool>) -> Self {
        Self {
            store: Arc::clone(database) as Arc<dyn Operator>,
            clock: Arc::clone(&relay.clock),
            node: database.own_name().map(str::to_owned),
        }
    }

    /// Records files that were seen to have changed, with what was loaded from them or why not. Who replaced them is
    /// unknown.
    pub(super) fn files(&self, did: &str, came_to: Result<Vec<String>, Vec<String>>) {
        let (changed, refused) = match came_to {
            Ok(taken) => (Some(json!({ "taken": taken })), None),
            Err(errors) => (None, Some(Problem::files(errors))),
        };
        let entry = Entry {
            at: self.clock.now().into(),
            who: "a replaced file".to_owned(),
            role: Role::Administrator,
            from: "folder".to_owned(),
            relay: self.node.clone(),
            did: did.to_owned(),
            asked: json!({}),
            changed,
            refused,
        };
        let (store, at) = (Arc::clone(&self.store), entry.at.0);
        // Nobody waits for this entry.
        tokio::task::spawn_blocking(move || {
            let text = serde_json::to_value(&entry).unwrap_or(Value::Null);
            if let Err(error) = store.note(at, text) {
                tracing::error!(event = "audit-not-written", "the audit cannot be written: {error}");
            }
        });
    }
}
