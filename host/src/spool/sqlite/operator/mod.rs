//! The facet of operators, on SQLite: through the running relay's spool, or on a connection beside it.

mod act;
mod audit;
mod depths;
mod entry;
mod look;
mod redirect;
mod trace;
mod values;

use std::path::Path;

use bytes::Bytes;
use serde_json::Value;

use super::access::Access;
use super::{backup, check, schema, transactions};
use crate::message::{MessageId, NextHop, PeerName, QueueId, StreamName, Timestamp, Transaction};
use crate::spool::streams::forget;
use crate::spool::{
    By, ContentOf, Depths, Details, Filter, Operator, QueueEntry, Selection, Soundness, SpoolError, StoredValue,
    Traces, ValueChange,
};

pub(super) use self::depths::LastCounts;
use self::look::Look;

impl<A: Access> Operator for A {
    fn list(&self, filter: &Filter) -> Result<Vec<QueueEntry>, SpoolError> {
        self.read(|db| Look { db }.list(filter))
    }

    fn show(&self, id: QueueId) -> Result<Option<Details>, SpoolError> {
        self.read(|db| Look { db }.show(id))
    }

    fn entries_of(&self, message: MessageId) -> Result<Vec<QueueId>, SpoolError> {
        self.read(|db| Look { db }.entries_of(message))
    }

    fn next_hops(&self) -> Result<Vec<NextHop>, SpoolError> {
        self.read(|db| depths::next_hops(db, self.counts()))
    }

    fn retry(&self, selection: Selection<'_>, by: &By) -> Result<usize, SpoolError> {
        act::retry(self, selection, by)
    }

    fn release(&self, ids: &[QueueId], past: &[String], by: &By) -> Result<usize, SpoolError> {
        act::let_go_on(self, ids, past, by)
    }

    fn remove(&self, ids: &[QueueId], by: &By) -> Result<usize, SpoolError> {
        act::remove(self, ids, by)
    }

    fn hold(&self, ids: &[QueueId], reason: &str, by: &By) -> Result<usize, SpoolError> {
        redirect::hold(self, ids, reason, by)
    }

    fn reroute(&self, selection: Selection<'_>, to: &PeerName, by: &By) -> Result<usize, SpoolError> {
        redirect::reroute(self, selection, to, by)
    }

    fn content(&self, of: ContentOf, from: u64, most: u64) -> Result<Option<(Bytes, u64)>, SpoolError> {
        self.read(|db| Look { db }.content(of, from, most))
    }

    fn requests(&self, before: Option<MessageId>, limit: usize) -> Result<Vec<Transaction>, SpoolError> {
        self.read(|db| transactions::page(db, before, limit))
    }

    fn trace(&self, id: &str, by: &By) -> Result<Traces, SpoolError> {
        trace::trace(self, id, by)
    }

    fn values(&self, plugin: Option<&str>, prefix: &str, limit: u32) -> Result<Vec<StoredValue>, SpoolError> {
        self.read(|db| values::list(db, plugin, prefix, limit))
    }

    fn set_value(&self, plugin: &str, key: &str, value: Option<&[u8]>, by: &By) -> Result<Option<Vec<u8>>, SpoolError> {
        values::set(self, plugin, key, value, by)
    }

    fn value_changes(&self) -> Result<Vec<ValueChange>, SpoolError> {
        self.read(values::changes)
    }

    fn check(&self) -> Result<Soundness, SpoolError> {
        // On a connection of its own: the others are for what does not take long.
        let mut checked = check::check(&schema::open_existing(self.folder())?)?;
        checked.pages.extend(self.missing());
        Ok(checked)
    }

    fn back_up(&self, to: &Path) -> Result<(u64, Soundness), SpoolError> {
        backup::back_up(self.folder(), to)
    }

    fn waiting_since(&self, before: MessageId) -> Result<Vec<NextHop>, SpoolError> {
        self.read(|db| depths::waiting_since(db, before))
    }

    fn note(&self, at: Timestamp, entry: Value) -> Result<(), SpoolError> {
        audit::note(self, at, entry)
    }

    fn noted(&self, after: u64, limit: usize) -> Result<Vec<(u64, Value)>, SpoolError> {
        self.read(|db| audit::noted(db, after, limit))
    }

    fn forget_noted(&self, before: Timestamp) -> Result<usize, SpoolError> {
        forget(self, &StreamName::AUDIT, before)
    }

    fn depths(&self) -> Result<Depths, SpoolError> {
        self.read(|db| depths::depths(db, self.counts()))
    }
}
