//! A store in memory, for tests: the promises of the facets, without a disk and without SQL.
//!
//! Each change is made to a copy of everything, which replaces the old state when the change is complete. So nothing is
//! ever half done, and a test can choose on which side of that instant the program dies: see [`Crash`].
//!
//! Several relays can share one store. Each has a handle of its own ([`Memory::relay`]), and leases through a handle
//! belong to its relay.

mod entries;
mod leases;
mod look;
mod operator;
mod read;
mod rollouts;

use std::collections::BTreeMap;
use std::io;
use std::ops::{Deref, DerefMut, Range};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use tokio::sync::watch;

use self::leases::Leases as Held;
use super::model::State;
use super::{
    Acceptance, BoxFuture, Events, Expect, Finish, Inbox, Leased, Leases, Mark, Node, Outcome, PendingEvent, Queue,
    Receipt, Recorded, Requests, Rollouts, Settlement, Space, Spool, SpoolError, Streams, Unfinished, Values,
};
use crate::clock::SharedClock;
use crate::message::{
    Content, MessageId, Outgoing, PeerName, Piece, ReadAt, StreamName, Timestamp, Transaction, TransactionChange,
    TransactionKey,
};

/// The whole content of the store.
#[derive(Clone, Default)]
struct Everything {
    state: State,
    /// The bytes of messages, as received.
    bytes: BTreeMap<MessageId, Bytes>,
    /// By their digests, with the time when they were put there.
    components: BTreeMap<String, (Timestamp, Bytes)>,
    leases: Held,
    last_id: u64,
    marks: BTreeMap<(StreamName, String), Mark>,
}

impl Deref for Everything {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Everything {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

impl Everything {
    /// Leases those that are free, and returns them.
    fn lease<T: Copy>(
        &mut self,
        owner: u64,
        now: Timestamp,
        due: Vec<T>,
        limit: usize,
        leased: fn(T) -> Leased,
    ) -> Vec<T> {
        let free = due.into_iter().filter(|id| self.leases.is_free(leased(*id), now));
        let taken: Vec<T> = free.take(limit).collect();
        for id in &taken {
            self.leases.take(owner, leased(*id));
        }
        taken
    }

    fn received(&self, id: MessageId) -> Bytes {
        self.bytes.get(&id).cloned().unwrap_or_default()
    }

