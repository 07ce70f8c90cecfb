//! The blocking facets: what people see and do, streams, and the ledger.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::PostgresSpool;
use super::shared::Shared;
use super::threads::wait;
use super::{accounts, look, streams, trace};
use crate::message::{MessageId, NextHop, PeerName, QueueId, StreamName, Timestamp, Transaction};
use crate::spool::ledger::{AccountPage, Ledger, LedgerBounds};
use crate::spool::model::{Made, Operate, Work};
use crate::spool::streams::forget;
use crate::spool::{
    BoxFuture, By, ContentOf, Depths, Details, Filter, Mark, Operator, QueueEntry, QueueState, Recorded, Selection,
    Soundness, SpoolError, StoredValue, Streams, Traces, ValueChange,
};

/// Entries that are changed in one commit.
const TURN: usize = 500;

/// Reads on one of the connections for it, and waits.
macro_rules! read {
    ($self:ident, $link:ident => $read:expr) => {{
        let shared = Arc::clone(&$self.shared);
        wait(&$self.shared.handle, async move {
            let $link = shared.reader().await?;
            $read.await
        })
    }};
}

impl PostgresSpool {
    fn work(&self, work: Work) -> Result<Made, SpoolError> {
        let shared = Arc::clone(&self.shared);
        wait(&self.shared.handle, async move { shared.work(work).await })
    }

    /// In several commits, where many are changed.
    fn operate(&self, what: impl Fn() -> Operate, selection: Selection<'_>, by: &By) -> Result<usize, SpoolError> {
        let of_peer = |peer: &PeerName, state| {
            let peer = peer.clone();
            read!(self, link => look::of_peer(&link, &peer, state))
        };
        let ids = match selection {
            Selection::Ids(ids) => ids.to_vec(),
            Selection::WaitingFor(peer) => of_peer(peer, QueueState::Waiting)?,
            Selection::FailedAt(peer) => of_peer(peer, QueueState::Failed)?,
        };
        let mut found = 0;
        for ids in ids.chunks(TURN) {
            if let Made::Found(number) = self.work(Work::Operate(what(), ids.to_vec(), by.clone()))? {
                found += number;
            }
        }
        Ok(found)
    }
}

impl Operator for PostgresSpool {
    fn list(&self, filter: &Filter) -> Result<Vec<QueueEntry>, SpoolError> {
        let filter = filter.clone();
        read!(self, link => look::list(&link, &filter))
    }

    fn show(&self, id: QueueId) -> Result<Option<Details>, SpoolError> {
        read!(self, link => look::show(&link, id))
    }

    fn entries_of(&self, message: MessageId) -> Result<Vec<QueueId>, SpoolError> {
        let entries = read!(self, link => look::entries_of(&link, message))?;
        Ok(entries.into_iter().map(|entry| entry.id).collect())
    }

    fn next_hops(&self) -> Result<Vec<NextHop>, SpoolError> {
        read!(self, link => look::next_hops(&link))
    }

    fn retry(&self, selection: Selection<'_>, by: &By) -> Result<usize, SpoolError> {
        self.operate(|| Operate::Retry, selection, by)
    }

    fn hold(&self, ids: &[QueueId], reason: &str, by: &By) -> Result<usize, SpoolError> {
        self.operate(|| Operate::Hold(reason.into()), Selection::Ids(ids), by)
    }

    fn reroute(&self, selection: Selection<'_>, to: &PeerName, by: &By) -> Result<usize, SpoolError> {
        self.operate(|| Operate::Reroute(to.clone()), selection, by)
    }

    fn content(&self, of: ContentOf, from: u64, most: u64) -> Result<Option<(Bytes, u64)>, SpoolError> {
        read!(self, link => look::content(&link, of, from, most))
    }

    fn requests(&self, before: Option<MessageId>, limit: usize) -> Result<Vec<Transaction>, SpoolError> {
        read!(self, link => look::requests(&link, before, limit))
    }

    fn release(&self, ids: &[QueueId], past: &[String], by: &By) -> Result<usize, SpoolError> {
        self.operate(|| Operate::Release(past.to_vec()), Selection::Ids(ids), by)
    }

    fn remove(&self, ids: &[QueueId], by: &By) -> Result<usize, SpoolError> {
        self.operate(|| Operate::Remove, Selection::Ids(ids), by)
    }

    fn trace(&self, id: &str, by: &By) -> Result<Traces, SpoolError> {
        let (shared, id, by) = (Arc::clone(&self.shared), id.to_owned(), by.clone());
        wait(
            &self.shared.handle,
            async move { trace::trace(&shared, &id, &by).await },
        )
    }

    fn values(&self, plugin: Option<&str>, prefix: &str, limit: u32) -> Result<Vec<StoredValue>, SpoolError> {
        let (plugin, prefix) = (plugin.map(str::to_owned), prefix.to_owned());
        read!(self, link => look::values(&link, plugin.as_deref(), &prefix, limit))
    }

    fn set_value(&self, plugin: &str, key: &str, value: Option<&[u8]>, by: &By) -> Result<Option<Vec<u8>>, SpoolError> {
        let made = self.work(Work::SetValue {
            plugin: plugin.into(),
            key: key.into(),
            value: value.map(<[u8]>::to_vec),
            by: by.clone(),
        });
        match made? {
            Made::Was(was) => Ok(was),
            Made::Done | Made::Found(_) | Made::Steered(_) => Ok(None),
        }
    }

