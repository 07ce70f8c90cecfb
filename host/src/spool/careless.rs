//! A spool that lies, for a test of the tests: the crash harness must catch a relay that acknowledges too early.
//!
//! Reached only by a hidden flag of `mm4relay run`, which says so loudly.

use std::sync::Arc;
use std::time::Duration;

use super::{
    Acceptance, BoxFuture, Finish, Outcome, PendingEvent, Receipt, Room, Settlement, Spool, SpoolError, Unfinished,
};
use crate::message::{
    Content, MessageId, Outgoing, OutgoingId, PeerName, Timestamp, Transaction, TransactionChange, TransactionKey,
};

/// Gives out receipts for what is not on disk yet.
pub struct Careless(pub Arc<dyn Spool>);

/// How far the disk stays behind the word given.
const BEHIND: Duration = Duration::from_millis(20);

impl Spool for Careless {
    fn commit(&self, acceptance: Acceptance) -> BoxFuture<'_, Result<Receipt, SpoolError>> {
        let id = acceptance.id;
        let honest = Arc::clone(&self.0);
        tokio::spawn(async move {
            tokio::time::sleep(BEHIND).await;
            honest.commit(acceptance).await
        });
        Box::pin(async move { Ok(Receipt { id }) })
    }

    fn record(&self, outcome: Outcome) -> BoxFuture<'_, Result<(), SpoolError>> {
        self.0.record(outcome)
    }

    fn due<'a>(
        &'a self,
        peer: &'a PeerName,
        now: Timestamp,
        limit: usize,
        except: &'a [OutgoingId],
    ) -> BoxFuture<'a, Result<Vec<Outgoing>, SpoolError>> {
        self.0.due(peer, now, limit, except)
    }

    fn overdue<'a>(
        &'a self,
        peer: &'a PeerName,
        now: Timestamp,
        aged: Timestamp,
        limit: usize,
        except: &'a [OutgoingId],
    ) -> BoxFuture<'a, Result<Vec<Outgoing>, SpoolError>> {
        self.0.overdue(peer, now, aged, limit, except)
    }

    fn next_due(&self) -> BoxFuture<'_, Result<Vec<(PeerName, Timestamp)>, SpoolError>> {
        self.0.next_due()
    }

    fn retries_asked(&self) -> BoxFuture<'_, Result<Vec<(PeerName, u64)>, SpoolError>> {
        self.0.retries_asked()
    }

    fn pending_events(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<PendingEvent>, SpoolError>> {
        self.0.pending_events(now, limit)
    }

    fn settle_event(&self, id: u64, settlement: Settlement) -> BoxFuture<'_, Result<(), SpoolError>> {
        self.0.settle_event(id, settlement)
    }

    fn unfinished<'a>(
        &'a self,
        now: Timestamp,
        limit: usize,
        except: &'a [MessageId],
    ) -> BoxFuture<'a, Result<Vec<Unfinished>, SpoolError>> {
        self.0.unfinished(now, limit, except)
    }

    fn finish(&self, id: MessageId, finish: Finish) -> BoxFuture<'_, Result<(), SpoolError>> {
        self.0.finish(id, finish)
    }

    fn find<'a>(&'a self, key: &'a TransactionKey) -> BoxFuture<'a, Result<Vec<Transaction>, SpoolError>> {
        self.0.find(key)
    }

    fn transactions_due<'a>(
        &'a self,
        now: Timestamp,
        limit: usize,
        except: &'a [MessageId],
    ) -> BoxFuture<'a, Result<Vec<Transaction>, SpoolError>> {
        self.0.transactions_due(now, limit, except)
    }

    fn next_transaction_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, SpoolError>> {
        self.0.next_transaction_due()
    }

    fn change(&self, changes: Vec<TransactionChange>) -> BoxFuture<'_, Result<(), SpoolError>> {
        self.0.change(changes)
    }

    fn received(&self, id: MessageId) -> BoxFuture<'_, Result<Option<Content>, SpoolError>> {
        self.0.received(id)
    }

    fn kv_get<'a>(&'a self, plugin: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, SpoolError>> {
        self.0.kv_get(plugin, key)
    }

    fn next_id(&self) -> MessageId {
        self.0.next_id()
    }

    fn room(&self) -> Room {
        self.0.room()
    }
}
