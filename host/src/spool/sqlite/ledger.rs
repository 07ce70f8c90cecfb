//! Writing the ledger, and forgetting what is older than it is kept.

use rusqlite::{Connection, OptionalExtension};

use super::columns::sql_time;
use super::schema::key;
use super::sums::{self, LedgerRow};
use super::unit::Unit;
use crate::message::{Change, End, MessageId, Outgoing, QueueId, Recipient, RecipientEnd, Timestamp};
use crate::spool::ledger::{About, Moved, Movement, Records};
use crate::spool::states::statement;
use crate::spool::stored;
use crate::spool::{Acceptance, SpoolError};

/// Movements that are removed in one go.
const MOST: i64 = 256;

impl Unit<'_> {
    /// What an acceptance opens and ends. `first` is how its account goes on: with what the message is, or with what was
    /// carried on.
    pub(super) fn book(&self, acceptance: &Acceptance, mut first: Movement) -> Result<(), SpoolError> {
        let id = acceptance.id;
        let sent = acceptance.outgoing.iter();
        let failed = acceptance.failed.iter().map(|(outgoing, _)| outgoing);
        let mut lines: Vec<Movement> = sent.chain(failed.clone()).map(|one| self.opened(one)).collect();
        if acceptance.hold.is_some() {
            let recipients = ids(&acceptance.envelope.recipients);
            lines.push(self.movement(Moved::Opened, 0, recipients));
        }
        if !acceptance.ended.is_empty() {
            let recipients = acceptance.ended.iter().map(|ended| ended.recipient.0).collect();
            lines.push(self.movement(Moved::Opened, 0, recipients));
        }
        match first.what {
            // What the message is stands in its first line, with the first of what it opens.
            Moved::Opened if !lines.is_empty() => {
                let line = &mut lines[0];
                (line.records, line.about) = (first.records.take(), first.about.take());
            }
            _ => lines.insert(0, first),
        }
        lines.extend(self.ended(0, &acceptance.ended));
        lines.extend(failed.map(|one| self.movement(Moved::Ended(End::Refused), one.id.ordinal.get(), of(one))));
        self.enter(id, &lines)
    }

    /// Ends of recipients of one destination, and the records that came with them.
    pub(super) fn book_ends(
        &self,
        id: QueueId,
        ended: &[RecipientEnd],
        records: Option<Records>,
    ) -> Result<(), SpoolError> {
        let mut lines = self.ended(id.number(), ended);
        match (lines.first_mut(), records) {
            (Some(line), records) => line.records = records,
            (None, Some(records)) => lines.push(Movement {
                records: Some(records),
                ..self.movement(Moved::Charged, id.number(), Vec::new())
            }),
            (None, None) => {}
        }
        self.enter(id.message(), &lines)
    }

    /// What a message changes in others: a bounce ends what had been delivered.
    pub(super) fn book_bounces(&self, acceptance: &Acceptance, changed: &[MessageId]) -> Result<(), SpoolError> {
        for change in &acceptance.changes {
            if let Change::Refused {
                ordinal, recipients, ..
            } = &change.change
                && change.id != acceptance.id
                && changed.contains(&change.id)
            {
                // What is to be sent again meanwhile has its own end before it.
                if here(self.db, key(change.id)?, ordinal.get())?.is_some_and(|here| here.open) {
                    continue;
                }
                let bounced = recipients.iter().map(|recipient| recipient.0).collect();
                let line = self.movement(Moved::Ended(End::Bounced), ordinal.get(), bounced);
                self.enter(change.id, &[line])?;
            }
        }
        Ok(())
    }

    pub(super) fn enter(&self, message: MessageId, lines: &[Movement]) -> Result<(), SpoolError> {
        lines.iter().try_for_each(|line| enter(self.db, message, line))
    }

    /// One line, now.
    pub(super) fn movement(&self, what: Moved, ordinal: u32, recipients: Vec<u32>) -> Movement {
        movement(self.now, what, ordinal, recipients)
    }

    fn opened(&self, outgoing: &Outgoing) -> Movement {
        Movement {
            peer: Some(outgoing.next_hop.clone()),
            ..self.movement(Moved::Opened, outgoing.id.ordinal.get(), of(outgoing))
        }
    }

    /// A line for each end, in the order in which they come first.
    fn ended(&self, ordinal: u32, ended: &[RecipientEnd]) -> Vec<Movement> {
        let mut lines: Vec<Movement> = Vec::new();
        for RecipientEnd { recipient, end } in ended {
            let what = Moved::Ended(*end);
            match lines.iter_mut().find(|line| line.what == what) {
                Some(line) => line.recipients.push(recipient.0),
                None => lines.push(self.movement(what, ordinal, vec![recipient.0])),
            }
        }
        lines
    }

    /// The recipients of a message that stays as it was received.
    pub(super) fn kept(&self, message: i64) -> Result<Vec<u32>, SpoolError> {
        Ok(here(self.db, message, 0)?.map_or_else(Vec::new, |here| here.recipients))
    }

    /// Removes some of the movements of messages that came before `begins`: the ledger begins there from now on.
    pub(super) fn forget_movements(&self, begins: MessageId) -> Result<(), SpoolError> {
        const GONE: &str = "
            DELETE FROM ledger WHERE (message, place) IN (
                SELECT message, place FROM ledger WHERE message < ?1 ORDER BY message, place LIMIT ?2)";
        let begins = key(begins)?;
        self.run(
            "UPDATE counter SET value = max(value, ?1) WHERE name = 'ledger'",
            [begins],
        )?;
        self.run(GONE, (begins, MOST))?;
        Ok(())
    }
}

