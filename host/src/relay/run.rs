//! One run of the chain for one message: where the message comes from, and state that is held until the commit.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use crate::message::{Incoming, Ordinal, PeerName, Refusal, Step, Timestamp, Transaction, TransactionChange};
use crate::pipeline::Chain;
use crate::spool::{Expect, SpoolError, Unfinished};
use crate::transactions::{Alone, Noted};

/// One run of the chain.
pub(super) struct Run {
    pub(super) chain: Arc<Chain>,
    /// Plug-ins that are not called on arrival and departure, because an operator released the message past them.
    pub(super) past: Vec<String>,
    /// How often an operator has released the message.
    pub(super) released: u32,
    /// The sender still waits, so a message that cannot go on now can be left to it.
    pub(super) sender_waits: bool,
    /// What arrival plug-ins asked for was committed by an earlier run, for other recipients of the same message.
    pub(super) arrived: bool,
    /// The last ordinal that an earlier run gave: this run continues from it.
    pub(super) ordinals: Option<Ordinal>,
    /// The beginning of the message's age for delivery. Time in which it was held is not the next hop's fault.
    pub(super) since: Timestamp,
    /// For a message of the relay itself: the request that it is about.
    pub(super) own: Option<Own>,
    /// The request that the message opens, as soon as the journey knows it. Behind a mutex, because a journey whose sender can
    /// wait no longer is dropped, and the request is committed all the same.
    pub(super) opened: Mutex<Option<Transaction>>,
    /// What the metrics count when this run is committed. A failed commit counts nothing.
    pub(super) noted: Mutex<Vec<Noted>>,
    /// Held until the commit: meanwhile no other task answers the same request.
    pub(super) alone: Mutex<Option<Alone>>,
}

/// The request to which a message of the relay belongs.
pub(super) struct Own {
    /// The peer that the message is for.
    pub(super) peer: PeerName,
    /// Changes that are committed together with the message.
    pub(super) changes: Vec<TransactionChange>,
    /// The revision of the request on which the message is based.
    pub(super) expect: Expect,
}

impl Run {
    /// A run for a message whose sender waits for the answer.
    pub(super) fn first(chain: Arc<Chain>, incoming: &Incoming) -> Self {
        Self {
            chain,
            past: Vec::new(),
            released: 0,
            sender_waits: true,
            arrived: false,
            ordinals: None,
            since: incoming.origin.received_at,
            own: None,
            opened: Mutex::default(),
            noted: Mutex::default(),
            alone: Mutex::default(),
        }
    }

    /// The plug-ins that are called on arrival and departure.
    pub(super) fn called(&self) -> Cow<'_, Chain> {
        match self.past.is_empty() {
            true => Cow::Borrowed(&*self.chain),
            false => Cow::Owned(self.chain.without(&self.past)),
        }
    }

    /// Steps that show which plug-ins are not called.
    pub(super) fn passed_over(&self) -> impl Iterator<Item = Step> {
        self.past.iter().map(|plugin| Step {
            plugin: plugin.clone(),
            occasion: "arrival and departure".into(),
            did: vec!["not called: an operator released the message past it".into()],
            micros: 0,
            body_octets_read: 0,
        })
    }

    /// A run for a message that the relay wrote itself.
    pub(super) fn own(chain: Arc<Chain>, incoming: &Incoming, own: Own) -> Self {
        Self {
            sender_waits: false,
            own: Some(own),
            ..Self::first(chain, incoming)
        }
    }

    /// A run that goes on from the spool, for a message that was taken before.
    pub(super) fn again(chain: Arc<Chain>, unfinished: &Unfinished, now: Timestamp) -> Self {
        Self {
            chain,
            past: unfinished.past.clone(),
            released: unfinished.released,
            sender_waits: false,
            arrived: unfinished.arrived,
            ordinals: unfinished.ordinals,
            since: now,
            own: None,
            opened: Mutex::default(),
            noted: Mutex::default(),
            alone: Mutex::default(),
        }
    }
}

/// Why a message cannot go on now. Only the reason: advice to a sender is of no use where none waits.
pub(super) fn why(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Deferred { plugin, reason } => format!("plug-in {plugin} failed ({reason})"),
        other => other.to_string(),
    }
}

pub(super) fn storage(error: SpoolError) -> Refusal {
    let refusal = match error {
        SpoolError::Failed(_) => return Refusal::StoreFailed,
        SpoolError::Unsettled => Refusal::Unsettled,
        SpoolError::Away(_) | SpoolError::Unprotected(_) => Refusal::StoreAway,
        // This relay takes nothing any more: its sender goes to another one.
        SpoolError::Lapsed | SpoolError::WentBack { .. } => Refusal::StoreFailed,
        other => {
            return Refusal::Storage {
                reason: other.to_string(),
            };
        }
    };
    tracing::warn!(%error, event = "not-committed", "a message is refused for now: the store did not take it");
    refusal
}
