//! Charging records that wait for the answer to a request.

use super::schema::key;
use super::transactions::read;
use super::unit::Unit;
use crate::message::{MessageId, QueueId, WaitingRecord};
use crate::spool::SpoolError;
use crate::spool::history::{Charged, together};
use crate::spool::ledger::Records;

impl Unit<'_> {
    /// Records of a copy of a request, which wait for the answer to that; those that nothing is known of wait for nothing.
    pub(super) fn wait_with(
        &mut self,
        request: Option<MessageId>,
        records: Vec<WaitingRecord>,
    ) -> Result<Charged, SpoolError> {
        if records.is_empty() {
            return Ok(None);
        }
        let id = request.map(key).transpose()?;
        let stored = id.map(|id| read(self.db, id)).transpose()?.flatten();
        let (Some(id), Some(before)) = (id, stored.filter(|stored| stored.forget_at > self.now)) else {
            return self.charge_settled(&records);
        };
        let mut transaction = before.clone();
        transaction.records.extend(records);
        let settled = transaction.settled();
        self.rewrite(id, &before, transaction)?;
        self.charge_settled(&settled)
    }

    pub(super) fn charge_settled(&mut self, records: &[WaitingRecord]) -> Result<Charged, SpoolError> {
        let mut charged = None;
        for WaitingRecord { of, entry } in records {
            let id = QueueId::AsReceived(*of);
            let records = self.append(id, [entry])?;
            charged = together(charged, records.as_ref().map(Records::range));
            self.book_ends(id, &[], records)?;
        }
        Ok(charged)
    }
}