    /// The audit has had them since the first format of this store.
    fn value_changes(&self) -> Result<Vec<ValueChange>, SpoolError> {
        Ok(Vec::new())
    }

    fn check(&self) -> Result<Soundness, SpoolError> {
        Err(not_here(
            "a look through a shared store is the database's own: pg_amcheck, and data checksums",
        ))
    }

    fn back_up(&self, _: &Path) -> Result<(u64, Soundness), SpoolError> {
        Err(not_here(
            "a shared store is backed up with the database: pg_basebackup, or its archive of the log",
        ))
    }

    fn waiting_since(&self, before: MessageId) -> Result<Vec<NextHop>, SpoolError> {
        read!(self, link => look::waiting_since(&link, before))
    }

    fn note(&self, at: Timestamp, entry: Value) -> Result<(), SpoolError> {
        self.work(Work::Note(at, entry)).map(drop)
    }

    fn noted(&self, after: u64, limit: usize) -> Result<Vec<(u64, Value)>, SpoolError> {
        let records = self.records(&StreamName::AUDIT, after, limit)?;
        Ok(records
            .into_iter()
            .map(|entry| (entry.sequence, entry.record))
            .collect())
    }

    fn forget_noted(&self, before: Timestamp) -> Result<usize, SpoolError> {
        forget(self, &StreamName::AUDIT, before)
    }

    fn depths(&self) -> Result<Depths, SpoolError> {
        read!(self, link => look::depths(&link))
    }
}

/// Behind numbers for everything that has been committed.
macro_rules! numbered {
    ($self:ident, $link:ident => $read:expr) => {{
        let shared = Arc::clone(&$self.shared);
        wait(&$self.shared.handle, async move {
            let $link = streams::number(&shared).await?;
            $read.await
        })
    }};
}

impl Streams for PostgresSpool {
    fn records(&self, stream: &StreamName, after: u64, limit: usize) -> Result<Vec<Recorded>, SpoolError> {
        let stream = stream.clone();
        numbered!(self, link => streams::records(&link, &stream, after, limit))
    }

    fn mark(&self, stream: &StreamName, reader: &str) -> Result<Option<Mark>, SpoolError> {
        let (stream, reader) = (stream.clone(), reader.to_owned());
        read!(self, link => streams::mark(&link, &stream, &reader))
    }

    fn set_mark(&self, stream: &StreamName, reader: &str, mark: Mark) -> Result<(), SpoolError> {
        let (stream, reader) = (stream.clone(), reader.to_owned());
        numbered!(self, link => streams::set_mark(&link, &stream, &reader, mark))
    }

    fn forget_mark(&self, stream: &StreamName, reader: &str) -> Result<bool, SpoolError> {
        let (stream, reader) = (stream.clone(), reader.to_owned());
        read!(self, link => streams::forget_mark(&link, &stream, &reader))
    }

    fn purge(&self, stream: &StreamName, before: Timestamp) -> Result<usize, SpoolError> {
        let stream = stream.clone();
        numbered!(self, link => streams::purge(&link, &stream, before))
    }

    /// At once for what this relay commits, and within a second for what others do.
    fn appended(&self) -> BoxFuture<'static, ()> {
        let mut growth = self.shared.grows.subscribe();
        Box::pin(async move {
            let _ = tokio::time::timeout(Duration::from_secs(1), growth.changed()).await;
        })
    }
}

impl Ledger for PostgresSpool {
    fn ledger_bounds(&self) -> Result<LedgerBounds, SpoolError> {
        numbered!(self, link => accounts::bounds(&link))
    }

    fn accounts(&self, from: MessageId, to: MessageId, limit: usize) -> Result<AccountPage, SpoolError> {
        numbered!(self, link => accounts::accounts(&link, (from, to), limit))
    }

    fn owners_of_records(&self, sequence: u64, limit: usize) -> Result<Vec<(u64, QueueId)>, SpoolError> {
        numbered!(self, link => accounts::owners(&link, sequence, limit))
    }
}

fn not_here(why: &str) -> SpoolError {
    SpoolError::Unfit(why.into())
}

impl Shared {
    /// Forgets some of the requests whose time is over, and of what is older than the ledger is kept. Whether there may be more.
    pub(super) async fn forget(self: &Arc<Self>, most: i64) -> Result<bool, SpoolError> {
        const OVER: &str = "SELECT id FROM request WHERE forget_at <= $1 ORDER BY forget_at LIMIT $2";
        let now = super::rows::sql_time(self.clock.now());
        let link = self.reader().await?;
        let over = link.rows(OVER, &[&now, &most]).await?;
        let begins = MessageId::first_at(self.clock.now().minus(self.ledger));
        let more = accounts::forget(&link, begins).await?;
        drop(link);
        let over: Vec<MessageId> = over.iter().map(|row| super::rows::message_id(row, "id")).collect();
        if over.is_empty() {
            return Ok(more);
        }
        self.work(Work::Forget(over)).await?;
        Ok(true)
    }
}
