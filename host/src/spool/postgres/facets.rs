//! The verbs of the store that the relay's rooms ask for.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use tokio::sync::oneshot;

use super::content::Stored;
use super::parcel::{Lessor, Parcel};
use super::rows::{sql_id, time};
use super::shared::Asked;
use super::wanted::{Found, Wanted};
use super::{PostgresSpool, look, members, trace};
use crate::message::{
    Content, MessageId, Outgoing, PeerName, Timestamp, Transaction, TransactionChange, TransactionKey,
};
use crate::spool::model::Work;
use crate::spool::{
    Acceptance, BoxFuture, Events, Expect, Finish, Inbox, Leased, Leases, Member, Outcome, PendingEvent, Presence,
    Queue, Receipt, Requests, Rollouts, Room, Settlement, Space, Spool, SpoolError, StoreState, Trouble, Unfinished,
    Values,
};

impl PostgresSpool {
    async fn leased(&self, wanted: Wanted, limit: usize) -> Result<Found, SpoolError> {
        let (reply, answer) = oneshot::channel();
        self.shared.ask(Asked::Lease(wanted, limit, reply))?;
        answer.await.unwrap_or(Err(SpoolError::Closed)).map(Parcel::opened)
    }
}

impl Space for PostgresSpool {
    fn room(&self) -> Room {
        self.shared.health.room()
    }

    fn is_failed(&self) -> bool {
        self.shared.health.is_over() || self.shared.health.is_as_it_was().is_err()
    }

    fn is_away(&self) -> bool {
        self.room() != Room::Ample
    }
}

impl Leases for PostgresSpool {
    fn give_back(&self, leased: Leased) {
        self.shared.takes_back(leased);
    }

    fn is_ours(&self, leased: Leased) -> bool {
        self.shared.health.is_certain() && self.shared.held().contains(&leased)
    }

    fn relays(&self) -> u32 {
        self.shared.relays.load(SeqCst).max(1)
    }

    fn renew(&self) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            self.shared.ask(Asked::Beat(reply))?;
            answer.await.unwrap_or(Err(SpoolError::Closed))
        })
    }
}

impl Inbox for PostgresSpool {
    fn next_id(&self) -> MessageId {
        let micros = self.shared.clock.now().0.saturating_mul(1000);
        let node = self.shared.node.unwrap_or_default();
        let (mut last, mut next) = (self.shared.last_id.load(SeqCst), 0);
        loop {
            next = node.next(last, micros).max(next);
            match self.shared.last_id.compare_exchange(last, next, SeqCst, SeqCst) {
                Ok(_) => return MessageId(next),
                Err(now) => (last, next) = (now, 0),
            }
        }
    }

    fn commit(&self, acceptance: Acceptance) -> BoxFuture<'_, Result<Receipt, SpoolError>> {
        Box::pin(async move {
            let id = acceptance.id;
            self.shared.work_in_time(Work::Accept(Box::new(acceptance))).await?;
            Ok(Receipt { id })
        })
    }

    fn unfinished(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Unfinished>, SpoolError>> {
        Box::pin(async move { Ok(self.leased(Wanted::Unfinished { now }, limit).await?.unfinished) })
    }

    fn finish(&self, id: MessageId, finish: Finish) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(async move { self.shared.work(Work::Finish(id, finish)).await.map(drop) })
    }

    fn received(&self, id: MessageId) -> BoxFuture<'_, Result<Option<Content>, SpoolError>> {
        const SIZE: &str = "SELECT size FROM message WHERE id = $1";
        Box::pin(async move {
            let shared = Arc::clone(&self.shared);
            self.on_own_threads(async move {
                let link = shared.reader().await?;
                let size = link.rows(SIZE, &[&sql_id(id)]).await?;
                let size = size.first().map(|row| row.get::<_, i64>(0) as u64);
                Ok(size.map(|size| Stored::content(&shared, id, size)))
            })
            .await
        })
    }
}