    /// The bytes of an outgoing message as they will be sent.
    fn bytes_of(&self, id: MessageId, pieces: &[Piece]) -> Vec<u8> {
        let received = self.received(id);
        let octets = pieces.iter().map(|piece| match piece {
            Piece::New(new) => new.clone(),
            Piece::Received(range) => received.slice(range.start as usize..range.end as usize),
        });
        octets.flat_map(|octets| octets.to_vec()).collect()
    }
}

/// What every relay on the store shares.
pub(crate) struct Memory {
    state: Mutex<Everything>,
    clock: SharedClock,
    grows: watch::Sender<()>,
    relays: AtomicU64,
    crash: Mutex<Option<Crash>>,
}

/// A handle of one relay on the store.
pub(crate) struct MemorySpool {
    memory: Arc<Memory>,
    /// The owner of its leases; another one for each new handle.
    owner: u64,
    node: Node,
    closed: watch::Sender<bool>,
}

/// Where the program dies in the next change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crash {
    /// Nothing of the change is durable.
    BeforeTheFlush,
    /// All of the change is durable, and nobody gets an answer.
    AfterTheFlush,
}

/// Received bytes in the store. Reading fails once the message has left it.
struct Stored {
    memory: Arc<Memory>,
    message: MessageId,
    size: u64,
}

impl Memory {
    pub(crate) fn new(clock: SharedClock) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            clock,
            grows: watch::Sender::new(()),
            relays: AtomicU64::new(0),
            crash: Mutex::default(),
        })
    }

    /// A store that breaks one promise: it ignores what a commit expects. For a test of the tests.
    pub(crate) fn liar(clock: SharedClock) -> Arc<Self> {
        let memory = Self::new(clock);
        memory.state().gullible = true;
        memory
    }

    /// A handle for a relay that has just been started, as node `node`.
    pub(crate) fn relay(self: &Arc<Self>, node: Node) -> Arc<MemorySpool> {
        let owner = self.relays.fetch_add(1, SeqCst);
        let until = self.clock.now().plus(super::LEASE);
        self.state().leases.admit(owner, until, name(node));
        Arc::new(MemorySpool {
            memory: Arc::clone(self),
            owner,
            node,
            closed: watch::Sender::new(false),
        })
    }

    /// The next change ends at this point, with an error.
    pub(crate) fn crash(&self, at: Crash) {
        *self.crash.lock().unwrap() = Some(at);
    }

    /// The number of received messages, and of those with bytes.
    pub(crate) fn messages(&self) -> usize {
        self.state().messages.len()
    }

    /// How much is leased to somebody who lives.
    pub(crate) fn leased(&self) -> usize {
        self.state().leases.count()
    }

    fn state(&self) -> MutexGuard<'_, Everything> {
        self.state.lock().unwrap()
    }

    /// Makes a change, completely or not at all.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Everything, Timestamp) -> Result<T, SpoolError>,
    ) -> Result<T, SpoolError> {
        let mut state = self.state();
        let mut next = state.clone();
        let done = change(&mut next, self.clock.now())?;
        let crash = self.crash.lock().unwrap().take();
        if crash != Some(Crash::BeforeTheFlush) {
            let grown = next.numbers != state.numbers;
            let Everything {
                state: after, bytes, ..
            } = &mut next;
            bytes.retain(|id, _| after.messages.contains_key(id));
            after.written();
            after.noted.drain(..).for_each(|noting| noting.written());
            *state = next;
            if grown {
                self.grows.send_replace(());
            }
        }
        match crash {
            Some(_) => Err(SpoolError::Closed),
            None => Ok(done),
        }
    }

    fn content(self: &Arc<Self>, message: MessageId, size: u64) -> Content {
        Content::Stored(Arc::new(Stored {
            memory: Arc::clone(self),
            message,
            size,
        }))
    }
}

impl MemorySpool {
    /// Renews the relay as if it had never been silent, for a test whose clock jumped.
    pub(crate) fn live_on(&self) {
        let until = self.memory.clock.now().plus(super::LEASE);
        self.memory.state().leases.admit(self.owner, until, self.name());
    }

    fn name(&self) -> String {
        name(self.node)
    }

    fn change<T>(
        &self,
        change: impl FnOnce(&mut Everything, Timestamp) -> Result<T, SpoolError>,
    ) -> Result<T, SpoolError> {
        match *self.closed.borrow() {
            true => Err(SpoolError::Closed),
            false => self.memory.change(change),
        }
    }
}

fn name(node: Node) -> String {
    format!("relay-{}", node.number())
}

impl ReadAt for Stored {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, range: Range<u64>) -> io::Result<Bytes> {
        if range.start > range.end || range.end > self.size {
            let text = format!("octets {range:?} are not in a message of {}", self.size);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        let state = self.memory.state();
        let bytes = state.bytes.get(&self.message);
        let bytes = bytes.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "it has left the store"))?;
        Ok(bytes.slice(range.start as usize..range.end as usize))
    }
}

impl Space for MemorySpool {}

impl Leases for MemorySpool {
    fn give_back(&self, leased: Leased) {
        self.memory.state().leases.give_back(self.owner, leased);
    }

    fn is_ours(&self, leased: Leased) -> bool {
        let now = self.memory.clock.now();
        self.memory.state().leases.must_hold(self.owner, now, leased).is_ok()
    }

    fn renew(&self) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(async move {
            let now = self.memory.clock.now();
            self.memory
                .state()
                .leases
                .renew(self.owner, now, now.plus(super::LEASE))
        })
    }
}

