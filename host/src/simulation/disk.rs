//! The disk: a store in memory whose commits take their time, are lost when the relay is killed before they are flushed, fail
//! when a story says so, and find no space while it says so.
//!
//! What the relay has asked for is done in the order in which it asked, whether it still waits for the answer or not: as by
//! the thread that writes a real spool.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::sleep;

use super::world::{Life, World, held};
use crate::message::{
    Content, MessageId, Outgoing, PeerName, Timestamp, Transaction, TransactionChange, TransactionKey,
};
use crate::spool::memory::MemorySpool;
use crate::spool::{
    Acceptance, BoxFuture, Events, Expect, Finish, Inbox, Leased, Leases, Outcome, PendingEvent, Queue, Receipt,
    Requests, Room, Settlement, Space, SpoolError, Unfinished, Values,
};

/// How the disk is now.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// So many of the next flushes fail, and with each the store is closed for a while.
    pub(super) fails: u32,
    pub(super) failed_until: Option<Timestamp>,
    pub(super) full_until: Option<Timestamp>,
    /// Room for outcomes is gone as well.
    pub(super) brim: bool,
    pub(super) slow: bool,
    /// Of so many of the next commits nobody says whether they were made.
    pub(super) unsettled: u32,
    /// It says that it has messages which it has not: for a test of these tests.
    pub(super) lies: bool,
}

/// Until the store has been opened anew and looked through.
const REOPENS: Duration = Duration::from_secs(2);

impl Disk {
    fn is_failed(&self, now: Timestamp) -> bool {
        self.failed_until.is_some_and(|until| until > now)
    }

    fn is_full(&self, now: Timestamp) -> bool {
        self.full_until.is_some_and(|until| until > now)
    }
}

/// The store in the hands of one program.
#[derive(Clone)]
pub(super) struct Store {
    world: Arc<World>,
    life: Arc<Life>,
    memory: Arc<MemorySpool>,
    writer: Arc<Mutex<()>>,
}

/// What a write needs of the space on the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Ample,
    Reserve,
}

impl Store {
    pub(super) fn new(world: &Arc<World>, memory: Arc<MemorySpool>, life: &Arc<Life>) -> Arc<Self> {
        Arc::new(Self {
            world: Arc::clone(world),
            life: Arc::clone(life),
            memory,
            writer: Arc::default(),
        })
    }

    /// One commit. It is not made when the relay dies before its flush, and nobody hears of it when it dies behind that.
    async fn write<T, W>(&self, needs: Needs, work: W) -> Result<T, SpoolError>
    where
        T: Send + 'static,
        W: for<'a> FnOnce(&'a World, &'a MemorySpool) -> BoxFuture<'a, Result<T, SpoolError>> + Send + 'static,
    {
        let store = self.clone();
        let writing = tokio::spawn(async move {
            let _turn = store.writer.lock().await;
            store.world.next_step(&store.life).await;
            let slow = held(&store.world.disk).slow;
            sleep(store.world.millis(if slow { 100..1_500 } else { 1..8 })).await;
            store.flush(needs)?;
            store.world.next_step(&store.life).await;
            let done = work(&store.world, &store.memory).await;
            store.world.next_step(&store.life).await;
            sleep(store.world.millis(0..2)).await;
            done
        });
        writing.await.unwrap_or(Err(SpoolError::Closed))
    }

    fn flush(&self, needs: Needs) -> Result<(), SpoolError> {
        let now = self.world.now();
        let mut disk = held(&self.world.disk);
        if disk.is_failed(now) {
            return Err(SpoolError::Failed("it is being looked through".into()));
        }
        if disk.fails > 0 {
            disk.fails -= 1;
            disk.failed_until = Some(now.plus(REOPENS));
            drop(disk);
            self.world.happens("a flush of the disk fails");
            return Err(SpoolError::Failed("a flush failed".into()));
        }
        if disk.is_full(now) && (needs == Needs::Ample || disk.brim) {
            return Err(SpoolError::Full("no space is left".into()));
        }
        Ok(())
    }

    /// A look into it.
    async fn read(&self) -> Result<(), SpoolError> {
        self.world.next_step(&self.life).await;
        match held(&self.world.disk).is_failed(self.world.now()) {
            true => Err(SpoolError::Failed("it is being looked through".into())),
            false => Ok(()),
        }
    }
}

/// Whether one was left.
fn take_one(left: &mut u32) -> bool {
    let had = *left > 0;
    *left = left.saturating_sub(1);
    had
}

/// As bytes that nobody has to wait for: a thread that reads them would take turns of its own.
fn in_memory(content: Content) -> Content {
    content.read(0..content.size()).map_or(content, Content::from_bytes)
}

fn loaded(outgoing: Outgoing) -> Outgoing {
    let mut outgoing = outgoing;
    outgoing.rope.content = in_memory(outgoing.rope.content);
    outgoing
}

impl Space for Store {
    fn room(&self) -> Room {
        let (disk, now) = (held(&self.world.disk), self.world.now());
        match () {
            () if disk.is_failed(now) => Room::None,
            () if disk.is_full(now) && disk.brim => Room::None,
            () if disk.is_full(now) => Room::Low,
            () => Room::Ample,
        }
    }

