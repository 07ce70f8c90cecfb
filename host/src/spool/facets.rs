//! The facets of a store: the verbs that each room needs, as a trait of its own.
//!
//! A room takes only the facets that it needs, so that a test can give it a small stand-in, and so that another store
//! knows what it must provide. [`Spool`] combines all of them, for the code that opens a store and hands out its
//! facets.
//!
//! | facet | purpose | used by |
//! |---|---|---|
//! | [`Inbox`] | messages come in; those whose chain has not ended are finished | `relay` |
//! | [`Queue`] | messages go out, peer by peer | `delivery` |
//! | [`Requests`] | requests are found, and changed | `transactions`, `relay` |
//! | [`Events`] | outcomes that plug-ins must still be told | `relay` |
//! | [`Values`] | plug-ins' durable values | `relay`, for `pipeline` |
//! | [`Operator`] | what operators see and do | `cli`, `relay` for the metrics |
//! | [`Streams`] | records in their order | `charging` |
//! | [`Ledger`](super::ledger::Ledger) | the end of each recipient | `ledger` |
//! | [`Rollouts`] | versions of plug-ins for all relays that share the store | `rollout` |
//!
//! The verbs of [`Operator`], [`Streams`] and [`Ledger`](super::ledger::Ledger) block, because their callers write
//! files and lines, in threads of their own. All others are asynchronous.

use std::sync::Arc;

use super::{
    Acceptance, BoxFuture, Expect, Finish, Leases, Member, Operator, Outcome, PendingEvent, Presence, Receipt,
    Rollouts, Room, Settlement, SpoolError, Streams, Trouble, Unfinished,
};
use crate::message::{
    Content, MessageId, Outgoing, PeerName, Timestamp, Transaction, TransactionChange, TransactionKey,
};

/// The space that is left in the store.
pub trait Space: Send + Sync + 'static {
    /// What there is room for. Cheap: called for every message.
    fn room(&self) -> Room {
        Room::Ample
    }

    /// Whether the store is closed because a write or a flush of its disk failed, or because a shared store has lost
    /// batches that it had confirmed. Then there is no room either.
    fn is_failed(&self) -> bool {
        false
    }

    /// Whether a store that relays share cannot be written at this moment. There is no room then either, and it goes on by
    /// itself.
    fn is_away(&self) -> bool {
        false
    }
}

/// Incoming messages, until their chain has ended.
pub trait Inbox: Space + Leases {
    /// The next free message id: greater than every id that this node has given, and different from those of other
    /// nodes.
    fn next_id(&self) -> MessageId;

    /// Makes everything in `acceptance` durable, or nothing. Concurrent calls share one flush to disk. Returns
    /// [`SpoolError::Repeat`] when it would open a copy of a live transaction that has not [come to
    /// nothing](Transaction::came_to_nothing): of two copies that arrive together, one is accepted. Returns
    /// [`SpoolError::Moved`] when a request is no longer as [expected](Acceptance::expects). The outgoing messages are
    /// leased to this relay: hand them to delivery, or give them back.
    fn commit(&self, acceptance: Acceptance) -> BoxFuture<'_, Result<Receipt, SpoolError>>;

    /// Leases at most `limit` messages whose chain must run from the spool and that are due at `now`, oldest due time
    /// first. Called about once a second, because an operator may have released some.
    fn unfinished(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Unfinished>, SpoolError>>;

    /// Makes the result of an unfinished message durable, with everything that it causes, and ends its waiting: all of
    /// it or nothing. Returns [`SpoolError::Gone`] when the message is no longer unfinished, because an operator
    /// dropped it or it was finished before: then nothing of the result may happen. [`SpoolError::Repeat`],
    /// [`SpoolError::Moved`] and outgoing messages are as in [`commit`](Self::commit).
    fn finish(&self, id: MessageId, finish: Finish) -> BoxFuture<'_, Result<(), SpoolError>>;

    /// The received bytes of a message, to read by range; `None` when the message has left the spool. Reading fails
    /// once it leaves.
    fn received(&self, id: MessageId) -> BoxFuture<'_, Result<Option<Content>, SpoolError>>;
}

/// Outgoing messages.
pub trait Queue: Space + Leases {
    /// Leases at most `limit` waiting messages for `peer` that are due at `now`, oldest due time first. Their received
    /// bytes stay in the store and are read by range; bytes that plug-ins made come along. Once these exceed 16 MiB the
    /// answer ends, possibly before `limit`, but it is never empty while a free message is due.
    fn lease<'a>(
        &'a self,
        peer: &'a PeerName,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Outgoing>, SpoolError>>;

    /// Leases at most `limit` waiting messages for `peer` that have expired at `now` (`X-Mms-Expiry`), or whose age
    /// counts from `aged` or before, whether they are due or not. The age of a message whose chain ran from the spool
    /// counts from the end of that run, however old its id is. Cheap when there are none.
    fn lease_overdue<'a>(
        &'a self,
        peer: &'a PeerName,
        now: Timestamp,
        aged: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Outgoing>, SpoolError>>;

    /// Makes the outcome of one delivery durable, with everything that it caused. Returns [`SpoolError::NotOurs`] when
    /// this relay does not hold the message: another relay has it, or had it, and records its outcome. It is no error
    /// that the message has left the store, because an operator may have dropped it meanwhile; the delivery happened
    /// all the same, and is charged. The lease continues until it is given back. After an error nothing is recorded,
    /// and the message still counts as waiting: repeat the call with the same outcome before the message is tried
    /// again, otherwise its next hop gets it twice.
    fn record(&self, outcome: Outcome) -> BoxFuture<'_, Result<(), SpoolError>>;

