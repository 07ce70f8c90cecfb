//! What can go wrong with a store.

use super::Leased;
use crate::message::MessageId;

/// Why the store did not do it. Nothing of what was asked has happened then.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("the spool's disk is full: {0}")]
    Full(String),
    #[error("the spool cannot be written or read: {0}")]
    Broken(String),
    /// A write or a flush failed. Nothing is written any more until the store has been opened anew and looked through.
    #[error("the spool's disk failed: {0}")]
    Failed(String),
    /// A row that this needs is not as it was written. Others are.
    #[error("damaged in the spool: {0}")]
    Damaged(String),
    /// A page that this needs cannot be read. The store is looked through, and what can be read is saved.
    #[error("the spool's database is damaged: {0}")]
    Corrupt(String),
    /// This request is at fault, and no other: its content cannot be read, or it contradicts itself.
    #[error("the spool cannot store this: {0}")]
    Unfit(String),
    #[error("message {0} does not wait for its chain any more")]
    Gone(MessageId),
    /// It would open a transaction that is a copy of this one, which lives.
    #[error("the request is a copy of message {0}")]
    Repeat(MessageId),
    /// What the commit was decided by has changed since. Look again.
    #[error("message {0} is not as it was when this was decided")]
    Moved(MessageId),
    /// This relay does not hold it, or does not any more.
    #[error("this relay does not work on {0:?}")]
    NotOurs(Leased),
    #[error("this relay was silent for too long, and what it worked on may be others' by now")]
    Lapsed,
    /// The store cannot be reached. Nothing has happened.
    #[error("the store is away: {0}")]
    Away(String),
    /// The store has not said in time whether it has it. It may be there, once: do not ask for it again.
    #[error("the store has not said in time whether it has the message")]
    Unsettled,
    /// What is committed would not be as safe as the configuration says. Nothing has happened.
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
