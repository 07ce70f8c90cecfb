//! Lines of the ledger.

use super::super::connect::Write;
use super::super::load::Snapshot;
use super::super::rows::{sql_id, sql_time};
use super::{Stamp, columns};
use crate::spool::{SpoolError, stored};

/// Lines of messages that the ledger does not know any more are none.
pub(super) fn movements(snapshot: &Snapshot, stamp: &Stamp, to: &mut Vec<Write>) -> Result<(), SpoolError> {
    const NEW: &str = "
        INSERT INTO ledger(message, at, what, ordinal, recipients, peer, batch, first, sums, about)
        SELECT message, at, what, ordinal, recipients, peer, batch, first, sums, about
        FROM unnest($1::int8[], $2::int8[], $3::int2[], $4::int8[], $5::text[], $6::text[], $7::int8[], $8::int4[], $9::bytea[],
            $10::text[]) WITH ORDINALITY AS n(message, at, what, ordinal, recipients, peer, batch, first, sums, about, line)
        WHERE message >= (SELECT value FROM counter WHERE name = 'ledger') ORDER BY line";
    columns! {
        message: i64, at: i64, what: i16, ordinal: i64, recipients: String, peer: Option<String>, batch: Option<i64>,
        first: Option<i32>, sums: Option<Vec<u8>>, about: Option<String>,
    }
    let mut new = Columns::default();
    for (message, line) in &snapshot.state.movements {
        let records = line.records.as_ref();
        new.message.push(sql_id(*message));
        new.at.push(sql_time(line.at));
        new.what.push(stored::write_moved(line.what) as i16);
        new.ordinal.push(line.ordinal.into());
        new.recipients.push(stored::write_ids(&line.recipients));
        new.peer.push(line.peer.as_ref().map(|peer| peer.as_str().to_owned()));
        new.batch.push(records.map(|_| stamp.batch));
        new.first.push(records.map(|records| records.first as i32));
        new.sums.push(records.map(|records| stored::write_sums(&records.sums)));
        new.about
            .push(line.about.as_ref().map(stored::write_about).transpose()?);
    }
    new.write(NEW, to);
    Ok(())
}
