//! What only this store promises: its disk, its indexes, its damage, its upgrades, its kills. What every store promises is
//! in [`conformance`](crate::spool::conformance). This file has what the claims share.

mod crash;
mod damage;
mod failure;
mod group;
mod ledger;
mod life;
mod memory;
mod operator;
mod salvage;
mod transactions;
mod upgrade;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::{Options, SqliteSpool, Work};
use crate::clock::FixedClock;
use crate::spool::conformance::support::*;
use crate::spool::sqlite::Beside;
use crate::spool::{Events, Inbox, Queue, Requests, Values};

fn options() -> Options {
    Options {
        clock: Arc::new(FixedClock(NOW)),
        forget: None,
        ..Options::default()
    }
}

fn open(folder: &Path) -> Arc<SqliteSpool> {
    SqliteSpool::open(folder, options()).unwrap()
}

/// Looks at what there is to work on, whoever works on it; what was looked at is this relay's then.
impl SqliteSpool {
    async fn due(
        &self,
        peer: &PeerName,
        now: Timestamp,
        limit: usize,
        except: &[OutgoingId],
    ) -> Result<Vec<Outgoing>, SpoolError> {
        let before = self.held.swap(Default::default());
        let found = self.lease(peer, now, limit.saturating_add(except.len())).await;
        self.put_back(before);
        found.map(|found| without(found, limit, |outgoing| except.contains(&outgoing.id)))
    }

    async fn unfinished(
        &self,
        now: Timestamp,
        limit: usize,
        except: &[MessageId],
    ) -> Result<Vec<Unfinished>, SpoolError> {
        let before = self.held.swap(Default::default());
        let found = Inbox::unfinished(self, now, limit.saturating_add(except.len())).await;
        self.put_back(before);
        found.map(|found| without(found, limit, |unfinished| except.contains(&unfinished.incoming.id)))
    }

    async fn transactions_due(
        &self,
        now: Timestamp,
        limit: usize,
        except: &[MessageId],
    ) -> Result<Vec<Transaction>, SpoolError> {
        let before = self.held.swap(Default::default());
        let found = Requests::transactions_due(self, now, limit.saturating_add(except.len())).await;
        self.put_back(before);
        found.map(|found| without(found, limit, |transaction| except.contains(&transaction.id)))
    }

    async fn pending_events(&self, now: Timestamp, limit: usize) -> Result<Vec<PendingEvent>, SpoolError> {
        let before = self.held.swap(Default::default());
        let found = Events::pending_events(self, now, limit).await;
        self.put_back(before);
        found
    }

    async fn change(&self, changes: Vec<TransactionChange>) -> Result<(), SpoolError> {
        Requests::change(self, changes, Vec::new()).await
    }

    fn put_back(&self, mut before: HashMap<Leased, Option<Instant>>) {
        let looked_at = self.held.swap(Default::default());
        before.extend(looked_at);
        self.held.swap(before);
    }
}

fn without<T>(mut found: Vec<T>, limit: usize, is_excepted: impl Fn(&T) -> bool) -> Vec<T> {
    found.retain(|one| !is_excepted(one));
    found.truncate(limit);
    found
}

async fn due(spool: &SqliteSpool, to: &str) -> Vec<Outgoing> {
    spool.due(&peer(to), NOW, 1000, &[]).await.unwrap()
}

/// Rows in `message`, and rows in `content`.
fn stored(folder: &Path) -> (u64, u64) {
    let count = |table: &str| {
        let db = super::schema::open_existing(folder).unwrap();
        let sql = format!("SELECT count(*) FROM {table}");
        db.query_row(&sql, (), |row| row.get::<_, i64>(0)).unwrap() as u64
    };
    (count("message"), count("content"))
}

fn sequences(folder: &Path) -> Vec<u64> {
    let rows = Beside::open(folder)
        .unwrap()
        .records(&StreamName::CHARGING, 0, 100_000)
        .unwrap();
    rows.iter().map(|row| row.sequence).collect()
}
