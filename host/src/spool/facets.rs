//! The facets of a store: what each room may ask of it, as a trait of its own.
//!
//! A room takes the facets that it needs and no others, so that a test can give it a small stand-in, and so that a second
//! store knows what it has to promise. [`Spool`] is all of them, for whoever opens a store and hands its facets out.
//!
//! | facet | what it is for | who asks |
//! |---|---|---|
//! | [`Inbox`] | messages come in; those whose chain has not ended are finished | `relay` |
//! | [`Queue`] | messages go out, peer by peer | `delivery` |
//! | [`Requests`] | requests are found, and changed | `transactions`, `relay` |
//! | [`Events`] | outcomes that plug-ins must still be told | `relay` |
//! | [`Values`] | plug-ins' durable values | `relay`, for `pipeline` |
//! | [`Operator`] | what people see and do | `cli`, `relay` for the metrics |
//! | [`Streams`] | records in their order | `charging` |
//! | [`Ledger`](super::ledger::Ledger) | what became of each recipient | `ledger` |
//!
//! The verbs of [`Operator`], [`Streams`] and [`Ledger`](super::ledger::Ledger) block: whoever uses them writes files and
//! lines, and has a thread for it. All others are asynchronous.

use std::sync::Arc;

use super::{
    Acceptance, BoxFuture, Expect, Finish, Leases, Operator, Outcome, PendingEvent, Receipt, Room, Settlement,
    SpoolError, Streams, Unfinished,
};
use crate::message::{
    Content, MessageId, Outgoing, PeerName, Timestamp, Transaction, TransactionChange, TransactionKey,
};

/// Whether there is space for more.
pub trait Space: Send + Sync + 'static {
    /// What there is room for. Cheap: asked for every message.
    fn room(&self) -> Room {
        Room::Ample
    }

    /// Whether the store is closed because its disk failed, a write or a flush of it; or whether a shared store cannot be
    /// reached. There is no room then either.
    fn is_failed(&self) -> bool {
        false
    }
}

/// Messages that come in, until their chain has ended.
pub trait Inbox: Space + Leases {
    /// The next free message id: greater than every id that this node has given, and no other node's.
    fn next_id(&self) -> MessageId;

    /// Makes everything in `acceptance` durable, or nothing. Concurrent calls share one flush to disk.
    /// [`SpoolError::Repeat`] when it opens a transaction that is a copy of one that lives, unless that
    /// [came to nothing](Transaction::came_to_nothing): of two copies that arrive together, one is accepted.
    /// [`SpoolError::Moved`] when something that it [expects](Acceptance::expects) of a request is not so any more.
    /// What goes out of it is leased to this relay: hand it to delivery, or give it back.
    fn commit(&self, acceptance: Acceptance) -> BoxFuture<'_, Result<Receipt, SpoolError>>;

    /// Leases at most `limit` messages whose chain is to be run from the spool and that are due at `now`, oldest due time
    /// first. Asked about once a second, because an operator may have released some.
    fn unfinished(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Unfinished>, SpoolError>>;

    /// Makes what became of an unfinished message durable, with everything that it causes, and ends its waiting: all
    /// of it or nothing. [`SpoolError::Gone`] when it is not unfinished any more, because an operator dropped it or it
    /// has been finished before: then nothing that it would have caused may happen. [`SpoolError::Repeat`],
    /// [`SpoolError::Moved`], and what goes out of it: as with [`commit`](Self::commit).
    fn finish(&self, id: MessageId, finish: Finish) -> BoxFuture<'_, Result<(), SpoolError>>;

    /// The received bytes of a message, to be read by range; `None` when the message has left the spool. Reading fails
    /// once it leaves.
    fn received(&self, id: MessageId) -> BoxFuture<'_, Result<Option<Content>, SpoolError>>;
}

/// Messages that go out.
pub trait Queue: Space + Leases {
    /// Leases at most `limit` waiting messages for `peer` that are due at `now`, oldest due time first.
    /// Their received bytes stay in the store, to be read by range; bytes that plug-ins made come along, and once these
    /// fill 16 MiB the answer ends, short of `limit` perhaps, but never empty while something is due and nobody has it.
    fn lease<'a>(
        &'a self,
        peer: &'a PeerName,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Outgoing>, SpoolError>>;