impl Inbox for MemorySpool {
    fn next_id(&self) -> MessageId {
        let micros = self.memory.clock.now().0.saturating_mul(1000);
        let mut state = self.memory.state();
        state.last_id = state.last_id.max(self.node.next(state.last_id, micros));
        MessageId(state.last_id)
    }

    fn commit(&self, acceptance: Acceptance) -> BoxFuture<'_, Result<Receipt, SpoolError>> {
        Box::pin(async move {
            let id = acceptance.id;
            let bytes = acceptance.content.read(0..acceptance.content.size());
            let bytes = bytes.map_err(|error| SpoolError::Unfit(error.to_string()))?;
            self.change(|state, now| {
                let owner = self.owner;
                state.last_id = state.last_id.max(id.0);
                state.accept(&acceptance, now)?;
                state.bytes.insert(id, bytes);
                for outgoing in &acceptance.outgoing {
                    state.leases.take(owner, Leased::Outgoing(outgoing.id));
                }
                Ok(())
            })?;
            Ok(Receipt { id })
        })
    }

    fn unfinished(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Unfinished>, SpoolError>> {
        Box::pin(async move {
            let mut state = self.memory.state();
            let due = state.unfinished(now);
            let leased = state.lease(self.owner, self.memory.clock.now(), due, limit, Leased::Unfinished);
            Ok(leased
                .into_iter()
                .filter_map(|id| self.memory.unfinished_of(&state, id))
                .collect())
        })
    }

    fn finish(&self, id: MessageId, finish: Finish) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(async move {
            self.change(|state, now| {
                state.finish(id, &finish, now)?;
                if let Finish::Done(acceptance) = &finish {
                    for outgoing in &acceptance.outgoing {
                        state.leases.take(self.owner, Leased::Outgoing(outgoing.id));
                    }
                }
                Ok(())
            })
        })
    }

    fn received(&self, id: MessageId) -> BoxFuture<'_, Result<Option<Content>, SpoolError>> {
        Box::pin(async move {
            let size = self.memory.state().messages.get(&id).map(|message| message.size);
            Ok(size.map(|size| self.memory.content(id, size)))
        })
    }
}

impl Queue for MemorySpool {
    fn lease<'a>(
        &'a self,
        peer: &'a PeerName,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Outgoing>, SpoolError>> {
        Box::pin(async move {
            let mut state = self.memory.state();
            let mut due = state.due(peer, now);
            let at = self.memory.clock.now();
            due.retain(|id| state.leases.is_free(Leased::Outgoing(*id), at));
            let due = state.within_bounds(due);
            let leased = state.lease(self.owner, self.memory.clock.now(), due, limit, Leased::Outgoing);
            Ok(leased
                .into_iter()
                .filter_map(|id| self.memory.outgoing_of(&state, id))
                .collect())
        })
    }

    fn lease_overdue<'a>(
        &'a self,
        peer: &'a PeerName,
        now: Timestamp,
        aged: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Outgoing>, SpoolError>> {
        Box::pin(async move {
            let mut state = self.memory.state();
            let over = state.overdue(peer, now, aged);
            let leased = state.lease(self.owner, self.memory.clock.now(), over, limit, Leased::Outgoing);
            Ok(leased
                .into_iter()
                .filter_map(|id| self.memory.outgoing_of(&state, id))
                .collect())
        })
    }

    fn record(&self, outcome: Outcome) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(async move {
            self.change(|state, now| {
                state.leases.must_hold(self.owner, now, Leased::Outgoing(outcome.id))?;
                state.record(&outcome, now);
                Ok(())
            })
        })
    }

    fn next_due(&self) -> BoxFuture<'_, Result<Vec<(PeerName, Timestamp)>, SpoolError>> {
        Box::pin(async move { Ok(self.memory.state().next_due()) })
    }

    fn retries_asked(&self) -> BoxFuture<'_, Result<Vec<(PeerName, u64)>, SpoolError>> {
        Box::pin(async move { Ok(self.memory.state().retries.clone().into_iter().collect()) })
    }
}