    /// For each peer with waiting messages, when the earliest of them is due; leased messages may be left out. Cheap;
    /// called after a restart, and about once a second, because an operator's `queue retry` may have changed the
    /// answer.
    fn next_due(&self) -> BoxFuture<'_, Result<Vec<(PeerName, Timestamp)>, SpoolError>>;

    /// How often an operator has asked to try each peer at once. A caller that waits for an unreachable peer compares
    /// this with the number that it saw before.
    fn retries_asked(&self) -> BoxFuture<'_, Result<Vec<(PeerName, u64)>, SpoolError>>;
}

/// Requests that may be answered.
pub trait Requests: Leases {
    /// Transactions with this key that are not forgotten, newest first, at most 100. Fast whatever their number: two
    /// look-ups for each result.
    fn find<'a>(&'a self, key: &'a TransactionKey) -> BoxFuture<'a, Result<Vec<Transaction>, SpoolError>>;

    /// Leases at most `limit` transactions whose task is due at `now`, oldest due time first.
    fn transactions_due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Transaction>, SpoolError>>;

    /// When the next task of any transaction is due. Cheap whatever their number.
    fn next_transaction_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, SpoolError>>;

    /// Makes changes durable that no message and no delivery caused, in this order, all of them or none. A change has
    /// no effect on a transaction that is unknown or forgotten, or that is in that state already. Returns
    /// [`SpoolError::Moved`] when a request is no longer as expected.
    fn change(&self, changes: Vec<TransactionChange>, expects: Vec<Expect>) -> BoxFuture<'_, Result<(), SpoolError>>;
}

/// Outcomes that plug-ins must still be told.
pub trait Events: Leases {
    /// Leases outcomes whose plug-ins have not succeeded yet, due at `now`, oldest first.
    fn pending_events(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<PendingEvent>, SpoolError>>;

    /// Settles a pending event: with what its plug-ins finally asked for, or with the time of the next attempt. An
    /// event is settled once; settling it again changes and charges nothing.
    fn settle_event(&self, id: u64, settlement: Settlement) -> BoxFuture<'_, Result<(), SpoolError>>;
}

/// Plug-ins' durable values. They are written with the commit that contains them: an acceptance, an outcome, a
/// settlement.
pub trait Values: Send + Sync + 'static {
    /// The committed value.
    fn kv_get<'a>(&'a self, plugin: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, SpoolError>>;
}

/// The facets that a running relay hands out to its rooms.
#[derive(Clone)]
pub struct Facets {
    pub inbox: Arc<dyn Inbox>,
    pub queue: Arc<dyn Queue>,
    pub requests: Arc<dyn Requests>,
    pub events: Arc<dyn Events>,
    pub values: Arc<dyn Values>,
}

impl Facets {
    pub fn of(spool: &Arc<dyn Spool>) -> Self {
        Self {
            inbox: Arc::clone(spool) as Arc<dyn Inbox>,
            queue: Arc::clone(spool) as Arc<dyn Queue>,
            requests: Arc::clone(spool) as Arc<dyn Requests>,
            events: Arc::clone(spool) as Arc<dyn Events>,
            values: Arc::clone(spool) as Arc<dyn Values>,
        }
    }
}

/// The condition of a store, for monitoring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreState {
    /// How often a write or a flush failed, after which the store was closed and opened anew.
    pub failures: u64,
    /// Damaged rows that were found, and left alone, since the start.
    pub damaged: u64,
    /// Octets in the log: commits that were not copied into the database yet.
    pub log: u64,
    /// How often the log was too long because somebody read for too long.
    pub held_up: u64,
}

/// All facets of a store, for the code that opened it.
pub trait Spool: Inbox + Queue + Requests + Events + Values + Operator + Streams {
    /// Free octets where the store is, if that is watched.
    fn free(&self) -> Option<u64> {
        None
    }

    /// Why there is not ample room, for people.
    fn trouble(&self) -> Option<Trouble> {
        None
    }

    /// The name of this relay among those that share the store; `None` where it is one relay's alone.
    fn own_name(&self) -> Option<&str> {
        None
    }

    /// The relays that share the store, as far as the store knows them, in the order of their numbers; empty where it is one
    /// relay's alone.
    fn members(&self) -> BoxFuture<'_, Result<Vec<Member>, SpoolError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Lets the other relays know what this one is. Nothing depends on it.
    fn say(&self, _presence: Presence) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(async { Ok(()) })
    }

    /// The condition of the store, for metrics.
    fn state(&self) -> StoreState {
        StoreState::default()
    }

    /// What relays that share the store tell each other of plug-ins. `None`: it is one relay's alone, and versions are that
    /// relay's own.
    fn rollouts(self: Arc<Self>) -> Option<Arc<dyn Rollouts>> {
        None
    }

    /// Whether the store is closed for good.
    fn is_closed(&self) -> bool;

    /// Finishes earlier requests, then releases the store. Every later request fails with [`SpoolError::Closed`].
    /// Closing twice does nothing.
    fn close(&self) -> BoxFuture<'_, ()>;
}
