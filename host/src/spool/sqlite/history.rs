//! Writing the history of a request.

use rusqlite::Connection;

use super::columns::sql_time;
use super::sums;
use super::transactions::Changed;
use super::unit::Unit;
use crate::message::{MessageId, Timestamp};
use crate::spool::history::{Charged, together};
use crate::spool::stored;
use crate::spool::{Event, SpoolError};

impl Unit<'_> {
    /// Adds changes of transactions other than `about` to their own histories. Returns those of `about`, and the
    /// records that had waited for it.
    pub(super) fn note_others(
        &self,
        about: Option<i64>,
        changed: Vec<Changed>,
    ) -> Result<(Vec<String>, Charged), SpoolError> {
        let (mut own, mut own_charged) = (Vec::new(), None);
        for Changed {
            transaction,
            texts: changes,
            charged,
        } in changed
        {
            let id = transaction.id.0 as i64;
            if about == Some(id) {
                own.extend(changes);
                own_charged = together(own_charged, charged);
            } else if !changes.is_empty() || charged.is_some() {
                self.note(Some(id), &Event::Changed { changes, charged })?;
            }
        }
        Ok((own, own_charged))
    }

    pub(super) fn note(&self, about: Option<i64>, event: &Event) -> Result<(), SpoolError> {
        about.map_or(Ok(()), |about| write(self.db, about, self.now, event))
    }
}

/// Adds an event to the history of the request `about`, unless that is unknown or forgotten.
pub(super) fn write(db: &Connection, about: i64, now: Timestamp, event: &Event) -> Result<(), SpoolError> {
    // At most 1000, for a peer that repeats for ever, or an operator who looks every second. As a parameter, the number
    // would make SQLite plan the statement anew each time.
    const ADD: &str = "
        INSERT INTO history(request, place, at, event, sum) SELECT id, place, ?2, ?3, ?4
        FROM (SELECT id, coalesce((SELECT max(place) FROM history WHERE request = ?1), 0) + 1 AS place
              FROM request WHERE id = ?1)
        WHERE place <= 1000";
    let (at, event) = (sql_time(now), stored::write_event(event)?);
    let sum = sums::history(about, at, &event).value();
    let row = (about, at, event, sum);
    db.prepare_cached(ADD)?.execute(row)?;
    Ok(())
}

/// The request whose history a message belongs to, as long as the message is in the spool.
pub(super) fn about(db: &Connection, message: MessageId) -> Result<Option<i64>, SpoolError> {
    let mut query = db.prepare_cached("SELECT request FROM message WHERE id = ?1")?;
    let mut rows = query.query([message.0 as i64])?;
    Ok(rows.next()?.map(|row| row.get(0)).transpose()?.flatten())
}