    /// Leases at most `limit` waiting messages for `peer` that have expired at `now` (`X-Mms-Expiry`), or whose age counts
    /// from `aged` or before; whether they are due or not. The age of a message whose chain ran from the spool counts from
    /// then on, however old its id is. Cheap when there are none.
    fn lease_overdue<'a>(
        &'a self,
        peer: &'a PeerName,
        now: Timestamp,
        aged: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Outgoing>, SpoolError>>;

    /// Makes what became of one delivery durable, with what its outcome caused. [`SpoolError::NotOurs`] when this relay
    /// does not hold the message: another one has it, or had it, and records what becomes of it. That it is not in the
    /// store any more is no error: an operator may have dropped it meanwhile. The delivery happened all the same, and is
    /// charged. The lease goes on until it is given back.
    /// After an error nothing is recorded, and the message still counts as waiting: ask again with the same outcome
    /// before that message is tried again, else its next hop gets it twice.
    fn record(&self, outcome: Outcome) -> BoxFuture<'_, Result<(), SpoolError>>;

    /// For each peer with waiting messages: when the earliest of them is due; those that are leased may be left out. Cheap; asked after a restart, and
    /// about once a second, because an operator's `queue retry` may have changed the answer.
    fn next_due(&self) -> BoxFuture<'_, Result<Vec<(PeerName, Timestamp)>, SpoolError>>;

    /// How often an operator has asked for each peer to be tried again at once. Whoever waits for a peer that could not
    /// be reached compares with what it saw before.
    fn retries_asked(&self) -> BoxFuture<'_, Result<Vec<(PeerName, u64)>, SpoolError>>;
}

/// Requests that may be answered.
pub trait Requests: Leases {
    /// Transactions with this key that are not forgotten, newest first, at most 100. Fast whatever their number: two
    /// look-ups for each that is found.
    fn find<'a>(&'a self, key: &'a TransactionKey) -> BoxFuture<'a, Result<Vec<Transaction>, SpoolError>>;

    /// Leases at most `limit` transactions whose task is due at `now`, oldest due time first.
    fn transactions_due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Transaction>, SpoolError>>;

    /// When the next task of any transaction is due. Cheap at any number of them.
    fn next_transaction_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, SpoolError>>;

    /// Makes changes that no message and no delivery caused durable, in this order, all of them or none. A change to a
    /// transaction that is unknown, or forgotten, or that is as it would become, is none. [`SpoolError::Moved`] when
    /// something that is expected of a request is not so any more.
    fn change(&self, changes: Vec<TransactionChange>, expects: Vec<Expect>) -> BoxFuture<'_, Result<(), SpoolError>>;
}

/// Outcomes that plug-ins must still be told.
pub trait Events: Leases {
    /// Leases outcomes whose plug-ins have not succeeded yet, due at `now`, oldest first.
    fn pending_events(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<PendingEvent>, SpoolError>>;

    /// Settles a pending event: what its plug-ins asked for at last, or when to try again. An event is settled once;
    /// settling it again changes and charges nothing.
    fn settle_event(&self, id: u64, settlement: Settlement) -> BoxFuture<'_, Result<(), SpoolError>>;
}

/// Plug-ins' durable values. They are written by what commits them: an acceptance, an outcome, a settlement.
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

/// What to watch about a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreState {
    /// How often a write or a flush failed, after which the store was closed and opened anew.
    pub failures: u64,
    /// Rows that were found damaged, and left alone, since the start.
    pub damaged: u64,
    /// Octets of the log of what has been committed and not moved to its place.
    pub log: u64,
    /// How often the log was too long because somebody read for too long.
    pub held_up: u64,
}

/// The whole store, in the hands of whoever opened it.
pub trait Spool: Inbox + Queue + Requests + Events + Values + Operator + Streams {
    /// Octets that are free where it stores things, if somebody watches that.
    fn free(&self) -> Option<u64> {
        None
    }

    /// Why there is not ample room, for people.
    fn trouble(&self) -> Option<String> {
        None
    }

    /// What to watch about it, for metrics.
    fn state(&self) -> StoreState {
        StoreState::default()
    }

    /// Whether nothing can be written any more, ever.
    fn is_closed(&self) -> bool;

    /// Finishes what was asked before, then lets go of the store. Every later request fails with [`SpoolError::Closed`].
    /// Closing twice does nothing.
    fn close(&self) -> BoxFuture<'_, ()>;
}
