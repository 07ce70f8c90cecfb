//! The facets of the store, verb by verb: writes go to the one writer, reads to a reader.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

use super::leases::Born;
use super::values::{Value, Written};
use super::work::Work;
use super::{SqliteSpool, content, due, hash, sums, transactions};
use crate::message::{
    Content, MessageId, Outgoing, PeerName, Timestamp, Transaction, TransactionChange, TransactionKey,
};
use crate::spool::{
    Acceptance, BoxFuture, Events, Expect, Finish, Inbox, Leased, Leases, Outcome, PendingEvent, Queue, Receipt,
    Requests, Room, Settlement, Space, Spool, SpoolError, StoreState, Trouble, TroubleWith, Unfinished, Values,
};

impl Space for SqliteSpool {
    fn room(&self) -> Room {
        self.gauge.room()
    }

    fn is_failed(&self) -> bool {
        self.gauge.is_closed()
    }
}

impl Leases for SqliteSpool {
    fn give_back(&self, leased: Leased) {
        self.held.give_back(leased);
    }

    /// The lock on the folder makes this relay the only one.
    fn renew(&self) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(async { Ok(()) })
    }
}

impl Inbox for SqliteSpool {
    fn next_id(&self) -> MessageId {
        let micros = self.clock.now().0.saturating_mul(1000);
        let next = |last: u64| Some(self.node.next(last, micros));
        // The closure never declines, so there is always a previous value.
        let last = self.last_id.fetch_update(Relaxed, Relaxed, next).unwrap_or_default();
        MessageId(self.node.next(last, micros))
    }

    fn commit(&self, acceptance: Acceptance) -> BoxFuture<'_, Result<Receipt, SpoolError>> {
        Box::pin(async move {
            let id = acceptance.id;
            if self.gauge.is_closed() {
                return Err(self.gauge.failed());
            }
            // Messages that were accepted while there was room.
            if self.gauge.room() == Room::Low {
                return Err(SpoolError::Full(self.gauge.why().unwrap_or_default()));
            }
            let born = self.bear(&acceptance);
            self.submit(Work::Accept(Box::new(acceptance))).await?;
            born.lives();
            Ok(Receipt { id })
        })
    }

    fn unfinished(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Unfinished>, SpoolError>> {
        Box::pin(self.read_leasing(move |db, look| due::unfinished(db, now, limit, look)))
    }

    fn finish(&self, id: MessageId, finish: Finish) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(async move {
            let born = match &finish {
                Finish::Done(acceptance) => Some(self.bear(acceptance)),
                Finish::Again { .. } | Finish::Failed { .. } => None,
            };
            self.submit(Work::Finish(id, Box::new(finish))).await?;
            born.into_iter().for_each(Born::lives);
            Ok(())
        })
    }

    fn received(&self, id: MessageId) -> BoxFuture<'_, Result<Option<Content>, SpoolError>> {
        Box::pin(self.read(move |readers| content::received(readers, id)))
    }
}

impl Queue for SqliteSpool {
    fn lease<'a>(
        &'a self,
        peer: &'a PeerName,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Outgoing>, SpoolError>> {
        let peer = peer.clone();
        Box::pin(self.read_leasing(move |db, look| due::due(db, &peer, now, limit, look)))
    }

    fn lease_overdue<'a>(
        &'a self,
        peer: &'a PeerName,
        now: Timestamp,
        aged: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Outgoing>, SpoolError>> {
        let peer = peer.clone();
        Box::pin(self.read_leasing(move |db, look| due::overdue(db, &peer, now, aged, limit, look)))
    }

    fn record(&self, outcome: Outcome) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(async move {
            self.held.must_hold(Leased::Outgoing(outcome.id))?;
            self.submit(Work::Record(Box::new(outcome))).await
        })
    }

    fn next_due(&self) -> BoxFuture<'_, Result<Vec<(PeerName, Timestamp)>, SpoolError>> {
        Box::pin(self.read(|db| due::next_due(db)))
    }

    fn retries_asked(&self) -> BoxFuture<'_, Result<Vec<(PeerName, u64)>, SpoolError>> {
        Box::pin(self.read(|db| due::retries_asked(db)))
    }
}

impl Requests for SqliteSpool {
    fn find<'a>(&'a self, key: &'a TransactionKey) -> BoxFuture<'a, Result<Vec<Transaction>, SpoolError>> {
        Box::pin(async move {
            if !self.known.may_have(hash(self.salt, key)) {
                return Ok(Vec::new());
            }
            let (key, salt, now) = (key.clone(), self.salt, self.clock.now());
            self.read(move |readers| readers.with(|db| transactions::find(db, salt, &key, now)))
                .await
        })
    }

    fn transactions_due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Transaction>, SpoolError>> {
        Box::pin(self.read_leasing(move |db, look| db.with(|db| transactions::due(db, now, limit, look))))
    }

    fn next_transaction_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, SpoolError>> {
        Box::pin(self.read(|readers| readers.with(transactions::next_due)))
    }

    fn change(&self, changes: Vec<TransactionChange>, expects: Vec<Expect>) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(self.submit(Work::Change(changes, expects)))
    }
}

impl Events for SqliteSpool {
    fn pending_events(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<PendingEvent>, SpoolError>> {
        Box::pin(self.read_leasing(move |db, look| due::pending_events(db, now, limit, look)))
    }

    fn settle_event(&self, id: u64, settlement: Settlement) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(self.submit(Work::Settle(id, settlement)))
    }
}

impl Values for SqliteSpool {
    fn kv_get<'a>(&'a self, plugin: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, SpoolError>> {
        Box::pin(async move {
            if let Some(value) = self.values.get(plugin, key) {
                return Ok(value);
            }
            let (plugin, key, values) = (plugin.to_owned(), key.to_owned(), Arc::clone(&self.values));
            self.read(move |readers| {
                let since = values.moment();
                let value = readers.with(|db| value(db, &plugin, &key))?;
                values.found(
                    since,
                    Written {
                        plugin,
                        key,
                        value: value.clone(),
                    },
                );
                Ok(value)
            })
            .await
        })
    }
}

fn value(db: &Connection, plugin: &str, key: &str) -> Result<Value, SpoolError> {
    let mut query = db.prepare_cached("SELECT value, sum FROM kv WHERE plugin = ?1 AND key = ?2")?;
    let found = query.query_row((plugin, key), |row| {
        let value: Vec<u8> = row.get(0)?;
        let whole = sums::value(plugin, key, &value).holds(row, 1)?;
        Ok((value, whole))
    });
    match found.optional()? {
        Some((_, false)) => Err(sums::damaged("a value of plug-in", plugin)),
        found => Ok(found.map(|(value, _)| value)),
    }
}

impl Spool for SqliteSpool {
    fn free(&self) -> Option<u64> {
        self.gauge.free()
    }

    fn trouble(&self) -> Option<Trouble> {
        let unseen = |unseen: Duration| format!("the spool's disk has not answered for {} s", unseen.as_secs());
        let said = self.gauge.why().or_else(|| self.gauge.unseen().map(unseen))?;
        let with = TroubleWith::Disk;
        Some(Trouble { with, said })
    }

    fn state(&self) -> StoreState {
        StoreState {
            failures: self.gauge.failures(),
            damaged: sums::found(),
            log: self.gauge.log().0,
            held_up: self.gauge.log().1,
        }
    }

    fn is_closed(&self) -> bool {
        self.requests.is_closed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let _ = self.submit(Work::Close).await;
        })
    }
}