impl Queue for PostgresSpool {
    fn lease<'a>(
        &'a self,
        peer: &'a PeerName,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Outgoing>, SpoolError>> {
        Box::pin(async move {
            let peer = peer.clone();
            Ok(self.leased(Wanted::Due { peer, now }, limit).await?.outgoing)
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
            let peer = peer.clone();
            Ok(self.leased(Wanted::Overdue { peer, now, aged }, limit).await?.outgoing)
        })
    }

    /// Without a deadline: whoever is told an error tries again, and what is in the store must not be recorded twice.
    fn record(&self, outcome: Outcome) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(async move {
            let leased = Leased::Outgoing(outcome.id);
            if !self.shared.held().contains(&leased) {
                return Err(SpoolError::NotOurs(leased));
            }
            self.shared.work(Work::Record(Box::new(outcome))).await.map(drop)
        })
    }

    fn next_due(&self) -> BoxFuture<'_, Result<Vec<(PeerName, Timestamp)>, SpoolError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            // What was given back before this was asked waits.
            if shared.returning.load(SeqCst) > 0 {
                self.renew().await?;
            }
            self.on_own_threads(async move {
                let link = shared.reader().await?;
                look::next_due(&link).await
            })
            .await
        })
    }

    fn retries_asked(&self) -> BoxFuture<'_, Result<Vec<(PeerName, u64)>, SpoolError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(self.on_own_threads(async move {
            let link = shared.reader().await?;
            look::retries_asked(&link).await
        }))
    }
}

impl Requests for PostgresSpool {
    fn find<'a>(&'a self, key: &'a TransactionKey) -> BoxFuture<'a, Result<Vec<Transaction>, SpoolError>> {
        let (shared, key) = (Arc::clone(&self.shared), key.clone());
        Box::pin(self.on_own_threads(async move {
            let now = shared.clock.now();
            let link = shared.reader().await?;
            trace::find(&link, shared.salt, &key, now).await
        }))
    }

    fn transactions_due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Transaction>, SpoolError>> {
        Box::pin(async move { Ok(self.leased(Wanted::Requests { now }, limit).await?.requests) })
    }

    fn next_transaction_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, SpoolError>> {
        const DUE: &str = "SELECT due FROM request WHERE due IS NOT NULL ORDER BY due LIMIT 1";
        let shared = Arc::clone(&self.shared);
        Box::pin(self.on_own_threads(async move {
            let found = shared.reader().await?.rows(DUE, &[]).await?;
            Ok(found.first().map(|row| time(row, "due")))
        }))
    }

    fn change(&self, changes: Vec<TransactionChange>, expects: Vec<Expect>) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(async move { self.shared.work(Work::Change(changes, expects)).await.map(drop) })
    }
}

impl Events for PostgresSpool {
    fn pending_events(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<PendingEvent>, SpoolError>> {
        Box::pin(async move { Ok(self.leased(Wanted::Events { now }, limit).await?.events) })
    }

    fn settle_event(&self, id: u64, settlement: Settlement) -> BoxFuture<'_, Result<(), SpoolError>> {
        Box::pin(async move {
            self.shared.work(Work::Settle(id, settlement)).await?;
            self.shared.held().remove(&Leased::Event(id));
            Ok(())
        })
    }
}

impl Values for PostgresSpool {
    fn kv_get<'a>(&'a self, plugin: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, SpoolError>> {
        const VALUE: &str = "SELECT value FROM kv WHERE plugin = $1 AND key = $2";
        let (shared, plugin, key) = (Arc::clone(&self.shared), plugin.to_owned(), key.to_owned());
        Box::pin(self.on_own_threads(async move {
            let found = shared.reader().await?.rows(VALUE, &[&plugin, &key]).await?;
            Ok(found.first().and_then(|row| row.get(0)))
        }))
    }
}

impl Spool for PostgresSpool {
    fn rollouts(self: Arc<Self>) -> Option<Arc<dyn Rollouts>> {
        Some(self)
    }

    fn trouble(&self) -> Option<Trouble> {
        self.shared.health.trouble()
    }

    fn own_name(&self) -> Option<&str> {
        self.shared.name.as_deref()
    }

    fn members(&self) -> BoxFuture<'_, Result<Vec<Member>, SpoolError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(self.on_own_threads(async move {
            let link = shared.reader().await?;
            members::members(&link, false).await
        }))
    }

    fn say(&self, presence: Presence) -> BoxFuture<'_, Result<(), SpoolError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(self.on_own_threads(async move { members::say(&shared, &presence).await }))
    }

    fn state(&self) -> StoreState {
        StoreState {
            failures: self.shared.health.failures(),
            ..StoreState::default()
        }
    }

    fn is_closed(&self) -> bool {
        self.shared.health.is_over()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let (reply, closed) = oneshot::channel();
            if self.shared.ask(Asked::Close(reply)).is_ok() {
                let _ = closed.await;
            }
        })
    }
}