impl Requests for MemorySpool {
    fn find<'a>(&'a self, key: &'a TransactionKey) -> BoxFuture<'a, Result<Vec<Transaction>, SpoolError>> {
        Box::pin(async move { Ok(self.memory.state().find(key, self.memory.clock.now())) })
    }

    fn transactions_due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Transaction>, SpoolError>> {
        Box::pin(async move {
            let mut state = self.memory.state();
            let due = state.transactions_due(now);
            let leased = state.lease(self.owner, self.memory.clock.now(), due, limit, Leased::Request);
            Ok(leased.iter().filter_map(|id| state.requests.get(id).cloned()).collect())
        })
    }

    fn next_transaction_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, SpoolError>> {
        Box::pin(async move {
            let state = self.memory.state();
            Ok(state
                .requests
                .values()
                .filter_map(|of| of.next.map(|task| task.due))
                .min())
        })
    }

    fn change(&self, changes: Vec<TransactionChange>, expects: Vec<Expect>) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(async move {
            self.change(|state, now| {
                state.check(&expects)?;
                state.change(&changes, now);
                Ok(())
            })
        })
    }
}

impl Events for MemorySpool {
    fn pending_events(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<PendingEvent>, SpoolError>> {
        Box::pin(async move {
            let mut state = self.memory.state();
            let due = state.events_due(now);
            let leased = state.lease(self.owner, self.memory.clock.now(), due, limit, Leased::Event);
            Ok(leased
                .into_iter()
                .filter_map(|id| self.memory.event_of(&state, id))
                .collect())
        })
    }

    fn settle_event(&self, id: u64, settlement: Settlement) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(async move {
            self.change(|state, now| {
                state.settle(id, &settlement, now);
                state.leases.give_back(self.owner, Leased::Event(id));
                Ok(())
            })
        })
    }
}

impl Values for MemorySpool {
    fn kv_get<'a>(&'a self, plugin: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, SpoolError>> {
        Box::pin(async move {
            let name = (plugin.to_owned(), key.to_owned());
            Ok(self.memory.state().values.get(&name).cloned())
        })
    }
}

impl Streams for MemorySpool {
    fn records(&self, stream: &StreamName, after: u64, limit: usize) -> Result<Vec<Recorded>, SpoolError> {
        let state = self.memory.state();
        let all = state.records.get(stream).into_iter().flatten();
        Ok(all
            .filter(|record| record.sequence > after)
            .take(limit)
            .cloned()
            .collect())
    }

    fn mark(&self, stream: &StreamName, reader: &str) -> Result<Option<Mark>, SpoolError> {
        let name = (stream.clone(), reader.to_owned());
        Ok(self.memory.state().marks.get(&name).copied())
    }

    fn set_mark(&self, stream: &StreamName, reader: &str, mark: Mark) -> Result<(), SpoolError> {
        self.change(|state, _| {
            state.set_mark(stream, reader, mark);
            Ok(())
        })
    }

    fn forget_mark(&self, stream: &StreamName, reader: &str) -> Result<bool, SpoolError> {
        let name = (stream.clone(), reader.to_owned());
        self.change(|state, _| Ok(state.marks.remove(&name).is_some()))
    }

    fn purge(&self, stream: &StreamName, before: Timestamp) -> Result<usize, SpoolError> {
        self.change(|state, _| Ok(state.purge(stream, before)))
    }

    fn appended(&self) -> BoxFuture<'static, ()> {
        let mut growth = self.memory.grows.subscribe();
        Box::pin(async move {
            let _ = growth.changed().await;
        })
    }
}

impl Spool for MemorySpool {
    fn rollouts(self: Arc<Self>) -> Option<Arc<dyn Rollouts>> {
        Some(self)
    }

    fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.closed.send_replace(true);
            self.memory.state().leases.end(self.owner);
        })
    }
}
