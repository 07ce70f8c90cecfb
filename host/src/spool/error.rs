//! The errors of a store.

use super::Leased;
use crate::message::MessageId;

/// Why the store did not do something. Nothing of it has happened then.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("the spool's disk is full: {0}")]
    Full(String),
    #[error("the spool cannot be written or read: {0}")]
    Broken(String),
    /// A write or a flush failed. Nothing is written any more until the store has been opened anew and checked.
    #[error("the spool's disk failed: {0}")]
    Failed(String),
    /// A row that is needed here is damaged. Other rows are not affected.
    #[error("damaged in the spool: {0}")]
    Damaged(String),
    /// A page that is needed here cannot be read. The store is checked, and everything readable is saved.
    #[error("the spool's database is damaged: {0}")]
    Corrupt(String),
    /// This request alone is at fault: its content cannot be read, or it contradicts itself.
    #[error("the spool cannot store this: {0}")]
    Unfit(String),
    #[error("message {0} does not wait for its chain any more")]
    Gone(MessageId),
    /// The acceptance would open a transaction that is a copy of this live one.
    #[error("the request is a copy of message {0}")]
    Repeat(MessageId),
    /// The state on which the commit was based has changed. Look again.
    #[error("message {0} is not as it was when this was decided")]
    Moved(MessageId),
    /// This relay does not hold the lease, or no longer does.
    #[error("this relay does not work on {0:?}")]
    NotOurs(Leased),
    #[error("this relay was silent for too long, and what it worked on may be others' by now")]
    Lapsed,
    /// The store cannot be reached. Nothing has happened.
    #[error("the store is away: {0}")]
    Away(String),
    /// The store has not answered in time whether the work is committed. It may be there, once: do not repeat it.
    #[error("the store has not said in time whether it has the message")]
    Unsettled,
    /// What it had confirmed is not there any more: a standby that had not received it was promoted, or a backup put back.
    #[error(
        "the store went back: batch {known} of this relay was confirmed, and {found} is the last that the store knows. A standby \
         that had not received it writes now, and messages that were acknowledged may be missing: see which server has them \
         before they are overwritten; a restart of this relay goes on with what is there"
    )]
    WentBack { known: i64, found: i64 },
    /// A commit would not be as safe as the configuration demands. Nothing has happened.
    #[error("the store is not safe: {0}")]
    Unprotected(String),
    #[error("another relay uses the spool in {0}")]
    InUse(String),
    /// A later version of the program has upgraded it.
    #[error(
        "the spool in {folder} has format {found}, and this program knows formats up to {known}: run the newer program \
         that wrote it, or restore the backup that was made before its upgrade"
    )]
    Newer { folder: String, found: i64, known: i64 },
    /// Only the relay's writer and `mm4relay spool upgrade` bring it up to date.
    #[error(
        "the spool in {folder} has format {found}, and this program works on format {known}: `mm4relay spool upgrade \
         --run` brings it up to date, as a start of the relay does"
    )]
    Older { folder: String, found: i64, known: i64 },
    /// No upgrade leads from its format.
    #[error(
        "the database in {folder} has format {found}: no upgrade is known from there, and it may be no spool at all"
    )]
    Unknown { folder: String, found: i64 },
    #[error("the spool is closed")]
    Closed,
}