    fn is_failed(&self) -> bool {
        held(&self.world.disk).is_failed(self.world.now())
    }
}

impl Leases for Store {
    fn give_back(&self, leased: Leased) {
        if !self.life.is_over() {
            self.memory.give_back(leased);
        }
    }

    fn is_ours(&self, leased: Leased) -> bool {
        self.memory.is_ours(leased)
    }

    fn renew(&self) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(async move {
            self.world.next_step(&self.life).await;
            self.memory.renew().await
        })
    }
}

impl Inbox for Store {
    fn next_id(&self) -> MessageId {
        self.memory.next_id()
    }

    fn commit(&self, acceptance: Acceptance) -> BoxFuture<'_, Result<Receipt, SpoolError>> {
        Box::pin(self.write(Needs::Ample, move |world, memory| {
            Box::pin(async move {
                if held(&world.disk).lies {
                    return Ok(Receipt::forged(acceptance.id));
                }
                let unsettled = take_one(&mut held(&world.disk).unsettled);
                if unsettled && world.pick(0..2) == 0 {
                    world.happens("a commit is not made, and nobody says so");
                    return Err(SpoolError::Unsettled);
                }
                let receipt = memory.commit(acceptance.clone()).await?;
                held(&world.books).accepted(&acceptance, world.now());
                if !unsettled {
                    return Ok(receipt);
                }
                world.happens("a commit is made, and nobody says so");
                // Whoever asked works on nothing of it.
                for outgoing in &acceptance.outgoing {
                    memory.give_back(Leased::Outgoing(outgoing.id));
                }
                Err(SpoolError::Unsettled)
            })
        }))
    }

    fn unfinished(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Unfinished>, SpoolError>> {
        Box::pin(async move {
            self.read().await?;
            let mut found = self.memory.unfinished(now, limit).await?;
            for unfinished in &mut found {
                unfinished.incoming.content = in_memory(unfinished.incoming.content.clone());
            }
            Ok(found)
        })
    }

    fn finish(&self, id: MessageId, finish: Finish) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(self.write(Needs::Reserve, move |world, memory| {
            Box::pin(async move {
                memory.finish(id, finish.clone()).await?;
                held(&world.books).finished(id, &finish, world.now());
                Ok(())
            })
        }))
    }

    fn received(&self, id: MessageId) -> BoxFuture<'_, Result<Option<Content>, SpoolError>> {
        Box::pin(async move {
            self.read().await?;
            Ok(self.memory.received(id).await?.map(in_memory))
        })
    }
}

impl Queue for Store {
    fn lease<'a>(
        &'a self,
        peer: &'a PeerName,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Outgoing>, SpoolError>> {
        Box::pin(async move {
            self.read().await?;
            let found = self.memory.lease(peer, now, limit).await?;
            Ok(found.into_iter().map(loaded).collect())
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
            self.read().await?;
            let found = self.memory.lease_overdue(peer, now, aged, limit).await?;
            Ok(found.into_iter().map(loaded).collect())
        })
    }

    fn record(&self, outcome: Outcome) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(self.write(Needs::Reserve, move |world, memory| {
            Box::pin(async move {
                memory.record(outcome.clone()).await?;
                held(&world.books).recorded(&outcome, world.relay_now());
                Ok(())
            })
        }))
    }

    fn next_due(&self) -> BoxFuture<'_, Result<Vec<(PeerName, Timestamp)>, SpoolError>> {
        Box::pin(async move {
            self.read().await?;
            self.memory.next_due().await
        })
    }

    fn retries_asked(&self) -> BoxFuture<'_, Result<Vec<(PeerName, u64)>, SpoolError>> {
        self.memory.retries_asked()
    }
}

impl Requests for Store {
    fn find<'a>(&'a self, key: &'a TransactionKey) -> BoxFuture<'a, Result<Vec<Transaction>, SpoolError>> {
        Box::pin(async move {
            self.read().await?;
            self.memory.find(key).await
        })
    }

    fn transactions_due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Transaction>, SpoolError>> {
        Box::pin(async move {
            self.read().await?;
            self.memory.transactions_due(now, limit).await
        })
    }

    fn next_transaction_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, SpoolError>> {
        self.memory.next_transaction_due()
    }

    fn change(&self, changes: Vec<TransactionChange>, expects: Vec<Expect>) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(self.write(Needs::Reserve, move |_, memory| {
            Box::pin(async move { Requests::change(memory, changes, expects).await })
        }))
    }
}

impl Events for Store {
    fn pending_events(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<PendingEvent>, SpoolError>> {
        Box::pin(async move {
            self.read().await?;
            let mut found = self.memory.pending_events(now, limit).await?;
            for event in &mut found {
                event.outgoing = loaded(event.outgoing.clone());
            }
            Ok(found)
        })
    }

    fn settle_event(&self, id: u64, settlement: Settlement) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(self.write(Needs::Reserve, move |_, memory| {
            Box::pin(async move { memory.settle_event(id, settlement).await })
        }))
    }
}

impl Values for Store {
    fn kv_get<'a>(&'a self, plugin: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, SpoolError>> {
        self.memory.kv_get(plugin, key)
    }
}