/// What an acceptance says of its message.
pub(super) fn about(acceptance: &Acceptance) -> About {
    let kind = acceptance.says.as_ref().map(|says| says.kind.clone());
    About {
        source: acceptance.origin.source.to_string(),
        kind: kind.or_else(|| acceptance.opens.as_ref().map(|opens| opens.kind.name().to_owned())),
        size: acceptance.content.size(),
        message_id: acceptance.opens.as_ref().map(|opens| opens.message_id.to_string()),
    }
}

pub(super) fn movement(at: Timestamp, what: Moved, ordinal: u32, recipients: Vec<u32>) -> Movement {
    Movement {
        at,
        what,
        ordinal,
        recipients,
        peer: None,
        records: None,
        about: None,
    }
}

/// Writes one line into the account of a message, unless that is older than the ledger.
pub(super) fn enter(db: &Connection, message: MessageId, line: &Movement) -> Result<(), SpoolError> {
    const ENTER: &str = "
        INSERT INTO ledger(message, place, at, what, ordinal, recipients, peer, record, sums, about, sum)
        SELECT ?1, (SELECT coalesce(max(place), 0) + 1 FROM ledger WHERE message = ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10
        FROM counter WHERE name = 'ledger' AND value <= ?1";
    let recipients = stored::write_ids(&line.recipients);
    let sums_of_records = line.records.as_ref().map(|records| stored::write_sums(&records.sums));
    let about = line.about.as_ref().map(stored::write_about).transpose()?;
    let fixed = LedgerRow {
        message: key(message)?,
        at: sql_time(line.at),
        what: stored::write_moved(line.what),
        ordinal: line.ordinal,
        recipients: &recipients,
        peer: line.peer.as_ref().map(|peer| peer.as_str()),
        record: line.records.as_ref().map(|records| records.first as i64),
        sums: sums_of_records.as_deref(),
        about: about.as_deref(),
    };
    let row = (
        fixed.message,
        fixed.at,
        fixed.what,
        fixed.ordinal,
        fixed.recipients,
        fixed.peer,
        fixed.record,
        fixed.sums,
        fixed.about,
        sums::ledger(&fixed).value(),
    );
    db.prepare_cached(ENTER)?.execute(row)?;
    Ok(())
}

/// Whether something in the ledger is older than this.
pub(super) fn is_older(db: &Connection, begins: MessageId) -> Result<bool, SpoolError> {
    let mut query = db.prepare_cached("SELECT EXISTS (SELECT 1 FROM ledger WHERE message < ?1)")?;
    Ok(query.query_row([key(begins)?], |row| row.get(0))?)
}

/// What is in the queue under an id.
pub(super) struct Here {
    pub recipients: Vec<u32>,
    /// It has not ended: it waits, or is held.
    pub open: bool,
}

/// `None` when nothing is there. With the ordinal 0: the message as it was received, while it stays so.
pub(super) fn here(db: &Connection, message: i64, ordinal: u32) -> Result<Option<Here>, SpoolError> {
    const KEPT: &str = "SELECT envelope, NOT failed FROM message WHERE id = ?1 AND hold IS NOT NULL AND ?2 = 0";
    const SENT: &str =
        statement!("SELECT envelope, state IN ({waiting}, {held}) FROM outgoing WHERE message = ?1 AND ordinal = ?2");
    let sql = if ordinal == 0 { KEPT } else { SENT };
    let mut query = db.prepare_cached(sql)?;
    let found = query.query_row((message, ordinal), |row| Ok((row.get::<_, String>(0)?, row.get(1)?)));
    let Some((envelope, open)) = found.optional()? else {
        return Ok(None);
    };
    Ok(Some(Here {
        recipients: ids(&stored::read_envelope(&envelope)?.recipients),
        open,
    }))
}

fn ids(recipients: &[Recipient]) -> Vec<u32> {
    recipients.iter().map(|recipient| recipient.id.0).collect()
}

fn of(outgoing: &Outgoing) -> Vec<u32> {
    ids(&outgoing.envelope.recipients)
}
